//! SIGTERM and SIGINT: the only ways in which an operator stops the broker. SIGHUP, by which a closed terminal or a tool that
//! expects a reload would end it, is ignored with a line in the log.

use std::io::{self, ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;
use tracing::info;

/// What ends [`StopSignals::wait`] from another thread.
pub(crate) type WaitHandle = signal_hook::iterator::Handle;

/// Signals that are waited for, from now on.
pub(crate) struct StopSignals {
    /// A byte comes through the pipe with each signal, and when the handle is closed.
    signals: SignalDelivery<UnixStream, SignalOnly>,
    /// The name of one that has come and was not waited for yet.
    arrived: Option<&'static str>,
}

impl StopSignals {
    /// Takes the signals over. Call it before any other thread starts.
    ///
    /// # Errors
    /// The kernel's refusal to install a handler.
    pub(crate) fn catch() -> io::Result<StopSignals> {
        StopSignals::of(&[SIGTERM, SIGINT, SIGHUP])
    }

    fn of(signals: &[i32]) -> io::Result<StopSignals> {
        let (read, write) = UnixStream::pair()?;
        let signals = SignalDelivery::with_pipe(read, write, SignalOnly, signals)?;
        Ok(StopSignals { signals, arrived: None })
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

    /// Waits for one of them and tells its name; `None` when the handle was closed. Calls `each_time` whenever nothing has
    /// come for as long as `every`.
    pub(crate) fn wait(&mut self, every: Duration, mut each_time: impl FnMut()) -> Option<&'static str> {
        let pipe = self.signals.get_read();
        pipe.set_read_timeout(Some(every)).expect("an open socket takes a timeout above zero");
        // What comes after these two have looked leaves its byte in the pipe.
        while !self.has_arrived() && !self.signals.handle().is_closed() {
            let read = self.signals.get_read_mut().read(&mut [0]);
            if read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                each_time();
            }
        }
        self.arrived.take()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_does_something_each_time_the_interval_is_over() {
        let mut signals = StopSignals::of(&[]).unwrap();
        let handle = signals.handle();
        let mut times = 0;
        let told = signals.wait(Duration::from_millis(1), || {
            times += 1;
            if times == 3 {
                handle.close();
            }
        });
        assert_eq!((told, times), (None, 3));
    }
}
