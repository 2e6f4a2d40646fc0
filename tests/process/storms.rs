//! Many connections at once: connects that are handed between shards, and fights over one client identifier.

use std::thread;

use ringmq_broker::cause::Cause;
use ringmq_protocol::{
    FilterBuf, Packet, PacketId, Properties, Reason, Subscribe, SubscribeOptions, Version,
};

use crate::broker::{Broker, Engine, Plan, on_both_engines};
use crate::client::{Client, Received, connect_bytes};
use crate::neighbour::Neighbours;
use crate::observer::{EVERY_SECOND, Observer};
use crate::sockets;

on_both_engines! {
    every_connect_of_a_storm_is_answered,
    one_identifier_has_one_client,
    subscribe_storms_are_bounded,
}

const CONNECT_COUNT: usize = 2000;
/// Sockets of the test open at a time.
const BATCH: usize = 250;

fn every_connect_of_a_storm_is_answered(engine: Engine) {
    let broker = Plan::new(engine).shards(3).set(EVERY_SECOND).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let files = broker.figures().files();
    for batch in 0..CONNECT_COUNT / BATCH {
        let mut clients: Vec<Client> = (0..BATCH)
            .map(|n| {
                let mut client = Client::new(sockets::connect(broker.tcp()), Version::V5);
                client.write(&connect_bytes(Version::V5, &format!("storm-{batch}-{n}")));
                client
            })
            .collect();
        for client in &mut clients {
            assert_eq!(client.next(), Received::Connack(Reason::Success));
        }
        // Half of them say goodbye, half of them break off.
        clients.into_iter().step_by(2).for_each(Client::disconnect);
        neighbours.talk();
    }
    let handoffs = observer.wait_for("counters/handoffs", |handoffs| handoffs as usize > CONNECT_COUNT / 3);
    assert!(handoffs < CONNECT_COUNT as u64, "each at most once");
    observer.wait_for("gauges/connections", |connections| connections == 3);
    observer.wait_for("gauges/sessions", |sessions| sessions == 3);
    assert_eq!(broker.figures().files(), files, "no descriptor is left behind");
    broker.finish();
}

/// All sockets connect at once with one identifier, from several threads: one is left, the others were told.
fn one_identifier_has_one_client(engine: Engine) {
    const THREADS: usize = 4;
    const EACH: usize = 50;
    let broker = Plan::new(engine).shards(3).set(EVERY_SECOND).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let mut clients: Vec<Client> = thread::scope(|scope| {
        let fighters: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| fight(&broker, EACH))).collect();
        fighters.into_iter().flat_map(|fighter| fighter.join().expect("no fighter panics")).collect()
    });
    let count = clients.len() as u64;
    observer.wait_for_ends(Cause::TakenOver, count - 1);
    let mut left = Client::connect(&broker, "wanted");
    for client in &mut clients {
        assert_eq!(client.next(), Received::Disconnect(Reason::SessionTakenOver));
        assert_eq!(client.next(), Received::Eof);
    }
    left.ping();
    neighbours.talk();
    observer.wait_for("gauges/sessions", |sessions| sessions == 4);
    broker.finish();
}

fn fight(broker: &Broker, times: usize) -> Vec<Client> {
    (0..times).map(|_| Client::connect(broker, "wanted")).collect()
}

/// Filters without end: granted up to the bound of a session, refused beyond it, gone with the session.
fn subscribe_storms_are_bounded(engine: Engine) {
    const PER_SESSION_MAX: u64 = 2000;
    let plan = Plan::new(engine).shards(3).set(EVERY_SECOND);
    let broker = plan.set(&format!("limits.subscriptions_per_session_max={PER_SESSION_MAX}")).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    for name in ["first", "second"] {
        let mut client = Client::connect(&broker, name);
        let mut granted = 0;
        for packet in 0..6 {
            let codes = subscribe_to_many(&mut client, packet, 500);
            granted += codes.iter().filter(|&&code| code == 0).count() as u64;
            assert!(codes.iter().all(|&code| code == 0 || code == Reason::QuotaExceeded as u8), "{codes:x?}");
            neighbours.talk();
        }
        assert_eq!(granted, PER_SESSION_MAX);
        drop(client);
    }
    // The observer's and the neighbours'.
    observer.wait_for("gauges/subscriptions", |subscriptions| subscriptions == 2);
    broker.finish();
}

fn subscribe_to_many(client: &mut Client, packet: usize, count: usize) -> Vec<u8> {
    let mut filters = FilterBuf::new();
    for n in 0..count {
        filters.push(&format!("storm/{packet}/+/{n}/#"), SubscribeOptions::default());
    }
    let packet_id = PacketId::new(1).expect("not zero");
    let subscribe = Subscribe { packet_id, properties: Properties::EMPTY, filters: filters.as_filters() };
    client.send(&Packet::Subscribe(subscribe));
    match client.next() {
        Received::Suback(codes) => codes,
        other => panic!("{other:?} in place of SUBACK"),
    }
}
