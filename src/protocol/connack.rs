//! CONNACK, section 3.2.
//!
//! Owns its layout in all versions. Must never know how a CONNECT was judged.

use crate::acks::read_reason;
use crate::body::Body;
use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::property::Place;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::version::Version;

/// The return code "server unavailable" of 3.1.1, for reasons that no older code fits.
const SERVER_UNAVAILABLE_311: u8 = 3;

/// The answer to CONNECT.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connack<'a> {
    /// Whether the session goes on; false with every error [MQTT-3.2.2-6], and never sent in 3.1.
    pub session_present: bool,
    /// The verdict. In 3.1 and 3.1.1 only what [`Reason::as_311_connack`] knows can be told; anything else is
    /// better closed without CONNACK and is written as return code 3.
    pub reason: Reason,
    /// What the server offers; 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Connack<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, version: Version) -> Result<Connack<'a>, DecodeError> {
        let session_present = match (reader.u8()?, version) {
            (0, _) => false,
            (1, Version::V311 | Version::V5) => true,
            _ => return Err(DecodeError::malformed("reserved acknowledge flags of CONNACK are set")),
        };
        let (reason, properties) = match version {
            Version::V5 => {
                let reason = read_reason(PacketType::Connack, reader)?;
                (reason, Properties::read(reader, Place::Packet(PacketType::Connack))?)
            }
            Version::V31 | Version::V311 => (read_return_code(reader)?, Properties::EMPTY),
        };
        match session_present && reason != Reason::Success {
            true => Err(DecodeError::protocol("Session Present is set in a refusing CONNACK")),
            false => Ok(Connack { session_present, reason, properties }),
        }
    }
}

fn read_return_code(reader: &mut Reader<'_>) -> Result<Reason, DecodeError> {
    Reason::from_311_connack(reader.u8()?).ok_or(DecodeError::protocol("a CONNACK return code above 5"))
}

impl Body for Connack<'_> {
    fn body_len(&self, version: Version) -> usize {
        2 + if version.is_v5() { self.properties.encoded_len() } else { 0 }
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        out.push(u8::from(self.session_present && version != Version::V31));
        if version.is_v5() {
            out.push(self.reason.as_byte());
            self.properties.put(out);
        } else {
            out.push(self.reason.as_311_connack().unwrap_or(SERVER_UNAVAILABLE_311));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use crate::properties::PropertyBuf;
    use crate::property::Property;
    use crate::testing::{check_golden, encode, refusal};

    fn packet(reason: Reason) -> Packet<'static> {
        Packet::Connack(Connack { session_present: false, reason, properties: Properties::EMPTY })
    }

    #[test]
    fn golden_bytes_of_each_version() {
        let resumed = Packet::Connack(Connack {
            session_present: true,
            reason: Reason::Success,
            properties: Properties::EMPTY,
        });
        check_golden(&resumed, Version::V5, &[0x20, 3, 1, 0, 0]);
        check_golden(&resumed, Version::V311, &[0x20, 2, 1, 0]);
        check_golden(&packet(Reason::Success), Version::V31, &[0x20, 2, 0, 0]);
        check_golden(&packet(Reason::BadUserNameOrPassword), Version::V311, &[0x20, 2, 0, 4]);
        check_golden(&packet(Reason::UnsupportedProtocolVersion), Version::V5, &[0x20, 3, 0, 0x84, 0]);
        let mut properties = PropertyBuf::new();
        properties.push(Property::AssignedClientId("x")).push(Property::TopicAliasMaximum(2));
        let full = Connack {
            session_present: false,
            reason: Reason::Success,
            properties: properties.as_properties(),
        };
        check_golden(&Packet::Connack(full), Version::V5, b"\x20\x0A\0\0\x07\x12\0\x01x\x22\0\x02");
    }

    /// 3.1 has no Session Present: the byte is reserved.
    #[test]
    fn session_present_is_not_told_in_31() {
        let resumed = Packet::Connack(Connack {
            session_present: true,
            reason: Reason::Success,
            properties: Properties::EMPTY,
        });
        assert_eq!(encode(&resumed, Version::V31), [0x20, 2, 0, 0]);
        assert_eq!(refusal(0x20, &[1, 0], Version::V31), Some(Reason::MalformedPacket));
    }

    /// The older return code is that of the reason table, 3 where it has none.
    #[test]
    fn every_reason_has_an_older_form() {
        for &reason in Reason::ALL {
            let code = reason.as_311_connack().unwrap_or(3);
            assert_eq!(encode(&packet(reason), Version::V311), [0x20, 2, 0, code]);
        }
    }

    /// [MQTT-3.2.2-1] reserved flags; [MQTT-3.2.2-6] no session with an error; [MQTT-3.2.2-8] codes of the
    /// table.
    #[test]
    fn bodies_that_are_refused() {
        for flags in 2..=255 {
            assert_eq!(refusal(0x20, &[flags, 0, 0], Version::V5), Some(Reason::MalformedPacket));
            assert_eq!(refusal(0x20, &[flags, 0], Version::V311), Some(Reason::MalformedPacket));
        }
        assert_eq!(refusal(0x20, &[1, 0x87, 0], Version::V5), Some(Reason::ProtocolError));
        assert_eq!(refusal(0x20, &[1, 5], Version::V311), Some(Reason::ProtocolError));
        for byte in 0..=255 {
            let listed = Reason::from_byte(byte).is_some_and(|reason| reason.allowed_in(PacketType::Connack));
            assert_eq!(refusal(0x20, &[0, byte, 0], Version::V5).is_none(), listed, "{byte:#x}");
            assert_eq!(refusal(0x20, &[0, byte], Version::V311).is_none(), byte < 6, "{byte:#x}");
        }
        for body in [&[][..], &[0], &[0, 0], &[0, 0, 1], &[0, 0, 0, 0]] {
            assert_eq!(refusal(0x20, body, Version::V5), Some(Reason::MalformedPacket), "{body:?}");
        }
        assert_eq!(refusal(0x20, &[0, 0, 0], Version::V311), Some(Reason::MalformedPacket));
    }
}
