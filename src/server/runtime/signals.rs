//! SIGTERM and SIGINT: the only ways in which an operator stops the broker.

use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Signals that are waited for, from now on.
pub(crate) struct StopSignals(Signals);

impl StopSignals {
    /// Takes the signals over. Call it before any other thread starts.
    ///
    /// # Errors
    /// The kernel's refusal to install a handler.
    pub(crate) fn catch() -> io::Result<StopSignals> {
        Signals::new([SIGTERM, SIGINT]).map(StopSignals)
    }

    /// Something that ends [`StopSignals::wait`] from another thread.
    pub(crate) fn handle(&self) -> signal_hook::iterator::Handle {
        self.0.handle()
    }

    /// Waits for one of them and tells its name; `None` when the handle was closed.
    pub(crate) fn wait(&mut self) -> Option<&'static str> {
        match self.0.forever().next()? {
            SIGINT => Some("SIGINT"),
            _ => Some("SIGTERM"),
        }
    }
}
