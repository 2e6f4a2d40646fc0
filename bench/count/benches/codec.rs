//! Bytes to packets and back, packet by packet.

use std::hint::black_box;

use ringmq_protocol::{
    Connack, Connect, Delivery, Header, Packet, PacketType, Properties, Property, PropertyBuf, Publish, Qos,
    Reason, Suback, Will, encode_ack,
};

use super::{Bench, Prepared};
use crate::packets::{self, VERSION, encoded, packet_id};

pub(super) const BENCHES: &[Bench] = &[
    Bench::short("decode/publish_qos0", "packet", || {
        decode(&packets::publish(&topic(), Qos::AtMostOnce, 0, PAYLOAD))
    }),
    Bench::short("decode/publish_qos1", "packet", || {
        decode(&packets::publish(&topic(), Qos::AtLeastOnce, 7, PAYLOAD))
    }),
    Bench::short("decode/publish_properties", "packet", || decode(&publish_with_properties())),
    Bench::short("decode/puback", "packet", || {
        decode(&encoded(&Packet::Puback(packets::ack(7, Reason::Success))))
    }),
    Bench::short("decode/pubrel", "packet", || {
        decode(&encoded(&Packet::Pubrel(packets::ack(7, Reason::Success))))
    }),
    Bench::short("decode/subscribe_3", "packet", || {
        decode(&packets::subscribe(
            &["plant/7/+/temperature", "alarm/#", "device/4711/state"],
            Qos::AtLeastOnce,
        ))
    }),
    Bench::short("decode/connect", "packet", || decode(&packets::connect("rb0a1b2c3dp4711", 300))),
    Bench::short("decode/connect_will", "packet", || decode(&connect_with_will())),
    Bench::short("encode/delivery_qos0", "packet", || deliver(plain_delivery())),
    Bench::short("encode/delivery_qos1", "packet", || {
        deliver(Delivery { qos: Qos::AtLeastOnce, packet_id: Some(packet_id(7)), ..plain_delivery() })
    }),
    Bench::short("encode/delivery_properties", "packet", || {
        deliver(Delivery {
            subscription_ids: &[3],
            message_expiry_s: Some(60),
            passed_on: b"\x03\x00\x04text",
            ..plain_delivery()
        })
    }),
    Bench::short("encode/puback", "packet", || {
        encode(|out| encode_ack(PacketType::Puback, VERSION, packet_id(7), Reason::Success, out))
    }),
    Bench::short("encode/connack", "packet", || {
        let connack =
            Connack { session_present: false, reason: Reason::Success, properties: Properties::EMPTY };
        encode(move |out| Packet::Connack(connack).encode(VERSION, out))
    }),
    Bench::short("encode/suback_3", "packet", || {
        encode(|out| {
            let codes = &[0, 1, 2];
            let suback = Suback { packet_id: packet_id(7), properties: Properties::EMPTY, codes };
            Packet::Suback(suback).encode(VERSION, out);
        })
    }),
];

/// Packets in one pass.
const COUNT: u64 = 1000;

const PAYLOAD: &[u8] = &[0x5A; 64];

fn topic() -> String {
    packets::topic(17)
}

/// Cuts and decodes a stream of packets.
fn decode(packet: &[u8]) -> Prepared {
    let stream = packet.repeat(COUNT as usize);
    Prepared::new(COUNT, move |pass| {
        let mut count = 0;
        pass.count(|| {
            let mut rest = &stream[..];
            while let Ok(Some(header)) = Header::read(rest) {
                let body = &rest[header.header_len..header.total_len()];
                count += u64::from(black_box(Packet::decode(&header, body, VERSION)).is_ok());
                rest = &rest[header.total_len()..];
            }
        });
        count
    })
}

/// Encodes one packet again and again into a buffer that is large enough.
fn encode(put: impl Fn(&mut Vec<u8>) + 'static) -> Prepared {
    let mut packet = Vec::new();
    put(&mut packet);
    let mut out = Vec::with_capacity(packet.len() * COUNT as usize);
    Prepared::new(COUNT, move |pass| {
        out.clear();
        pass.count(|| (0..COUNT).for_each(|_| put(black_box(&mut out))));
        (out.len() / packet.len()) as u64
    })
}

fn deliver(delivery: Delivery<'static>) -> Prepared {
    encode(move |out| {
        black_box(&delivery).encode_head(VERSION, out).expect("it fits");
        out.extend_from_slice(PAYLOAD);
    })
}

fn plain_delivery() -> Delivery<'static> {
    Delivery {
        qos: Qos::AtMostOnce,
        dup: false,
        retain: false,
        topic: "bench/0a1b2c3d/17",
        packet_id: None,
        topic_alias: None,
        message_expiry_s: None,
        subscription_ids: &[],
        passed_on: &[],
        payload_len: PAYLOAD.len(),
    }
}

fn publish_with_properties() -> Vec<u8> {
    let mut properties = PropertyBuf::new();
    properties
        .push(Property::MessageExpiry(60))
        .push(Property::ContentType("application/json"))
        .push(Property::UserProperty("site", "north"));
    encoded(&Packet::Publish(Publish {
        dup: false,
        qos: Qos::AtLeastOnce,
        retain: false,
        topic: &topic(),
        packet_id: Some(packet_id(7)),
        properties: properties.as_properties(),
        payload: PAYLOAD,
    }))
}

fn connect_with_will() -> Vec<u8> {
    let mut properties = PropertyBuf::new();
    properties.push(Property::SessionExpiry(3600)).push(Property::ReceiveMaximum(100));
    encoded(&Packet::Connect(Connect {
        version: VERSION,
        is_bridge: false,
        clean_start: false,
        keep_alive_s: 60,
        properties: properties.as_properties(),
        client_id: "device-4711",
        will: Some(Will {
            qos: Qos::AtLeastOnce,
            retain: true,
            properties: Properties::EMPTY,
            topic: "device/4711/state",
            payload: b"offline",
        }),
        user_name: Some("device"),
        password: Some(b"a password of some length"),
    }))
}
