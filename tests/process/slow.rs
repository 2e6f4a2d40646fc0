//! Clients that do not read what they are sent: what waits for them is bounded, nobody else waits with them, and
//! after their grace they are gone.

use std::time::{Duration, Instant};

use ringmq_broker::cause::Cause;
use ringmq_protocol::{FilterBuf, Packet, PacketId, Properties, Qos, Subscribe, SubscribeOptions, Version};

use crate::broker::{Broker, Engine, FEW_BUFFERS, Plan, on_both_engines};
use crate::client::{Client, Received, publish_packet};
use crate::neighbour::Neighbours;
use crate::observer::{EVERY_SECOND, Observer};
use crate::sockets::{PATIENCE, write_until_stuck};

on_both_engines! {
    slow_consumers_are_disconnected_after_their_grace,
    retained_messages_are_paced,
    requests_whose_answers_are_not_read_come_to_rest,
    subscribing_again_and_again_takes_no_memory,
}

const SEND_QUEUE_BYTES_MAX: u64 = 128 << 10;
const DEAF_COUNT: u64 = 200;

fn plan(engine: Engine) -> Plan {
    let queue = format!("limits.send_queue_bytes_max={SEND_QUEUE_BYTES_MAX}");
    Plan::new(engine)
        .shards(3)
        .set(FEW_BUFFERS)
        .set(EVERY_SECOND)
        .set(&queue)
        .set("mqtt.packet_bytes_max=65536")
}

/// Room that the deaf may take: what waits in the broker, as much again on its way to the kernel, both in buffers that
/// grew by doubling.
const DEAF_KIB_MAX: u64 = DEAF_COUNT * 4 * (SEND_QUEUE_BYTES_MAX >> 10) + (32 << 10);

fn slow_consumers_are_disconnected_after_their_grace(engine: Engine) {
    let broker = plan(engine).set("limits.slow_consumer_grace_s=1").start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let before = broker.figures().resident_kib();
    let deaf: Vec<Client> = (0..DEAF_COUNT).map(|n| deaf_subscriber(&broker, n)).collect();
    let mut publisher = Client::connect(&broker, "flood");
    let mut most = 0;
    let until = Instant::now() + PATIENCE;
    while !observer.sees_ends(Cause::SlowConsumer, DEAF_COUNT) {
        assert!(Instant::now() < until, "the slow consumers are still there");
        for _ in 0..8 {
            publisher.publish("flood", &[7; 32 << 10]);
        }
        neighbours.talk();
        most = most.max(broker.figures().resident_kib());
    }
    observer.wait_for("counters/dropped_send_queue", |dropped| dropped > 0);
    let grown = most.saturating_sub(before);
    assert!(grown < DEAF_KIB_MAX, "{grown} KiB for {DEAF_COUNT} clients that do not read");
    publisher.ping();
    neighbours.talk();
    drop(deaf);
    broker.finish();
}

fn deaf_subscriber(broker: &Broker, number: u64) -> Client {
    let mut client = Client::connect_narrow(broker, &format!("deaf-{number}"));
    client.subscribe("flood", Qos::AtMostOnce);
    client
}

/// A stalled client that asks for everything gets as much as it takes, and all of it once it reads.
fn retained_messages_are_paced(engine: Engine) {
    const COUNT: usize = 4000;
    const PAYLOAD_BYTES: usize = 4 << 10;
    let broker = plan(engine).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut publisher = Client::connect(&broker, "keeper");
    for n in 0..COUNT {
        publisher.retain(&format!("kept/{n}"), &[7; PAYLOAD_BYTES]);
    }
    let before = broker.figures().resident_kib();
    let mut stalled = Client::connect_narrow(&broker, "stalled");
    stalled.send_subscribe("kept/#", Qos::AtMostOnce);
    for _ in 0..20 {
        neighbours.talk();
    }
    let grown = broker.figures().resident_kib().saturating_sub(before);
    assert!(
        grown < 8 << 10,
        "{grown} KiB while one client does not read {} KiB",
        (COUNT * PAYLOAD_BYTES) >> 10
    );
    assert_eq!(stalled.next(), Received::Suback(vec![0]));
    let mut topics: Vec<String> = (0..COUNT).map(|_| retained_topic(&mut stalled)).collect();
    topics.sort();
    topics.dedup();
    assert_eq!(topics.len(), COUNT, "each once");
    stalled.ping();
    broker.finish();
}

fn retained_topic(client: &mut Client) -> String {
    match client.next() {
        Received::Publish { topic, .. } => topic,
        other => panic!("{other:?} in place of a retained message"),
    }
}

/// A small request with a large answer, again and again: the broker stops to read it, and goes on when it can.
fn requests_whose_answers_are_not_read_come_to_rest(engine: Engine) {
    let broker = plan(engine).start();
    let mut neighbours = Neighbours::move_in(&broker);
    Client::connect(&broker, "keeper").retain("large", &[7; 60 << 10]);
    let before = broker.figures().resident_kib();
    let mut stuck = Client::connect_narrow(&broker, "stuck");
    let request = subscribe_bytes("large");
    let taken = write_until_stuck(&mut stuck.stream, &request, Duration::from_millis(500), 32 << 20);
    let grown = broker.figures().resident_kib().saturating_sub(before);
    // A few huge pages for each thread; the answers to all requests would take gigabytes.
    assert!(grown < 24 << 10, "{grown} KiB for {taken} bytes of requests");
    neighbours.talk();
    let mut answers = 0;
    for _ in 0..100 {
        answers += usize::from(matches!(stuck.next(), Received::Suback(_)));
    }
    assert!(answers > 0, "it is served on");
    drop(stuck);
    neighbours.talk();
    broker.finish();
}

/// Each filter of each SUBSCRIBE asks for retained messages anew, even if the client has subscribed it before.
fn subscribing_again_and_again_takes_no_memory(engine: Engine) {
    const TOTAL_BYTES: usize = 4 << 20;
    let broker = plan(engine).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut client = Client::connect(&broker, "again");
    let mut filters = FilterBuf::new();
    for _ in 0..1000 {
        filters.push("#", SubscribeOptions::default());
    }
    let packet_id = PacketId::new(1).expect("not zero");
    let (properties, filters) = (Properties::EMPTY, filters.as_filters());
    let mut request = Vec::new();
    Packet::Subscribe(Subscribe { packet_id, properties, filters }).encode(Version::V5, &mut request);
    let before = broker.figures().resident_kib();
    let mut most = before;
    for _ in 0..TOTAL_BYTES / request.len() {
        client.write(&request);
        assert!(matches!(client.next(), Received::Suback(codes) if codes.len() == 1000));
        most = most.max(broker.figures().resident_kib());
    }
    assert!(most - before < 8 << 10, "{} KiB for one client with one filter", most - before);
    neighbours.talk();
    broker.finish();
}

/// SUBSCRIBE of one filter at QoS 0 with packet identifier 1, without properties.
fn subscribe_bytes(filter: &str) -> Vec<u8> {
    let length = u8::try_from(filter.len()).expect("a short filter");
    [&[0x82, length + 6, 0, 1, 0, 0, length], filter.as_bytes(), &[0]].concat()
}

/// Publishes at QoS 0 that nobody is subscribed to cost nothing that stays.
#[test]
fn messages_for_nobody_leave_nothing() {
    let broker = plan(Engine::IoUring).start();
    let mut publisher = Client::connect(&broker, "nobody-listens");
    publisher.ping();
    let before = broker.figures().resident_kib();
    let mut bytes = Vec::new();
    publish_packet("void", &[7; 16 << 10], None).encode(Version::V5, &mut bytes);
    for _ in 0..1000 {
        publisher.write(&bytes);
    }
    publisher.ping();
    let grown = broker.figures().resident_kib().saturating_sub(before);
    assert!(grown < 10 << 10, "{grown} KiB stay behind");
    broker.finish();
}
