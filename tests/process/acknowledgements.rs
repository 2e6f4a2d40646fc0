//! A publisher that does not read its acknowledgements: the broker stops to read it, and loses nothing when it goes on.

use std::time::Duration;

use ringmq_protocol::{Packet, PacketId, Qos, Version};

use crate::broker::{Engine, FEW_BUFFERS, Plan, on_both_engines};
use crate::client::{Client, Received, publish_packet};
use crate::neighbour::Neighbours;
use crate::sockets::{self, write_until_stuck};

on_both_engines! {
    acknowledgements_that_are_not_read_stop_the_publisher,
}

/// More than the kernel can hold in both directions.
const TOTAL_BYTES: usize = 64 << 20;

fn acknowledgements_that_are_not_read_stop_the_publisher(engine: Engine) {
    let plan = Plan::new(engine).shards(3).set(FEW_BUFFERS).set("limits.send_queue_bytes_max=16384");
    let broker = plan.set("mqtt.packet_bytes_max=4096").start();
    let mut neighbours = Neighbours::move_in(&broker);
    let before = broker.figures().resident_kib();
    let mut publisher =
        Client::new(sockets::connect_narrow(broker.tcp()), Version::V311).accepted("deaf-publisher");
    let bytes = numbered_publishes();
    let taken = write_until_stuck(&mut publisher.stream, &bytes, Duration::from_millis(500), TOTAL_BYTES);
    assert!(taken < TOTAL_BYTES, "the broker reads on although its acknowledgements are not read");
    let grown = broker.figures().resident_kib().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB");
    neighbours.talk();
    sockets::widen(&publisher.stream);
    let whole = taken / PUBLISH_BYTES;
    for n in 0..whole {
        let Received::Puback(packet_id, _) = publisher.next() else { panic!("PUBACK {n} of {whole}") };
        assert_eq!(usize::from(packet_id.get()), n % IDS + 1, "in order [MQTT-4.6.0-2]");
    }
    // What was begun is finished, so that a PINGREQ can follow.
    let begun = &bytes[taken % bytes.len()..];
    let rest = begun.len() % PUBLISH_BYTES;
    publisher.write(&begun[..rest]);
    if rest > 0 {
        assert!(matches!(publisher.next(), Received::Puback(..)));
    }
    publisher.ping();
    broker.finish();
}

/// Packet identifiers in use, so that each is free again long before its turn.
const IDS: usize = 1000;
const PUBLISH_BYTES: usize = 2 + 3 + 2;

fn numbered_publishes() -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in 1..=IDS as u16 {
        let packet: Packet<'_> = publish_packet("t", &[], PacketId::new(id));
        assert!(matches!(packet, Packet::Publish(publish) if publish.qos == Qos::AtLeastOnce));
        packet.encode(Version::V311, &mut bytes);
    }
    assert_eq!(bytes.len(), IDS * PUBLISH_BYTES);
    bytes
}
