//! A last client, which erases what was retained.
//!
//! Owns the few packets that this takes. Must never know the fuzzer's input.

use ringmq_protocol::{
    Connect, FilterBuf, Header, Packet, PacketId, Properties, Publish, Qos, RetainHandling, Subscribe,
    SubscribeOptions, Version,
};

const VERSION: Version = Version::V311;
const OPTIONS: SubscribeOptions = SubscribeOptions {
    qos: Qos::AtMostOnce,
    no_local: false,
    retain_as_published: false,
    retain_handling: RetainHandling::Always,
};

/// What it asks first: its CONNECT, and a SUBSCRIBE that every retained message answers.
pub(crate) fn questions() -> Vec<u8> {
    let mut filters = FilterBuf::new();
    filters.push("#", OPTIONS);
    let mut bytes = Vec::new();
    connect().encode(VERSION, &mut bytes);
    subscribe(&filters).encode(VERSION, &mut bytes);
    bytes
}

/// What erases every retained message in `answers`, which is all that the broker has sent it.
pub(crate) fn erasures(answers: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for topic in topics(answers) {
        erasure(&topic).encode(VERSION, &mut bytes);
    }
    bytes
}

fn connect() -> Packet<'static> {
    Packet::Connect(Connect {
        version: VERSION,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        properties: Properties::EMPTY,
        client_id: "janitor",
        will: None,
        user_name: None,
        password: None,
    })
}

fn subscribe(filters: &FilterBuf) -> Packet<'_> {
    let filters = filters.as_filters();
    Packet::Subscribe(Subscribe { packet_id: PacketId::MIN, properties: Properties::EMPTY, filters })
}

fn erasure(topic: &str) -> Packet<'_> {
    Packet::Publish(Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: true,
        topic,
        packet_id: None,
        properties: Properties::EMPTY,
        payload: &[],
    })
}

/// The topics of all PUBLISH packets in what the broker sent.
fn topics(mut bytes: &[u8]) -> Vec<String> {
    let mut topics = Vec::new();
    while let Ok(Some(header)) = Header::read(bytes) {
        let (frame, behind) = bytes.split_at(header.total_len());
        bytes = behind;
        match Packet::decode(&header, &frame[header.header_len..], VERSION) {
            Ok(Packet::Publish(publish)) => topics.push(publish.topic.to_owned()),
            Ok(_) => {}
            Err(error) => panic!("the broker sends what does not decode: {error}"),
        }
    }
    topics
}
