//! What is logged: how it looks, and how often the same kind of line may come.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringmq_broker::cause::{Cause, Level};
use ringmq_broker::trays::Note;
use tracing::{debug, info, warn};
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Log, LogFormat, LogLevel};
use crate::net::tls::TlsFailure;

/// Sends log lines to standard error, as configured.
pub(crate) fn start(log: &Log) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    match log.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// The least level of ends that are worth a note of the shard: debugging shows all, else only broken rules and
/// limits.
pub(crate) fn notes_level(log: &Log) -> Level {
    match log.level {
        LogLevel::Debug | LogLevel::Trace => Level::Debug,
        LogLevel::Error | LogLevel::Warn | LogLevel::Info => Level::Warn,
    }
}

/// Lines in one interval before the rest is only counted.
const LINES_PER_INTERVAL_MAX: u32 = 10;
const INTERVAL: Duration = Duration::from_secs(10);

/// Writes why connections ended, a bounded number of lines: the counters have them all.
#[derive(Debug)]
pub(crate) struct EndLog {
    since: Instant,
    lines: u32,
    suppressed: u64,
}

impl Default for EndLog {
    fn default() -> EndLog {
        EndLog { since: Instant::now(), lines: 0, suppressed: 0 }
    }
}

impl EndLog {
    /// A connection ended.
    pub(crate) fn ended(&mut self, note: &Note) {
        let client_id = note.client_id.as_deref().unwrap_or("-");
        let (cause, what) = (note.ending.cause.row().name, note.ending.what);
        match note.ending.cause.row().level {
            Level::Warn => {
                if self.may_write() {
                    warn!(peer = %note.peer, client_id, cause, what, "connection ended");
                }
            }
            Level::Info | Level::Debug => {
                debug!(peer = %note.peer, client_id, cause, what, "connection ended");
            }
        }
    }

    /// A connection was closed as soon as it was accepted.
    pub(crate) fn refused(&mut self, peer: SocketAddr, cause: Cause) {
        if self.may_write() {
            warn!(%peer, cause = cause.row().name, "connection refused");
        }
    }

    /// A connection ended on its way to its home.
    pub(crate) fn lost(&mut self, peer: SocketAddr) {
        debug!(%peer, "connection ended on its way to its shard");
    }

    /// A TLS stream failed, or was made to by its peer.
    pub(crate) fn tls_failed(&mut self, peer: SocketAddr, failure: &TlsFailure) {
        debug!(%peer, "TLS failed: {failure}");
    }

    /// The kernel would not accept.
    pub(crate) fn accept_failed(&mut self, error: &io::Error) {
        if self.may_write() {
            warn!(%error, "a connection could not be accepted");
        }
    }

    fn may_write(&mut self) -> bool {
        if self.since.elapsed() >= INTERVAL {
            if self.suppressed > 0 {
                info!(lines = self.suppressed, "lines about connections left out");
            }
            (self.since, self.lines, self.suppressed) = (Instant::now(), 0, 0);
        }
        self.lines += 1;
        let may_write = self.lines <= LINES_PER_INTERVAL_MAX;
        self.suppressed += u64::from(!may_write);
        may_write
    }
}
