//! SIGTERM and SIGINT: the only ways in which an operator stops the broker.

use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What ends [`StopSignals::wait`] from another thread.
pub(crate) type WaitHandle = signal_hook::iterator::Handle;

/// Signals that are waited for, from now on.
pub(crate) struct StopSignals {
    signals: Signals,
    /// The name of one that has come and was not waited for yet.
    arrived: Option<&'static str>,
}

impl StopSignals {
    /// Takes the signals over. Call it before any other thread starts.
    ///
    /// # Errors
    /// The kernel's refusal to install a handler.
    pub(crate) fn catch() -> io::Result<StopSignals> {
        Ok(StopSignals { signals: Signals::new([SIGTERM, SIGINT])?, arrived: None })
    }

    /// Something that ends [`StopSignals::wait`] from another thread.
    pub(crate) fn handle(&self) -> WaitHandle {
        self.signals.handle()
    }

    /// Whether one of them has come already.
    pub(crate) fn has_arrived(&mut self) -> bool {
        self.arrived = self.arrived.or_else(|| self.signals.pending().next().map(name));
        self.arrived.is_some()
    }

    /// Waits for one of them and tells its name; `None` when the handle was closed.
    pub(crate) fn wait(&mut self) -> Option<&'static str> {
        self.arrived.take().or_else(|| self.signals.forever().next().map(name))
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        SIGINT => "SIGINT",
        _ => "SIGTERM",
    }
}
