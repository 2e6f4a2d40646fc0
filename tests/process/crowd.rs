//! The long version: a crowd of idle connections with a subscription each, and what one of them costs. Run it with
//! `--ignored --nocapture`; a release build gives the figures that are promised.

use ringmq_protocol::Qos;

use crate::broker::{Broker, Engine, FEW_BUFFERS, Plan, on_both_engines};
use crate::certificates::{self, Terms};
use crate::client::{Client, Stream};

on_both_engines! {
    #[ignore = "a minute"]
    idle_connections_are_small,
    #[ignore = "a minute"]
    idle_connections_over_tls_are_small,
}

/// What the first connections need once for all is not counted: these come before.
const WARM_UP_COUNT: usize = 500;

/// Promised is less than 2 KiB for one idle connection with one subscription.
fn idle_connections_are_small(engine: Engine) {
    let broker = Plan::new(engine).shards(2).set(FEW_BUFFERS).start();
    let bytes = gather(&broker, 10_000, |n| Client::connect(&broker, &format!("plain-{n}")));
    println!("{engine:?}: {bytes} bytes of resident memory for a plain connection");
    assert!(bytes < 2 << 10, "{bytes}");
    broker.finish();
}

/// And less than 10 KiB over TLS.
fn idle_connections_over_tls_are_small(engine: Engine) {
    let broker = Plan::new(engine).shards(2).set(FEW_BUFFERS).start();
    let config = Terms::of(&broker).config();
    let bytes =
        gather(&broker, 2_000, |n| certificates::connect(&broker, &config, &format!("encrypted-{n}")));
    println!("{engine:?}: {bytes} bytes of resident memory for a connection over TLS");
    assert!(bytes < 10 << 10, "{bytes}");
    broker.finish();
}

/// Connects and subscribes so many clients and tells the resident memory that each takes.
fn gather<S: Stream>(broker: &Broker, count: usize, connect: impl Fn(usize) -> Client<S>) -> usize {
    let subscribed = |n: usize| {
        let mut client = connect(n);
        client.subscribe(&format!("idle/{n}"), Qos::AtLeastOnce);
        client
    };
    let first: Vec<Client<S>> = (0..WARM_UP_COUNT).map(subscribed).collect();
    let before = broker.figures().resident_kib();
    let rest: Vec<Client<S>> = (WARM_UP_COUNT..WARM_UP_COUNT + count).map(subscribed).collect();
    let grown_kib = broker.figures().resident_kib().saturating_sub(before);
    drop((first, rest));
    grown_kib as usize * 1024 / count
}
