//! How much of its time a core is at work, from the moments at which batches begin and end.

use std::time::{Duration, Instant};

/// How often a figure is given.
const INTERVAL: Duration = Duration::from_secs(5);

/// Time at work since the last figure.
#[derive(Debug)]
pub(crate) struct Load {
    since: Instant,
    busy: Duration,
    began: Option<Instant>,
}

impl Load {
    pub(crate) fn start() -> Load {
        Load { since: Instant::now(), busy: Duration::ZERO, began: None }
    }

    /// Work begins, unless it has begun already; tells which.
    pub(crate) fn begin(&mut self) -> Begun {
        if self.began.is_some() {
            return Begun::Before;
        }
        self.began = Some(Instant::now());
        Begun::Now
    }

    /// The batch is done; the thread may wait now.
    pub(crate) fn end(&mut self) {
        if let Some(began) = self.began.take() {
            self.busy += began.elapsed();
        }
    }

    /// The share of the last interval spent at work, in thousandths, once an interval is over.
    pub(crate) fn report(&mut self) -> Option<u16> {
        let passed = self.since.elapsed();
        if passed < INTERVAL {
            return None;
        }
        let permille = self.busy.as_micros() * 1000 / passed.as_micros().max(1);
        self.since = Instant::now();
        self.busy = Duration::ZERO;
        Some(u16::try_from(permille).unwrap_or(1000).min(1000))
    }
}

/// When a batch of work began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begun {
    /// With this call.
    Now,
    /// With an earlier one.
    Before,
}
