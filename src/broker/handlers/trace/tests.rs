//! Which notes a shard leaves at which level, however the bytes come in.

use ringmq_protocol::{
    Ack, Disconnect, FilterBuf, PacketId, Properties, Qos, Reason, Subscribe, SubscribeOptions,
};

use super::*;
use crate::outbox::SPLICE_BYTES_MIN;
use crate::setup::Setup;
use crate::testing::{open, setup};
use crate::time::Time;

/// Makes a shard that leaves notes of `level`, lets a client send these bytes in chunks, and gives the notes.
fn notes(level: Level, bytes: &[u8], chunk_bytes: usize) -> Vec<Note> {
    let mut shard = Shard::new(Setup { notes: level, ..setup() }, Time::ZERO);
    let id = open(&mut shard);
    for chunk in bytes.chunks(chunk_bytes) {
        shard.receive(Time::ZERO, id, chunk);
        shard.take_output(id);
    }
    shard.take_last_output(id);
    std::mem::take(&mut shard.trays().notes)
}

/// Everything that a client with a mirror of itself says, in MQTT 5.0: its publish comes back to it.
fn session(payload: &[u8]) -> Vec<u8> {
    let (properties, packet_id) = (Properties::EMPTY, PacketId::MIN);
    let mut filters = FilterBuf::new();
    filters.push("a/#", SubscribeOptions { qos: Qos::AtLeastOnce, ..SubscribeOptions::default() });
    let publish = Publish {
        dup: false,
        qos: Qos::AtLeastOnce,
        retain: false,
        topic: "a/b",
        packet_id: Some(packet_id),
        properties,
        payload,
    };
    let ack = Ack { packet_id, reason: Reason::Success, properties };
    let connect = Connect {
        is_bridge: false,
        version: Version::V5,
        clean_start: true,
        keep_alive_s: 30,
        properties,
        client_id: "mirror",
        will: None,
        user_name: Some("joe"),
        password: None,
    };
    let mut bytes = Vec::new();
    for packet in [
        Packet::Connect(connect),
        Packet::Subscribe(Subscribe { packet_id, properties, filters: filters.as_filters() }),
        Packet::Publish(publish),
        Packet::Puback(ack),
        Packet::Pingreq,
        Packet::Disconnect(Disconnect { reason: Reason::Success, properties }),
    ] {
        packet.encode(Version::V5, &mut bytes);
    }
    bytes
}

/// The notes about packets, in words.
fn packets(notes: &[Note]) -> Vec<String> {
    let packet = |note: &Note| match note {
        Note::Packet(seen) => Some(format!(
            "{:?} {} {} {}",
            seen.direction,
            seen.kind.name(),
            seen.client.client_id.as_deref().unwrap_or("-"),
            seen.topic.as_deref().unwrap_or("-"),
        )),
        _ => None,
    };
    notes.iter().filter_map(packet).collect()
}

#[test]
fn each_packet_is_noted_once_in_any_chunks() {
    for payload in [vec![7; 10], vec![7; SPLICE_BYTES_MIN + 1]] {
        let bytes = session(&payload);
        for chunk_bytes in [1, 3, 100, usize::MAX] {
            let notes = notes(Level::Trace, &bytes, chunk_bytes);
            let mut told = packets(&notes);
            told.sort();
            let mut expected = [
                "Received CONNECT mirror -",
                "Sent CONNACK mirror -",
                "Received SUBSCRIBE mirror a/#",
                "Sent SUBACK mirror -",
                "Received PUBLISH mirror a/b",
                "Sent PUBACK mirror -",
                "Sent PUBLISH mirror a/b",
                "Received PUBACK mirror -",
                "Received PINGREQ mirror -",
                "Sent PINGRESP mirror -",
                "Received DISCONNECT mirror -",
            ];
            expected.sort_unstable();
            assert_eq!(told, expected, "{} bytes of payload in chunks of {chunk_bytes}", payload.len());
            let size = |note: &Note| match note {
                Note::Packet(seen) if seen.kind == PacketType::Publish => Some(seen.size_bytes),
                _ => None,
            };
            assert!(notes.iter().filter_map(size).all(|bytes| bytes > payload.len()));
        }
    }
}

#[test]
fn who_does_not_trace_has_no_notes_of_packets() {
    let bytes = session(b"hello");
    let notes = |level| notes(level, &bytes, usize::MAX);
    let both_ends = notes(Level::Debug);
    assert!(packets(&both_ends).is_empty());
    let [Note::Connected(connected), Note::CredentialsIgnored(_), Note::Ended(ended)] = &both_ends[..] else {
        panic!("{both_ends:?}")
    };
    assert_eq!((connected.keep_alive_s, connected.session_present), (30, false));
    assert_eq!(
        (connected.client.client_id.as_deref(), ended.ending.cause.row().name),
        (Some("mirror"), "client_disconnect")
    );
    assert!(matches!(&notes(Level::Warn)[..], [Note::CredentialsIgnored(_)]));
}

/// What ends a connection from this side is noted with its client, though the session is gone by then.
#[test]
fn the_last_packet_is_noted_too() {
    let mut bytes = session(b"hello");
    let end = bytes.len() - 2;
    // DISCONNECT becomes a reserved type.
    bytes[end] = 0;
    let told = packets(&notes(Level::Trace, &bytes, usize::MAX));
    assert_eq!(told.last().map(String::as_str), Some("Sent DISCONNECT mirror -"), "{told:?}");
}
