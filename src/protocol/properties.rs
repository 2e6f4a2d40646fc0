//! A whole property section: checked once, then read in place.
//!
//! Owns the check of sections and the typed look at them. Must never know what the table in `property` says.

use std::fmt;
use std::num::NonZeroU16;

use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::property::{Place, Property, Row, Value};
use crate::reader::Reader;
use crate::version::Qos;
use crate::writer::{length_len, put_length};

const VALIDATED: &str = "a property section is checked before it is read";

/// A property section that has been checked, still encoded, without its length in front. Every question walks
/// the section, which is a handful of properties long; nothing is allocated.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Properties<'a> {
    section: &'a [u8],
}

impl<'a> Properties<'a> {
    /// No properties: what every packet before 5.0 has.
    pub const EMPTY: Properties<'static> = Properties { section: &[] };

    /// Checks a section that stands, or stood, at this place.
    ///
    /// # Errors
    /// 0x81 for an identifier that is unknown or not of this place, for a value cut short and for bad
    /// strings; 0x82 for one too many and for a value out of range; 0x94 for topic alias 0.
    pub fn parse(section: &'a [u8], place: Place) -> Result<Properties<'a>, DecodeError> {
        let mut reader = Reader::new(section);
        let mut seen = 0_u64;
        while !reader.is_empty() {
            let id = reader.u8()?;
            let row = Row::of(id).ok_or(DecodeError::malformed("unknown property identifier"))?;
            row.check_place(place)?;
            if seen & (1 << id) != 0 && !may_repeat(id, place) {
                return Err(row.repeated());
            }
            seen |= 1 << id;
            row.check_value(Value::read(row.kind, &mut reader)?)?;
        }
        Ok(Properties { section })
    }

    /// Reads and checks a section with its length in front.
    pub(crate) fn read(reader: &mut Reader<'a>, place: Place) -> Result<Properties<'a>, DecodeError> {
        match reader.length()? {
            0 => Ok(Properties::EMPTY),
            len => Properties::parse(reader.take(len)?, place),
        }
    }

    /// The encoded properties, without the length in front.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.section
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.section.is_empty()
    }

    /// All properties in their order.
    pub fn iter(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        self.raw().map(Raw::decode)
    }

    /// Bytes of the section with its length in front.
    pub(crate) const fn encoded_len(&self) -> usize {
        length_len(self.section.len()) + self.section.len()
    }

    /// Writes the section with its length in front; none is written as length 0 [MQTT-2.2.2-1].
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_length(out, self.section.len());
        out.extend_from_slice(self.section);
    }

    /// Appends, still encoded and in their order, those properties of a PUBLISH or a will that travel to
    /// subscribers unchanged: payload format, content type, response topic, correlation data and user
    /// properties [MQTT-3.3.2-4], [MQTT-3.3.2-15] to [MQTT-3.3.2-18], [MQTT-3.3.2-20].
    pub fn passed_on(&self, out: &mut Vec<u8>) {
        for raw in self.raw().filter(|raw| matches!(raw.id(), 0x01 | 0x03 | 0x08 | 0x09 | 0x26)) {
            out.extend_from_slice(raw.bytes);
        }
    }

    fn raw(&self) -> RawIter<'a> {
        RawIter { rest: self.section }
    }

    #[inline]
    fn find(&self, id: u8) -> Option<Property<'a>> {
        // Most packets have none, and to find that out is not worth a call.
        if self.is_empty() { None } else { self.search(id) }
    }

    #[inline(never)]
    fn search(&self, id: u8) -> Option<Property<'a>> {
        self.raw().find(|raw| raw.id() == id).map(Raw::decode)
    }
}

/// User properties may repeat everywhere, subscription identifiers from server to client.
fn may_repeat(id: u8, place: Place) -> bool {
    match id {
        0x26 => true,
        0x0B => place == Place::Packet(PacketType::Publish),
        _ => false,
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// One property, still encoded.
#[derive(Clone, Copy)]
struct Raw<'a> {
    bytes: &'a [u8],
}

impl<'a> Raw<'a> {
    fn id(self) -> u8 {
        self.bytes[0]
    }

    fn decode(self) -> Property<'a> {
        let row = Row::of(self.id()).expect(VALIDATED);
        let value = Value::read(row.kind, &mut Reader::new(&self.bytes[1..])).expect(VALIDATED);
        Property::new(self.id(), value)
    }
}

/// Walks a checked section without looking at the values.
struct RawIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for RawIter<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let (&id, values) = self.rest.split_first()?;
        let value_len = Row::of(id).and_then(|row| row.kind.len(values)).expect(VALIDATED);
        let (bytes, rest) = self.rest.split_at(1 + value_len);
        self.rest = rest;
        Some(Raw { bytes })
    }
}

macro_rules! getters {
    ($($(#[$doc:meta])* $name:ident: $type:ty =
       $id:literal, $variant:ident($value:ident) => $result:expr;)*) => {
        /// The single properties by name; `None` where the section does not have it.
        impl<'a> Properties<'a> {
            $($(#[$doc])*
            #[inline]
            pub fn $name(&self) -> Option<$type> {
                match self.find($id)? {
                    Property::$variant($value) => $result,
                    _ => None,
                }
            })*
        }
    };
}

getters! {
    /// Payload Format Indicator: 0 for bytes, 1 for UTF-8 text.
    payload_format: u8 = 0x01, PayloadFormat(value) => Some(value);
    /// Message Expiry Interval in seconds.
    message_expiry_s: u32 = 0x02, MessageExpiry(seconds) => Some(seconds);
    /// Content Type.
    content_type: &'a str = 0x03, ContentType(text) => Some(text);
    /// Response Topic: a valid topic name.
    response_topic: &'a str = 0x08, ResponseTopic(topic) => Some(topic);
    /// Correlation Data.
    correlation_data: &'a [u8] = 0x09, CorrelationData(bytes) => Some(bytes);
    /// The first Subscription Identifier, 1 to 268,435,455; a SUBSCRIBE has at most this one.
    subscription_id: u32 = 0x0B, SubscriptionId(id) => Some(id);
    /// Session Expiry Interval in seconds; `u32::MAX` is for ever.
    session_expiry_s: u32 = 0x11, SessionExpiry(seconds) => Some(seconds);
    /// Assigned Client Identifier.
    assigned_client_id: &'a str = 0x12, AssignedClientId(text) => Some(text);
    /// Server Keep Alive in seconds.
    server_keep_alive_s: u16 = 0x13, ServerKeepAlive(seconds) => Some(seconds);
    /// Authentication Method.
    authentication_method: &'a str = 0x15, AuthenticationMethod(text) => Some(text);
    /// Authentication Data.
    authentication_data: &'a [u8] = 0x16, AuthenticationData(bytes) => Some(bytes);
    /// Request Problem Information; absent means true.
    request_problem_information: bool = 0x17, RequestProblemInformation(value) => Some(value == 1);
    /// Will Delay Interval in seconds.
    will_delay_s: u32 = 0x18, WillDelay(seconds) => Some(seconds);
    /// Request Response Information; absent means false.
    request_response_information: bool = 0x19, RequestResponseInformation(value) => Some(value == 1);
    /// Response Information.
    response_information: &'a str = 0x1A, ResponseInformation(text) => Some(text);
    /// Server Reference.
    server_reference: &'a str = 0x1C, ServerReference(text) => Some(text);
    /// Reason String.
    reason_string: &'a str = 0x1F, ReasonString(text) => Some(text);
    /// Receive Maximum; absent means 65,535.
    receive_maximum: NonZeroU16 = 0x21, ReceiveMaximum(count) => NonZeroU16::new(count);
    /// Topic Alias Maximum; absent means 0, no alias.
    topic_alias_maximum: u16 = 0x22, TopicAliasMaximum(alias) => Some(alias);
    /// Topic Alias.
    topic_alias: NonZeroU16 = 0x23, TopicAlias(alias) => NonZeroU16::new(alias);
    /// Maximum QoS; absent means QoS 2.
    maximum_qos: Qos = 0x24, MaximumQos(value) => Qos::from_bits(value);
    /// Retain Available; absent means true.
    retain_available: bool = 0x25, RetainAvailable(value) => Some(value == 1);
    /// Maximum Packet Size in bytes, at least 1; absent means no limit.
    maximum_packet_size: u32 = 0x27, MaximumPacketSize(bytes) => Some(bytes);
    /// Wildcard Subscription Available; absent means true.
    wildcard_subscription_available: bool = 0x28, WildcardSubscriptionAvailable(value) => Some(value == 1);
    /// Subscription Identifier Available; absent means true.
    subscription_id_available: bool = 0x29, SubscriptionIdAvailable(value) => Some(value == 1);
    /// Shared Subscription Available; absent means true.
    shared_subscription_available: bool = 0x2A, SharedSubscriptionAvailable(value) => Some(value == 1);
}

impl<'a> Properties<'a> {
    /// All Subscription Identifiers, each 1 to 268,435,455.
    pub fn subscription_ids(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.raw().filter(|raw| raw.id() == 0x0B).filter_map(|raw| match raw.decode() {
            Property::SubscriptionId(id) => Some(id),
            _ => None,
        })
    }

    /// All User Properties as name and value, in their order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.raw().filter(|raw| raw.id() == 0x26).filter_map(|raw| match raw.decode() {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }
}

/// Builds a property section. What is pushed is ours to get right: a value of the right type at the right
/// place.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PropertyBuf {
    section: Vec<u8>,
}

impl PropertyBuf {
    /// An empty section; allocates with the first property.
    pub const fn new() -> PropertyBuf {
        PropertyBuf { section: Vec::new() }
    }

    /// Appends one property.
    ///
    /// # Panics
    /// If it does not [fit](Property::fits), or a string holds U+0000.
    pub fn push(&mut self, property: Property<'_>) -> &mut PropertyBuf {
        property.put(&mut self.section);
        self
    }

    /// Forgets all properties and keeps the memory.
    pub fn clear(&mut self) {
        self.section.clear();
    }

    /// The section as a packet carries it.
    pub fn as_properties(&self) -> Properties<'_> {
        Properties { section: &self.section }
    }
}

impl fmt::Debug for PropertyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_properties().fmt(f)
    }
}

#[cfg(test)]
mod tests;
