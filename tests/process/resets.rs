//! Clients that reset their connection before the broker has accepted it: what they said before is heard, and they count.

use std::io::Write;

use ringmq_broker::cause::Cause;
use ringmq_protocol::{Qos, Version};
use rustix::process::{Signal, kill_process};

use crate::broker::{Engine, Plan, on_both_engines};
use crate::client::{Client, Received, connect_bytes, publish_packet};
use crate::observer::{EVERY_SECOND, Observer};
use crate::sockets;

on_both_engines! {
    a_publish_before_a_reset_is_delivered,
    connections_that_say_nothing_before_a_reset_are_counted,
}

const CLIENTS: u64 = 40;

/// The broker stands still while they come and go, so that it accepts none of them in time. More than one piece of the
/// stream is left by each, and most are handed to another shard.
fn a_publish_before_a_reset_is_delivered(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    let mut subscriber = Client::connect(&broker, "subscriber");
    subscriber.subscribe("last/words", Qos::AtMostOnce);
    kill_process(broker.pid(), Signal::STOP).expect("the broker runs");
    for n in 0..CLIENTS {
        let mut words = connect_bytes(Version::V5, &format!("client-{n}"));
        for part in 0..4 {
            let payload = [n as u8, part].repeat(2500);
            publish_packet("last/words", &payload, None).encode(Version::V5, &mut words);
        }
        let mut stream = sockets::connect(broker.tcp());
        stream.write_all(&words).expect("the kernel takes it");
        sockets::reset(stream);
    }
    kill_process(broker.pid(), Signal::CONT).expect("the broker runs");
    let mut heard: Vec<(u8, u8)> = (0..4 * CLIENTS).map(|_| next_words(&mut subscriber)).collect();
    heard.sort_unstable();
    let all: Vec<(u8, u8)> = (0..CLIENTS).flat_map(|n| (0..4).map(move |part| (n as u8, part))).collect();
    assert_eq!(heard, all);
    broker.finish();
}

fn next_words(subscriber: &mut Client) -> (u8, u8) {
    match subscriber.next() {
        Received::Publish { payload, .. } => (payload[0], payload[1]),
        other => panic!("{other:?}"),
    }
}

fn connections_that_say_nothing_before_a_reset_are_counted(engine: Engine) {
    let broker = Plan::new(engine).shards(2).set(EVERY_SECOND).start();
    let mut observer = Observer::of(&broker);
    kill_process(broker.pid(), Signal::STOP).expect("the broker runs");
    for _ in 0..CLIENTS {
        sockets::reset(sockets::connect(broker.tcp()));
    }
    kill_process(broker.pid(), Signal::CONT).expect("the broker runs");
    observer.wait_for_ends(Cause::ConnectionReset, CLIENTS);
    observer.wait_for("counters/connections_unread", |unread| unread == 0);
    broker.finish();
}
