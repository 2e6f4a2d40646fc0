//! CONNECT and the will inside it, section 3.1.
//!
//! Owns its layout in all versions. Must never know who may connect.

use crate::body::Body;
use crate::error::DecodeError;
use crate::frame::Header;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::property::Place;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::version::{Qos, Version};
use crate::writer::{binary_len, put_binary, put_string, put_u16};

/// In the protocol level.
const BRIDGE: u8 = 0b1000_0000;

const RESERVED: u8 = 0b0000_0001;
const CLEAN_START: u8 = 0b0000_0010;
const WILL: u8 = 0b0000_0100;
const WILL_QOS: u8 = 0b0001_1000;
const WILL_QOS_SHIFT: u32 = 3;
const WILL_RETAIN: u8 = 0b0010_0000;
const PASSWORD: u8 = 0b0100_0000;
const USER_NAME: u8 = 0b1000_0000;

/// The first packet of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connect<'a> {
    /// The version that the connection speaks from here on.
    pub version: Version,
    /// Bit 7 of the protocol level, outside the standard: a bridge of mosquitto's kind, in 3.1 and 3.1.1 only. It wants none of
    /// its own messages back, and RETAIN as published.
    pub is_bridge: bool,
    /// Clean Start; CleanSession before 5.0.
    pub clean_start: bool,
    /// Longest silence of the client in seconds; 0 for no limit.
    pub keep_alive_s: u16,
    /// What the client asks for and takes; 5.0 only.
    pub properties: Properties<'a>,
    /// May be empty: then the server chooses one, or refuses.
    pub client_id: &'a str,
    /// The message for the case that the connection does not end normally.
    pub will: Option<Will<'a>>,
    /// The user name.
    pub user_name: Option<&'a str>,
    /// The password, which is any bytes; before 5.0 only with a user name [MQTT-3.1.2-22 of 3.1.1].
    pub password: Option<&'a [u8]>,
}

/// The will of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Will<'a> {
    /// Quality of service it is published at.
    pub qos: Qos,
    /// Whether it is retained.
    pub retain: bool,
    /// Will Delay Interval and what a PUBLISH may carry; 5.0 only.
    pub properties: Properties<'a>,
    /// A valid topic name.
    pub topic: &'a str,
    /// The payload, at most 65,535 bytes.
    pub payload: &'a [u8],
}

/// Connect Flags whose reserved combinations have been refused.
#[derive(Clone, Copy)]
struct Flags(u8);

impl Flags {
    fn read(reader: &mut Reader<'_>, version: Version) -> Result<Flags, DecodeError> {
        let flags = Flags(reader.u8()?);
        // The text of 3.1 calls it unused.
        let wrong = if flags.has(RESERVED) && version != Version::V31 {
            "the reserved connect flag is set"
        } else if !flags.has(WILL) && flags.has(WILL_QOS | WILL_RETAIN) {
            "Will QoS or Will Retain without Will Flag"
        } else if flags.will_qos().is_none() {
            "Will QoS 3 is reserved"
        } else if !version.is_v5() && flags.has(PASSWORD) && !flags.has(USER_NAME) {
            "a password without user name"
        } else {
            return Ok(flags);
        };
        Err(DecodeError::malformed(wrong))
    }

    /// Whether any of these bits is set.
    const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    const fn will_qos(self) -> Option<Qos> {
        Qos::from_bits((self.0 & WILL_QOS) >> WILL_QOS_SHIFT)
    }
}

impl<'a> Connect<'a> {
    /// The version in whose layout the sender of a CONNECT body can read a refusal, whatever else is wrong with it
    /// [MQTT-3.1.2-2]. None: it is closed without an answer, since the body ends before the level does, or has a name that no
    /// version below 5.0 has with this level [MQTT-3.1.4-1 of 3.1.1].
    pub fn refusal_version(body: &[u8]) -> Option<Version> {
        let mut reader = Reader::new(body);
        let name = reader.binary().ok()?;
        match split_level(reader.u8().ok()?).0 {
            5.. => Some(Version::V5),
            3 if name == Version::V31.name().as_bytes() => Some(Version::V31),
            _ if name == Version::V311.name().as_bytes() => Some(Version::V311),
            _ => None,
        }
    }

    pub(crate) fn read(header: &Header, reader: &mut Reader<'a>) -> Result<Connect<'a>, DecodeError> {
        let (version, is_bridge) = read_version(reader)?;
        header.check(version)?;
        let flags = Flags::read(reader, version)?;
        let keep_alive_s = reader.u16()?;
        let properties = read_properties(reader, version)?;
        Ok(Connect {
            version,
            is_bridge,
            clean_start: flags.has(CLEAN_START),
            keep_alive_s,
            properties,
            client_id: reader.string()?,
            will: flags.has(WILL).then(|| Will::read(flags, reader, version)).transpose()?,
            user_name: flags.has(USER_NAME).then(|| reader.string()).transpose()?,
            password: flags.has(PASSWORD).then(|| reader.binary()).transpose()?,
        })
    }

    fn flags(&self) -> u8 {
        let will = self.will.map_or(0, |will| {
            WILL | will.qos.bits() << WILL_QOS_SHIFT | if will.retain { WILL_RETAIN } else { 0 }
        });
        will | if self.clean_start { CLEAN_START } else { 0 }
            | if self.user_name.is_some() { USER_NAME } else { 0 }
            | if self.password.is_some() { PASSWORD } else { 0 }
    }
}

/// Protocol name and level must be those of one version [MQTT-3.1.2-1], [MQTT-3.1.2-2].
fn read_version(reader: &mut Reader<'_>) -> Result<(Version, bool), DecodeError> {
    let refuse = |what| DecodeError { reason: Reason::UnsupportedProtocolVersion, what };
    let name = reader.binary()?;
    let (level, is_bridge) = split_level(reader.u8()?);
    if Version::ALL.iter().all(|version| version.name().as_bytes() != name) {
        return Err(refuse("a protocol name that is not MQTT"));
    }
    Version::from_level(level)
        .filter(|version| version.name().as_bytes() == name)
        .map(|version| (version, is_bridge))
        .ok_or(refuse("a protocol level that is not served"))
}

/// A level without the bridge bit, and that bit. In 5.0 No Local and Retain As Published take its place.
const fn split_level(level: u8) -> (u8, bool) {
    match level & !BRIDGE {
        plain @ (3 | 4) => (plain, level & BRIDGE != 0),
        _ => (level, false),
    }
}

fn read_properties<'a>(reader: &mut Reader<'a>, version: Version) -> Result<Properties<'a>, DecodeError> {
    if !version.is_v5() {
        return Ok(Properties::EMPTY);
    }
    let properties = Properties::read(reader, Place::Packet(PacketType::Connect))?;
    match (properties.authentication_method(), properties.authentication_data()) {
        (None, Some(_)) => Err(DecodeError::protocol("Authentication Data without Authentication Method")),
        _ => Ok(properties),
    }
}

impl<'a> Will<'a> {
    fn read(flags: Flags, reader: &mut Reader<'a>, version: Version) -> Result<Will<'a>, DecodeError> {
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Will)?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        let topic = reader.topic_name(None)?;
        let payload = reader.binary()?;
        if topic.is_empty() {
            return Err(DecodeError::protocol("the will topic is empty"));
        }
        let qos = flags.will_qos().expect("will QoS 3 has been refused");
        Ok(Will { qos, retain: flags.has(WILL_RETAIN), properties, topic, payload })
    }

    fn body_len(&self, version: Version) -> usize {
        let properties = if version.is_v5() { self.properties.encoded_len() } else { 0 };
        properties + binary_len(self.topic.as_bytes()) + binary_len(self.payload)
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        if version.is_v5() {
            self.properties.put(out);
        }
        put_string(out, self.topic);
        put_binary(out, self.payload);
    }
}

impl Body for Connect<'_> {
    fn body_len(&self, _: Version) -> usize {
        let properties = if self.version.is_v5() { self.properties.encoded_len() } else { 0 };
        binary_len(self.version.name().as_bytes())
            + 4
            + properties
            + binary_len(self.client_id.as_bytes())
            + self.will.map_or(0, |will| will.body_len(self.version))
            + self.user_name.map_or(0, |name| binary_len(name.as_bytes()))
            + self.password.map_or(0, binary_len)
    }

    fn put(&self, _: Version, out: &mut Vec<u8>) {
        put_string(out, self.version.name());
        let bridge = if self.is_bridge { BRIDGE } else { 0 };
        out.extend_from_slice(&[self.version.level() | bridge, self.flags()]);
        put_u16(out, self.keep_alive_s);
        if self.version.is_v5() {
            self.properties.put(out);
        }
        put_string(out, self.client_id);
        if let Some(will) = &self.will {
            will.put(self.version, out);
        }
        if let Some(name) = self.user_name {
            put_string(out, name);
        }
        if let Some(password) = self.password {
            put_binary(out, password);
        }
    }
}

#[cfg(test)]
mod tests;
