//! The lines about connections: both ends, packets, and what went wrong; and how many of them may come in a while.
//!
//! Owns their words and the bound. Must never know where they are written.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringmq_broker::cause::{Cause, Level};
use ringmq_broker::note::{Client, Connected, Direction, Ended, Note, PacketSeen};
use ringmq_broker::policy::BacklogFull;
use ringmq_broker::trays::Dropped;
use ringmq_protocol::{Reason, Version};
use tracing::{debug, info, trace, warn};

use crate::net::tls::TlsFailure;

/// Lines in one interval before the rest is only counted.
const LINES_PER_INTERVAL_MAX: u32 = 10;
const INTERVAL: Duration = Duration::from_secs(10);

/// Whether this process has said that user names and passwords are ignored.
static TOLD_CREDENTIALS: AtomicBool = AtomicBool::new(false);

/// Writes the lines of one shard. Warnings are bounded: the counters have them all.
#[derive(Debug)]
pub(crate) struct ConnectionLog {
    /// Names of the listeners, by their number in the configuration.
    listeners: Vec<Arc<str>>,
    since: Instant,
    lines: u32,
    suppressed: u64,
}

/// What a TLS handshake agreed.
pub(crate) struct Handshake<'a> {
    pub(crate) version: Option<&'static str>,
    pub(crate) cipher: Option<&'static str>,
    pub(crate) alpn: Option<&'a str>,
    pub(crate) resumed: bool,
    pub(crate) subject: Option<&'a str>,
}

impl ConnectionLog {
    pub(crate) fn new(listeners: Vec<Arc<str>>) -> ConnectionLog {
        ConnectionLog { listeners, since: Instant::now(), lines: 0, suppressed: 0 }
    }

    /// What a shard left for the log.
    pub(crate) fn note(&mut self, note: &Note) {
        match note {
            Note::Connected(connected) => self.connected(connected),
            Note::Ended(ended) => self.ended(ended),
            Note::Packet(seen) => packet(seen),
            Note::CredentialsIgnored(client) => self.credentials_ignored(client),
        }
    }

    fn connected(&self, connected: &Connected) {
        let Client { peer, listener, client_id } = &connected.client;
        debug!(
            %peer,
            client_id = client_id.as_deref().unwrap_or("-"),
            version = version(connected.version),
            clean_start = connected.clean_start,
            keep_alive_s = connected.keep_alive_s,
            session_present = connected.session_present,
            listener = self.name(*listener),
            subject = connected.subject.as_deref(),
            "client connected"
        );
    }

    fn ended(&mut self, ended: &Ended) {
        let Client { peer, listener, client_id } = &ended.client;
        let client_id = client_id.as_deref().unwrap_or("-");
        let row = ended.ending.cause.row();
        let what = if ended.ending.what.is_empty() { explain(ended.ending.cause) } else { ended.ending.what };
        let what = Some(what).filter(|what| !what.is_empty());
        if row.level == Level::Warn {
            if self.may_write() {
                let listener = self.name(*listener);
                warn!(%peer, client_id, listener, cause = row.name, what, "connection ended");
            }
        } else {
            let listener = self.name(*listener);
            debug!(%peer, client_id, listener, cause = row.name, what, "connection ended");
        }
    }

    fn credentials_ignored(&self, client: &Client) {
        if !TOLD_CREDENTIALS.swap(true, Ordering::Relaxed) {
            warn!(
                peer = %client.peer,
                client_id = client.client_id.as_deref().unwrap_or("-"),
                listener = self.name(client.listener),
                "a client sent a user name or a password: ringmq does not check them yet and lets every client in; \
                 this is said once"
            );
        }
    }

    /// A session's full backlog dropped messages.
    pub(crate) fn dropped(&mut self, dropped: &Dropped) {
        if !self.may_write() {
            return;
        }
        let Dropped { client_id, count, when_full, limit } = dropped;
        let limit = format!("limits.{limit}");
        match when_full {
            BacklogFull::DropNewest => {
                warn!(client_id, count, limit, "the backlog of a session is full: new messages were dropped");
            }
            BacklogFull::DropOldest => {
                warn!(
                    client_id,
                    count, limit, "the backlog of a session is full: its oldest messages were dropped"
                );
            }
            BacklogFull::Refuse => {
                warn!(
                    client_id,
                    count, limit, "the backlog of a session is full: publishes to it are refused"
                );
            }
        }
    }

    /// A connection was closed as soon as it was accepted.
    pub(crate) fn refused(&mut self, peer: SocketAddr, listener: u16, cause: Cause) {
        if self.may_write() {
            warn!(%peer, listener = self.name(listener), cause = cause.row().name, "connection refused");
        }
    }

    /// A connection ended on its way to its home.
    pub(crate) fn lost(&self, peer: SocketAddr, listener: u16) {
        debug!(%peer, listener = self.name(listener), "connection ended on its way to its shard");
    }

    /// A TLS handshake was completed.
    pub(crate) fn handshake_done(&self, peer: Option<SocketAddr>, listener: u16, handshake: &Handshake<'_>) {
        let Handshake { version, cipher, alpn, resumed, subject } = *handshake;
        let (peer, listener) = (peer.map(tracing::field::display), self.name(listener));
        debug!(peer, listener, version, cipher, alpn, resumed, subject, "TLS handshake done");
    }

    /// A TLS stream failed, or was made to by its peer.
    pub(crate) fn tls_failed(&mut self, peer: SocketAddr, listener: u16, failure: &TlsFailure) {
        if self.may_write() {
            warn!(%peer, listener = self.name(listener), "TLS failed: {failure}");
        }
    }

    /// The kernel would not accept.
    pub(crate) fn accept_failed(&mut self, error: &io::Error) {
        if self.may_write() {
            warn!(%error, "a connection could not be accepted");
        }
    }

    fn name(&self, listener: u16) -> &str {
        self.listeners.get(usize::from(listener)).map_or("-", |name| name)
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

/// One packet. What it has not is not in the line.
fn packet(seen: &PacketSeen) {
    let publish = seen.publish;
    trace!(
        peer = %seen.client.peer,
        client_id = seen.client.client_id.as_deref().unwrap_or("-"),
        packet = seen.kind.name(),
        packet_id = seen.packet_id.map(std::num::NonZeroU16::get),
        topic = seen.topic.as_deref(),
        topic_alias = publish.and_then(|publish| publish.topic_alias),
        qos = publish.map(|publish| publish.qos.bits()),
        dup = publish.map(|publish| publish.dup),
        retain = publish.map(|publish| publish.retain),
        reason = seen.reason.map(Reason::name),
        bytes = seen.size_bytes,
        "{}",
        match seen.direction {
            Direction::Received => "received",
            Direction::Sent => "sent",
        }
    );
}

fn version(version: Version) -> &'static str {
    match version {
        Version::V31 => "3.1",
        Version::V311 => "3.1.1",
        Version::V5 => "5.0",
    }
}

/// What an operator may want to know, or do, about the end of a connection that has no other explanation.
fn explain(cause: Cause) -> &'static str {
    match cause {
        Cause::TlsOnPlainPort => {
            "the client began a TLS handshake, but this listener is tcp:// and does not encrypt"
        }
        Cause::PlainOnTlsPort => "the client spoke MQTT without TLS, but this listener is tls://",
        Cause::HttpRequest => "the client sent an HTTP request; ringmq serves neither HTTP nor WebSocket",
        Cause::ProxyHeader => {
            "a load balancer sent a PROXY protocol header, which ringmq does not understand: turn it off there \
             (HAProxy: no send-proxy; nginx: proxy_protocol off)"
        }
        Cause::Junk => "the first bytes are of no known protocol",
        Cause::TlsFailed => "the TLS handshake failed, or a record could not be read",
        Cause::ConnectTimeout => "no whole CONNECT came in time",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_foreign_protocol_is_explained_at_the_default_level() {
        for cause in [
            Cause::TlsOnPlainPort,
            Cause::PlainOnTlsPort,
            Cause::HttpRequest,
            Cause::ProxyHeader,
            Cause::Junk,
        ] {
            assert!(cause.row().level == Level::Warn && !explain(cause).is_empty(), "{cause:?}");
        }
    }

    #[test]
    fn lines_are_bounded() {
        let mut log = ConnectionLog::new(Vec::new());
        let written = (0..100).filter(|_| log.may_write()).count();
        assert_eq!((written, log.suppressed), (LINES_PER_INTERVAL_MAX as usize, 90));
    }
}
