//! The only place where the tool reads the time.
//!
//! Owns the zero of a run. Must never know what is measured.

use std::time::{Duration, Instant};

/// Nanoseconds since the zero of the run.
pub(crate) type Nanos = u64;

/// One second.
pub(crate) const SECOND: Nanos = 1_000_000_000;

/// One millisecond.
pub(crate) const MILLISECOND: Nanos = 1_000_000;

/// One microsecond.
pub(crate) const MICROSECOND: Nanos = 1_000;

/// Measures time from the start of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock whose zero is now.
    pub(crate) fn start() -> Clock {
        Clock { zero: Instant::now() }
    }

    /// A clock with this zero, before which it stands at 0.
    pub(crate) fn with_zero(zero: Instant) -> Clock {
        Clock { zero }
    }

    /// Whether its zero has come.
    pub(crate) fn has_begun(&self) -> bool {
        Instant::now() >= self.zero
    }

    pub(crate) fn now(&self) -> Nanos {
        self.zero.elapsed().as_nanos() as Nanos
    }

    /// The instant at which [`Clock::now`] will have reached `at`.
    pub(crate) fn instant(&self, at: Nanos) -> Instant {
        self.zero + Duration::from_nanos(at)
    }
}

/// A span as seconds.
pub(crate) fn seconds(span: Nanos) -> f64 {
    span as f64 / SECOND as f64
}
