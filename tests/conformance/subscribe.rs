//! SUBSCRIBE and SUBACK: granted, refused, replaced, and what overlapping filters get.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::outgoing::{NO_LOCAL, RETAIN_AS_PUBLISHED, RETAIN_IF_NEW, RETAIN_NEVER};
use crate::wire::properties::{SESSION_EXPIRY, USER_PROPERTY};
use crate::wire::{Connect, Encode, Packet, Publish, Subscribe, first, packet, string};

proofs! {
    every_subscribe_is_answered: "5:MQTT-3.8.4-1", "5:MQTT-3.8.4-2", "5:MQTT-2.2.1-6", "311:MQTT-3.8.4-1", "311:MQTT-3.8.4-2",
        "311:MQTT-2.3.1-7", "5:MQTT-2.2.2-1";
    several_filters_have_one_answer: "5:MQTT-3.8.4-5", "5:MQTT-3.8.4-6", "5:MQTT-3.8.4-7", "5:MQTT-3.9.3-1", "5:MQTT-3.9.3-2",
        "311:MQTT-3.8.4-4", "311:MQTT-3.8.4-5", "311:MQTT-3.9.3-1", "311:MQTT-3.9.3-2";
    a_filter_named_twice_is_replaced: "5:MQTT-3.8.4-5", "311:MQTT-3.8.4-4";
    the_flags_are_fixed: "5:MQTT-3.8.1-1", "311:MQTT-3.8.1-1";
    filters_are_utf8: "5:MQTT-3.8.3-1", "311:MQTT-3.8.3-1", "5:MQTT-1.5.4-1", "311:MQTT-1.5.3-1";
    a_subscribe_without_filter_is_refused: "5:MQTT-3.8.3-2", "311:MQTT-3.8.3-3", "error:SUBSCRIBE-3.8.3-1";
    reserved_options_are_refused: "5:MQTT-3.8.3-5", "error:SUBSCRIBE-3.8.3.1-3";
    reserved_bits_of_the_qos_are_refused: "311:MQTT-3.8.3-4";
    qos_3_is_refused: "error:SUBSCRIBE-3.8.3.1-1";
    retain_handling_3_is_refused: "error:SUBSCRIBE-3.8.3.1-2";
    an_identical_filter_replaces: "5:MQTT-3.8.4-3", "311:MQTT-3.8.4-3";
    a_replacement_leaves_no_gap: "5:MQTT-3.8.4-4", "311:MQTT-3.8.4-3";
    no_local_keeps_ones_own_back: "5:MQTT-3.8.3-3";
    no_local_holds_for_the_client_not_the_connection: "5:MQTT-3.8.3-3";
    overlapping_filters_give_the_best_qos: "5:MQTT-3.3.4-2", "311:MQTT-3.3.5-1";
    identifiers_travel_with_the_message: "5:MQTT-3.3.4-3", "5:MQTT-3.3.4-4";
    one_copy_per_filter_has_its_own_identifier: "5:MQTT-3.3.4-5", "5:MQTT-3.3.4-2";
    identifiers_are_kept_with_the_session: "5:MQTT-3.3.4-3", "rule:identifiers-of-the-session";
    a_replacement_has_a_new_identifier: "5:MQTT-3.8.4-3";
    identifier_0_or_two_are_refused: "error:SUBSCRIBE-3.8.2.1.2-1";
    refused_filters_are_told: "error:SUBSCRIBE-3.9.3-1", "5:MQTT-3.9.3-1";
    user_properties_are_accepted: "rule:user-properties-accepted";
}

fn every_subscribe_is_answered(t: &Trial) {
    let mut a = t.client("a");
    for id in [1, 2, 256, 65_535, 2] {
        a.send(Subscribe::to("t", 0).id(id));
        let Packet::Suback(suback) = a.next() else { panic!("SUBACK") };
        assert_eq!((suback.id, suback.codes, suback.properties.0), (id, vec![0], vec![]));
        a.expect_silence();
    }
}

fn several_filters_have_one_answer(t: &Trial) {
    t.limits(|limits| limits.topic_levels_max = 2);
    let mut a = t.client("a");
    let refused = if t.is_v5() { 0x8F } else { 0x80 };
    let all = Subscribe::to("t/0", 0).and("a/b/c", 0).and("t/1", 1).and("t/2", 2).and("+/+/+", 2).and("t/#", 0).id(9);
    a.send(all);
    let Packet::Suback(suback) = a.next() else { panic!("SUBACK") };
    assert_eq!((suback.id, suback.codes), (9, vec![0, refused, 1, 2, refused, 0]));
    a.expect_silence();
    a.publish(Publish::new("t/2", "x").qos(2));
    assert_eq!(a.receives("t/2", "x").qos, 2);
}

fn a_filter_named_twice_is_replaced(t: &Trial) {
    let mut a = t.client("a");
    assert_eq!(a.request(Subscribe::to("t", 2).and("t", 1)).codes, [2, 1]);
    a.publish(Publish::new("t", "x").qos(2));
    assert_eq!(a.receives("t", "x").qos, 1);
    a.expect_silence();
    assert_eq!(t.counters().subscriptions, 1);
}

fn the_flags_are_fixed(t: &Trial) {
    let whole = Subscribe::to("t", 0).id(1).encode(t.version());
    for flags in (0..16).filter(|&flags| flags != 2) {
        let wrong = [vec![0x80 | flags], whole[1..].to_vec()].concat();
        t.client("a").offends(wrong, 0x81, Cause::Malformed);
    }
}

fn filters_are_utf8(t: &Trial) {
    let bad: [&[u8]; 4] = [&[0xED, 0xA0, 0x80], &[0xC0, 0x80], &[0xE2, 0x82], &[0xFF]];
    for filter in bad {
        t.client("a").offends(Subscribe::to("t", 0).and(filter, 0).id(1), 0x81, Cause::Malformed);
    }
    assert_eq!(t.counters().subscriptions, 0);
}

fn a_subscribe_without_filter_is_refused(t: &Trial) {
    let properties: &[u8] = if t.is_v5() { &[0] } else { &[] };
    t.client("a").offends(packet(first::SUBSCRIBE, &[&[0, 1], properties]), 0x82, Cause::ProtocolError);
    let without_options = packet(first::SUBSCRIBE, &[&[0, 1], properties, &string("t")]);
    t.client("a").offends(without_options, 0x81, Cause::Malformed);
}

fn reserved_options_are_refused(t: &Trial) {
    for bits in [0x40, 0x80, 0xC0] {
        t.client("a").offends(Subscribe::to("t", bits).id(1), 0x81, Cause::Malformed);
    }
    assert_eq!(t.counters().subscriptions, 0);
}

fn reserved_bits_of_the_qos_are_refused(t: &Trial) {
    for byte in [0x03, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80] {
        let mut a = t.client("a");
        a.send(Subscribe::to("t", byte).id(1));
        a.expect_closed();
    }
    assert_eq!(t.counters().subscriptions, 0);
}

fn qos_3_is_refused(t: &Trial) {
    t.client("a").offends(Subscribe::to("t", 3).id(1), 0x82, Cause::ProtocolError);
}

fn retain_handling_3_is_refused(t: &Trial) {
    t.client("a").offends(Subscribe::to("t", 0x30).id(1), 0x82, Cause::ProtocolError);
}

fn an_identical_filter_replaces(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    for qos in [0, 2, 1] {
        assert_eq!(a.subscribe("t/+", qos), qos);
        b.publish(Publish::new("t/1", "x").qos(2));
        assert_eq!(a.receives("t/1", "x").qos, qos);
        a.expect_silence();
    }
    assert_eq!(t.counters().subscriptions, 1);
}

fn a_replacement_leaves_no_gap(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    a.subscribe("t", 1);
    let mut sent = Vec::new();
    for n in 0..30 {
        b.publish(Publish::new("t", n.to_string()).qos(1));
        sent.push(n.to_string());
        let subscribe = Subscribe::to("t", 1 + n % 2).id(u16::from(n) + 1).encode(t.version());
        a.send(subscribe);
    }
    let mut got = Vec::new();
    while let Some(packet) = a.poll() {
        if let Packet::Publish(message) = packet {
            got.push(message.text().to_string());
        }
    }
    assert_eq!(got, sent);
}

fn no_local_keeps_ones_own_back(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    a.subscribe("t", 2 | NO_LOCAL);
    for qos in 0..=2 {
        a.publish(Publish::new("t", "own").qos(qos));
        a.expect_silence();
        b.publish(Publish::new("t", "other's").qos(qos));
        a.receives("t", "other's");
    }
    a.subscribe("+", 0);
    a.publish(Publish::new("t", "own"));
    a.receives("t", "own");
    a.expect_silence();
}

fn no_local_holds_for_the_client_not_the_connection(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2 | NO_LOCAL);
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept());
    a.publish(Publish::new("t", "own").qos(1));
    a.expect_silence();
}

fn overlapping_filters_give_the_best_qos(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    a.request(Subscribe::to("a/+", 0).and("a/#", 2).and("a/b", 1));
    b.publish(Publish::new("a/b", "x").qos(2));
    let mut all = Vec::new();
    while let Some(Packet::Publish(message)) = a.poll() {
        a.acknowledge(&message);
        all.push(message.qos);
    }
    assert_eq!(all, [2], "one copy, at the best QoS");
}

fn identifiers_travel_with_the_message(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    a.request(Subscribe::to("a/+", 1).identified(7));
    a.request(Subscribe::to("a/#", 0).and("#", 2).identified(268_435_455));
    a.request(Subscribe::to("a/b", 0));
    b.publish(Publish::new("a/b", "x").qos(1));
    assert_eq!(a.receives("a/b", "x").properties.identifiers(), [7, 268_435_455, 268_435_455]);
    b.publish(Publish::new("c", "y"));
    assert_eq!(a.receives("c", "y").properties.identifiers(), [268_435_455]);
    a.expect_silence();
}

fn one_copy_per_filter_has_its_own_identifier(t: &Trial) {
    t.set_up(|setup| setup.broker.overlapping = ringmq_broker::policy::Overlapping::Each);
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    a.request(Subscribe::to("a/+", 1).identified(1));
    a.request(Subscribe::to("a/#", 2).identified(2));
    a.request(Subscribe::to("a/b", 0));
    b.publish(Publish::new("a/b", "x").qos(2));
    let mut copies: Vec<_> = (0..3).map(|_| a.take()).map(|m| (m.qos, m.properties.identifiers())).collect();
    copies.sort();
    assert_eq!(copies, [(0, vec![]), (1, vec![1]), (2, vec![2])]);
}

fn identifiers_are_kept_with_the_session(t: &Trial) {
    t.client("r").publish(Publish::new("r", "retained").qos(1).retained());
    let mut a = t.connect(Connect::new("a").kept());
    a.request(Subscribe::to("t", 1).and("r", 1).identified(42));
    assert_eq!(a.receives("r", "retained").properties.identifiers(), [42], "a retained message has it too");
    a.vanish();
    t.client("b").publish(Publish::new("t", "x").qos(1));
    let mut a = t.connect(Connect::new("a").kept());
    assert_eq!(a.receives("t", "x").properties.identifiers(), [42]);
}

fn a_replacement_has_a_new_identifier(t: &Trial) {
    let mut a = t.client("a");
    for identifier in [Some(1), Some(2), None] {
        let subscribe = Subscribe::to("t", 0);
        a.request(if let Some(identifier) = identifier { subscribe.identified(identifier) } else { subscribe });
        a.publish(Publish::new("t", "x"));
        assert_eq!(a.receives("t", "x").properties.identifiers(), Vec::from_iter(identifier));
    }
}

fn identifier_0_or_two_are_refused(t: &Trial) {
    t.client("a").offends(Subscribe::to("t", 0).id(1).identified(0), 0x82, Cause::ProtocolError);
    let twice = Subscribe::to("t", 0).id(1).identified(1).identified(2);
    t.client("a").offends(twice, 0x82, Cause::ProtocolError);
    assert_eq!(t.counters().subscriptions, 0);
}

fn refused_filters_are_told(t: &Trial) {
    t.limits(|limits| {
        (limits.topic_bytes_max, limits.topic_levels_max) = (10, 3);
        limits.subscriptions_per_session_max = 2;
    });
    let mut a = t.client("a");
    let many = Subscribe::to("a/b/c/d", 0).and("x".repeat(11), 0).and("1", 0).and("2", 1).and("3", 2).and("1", 2);
    assert_eq!(a.request(many).codes, [0x8F, 0x8F, 0, 1, 0x97, 2]);
    assert_eq!(a.request(Subscribe::to("$share/g/x", 0)).codes, [0x97]);
    a.unsubscribe("2");
    assert_eq!(a.request(Subscribe::to("$share/g/x", 0).and("3", 0)).codes, [0, 0x97]);
}

fn user_properties_are_accepted(t: &Trial) {
    let pair = ("name", "value");
    let connect = Connect::new("a").with(USER_PROPERTY, pair).with(SESSION_EXPIRY, 9_u32).with(USER_PROPERTY, pair);
    let mut a = t.connect(connect);
    let options = 1 | RETAIN_AS_PUBLISHED | RETAIN_IF_NEW;
    a.request(Subscribe::to("t", options).and("u", RETAIN_NEVER).with(USER_PROPERTY, pair).with(USER_PROPERTY, pair));
    a.withdraw(crate::wire::Unsubscribe::from(&["u"]).with(USER_PROPERTY, pair));
    a.publish(Publish::new("t", "x").qos(1));
    let message = a.take();
    let properties = crate::wire::Properties::of(USER_PROPERTY, pair).with(0x1F, "why");
    a.send(crate::wire::ack_with(first::PUBACK, message.id, 0, &properties));
    a.expect_alive();
    a.send(crate::wire::disconnect_with(0, &properties));
    a.expect_closed();
    assert_eq!(t.ended_by(Cause::ClientDisconnect), 1);
}
