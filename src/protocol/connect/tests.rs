use super::*;
use crate::packet::Packet;
use crate::properties::PropertyBuf;
use crate::property::Property;
use crate::testing::{check_golden, decode, encode, frame, refusal};

const BARE: Connect<'static> = Connect {
    version: Version::V5,
    is_bridge: false,
    clean_start: true,
    keep_alive_s: 60,
    properties: Properties::EMPTY,
    client_id: "c",
    will: None,
    user_name: None,
    password: None,
};

const WILL_OF_A: Will<'static> =
    Will { qos: Qos::AtMostOnce, retain: false, properties: Properties::EMPTY, topic: "a", payload: b"w" };

/// A body of version 5 or 3.1.1 with these connect flags and this payload.
fn body(level: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let properties: &[u8] = if level == 5 { &[0] } else { &[] };
    [&b"\0\x04MQTT"[..], &[level, flags, 0, 60], properties, payload].concat()
}

fn refused(level: u8, flags: u8, payload: &[u8]) -> Option<Reason> {
    refusal(0x10, &body(level, flags, payload), Version::V311)
}

#[test]
fn golden_bytes_of_each_version() {
    check_golden(&Packet::Connect(BARE), Version::V5, b"\x10\x0E\0\x04MQTT\x05\x02\0\x3C\0\0\x01c");
    let older = Connect { version: Version::V311, clean_start: false, ..BARE };
    check_golden(&Packet::Connect(older), Version::V311, b"\x10\x0D\0\x04MQTT\x04\0\0\x3C\0\x01c");
    let oldest = Connect { version: Version::V31, ..BARE };
    check_golden(&Packet::Connect(oldest), Version::V31, b"\x10\x0F\0\x06MQIsdp\x03\x02\0\x3C\0\x01c");
}

/// [MQTT-3.1.3-1] client identifier, will properties, topic and payload, user name, password.
#[test]
fn the_payload_comes_in_the_order_of_the_standard() {
    let (mut properties, mut of_will) = (PropertyBuf::new(), PropertyBuf::new());
    properties.push(Property::ReceiveMaximum(8));
    of_will.push(Property::WillDelay(3));
    let will = Will { qos: Qos::ExactlyOnce, retain: true, properties: of_will.as_properties(), ..WILL_OF_A };
    let full = Connect {
        properties: properties.as_properties(),
        will: Some(will),
        user_name: Some("u"),
        password: Some(&[0, 0xFF]),
        ..BARE
    };
    let payload = b"\0\x01c\x05\x18\0\0\0\x03\0\x01a\0\x01w\0\x01u\0\x02\0\xFF";
    let bytes = [&b"\0\x04MQTT\x05\xF6\0\x3C\x03\x21\0\x08"[..], payload].concat();
    check_golden(&Packet::Connect(full), Version::V5, &frame(0x10, &bytes));
}

/// A CONNECT is read and written in its own version, whatever the connection is thought to speak.
#[test]
fn the_version_is_that_of_the_packet() {
    let bytes = encode(&Packet::Connect(BARE), Version::V31);
    assert_eq!(decode(&bytes, Version::V311), Ok(Packet::Connect(BARE)));
}

/// [MQTT-3.1.2-1], [MQTT-3.1.2-2].
#[test]
fn names_and_levels_that_are_not_served() {
    for name in ["mqtt", "MQTTX", "", "MQIsdpX", "HTTP", "MQ"] {
        for level in [3, 4, 5] {
            let body = [&[0, name.len() as u8], name.as_bytes(), &[level, 2, 0, 60, 0, 0, 0]].concat();
            assert_eq!(
                refusal(0x10, &body, Version::V5),
                Some(Reason::UnsupportedProtocolVersion),
                "{name:?}"
            );
        }
    }
    for (name, level) in [("MQTT", 3), ("MQIsdp", 4), ("MQIsdp", 5), ("MQTT", 0), ("MQTT", 6), ("MQTT", 0x85)]
    {
        let body = [&[0, name.len() as u8], name.as_bytes(), &[level, 2, 0, 60, 0, 0, 0]].concat();
        assert_eq!(
            refusal(0x10, &body, Version::V5),
            Some(Reason::UnsupportedProtocolVersion),
            "{name} {level}"
        );
        let expected = match (name, level) {
            ("MQIsdp", 4) => None,
            (_, 5..) => Some(Version::V5),
            _ => Some(Version::V311),
        };
        assert_eq!(Connect::refusal_version(&body), expected, "{name} {level}");
    }
}

/// What stands behind an unknown level is not looked at: its layout is not known.
#[test]
fn the_level_is_judged_before_the_rest() {
    assert_eq!(refusal(0x10, b"\0\x04MQTT\x06", Version::V5), Some(Reason::UnsupportedProtocolVersion));
}

/// By name and level alone: they are seen even if nothing else is right.
#[test]
fn a_refusal_is_written_as_its_reader_expects_it() {
    let table: [(&[u8], Option<Version>); 14] = [
        (b"\0\x04MQTT\x05", Some(Version::V5)),
        (b"\0\x04MQTT\x04\xFF\xFF", Some(Version::V311)),
        (b"\0\x06MQIsdp\x03", Some(Version::V31)),
        (b"\0\x04MQTT\x84\xFF", Some(Version::V311)),
        (b"\0\x06MQIsdp\x83", Some(Version::V31)),
        (b"\0\x04MQTU\x84", None),
        (b"\0\x04MQTU\x05", Some(Version::V5)),
        (b"\0\x04MQTU\x04", None),
        (b"\0\x04MQTU\x03", None),
        (b"", None),
        (b"\0", None),
        (b"\0\x04MQT", None),
        (b"\0\x04MQTT", None),
        (b"\xFF\xFFMQTT\x05", None),
    ];
    for (body, expected) in table {
        assert_eq!(Connect::refusal_version(body), expected, "{body:?}");
    }
}

/// [MQTT-3.1.2-3] reserved bit; [MQTT-3.1.2-12] Will QoS 3; [MQTT-3.1.2-11], [MQTT-3.1.2-13] will bits
/// without will.
#[test]
fn connect_flags_that_are_refused() {
    let payload = b"\0\x01c\0\0\x01a\0\x01w\0\x01u\0\x01p";
    for flags in [0x01, 0x03, 0x08, 0x10, 0x18, 0x20, 0x38, 0x1C, 0x1E, 0x3C] {
        for level in [4, 5] {
            assert_eq!(refused(level, flags, payload), Some(Reason::MalformedPacket), "{flags:#x} {level}");
        }
    }
}

/// [MQTT-3.1.2-22 of 3.1.1] before 5.0 a password needs a user name; in 5.0 it does not.
#[test]
fn a_password_without_user_name() {
    assert_eq!(refused(4, 0x42, b"\0\x01c\0\x01p"), Some(Reason::MalformedPacket));
    assert_eq!(refused(5, 0x42, b"\0\x01c\0\x01p"), None);
    assert_eq!(refused(4, 0xC2, b"\0\x01c\0\x01u\0\x01p"), None);
}

/// [MQTT-3.1.3-3], [MQTT-3.1.2-9], [MQTT-3.1.2-16] to [MQTT-3.1.2-19]: fields and flags agree.
#[test]
fn fields_are_there_exactly_if_their_flag_is_set() {
    for level in [4, 5] {
        assert_eq!(refused(level, 0x02, b""), Some(Reason::MalformedPacket), "no client identifier");
        assert_eq!(refused(level, 0x02, b"\0\x01c\0\x01u"), Some(Reason::MalformedPacket), "bytes left over");
        assert_eq!(refused(level, 0x82, b"\0\x01c"), Some(Reason::MalformedPacket), "no user name");
        assert_eq!(refused(level, 0xC2, b"\0\x01c\0\x01u"), Some(Reason::MalformedPacket), "no password");
        assert_eq!(refused(level, 0x06, b"\0\x01c"), Some(Reason::MalformedPacket), "no will");
        assert_eq!(refused(level, 0x02, b"\0\0"), None, "an empty client identifier is a matter of policy");
    }
    assert_eq!(refused(4, 0x06, b"\0\x01c\0\x01a"), Some(Reason::MalformedPacket), "no will payload");
    assert_eq!(refused(5, 0x06, b"\0\x01c\0\0\x01a"), Some(Reason::MalformedPacket), "no will payload");
    assert_eq!(refused(5, 0x06, b"\0\x01c\0\0\x01a\0\0"), None);
}

/// [MQTT-3.1.3-4], [MQTT-3.1.3-11], [MQTT-3.1.3-12]: strings; the password is any bytes.
#[test]
fn strings_of_a_connect() {
    assert_eq!(refused(5, 0x02, b"\0\x01\xFF"), Some(Reason::MalformedPacket));
    assert_eq!(refused(5, 0x02, b"\0\x01\0"), Some(Reason::MalformedPacket));
    assert_eq!(refused(5, 0x06, b"\0\x01c\0\0\x01\xFF\0\0"), Some(Reason::MalformedPacket));
    assert_eq!(refused(5, 0x82, b"\0\x01c\0\x01\xFF"), Some(Reason::MalformedPacket));
    assert_eq!(refused(5, 0x42, b"\0\x01c\0\x01\xFF"), None);
}

/// [MQTT-4.7.0-1], [MQTT-4.7.3-1]: a will is published to a topic name.
#[test]
fn will_topics() {
    for level in [4, 5] {
        let properties: &[u8] = if level == 5 { &[0] } else { &[] };
        let will = |topic: &[u8]| [b"\0\x01c", properties, topic, b"\0\0"].concat();
        assert_eq!(refused(level, 0x06, &will(b"\0\x03a/+")), Some(Reason::MalformedPacket));
        assert_eq!(refused(level, 0x06, &will(b"\0\x01#")), Some(Reason::MalformedPacket));
        assert_eq!(refused(level, 0x06, &will(b"\0\0")), Some(Reason::ProtocolError));
    }
}

/// Sections 3.1.2.11.3 to 3.1.2.11.10.
#[test]
fn properties_of_a_connect() {
    let with = |properties: &[u8]| {
        let len = [properties.len() as u8];
        let body = [&b"\0\x04MQTT\x05\x02\0\x3C"[..], &len, properties, b"\0\x01c"].concat();
        refusal(0x10, &body, Version::V5)
    };
    assert_eq!(with(&[0x16, 0, 0]), Some(Reason::ProtocolError), "data without method");
    assert_eq!(with(&[0x16, 0, 0, 0x15, 0, 1, b'm']), None);
    assert_eq!(with(&[0x15, 0, 1, b'm']), None);
    assert_eq!(with(&[0x21, 0, 0]), Some(Reason::ProtocolError), "Receive Maximum 0");
    assert_eq!(with(&[0x27, 0, 0, 0, 0]), Some(Reason::ProtocolError), "Maximum Packet Size 0");
    assert_eq!(with(&[0x18, 0, 0, 0, 1]), Some(Reason::MalformedPacket), "Will Delay outside the will");
    assert_eq!(refused(5, 0x06, b"\0\x01c\x03\x21\0\x01\0\x01a\0\0"), Some(Reason::MalformedPacket));
    assert_eq!(refused(5, 0x06, b"\0\x01c\x04\x01\x01\x01\x01\0\x01a\0\0"), Some(Reason::ProtocolError));
}

/// [MQTT-3.1.4-1] a CONNECT cut anywhere does not decode.
#[test]
fn no_beginning_of_a_connect_is_a_connect() {
    let will = Some(WILL_OF_A);
    for version in Version::ALL {
        let full = Connect { version, will, user_name: Some("u"), password: Some(b"p"), ..BARE };
        let bytes = encode(&Packet::Connect(full), version);
        for len in 0..bytes.len() - 2 {
            assert!(refusal(0x10, &bytes[2..2 + len], version).is_some(), "{len} bytes of {version:?}");
        }
    }
}

/// The reserved connect flag, and the flags of the fixed header.
#[test]
fn bits_that_31_calls_unused_are_ignored_there() {
    for version in Version::ALL {
        let plain = encode(&Packet::Connect(Connect { version, ..BARE }), version);
        let flags_at = 2 + 2 + version.name().len() + 1;
        for (at, bit) in [(flags_at, 1), (0, 1), (0, 2), (0, 4), (0, 8)] {
            let mut bytes = plain.clone();
            bytes[at] |= bit;
            let expected = (version == Version::V31).then_some(Packet::Connect(Connect { version, ..BARE }));
            assert_eq!(decode(&bytes, Version::V5).ok(), expected, "{version:?}: bit {bit} of byte {at}");
        }
    }
}

/// Levels 0x83 and 0x84 are those of bridges; 5.0 has none.
#[test]
fn bit_7_of_the_level_is_that_of_a_bridge() {
    let bridge = Connect { version: Version::V311, is_bridge: true, ..BARE };
    check_golden(&Packet::Connect(bridge), Version::V311, b"\x10\x0D\0\x04MQTT\x84\x02\0\x3C\0\x01c");
    let oldest = Connect { version: Version::V31, ..bridge };
    check_golden(&Packet::Connect(oldest), Version::V31, b"\x10\x0F\0\x06MQIsdp\x83\x02\0\x3C\0\x01c");
    for level in [0x80, 0x82, 0x85, 0x86] {
        let body = [&b"\0\x04MQTT"[..], &[level, 2, 0, 60, 0, 0, 0]].concat();
        assert_eq!(refusal(0x10, &body, Version::V5), Some(Reason::UnsupportedProtocolVersion), "{level:#x}");
    }
}
