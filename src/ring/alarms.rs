//! The one alarm of the caller, and the ring's own time limits.
//!
//! Owns deadlines. Must never know how the kernel is asked to wait for one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::listener::ListenerId;
use crate::socket::SocketId;

/// A time limit of the ring itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Limit {
    /// A listener has rested long enough.
    Rest(ListenerId),
    /// A socket has lingered long enough. Void if the socket has ended before.
    Linger(SocketId),
}

/// Everything that becomes due.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    caller: Option<Instant>,
    limits: BinaryHeap<Reverse<(Instant, Limit)>>,
}

impl Alarms {
    pub(crate) fn set_caller(&mut self, at: Option<Instant>) {
        self.caller = at;
    }

    pub(crate) fn add(&mut self, at: Instant, limit: Limit) {
        self.limits.push(Reverse((at, limit)));
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        let limit = self.limits.peek().map(|Reverse((at, _))| *at);
        match (self.caller, limit) {
            (Some(caller), Some(limit)) => Some(caller.min(limit)),
            (caller, limit) => caller.or(limit),
        }
    }

    /// Unsets the caller's alarm and says whether it was due.
    pub(crate) fn take_caller(&mut self, now: Instant) -> bool {
        self.caller.take_if(|at| *at <= now).is_some()
    }

    /// Takes one limit that is due.
    pub(crate) fn take_limit(&mut self, now: Instant) -> Option<Limit> {
        let Reverse((at, _)) = self.limits.peek()?;
        if *at > now {
            return None;
        }
        self.limits.pop().map(|Reverse((_, limit))| limit)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_earliest_deadline_counts_and_each_fires_once_and_never_early() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut alarms = Alarms::default();
        assert_eq!(alarms.next(), None);
        alarms.add(after(20), Limit::Rest(ListenerId(0)));
        alarms.add(after(10), Limit::Rest(ListenerId(1)));
        alarms.set_caller(Some(after(15)));
        assert_eq!(alarms.next(), Some(after(10)));
        assert_eq!(alarms.take_limit(after(9)), None);
        assert_eq!(alarms.take_limit(after(10)), Some(Limit::Rest(ListenerId(1))));
        assert_eq!(alarms.take_limit(after(10)), None);
        assert!(!alarms.take_caller(after(14)));
        assert!(alarms.take_caller(after(15)));
        assert!(!alarms.take_caller(after(15)));
        assert_eq!(alarms.next(), Some(after(20)));
    }
}
