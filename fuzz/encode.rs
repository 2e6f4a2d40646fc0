//! Encoders at the limits of what they can write.
//!
//! Owns the check: what says that it fits is written and read back, what does not is not begun. Payloads are numbers, so
//! that packets of 256 MiB cost nothing.

use std::num::NonZeroU16;

use arbitrary::Arbitrary;
use ringmq_protocol::{
    Connack, Delivery, Header, PACKET_BYTES_MAX, Packet, PacketId, Properties, Property, PropertyBuf, Qos,
    Reason, Version,
};

/// Most bytes of a string.
const STRING_BYTES_MAX: usize = 65_535;

/// What is to be encoded.
#[derive(Arbitrary, Debug)]
pub struct Input {
    version: u8,
    qos: u8,
    /// Bytes of the topic, or how far it is from the longest.
    topic: Size,
    has_alias: bool,
    expiry_s: Option<u32>,
    identifiers: Vec<u32>,
    /// How far the packet is from the largest, in either direction.
    away: i16,
    /// Strings of a CONNACK.
    strings: [Size; 3],
}

/// A size that is small, or near that of the longest string in either direction.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Small(u8),
    Near(i8),
}

impl Size {
    fn bytes(self) -> usize {
        match self {
            Size::Small(bytes) => bytes.into(),
            Size::Near(away) => STRING_BYTES_MAX.saturating_add_signed(away.into()),
        }
    }
}

/// Encodes the input.
///
/// # Panics
/// If a length is not what was foretold, or something is written that does not fit.
pub fn check(input: &Input) {
    let version = Version::ALL[usize::from(input.version) % Version::ALL.len()];
    check_delivery(input, version);
    check_properties(input);
}

fn check_delivery(input: &Input, version: Version) {
    let topic = "t".repeat(input.topic.bytes().min(STRING_BYTES_MAX));
    let identifiers: Vec<u32> = input.identifiers.iter().map(|id| id % 268_435_456).collect();
    let qos = Qos::from_bits(input.qos % 3).expect("it is below 3");
    let delivery = |payload_len| Delivery {
        qos,
        dup: false,
        retain: false,
        topic: &topic,
        packet_id: (qos > Qos::AtMostOnce).then_some(PacketId::MAX),
        topic_alias: NonZeroU16::new(input.has_alias.into()),
        message_expiry_s: input.expiry_s,
        subscription_ids: &identifiers,
        passed_on: &[0x01, 0x01],
        payload_len,
    };
    let overhead = delivery(PACKET_BYTES_MAX).encoded_len(version) - PACKET_BYTES_MAX;
    let payload_len = (PACKET_BYTES_MAX - overhead).saturating_add_signed(input.away.into());
    let delivery = delivery(payload_len);
    let mut out = b"before".to_vec();
    let outcome = delivery.encode_head(version, &mut out);
    let len = delivery.encoded_len(version);
    assert_eq!(outcome.is_ok(), len <= PACKET_BYTES_MAX, "{len}");
    let written = &out[b"before".len()..];
    if outcome.is_err() {
        assert!(written.is_empty(), "what does not fit is not begun");
        return;
    }
    assert_eq!(written.len() + payload_len, len);
    let header = Header::read(written).expect("it is right").expect("it is whole");
    assert_eq!(header.total_len(), len);
}

fn check_properties(input: &Input) {
    let texts = input.strings.map(|size| "s".repeat(size.bytes()));
    let [first, second, third] = &texts;
    let properties = [
        Property::ResponseInformation(first),
        Property::ReasonString(second),
        Property::UserProperty(second, third),
        Property::AuthenticationData(third.as_bytes()),
    ];
    let mut section = PropertyBuf::new();
    let mut len = 0;
    for property in properties {
        if property.fits() {
            section.push(property);
            len += property.encoded_len();
        }
    }
    let properties = section.as_properties();
    assert_eq!(properties.as_bytes().len(), len);
    let connack = Connack { session_present: false, reason: Reason::Success, properties };
    let mut bytes = Vec::new();
    Packet::Connack(connack).encode(Version::V5, &mut bytes);
    let header = Header::read(&bytes).expect("it is right").expect("it is whole");
    let read = Packet::decode(&header, &bytes[header.header_len..], Version::V5);
    assert_eq!(read, Ok(Packet::Connack(connack)));
    assert!(!properties.is_empty() || properties == Properties::EMPTY);
}
