//! What the first bytes of a connection are, so that the wrong protocol on a port ends quickly and with a name.
//!
//! A pure function of the kind of port and the bytes. Owns nothing; must never know a socket or a clock. That a
//! client says nothing, or stops within its CONNECT, is for deadlines.

use ringmq_broker::cause::Cause;

/// What a port serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PortKind {
    /// MQTT straight over TCP.
    Plain,
    /// MQTT over TLS.
    Tls,
}

/// What the first bytes say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// They can still become what the port serves.
    NeedMore,
    /// The fixed header of a CONNECT. Whether the rest is one is for the broker.
    Mqtt,
    /// The record of a ClientHello. Whether the rest is one is for TLS.
    Tls,
    /// They can no longer become what the port serves.
    Wrong(Wrong),
}

/// What a client that is wrong here speaks, as far as its first bytes tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrong {
    /// TLS where plain MQTT is served.
    TlsOnPlainPort,
    /// Plain MQTT where TLS is served.
    PlainOnTlsPort,
    /// HTTP 1 or 2, WebSocket included.
    HttpRequest,
    /// A PROXY protocol header, version 1 or 2.
    ProxyHeader,
    /// Anything else.
    Junk,
}

impl Wrong {
    /// Why the connection ends.
    pub(crate) fn cause(self) -> Cause {
        match self {
            Wrong::TlsOnPlainPort => Cause::TlsOnPlainPort,
            Wrong::PlainOnTlsPort => Cause::PlainOnTlsPort,
            Wrong::HttpRequest => Cause::HttpRequest,
            Wrong::ProxyHeader => Cause::ProxyHeader,
            Wrong::Junk => Cause::Junk,
        }
    }
}

/// The first byte of a CONNECT: its packet type, and flags that must be 0 [MQTT-2.1.3-1].
const CONNECT: u8 = 0x10;

/// How a ClientHello begins: a handshake record, and the major version of every TLS (RFC 8446, 5.1).
const CLIENT_HELLO: &[u8] = &[0x16, 0x03];

/// How a request begins: the methods of RFC 9110 and PATCH, and the preface of HTTP 2 (RFC 9113, 3.4).
const HTTP_STARTS: [&str; 10] =
    ["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "CONNECT ", "OPTIONS ", "TRACE ", "PATCH ", "PRI * "];

/// The header of version 1 and the signature of version 2 (the PROXY protocol, 2.1 and 2.2), each with how many
/// of its bytes tell it from others: `PR` is no less the start of `PRI`, line ends come from people at a terminal.
const PROXY_STARTS: [(&str, usize); 2] = [("PROXY ", 3), ("\r\n\r\n\0\r\nQUIT\n", 5)];

/// Judges the first bytes that arrived on a port. It waits only while they can become what the port serves; of
/// what can not, it names the kind by the bytes that are there.
pub(crate) fn sniff(port: PortKind, bytes: &[u8]) -> Verdict {
    match port {
        _ if bytes.is_empty() => Verdict::NeedMore,
        PortKind::Plain if bytes[0] == CONNECT => Verdict::Mqtt,
        PortKind::Plain if agrees(bytes, CLIENT_HELLO) => Verdict::Wrong(Wrong::TlsOnPlainPort),
        PortKind::Tls if bytes.starts_with(CLIENT_HELLO) => Verdict::Tls,
        PortKind::Tls if agrees(bytes, CLIENT_HELLO) => Verdict::NeedMore,
        PortKind::Tls if bytes[0] == CONNECT => Verdict::Wrong(Wrong::PlainOnTlsPort),
        PortKind::Plain | PortKind::Tls => Verdict::Wrong(stranger(bytes)),
    }
}

/// Names what is neither MQTT nor TLS.
fn stranger(bytes: &[u8]) -> Wrong {
    let is_proxy =
        |&(start, telling): &(&str, usize)| bytes.len() >= telling && agrees(bytes, start.as_bytes());
    if PROXY_STARTS.iter().any(is_proxy) {
        Wrong::ProxyHeader
    } else if HTTP_STARTS.iter().any(|start| agrees(bytes, start.as_bytes())) {
        Wrong::HttpRequest
    } else {
        Wrong::Junk
    }
}

/// Whether the bytes begin with `start`, as far as they go.
fn agrees(bytes: &[u8], start: &[u8]) -> bool {
    bytes.iter().zip(start).all(|(byte, expected)| byte == expected)
}
