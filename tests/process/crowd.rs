//! The long version: a crowd of idle connections with a subscription each, and what one of them costs. Run it with
//! `--ignored --nocapture`; a release build gives the figures that are promised.

use ringmq_protocol::Qos;

use crate::broker::{Broker, Engine, Plan, on_both_engines};
use crate::certificates::{self, Terms};
use crate::client::{Client, Stream};

const PLAIN_COUNT: usize = 10_000;
const TLS_COUNT: usize = 2_000;
/// Promised for one idle connection with one subscription.
const PLAIN_BYTES_MAX: usize = 2 << 10;
const TLS_BYTES_MAX: usize = 10 << 10;

on_both_engines! {
    #[ignore = "a minute"]
    idle_connections_are_small,
}

fn idle_connections_are_small(engine: Engine) {
    let broker = Plan::new(engine).shards(2).start();
    let config = Terms::of(&broker).config();
    // What the first of each kind needs once for all is not counted.
    let first = Client::connect(&broker, "first");
    let first_encrypted = certificates::connect(&broker, &config, "first-encrypted");
    let plain = |n: usize| Client::connect(&broker, &format!("plain-{n}"));
    let (plain_clients, plain_bytes) = gather(&broker, PLAIN_COUNT, plain);
    let encrypted = |n: usize| certificates::connect(&broker, &config, &format!("encrypted-{n}"));
    let (encrypted_clients, tls_bytes) = gather(&broker, TLS_COUNT, encrypted);
    println!("{engine:?}: {plain_bytes} bytes for a plain connection, {tls_bytes} for one over TLS");
    assert!(plain_bytes < PLAIN_BYTES_MAX, "{plain_bytes} bytes for a plain connection");
    assert!(tls_bytes < TLS_BYTES_MAX, "{tls_bytes} bytes for a connection over TLS");
    drop((first, first_encrypted, plain_clients, encrypted_clients));
    broker.finish();
}

/// Connects and subscribes so many clients and tells the resident memory that each takes.
fn gather<S: Stream>(
    broker: &Broker,
    count: usize,
    connect: impl Fn(usize) -> Client<S>,
) -> (Vec<Client<S>>, usize) {
    let before = broker.figures().resident_kib();
    let subscribed = |n: usize| {
        let mut client = connect(n);
        client.subscribe(&format!("idle/{n}"), Qos::AtLeastOnce);
        client
    };
    let clients = (0..count).map(subscribed).collect();
    let grown_kib = broker.figures().resident_kib().saturating_sub(before);
    (clients, grown_kib as usize * 1024 / count)
}
