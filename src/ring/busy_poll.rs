//! Looking for work a little while before sleeping, as `net.core.busy_poll` of the kernel does.
//!
//! Owns how long, and the rule that only a network that has just had work looks out for more: an idle one sleeps. Must
//! never know what it looks for.

use std::hint;
use std::time::{Duration, Instant};

/// Looks between two looks at the clock, which cost more.
const LOOKS_PER_CLOCK: u32 = 16;

/// Whether and how long to look before sleeping.
#[derive(Debug)]
pub(crate) struct BusyPoll {
    span: Duration,
    /// Work done when it was last looked for in vain.
    done_before: u64,
}

impl BusyPoll {
    /// Looks for `span`; zero turns it off.
    pub(crate) fn new(span: Duration) -> BusyPoll {
        BusyPoll { span, done_before: 0 }
    }

    /// Looks until `news` finds something, the span is over or it is `until`. Returns whether something was found; not
    /// even looks if no work was `done` since it last looked in vain. `done` counts work and only grows.
    pub(crate) fn look<E>(
        &mut self,
        done: u64,
        until: Option<Instant>,
        mut news: impl FnMut() -> Result<bool, E>,
    ) -> Result<bool, E> {
        if !self.is_wanted(done) {
            return Ok(false);
        }
        let end = Instant::now() + self.span;
        let end = until.map_or(end, |until| end.min(until));
        loop {
            for _ in 0..LOOKS_PER_CLOCK {
                if news()? {
                    return Ok(true);
                }
                hint::spin_loop();
            }
            if Instant::now() >= end {
                self.done_before = done;
                return Ok(false);
            }
        }
    }

    /// Whether a look would be taken.
    pub(crate) fn is_wanted(&self, done: u64) -> bool {
        !self.span.is_zero() && done != self.done_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn look(poll: &mut BusyPoll, done: u64, until: Option<Instant>, found_at: u32) -> (bool, u32) {
        let mut looks = 0;
        let news = || {
            looks += 1;
            Ok::<bool, ()>(looks == found_at)
        };
        (poll.look(done, until, news).unwrap(), looks)
    }

    #[test]
    fn it_looks_until_something_is_found() {
        let mut poll = BusyPoll::new(HOUR);
        assert_eq!(look(&mut poll, 1, None, 1000), (true, 1000));
        assert_eq!(look(&mut poll, 1, None, 7), (true, 7), "a look that found something may be repeated");
    }

    #[test]
    fn it_ends_in_time_for_what_is_due() {
        let mut poll = BusyPoll::new(HOUR);
        assert_eq!(look(&mut poll, 1, Some(Instant::now()), u32::MAX), (false, LOOKS_PER_CLOCK));
    }

    #[test]
    fn it_looks_in_vain_only_once_between_work() {
        let mut poll = BusyPoll::new(Duration::from_nanos(1));
        assert!(!poll.is_wanted(0), "nothing was done yet");
        assert_eq!(look(&mut poll, 1, None, u32::MAX), (false, LOOKS_PER_CLOCK));
        assert_eq!(look(&mut poll, 1, None, 1), (false, 0));
        assert_eq!(look(&mut poll, 2, None, 1), (true, 1));
    }

    #[test]
    fn a_span_of_zero_turns_it_off() {
        assert_eq!(look(&mut BusyPoll::new(Duration::ZERO), 1, None, 1), (false, 0));
    }
}
