//! The properties of MQTT 5.0, section 2.2.2: one table.
//!
//! Owns identifiers, types, allowed values and in which packets a property may stand. Must never know what a
//! property makes a server do.

use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::reader::Reader;
use crate::topic;
use crate::writer::{
    FIELD_BYTES_MAX, binary_len, length_len, put_binary, put_length, put_string, put_u16, put_u32,
};

/// Where a property section stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the variable header of a packet of this type.
    Packet(PacketType),
    /// In front of the will topic of a CONNECT.
    Will,
}

/// Bit 0 belongs to no packet type.
const WILL: u16 = 1;

impl Place {
    const fn bit(self) -> u16 {
        match self {
            Place::Packet(kind) => kind.bit(),
            Place::Will => WILL,
        }
    }
}

/// The data type of a property's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Byte,
    TwoByte,
    FourByte,
    Length,
    Text,
    Binary,
    Pair,
}

impl Kind {
    /// Bytes of the value at the start of `bytes`; `None` if they do not hold it whole.
    pub(crate) fn len(self, bytes: &[u8]) -> Option<usize> {
        let field_len = |bytes: &[u8]| Some(2 + usize::from(u16::from_be_bytes(*bytes.first_chunk()?)));
        match self {
            Kind::Byte => Some(1),
            Kind::TwoByte => Some(2),
            Kind::FourByte => Some(4),
            Kind::Length => bytes.iter().position(|byte| byte & 0x80 == 0).map(|last| last + 1),
            Kind::Text | Kind::Binary => field_len(bytes),
            Kind::Pair => {
                let name_len = field_len(bytes)?;
                Some(name_len + field_len(bytes.get(name_len..)?)?)
            }
        }
    }
}

/// A value apart from its identifier.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Byte(u8),
    TwoByte(u16),
    FourByte(u32),
    Length(u32),
    Text(&'a str),
    Binary(&'a [u8]),
    Pair(&'a str, &'a str),
}

impl<'a> Value<'a> {
    pub(crate) fn read(kind: Kind, reader: &mut Reader<'a>) -> Result<Value<'a>, DecodeError> {
        Ok(match kind {
            Kind::Byte => Value::Byte(reader.u8()?),
            Kind::TwoByte => Value::TwoByte(reader.u16()?),
            Kind::FourByte => Value::FourByte(reader.u32()?),
            Kind::Length => Value::Length(reader.length()? as u32),
            Kind::Text => Value::Text(reader.string()?),
            Kind::Binary => Value::Binary(reader.binary()?),
            Kind::Pair => Value::Pair(reader.string()?, reader.string()?),
        })
    }

    fn fits(self) -> bool {
        let fits = |bytes: &[u8]| bytes.len() <= FIELD_BYTES_MAX;
        match self {
            Value::Byte(_) | Value::TwoByte(_) | Value::FourByte(_) | Value::Length(_) => true,
            Value::Text(text) => fits(text.as_bytes()),
            Value::Binary(bytes) => fits(bytes),
            Value::Pair(name, value) => fits(name.as_bytes()) && fits(value.as_bytes()),
        }
    }

    fn encoded_len(self) -> usize {
        match self {
            Value::Byte(_) => 1,
            Value::TwoByte(_) => 2,
            Value::FourByte(_) => 4,
            Value::Length(value) => length_len(value as usize),
            Value::Text(text) => binary_len(text.as_bytes()),
            Value::Binary(bytes) => binary_len(bytes),
            Value::Pair(name, value) => binary_len(name.as_bytes()) + binary_len(value.as_bytes()),
        }
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Value::Byte(value) => out.push(value),
            Value::TwoByte(value) => put_u16(out, value),
            Value::FourByte(value) => put_u32(out, value),
            Value::Length(value) => put_length(out, value as usize),
            Value::Text(text) => put_string(out, text),
            Value::Binary(bytes) => put_binary(out, bytes),
            Value::Pair(name, value) => {
                put_string(out, name);
                put_string(out, value);
            }
        }
    }
}

/// What a value must be beyond its type.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Any,
    /// 0 or 1.
    Flag,
    NotZero,
    /// Not zero, with a reason code of its own.
    Alias,
    /// A topic name: not empty, no wildcard.
    TopicName,
}

/// The facts of one property.
pub(crate) struct Row {
    pub(crate) kind: Kind,
    /// The packets that may carry it, one bit per type and [`WILL`].
    places: u16,
    rule: Rule,
    misplaced: &'static str,
    repeated: &'static str,
    out_of_range: &'static str,
}

macro_rules! properties {
    ($($(#[$doc:meta])* $variant:ident($($field:ident: $type:ty),+) =
       $id:literal, $name:literal, $kind:ident, $rule:ident,
       in [$($packet:ident)*] $(+ $will:ident)?;)*) => {
        /// One property with its value, section 2.2.2.2.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Property<'a> { $($(#[$doc])* $variant($($type),+),)* }

        impl<'a> Property<'a> {
            /// The identifier on the wire.
            pub const fn id(&self) -> u8 {
                match self { $(Property::$variant(..) => $id,)* }
            }

            #[inline(always)] // Its callers then ask for one kind of property.
            fn value(self) -> Value<'a> {
                match self { $(Property::$variant($($field),+) => Value::$kind($($field),+),)* }
            }

            /// Puts an identifier and a value of its kind together.
            pub(crate) fn new(id: u8, value: Value<'a>) -> Property<'a> {
                match (id, value) {
                    $(($id, Value::$kind($($field),+)) => Property::$variant($($field),+),)*
                    _ => panic!("property {id:#04x} does not have the value {value:?}"),
                }
            }
        }

        impl Row {
            /// The row of an identifier; `None` if the standard has no such property.
            pub(crate) fn of(id: u8) -> Option<&'static Row> {
                match id {
                    $($id => Some(&const { Row {
                        kind: Kind::$kind,
                        places: 0 $(| PacketType::$packet.bit())* $(| $will)?,
                        rule: Rule::$rule,
                        misplaced: concat!($name, " is not allowed in this packet"),
                        repeated: concat!($name, " comes more than once"),
                        out_of_range: concat!($name, " has a value that is not allowed"),
                    } }),)*
                    _ => None,
                }
            }
        }
    };
}

properties! {
    /// 0x01: 0 for bytes of unknown kind, 1 for UTF-8 text.
    PayloadFormat(value: u8) = 0x01, "Payload Format Indicator", Byte, Flag, in [Publish] + WILL;
    /// 0x02: seconds until the message is stale.
    MessageExpiry(seconds: u32) = 0x02, "Message Expiry Interval", FourByte, Any, in [Publish] + WILL;
    /// 0x03: what the payload is, as the sender names it.
    ContentType(text: &'a str) = 0x03, "Content Type", Text, Any, in [Publish] + WILL;
    /// 0x08: the topic name for an answer [MQTT-3.3.2-14].
    ResponseTopic(topic: &'a str) = 0x08, "Response Topic", Text, TopicName, in [Publish] + WILL;
    /// 0x09: tells an asker which question an answer belongs to.
    CorrelationData(bytes: &'a [u8]) = 0x09, "Correlation Data", Binary, Any, in [Publish] + WILL;
    /// 0x0B: 1 to 268,435,455; several only from server to client.
    SubscriptionId(id: u32) = 0x0B, "Subscription Identifier", Length, NotZero, in [Publish Subscribe];
    /// 0x11: seconds the session outlives the connection; 4,294,967,295 is for ever.
    SessionExpiry(seconds: u32) = 0x11, "Session Expiry Interval", FourByte, Any,
        in [Connect Connack Disconnect];
    /// 0x12: the client identifier the server chose.
    AssignedClientId(text: &'a str) = 0x12, "Assigned Client Identifier", Text, Any, in [Connack];
    /// 0x13: seconds, in place of the client's own keep alive.
    ServerKeepAlive(seconds: u16) = 0x13, "Server Keep Alive", TwoByte, Any, in [Connack];
    /// 0x15: the name of a method of enhanced authentication.
    AuthenticationMethod(text: &'a str) = 0x15, "Authentication Method", Text, Any, in [Connect Connack Auth];
    /// 0x16: data of that method.
    AuthenticationData(bytes: &'a [u8]) = 0x16, "Authentication Data", Binary, Any, in [Connect Connack Auth];
    /// 0x17: 0 keeps reason strings and user properties out of acknowledgements.
    RequestProblemInformation(value: u8) = 0x17, "Request Problem Information", Byte, Flag, in [Connect];
    /// 0x18: seconds between the end of the connection and the will.
    WillDelay(seconds: u32) = 0x18, "Will Delay Interval", FourByte, Any, in [] + WILL;
    /// 0x19: 1 asks for response information.
    RequestResponseInformation(value: u8) = 0x19, "Request Response Information", Byte, Flag, in [Connect];
    /// 0x1A: what a client may build response topics of.
    ResponseInformation(text: &'a str) = 0x1A, "Response Information", Text, Any, in [Connack];
    /// 0x1C: other servers, separated by spaces.
    ServerReference(text: &'a str) = 0x1C, "Server Reference", Text, Any, in [Connack Disconnect];
    /// 0x1F: words for a person.
    ReasonString(text: &'a str) = 0x1F, "Reason String", Text, Any,
        in [Connack Puback Pubrec Pubrel Pubcomp Suback Unsuback Disconnect Auth];
    /// 0x21: unacknowledged publishes the sender of this takes at once, 1 to 65,535.
    ReceiveMaximum(count: u16) = 0x21, "Receive Maximum", TwoByte, NotZero, in [Connect Connack];
    /// 0x22: highest topic alias the sender of this takes; 0 is none.
    TopicAliasMaximum(alias: u16) = 0x22, "Topic Alias Maximum", TwoByte, Any, in [Connect Connack];
    /// 0x23: stands for a topic name on this connection, 1 to 65,535 [MQTT-3.3.2-8].
    TopicAlias(alias: u16) = 0x23, "Topic Alias", TwoByte, Alias, in [Publish];
    /// 0x24: highest QoS the server takes, 0 or 1; absent for 2.
    MaximumQos(value: u8) = 0x24, "Maximum QoS", Byte, Flag, in [Connack];
    /// 0x25: whether retained messages are served.
    RetainAvailable(value: u8) = 0x25, "Retain Available", Byte, Flag, in [Connack];
    /// 0x26: any pair of strings, as often as wanted.
    UserProperty(name: &'a str, value: &'a str) = 0x26, "User Property", Pair, Any,
        in [Connect Connack Publish Puback Pubrec Pubrel Pubcomp Subscribe Suback Unsubscribe Unsuback
            Disconnect Auth] + WILL;
    /// 0x27: bytes of the largest packet the sender of this takes, 1 to 4,294,967,295.
    MaximumPacketSize(bytes: u32) = 0x27, "Maximum Packet Size", FourByte, NotZero, in [Connect Connack];
    /// 0x28: whether filters with wildcards are served.
    WildcardSubscriptionAvailable(value: u8) = 0x28, "Wildcard Subscription Available", Byte, Flag,
        in [Connack];
    /// 0x29: whether subscription identifiers are served.
    SubscriptionIdAvailable(value: u8) = 0x29, "Subscription Identifier Available", Byte, Flag, in [Connack];
    /// 0x2A: whether shared subscriptions are served.
    SharedSubscriptionAvailable(value: u8) = 0x2A, "Shared Subscription Available", Byte, Flag, in [Connack];
}

impl Row {
    /// The property must be one of this place.
    pub(crate) fn check_place(&self, place: Place) -> Result<(), DecodeError> {
        match self.places & place.bit() {
            0 => Err(DecodeError::malformed(self.misplaced)),
            _ => Ok(()),
        }
    }

    /// The value must be one the standard allows.
    pub(crate) fn check_value(&self, value: Value<'_>) -> Result<(), DecodeError> {
        match (self.rule, value) {
            (Rule::Flag, Value::Byte(2..))
            | (Rule::NotZero, Value::TwoByte(0) | Value::FourByte(0) | Value::Length(0)) => {
                Err(DecodeError::protocol(self.out_of_range))
            }
            (Rule::Alias, Value::TwoByte(0)) => Err(DecodeError::topic_alias("Topic Alias is 0")),
            (Rule::TopicName, Value::Text(text)) if !topic::is_valid_topic(text) => {
                Err(DecodeError::protocol(self.out_of_range))
            }
            _ => Ok(()),
        }
    }

    /// What is said of a second one where one is allowed.
    pub(crate) const fn repeated(&self) -> DecodeError {
        DecodeError::protocol(self.repeated)
    }
}

impl Property<'_> {
    /// Whether its strings and binary data have at most 65,535 bytes each, as they must to be written.
    pub fn fits(&self) -> bool {
        self.value().fits()
    }

    /// Bytes on the wire, identifier included.
    pub fn encoded_len(&self) -> usize {
        1 + self.value().encoded_len()
    }

    /// Writes identifier and value.
    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.push(self.id());
        self.value().put(out);
    }
}

#[cfg(test)]
mod tests;
