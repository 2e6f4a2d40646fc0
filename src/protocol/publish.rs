//! PUBLISH, section 3.3.
//!
//! Owns its layout. Must never know where a message goes; what a server sends to many is written by
//! `delivery`.

use crate::body::{Body, PacketId};
use crate::error::DecodeError;
use crate::frame::{DUP, Header, RETAIN};
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::property::Place;
use crate::reader::Reader;
use crate::version::{Qos, Version};
use crate::writer::{binary_len, put_string, put_u16};

/// A message on its way.
///
/// Subscription Identifiers are decoded, because servers send them; a server refuses them from clients
/// [MQTT-3.3.4-6].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publish<'a> {
    /// Whether it may have been sent before; never with QoS 0 [MQTT-3.3.1-2].
    pub dup: bool,
    /// Quality of service of this hop.
    pub qos: Qos,
    /// Whether it is to be retained, or was.
    pub retain: bool,
    /// A valid topic name, or empty if a Topic Alias stands for it.
    pub topic: &'a str,
    /// Present exactly with QoS 1 and 2 [MQTT-2.2.1-2].
    pub packet_id: Option<PacketId>,
    /// 5.0 only.
    pub properties: Properties<'a>,
    /// The application's bytes.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// The bytes of the topic name of a PUBLISH, not checked; `None` if `body` ends before they do.
    pub fn peek_topic(body: &[u8]) -> Option<&[u8]> {
        let (len, rest) = body.split_first_chunk()?;
        rest.get(..usize::from(u16::from_be_bytes(*len)))
    }

    /// Reads a PUBLISH as [`crate::Packet::decode`] does, for a caller who knows by the header that it is one. `known`
    /// may be a topic name that was found valid before: if the packet has the same, it is not checked again.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// If `body` is not as long as the header says, or belongs to another kind of packet.
    #[inline(always)] // What comes most: its callers decode nothing else.
    pub fn decode(
        header: &Header,
        body: &'a [u8],
        version: Version,
        known: Option<&'a str>,
    ) -> Result<Publish<'a>, DecodeError> {
        assert_eq!(header.body_len, body.len(), "the body is cut by its header");
        assert_eq!(header.kind, PacketType::Publish, "the header is that of a PUBLISH");
        header.check(version)?;
        Publish::read_knowing(header, &mut Reader::new(body), version, known)
    }

    pub(crate) fn read(
        header: &Header,
        reader: &mut Reader<'a>,
        version: Version,
    ) -> Result<Publish<'a>, DecodeError> {
        Publish::read_knowing(header, reader, version, None)
    }

    #[inline(always)]
    fn read_knowing(
        header: &Header,
        reader: &mut Reader<'a>,
        version: Version,
        known: Option<&'a str>,
    ) -> Result<Publish<'a>, DecodeError> {
        let qos = header.qos().ok_or(DecodeError::malformed("QoS 3 is reserved"))?;
        let topic = reader.topic_name(known)?;
        let packet_id = match qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce | Qos::ExactlyOnce => Some(reader.packet_id()?),
        };
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Publish))?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        check_topic(topic, &properties)?;
        let (dup, retain) = (header.flags & DUP != 0, header.flags & RETAIN != 0);
        Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload: reader.rest() })
    }

    pub(crate) fn first_byte(&self) -> u8 {
        Flags { dup: self.dup, qos: self.qos, retain: self.retain }.first_byte(self.packet_id)
    }
}

/// The topic is empty only where an alias stands for it, section 3.3.2.1.
fn check_topic(topic: &str, properties: &Properties<'_>) -> Result<(), DecodeError> {
    match topic.is_empty() && properties.topic_alias().is_none() {
        true => Err(DecodeError::protocol("an empty topic name without Topic Alias")),
        false => Ok(()),
    }
}

/// What the first byte of a PUBLISH tells.
#[derive(Clone, Copy)]
pub(crate) struct Flags {
    pub(crate) dup: bool,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
}

impl Flags {
    /// The first byte of a PUBLISH with this packet identifier: there is one exactly with QoS 1 and 2
    /// [MQTT-2.2.1-2], and only those are ever repeated [MQTT-3.3.1-2].
    pub(crate) fn first_byte(self, packet_id: Option<PacketId>) -> u8 {
        let acknowledged = self.qos > Qos::AtMostOnce;
        assert!(
            packet_id.is_some() == acknowledged,
            "a packet identifier comes with QoS 1 and 2 and only then"
        );
        assert!(acknowledged || !self.dup, "QoS 0 is never repeated");
        PacketType::Publish.first_byte()
            | u8::from(self.dup) << 3
            | self.qos.bits() << 1
            | u8::from(self.retain)
    }
}

impl Body for Publish<'_> {
    fn body_len(&self, version: Version) -> usize {
        let packet_id = if self.packet_id.is_some() { 2 } else { 0 };
        let properties = if version.is_v5() { self.properties.encoded_len() } else { 0 };
        binary_len(self.topic.as_bytes()) + packet_id + properties + self.payload.len()
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        put_string(out, self.topic);
        if let Some(packet_id) = self.packet_id {
            put_u16(out, packet_id.get());
        }
        if version.is_v5() {
            self.properties.put(out);
        }
        out.extend_from_slice(self.payload);
    }
}

#[cfg(test)]
mod tests;
