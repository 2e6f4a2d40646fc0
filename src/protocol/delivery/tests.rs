use super::*;
use crate::frame::{Header, PACKET_BYTES_MAX};
use crate::packet::Packet;
use crate::testing::{decode, id};

const BARE: Delivery<'static> = Delivery {
    qos: Qos::AtMostOnce,
    dup: false,
    retain: false,
    topic: "a/b",
    packet_id: None,
    topic_alias: None,
    message_expiry_s: None,
    subscription_ids: &[],
    passed_on: &[],
    payload_len: 2,
};

const FULL: Delivery<'static> = Delivery {
    qos: Qos::AtLeastOnce,
    dup: true,
    retain: true,
    packet_id: Some(PacketId::MAX),
    topic_alias: Some(NonZeroU16::MIN),
    message_expiry_s: Some(9),
    subscription_ids: &[1, 128, 268_435_455],
    passed_on: &[0x01, 1, 0x26, 0, 1, b'k', 0, 1, b'v'],
    ..BARE
};

fn encode(delivery: &Delivery<'_>, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    delivery.encode_head(version, &mut bytes).expect("it is far below the maximum");
    assert_eq!(bytes.len() + delivery.payload_len, delivery.encoded_len(version));
    bytes.resize(bytes.len() + delivery.payload_len, b'x');
    bytes
}

#[test]
fn golden_bytes() {
    assert_eq!(encode(&BARE, Version::V5), b"\x30\x08\0\x03a/b\0xx");
    assert_eq!(encode(&BARE, Version::V311), b"\x30\x07\0\x03a/bxx");
    let properties =
        b"\x1B\x23\0\x01\x02\0\0\0\x09\x0B\x01\x0B\x80\x01\x0B\xFF\xFF\xFF\x7F\x01\x01\x26\0\x01k\0\x01v";
    let body = [&b"\0\x03a/b\xFF\xFF"[..], properties, b"xx"].concat();
    assert_eq!(encode(&FULL, Version::V5), [&[0x3B, body.len() as u8], &body[..]].concat());
}

/// Before 5.0 a message loses its properties.
#[test]
fn older_versions_get_topic_and_identifier_only() {
    for version in [Version::V31, Version::V311] {
        assert_eq!(encode(&FULL, version), b"\x3B\x09\0\x03a/b\xFF\xFFxx");
    }
}

/// A receiver finds in the packet what was put into the delivery.
#[test]
fn a_delivery_decodes_as_a_publish() {
    let bytes = encode(&FULL, Version::V5);
    let Ok(Packet::Publish(publish)) = decode(&bytes, Version::V5) else { panic!("a valid PUBLISH") };
    assert_eq!((publish.dup, publish.qos, publish.retain), (true, Qos::AtLeastOnce, true));
    assert_eq!((publish.topic, publish.packet_id, publish.payload), ("a/b", Some(id(65_535)), &b"xx"[..]));
    assert_eq!(publish.properties.topic_alias(), Some(NonZeroU16::MIN));
    assert_eq!(publish.properties.message_expiry_s(), Some(9));
    assert!(publish.properties.subscription_ids().eq([1, 128, 268_435_455]));
    assert!(publish.properties.user_properties().eq([("k", "v")]));
}

/// Every width of both lengths in front.
#[test]
fn lengths_at_every_border() {
    let passed_on = [0; 20_000];
    for payload_len in [0, 121, 122, 16_376, 16_377, 2_097_144, 2_097_145] {
        for properties_len in [0, 127, 128, 16_383, 16_384] {
            let delivery = Delivery { payload_len, passed_on: &passed_on[..properties_len], ..BARE };
            assert!(encode(&delivery, Version::V5).len() > payload_len + properties_len);
        }
    }
}

/// An alias that the receiver knows stands for the topic.
#[test]
fn an_alias_alone() {
    let delivery = Delivery { topic: "", topic_alias: NonZeroU16::new(7), payload_len: 0, ..BARE };
    assert_eq!(encode(&delivery, Version::V5), b"\x30\x06\0\0\x03\x23\0\x07");
}

#[test]
#[should_panic(expected = "only then")]
fn qos_1_without_identifier_is_our_mistake() {
    encode(&Delivery { qos: Qos::AtLeastOnce, ..BARE }, Version::V5);
}

/// What a receiver adds to a packet of nearly full size, at every border: the length is known before anything is written.
#[test]
fn a_packet_above_the_maximum_is_not_written() {
    let ids = [1, 128, 16_384, 268_435_455];
    let topic = "t".repeat(65_535);
    for version in Version::ALL {
        for (topic, alias, ids, packet_id) in [
            ("t", None, &ids[..0], None),
            ("t", None, &ids[..0], Some(id(1))),
            (&topic[..], None, &ids[..1], None),
            ("", NonZeroU16::new(1), &ids[..], Some(id(1))),
            (&topic[..], NonZeroU16::new(1), &ids[..], Some(id(1))),
        ] {
            let qos = if packet_id.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
            let delivery = |payload_len| Delivery {
                qos,
                dup: false,
                retain: false,
                topic,
                packet_id,
                topic_alias: alias,
                message_expiry_s: Some(1),
                subscription_ids: ids,
                passed_on: &[0x01, 0x01],
                payload_len,
            };
            let overhead = delivery(1 << 28).encoded_len(version) - (1 << 28);
            for payload_len in (PACKET_BYTES_MAX - overhead - 3)..(PACKET_BYTES_MAX - overhead + 4) {
                let delivery = delivery(payload_len);
                let mut out = b"before".to_vec();
                let outcome = delivery.encode_head(version, &mut out);
                let fits = delivery.encoded_len(version) <= PACKET_BYTES_MAX;
                assert_eq!(outcome.is_ok(), fits, "{version:?} {payload_len}");
                let written = out.len() - b"before".len();
                assert_eq!(written, if fits { delivery.encoded_len(version) - payload_len } else { 0 });
                if let Some(header) = Header::read(&out[b"before".len()..]).expect("it is right") {
                    assert_eq!(header.total_len(), delivery.encoded_len(version));
                }
            }
        }
    }
}
