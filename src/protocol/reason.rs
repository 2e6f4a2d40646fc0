//! The reason codes of MQTT 5.0 and what older versions know of them: one table.
//!
//! Owns which code may stand in which packet, who may send it, and its 3.1.1 CONNACK return code. Must never
//! know when a code is sent.

use crate::packet_type::PacketType;

/// The facts of one reason code.
struct Row {
    name: &'static str,
    /// Packets that may carry it, one bit per packet type.
    packets: u16,
    /// Those of them in which a client may send it.
    client: u16,
    as_311_connack: Option<u8>,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal,
       in [$($packet:ident)*], client [$($client:ident)*], connack $old:expr;)*) => {
        /// A reason code, section 2.4. Where one byte has several names, as 0x00 has, the first is used.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $variant = $code,)* }

        impl Reason {
            /// Every code, in the order of the bytes.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The code of a byte; `None` for a byte that the standard does not list.
            pub const fn from_byte(byte: u8) -> Option<Reason> {
                match byte {
                    $($code => Some(Reason::$variant),)*
                    _ => None,
                }
            }

            const fn row(self) -> Row {
                match self {
                    $(Reason::$variant => Row {
                        name: $name,
                        packets: 0 $(| PacketType::$packet.bit())*,
                        client: 0 $(| PacketType::$client.bit())*,
                        as_311_connack: $old,
                    },)*
                }
            }
        }
    };
}

reasons! {
    /// 0x00: done; also normal disconnection and granted QoS 0.
    Success = 0x00, "Success",
        in [Connack Puback Pubrec Pubrel Pubcomp Suback Unsuback Disconnect Auth],
        client [Puback Pubrec Pubrel Pubcomp Disconnect], connack Some(0);
    /// 0x01: accepted at QoS 1.
    GrantedQos1 = 0x01, "Granted QoS 1", in [Suback], client [], connack None;
    /// 0x02: accepted at QoS 2.
    GrantedQos2 = 0x02, "Granted QoS 2", in [Suback], client [], connack None;
    /// 0x04: a normal end, but the will is published.
    DisconnectWithWill = 0x04, "Disconnect with Will Message",
        in [Disconnect], client [Disconnect], connack None;
    /// 0x10: accepted, nobody is subscribed.
    NoMatchingSubscribers = 0x10, "No matching subscribers", in [Puback Pubrec], client [], connack None;
    /// 0x11: the filter was not subscribed.
    NoSubscriptionExisted = 0x11, "No subscription existed", in [Unsuback], client [], connack None;
    /// 0x18: the next step of enhanced authentication.
    ContinueAuthentication = 0x18, "Continue authentication", in [Auth], client [Auth], connack None;
    /// 0x19: the start of re-authentication.
    Reauthenticate = 0x19, "Re-authenticate", in [Auth], client [Auth], connack None;
    /// 0x80: refused, no reason given.
    UnspecifiedError = 0x80, "Unspecified error",
        in [Connack Puback Pubrec Suback Unsuback Disconnect], client [Puback Pubrec Disconnect],
        connack Some(3);
    /// 0x81: the bytes cannot be parsed.
    MalformedPacket = 0x81, "Malformed Packet", in [Connack Disconnect], client [Disconnect], connack None;
    /// 0x82: parsable but not allowed here.
    ProtocolError = 0x82, "Protocol Error", in [Connack Disconnect], client [Disconnect], connack None;
    /// 0x83: valid but not accepted by this side.
    ImplementationSpecificError = 0x83, "Implementation specific error",
        in [Connack Puback Pubrec Suback Unsuback Disconnect], client [Puback Pubrec Disconnect],
        connack Some(3);
    /// 0x84: a version that is not served.
    UnsupportedProtocolVersion = 0x84, "Unsupported Protocol Version",
        in [Connack], client [], connack Some(1);
    /// 0x85: a client identifier that is well formed but not allowed.
    ClientIdentifierNotValid = 0x85, "Client Identifier not valid", in [Connack], client [], connack Some(2);
    /// 0x86: credentials refused.
    BadUserNameOrPassword = 0x86, "Bad User Name or Password", in [Connack], client [], connack Some(4);
    /// 0x87: no permission.
    NotAuthorized = 0x87, "Not authorized",
        in [Connack Puback Pubrec Suback Unsuback Disconnect], client [Puback Pubrec], connack Some(5);
    /// 0x88: the service does not run.
    ServerUnavailable = 0x88, "Server unavailable", in [Connack], client [], connack Some(3);
    /// 0x89: overload, try later.
    ServerBusy = 0x89, "Server busy", in [Connack Disconnect], client [], connack Some(3);
    /// 0x8A: blocked by an administrator.
    Banned = 0x8A, "Banned", in [Connack], client [], connack Some(5);
    /// 0x8B: a graceful stop.
    ServerShuttingDown = 0x8B, "Server shutting down", in [Disconnect], client [], connack None;
    /// 0x8C: an authentication method that is not served or not the current one. Section 2.4 lists it for
    /// DISCONNECT, the table of 3.14.2.1 does not; it is allowed here.
    BadAuthenticationMethod = 0x8C, "Bad authentication method",
        in [Connack Disconnect], client [], connack Some(5);
    /// 0x8D: silent for one and a half times the keep alive.
    KeepAliveTimeout = 0x8D, "Keep Alive timeout", in [Disconnect], client [], connack None;
    /// 0x8E: the same client identifier connected elsewhere.
    SessionTakenOver = 0x8E, "Session taken over", in [Disconnect], client [], connack None;
    /// 0x8F: a filter that is well formed but not accepted.
    TopicFilterInvalid = 0x8F, "Topic Filter invalid",
        in [Suback Unsuback Disconnect], client [], connack None;
    /// 0x90: a topic name that is well formed but not accepted.
    TopicNameInvalid = 0x90, "Topic Name invalid",
        in [Connack Puback Pubrec Disconnect], client [Puback Pubrec Disconnect], connack None;
    /// 0x91: the packet identifier is still busy.
    PacketIdentifierInUse = 0x91, "Packet Identifier in use",
        in [Puback Pubrec Suback Unsuback], client [Puback Pubrec], connack None;
    /// 0x92: the packet identifier is unknown; harmless right after a reconnect.
    PacketIdentifierNotFound = 0x92, "Packet Identifier not found",
        in [Pubrel Pubcomp], client [Pubrel Pubcomp], connack None;
    /// 0x93: too many unacknowledged publishes.
    ReceiveMaximumExceeded = 0x93, "Receive Maximum exceeded",
        in [Disconnect], client [Disconnect], connack None;
    /// 0x94: an alias of 0 or above the announced maximum.
    TopicAliasInvalid = 0x94, "Topic Alias invalid", in [Disconnect], client [Disconnect], connack None;
    /// 0x95: above the announced maximum packet size.
    PacketTooLarge = 0x95, "Packet too large", in [Connack Disconnect], client [Disconnect], connack None;
    /// 0x96: above the rate limit.
    MessageRateTooHigh = 0x96, "Message rate too high", in [Disconnect], client [Disconnect], connack None;
    /// 0x97: a set limit is used up.
    QuotaExceeded = 0x97, "Quota exceeded",
        in [Connack Puback Pubrec Suback Disconnect], client [Puback Pubrec Disconnect], connack Some(3);
    /// 0x98: ended by an administrator.
    AdministrativeAction = 0x98, "Administrative action", in [Disconnect], client [Disconnect], connack None;
    /// 0x99: a payload that is not what its format indicator says.
    PayloadFormatInvalid = 0x99, "Payload format invalid",
        in [Connack Puback Pubrec Disconnect], client [Puback Pubrec Disconnect], connack None;
    /// 0x9A: RETAIN where retained messages are off.
    RetainNotSupported = 0x9A, "Retain not supported", in [Connack Disconnect], client [], connack None;
    /// 0x9B: a QoS above the announced maximum.
    QosNotSupported = 0x9B, "QoS not supported", in [Connack Disconnect], client [], connack None;
    /// 0x9C: go elsewhere for now.
    UseAnotherServer = 0x9C, "Use another server", in [Connack Disconnect], client [], connack Some(3);
    /// 0x9D: go elsewhere for good.
    ServerMoved = 0x9D, "Server moved", in [Connack Disconnect], client [], connack Some(3);
    /// 0x9E: a shared filter where they are off.
    SharedSubscriptionsNotSupported = 0x9E, "Shared Subscriptions not supported",
        in [Suback Disconnect], client [], connack None;
    /// 0x9F: too many connects in a given time.
    ConnectionRateExceeded = 0x9F, "Connection rate exceeded",
        in [Connack Disconnect], client [], connack Some(3);
    /// 0xA0: the allowed time of a connection is over.
    MaximumConnectTime = 0xA0, "Maximum connect time", in [Disconnect], client [], connack None;
    /// 0xA1: a subscription identifier where they are off.
    SubscriptionIdentifiersNotSupported = 0xA1, "Subscription Identifiers not supported",
        in [Suback Disconnect], client [], connack None;
    /// 0xA2: a wildcard filter where they are off.
    WildcardSubscriptionsNotSupported = 0xA2, "Wildcard Subscriptions not supported",
        in [Suback Disconnect], client [], connack None;
}

impl Reason {
    /// The byte on the wire.
    pub const fn as_byte(self) -> u8 {
        self as u8
    }

    /// The name the standard gives it.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether it tells of a failure: 0x80 or above.
    pub const fn is_error(self) -> bool {
        self.as_byte() >= 0x80
    }

    /// Whether a packet of this type may carry it, in one direction at least.
    pub const fn allowed_in(self, kind: PacketType) -> bool {
        self.row().packets & kind.bit() != 0
    }

    /// Whether a client may send it in a packet of this type.
    pub const fn client_may_send(self, kind: PacketType) -> bool {
        self.row().client & kind.bit() != 0
    }

    /// The CONNACK return code, 0 to 5, by which a 3.1 or 3.1.1 client is told the same; `None` where no code
    /// fits and the connection is closed without CONNACK [MQTT-3.2.2-6 of 3.1.1].
    pub const fn as_311_connack(self) -> Option<u8> {
        self.row().as_311_connack
    }

    /// What a CONNACK return code of 3.1 or 3.1.1 means; `None` above 5.
    pub const fn from_311_connack(code: u8) -> Option<Reason> {
        match code {
            0 => Some(Reason::Success),
            1 => Some(Reason::UnsupportedProtocolVersion),
            2 => Some(Reason::ClientIdentifierNotValid),
            3 => Some(Reason::ServerUnavailable),
            4 => Some(Reason::BadUserNameOrPassword),
            5 => Some(Reason::NotAuthorized),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
