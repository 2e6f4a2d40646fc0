//! Packets as the clients of the benchmarks send them, encoded.
//!
//! Owns the choice of version, names and payloads. Must never know what a broker makes of them.

use std::num::NonZeroU16;

use ringmq_protocol::{
    Ack, Connect, FilterBuf, Packet, PacketId, PacketType, Properties, PropertyBuf, Publish, Qos, Reason,
    Subscribe, SubscribeOptions, Version, encode_ack,
};

/// The version that all clients speak: that of the load generator by default.
pub(crate) const VERSION: Version = Version::V5;

/// The packet as bytes.
pub(crate) fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(VERSION, &mut bytes);
    bytes
}

/// A packet identifier; `number` is not 0.
pub(crate) fn packet_id(number: u16) -> PacketId {
    NonZeroU16::new(number).expect("packet identifiers begin at 1")
}

/// The topic of publisher `number`, as long as those of the load generator.
pub(crate) fn topic(number: usize) -> String {
    format!("bench/0a1b2c3d/{number}")
}

/// The filter of all those topics.
pub(crate) const ALL_TOPICS: &str = "bench/0a1b2c3d/+";

/// A CONNECT without will and password.
pub(crate) fn connect(client_id: &str, keep_alive_s: u16) -> Vec<u8> {
    let mut properties = PropertyBuf::new();
    properties.push(ringmq_protocol::Property::ReceiveMaximum(u16::MAX));
    encoded(&Packet::Connect(Connect {
        version: VERSION,
        is_bridge: false,
        clean_start: true,
        keep_alive_s,
        properties: properties.as_properties(),
        client_id,
        will: None,
        user_name: None,
        password: None,
    }))
}

/// A SUBSCRIBE to filters at one QoS.
pub(crate) fn subscribe(filters: &[&str], qos: Qos) -> Vec<u8> {
    let mut list = FilterBuf::new();
    for filter in filters {
        list.push(filter, SubscribeOptions { qos, ..SubscribeOptions::default() });
    }
    encoded(&Packet::Subscribe(Subscribe {
        packet_id: packet_id(1),
        properties: Properties::EMPTY,
        filters: list.as_filters(),
    }))
}

/// A PUBLISH without properties; the packet identifier is left out at QoS 0.
pub(crate) fn publish(topic: &str, qos: Qos, id: u16, payload: &[u8]) -> Vec<u8> {
    encoded(&Packet::Publish(plain(topic, qos, id, payload)))
}

/// The same with RETAIN 1.
pub(crate) fn publish_retained(topic: &str, qos: Qos, id: u16, payload: &[u8]) -> Vec<u8> {
    encoded(&Packet::Publish(Publish { retain: true, ..plain(topic, qos, id, payload) }))
}

fn plain<'a>(topic: &'a str, qos: Qos, id: u16, payload: &'a [u8]) -> Publish<'a> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_id: (qos != Qos::AtMostOnce).then(|| packet_id(id)),
        properties: Properties::EMPTY,
        payload,
    }
}

/// Appends an acknowledgement without reason.
pub(crate) fn put_ack(kind: PacketType, id: PacketId, out: &mut Vec<u8>) {
    encode_ack(kind, VERSION, id, Reason::Success, out);
}

/// An acknowledgement with a reason, as a packet.
pub(crate) fn ack(id: u16, reason: Reason) -> Ack<'static> {
    Ack { packet_id: packet_id(id), reason, properties: Properties::EMPTY }
}
