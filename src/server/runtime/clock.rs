//! The only place where the broker's time is read.

use std::time::{Duration, Instant};

use ringmq_broker::Time;

/// The zero of the process; equal on all shards, so that times may travel in letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock whose zero is now.
    pub(crate) fn start() -> Clock {
        Clock { zero: Instant::now() }
    }

    /// Milliseconds since the zero.
    pub(crate) fn now(&self) -> Time {
        Time::from_ms(self.zero.elapsed().as_millis() as u64)
    }

    /// The instant at which [`Clock::now`] will have reached `time`.
    pub(crate) fn instant(&self, time: Time) -> Option<Instant> {
        self.zero.checked_add(Duration::from_millis(time.as_ms()))
    }
}
