//! Connections that never become a client: silence, halves, and claims that are too large.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringmq_broker::cause::Cause;
use ringmq_protocol::{Reason, Version};

use crate::broker::{Engine, FEW_BUFFERS, Plan, on_both_engines};
use crate::client::{Client, Received, connect_bytes};
use crate::neighbour::Neighbours;
use crate::observer::{EVERY_SECOND, Observer};
use crate::sockets::{self, End, QUICK, is_timeout, read_to_end};

on_both_engines! {
    silence_and_dribbles_have_a_deadline,
    broken_connections_leave_nothing_behind,
    claims_are_not_believed,
}

const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(500);

/// However the time is spent, it is over at the same moment.
fn silence_and_dribbles_have_a_deadline(engine: Engine) {
    let plan = Plan::new(engine).shards(3).set(EVERY_SECOND);
    let broker = plan.set("mqtt.connect_timeout_ms=1000").set("tls.handshake_timeout_ms=500").start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let begin = Instant::now();
    let mut quiet = sockets::connect(broker.tcp());
    let mut half = sockets::connect(broker.tcp());
    let mut dribble = sockets::connect(broker.tcp());
    let mut quiet_tls = sockets::connect(broker.tls());
    let mut half_tls = sockets::connect(broker.tls());
    // Long enough to take several seconds in single bytes.
    let connect = connect_bytes(Version::V5, &"x".repeat(200));
    half.write_all(&connect[..connect.len() - 1]).expect("the broker reads");
    half_tls.write_all(b"\x16\x03\x01\x00\xf4\x01\x00").expect("the broker reads");
    dribble_until_closed(&mut dribble, &connect);
    for stream in [&mut quiet, &mut half, &mut dribble] {
        assert_eq!(read_to_end(stream, QUICK), (Vec::new(), End::Eof));
    }
    let plain = begin.elapsed();
    for stream in [&mut quiet_tls, &mut half_tls] {
        assert_eq!(read_to_end(stream, QUICK), (Vec::new(), End::Eof));
    }
    let tls = begin.elapsed();
    assert!(plain >= CONNECT_TIMEOUT - Duration::from_millis(50), "plain connections ended after {plain:?}");
    assert!(tls >= HANDSHAKE_TIMEOUT, "TLS connections ended after {tls:?}");
    observer.wait_for_ends(Cause::ConnectTimeout, 5);
    neighbours.talk();
    broker.finish();
}

/// Writes a byte every 20 ms until the peer has closed.
fn dribble_until_closed(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("not zero");
    for byte in bytes {
        let written = stream.write(&[*byte]);
        let closed = !matches!(stream.peek(&mut [0]), Err(error) if is_timeout(&error));
        if closed || written.is_err() {
            return;
        }
    }
    panic!("the broker took {} bytes in as many steps", bytes.len());
}

/// Resets and ends at every moment of the life of a connection.
fn broken_connections_leave_nothing_behind(engine: Engine) {
    let broker = Plan::new(engine).shards(3).set(EVERY_SECOND).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let files = broker.figures().files();
    for n in 0..30 {
        let connect = connect_bytes(Version::V5, &format!("broken-{n}"));
        for port in [broker.tcp(), broker.tls()] {
            sockets::reset(sockets::connect(port));
            drop(sockets::connect(port));
        }
        let mut stream = sockets::connect(broker.tcp());
        stream.write_all(&connect[..connect.len() / 2]).expect("the broker reads");
        sockets::reset(stream);
        let mut stream = sockets::connect(broker.tcp());
        stream.write_all(&connect).expect("the broker reads");
        sockets::reset(stream);
        is_answered_after_its_end(&mut sockets::connect(broker.tcp()), &connect);
    }
    neighbours.talk();
    // Only those who live here: two neighbours and the observer.
    observer.wait_for("clients/connected", |connected| connected == 3);
    observer.wait_for("gauges/connections", |connections| connections == 3);
    observer.wait_for("gauges/handshakes", |handshakes| handshakes == 0);
    observer.wait_for("gauges/sessions", |sessions| sessions == 3);
    assert_eq!(broker.figures().files(), files, "no descriptor is left behind");
    broker.finish();
}

/// A client that ends its side right after CONNECT can still read: it gets what it asked for, then the end.
fn is_answered_after_its_end(stream: &mut TcpStream, connect: &[u8]) {
    stream.write_all(connect).expect("the broker reads");
    stream.shutdown(std::net::Shutdown::Write).expect("it is connected");
    let (received, end) = read_to_end(stream, QUICK);
    assert_eq!(end, End::Eof);
    assert_eq!(received.first(), Some(&0x20), "CONNACK, before the end of the stream is heeded");
}

/// A length is a claim until the bytes are there.
fn claims_are_not_believed(engine: Engine) {
    let broker = Plan::new(engine).shards(3).set(FEW_BUFFERS).set(EVERY_SECOND).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let before = broker.figures().resident_kib();
    const LARGEST: &[u8] = b"\xff\xff\xff\x7f";
    for _ in 0..50 {
        let mut stream = sockets::connect(broker.tcp());
        stream.write_all(&[b"\x10", LARGEST].concat()).expect("the broker reads");
        assert_eq!(read_to_end(&mut stream, QUICK), (Vec::new(), End::Eof));
    }
    observer.wait_for_ends(Cause::PacketTooLarge, 50);
    // One byte above the default of `connect_bytes_max`, and the bytes are there: the header is enough to refuse it.
    let mut stream = sockets::connect(broker.tcp());
    stream.write_all(b"\x10\xfd\xff\x07").expect("the broker reads");
    let _ = stream.write_all(&[0; 128 << 10]);
    assert_eq!(read_to_end(&mut stream, QUICK).0, [0_u8; 0]);
    let mut publisher = Client::connect(&broker, "claims-much");
    publisher.write(&[b"\x30", LARGEST].concat());
    assert_eq!(publisher.next(), Received::Disconnect(Reason::PacketTooLarge));
    assert_eq!(publisher.next(), Received::Eof);
    observer.wait_for_ends(Cause::PacketTooLarge, 52);
    let grown = broker.figures().resident_kib().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more than before");
    neighbours.talk();
    broker.finish();
}
