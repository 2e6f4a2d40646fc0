//! When the next connection may be begun, and which one has taken too long.
//!
//! Owns the pace of connecting, first and again. Must never know a socket.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::chance;
use crate::clock::{MILLISECOND, Nanos, SECOND};
use crate::schedule::Schedule;

/// The first pause before a connection is tried again, doubled with each failure.
const RETRY_FIRST: Nanos = 100 * MILLISECOND;

/// The longest pause.
const RETRY_MAX: Nanos = 5 * SECOND;

/// The pace of connecting.
#[derive(Debug)]
pub(crate) struct Dialer {
    /// Clients to be connected, in their order.
    waiting: VecDeque<u32>,
    /// Connections begun by the schedule.
    begun: u64,
    schedule: Option<Schedule>,
    /// Clients to be connected again, each not before its time.
    again: BinaryHeap<Reverse<(Nanos, u32)>>,
    inflight: u32,
    inflight_max: u32,
    timeout: Nanos,
    /// Those begun, oldest first, each with the time it is given.
    deadlines: VecDeque<(Nanos, u32)>,
}

impl Dialer {
    pub(crate) fn new(inflight_max: u32, timeout: Nanos) -> Dialer {
        Dialer {
            waiting: VecDeque::new(),
            begun: 0,
            schedule: None,
            again: BinaryHeap::new(),
            inflight: 0,
            inflight_max,
            timeout,
            deadlines: VecDeque::new(),
        }
    }

    /// Adds connections, to be begun at this rate from `start` on.
    pub(crate) fn ramp(&mut self, clients: impl Iterator<Item = u32>, rate_per_s: Option<f64>, start: Nanos) {
        self.waiting.extend(clients);
        self.schedule = rate_per_s.map(|rate| Schedule::new(start, rate));
        self.begun = 0;
    }

    /// Adds a connection that is to be made again, not before `at`.
    pub(crate) fn again(&mut self, client: u32, at: Nanos) {
        self.again.push(Reverse((at, client)));
    }

    /// Gives up everything that has not begun.
    pub(crate) fn stop(&mut self) {
        self.waiting.clear();
        self.again.clear();
    }

    /// The next connection, if it may begin now. It is under way from then on.
    pub(crate) fn begin(&mut self, now: Nanos) -> Option<u32> {
        if self.inflight >= self.inflight_max {
            return None;
        }
        let client = self.take_again(now).or_else(|| self.take_waiting(now))?;
        self.inflight += 1;
        self.deadlines.push_back((now + self.timeout, client));
        Some(client)
    }

    fn take_again(&mut self, now: Nanos) -> Option<u32> {
        self.again.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.again.pop().map(|Reverse((_, client))| client)
    }

    fn take_waiting(&mut self, now: Nanos) -> Option<u32> {
        if self.schedule.is_some_and(|schedule| schedule.due_at(self.begun) > now) {
            return None;
        }
        let client = self.waiting.pop_front()?;
        self.begun += 1;
        Some(client)
    }

    /// When the next connection is to begin; `None` if not by the clock.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        if self.inflight >= self.inflight_max {
            return None;
        }
        let again = self.again.peek().map(|Reverse((at, _))| *at);
        let first =
            self.schedule.filter(|_| !self.waiting.is_empty()).map(|schedule| schedule.due_at(self.begun));
        again.into_iter().chain(first).min()
    }

    /// Notes that one is ready or has failed.
    pub(crate) fn end(&mut self) {
        self.inflight -= 1;
    }

    /// A connection whose time is over, with when it was begun; it may have ended long ago.
    pub(crate) fn take_overdue(&mut self, now: Nanos) -> Option<(u32, Nanos)> {
        let overdue = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now);
        overdue.map(|(deadline, client)| (client, deadline - self.timeout))
    }

    /// Connections being made.
    pub(crate) fn inflight(&self) -> u32 {
        self.inflight
    }

    /// Whether all have been begun and have ended.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty() && self.inflight == 0
    }
}

/// How long to wait before trying again after so many failures in a row: twice as long each time, up to five seconds, and a
/// quarter more or less, so that not all come at once.
pub(crate) fn pause_before_retry(seed: u64, client: u32, failures: u8) -> Nanos {
    let pause = (RETRY_FIRST << failures.min(10)).min(RETRY_MAX);
    let chance = chance::mix(seed ^ u64::from(client) << 8 ^ u64::from(failures));
    pause * 3 / 4 + chance % (pause / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialer(rate_per_s: Option<f64>, inflight_max: u32, total: u32) -> Dialer {
        let mut dialer = Dialer::new(inflight_max, 5 * SECOND);
        dialer.ramp(0..total, rate_per_s, 0);
        dialer
    }

    #[test]
    fn no_more_than_allowed_are_under_way() {
        let mut dialer = dialer(None, 2, 3);
        assert_eq!([dialer.begin(0), dialer.begin(0), dialer.begin(0)], [Some(0), Some(1), None]);
        dialer.end();
        assert_eq!([dialer.begin(0), dialer.begin(0)], [Some(2), None]);
        assert!(!dialer.is_done());
        dialer.end();
        dialer.end();
        assert!(dialer.is_done());
    }

    #[test]
    fn a_rate_is_kept() {
        let mut dialer = dialer(Some(10.0), 100, 3);
        assert_eq!([dialer.begin(0), dialer.begin(0)], [Some(0), None]);
        assert_eq!(dialer.next_due(), Some(SECOND / 10));
        assert_eq!([dialer.begin(SECOND), dialer.begin(SECOND)], [Some(1), Some(2)]);
        assert_eq!(dialer.next_due(), None);
    }

    #[test]
    fn each_has_its_time() {
        let mut dialer = dialer(None, 9, 2);
        dialer.begin(0);
        dialer.begin(SECOND);
        assert_eq!(dialer.take_overdue(5 * SECOND - 1), None);
        assert_eq!(dialer.take_overdue(5 * SECOND), Some((0, 0)));
        assert_eq!(dialer.take_overdue(5 * SECOND), None);
    }

    #[test]
    fn one_that_is_made_again_waits_for_its_time_only() {
        let mut dialer = dialer(Some(1.0), 9, 1);
        dialer.again(7, 2 * SECOND);
        dialer.again(8, SECOND);
        assert_eq!([dialer.begin(0), dialer.begin(0)], [Some(0), None]);
        assert_eq!(dialer.next_due(), Some(SECOND));
        assert_eq!([dialer.begin(3 * SECOND), dialer.begin(3 * SECOND)], [Some(8), Some(7)]);
        assert!(!dialer.is_done());
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        for (failures, pause) in [(0, RETRY_FIRST), (3, 8 * RETRY_FIRST), (255, RETRY_MAX)] {
            let found = pause_before_retry(1, 5, failures);
            assert!((pause * 3 / 4..=pause * 5 / 4).contains(&found), "{failures}: {found}");
        }
    }
}
