//! AUTH, section 3.15.
//!
//! Owns its layout. Must never know a method of authentication.

use crate::acks::{put_result, read_result, result_len};
use crate::body::Body;
use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::properties::Properties;
use crate::reader::Reader;
use crate::reason::Reason;
use crate::version::Version;

/// A step of enhanced authentication; 5.0 only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Auth<'a> {
    /// Success (from servers), continue authentication or re-authenticate (from clients) [MQTT-3.15.2-1].
    pub reason: Reason,
    /// Authentication Method, which is always there, Authentication Data, Reason String, User Properties.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Auth<'a>, DecodeError> {
        let (reason, properties) = read_result(PacketType::Auth, reader)?;
        match properties.authentication_method() {
            Some(_) => Ok(Auth { reason, properties }),
            None => Err(DecodeError::protocol("AUTH without Authentication Method")),
        }
    }
}

impl Body for Auth<'_> {
    fn body_len(&self, _: Version) -> usize {
        result_len(self.reason, &self.properties)
    }

    fn put(&self, version: Version, out: &mut Vec<u8>) {
        assert!(version.is_v5(), "AUTH exists in version 5 only");
        put_result(self.reason, &self.properties, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use crate::properties::PropertyBuf;
    use crate::property::Property;
    use crate::testing::{check_golden, encode, refusal};

    #[test]
    fn golden_bytes() {
        let mut properties = PropertyBuf::new();
        properties.push(Property::AuthenticationMethod("m")).push(Property::AuthenticationData(&[9]));
        let auth = Auth { reason: Reason::ContinueAuthentication, properties: properties.as_properties() };
        check_golden(&Packet::Auth(auth), Version::V5, b"\xF0\x0A\x18\x08\x15\0\x01m\x16\0\x01\x09");
        let done = Auth { reason: Reason::Success, ..auth };
        check_golden(&Packet::Auth(done), Version::V5, b"\xF0\x0A\0\x08\x15\0\x01m\x16\0\x01\x09");
    }

    /// Section 3.15.2.2.2: the method is always there, whatever the short forms would allow.
    #[test]
    fn the_method_is_always_there() {
        for body in [&[][..], &[0x18], &[0x18, 0], &[0x18, 3, 0x16, 0, 0]] {
            assert_eq!(refusal(0xF0, body, Version::V5), Some(Reason::ProtocolError), "{body:?}");
        }
    }

    /// [MQTT-3.15.2-1] codes 0x00, 0x18 and 0x19; [MQTT-3.15.1-1] no flags; [MQTT-2.2.2-2 of 3.1.1] no such
    /// type.
    #[test]
    fn bodies_that_are_refused() {
        let body = |code| [code, 4, 0x15, 0, 1, b'm'];
        for code in 0..=255 {
            let expected = (![0, 0x18, 0x19].contains(&code)).then_some(Reason::ProtocolError);
            assert_eq!(refusal(0xF0, &body(code), Version::V5), expected, "{code:#x}");
        }
        assert_eq!(refusal(0xF1, &body(0x18), Version::V5), Some(Reason::MalformedPacket));
        for version in [Version::V31, Version::V311] {
            assert_eq!(refusal(0xF0, &body(0x18), version), Some(Reason::MalformedPacket));
        }
    }

    #[test]
    #[should_panic(expected = "version 5 only")]
    fn auth_before_version_5_is_our_mistake() {
        let auth = Auth { reason: Reason::Success, properties: Properties::EMPTY };
        encode(&Packet::Auth(auth), Version::V311);
    }
}
