//! UNSUBSCRIBE and UNSUBACK.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::{Connect, Encode, Packet, Publish, Subscribe, Unsubscribe, ack, first, packet};

proofs! {
    every_unsubscribe_is_answered: "5:MQTT-3.10.4-4", "5:MQTT-3.10.4-5", "5:MQTT-2.2.1-6", "311:MQTT-3.10.4-4",
        "311:MQTT-3.10.4-5", "311:MQTT-2.3.1-7", "error:UNSUBSCRIBE-3.11.3-1";
    several_filters_have_one_answer: "5:MQTT-3.10.4-6", "5:MQTT-3.11.3-1", "5:MQTT-3.11.3-2", "311:MQTT-3.10.4-6";
    filters_are_compared_as_text: "5:MQTT-3.10.4-1", "311:MQTT-3.10.4-1";
    nothing_new_comes_afterwards: "5:MQTT-3.10.4-2", "311:MQTT-3.10.4-2";
    no_retained_message_comes_afterwards: "5:MQTT-3.10.4-2", "311:MQTT-3.10.4-2";
    what_has_begun_is_finished: "5:MQTT-3.10.4-3", "311:MQTT-3.10.4-3";
    a_shared_subscription_is_withdrawn_by_its_full_name: "5:MQTT-3.10.4-1", "rule:shared-unsubscribe";
    the_flags_are_fixed: "5:MQTT-3.10.1-1", "311:MQTT-3.10.1-1";
    filters_are_utf8: "5:MQTT-3.10.3-1", "311:MQTT-3.10.3-1";
    an_unsubscribe_without_filter_is_refused: "5:MQTT-3.10.3-2", "311:MQTT-3.10.3-2", "error:UNSUBSCRIBE-3.10.3-1";
}

fn every_unsubscribe_is_answered(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 0);
    for (id, code) in [(300, 0x00), (301, 0x11), (301, 0x11)] {
        a.send(Unsubscribe::from(&["t"]).id(id));
        let Packet::Unsuback(unsuback) = a.next() else { panic!("UNSUBACK") };
        let codes = if t.is_v5() { vec![code] } else { Vec::new() };
        assert_eq!((unsuback.id, unsuback.codes), (id, codes));
        a.expect_silence();
    }
    a.publish(Publish::new("t", "x"));
    a.expect_silence();
}

fn several_filters_have_one_answer(t: &Trial) {
    let mut a = t.client("a");
    a.request(Subscribe::to("1", 0).and("2", 0).and("#", 0));
    let unsuback = a.withdraw(Unsubscribe::from(&["2", "none", "1", "2"]));
    assert_eq!(unsuback.codes, if t.is_v5() { vec![0, 0x11, 0, 0x11] } else { Vec::new() });
    a.expect_silence();
    a.publish(Publish::new("1", "x"));
    assert_eq!(a.take_texts(), ["x"], "only # is left");
    assert_eq!(t.counters().subscriptions, 1);
}

fn filters_are_compared_as_text(t: &Trial) {
    let mut a = t.client("a");
    a.request(Subscribe::to("a/b", 0).and("a/+", 0).and("A/b", 0));
    a.withdraw(Unsubscribe::from(&["a/+", "#", "a/#", "+/b"]));
    a.publish(Publish::new("a/b", "x"));
    a.receives("a/b", "x");
    a.publish(Publish::new("a/c", "x"));
    a.expect_silence();
    assert_eq!(t.counters().subscriptions, 2);
}

fn nothing_new_comes_afterwards(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    for filter in ["t", "+", "#"] {
        a.subscribe(filter, 2);
        a.unsubscribe(filter);
        for qos in 0..=2 {
            b.publish(Publish::new("t", "x").qos(qos));
        }
        a.expect_silence();
    }
}

fn what_has_begun_is_finished(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    let mut b = t.client("b");
    b.publish(Publish::new("t", "one").qos(1));
    b.publish(Publish::new("t", "two").qos(2));
    let (one, two) = (a.take(), a.take());
    a.unsubscribe("t");
    a.send(ack(first::PUBREC, two.id));
    a.take_ack(first::PUBREL, two.id);
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept());
    let again = a.take();
    assert_eq!((again.id, again.dup), (one.id, true));
    a.take_ack(first::PUBREL, two.id);
    a.send(ack(first::PUBCOMP, two.id));
    a.acknowledge(&again);
    a.vanish();
    t.connect(Connect::new("a").kept()).expect_silence();
}

fn a_shared_subscription_is_withdrawn_by_its_full_name(t: &Trial) {
    let mut a = t.client("a");
    a.request(Subscribe::to("$share/g/t", 0).and("t", 0));
    assert_eq!(a.withdraw(Unsubscribe::from(&["$share/h/t", "$share/g/t", "$share/g/t"])).codes, [0x11, 0, 0x11]);
    a.publish(Publish::new("t", "x"));
    assert_eq!(a.take_texts(), ["x"], "the plain subscription stays");
}

fn the_flags_are_fixed(t: &Trial) {
    let whole = Unsubscribe::from(&["t"]).id(1).encode(t.version());
    for flags in (0..16).filter(|&flags| flags != 2) {
        let wrong = [vec![0xA0 | flags], whole[1..].to_vec()].concat();
        t.client("a").offends(wrong, 0x81, Cause::Malformed);
    }
}

fn filters_are_utf8(t: &Trial) {
    let bad: [&[u8]; 3] = [&[0xED, 0xA0, 0x80], &[0xFF], b"a\0"];
    for filter in bad {
        t.client("a").offends(Unsubscribe::from(&[b"t", filter]).id(1), 0x81, Cause::Malformed);
    }
}

fn an_unsubscribe_without_filter_is_refused(t: &Trial) {
    let properties: &[u8] = if t.is_v5() { &[0] } else { &[] };
    t.client("a").offends(packet(first::UNSUBSCRIBE, &[&[0, 1], properties]), 0x82, Cause::ProtocolError);
}

/// Unsubscribed before every shard knew of the subscription.
fn no_retained_message_comes_afterwards(t: &Trial) {
    let mut a = t.client("a");
    for n in 0..6 {
        a.publish(Publish::new(format!("s/{n}"), "x").qos(1).retained());
    }
    let mut b = t.client("b");
    let version = t.version();
    let packets = [Subscribe::to("s/#", 0).id(1).encode(version), Unsubscribe::from(&["s/#"]).id(2).encode(version)];
    b.send(packets.concat());
    let mut packets: Vec<Packet> = std::iter::from_fn(|| b.poll()).collect();
    let at = packets.iter().position(|packet| matches!(packet, Packet::Unsuback(_))).expect("it is answered");
    assert!(!packets.split_off(at).iter().any(|packet| matches!(packet, Packet::Publish(_))));
}
