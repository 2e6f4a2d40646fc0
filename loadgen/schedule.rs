//! A constant rate on an absolute schedule: when each of a numbered sequence of things is due.
//!
//! Owns the arithmetic. Must never know a clock: a late caller changes nothing about when the next thing is due, which is
//! what keeps the load open and the latencies honest.

use crate::clock::{Nanos, SECOND};

/// Things number 0, 1, 2, ... due at a constant rate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Schedule {
    start: Nanos,
    interval_ns: f64,
}

impl Schedule {
    /// The first thing is due at `start`, the others follow at `rate_per_s`, which is above 0.
    pub(crate) fn new(start: Nanos, rate_per_s: f64) -> Schedule {
        assert!(rate_per_s > 0.0, "a schedule has a rate");
        Schedule { start, interval_ns: SECOND as f64 / rate_per_s }
    }

    /// When thing `number` is due. Exact to a nanosecond for a hundred days.
    pub(crate) fn due_at(&self, number: u64) -> Nanos {
        self.start + (number as f64 * self.interval_ns) as Nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_due_at_a_constant_rate_without_drift() {
        let schedule = Schedule::new(500, 3.0);
        assert_eq!(schedule.due_at(0), 500);
        assert_eq!(schedule.due_at(1), 500 + 333_333_333);
        assert_eq!(schedule.due_at(3), 500 + SECOND);
        assert_eq!(schedule.due_at(3 * 86_400), 500 + 86_400 * SECOND);
    }

    #[test]
    fn rates_above_one_per_nanosecond_and_below_one_per_second_work() {
        assert_eq!(Schedule::new(0, 4e9).due_at(10), 2);
        assert_eq!(Schedule::new(0, 0.5).due_at(3), 6 * SECOND);
    }
}
