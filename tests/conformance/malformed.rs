//! Bytes that are no packet, and packets in the wrong place: the connection ends, and nothing else does.

use ringmq_broker::cause::Cause;

use crate::client::Client;
use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{Properties, REASON_STRING, USER_PROPERTY};
use crate::wire::{
    Connect, Encode, PINGREQ, Packet, Publish, Subscribe, Unsubscribe, Version, Will, ack, ack_with, disconnect, disconnect_with,
    first, packet,
};

proofs! {
    a_length_of_five_bytes_is_refused: "5:MQTT-1.5.5-1", "error:any-1.5.5-1", "rule:length-of-five-bytes-311", "311:MQTT-4.8.0-1";
    a_padded_length_is_refused: "5:MQTT-1.5.5-1";
    a_padded_length_is_taken_before_5: "rule:padded-length-before-5", "311:MQTT-3.1.4-4";
    lengths_are_in_their_shortest_form: "5:MQTT-1.5.5-1", "5:MQTT-2.1.3-1", "311:MQTT-2.2.2-1";
    reserved_flags_are_refused: "5:MQTT-2.1.3-1", "311:MQTT-2.2.2-1", "311:MQTT-2.2.2-2";
    packet_type_0_is_refused: "error:any-2.1.2-1", "311:MQTT-4.8.0-1";
    packets_of_the_server_are_refused: "error:any-2.1.2-1", "311:MQTT-4.8.0-1";
    a_connect_that_stops_short_is_refused: "error:any-2.1.4-1", "5:MQTT-3.1.4-1", "311:MQTT-3.1.4-1";
    a_packet_that_stops_short_is_refused: "error:any-2.1.4-1", "5:MQTT-2.2.2-1", "311:MQTT-4.8.0-1";
    left_over_bytes_are_refused: "error:any-2.1.4-1", "5:MQTT-3.1.4-1", "311:MQTT-4.8.0-1", "311:MQTT-3.1.4-1";
    one_clients_fault_is_its_own: "5:MQTT-4.13.1-1", "311:MQTT-4.8.0-1";
    several_packets_may_come_at_once: "rule:packets-in-one-write", "311:MQTT-4.8.0-1";
    what_came_before_the_fault_counts: "rule:before-the-fault";
    bytes_of_another_protocol_are_closed_at_once: "rule:not-mqtt";
}

/// The connection ends as malformed or as a protocol error, whichever the bytes show first.
fn expect_wrong(a: &mut Client, version: Version, bytes: &[u8]) {
    a.send(bytes);
    if version.is_v5() {
        let Packet::Disconnect(end) = a.next() else { panic!("DISCONNECT for {bytes:x?}") };
        assert!([0x81, 0x82].contains(&end.code), "{:#04x} for {bytes:x?}", end.code);
    }
    a.expect_closed();
}

fn a_length_of_five_bytes_is_refused(t: &Trial) {
    t.client("a").offends([first::PUBLISH, 0xFF, 0xFF, 0xFF, 0xFF], 0x81, Cause::Malformed);
    t.client("a").offends([first::PUBLISH, 0x80, 0x80, 0x80, 0x80, 0x01], 0x81, Cause::Malformed);
    if t.is_v5() {
        let in_properties = packet(first::SUBSCRIBE, &[&[0, 1, 0x80, 0x80, 0x80, 0x80, 0x01]]);
        t.client("a").offends(in_properties, 0x81, Cause::Malformed);
        let identifier = packet(first::SUBSCRIBE, &[&[0, 1, 6, 0x0B, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0, 1, b't', 0]]);
        t.client("a").offends(identifier, 0x81, Cause::Malformed);
    }
    let mut stranger = t.wire();
    stranger.send([first::CONNECT, 0xFF, 0xFF, 0xFF, 0xFF]);
    assert!(stranger.is_closed());
}

fn a_padded_length_is_refused(t: &Trial) {
    t.client("a").offends([first::PINGREQ, 0x80, 0x00], 0x81, Cause::Malformed);
    t.client("a").offends(packet(first::SUBSCRIBE, &[&[0, 1, 0x80, 0x00, 0, 1, b't', 0]]), 0x81, Cause::Malformed);
}

/// A packet below 128 bytes with its length in so many bytes.
fn padded(packet: &[u8], length_bytes: usize) -> Vec<u8> {
    let mut length = vec![0x80; length_bytes];
    length[0] |= packet[1];
    length[length_bytes - 1] &= 0x7F;
    [&packet[..1], &length, &packet[2..]].concat()
}

/// Small boards send it. The CONNECT itself says which version it is.
fn a_padded_length_is_taken_before_5(t: &Trial) {
    for length_bytes in 2..=4 {
        for version in [Version::V31, Version::V311] {
            let mut a = t.wire_of(version);
            a.send(padded(&Connect::new("a").encode(version), length_bytes));
            assert_eq!(a.take_connack().code, 0);
            a.send(padded(&Subscribe::to("t", 1).id(1).encode(version), length_bytes));
            assert!(matches!(a.next(), Packet::Suback(_)));
            a.send(padded(&Publish::new("t", "x").qos(1).id(2).encode(version), length_bytes));
            a.take_ack(first::PUBACK, 2);
            let message = a.take();
            a.send(padded(&ack(first::PUBACK, message.id), length_bytes));
            a.send(padded(&PINGREQ, length_bytes));
            assert_eq!(a.next(), Packet::Pingresp);
            a.send(padded(&disconnect(), length_bytes));
            a.expect_closed();
        }
        let mut a = t.wire_of(Version::V5);
        a.send(padded(&Connect::new("a").encode(Version::V5), length_bytes));
        assert_eq!(a.take_connack().code, 0x81);
        a.expect_closed();
    }
    let ended = [Cause::ClientDisconnect, Cause::Malformed].map(|cause| t.ended_by(cause));
    assert_eq!(ended, [6, 3]);
}

/// The reader of the tests checks every packet; here it gets some of every length.
fn lengths_are_in_their_shortest_form(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 1);
    for size in [0, 100, 120, 121, 122, 123, 124, 125, 126, 127, 128, 16_370, 16_383, 16_384, 20_000] {
        a.publish(Publish::new("t", vec![7; size]).qos(1).with(USER_PROPERTY, ("k", &"v".repeat(size.min(200))[..])));
        let message = a.take();
        assert_eq!(message.payload.len(), size);
        a.acknowledge(&message);
    }
}

/// One packet of each kind that a connected client may send, but for PUBLISH, whose flags mean something.
fn one_of_each(version: Version) -> Vec<Vec<u8>> {
    vec![
        ack(first::PUBACK, 1),
        ack(first::PUBREC, 1),
        ack(first::PUBREL, 1),
        ack(first::PUBCOMP, 1),
        Subscribe::to("t", 0).id(1).encode(version),
        Unsubscribe::from(&["t"]).id(1).encode(version),
        PINGREQ.to_vec(),
        vec![first::DISCONNECT, 0],
    ]
}

fn reserved_flags_are_refused(t: &Trial) {
    for right in one_of_each(t.version()) {
        for flags in (0..16).filter(|flags| flags != &(right[0] & 0x0F)) {
            let wrong = [vec![right[0] & 0xF0 | flags], right[1..].to_vec()].concat();
            t.client("a").offends(wrong, 0x81, Cause::Malformed);
        }
    }
    let connect = Connect::new("a").encode(t.version());
    for flags in 1..16 {
        let mut stranger = t.wire();
        stranger.send([vec![first::CONNECT | flags], connect[1..].to_vec()].concat());
        assert!(stranger.is_closed());
    }
}

fn packet_type_0_is_refused(t: &Trial) {
    for byte in [0x00, 0x02, 0x0F] {
        t.client("a").offends([byte, 0], 0x81, Cause::Malformed);
    }
}

fn packets_of_the_server_are_refused(t: &Trial) {
    let v5 = t.is_v5();
    let suback: &[u8] = if v5 { &[0, 1, 0, 0] } else { &[0, 1, 0] };
    let unsuback: &[u8] = if v5 { &[0, 1, 0, 0] } else { &[0, 1] };
    let connack: &[u8] = if v5 { &[0, 0, 0] } else { &[0, 0] };
    for (first, body) in [(first::SUBACK, suback), (first::UNSUBACK, unsuback), (first::CONNACK, connack), (0xD0, &[])] {
        t.client("a").offends(packet(first, &[body]), 0x82, Cause::ProtocolError);
    }
}

fn a_connect_that_stops_short_is_refused(t: &Trial) {
    let whole = Connect::new("client")
        .with(USER_PROPERTY, ("k", "v"))
        .will(Will::new("topic", "payload").with(USER_PROPERTY, ("k", "v")))
        .user_name("user")
        .password("secret")
        .encode(t.version());
    for end in 2..whole.len() {
        let mut a = t.wire();
        a.send(packet(first::CONNECT, &[&whole[2..end]]));
        assert!(a.is_closed(), "a CONNECT cut to {} bytes", end - 2);
        if !t.is_v5() {
            a.expect_closed();
        }
    }
    assert_eq!(t.counters().sessions, 0);
}

fn a_packet_that_stops_short_is_refused(t: &Trial) {
    let version = t.version();
    let explained = Properties::of(REASON_STRING, "why").with(USER_PROPERTY, ("k", "v"));
    // With each packet: how short it may be cut without being wrong.
    let mut packets = vec![
        (Publish::new("topic", "").qos(1).id(1).with(USER_PROPERTY, ("k", "v")).encode(version), vec![]),
        (Subscribe::to("topic", 1).id(1).with(USER_PROPERTY, ("k", "v")).encode(version), vec![]),
        (Unsubscribe::from(&["topic"]).id(1).with(USER_PROPERTY, ("k", "v")).encode(version), vec![]),
        (ack(first::PUBACK, 1), vec![]),
        (ack(first::PUBREC, 1), vec![]),
        (ack(first::PUBREL, 1), vec![]),
        (ack(first::PUBCOMP, 1), vec![]),
    ];
    if t.is_v5() {
        for kind in [first::PUBACK, first::PUBREC, first::PUBREL, first::PUBCOMP] {
            packets.push((ack_with(kind, 1, 0, &explained), vec![2, 3]));
        }
        packets.push((disconnect_with(0, &explained), vec![0, 1]));
    }
    for (whole, allowed) in packets {
        for len in (0..whole.len() - 2).filter(|len| !allowed.contains(len)) {
            let mut a = t.client("a");
            expect_wrong(&mut a, version, &packet(whole[0], &[&whole[2..2 + len]]));
        }
    }
}

fn left_over_bytes_are_refused(t: &Trial) {
    let explained = Properties::of(REASON_STRING, "why");
    let mut packets = one_of_each(t.version());
    if t.is_v5() {
        packets.truncate(0);
        for kind in [first::PUBACK, first::PUBREC, first::PUBREL, first::PUBCOMP] {
            packets.push(ack_with(kind, 1, 0, &explained));
        }
        packets.push(disconnect_with(0, &explained));
        packets.push(Subscribe::to("t", 0).id(1).encode(t.version()));
        packets.push(Unsubscribe::from(&["t"]).id(1).encode(t.version()));
    }
    for whole in packets {
        expect_wrong(&mut t.client("a"), t.version(), &packet(whole[0], &[&whole[2..], &[0]]));
    }
    let connect = Connect::new("a").encode(t.version());
    let mut a = t.wire();
    a.send(packet(first::CONNECT, &[&connect[2..], &[0]]));
    assert!(a.is_closed());
}

fn one_clients_fault_is_its_own(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 1);
    let mut bystanders: Vec<_> = (0..6).map(|n| t.client(&format!("bystander-{n}"))).collect();
    for n in 0..6 {
        let mut offender = t.client(&format!("offender-{n}"));
        let wrong = Publish::new("t", "x").dup().encode(t.version());
        offender.offends([wrong, Publish::new("t", "behind").encode(t.version())].concat(), 0x81, Cause::Malformed);
    }
    for bystander in &mut bystanders {
        bystander.expect_alive();
        assert_eq!(bystander.publish(Publish::new("t", "still here").qos(1)), 0);
        watcher.receives("t", "still here");
    }
    watcher.expect_silence();
}

fn several_packets_may_come_at_once(t: &Trial) {
    let mut a = t.wire();
    let version = t.version();
    let all = [
        Connect::new("a").encode(version),
        Subscribe::to("t", 1).id(1).encode(version),
        PINGREQ.to_vec(),
        Publish::new("elsewhere", "x").qos(1).id(2).encode(version),
        Unsubscribe::from(&["t"]).id(3).encode(version),
        PINGREQ.to_vec(),
    ];
    a.send(all.concat());
    assert_eq!(a.take_connack().code, 0);
    let mut kinds = Vec::new();
    while let Some(packet) = a.poll() {
        kinds.push(match packet {
            Packet::Suback(codes) => codes.id,
            Packet::Ack(ack) => ack.id,
            Packet::Unsuback(codes) => codes.id,
            _ => 0,
        });
    }
    kinds.sort_unstable();
    assert_eq!(kinds, [0, 0, 1, 2, 3]);
}

fn what_came_before_the_fault_counts(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("t", 1);
    let good = Publish::new("t", "good").qos(1).id(1).encode(t.version());
    let mut a = t.client("a");
    a.send([good.clone(), vec![0xC1, 0], good].concat());
    a.take_ack(first::PUBACK, 1);
    a.expect_ended(0x81);
    assert_eq!(watcher.take_texts(), ["good"]);
}

fn bytes_of_another_protocol_are_closed_at_once(t: &Trial) {
    let hello: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01];
    for bytes in [hello, b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1.2.3.4", b"SSH-2.0-x\r\n", &[0; 64], &[0xFF; 64]] {
        let mut a = t.wire();
        a.send(bytes);
        a.expect_closed();
    }
}
