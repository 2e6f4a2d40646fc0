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

/// Whether this can be the first byte of a CONNECT: its packet type, with flags that must be 0 [MQTT-2.1.3-1] but for 3.1,
/// which calls them unused; its level comes later. QoS 3 is reserved there too, and 0x16 begins a ClientHello.
fn begins_connect(first: u8) -> bool {
    first >> 4 == 1 && first & 0b110 != 0b110
}

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
        PortKind::Plain if begins_connect(bytes[0]) => Verdict::Mqtt,
        PortKind::Plain if agrees(bytes, CLIENT_HELLO) => Verdict::Wrong(Wrong::TlsOnPlainPort),
        PortKind::Tls if bytes.starts_with(CLIENT_HELLO) => Verdict::Tls,
        PortKind::Tls if agrees(bytes, CLIENT_HELLO) => Verdict::NeedMore,
        PortKind::Tls if begins_connect(bytes[0]) => Verdict::Wrong(Wrong::PlainOnTlsPort),
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

#[cfg(test)]
mod tests {
    use super::*;

    const MQTT: &[u8] = b"\x10\x0c\x00\x04MQTT\x05\x02\x00\x3c";
    const HELLO: &[u8] = b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0";

    /// A sample, and what it is taken for: for how many lengths, which kind.
    type Row = (&'static [u8], &'static [(usize, Wrong)]);

    /// The verdicts on all prefixes of a sample, run lengths first.
    fn verdicts(port: PortKind, sample: &[u8]) -> Vec<(usize, Verdict)> {
        let all = (0..=sample.len()).map(|length| sniff(port, &sample[..length]));
        let mut runs: Vec<(usize, Verdict)> = Vec::new();
        for verdict in all {
            match runs.last_mut() {
                Some((count, last)) if *last == verdict => *count += 1,
                _ => runs.push((1, verdict)),
            }
        }
        runs
    }

    #[test]
    fn the_first_byte_of_a_connect_is_enough() {
        let length = MQTT.len();
        assert_eq!(verdicts(PortKind::Plain, MQTT), [(1, Verdict::NeedMore), (length, Verdict::Mqtt)]);
        let wrong = Verdict::Wrong(Wrong::PlainOnTlsPort);
        assert_eq!(verdicts(PortKind::Tls, MQTT), [(1, Verdict::NeedMore), (length, wrong)]);
    }

    #[test]
    fn two_bytes_of_a_client_hello_are_enough() {
        let length = HELLO.len();
        assert_eq!(verdicts(PortKind::Tls, HELLO), [(2, Verdict::NeedMore), (length - 1, Verdict::Tls)]);
        let wrong = Verdict::Wrong(Wrong::TlsOnPlainPort);
        assert_eq!(verdicts(PortKind::Plain, HELLO), [(1, Verdict::NeedMore), (length, wrong)]);
    }

    #[test]
    fn strangers_are_named_on_both_ports_at_every_length() {
        use Wrong::{HttpRequest, Junk, ProxyHeader};
        let table: &[Row] = &[
            (b"GET / HTTP/1.1\r\n", &[(16, HttpRequest)]),
            (b"HEAD / HTTP/1.1\r\n", &[(17, HttpRequest)]),
            (b"POST /mqtt HTTP/1.1\r\n", &[(21, HttpRequest)]),
            (b"PUT /", &[(5, HttpRequest)]),
            (b"PATCH /", &[(7, HttpRequest)]),
            (b"DELETE /", &[(8, HttpRequest)]),
            (b"TRACE /", &[(7, HttpRequest)]),
            (b"OPTIONS * HTTP/1.1", &[(18, HttpRequest)]),
            (b"CONNECT broker:1883 HTTP/1.1", &[(28, HttpRequest)]),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[(24, HttpRequest)]),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", &[(2, HttpRequest), (34, ProxyHeader)]),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &[(4, Junk), (10, ProxyHeader)]),
            (b"\r\n\r\nhello", &[(9, Junk)]),
            (b"GETTING", &[(3, HttpRequest), (4, Junk)]),
            (b"get /", &[(5, Junk)]),
            (b"SSH-2.0-OpenSSH", &[(15, Junk)]),
            (b"\x16\x02", &[(1, Wrong::TlsOnPlainPort), (1, Junk)]),
            (b"\x17\x03\x03\x00\x02", &[(5, Junk)]),
            (b"\x80\x2e\x01\x03\x01", &[(5, Junk)]),
            (b"\xc0\x00", &[(2, Junk)]),
            (b"\0", &[(1, Junk)]),
        ];
        for &(sample, expected) in table {
            let mut runs = vec![(1, Verdict::NeedMore)];
            runs.extend(expected.iter().map(|&(count, wrong)| (count, Verdict::Wrong(wrong))));
            assert_eq!(verdicts(PortKind::Plain, sample), runs, "{}", sample.escape_ascii());
            if sample[0] != HELLO[0] {
                assert_eq!(verdicts(PortKind::Tls, sample), runs, "{}", sample.escape_ascii());
            }
        }
    }

    #[test]
    fn two_arbitrary_bytes_are_always_enough() {
        for first in 0..=255 {
            for second in 0..=255 {
                let bytes = [first, second];
                let plain = sniff(PortKind::Plain, &bytes);
                let is_connect = (0x10..0x20).contains(&first) && ![0x16, 0x17, 0x1E, 0x1F].contains(&first);
                assert_eq!(plain == Verdict::Mqtt, is_connect);
                assert!(!matches!(plain, Verdict::NeedMore | Verdict::Tls));
                assert_ne!(sniff(PortKind::Plain, &bytes[..1]), Verdict::NeedMore);
                let tls = sniff(PortKind::Tls, &bytes);
                assert_eq!(tls == Verdict::Tls, bytes == [0x16, 0x03]);
                assert!(!matches!(tls, Verdict::NeedMore | Verdict::Mqtt));
                let waits = sniff(PortKind::Tls, &bytes[..1]) == Verdict::NeedMore;
                assert_eq!(waits, first == 0x16, "it could still be a ClientHello");
            }
        }
    }

    #[test]
    fn each_stranger_has_a_cause_of_its_own() {
        let all = [
            Wrong::TlsOnPlainPort,
            Wrong::PlainOnTlsPort,
            Wrong::HttpRequest,
            Wrong::ProxyHeader,
            Wrong::Junk,
        ];
        let names = ["tls_on_plain_port", "plain_on_tls_port", "http_request", "proxy_header", "junk"];
        assert_eq!(all.map(|wrong| wrong.cause().row().name), names);
    }
}
