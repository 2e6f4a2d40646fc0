use super::*;
use crate::packet::Packet;
use crate::properties::PropertyBuf;
use crate::property::Property;
use crate::reason::Reason;
use crate::testing::{check_golden, decode, encode, id, refusal};

const BARE: Publish<'static> = Publish {
    dup: false,
    qos: Qos::AtMostOnce,
    retain: false,
    topic: "a/b",
    packet_id: None,
    properties: Properties::EMPTY,
    payload: b"hi",
};

/// [MQTT-2.2.1-2] QoS 0 has no packet identifier; [MQTT-2.2.2-1] no properties are length 0.
#[test]
fn golden_bytes_of_each_version() {
    check_golden(&Packet::Publish(BARE), Version::V5, b"\x30\x08\0\x03a/b\0hi");
    check_golden(&Packet::Publish(BARE), Version::V311, b"\x30\x07\0\x03a/bhi");
    check_golden(&Packet::Publish(BARE), Version::V31, b"\x30\x07\0\x03a/bhi");
    let mut properties = PropertyBuf::new();
    properties.push(Property::MessageExpiry(10)).push(Property::UserProperty("k", "v"));
    let full = Publish {
        dup: true,
        qos: Qos::ExactlyOnce,
        retain: true,
        packet_id: Some(id(0x0102)),
        properties: properties.as_properties(),
        payload: b"",
        ..BARE
    };
    let bytes = b"\x3D\x14\0\x03a/b\x01\x02\x0C\x02\0\0\0\x0A\x26\0\x01k\0\x01v";
    check_golden(&Packet::Publish(full), Version::V5, bytes);
    assert_eq!(encode(&Packet::Publish(full), Version::V311), b"\x3D\x07\0\x03a/b\x01\x02");
}

#[test]
fn the_payload_is_any_bytes_and_is_not_copied() {
    let bytes = b"\x30\x08\0\x01a\0\0\xFF\xC0\x80";
    let Ok(Packet::Publish(publish)) = decode(bytes, Version::V5) else { panic!("a valid PUBLISH") };
    assert_eq!(publish.payload, [0, 0xFF, 0xC0, 0x80]);
    assert!(std::ptr::eq(publish.payload, &bytes[6..]));
}

/// [MQTT-3.3.2-1] valid UTF-8; [MQTT-3.3.2-2] no wildcard; [MQTT-4.7.3-1] not empty.
#[test]
fn topic_names_that_are_refused() {
    for version in [Version::V311, Version::V5] {
        assert_eq!(refusal(0x30, b"\0\x02\xC3\x28\0", version), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0x30, b"\0\x02a\0\0", version), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0x30, b"\0\x03a/#\0", version), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0x30, b"\0\x01+\0", version), Some(Reason::MalformedPacket));
        assert_eq!(refusal(0x30, b"\0\0\0", version), Some(Reason::ProtocolError));
    }
}

/// Section 3.3.2.3.4: an alias may stand for the topic; [MQTT-3.3.2-8] 0 is none.
#[test]
fn an_alias_stands_for_an_empty_topic() {
    assert_eq!(refusal(0x30, b"\0\0\x03\x23\0\x01", Version::V5), None);
    assert_eq!(refusal(0x30, b"\0\0\x03\x23\0\0", Version::V5), Some(Reason::TopicAliasInvalid));
    assert_eq!(refusal(0x30, b"\0\x01a\x03\x23\0\0", Version::V5), Some(Reason::TopicAliasInvalid));
    assert_eq!(refusal(0x30, b"\0\0\x02\x01\x01", Version::V5), Some(Reason::ProtocolError));
}

/// [MQTT-2.2.1-3] identifiers are not 0, and are there.
#[test]
fn packet_identifiers() {
    for first in [0x32, 0x34, 0x3A, 0x3C] {
        assert_eq!(refusal(first, b"\0\x01a\0\0\0", Version::V5), Some(Reason::ProtocolError));
        assert_eq!(refusal(first, b"\0\x01a\x01", Version::V5), Some(Reason::MalformedPacket));
        assert_eq!(refusal(first, b"\0\x01a\0\x01\0", Version::V5), None);
    }
}

/// [MQTT-3.3.1-4], [MQTT-3.3.1-2]: decoding checks the flags itself.
#[test]
fn flags_that_are_refused() {
    for first in [0x36, 0x37, 0x3E, 0x3F, 0x38, 0x39] {
        for version in Version::ALL {
            assert_eq!(
                refusal(first, b"\0\x01a\0\x01\0", version),
                Some(Reason::MalformedPacket),
                "{first:#x}"
            );
        }
    }
}

/// [MQTT-3.3.4-6] several identifiers are a server's; refusing a client's is not done here.
#[test]
fn subscription_identifiers_are_decoded() {
    let Ok(Packet::Publish(publish)) = decode(b"\x30\x08\0\x01a\x04\x0B\x01\x0B\x02", Version::V5) else {
        panic!("a valid PUBLISH")
    };
    assert!(publish.properties.subscription_ids().eq([1, 2]));
    assert_eq!(refusal(0x30, b"\0\x01a\x02\x0B\0", Version::V5), Some(Reason::ProtocolError));
}

/// Before 5.0 there are no properties: what would be one is payload.
#[test]
fn older_versions_have_no_properties() {
    let Ok(Packet::Publish(publish)) = decode(b"\x30\x06\0\x01a\x02\x01\x01", Version::V311) else {
        panic!("a valid PUBLISH")
    };
    assert_eq!((publish.payload, publish.properties), (&[2, 1, 1][..], Properties::EMPTY));
}

#[test]
#[should_panic(expected = "only then")]
fn an_identifier_with_qos_0_is_our_mistake() {
    encode(&Packet::Publish(Publish { packet_id: Some(id(1)), ..BARE }), Version::V5);
}

#[test]
#[should_panic(expected = "never repeated")]
fn dup_with_qos_0_is_our_mistake() {
    encode(&Packet::Publish(Publish { dup: true, ..BARE }), Version::V5);
}
