//! Maximum Packet Size in both directions, and what is left out so that a packet fits.

use ringmq_broker::cause::Cause;

use crate::client::Client;
use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{
    MAXIMUM_PACKET_SIZE, REASON_STRING, REQUEST_PROBLEM_INFORMATION, TOPIC_ALIAS_MAXIMUM, USER_PROPERTY,
};
use crate::wire::{Codes, Connect, Encode, Packet, Publish, Subscribe, Unsubscribe, ack, first};

proofs! {
    no_packet_exceeds_the_clients_maximum: "5:MQTT-3.1.2-24";
    the_maximum_itself_still_fits: "5:MQTT-3.1.2-24";
    the_maximum_is_exact_where_aliases_are_taken: "5:MQTT-3.1.2-24", "5:MQTT-3.1.2-25";
    the_maximum_is_exact_where_the_length_takes_another_byte: "5:MQTT-3.1.2-24";
    what_is_too_large_counts_as_delivered: "5:MQTT-3.1.2-25";
    what_waits_and_is_too_large_counts_as_delivered: "5:MQTT-3.1.2-25";
    acknowledgements_of_publish_keep_within_the_maximum: "5:MQTT-3.4.2-2", "5:MQTT-3.4.2-3", "5:MQTT-3.5.2-2",
        "5:MQTT-3.5.2-3", "5:MQTT-3.6.2-2", "5:MQTT-3.6.2-3", "5:MQTT-3.7.2-2", "5:MQTT-3.7.2-3";
    answers_to_requests_keep_within_the_maximum: "5:MQTT-3.9.2-1", "5:MQTT-3.9.2-2", "5:MQTT-3.11.2-1", "5:MQTT-3.11.2-2";
    problem_information_is_for_those_who_want_it: "5:MQTT-3.1.2-29";
    a_packet_above_the_servers_maximum_is_refused: "5:MQTT-3.2.2-15", "error:any-3.2.2.3.6-1", "rule:packet-size-311",
        "311:MQTT-4.8.0-1";
    a_connect_above_the_servers_maximum_is_refused: "5:MQTT-3.2.2-15", "error:any-3.2.2.3.6-1";
}

fn limited(t: &Trial, name: &str, limit: u32) -> Client {
    t.connect(Connect::new(name).kept().with(MAXIMUM_PACKET_SIZE, limit))
}

/// A PUBLISH to `t` that is forwarded to a 5.0 client as a packet of exactly so many bytes.
fn of_size(size: usize, qos: u8) -> Publish {
    let overhead = 2 + 3 + if qos > 0 { 2 } else { 0 } + 1;
    Publish::new("t", vec![b'x'; size - overhead]).qos(qos)
}

fn no_packet_exceeds_the_clients_maximum(t: &Trial) {
    let (mut a, mut b) = (limited(t, "a", 64), t.client("b"));
    a.subscribe("t", 2);
    for qos in 0..=2 {
        assert_eq!(b.publish(Publish::new("t", vec![b'x'; 200]).qos(qos)), 0);
        b.publish(Publish::new("t", "small").qos(qos));
        a.receives("t", "small");
    }
    a.expect_silence();
    assert!(a.largest_packet() <= 64);
    assert_eq!(t.counters().dropped_too_large, 3);
}

fn the_maximum_itself_still_fits(t: &Trial) {
    let (mut a, mut b) = (limited(t, "a", 100), t.client("b"));
    a.subscribe("t", 2);
    for qos in 0..=2 {
        b.publish(of_size(100, qos));
        let message = a.take();
        a.acknowledge(&message);
        b.publish(of_size(101, qos));
        a.expect_silence();
    }
    assert_eq!(a.largest_packet(), 100);
}

fn the_maximum_is_exact_where_aliases_are_taken(t: &Trial) {
    let connect = Connect::new("a").with(MAXIMUM_PACKET_SIZE, 100_u32).with(TOPIC_ALIAS_MAXIMUM, 5_u16);
    let (mut a, mut b) = (t.connect(connect), t.client("b"));
    a.subscribe("t", 2);
    for qos in 0..=2 {
        b.publish(of_size(100, qos));
        let message = a.take();
        a.acknowledge(&message);
    }
    assert!(a.largest_packet() <= 100);
}

/// A packet identifier can be what makes the remaining length one byte longer: 127 bytes become 128.
fn the_maximum_is_exact_where_the_length_takes_another_byte(t: &Trial) {
    let (mut a, mut b) = (limited(t, "a", 130), t.client("b"));
    a.subscribe("t", 2);
    for qos in 1..=2 {
        let body_len = |payload_len: usize| 2 + 1 + 2 + 1 + payload_len;
        assert_eq!(1 + 2 + body_len(122), 131, "a byte too many");
        b.publish(Publish::new("t", vec![b'x'; 122]).qos(qos));
        a.expect_silence();
        b.publish(Publish::new("t", vec![b'x'; 121]).qos(qos));
        let message = a.take();
        a.acknowledge(&message);
    }
    assert_eq!(a.largest_packet(), 129);
}

fn what_is_too_large_counts_as_delivered(t: &Trial) {
    let connect = Connect::new("a").kept().with(MAXIMUM_PACKET_SIZE, 64_u32).with(0x21, 1_u16);
    let (mut a, mut b) = (t.connect(connect), t.client("b"));
    a.subscribe("t", 2);
    for qos in 1..=2 {
        assert_eq!(b.publish(Publish::new("t", vec![b'x'; 200]).qos(qos)), 0);
    }
    b.publish(Publish::new("t", "small").qos(1));
    a.receives("t", "small");
    a.vanish();
    t.connect(Connect::new("a").kept()).expect_silence();
}

fn what_waits_and_is_too_large_counts_as_delivered(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    let mut b = t.client("b");
    b.publish(Publish::new("t", vec![b'x'; 200]).qos(1));
    a.take();
    a.vanish();
    b.publish(Publish::new("t", vec![b'x'; 200]).qos(2));
    b.publish(Publish::new("t", "small").qos(1));
    let mut a = limited(t, "a", 64);
    assert_eq!(a.take_texts(), ["small"]);
    assert!(a.largest_packet() <= 64);
}

fn acknowledgements_of_publish_keep_within_the_maximum(t: &Trial) {
    let mut roomy = t.client("roomy");
    for qos in 1..=2 {
        let ack = roomy.publish_for_ack(Publish::new("$SYS/x", "x").qos(qos)).expect("an acknowledgement");
        assert!(ack.code == 0x87 && ack.properties.has(REASON_STRING));
    }
    let mut tight = limited(t, "tight", 24);
    for qos in 1..=2 {
        let ack = tight.publish_for_ack(Publish::new("$SYS/x", "x").qos(qos)).expect("an acknowledgement");
        assert!(ack.code == 0x87 && !ack.properties.has(REASON_STRING) && !ack.properties.has(USER_PROPERTY));
    }
    tight.send(ack(first::PUBREL, 9)).send(ack(first::PUBREC, 9));
    assert_eq!(tight.take_ack(first::PUBCOMP, 9).code, 0x92);
    assert_eq!(tight.take_ack(first::PUBREL, 9).code, 0x92);
    assert!(tight.largest_packet() <= 24);
}

fn answers_to_requests_keep_within_the_maximum(t: &Trial) {
    t.limits(|limits| limits.topic_levels_max = 2);
    let mut a = limited(t, "a", 24);
    let bare = |codes: &Codes| !codes.properties.has(REASON_STRING) && !codes.properties.has(USER_PROPERTY);
    let suback = a.request(Subscribe::to("$share/g/x/y/z", 0).and("t", 1));
    assert!(suback.codes == [0x8F, 1] && bare(&suback));
    let unsuback = a.withdraw(Unsubscribe::from(&["none", "t"]));
    assert!(unsuback.codes == [0x11, 0] && bare(&unsuback));
    let many = (0..30).fold(Subscribe::to("x", 0), |subscribe, n| subscribe.and(format!("{n}"), 0));
    a.send(many.id(1));
    assert!(matches!(a.next(), Packet::Disconnect(_)), "31 codes do not fit into 24 bytes");
    a.expect_closed();
    assert!(a.largest_packet() <= 24);
}

fn problem_information_is_for_those_who_want_it(t: &Trial) {
    let mut a = t.connect(Connect::new("a").with(REQUEST_PROBLEM_INFORMATION, 0_u8));
    for qos in 1..=2 {
        let ack = a.publish_for_ack(Publish::new("$SYS/x", "x").qos(qos)).expect("an acknowledgement");
        assert_eq!((ack.code, ack.properties.0), (0x87, vec![]));
    }
    assert_eq!(a.request(Subscribe::to("t", 0)).properties.0, []);
    assert_eq!(a.withdraw(Unsubscribe::from(&["none"])).properties.0, []);
    a.subscribe("t", 0);
    a.publish(Publish::new("t", "x").with(USER_PROPERTY, ("k", "v")));
    assert!(a.receives("t", "x").properties.has(USER_PROPERTY), "a message keeps its own");
    let mut b = t.connect(Connect::new("b").with(REQUEST_PROBLEM_INFORMATION, 1_u8));
    let ack = b.publish_for_ack(Publish::new("$SYS/x", "x").qos(1)).expect("PUBACK");
    assert!(ack.properties.has(REASON_STRING));
}

fn a_packet_above_the_servers_maximum_is_refused(t: &Trial) {
    t.offers(|policy| policy.packet_bytes_max = 300);
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    let sized = |size: usize| {
        let empty = Publish::new("t", "").encode(t.version()).len() + 1;
        Publish::new("t", vec![b'x'; size - empty]).encode(t.version())
    };
    let mut a = t.client("a");
    assert_eq!(sized(300).len(), 300);
    a.send(sized(300));
    watcher.take();
    a.offends(sized(301), 0x95, Cause::PacketTooLarge);
    // The header alone decides: nothing of the body is waited for.
    t.client("a").offends([first::PUBLISH, 0xFF, 0xFF, 0xFF, 0x7F], 0x95, Cause::PacketTooLarge);
    watcher.expect_silence();
}

fn a_connect_above_the_servers_maximum_is_refused(t: &Trial) {
    t.offers(|policy| policy.packet_bytes_max = 300);
    let mut a = t.wire();
    a.send(Connect::new("a").user_name("x".repeat(300)));
    if let Some(packet) = a.poll() {
        assert!(matches!(packet, Packet::Connack(connack) if connack.code == 0x95));
    }
    a.expect_closed();
    assert_eq!(t.ended_by(Cause::PacketTooLarge), 1);
}
