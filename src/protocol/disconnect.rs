//! DISCONNECT, section 3.14.
//!
//! Owns its layout. Must never know what becomes of the will.

use crate::acks::{put_result, read_result, result_len};
use crate::body::Body;
use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::version::Version;

/// The last packet of a connection. Before 5.0 it is empty, and only clients send it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disconnect<'a> {
    /// Why; always [`Reason::Success`], a normal disconnection, before 5.0.
    pub reason: Reason,
    /// Session Expiry Interval (from clients), Server Reference (from servers), Reason String, User
    /// Properties.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>, version: Version) -> Result<Disconnect<'a>, DecodeError> {
        let (reason, properties) = match version {
            Version::V5 => read_result(PacketType::Disconnect, reader)?,
            Version::V31 | Version::V311 => (Reason::Success, Properties::EMPTY),
        };
        Ok(Disconnect { reason, properties })
    }
}

impl Body for Disconnect<'_> {
    fn body_len(&self, version: Version) -> usize {
        if version.is_v5() { result_len(self.reason, &self.properties) } else { 0 }
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        if version.is_v5() {
            put_result(self.reason, &self.properties, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use crate::properties::PropertyBuf;
    use crate::property::Property;
    use crate::testing::{check_golden, decode, encode, refusal};

    fn packet(reason: Reason) -> Packet<'static> {
        Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY })
    }

    /// Section 3.14.2.1: the shortest form that tells everything.
    #[test]
    fn golden_bytes_of_the_three_forms() {
        for version in Version::ALL {
            check_golden(&packet(Reason::Success), version, &[0xE0, 0]);
        }
        check_golden(&packet(Reason::DisconnectWithWill), Version::V5, &[0xE0, 1, 4]);
        let mut properties = PropertyBuf::new();
        properties.push(Property::SessionExpiry(1));
        let told = Disconnect { reason: Reason::Success, properties: properties.as_properties() };
        check_golden(&Packet::Disconnect(told), Version::V5, &[0xE0, 7, 0, 5, 0x11, 0, 0, 0, 1]);
        assert_eq!(decode(&[0xE0, 2, 0, 0], Version::V5), Ok(packet(Reason::Success)));
        assert_eq!(encode(&packet(Reason::ServerShuttingDown), Version::V311), [0xE0, 0]);
    }

    /// [MQTT-3.14.2-1] codes of the table; [MQTT-3.14.1-1] no flags; nothing at all before 5.0.
    #[test]
    fn bodies_that_are_refused() {
        for byte in 0..=255 {
            let listed =
                Reason::from_byte(byte).is_some_and(|reason| reason.allowed_in(PacketType::Disconnect));
            let expected = (!listed).then_some(Reason::ProtocolError);
            assert_eq!(refusal(0xE0, &[byte], Version::V5), expected, "{byte:#x}");
        }
        assert_eq!(refusal(0xE1, &[], Version::V5), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0xE0, &[0, 1], Version::V5), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0xE0, &[0, 0, 0], Version::V5), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0xE0, &[0], Version::V311), Some(Reason::MalformedPacket));
    }
}
