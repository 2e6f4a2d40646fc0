//! SUBACK and UNSUBACK, sections 3.9 and 3.11.
//!
//! Owns their layouts and the codes of older versions. Must never know why a filter was refused.

use crate::body::{Body, PacketId};
use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::property::Place;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::version::Version;
use crate::writer::put_u16;

/// The one code of 3.1.1 for a refused filter.
const FAILURE: u8 = 0x80;

/// The answer to SUBSCRIBE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Suback<'a> {
    /// That of the SUBSCRIBE [MQTT-2.2.1-6].
    pub packet_id: PacketId,
    /// Reason String and User Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// One reason code per filter, in their order [MQTT-3.9.3-1]. Before 5.0 every error is written as 0x80.
    pub codes: &'a [u8],
}

/// The answer to UNSUBSCRIBE.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unsuback<'a> {
    /// That of the UNSUBSCRIBE [MQTT-2.2.1-6].
    pub packet_id: PacketId,
    /// Reason String and User Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// One reason code per filter, in their order [MQTT-3.11.3-1]. Neither written nor read before 5.0.
    pub codes: &'a [u8],
}

impl<'a> Suback<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, version: Version) -> Result<Suback<'a>, DecodeError> {
        let packet_id = reader.packet_id()?;
        let properties = match version {
            Version::V5 => Properties::read(reader, Place::Packet(PacketType::Suback))?,
            Version::V31 | Version::V311 => Properties::EMPTY,
        };
        let codes = reader.rest();
        match version {
            Version::V5 => check_codes(codes, |code| is_code_of(code, PacketType::Suback))?,
            Version::V31 | Version::V311 => check_codes(codes, |code| matches!(code, 0..=2 | FAILURE))?,
        }
        Ok(Suback { packet_id, properties, codes })
    }
}

impl<'a> Unsuback<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, version: Version) -> Result<Unsuback<'a>, DecodeError> {
        let packet_id = reader.packet_id()?;
        if !version.is_v5() {
            reader.finish()?;
            return Ok(Unsuback { packet_id, properties: Properties::EMPTY, codes: &[] });
        }
        let properties = Properties::read(reader, Place::Packet(PacketType::Unsuback))?;
        let codes = reader.rest();
        check_codes(codes, |code| is_code_of(code, PacketType::Unsuback))?;
        Ok(Unsuback { packet_id, properties, codes })
    }
}

fn is_code_of(code: u8, kind: PacketType) -> bool {
    Reason::from_byte(code).is_some_and(|reason| reason.allowed_in(kind))
}

fn check_codes(codes: &[u8], is_code: impl Fn(u8) -> bool) -> Result<(), DecodeError> {
    if codes.is_empty() {
        return Err(DecodeError::malformed("an acknowledgement without a reason code"));
    }
    match codes.iter().all(|&code| is_code(code)) {
        true => Ok(()),
        false => Err(DecodeError::protocol("a reason code that this packet does not have")),
    }
}

impl Body for Suback<'_> {
    fn body_len(&self, version: Version) -> usize {
        let properties = if version.is_v5() { self.properties.encoded_len() } else { 0 };
        2 + properties + self.codes.len()
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            self.properties.put(out);
            out.extend_from_slice(self.codes);
        } else {
            out.extend(self.codes.iter().map(|&code| code.min(FAILURE)));
        }
    }
}

impl Body for Unsuback<'_> {
    fn body_len(&self, version: Version) -> usize {
        2 + if version.is_v5() { self.properties.encoded_len() + self.codes.len() } else { 0 }
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            self.properties.put(out);
            out.extend_from_slice(self.codes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use crate::testing::{check_golden, encode, id, refusal};

    const CODES: &[u8] = &[0, 1, 2, 0x80, 0x87, 0x8F, 0xA2];

    #[test]
    fn golden_bytes_of_suback() {
        let packet = Packet::Suback(Suback { packet_id: id(7), properties: Properties::EMPTY, codes: CODES });
        check_golden(&packet, Version::V5, &[0x90, 10, 0, 7, 0, 0, 1, 2, 0x80, 0x87, 0x8F, 0xA2]);
        // One code for every refusal is all that 3.1.1 has.
        assert_eq!(encode(&packet, Version::V311), [0x90, 9, 0, 7, 0, 1, 2, 0x80, 0x80, 0x80, 0x80]);
        let older = Suback { packet_id: id(7), properties: Properties::EMPTY, codes: &[2, 0x80] };
        check_golden(&Packet::Suback(older), Version::V311, &[0x90, 4, 0, 7, 2, 0x80]);
    }

    #[test]
    fn golden_bytes_of_unsuback() {
        let packet =
            Packet::Unsuback(Unsuback { packet_id: id(7), properties: Properties::EMPTY, codes: &[0, 0x11] });
        check_golden(&packet, Version::V5, &[0xB0, 5, 0, 7, 0, 0, 0x11]);
        assert_eq!(encode(&packet, Version::V311), [0xB0, 2, 0, 7]);
        let older =
            Packet::Unsuback(Unsuback { packet_id: id(7), properties: Properties::EMPTY, codes: &[] });
        check_golden(&older, Version::V31, &[0xB0, 2, 0, 7]);
    }

    /// [MQTT-3.9.3-2], [MQTT-3.11.3-2], [MQTT-3.9.3-2 of 3.1.1].
    #[test]
    fn codes_of_other_packets_are_refused() {
        for byte in 0..=255 {
            for (first, kind) in [(0x90, PacketType::Suback), (0xB0, PacketType::Unsuback)] {
                let listed = Reason::from_byte(byte).is_some_and(|reason| reason.allowed_in(kind));
                let expected = (!listed).then_some(Reason::ProtocolError);
                assert_eq!(refusal(first, &[0, 1, 0, 0, byte], Version::V5), expected, "{byte:#x}");
            }
            let expected = (byte > 2 && byte != 0x80).then_some(Reason::ProtocolError);
            assert_eq!(refusal(0x90, &[0, 1, 0, byte], Version::V311), expected, "{byte:#x}");
        }
    }

    #[test]
    fn bodies_that_are_refused() {
        for first in [0x90, 0xB0] {
            for body in [&[][..], &[0], &[0, 1], &[0, 1, 0], &[0, 1, 3, 0, 0]] {
                assert_eq!(refusal(first, body, Version::V5), Some(Reason::MalformedPacket), "{body:?}");
            }
            assert_eq!(refusal(first, &[0, 0, 0, 0], Version::V5), Some(Reason::ProtocolError));
        }
        assert_eq!(refusal(0x90, &[0, 1], Version::V311), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0xB0, &[0, 1, 0], Version::V311), Some(Reason::MalformedPacket));
    }
}
