//! Where the broker listens: names, all addresses, and listeners that get in each other's way.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use ringmq_protocol::Version;

use crate::broker::{Broker, Engine, Plan, STOP_LIMIT, Scratch, binary, on_both_engines};
use crate::client::Client;
use crate::sockets::{self, PATIENCE};

on_both_engines! {
    all_addresses_are_those_of_both_families,
    an_explicit_listener_for_ipv4_stands_beside_all_addresses,
    all_addresses_of_ipv6_alone_take_a_key,
    a_name_is_every_address_that_it_stands_for,
}

/// A port that is free for all addresses.
fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port is free");
    free.local_addr().expect("it is bound").port()
}

/// Where this host reaches itself.
fn loopbacks(port: u16) -> [SocketAddr; 2] {
    [(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
}

/// Whether this host has IPv6 at all.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn is_ready(broker: &Broker) {
    assert!(broker.wait_for_line(" ready ", PATIENCE).is_some(), "{}", broker.log());
}

fn is_served(address: SocketAddr) {
    Client::new(sockets::connect(address), Version::V311).accepted("anybody").ping();
}

fn all_addresses_are_those_of_both_families(engine: Engine) {
    if !has_ipv6() {
        return;
    }
    let port = free_port();
    let broker = Plan::new(engine).shards(2).set("log.level=debug").spawn(&[&format!("tcp://[::]:{port}")]);
    is_ready(&broker);
    loopbacks(port).into_iter().for_each(is_served);
    assert!(!broker.log().contains("::ffff:"), "an IPv4 peer has its own address: {}", broker.log());
    broker.finish();
}

fn an_explicit_listener_for_ipv4_stands_beside_all_addresses(engine: Engine) {
    if !has_ipv6() {
        return;
    }
    for (first, second) in [("0.0.0.0", "[::]"), ("[::]", "0.0.0.0"), ("[::]", "127.0.0.1")] {
        let port = free_port();
        let urls = [first, second].map(|host| format!("tcp://{host}:{port}"));
        let broker = Plan::new(engine).shards(2).spawn(&[&urls[0], &urls[1]]);
        is_ready(&broker);
        let told = broker.wait_for_line(&format!("tcp://[::]:{port} takes IPv6 only"), PATIENCE);
        assert!(told.is_some(), "{}", broker.log());
        loopbacks(port).into_iter().for_each(is_served);
        broker.finish();
    }
}

fn all_addresses_of_ipv6_alone_take_a_key(engine: Engine) {
    if !has_ipv6() {
        return;
    }
    let (port, scratch) = (free_port(), Scratch::new());
    let file = scratch.0.join("ringmq.toml");
    let listener = format!("[[listener]]\nurl = 'tcp://[::]:{port}'\nipv6_only = true\n");
    fs::write(&file, listener).expect("the scratch directory is ours");
    let broker = Plan::new(engine).flag("--config", &file).spawn(&[]);
    is_ready(&broker);
    let [v4, v6] = loopbacks(port);
    is_served(v6);
    assert!(TcpStream::connect(v4).is_err());
    broker.finish();
}

fn a_name_is_every_address_that_it_stands_for(engine: Engine) {
    use std::net::ToSocketAddrs;
    let port = free_port();
    let broker = Plan::new(engine).spawn(&[&format!("tcp://localhost:{port}")]);
    is_ready(&broker);
    for address in ("localhost", port).to_socket_addrs().expect("every host knows itself") {
        if address.is_ipv4() || has_ipv6() {
            is_served(address);
        }
    }
    broker.finish();
}

/// What the broker says last, having failed with this exit code.
fn complaint(urls: &[&str], code: i32) -> String {
    let mut broker = Plan::new(Engine::Auto).shards(2).spawn(urls);
    let status = broker.wait(STOP_LIMIT).expect("it cannot run");
    assert_eq!(status.code(), Some(code), "{}", broker.log());
    // Until its log has ended.
    assert!(broker.wait_for_line("\0", PATIENCE).is_none());
    broker.log().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn an_address_that_is_taken_by_another_listener_is_not_blamed_on_another_process() {
    let port = free_port();
    let [all, one, name] = ["0.0.0.0", "127.0.0.1", "localhost"].map(|host| format!("tcp://{host}:{port}"));
    for (first, second) in [(&all, &name), (&name, &all), (&one, &name)] {
        let told = complaint(&[first, second], 1);
        assert!(told.starts_with(&format!("ringmq: cannot listen on {second}: ")), "{told}");
        assert!(told.contains(&format!("the listener {first} of this broker has it")), "{told}");
    }
    for (first, second) in [(&all, &one), (&one, &all)] {
        let told = complaint(&[first, second], 2);
        let expected = format!("found \"{second}\", but the listener at");
        assert!(told.contains(&expected) && told.contains(&format!("\"{first}\"")), "{told}");
    }
}

#[test]
fn check_config_finds_listeners_that_overlap() {
    let scratch = Scratch::new();
    let file = scratch.0.join("ringmq.toml");
    let listeners = "[[listener]]\nurl = 'tcp://0.0.0.0:1883'\n[[listener]]\nurl = 'tcp://127.0.0.1:1883'\n";
    fs::write(&file, listeners).expect("the scratch directory is ours");
    let output = Command::new(binary()).arg("check-config").arg(&file).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let told =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("has that address with \"tcp://0.0.0.0:1883\""), "{told}");
}

#[test]
fn a_name_that_cannot_be_resolved_is_said_to_be_one() {
    let told = complaint(&["tcp://nosuchhost.invalid:1883"], 1);
    let expected =
        "cannot listen on tcp://nosuchhost.invalid:1883: the host name nosuchhost.invalid cannot be resolved";
    assert!(told.contains(expected), "{told}");
}
