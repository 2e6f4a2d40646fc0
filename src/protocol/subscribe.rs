//! SUBSCRIBE, section 3.8.
//!
//! Owns its layout and the subscription options. Must never judge the syntax of a filter: that is answered
//! filter by filter in SUBACK.

use std::fmt;

use crate::body::{Body, PacketId};
use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::property::Place;
use crate::reader::Reader;
use crate::topic::SHARE_PREFIX;
use crate::version::{Qos, Version};
use crate::writer::{put_string, put_u16};

const QOS: u8 = 0b0000_0011;
const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_AS_PUBLISHED: u8 = 0b0000_1000;
const RETAIN_HANDLING_SHIFT: u32 = 4;
const RESERVED: u8 = 0b1100_0000;
const VALIDATED: &str = "filters are checked before they are read";

/// Filters to add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscribe<'a> {
    /// SUBACK repeats it.
    pub packet_id: PacketId,
    /// Subscription Identifier and User Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// At least one.
    pub filters: Filters<'a>,
}

/// When retained messages are sent for a subscription.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum RetainHandling {
    /// 0: at every SUBSCRIBE [MQTT-3.3.1-9]; so it is always before 5.0.
    #[default]
    Always = 0,
    /// 1: only if the subscription is new [MQTT-3.3.1-10].
    IfNew = 1,
    /// 2: not at all [MQTT-3.3.1-11].
    Never = 2,
}

/// What a client wants of one subscription. The default is QoS 0 and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SubscribeOptions {
    /// Highest quality of service wanted.
    pub qos: Qos,
    /// Leave out what this client published itself.
    pub no_local: bool,
    /// Forward the RETAIN flag as it was published.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

impl SubscribeOptions {
    /// The options of a byte; 0x82 for QoS or retain handling 3, 0x81 for reserved bits [MQTT-3.8.3-5].
    fn from_byte(byte: u8) -> Result<SubscribeOptions, DecodeError> {
        if byte & RESERVED != 0 {
            return Err(DecodeError::malformed("reserved subscription options are set"));
        }
        let retain_handling = match byte >> RETAIN_HANDLING_SHIFT {
            0 => RetainHandling::Always,
            1 => RetainHandling::IfNew,
            2 => RetainHandling::Never,
            _ => return Err(DecodeError::protocol("Retain Handling 3 is reserved")),
        };
        Ok(SubscribeOptions {
            qos: Qos::from_bits(byte & QOS).ok_or(DecodeError::protocol("a subscription at QoS 3"))?,
            no_local: byte & NO_LOCAL != 0,
            retain_as_published: byte & RETAIN_AS_PUBLISHED != 0,
            retain_handling,
        })
    }

    const fn as_byte(self) -> u8 {
        self.qos.bits()
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << RETAIN_HANDLING_SHIFT
    }
}

/// The filters of a SUBSCRIBE with their options: checked, still encoded, in the layout of 5.0, of which the
/// older one is the part without options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Filters<'a> {
    section: &'a [u8],
    count: usize,
}

impl<'a> Filters<'a> {
    fn read(reader: &mut Reader<'a>, version: Version) -> Result<Filters<'a>, DecodeError> {
        let section = reader.rest();
        let mut count = 0;
        while !reader.is_empty() {
            let (filter, byte) = (reader.string()?, reader.u8()?);
            if !version.is_v5() && byte & !QOS != 0 {
                return Err(DecodeError::malformed("reserved bits of a requested QoS are set"));
            }
            let options = SubscribeOptions::from_byte(byte)?;
            if options.no_local && filter.starts_with(SHARE_PREFIX) {
                return Err(DecodeError::protocol("No Local on a shared subscription"));
            }
            count += 1;
        }
        match count {
            0 => Err(DecodeError::protocol("SUBSCRIBE without a filter")),
            _ => Ok(Filters { section, count }),
        }
    }

    /// How many there are.
    #[expect(
        clippy::len_without_is_empty,
        reason = "a SUBSCRIBE without filters does not decode [MQTT-3.8.3-2]"
    )]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Filters and options in the order of the packet.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, SubscribeOptions)> + use<'a> {
        let mut reader = Reader::new(self.section);
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let filter = reader.string().expect(VALIDATED);
            let options = reader.u8().and_then(SubscribeOptions::from_byte).expect(VALIDATED);
            Some((filter, options))
        })
    }
}

impl fmt::Debug for Filters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Builds the filters of a SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FilterBuf {
    section: Vec<u8>,
    count: usize,
}

impl FilterBuf {
    /// No filter yet.
    pub const fn new() -> FilterBuf {
        FilterBuf { section: Vec::new(), count: 0 }
    }

    /// Appends one filter of at most 65,535 bytes.
    pub fn push(&mut self, filter: &str, options: SubscribeOptions) -> &mut FilterBuf {
        put_string(&mut self.section, filter);
        self.section.push(options.as_byte());
        self.count += 1;
        self
    }

    /// The filters as a packet carries them.
    pub fn as_filters(&self) -> Filters<'_> {
        Filters { section: &self.section, count: self.count }
    }
}

impl<'a> Subscribe<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, version: Version) -> Result<Subscribe<'a>, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Subscribe))?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        Ok(Subscribe { packet_id, properties, filters: Filters::read(reader, version)? })
    }
}

impl Body for Subscribe<'_> {
    fn body_len(&self, version: Version) -> usize {
        let properties = if version.is_v5() { self.properties.encoded_len() } else { 0 };
        2 + properties + self.filters.section.len()
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            self.properties.put(out);
            out.extend_from_slice(self.filters.section);
            return;
        }
        for (filter, options) in self.filters.iter() {
            put_string(out, filter);
            out.push(options.qos.bits());
        }
    }
}

#[cfg(test)]
mod tests;
