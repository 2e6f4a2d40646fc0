//! From the command to the open ports.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use ringmq_protocol::Version;
use rustix::process::Signal;

use crate::broker::{Broker, Engine, Plan, STOP_LIMIT, Scratch, binary, on_both_engines};
use crate::client::Client;
use crate::sockets;

/// From the command until clients are served.
const START_MAX: Duration = Duration::from_secs(2);

on_both_engines! {
    ports_are_open_soon,
    brokers_live_side_by_side,
    a_port_has_one_broker,
    a_port_that_becomes_free_is_taken,
    waiting_for_a_port_ends_with_a_signal,
    a_port_of_its_own_is_not_waited_for,
}

fn ports_are_open_soon(engine: Engine) {
    // A busy machine may delay one start; it does not delay three.
    let times = [(); 3].map(|()| {
        let begin = Instant::now();
        let broker = Plan::new(engine).shards(3).start();
        Client::connect(&broker, "first");
        sockets::connect(broker.tls());
        let time = begin.elapsed();
        broker.finish();
        time
    });
    assert!(times.iter().any(|time| *time < START_MAX), "{times:?}");
}

fn brokers_live_side_by_side(engine: Engine) {
    let brokers = [(); 3].map(|()| Plan::new(engine).start());
    let mut clients: Vec<Client> = brokers.iter().map(|broker| Client::connect(broker, "same")).collect();
    clients.iter_mut().for_each(Client::ping);
    brokers.into_iter().for_each(Broker::finish);
}

/// Listeners share their port among shards, but never with another broker.
fn a_port_has_one_broker(engine: Engine) {
    for shards in [1, 3] {
        let first = Plan::new(engine).shards(shards).start();
        let url = format!("tcp://{}", first.tcp());
        let mut second = Plan::new(engine).shards(shards).spawn(&[&url]);
        let status = second.wait(STOP_LIMIT).expect("it cannot run");
        assert_eq!(status.code(), Some(1), "{}", second.log());
        let told = second.wait_for_line("ringmq: cannot listen on", Duration::from_secs(1));
        let expected = format!("ringmq: cannot listen on {url}: Address already in use (os error 98)");
        let told = told.unwrap_or_else(|| panic!("{}", second.log()));
        assert!(told.starts_with(&expected), "{told}");
        assert!(told.ends_with("stop it, or choose another port)"), "{told}");
        Client::connect(&first, "still-served").ping();
        first.finish();
    }
}

/// The sockets of a process that has ended may outlive it for a moment.
fn a_port_that_becomes_free_is_taken(engine: Engine) {
    for shards in [1, 3] {
        let former = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = former.local_addr().expect("it is bound");
        let broker = Plan::new(engine).shards(shards).spawn(&[&format!("tcp://{address}")]);
        let told = broker.wait_for_line(" is in use: waiting", START_MAX);
        assert!(told.is_some_and(|line| line.contains(&address.to_string())), "{}", broker.log());
        drop(former);
        assert!(broker.wait_for_line(" ready ", START_MAX).is_some(), "{}", broker.log());
        Client::new(sockets::connect(address), Version::V311).accepted("served").ping();
        broker.finish();
    }
}

fn waiting_for_a_port_ends_with_a_signal(engine: Engine) {
    let former = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("tcp://{}", former.local_addr().expect("it is bound"));
    let broker = Plan::new(engine).spawn(&[&url]);
    assert!(broker.wait_for_line(" is in use: waiting", START_MAX).is_some(), "{}", broker.log());
    let (status, _) = broker.stop(Signal::TERM);
    assert!(status.success(), "{status}");
}

fn a_port_of_its_own_is_not_waited_for(engine: Engine) {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    // By a name, since the configuration tells addresses apart by itself.
    let urls = [format!("tcp://0.0.0.0:{port}"), format!("tcp://localhost:{port}")];
    let mut broker = Plan::new(engine).spawn(&[&urls[0], &urls[1]]);
    let status = broker.wait(STOP_LIMIT).expect("it cannot run");
    assert_eq!(status.code(), Some(1), "{}", broker.log());
    assert!(!broker.log().contains(" is in use: waiting"), "{}", broker.log());
}

/// With no word from anybody the broker serves this host on the ports of MQTT, unless these are taken here.
#[test]
fn it_starts_without_configuration() {
    let mut broker = Broker::spawn(Command::new(binary()), Scratch::new());
    if broker.wait_for_line(" ready ", Duration::from_secs(20)).is_none() {
        let log = broker.log();
        assert_eq!(broker.wait(STOP_LIMIT).and_then(|status| status.code()), Some(1), "{log}");
        assert!(log.contains("Address already in use"), "{log}");
        return;
    }
    for port in [1883, 8883] {
        sockets::connect(([127, 0, 0, 1], port).into());
    }
    let stream = sockets::connect(([127, 0, 0, 1], 1883).into());
    Client::new(stream, Version::V311).accepted("default").ping();
    assert!(broker.log().contains("for others: ringmq --listen tcp://0.0.0.0:1883"), "{}", broker.log());
    let (status, _) = broker.stop(Signal::INT);
    assert!(status.success(), "{status}");
}
