//! UNSUBSCRIBE, section 3.10.
//!
//! Owns its layout. Must never judge the syntax of a filter: filters are compared as text [MQTT-3.10.4-1].

use std::fmt;

use crate::body::{Body, PacketId};
use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::property::Place;
use crate::reader::Reader;
use crate::version::Version;
use crate::writer::{put_string, put_u16};

/// Filters to remove.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsubscribe<'a> {
    /// UNSUBACK repeats it.
    pub packet_id: PacketId,
    /// User Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// At least one.
    pub filters: TopicFilters<'a>,
}

/// The filters of an UNSUBSCRIBE: checked, still encoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TopicFilters<'a> {
    section: &'a [u8],
    count: usize,
}

impl<'a> TopicFilters<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<TopicFilters<'a>, DecodeError> {
        let section = reader.rest();
        let mut count = 0;
        while !reader.is_empty() {
            reader.string()?;
            count += 1;
        }
        match count {
            0 => Err(DecodeError::protocol("UNSUBSCRIBE without a filter")),
            _ => Ok(TopicFilters { section, count }),
        }
    }

    /// How many there are.
    #[expect(
        clippy::len_without_is_empty,
        reason = "an UNSUBSCRIBE without filters does not decode [MQTT-3.10.3-2]"
    )]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// The filters in the order of the packet.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = Reader::new(self.section);
        std::iter::from_fn(move || {
            (!reader.is_empty()).then(|| reader.string().expect("filters are checked before they are read"))
        })
    }
}

impl fmt::Debug for TopicFilters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Builds the filters of an UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TopicFilterBuf {
    section: Vec<u8>,
    count: usize,
}

impl TopicFilterBuf {
    /// No filter yet.
    pub const fn new() -> TopicFilterBuf {
        TopicFilterBuf { section: Vec::new(), count: 0 }
    }

    /// Appends one filter of at most 65,535 bytes.
    pub fn push(&mut self, filter: &str) -> &mut TopicFilterBuf {
        put_string(&mut self.section, filter);
        self.count += 1;
        self
    }

    /// The filters as a packet carries them.
    pub fn as_filters(&self) -> TopicFilters<'_> {
        TopicFilters { section: &self.section, count: self.count }
    }
}

impl<'a> Unsubscribe<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, version: Version) -> Result<Unsubscribe<'a>, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Unsubscribe))?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        Ok(Unsubscribe { packet_id, properties, filters: TopicFilters::read(reader)? })
    }
}

impl Body for Unsubscribe<'_> {
    fn body_len(&self, version: Version) -> usize {
        let properties = if version.is_v5() { self.properties.encoded_len() } else { 0 };
        2 + properties + self.filters.section.len()
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            self.properties.put(out);
        }
        out.extend_from_slice(self.filters.section);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use crate::reason::Reason;
    use crate::testing::{check_golden, id, refusal};

    #[test]
    fn golden_bytes_of_each_version() {
        let mut filters = TopicFilterBuf::new();
        filters.push("a/+").push("$share/g/b");
        let unsubscribe =
            Unsubscribe { packet_id: id(2), properties: Properties::EMPTY, filters: filters.as_filters() };
        let packet = Packet::Unsubscribe(unsubscribe);
        check_golden(&packet, Version::V5, b"\xA2\x14\0\x02\0\0\x03a/+\0\x0A$share/g/b");
        check_golden(&packet, Version::V311, b"\xA2\x13\0\x02\0\x03a/+\0\x0A$share/g/b");
        assert!(unsubscribe.filters.iter().eq(["a/+", "$share/g/b"]));
        assert_eq!(unsubscribe.filters.len(), 2);
        assert_eq!(format!("{:?}", unsubscribe.filters), r#"["a/+", "$share/g/b"]"#);
    }

    /// [MQTT-3.10.3-2] at least one filter; [MQTT-3.10.3-1] UTF-8; [MQTT-2.2.1-3] identifier not 0.
    #[test]
    fn bodies_that_are_refused() {
        let table: [(&[u8], Reason); 7] = [
            (b"\0\x01\0", Reason::ProtocolError),
            (b"\0\0\0\0\x01a", Reason::ProtocolError),
            (b"\0\x01\0\0\x01\xFF", Reason::MalformedPacket),
            (b"\0\x01\0\0\x01\0", Reason::MalformedPacket),
            (b"\0\x01\0\0\x02a", Reason::MalformedPacket),
            (b"\0\x01\0\0\x01a\0", Reason::MalformedPacket),
            (b"\0\x01", Reason::MalformedPacket),
        ];
        for (body, reason) in table {
            assert_eq!(refusal(0xA2, body, Version::V5), Some(reason), "{body:?}");
        }
        assert_eq!(refusal(0xA2, b"\0\x01", Version::V311), Some(Reason::ProtocolError));
        assert_eq!(
            refusal(0xA2, b"\0\x01\0\0\0", Version::V5),
            None,
            "an empty filter is answered in UNSUBACK"
        );
    }
}
