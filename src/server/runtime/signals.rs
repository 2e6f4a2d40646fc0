//! SIGTERM and SIGINT: the only ways in which an operator stops the broker. SIGHUP, by which a closed terminal or a tool that
//! expects a reload would end it, is ignored with a line in the log.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::info;

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
        Ok(StopSignals { signals: Signals::new([SIGTERM, SIGINT, SIGHUP])?, arrived: None })
    }

    /// Something that ends [`StopSignals::wait`] from another thread.
    pub(crate) fn handle(&self) -> WaitHandle {
        self.signals.handle()
    }

    /// Whether one of them has come already.
    pub(crate) fn has_arrived(&mut self) -> bool {
        self.arrived = self.arrived.or_else(|| self.signals.pending().find_map(heed));
        self.arrived.is_some()
    }

    /// Waits for one of them and tells its name; `None` when the handle was closed.
    pub(crate) fn wait(&mut self) -> Option<&'static str> {
        self.arrived.take().or_else(|| self.signals.forever().find_map(heed))
    }
}

/// The name of a signal that stops the broker.
fn heed(signal: i32) -> Option<&'static str> {
    match signal {
        SIGHUP => {
            info!(
                "SIGHUP is ignored: configuration and certificates are read at the start; to apply changes, restart"
            );
            None
        }
        SIGINT => Some("SIGINT"),
        _ => Some("SIGTERM"),
    }
}
