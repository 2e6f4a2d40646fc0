//! The wrong protocol on a port: a clean, quick close, counted by its kind, and nobody else notices.

use std::io::Write;

use ringmq_broker::cause::Cause;
use ringmq_protocol::Version;

use crate::broker::{Broker, Engine, Plan, on_both_engines};
use crate::client::connect_bytes;
use crate::neighbour::Neighbours;
use crate::observer::{EVERY_SECOND, Observer};
use crate::sockets::{self, End, QUICK, read_to_end};

on_both_engines! {
    strangers_are_closed_and_counted_on_one_shard,
    strangers_are_closed_and_counted_on_three_shards,
}

/// How often each says what it says.
const TIMES: u64 = 3;

const HELLO: &[u8] = b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03";
const HTTP: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n";
const PROXY_1: &[u8] = b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 1883\r\n";
const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\xc3\x50\x07\x5b";
const JUNK: &[u8] = b"\x00\xff\x13\x37SSH-2.0-OpenSSH_9.9\r\n";
const PING: &[u8] = b"\xc0\x00";

fn strangers_are_closed_and_counted_on_one_shard(engine: Engine) {
    strangers_are_closed_and_counted(engine, 1);
}

fn strangers_are_closed_and_counted_on_three_shards(engine: Engine) {
    strangers_are_closed_and_counted(engine, 3);
}

fn strangers_are_closed_and_counted(engine: Engine, shards: u16) {
    let broker = Plan::new(engine).shards(shards).set(EVERY_SECOND).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let files = broker.figures().files();
    let connect = connect_bytes(Version::V5, "wrong-port");
    let plain: [&[u8]; 6] = [HELLO, HTTP, PROXY_1, PROXY_2, JUNK, PING];
    let encrypted: [&[u8]; 6] = [&connect, HTTP, PROXY_1, PROXY_2, JUNK, PING];
    for _ in 0..TIMES {
        plain.iter().for_each(|bytes| is_closed_without_a_word(broker.tcp(), bytes));
        encrypted.iter().for_each(|bytes| is_closed_without_a_word(broker.tls(), bytes));
        neighbours.talk();
    }
    for (cause, ports_and_kinds) in [
        (Cause::TlsOnPlainPort, 1),
        (Cause::PlainOnTlsPort, 1),
        (Cause::HttpRequest, 2),
        (Cause::ProxyHeader, 4),
        (Cause::Junk, 4),
    ] {
        observer.wait_for_ends(cause, ports_and_kinds * TIMES);
    }
    neighbours.talk();
    assert_eq!(broker.figures().files(), files, "no descriptor is left behind");
    tells_little(&broker);
    broker.finish();
}

fn is_closed_without_a_word(port: std::net::SocketAddr, bytes: &[u8]) {
    let mut stream = sockets::connect(port);
    stream.write_all(bytes).expect("the broker reads");
    let ended = read_to_end(&mut stream, QUICK);
    assert_eq!(ended, (Vec::new(), End::Eof), "after {}", bytes.escape_ascii());
}

/// Strangers cannot fill the log.
fn tells_little(broker: &Broker) {
    let log = broker.log();
    assert!(log.lines().count() < 60, "{log}");
}
