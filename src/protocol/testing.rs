//! Shorthand of the tests: whole packets as bytes, both ways.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

use crate::{DecodeError, Header, Packet, PacketId, Reason, Version};

/// A fixed seed, so that a run repeats; `PROPTEST_CASES` makes a run longer.
pub(crate) fn config() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(0x4D51_5454),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Decodes bytes that are one whole packet.
pub(crate) fn decode(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    let header = Header::read(bytes)?.expect("a whole fixed header");
    assert_eq!(header.total_len(), bytes.len(), "the test has one whole packet");
    Packet::decode(&header, &bytes[header.header_len..], version)
}

/// The reason for which a packet, given as first byte and body, does not decode.
pub(crate) fn refusal(first: u8, body: &[u8], version: Version) -> Option<Reason> {
    decode(&frame(first, body), version).err().map(|error| error.reason)
}

/// A packet from its first byte and a body below 16,384 bytes.
pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let mut bytes = match len {
        0..0x80 => vec![first, len as u8],
        _ => vec![first, len as u8 | 0x80, (len >> 7) as u8],
    };
    bytes.extend_from_slice(body);
    bytes
}

/// Encodes a packet and checks the length it foretells.
pub(crate) fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = vec![0xAA];
    packet.encode(version, &mut bytes);
    assert_eq!(bytes.remove(0), 0xAA, "encoding appends");
    assert_eq!(packet.encoded_len(version), bytes.len());
    bytes
}

/// The packet and its golden bytes are each other's image.
pub(crate) fn check_golden(packet: &Packet<'_>, version: Version, bytes: &[u8]) {
    assert_eq!(encode(packet, version), bytes, "{packet:?}");
    assert_eq!(decode(bytes, version).as_ref(), Ok(packet));
}

/// A packet identifier.
pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("the test has an identifier that is not 0")
}
