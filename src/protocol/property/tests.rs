use super::*;
use crate::reason::Reason;

const ALL_WITH_USER_PROPERTY: &str = "CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP \
     SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH WILL";

/// Table 2-4 once more, as text, with one encoded value each.
const STANDARD: [(u8, &[u8], &str); 27] = [
    (0x01, &[1], "PUBLISH WILL"),
    (0x02, &[0, 0, 0, 9], "PUBLISH WILL"),
    (0x03, b"\0\x01t", "PUBLISH WILL"),
    (0x08, b"\0\x03a/b", "PUBLISH WILL"),
    (0x09, &[0, 2, 0, 0xFF], "PUBLISH WILL"),
    (0x0B, &[0xFF, 0x7F], "PUBLISH SUBSCRIBE"),
    (0x11, &[0xFF; 4], "CONNECT CONNACK DISCONNECT"),
    (0x12, b"\0\x02id", "CONNACK"),
    (0x13, &[0, 60], "CONNACK"),
    (0x15, b"\0\x01m", "CONNECT CONNACK AUTH"),
    (0x16, &[0, 0], "CONNECT CONNACK AUTH"),
    (0x17, &[0], "CONNECT"),
    (0x18, &[0, 0, 0, 5], "WILL"),
    (0x19, &[1], "CONNECT"),
    (0x1A, b"\0\x01r", "CONNACK"),
    (0x1C, b"\0\x01s", "CONNACK DISCONNECT"),
    (0x1F, b"\0\x02no", "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH"),
    (0x21, &[0, 1], "CONNECT CONNACK"),
    (0x22, &[0, 0], "CONNECT CONNACK"),
    (0x23, &[0, 7], "PUBLISH"),
    (0x24, &[1], "CONNACK"),
    (0x25, &[0], "CONNACK"),
    (0x26, b"\0\x01k\0\x01v", ALL_WITH_USER_PROPERTY),
    (0x27, &[0, 0, 0, 1], "CONNECT CONNACK"),
    (0x28, &[1], "CONNACK"),
    (0x29, &[1], "CONNACK"),
    (0x2A, &[1], "CONNACK"),
];

fn read(id: u8, value: &[u8]) -> Result<Property<'_>, DecodeError> {
    let row = Row::of(id).unwrap();
    let mut reader = Reader::new(value);
    let read = Value::read(row.kind, &mut reader)?;
    row.check_value(read)?;
    reader.finish().map(|()| Property::new(id, read))
}

fn places() -> impl Iterator<Item = (Place, &'static str)> {
    PacketType::ALL.into_iter().map(|kind| (Place::Packet(kind), kind.name())).chain([(Place::Will, "WILL")])
}

/// Section 2.2.2.2: a property stands in the packets that list it and in no other.
#[test]
fn properties_stand_where_the_standard_says() {
    for (id, _, packets) in STANDARD {
        let row = Row::of(id).unwrap();
        let allowed: Vec<_> =
            places().filter(|&(place, _)| row.check_place(place).is_ok()).map(|(_, name)| name).collect();
        assert_eq!(allowed.join(" "), packets, "{id:#04x}");
        assert!(
            row.check_place(Place::Packet(PacketType::Pingreq))
                .is_err_and(|e| e.reason == Reason::MalformedPacket)
        );
    }
    for id in 0..=255 {
        assert_eq!(Row::of(id).is_some(), STANDARD.iter().any(|row| row.0 == id), "{id:#04x}");
    }
}

#[test]
fn values_go_both_ways() {
    for (id, value, _) in STANDARD {
        let property = read(id, value).unwrap();
        assert_eq!(property.id(), id);
        let mut out = Vec::new();
        property.put(&mut out);
        assert_eq!(out, [&[id], value].concat(), "{property:?}");
        assert_eq!(property.encoded_len(), out.len());
        assert_eq!(Row::of(id).unwrap().kind.len(value), Some(value.len()));
    }
}

#[test]
fn values_cut_short_are_malformed() {
    for (id, value, _) in STANDARD {
        for len in 0..value.len() {
            assert_eq!(
                read(id, &value[..len]).unwrap_err().reason,
                Reason::MalformedPacket,
                "{id:#04x} {len}"
            );
        }
    }
}

/// Sections 3.1.2.11.3 to 3.1.2.11.7, 3.3.2.3.2, 3.3.2.3.8, 3.3.4 and [MQTT-3.3.2-14].
#[test]
fn values_out_of_range_are_refused() {
    let table: [(u8, &[u8]); 16] = [
        (0x01, &[2]),
        (0x08, b"\0\x03a/+"),
        (0x08, b"\0\x01#"),
        (0x08, b"\0\0"),
        (0x0B, &[0]),
        (0x17, &[2]),
        (0x19, &[255]),
        (0x21, &[0, 0]),
        (0x24, &[2]),
        (0x25, &[2]),
        (0x27, &[0; 4]),
        (0x28, &[2]),
        (0x29, &[2]),
        (0x2A, &[2]),
        (0x23, &[0, 0]),
        (0x26, &[0, 1, 0, 0, 0]),
    ];
    for (id, value) in table {
        let expected = match id {
            0x23 => Reason::TopicAliasInvalid,
            0x26 => Reason::MalformedPacket,
            _ => Reason::ProtocolError,
        };
        assert_eq!(read(id, value).unwrap_err().reason, expected, "{id:#04x} {value:?}");
    }
}

#[test]
fn both_ends_of_a_range_are_accepted() {
    let table: [(u8, &[u8]); 10] = [
        (0x01, &[0]),
        (0x0B, &[1]),
        (0x0B, &[0xFF, 0xFF, 0xFF, 0x7F]),
        (0x21, &[0xFF, 0xFF]),
        (0x22, &[0xFF, 0xFF]),
        (0x23, &[0, 1]),
        (0x23, &[0xFF, 0xFF]),
        (0x27, &[0xFF; 4]),
        (0x02, &[0; 4]),
        (0x18, &[0xFF; 4]),
    ];
    for (id, value) in table {
        assert!(read(id, value).is_ok(), "{id:#04x} {value:?}");
    }
}

/// [MQTT-1.5.7-1] name and value of a pair are strings, each.
#[test]
fn pairs_are_two_strings() {
    for value in [&b"\0\x01\xFF\0\0"[..], b"\0\0\0\x01\xFF", b"\0\x01\0\0\0", b"\0\0\0\x01\0"] {
        assert_eq!(read(0x26, value).unwrap_err().reason, Reason::MalformedPacket, "{value:?}");
    }
    assert_eq!(read(0x26, &[0; 4]), Ok(Property::UserProperty("", "")));
}
