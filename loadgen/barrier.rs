//! Where the parts of a run wait for each other at the end of a stage.
//!
//! Owns how far this part is and how far all are. Must never know who tells the others.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Meeting points, one at the end of each stage that is not ended by the clock, numbered from 0 in the order of the run.
#[derive(Debug, Default)]
pub(crate) struct Barrier {
    /// Meeting points that this part has reached.
    reached: AtomicUsize,
    /// Meeting points that all have reached.
    open: AtomicUsize,
    is_stopped: AtomicBool,
}

impl Barrier {
    pub(crate) fn new() -> Barrier {
        Barrier::default()
    }

    /// Notes that this part has come to meeting point `number`. Whether all have.
    pub(crate) fn reach(&self, number: usize) -> bool {
        self.reached.fetch_max(number + 1, Ordering::Relaxed);
        self.open.load(Ordering::Relaxed) > number
    }

    /// Meeting points that this part has reached.
    pub(crate) fn reached(&self) -> usize {
        self.reached.load(Ordering::Relaxed)
    }

    /// Notes that all have come to meeting point `number`.
    pub(crate) fn open(&self, number: usize) {
        self.open.fetch_max(number + 1, Ordering::Relaxed);
    }

    /// The run is to end now.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the run is to end now.
    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_waits_until_all_have_come() {
        let barrier = Barrier::new();
        assert!(!barrier.reach(0));
        assert_eq!(barrier.reached(), 1);
        barrier.open(0);
        assert!(barrier.reach(0) && !barrier.reach(1));
        barrier.stop();
        assert!(barrier.is_stopped());
    }
}
