//! Why a connection ended: one table with who began it, the reason code, the fate of the will, the log level and
//! the name of the counter.
//!
//! Owns that table. Must never know how a connection is closed; `handlers/end` does that.

use ringmq_protocol::{DecodeError, Reason};

/// Who is answerable for the end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The client, by its own wish or by breaking a rule.
    Client,
    /// The network or a wire that went silent.
    Network,
    /// This server, by policy or because a limit was reached.
    Server,
}

/// How important a note is, least first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Each packet.
    Trace,
    /// Of interest while looking for a fault.
    Debug,
    /// The ordinary life of clients.
    Info,
    /// A rule was broken or a limit reached.
    Warn,
}

/// Whether the will goes out. Only a DISCONNECT with 0x00 takes it back [MQTT-3.14.4-3].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WillFate {
    /// Published, at once or after its delay [MQTT-3.1.2-8].
    Published,
    /// Forgotten unpublished.
    Removed,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Who began it.
    pub side: Side,
    /// What a 5.0 client is told in CONNACK or DISCONNECT; `None`: closed without a packet.
    pub reason: Option<Reason>,
    /// What becomes of the will.
    pub will: WillFate,
    /// How loudly it is logged.
    pub level: Level,
    /// Name of the counter, in metrics and `$SYS`.
    pub name: &'static str,
}

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident: $side:ident, $reason:expr, $will:ident, $level:ident, $name:literal;)*) => {
        /// Why a connection ended.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Cause { $($(#[$doc])* $variant,)* }

        impl Cause {
            /// All causes, in the order of the table.
            pub const ALL: &'static [Cause] = &[$(Cause::$variant,)*];

            /// The row of this cause.
            pub const fn row(self) -> Row {
                match self {
                    $(Cause::$variant => Row {
                        side: Side::$side, reason: $reason, will: WillFate::$will, level: Level::$level, name: $name,
                    },)*
                }
            }
        }
    };
}

causes! {
    /// DISCONNECT with 0x00.
    ClientDisconnect: Client, None, Removed, Info, "client_disconnect";
    /// DISCONNECT with 0x04.
    ClientDisconnectWithWill: Client, None, Published, Info, "client_disconnect_with_will";
    /// DISCONNECT with a code of 0x80 or above.
    ClientError: Client, None, Published, Info, "client_error";
    /// The client closed its side without DISCONNECT.
    ConnectionLost: Network, None, Published, Info, "connection_lost";
    /// The connection was reset or failed.
    ConnectionReset: Network, None, Published, Info, "connection_reset";
    /// Silence for one and a half times the keep alive [MQTT-3.1.2-22].
    KeepAliveTimeout: Network, Some(Reason::KeepAliveTimeout), Published, Info, "keep_alive_timeout";
    /// No whole CONNECT within `connect_timeout_ms`.
    ConnectTimeout: Client, None, Published, Info, "connect_timeout";
    /// The first packet is not a CONNECT [MQTT-3.1.0-1].
    NotConnect: Client, None, Published, Warn, "not_connect";
    /// A second CONNECT [MQTT-3.1.0-2].
    SecondConnect: Client, Some(Reason::ProtocolError), Published, Warn, "second_connect";
    /// Bytes that cannot be parsed.
    Malformed: Client, Some(Reason::MalformedPacket), Published, Warn, "malformed_packet";
    /// Parsable, not allowed here.
    ProtocolError: Client, Some(Reason::ProtocolError), Published, Warn, "protocol_error";
    /// A protocol name or level that is not served [MQTT-3.1.2-2].
    UnsupportedVersion: Client, Some(Reason::UnsupportedProtocolVersion), Published, Warn, "unsupported_version";
    /// A client identifier that policy refuses [MQTT-3.1.3-8].
    ClientIdRefused: Client, Some(Reason::ClientIdentifierNotValid), Published, Warn, "client_id_refused";
    /// Enhanced authentication with a method that is not served [MQTT-4.12.0-1].
    BadAuthenticationMethod: Client, Some(Reason::BadAuthenticationMethod), Published, Warn, "bad_authentication_method";
    /// Not allowed by the access table.
    NotAuthorized: Client, Some(Reason::NotAuthorized), Published, Warn, "not_authorized";
    /// A topic name that is well formed and not accepted: it is beyond the limits.
    TopicNameInvalid: Client, Some(Reason::TopicNameInvalid), Published, Warn, "topic_name_invalid";
    /// An alias of 0 or above the announced maximum [MQTT-3.2.2-17].
    TopicAliasInvalid: Client, Some(Reason::TopicAliasInvalid), Published, Warn, "topic_alias_invalid";
    /// A packet above `packet_bytes_max` [MQTT-3.2.2-15].
    PacketTooLarge: Client, Some(Reason::PacketTooLarge), Published, Warn, "packet_too_large";
    /// More open publishes than `receive_max` [MQTT-3.3.4-7].
    ReceiveMaximumExceeded: Client, Some(Reason::ReceiveMaximumExceeded), Published, Warn, "receive_maximum_exceeded";
    /// RETAIN where retained messages are off [MQTT-3.2.2-14].
    RetainNotSupported: Client, Some(Reason::RetainNotSupported), Published, Warn, "retain_not_supported";
    /// A QoS above the announced maximum [MQTT-3.2.2-11].
    QosNotSupported: Client, Some(Reason::QosNotSupported), Published, Warn, "qos_not_supported";
    /// A subscription identifier where they are off.
    IdentifiersNotSupported: Client, Some(Reason::SubscriptionIdentifiersNotSupported), Published, Warn, "subscription_identifiers_not_supported";
    /// A payload that is not the UTF-8 it claims to be.
    PayloadFormatInvalid: Client, Some(Reason::PayloadFormatInvalid), Published, Warn, "payload_format_invalid";
    /// A named limit was reached: sessions, wills, memory for messages.
    QuotaExceeded: Server, Some(Reason::QuotaExceeded), Published, Warn, "quota_exceeded";
    /// Above `send_queue_bytes_max` for longer than `slow_consumer_grace_ms`.
    SlowConsumer: Client, Some(Reason::QuotaExceeded), Published, Warn, "slow_consumer";
    /// `connections_max` is reached.
    ServerFull: Server, Some(Reason::ServerBusy), Published, Warn, "server_full";
    /// `handshakes_max` is reached.
    HandshakesFull: Server, None, Published, Warn, "handshakes_full";
    /// The same client identifier connected again [MQTT-3.1.4-3].
    TakenOver: Server, Some(Reason::SessionTakenOver), Published, Info, "taken_over";
    /// The server stops.
    ServerShutdown: Server, Some(Reason::ServerShuttingDown), Published, Info, "server_shutdown";
    /// An administrator ended it.
    AdministrativeAction: Server, Some(Reason::AdministrativeAction), Published, Info, "administrative_action";
    /// A TLS handshake on a plain port.
    TlsOnPlainPort: Client, None, Published, Warn, "tls_on_plain_port";
    /// Plain MQTT on a TLS port.
    PlainOnTlsPort: Client, None, Published, Warn, "plain_on_tls_port";
    /// An HTTP request on an MQTT port.
    HttpRequest: Client, None, Published, Warn, "http_request";
    /// A PROXY protocol header where none is expected.
    ProxyHeader: Client, None, Published, Warn, "proxy_header";
    /// First bytes of no known protocol.
    Junk: Client, None, Published, Warn, "junk";
    /// The TLS handshake failed, or a record could not be read.
    TlsFailed: Client, None, Published, Info, "tls_failed";
}

impl From<DecodeError> for Cause {
    /// The cause that a decoding error amounts to.
    fn from(error: DecodeError) -> Cause {
        match error.reason {
            Reason::ProtocolError => Cause::ProtocolError,
            Reason::UnsupportedProtocolVersion => Cause::UnsupportedVersion,
            Reason::ClientIdentifierNotValid => Cause::ClientIdRefused,
            Reason::TopicAliasInvalid => Cause::TopicAliasInvalid,
            Reason::PacketTooLarge => Cause::PacketTooLarge,
            Reason::PayloadFormatInvalid => Cause::PayloadFormatInvalid,
            _ => Cause::Malformed,
        }
    }
}

/// An end with its explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ending {
    /// Why.
    pub cause: Cause,
    /// A short fixed sentence for the log and the Reason String; may be empty.
    pub what: &'static str,
}

impl From<DecodeError> for Ending {
    fn from(error: DecodeError) -> Ending {
        Ending { cause: error.into(), what: error.what }
    }
}

impl From<Cause> for Ending {
    fn from(cause: Cause) -> Ending {
        Ending { cause, what: "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-3.14.4-3] only the client's own DISCONNECT 0x00 takes the will back.
    #[test]
    fn only_a_normal_disconnect_removes_the_will() {
        for &cause in Cause::ALL {
            let removed = cause.row().will == WillFate::Removed;
            assert_eq!(removed, cause == Cause::ClientDisconnect, "{cause:?}");
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = Cause::ALL.iter().map(|c| c.row().name).collect();
        assert_eq!(names.len(), Cause::ALL.len());
    }
}
