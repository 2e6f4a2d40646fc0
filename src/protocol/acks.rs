//! PUBACK, PUBREC, PUBREL and PUBCOMP, sections 3.4 to 3.7: one layout for the four.
//!
//! Owns that layout and its short forms. Must never know which publish is meant.

use crate::body::{Body, PacketId};
use crate::error::DecodeError;
use crate::frame::Header;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::property::Place;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::version::Version;
use crate::writer::put_u16;

/// A step in the handshake of one publish. Before 5.0 it is the packet identifier alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ack<'a> {
    /// That of the PUBLISH [MQTT-2.2.1-5].
    pub packet_id: PacketId,
    /// How it went; always [`Reason::Success`] before 5.0.
    pub reason: Reason,
    /// Reason String and User Properties.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// As [`crate::Packet::decode`], for one that is known to be an acknowledgement.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Panics
    /// If `body` is not as long as the header says.
    pub fn decode(header: &Header, body: &'a [u8], version: Version) -> Result<Ack<'a>, DecodeError> {
        assert_eq!(header.body_len, body.len(), "the body is cut by its header");
        header.check(version)?;
        let reader = &mut Reader::new(body);
        let ack = Ack::read(header.kind, reader, version)?;
        reader.finish()?;
        Ok(ack)
    }

    pub(crate) fn read(
        kind: PacketType,
        reader: &mut Reader<'a>,
        version: Version,
    ) -> Result<Ack<'a>, DecodeError> {
        let packet_id = reader.packet_id()?;
        let (reason, properties) = match version {
            Version::V5 => read_result(kind, reader)?,
            Version::V31 | Version::V311 => (Reason::Success, Properties::EMPTY),
        };
        Ok(Ack { packet_id, reason, properties })
    }
}

/// Reads the reason code and properties at the end of a packet: both may be missing, which means success, or
/// the properties alone.
pub(crate) fn read_result<'a>(
    kind: PacketType,
    reader: &mut Reader<'a>,
) -> Result<(Reason, Properties<'a>), DecodeError> {
    if reader.is_empty() {
        return Ok((Reason::Success, Properties::EMPTY));
    }
    let reason = read_reason(kind, reader)?;
    let properties = match reader.is_empty() {
        true => Properties::EMPTY,
        false => Properties::read(reader, Place::Packet(kind))?,
    };
    Ok((reason, properties))
}

/// Reads a reason code that this packet may carry [MQTT-3.4.2-1] and its like.
pub(crate) fn read_reason(kind: PacketType, reader: &mut Reader<'_>) -> Result<Reason, DecodeError> {
    Reason::from_byte(reader.u8()?)
        .filter(|reason| reason.allowed_in(kind))
        .ok_or(DecodeError::protocol("a reason code that this packet does not have"))
}

/// Bytes of what [`put_result`] writes.
pub(crate) fn result_len(reason: Reason, properties: &Properties<'_>) -> usize {
    match (reason, properties.is_empty()) {
        (Reason::Success, true) => 0,
        (_, true) => 1,
        (_, false) => 1 + properties.encoded_len(),
    }
}

/// Writes reason code and properties in their shortest form.
pub(crate) fn put_result(reason: Reason, properties: &Properties<'_>, out: &mut Vec<u8>) {
    if reason != Reason::Success || !properties.is_empty() {
        out.push(reason.as_byte());
    }
    if !properties.is_empty() {
        properties.put(out);
    }
}

impl Body for Ack<'_> {
    fn body_len(&self, version: Version) -> usize {
        2 + if version.is_v5() { result_len(self.reason, &self.properties) } else { 0 }
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        put_u16(out, self.packet_id.get());
        if version.is_v5() {
            put_result(self.reason, &self.properties, out);
        }
    }
}

/// Appends a whole acknowledgement without properties: four bytes, five with a reason other than success.
/// Before 5.0 there is no reason.
///
/// # Panics
/// If `kind` is not PUBACK, PUBREC, PUBREL or PUBCOMP.
pub fn encode_ack(
    kind: PacketType,
    version: Version,
    packet_id: PacketId,
    reason: Reason,
    out: &mut Vec<u8>,
) {
    assert!(
        matches!(kind, PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp),
        "only these four are acknowledgements of a publish"
    );
    let tells_reason = version.is_v5() && reason != Reason::Success;
    let [high, low] = packet_id.get().to_be_bytes();
    out.extend_from_slice(&[kind.first_byte(), 2 + u8::from(tells_reason), high, low]);
    if tells_reason {
        out.push(reason.as_byte());
    }
}

/// The packet identifier of a PUBACK in its shortest form, which is success and what nearly all are. None: these bytes
/// are something else, or an error; [`Ack::decode`] tells.
pub fn plain_puback(packet: [u8; 4]) -> Option<PacketId> {
    const FIRST: u8 = PacketType::Puback.first_byte();
    match packet {
        [FIRST, 2, high, low] => PacketId::new(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use crate::properties::PropertyBuf;
    use crate::property::Property;
    use crate::testing::{check_golden, decode, encode, id, refusal};

    const KINDS: [(PacketType, u8); 4] = [
        (PacketType::Puback, 0x40),
        (PacketType::Pubrec, 0x50),
        (PacketType::Pubrel, 0x62),
        (PacketType::Pubcomp, 0x70),
    ];

    fn packet<'a>(kind: PacketType, ack: Ack<'a>) -> Packet<'a> {
        match kind {
            PacketType::Puback => Packet::Puback(ack),
            PacketType::Pubrec => Packet::Pubrec(ack),
            PacketType::Pubrel => Packet::Pubrel(ack),
            _ => Packet::Pubcomp(ack),
        }
    }

    fn bare(reason: Reason) -> Ack<'static> {
        Ack { packet_id: id(0x0102), reason, properties: Properties::EMPTY }
    }

    /// Sections 3.4.2.1 and 3.4.2.2.1: the shortest form that tells everything.
    #[test]
    fn golden_bytes_of_the_three_forms() {
        let mut why = PropertyBuf::new();
        why.push(Property::ReasonString("x"));
        for (kind, first) in KINDS {
            let success = packet(kind, bare(Reason::Success));
            for version in Version::ALL {
                check_golden(&success, version, &[first, 2, 1, 2]);
            }
            let error = if first < 0x60 { Reason::QuotaExceeded } else { Reason::PacketIdentifierNotFound };
            let byte = error.as_byte();
            check_golden(&packet(kind, bare(error)), Version::V5, &[first, 3, 1, 2, byte]);
            let told = packet(kind, Ack { properties: why.as_properties(), ..bare(error) });
            check_golden(&told, Version::V5, &[first, 8, 1, 2, byte, 4, 0x1F, 0, 1, b'x']);
            let praised = packet(kind, Ack { properties: why.as_properties(), ..bare(Reason::Success) });
            check_golden(&praised, Version::V5, &[first, 8, 1, 2, 0, 4, 0x1F, 0, 1, b'x']);
            assert_eq!(encode(&told, Version::V311), [first, 2, 1, 2]);
        }
    }

    /// The lean form writes what the general one does.
    #[test]
    fn both_ways_of_encoding_agree() {
        for (kind, _) in KINDS {
            for version in Version::ALL {
                for &reason in Reason::ALL.iter().filter(|reason| reason.allowed_in(kind)) {
                    let mut lean = Vec::new();
                    encode_ack(kind, version, id(0x0102), reason, &mut lean);
                    assert_eq!(lean, encode(&packet(kind, bare(reason)), version));
                }
            }
        }
    }

    /// The lean form reads what the general one does, and leaves the rest to it.
    #[test]
    fn both_ways_of_decoding_agree() {
        for first in 0..=255 {
            for bytes in [[2, 1, 2], [2, 0, 1], [2, 0, 0], [3, 1, 2], [1, 1, 2], [0x82, 0, 1]] {
                let packet = [first, bytes[0], bytes[1], bytes[2]];
                let plain = plain_puback(packet);
                let is_plain = first == 0x40 && bytes[0] == 2 && bytes[1..] != [0, 0];
                assert_eq!(plain.is_some(), is_plain, "{packet:x?}");
                let Some(packet_id) = plain else { continue };
                for version in Version::ALL {
                    let ack = Ack { packet_id, ..bare(Reason::Success) };
                    assert_eq!(decode(&packet, version), Ok(Packet::Puback(ack)));
                }
            }
        }
    }

    /// Longer forms of a success are read as well.
    #[test]
    fn long_forms_of_success() {
        for (kind, first) in KINDS {
            let success = packet(kind, bare(Reason::Success));
            assert_eq!(decode(&[first, 3, 1, 2, 0], Version::V5), Ok(success));
            assert_eq!(decode(&[first, 4, 1, 2, 0, 0], Version::V5), Ok(success));
        }
    }

    #[test]
    fn bodies_that_are_refused() {
        for (_, first) in KINDS {
            for body in [&[][..], &[1], &[1, 2, 0, 1], &[1, 2, 0, 0, 0], &[1, 2, 0, 2, 0x01, 1]] {
                assert_eq!(
                    refusal(first, body, Version::V5),
                    Some(Reason::MalformedPacket),
                    "{first:#x} {body:?}"
                );
            }
            assert_eq!(refusal(first, &[0, 0], Version::V5), Some(Reason::ProtocolError));
            assert_eq!(refusal(first, &[1, 2, 0], Version::V311), Some(Reason::MalformedPacket));
        }
    }

    /// [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1] and its like for PUBCOMP.
    #[test]
    fn reasons_of_other_packets_are_refused() {
        for (kind, first) in KINDS {
            for byte in 0..=255 {
                let listed = Reason::from_byte(byte).is_some_and(|reason| reason.allowed_in(kind));
                let expected = (!listed).then_some(Reason::ProtocolError);
                assert_eq!(refusal(first, &[1, 2, byte], Version::V5), expected, "{first:#x} {byte:#x}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "only these four")]
    fn other_packets_are_no_acks() {
        encode_ack(PacketType::Suback, Version::V5, id(1), Reason::Success, &mut Vec::new());
    }
}
