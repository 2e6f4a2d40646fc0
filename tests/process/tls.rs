//! MQTT over TLS as a process serves it: versions, resumption, ALPN, large and many messages, hostile records.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_broker::cause::Cause;
use ringmq_protocol::{Qos, Version};
use rustls::{HandshakeKind, ProtocolVersion};

use crate::broker::{Broker, Engine, Plan, on_both_engines};
use crate::certificates::{self, Authority, ONLY_TLS_1_2, ONLY_TLS_1_3, Terms, TlsStream, shake_hands};
use crate::client::{Client, Received, connect_bytes};
use crate::neighbour::Neighbours;
use crate::observer::{EVERY_SECOND, Observer};
use crate::sockets;

on_both_engines! {
    both_versions_are_served_and_resumed,
    large_and_many_messages_arrive_whole,
    a_wrong_authority_is_told_and_counted,
    hostile_records_end_their_connection_only,
    answers_follow_the_clients_close_notify,
    nothing_is_ever_sent_in_the_clear,
}

fn both_versions_are_served_and_resumed(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    for (versions, expected) in
        [(ONLY_TLS_1_2, ProtocolVersion::TLSv1_2), (ONLY_TLS_1_3, ProtocolVersion::TLSv1_3)]
    {
        let config = Terms { versions, alpn: Some("mqtt"), ..Terms::of(&broker) }.config();
        let mut kinds = Vec::new();
        for n in 0..3 {
            // Each with a home of its own, so that some are handed over with their keys.
            let mut client = certificates::connect(&broker, &config, &format!("versions-{n}"));
            client.ping();
            assert_eq!(client.stream.conn.protocol_version(), Some(expected));
            assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"mqtt"[..]));
            kinds.extend(client.stream.conn.handshake_kind());
            client.disconnect();
        }
        assert_eq!(kinds[0], HandshakeKind::Full);
        assert_eq!(kinds[1..], [HandshakeKind::Resumed; 2], "{expected:?}");
    }
    let others = Terms { alpn: Some("h2"), ..Terms::of(&broker) }.config();
    assert!(shake_hands(&broker, &others).is_err(), "no application protocol in common");
    broker.finish();
}

fn large_and_many_messages_arrive_whole(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    let config = Terms::of(&broker).config();
    let mut subscriber = certificates::connect(&broker, &config, "subscriber");
    subscriber.subscribe("data", Qos::AtMostOnce);
    let mut publisher = certificates::connect(&broker, &config, "publisher");
    for bytes in [0, 1, (16 << 10) - 9, 16 << 10, (16 << 10) + 1, 100_000, 1 << 20] {
        let payload: Vec<u8> = (0..bytes).map(|n| (n % 251) as u8).collect();
        publisher.publish("data", &payload);
        assert!(is_message(&subscriber.next(), &payload), "{bytes} bytes arrive as they were sent");
    }
    for n in 0..5000u32 {
        publisher.publish("data", &n.to_be_bytes());
    }
    for n in 0..5000u32 {
        assert!(is_message(&subscriber.next(), &n.to_be_bytes()), "message {n}");
    }
    broker.finish();
}

fn is_message(received: &Received, expected: &[u8]) -> bool {
    matches!(received, Received::Publish { payload, .. } if payload == expected)
}

/// The client trusts another authority: it goes away with an alert.
fn a_wrong_authority_is_told_and_counted(engine: Engine) {
    let broker = Plan::new(engine).set(EVERY_SECOND).start();
    let mut observer = Observer::of(&broker);
    let files = broker.figures().files();
    let trusted = Authority::new("somebody else").certificate();
    for versions in [ONLY_TLS_1_2, ONLY_TLS_1_3] {
        let terms = Terms { trusted: trusted.clone(), versions, ..Terms::of(&broker) };
        let refused = shake_hands(&broker, &terms.config()).expect_err("the certificate is not trusted");
        assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    }
    observer.wait_for_ends(Cause::TlsFailed, 2);
    assert_eq!(broker.figures().files(), files, "no descriptor is left behind");
    broker.finish();
}

/// Renegotiation, plain text, a broken record, a record too long: an alert and the end, quickly.
fn hostile_records_end_their_connection_only(engine: Engine) {
    const HELLO_AGAIN: &[u8] = b"\x16\x03\x03\x00\x04\x01\x00\x00\x00";
    const PLAIN_PING: &[u8] = b"\xc0\x00\xc0\x00\xc0\x00\xc0\x00";
    const FORGED: &[u8] = b"\x17\x03\x03\x00\x18forged, not encrypted...";
    const TOO_LONG: &[u8] = b"\x17\x03\x03\xff\xff";
    let broker = Plan::new(engine).shards(3).set(EVERY_SECOND).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let mut observer = Observer::of(&broker);
    let files = broker.figures().files();
    for versions in [ONLY_TLS_1_2, ONLY_TLS_1_3] {
        let config = Terms { versions, ..Terms::of(&broker) }.config();
        for (n, hostile) in [HELLO_AGAIN, PLAIN_PING, FORGED, TOO_LONG].into_iter().enumerate() {
            let mut client = certificates::connect(&broker, &config, &format!("hostile-{n}"));
            client.ping();
            client.stream.sock.write_all(hostile).expect("the broker reads");
            let begin = Instant::now();
            let mut rest = Vec::new();
            let _ = client.stream.sock.read_to_end(&mut rest);
            assert!(
                begin.elapsed() < sockets::QUICK,
                "{} after {:?}",
                hostile.escape_ascii(),
                begin.elapsed()
            );
            neighbours.talk();
        }
    }
    // TLS 1.2 allows a server to answer a second hello with a warning alone; this one ends the connection.
    observer.wait_for_ends(Cause::TlsFailed, 8);
    assert_eq!(broker.figures().files(), files, "no descriptor is left behind");
    broker.finish();
}

/// A client that ends its side right after its requests can still read (RFC 8446, 6.1): CONNACK, then close_notify.
fn answers_follow_the_clients_close_notify(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    let config = Terms::of(&broker).config();
    for n in 0..6 {
        let stream = connect_and_end(&broker, &config, &format!("half-closed-{n}"));
        let mut client = Client::new(stream, Version::V5);
        assert!(matches!(client.next(), Received::Connack(_)), "client {n}");
        assert_eq!(client.next(), Received::Eof, "with close_notify");
    }
    broker.finish();
}

/// Whatever becomes of a connection, and on whichever shard, all that leaves it is a record of TLS.
fn nothing_is_ever_sent_in_the_clear(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    let config = Terms::of(&broker).config();
    for n in 0..12 {
        let mut stream = connect_and_end(&broker, &config, &format!("in-the-clear-{n}"));
        let mut records = Vec::new();
        // How it ends is the subject of another test.
        let _ = stream.sock.read_to_end(&mut records);
        let mut rest = &records[..];
        while let [kind, 0x03, 0x03, high, low, body @ ..] = rest {
            assert_eq!(*kind, 0x17, "application data, as which TLS 1.3 disguises everything");
            rest =
                body.get(usize::from(u16::from_be_bytes([*high, *low]))..).expect("a record is sent whole");
        }
        assert!(rest.is_empty(), "in the clear for client {n}: {rest:02x?}");
    }
    broker.finish();
}

/// Sends CONNECT and close_notify at once.
fn connect_and_end(broker: &Broker, config: &Arc<rustls::ClientConfig>, client_id: &str) -> TlsStream {
    let mut stream = shake_hands(broker, config).expect("the broker is trusted");
    stream.conn.writer().write_all(&connect_bytes(Version::V5, client_id)).expect("it fits");
    stream.conn.send_close_notify();
    let mut bytes = Vec::new();
    while stream.conn.wants_write() {
        stream.conn.write_tls(&mut bytes).expect("a buffer takes all");
    }
    stream.sock.write_all(&bytes).expect("the broker reads");
    stream
}

/// A handshake flood: each costs a signature, and nobody waits for all of them.
#[test]
fn handshakes_do_not_starve_clients() {
    let broker = Arc::new(Plan::new(Engine::IoUring).shards(2).start());
    let mut neighbours = Neighbours::move_in(&broker);
    let config = Terms::of(&broker).config();
    let flood = {
        let (broker, config) = (broker.clone(), config);
        std::thread::spawn(move || flood(&broker, &config))
    };
    let mut longest = Duration::ZERO;
    while !flood.is_finished() {
        let begin = Instant::now();
        neighbours.talk();
        longest = longest.max(begin.elapsed());
    }
    flood.join().expect("all shake hands");
    assert!(longest < Duration::from_secs(1), "a talk took {longest:?}");
    Arc::into_inner(broker).expect("the flood is over").finish();
}

fn flood(broker: &Broker, config: &Arc<rustls::ClientConfig>) {
    for _ in 0..100 {
        // Without a CONNECT; a new configuration would cost the client more than the broker.
        drop(shake_hands(broker, config).expect("the broker is trusted"));
    }
}
