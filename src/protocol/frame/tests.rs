use super::*;

fn header(bytes: &[u8]) -> Header {
    Header::read(bytes).unwrap().unwrap()
}

/// The fixed header of a first byte, all else being right.
fn flags_of(first: u8, version: Version) -> Result<(), DecodeError> {
    header(&[first, 0]).check(version)
}

#[test]
fn a_header_is_read_from_its_first_bytes() {
    let read = header(&[0x32, 0x80, 0x01, 0xFF]);
    assert_eq!(read, Header { kind: PacketType::Publish, flags: 2, header_len: 3, body_len: 128 });
    assert_eq!(read.total_len(), 131);
    assert_eq!(header(&[0xC0, 0]).total_len(), 2);
    assert_eq!(header(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]).total_len(), PACKET_BYTES_MAX);
}

#[test]
fn an_incomplete_header_is_none() {
    let bytes = [0x30, 0xFF, 0xFF, 0xFF, 0x7F];
    for len in 0..bytes.len() {
        assert_eq!(Header::read(&bytes[..len]), Ok(None), "{len} bytes");
    }
}

/// [MQTT-1.5.5-1] five bytes are refused, at the earliest byte.
#[test]
fn bad_lengths_are_refused_at_the_earliest_byte() {
    for bytes in [&[0x30, 0x80, 0x80, 0x80, 0x80], &[0x30, 0xFF, 0xFF, 0xFF, 0xFF]] {
        assert_eq!(Header::read(bytes).unwrap_err().reason, crate::Reason::MalformedPacket, "{bytes:x?}");
        assert_eq!(Header::read(&bytes[..bytes.len() - 1]), Ok(None), "{bytes:x?}");
    }
}

/// [MQTT-1.5.5-1] 3.1 and 3.1.1 do not ask for the shortest form, and small boards write a fixed number of bytes.
#[test]
fn a_padded_length_is_one_before_5() {
    let table: [(&[u8], usize); 5] = [
        (&[0xC0, 0x80, 0x00], 0),
        (&[0xC0, 0x80, 0x80, 0x80, 0x00], 0),
        (&[0xC0, 0x85, 0x00], 5),
        (&[0xC0, 0xFF, 0x80, 0x00], 127),
        (&[0xC0, 0xFF, 0xFF, 0xFF, 0x00], 0x1F_FFFF),
    ];
    for (bytes, body_len) in table {
        let read = header(bytes);
        assert_eq!((read.body_len, read.header_len, read.is_padded()), (body_len, bytes.len(), true));
        assert_eq!(Header::read(&bytes[..bytes.len() - 1]), Ok(None), "{bytes:x?}");
        for version in Version::ALL {
            assert_eq!(read.check(version).is_ok(), version != Version::V5, "{bytes:x?}");
        }
        assert!(read_length(&bytes[1..]).is_err(), "within a packet the form is that of 5.0");
    }
}

#[test]
fn every_type_is_read_from_its_number() {
    for kind in PacketType::ALL {
        assert_eq!(header(&[(kind as u8) << 4, 0]).kind, kind);
    }
}

#[test]
fn packet_type_0_is_refused_with_one_byte() {
    for first in 0..=0x0F {
        assert!(Header::read(&[first]).is_err());
    }
}

/// [MQTT-2.1.3-1], [MQTT-3.10.1-1], [MQTT-3.14.1-1], [MQTT-3.15.1-1]: one nibble is right for each type.
#[test]
fn reserved_flags_are_those_of_the_type() {
    for kind in PacketType::ALL.into_iter().filter(|&kind| kind != PacketType::Publish) {
        let right = match kind {
            PacketType::Pubrel | PacketType::Subscribe | PacketType::Unsubscribe => 2,
            _ => 0,
        };
        for flags in 0..16 {
            let first = (kind as u8) << 4 | flags;
            assert_eq!(flags_of(first, Version::V5).is_ok(), flags == right, "{first:#x}");
            let right = flags == right && kind != PacketType::Auth;
            assert_eq!(flags_of(first, Version::V311).is_ok(), right, "{first:#x} in 3.1.1");
        }
    }
}

/// Only 3.1 repeats PUBREL, SUBSCRIBE and UNSUBSCRIBE, with DUP.
#[test]
fn dup_is_known_on_three_types_of_31() {
    for first in [0x6A, 0x8A, 0xAA] {
        assert!(flags_of(first, Version::V31).is_ok());
        assert!(flags_of(first, Version::V311).is_err());
        assert!(flags_of(first, Version::V5).is_err());
    }
    for first in [0x48, 0x58, 0x78, 0xC8, 0xE8, 0x68, 0x8B] {
        assert!(flags_of(first, Version::V31).is_err(), "{first:#x}");
    }
}

/// [MQTT-3.3.1-4] no QoS 3; [MQTT-3.3.1-2] no DUP with QoS 0.
#[test]
fn publish_flags() {
    for version in Version::ALL {
        for flags in 0..16_u8 {
            let wrong = flags & 0b0110 == 0b0110 || flags & 0b1110 == 0b1000;
            assert_eq!(flags_of(0x30 | flags, version).is_err(), wrong, "{flags:04b}");
        }
    }
}

#[test]
fn server_only_types() {
    let only: Vec<_> = PacketType::ALL.into_iter().filter(|kind| kind.is_server_only()).collect();
    assert_eq!(only, [PacketType::Connack, PacketType::Suback, PacketType::Unsuback, PacketType::Pingresp]);
}
