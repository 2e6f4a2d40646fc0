//! When the next connection may be begun, and which one has taken too long.
//!
//! Owns the pace of connecting. Must never know a socket.

use std::collections::VecDeque;

use crate::clock::Nanos;
use crate::plan::Dialling;
use crate::schedule::Schedule;

/// The pace of connecting.
#[derive(Debug)]
pub(crate) struct Dialer {
    total: u32,
    next: u32,
    inflight: u32,
    inflight_max: u32,
    schedule: Option<Schedule>,
    timeout: Nanos,
    /// Those begun, oldest first, each with the time it is given.
    deadlines: VecDeque<(Nanos, u32)>,
}

impl Dialer {
    /// Connections 0 to `total`, from `start` on.
    pub(crate) fn new(dialling: &Dialling, total: u32, start: Nanos) -> Dialer {
        Dialer {
            total,
            next: 0,
            inflight: 0,
            inflight_max: dialling.inflight_max,
            schedule: dialling.rate_per_s.map(|rate| Schedule::new(start, rate)),
            timeout: dialling.timeout,
            deadlines: VecDeque::new(),
        }
    }

    /// The next connection, if it may begin now. It is under way from then on.
    pub(crate) fn begin(&mut self, now: Nanos) -> Option<u32> {
        if !self.has_room() || self.next_due().is_some_and(|due| due > now) {
            return None;
        }
        let number = self.next;
        self.next += 1;
        self.inflight += 1;
        self.deadlines.push_back((now + self.timeout, number));
        Some(number)
    }

    /// Connections being made.
    pub(crate) fn inflight(&self) -> u32 {
        self.inflight
    }

    fn has_room(&self) -> bool {
        self.next < self.total && self.inflight < self.inflight_max
    }

    /// When the next connection is to begin; `None` if not by the clock.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let schedule = self.schedule.filter(|_| self.has_room())?;
        Some(schedule.due_at(self.next.into()))
    }

    /// Notes that one is ready or has failed.
    pub(crate) fn end(&mut self) {
        self.inflight -= 1;
    }

    /// A connection whose time is over; it may have ended long ago.
    pub(crate) fn take_overdue(&mut self, now: Nanos) -> Option<u32> {
        self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now).map(|(_, number)| number)
    }

    /// Whether all have been begun and have ended.
    pub(crate) fn is_done(&self) -> bool {
        self.next == self.total && self.inflight == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    fn dialer(rate_per_s: Option<f64>, inflight_max: u32, total: u32) -> Dialer {
        let to = ([127, 0, 0, 1], 1).into();
        let dialling =
            Dialling { to, tls: None, rate_per_s, inflight_max, timeout: 5 * SECOND, sources: Vec::new() };
        Dialer::new(&dialling, total, 0)
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
        assert_eq!(dialer.take_overdue(5 * SECOND), Some(0));
        assert_eq!(dialer.take_overdue(5 * SECOND), None);
    }
}
