//! QoS 2: exactly once, in both directions, each step held back and taken up again.

use ringmq_broker::cause::Cause;

use crate::client::Client;
use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{MESSAGE_EXPIRY, Properties};
use crate::wire::{Connect, Publish, ack, ack_with, first};

proofs! {
    a_taken_message_is_received_and_completed: "5:MQTT-4.3.3-8", "5:MQTT-4.3.3-11", "311:MQTT-4.3.3-2", "5:MQTT-3.7.2-1",
        "5:MQTT-2.2.1-5", "311:MQTT-2.3.1-6";
    a_repeat_is_not_forwarded_twice: "5:MQTT-4.3.3-10", "311:MQTT-4.3.3-2";
    a_repeat_after_a_reconnect_is_not_forwarded_twice: "5:MQTT-4.3.3-10", "311:MQTT-4.3.3-2", "5:MQTT-4.1.0-1";
    after_pubcomp_the_identifier_is_new: "5:MQTT-4.3.3-12", "311:MQTT-4.3.3-2";
    after_a_refusal_the_identifier_is_free: "5:MQTT-4.3.3-9";
    publish_is_open_until_pubrec: "5:MQTT-4.3.3-3", "311:MQTT-4.3.3-1", "5:MQTT-3.3.1-1", "311:MQTT-3.3.1-1";
    pubrec_is_answered_by_pubrel: "5:MQTT-4.3.3-4", "311:MQTT-4.3.3-1", "5:MQTT-3.6.1-1", "5:MQTT-3.6.2-1";
    pubrel_is_open_until_pubcomp: "5:MQTT-4.3.3-5", "5:MQTT-4.3.3-6", "5:MQTT-4.4.0-1", "311:MQTT-4.3.3-1",
        "311:MQTT-4.4.0-1";
    what_was_sent_does_not_expire: "5:MQTT-4.3.3-7";
    the_exchange_of_an_expired_message_is_finished: "5:MQTT-4.3.3-13";
    a_refusal_ends_the_exchange: "5:MQTT-4.4.0-2";
    pubrel_for_nothing_is_answered: "error:PUBREL-3.7.2.1-1", "5:MQTT-3.7.2-1";
    pubrel_for_nothing_is_answered_before_5: "rule:pubrel-unknown-311", "311:MQTT-4.3.3-2";
    pubrec_for_nothing_is_answered: "error:PUBREC-3.6.2.1-1", "5:MQTT-3.6.2-1";
    pubcomp_for_nothing_is_ignored: "error:PUBCOMP-4.3.3-1";
    an_identifier_in_use_is_told: "error:PUBLISH-3.4.2.1-4", "5:MQTT-2.2.1-3";
    an_acknowledgement_of_the_wrong_kind_ends_the_connection: "rule:acknowledgement-of-the-wrong-kind", "5:MQTT-4.13.1-1",
        "311:MQTT-4.8.0-1";
    wrong_acknowledgements_in_one_piece_end_the_connection: "rule:acknowledgement-of-the-wrong-kind", "311:MQTT-4.8.0-1";
    pubrel_has_its_flags: "5:MQTT-3.6.1-1", "311:MQTT-3.6.1-1";
}

fn a_taken_message_is_received_and_completed(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 0);
    a.send(Publish::new("t", "x").qos(2).id(300));
    assert_eq!(a.take_ack(first::PUBREC, 300).code, 0);
    a.expect_silence();
    a.send(ack(first::PUBREL, 300));
    assert_eq!(a.take_ack(first::PUBCOMP, 300).code, 0);
    a.expect_silence();
    assert_eq!(b.take_texts(), ["x"]);
}

fn a_repeat_is_not_forwarded_twice(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2);
    a.send(Publish::new("t", "x").qos(2).id(1));
    a.send(Publish::new("t", "x").qos(2).id(1).dup());
    a.send(Publish::new("t", "x").qos(2).id(1));
    for _ in 0..3 {
        assert!(a.take_ack(first::PUBREC, 1).code < 0x80);
    }
    a.send(ack(first::PUBREL, 1));
    a.take_ack(first::PUBCOMP, 1);
    assert_eq!(b.take_texts(), ["x"]);
}

fn a_repeat_after_a_reconnect_is_not_forwarded_twice(t: &Trial) {
    let mut b = t.client("b");
    b.subscribe("t", 2);
    let mut a = t.connect(Connect::new("a").kept());
    a.send(Publish::new("t", "x").qos(2).id(1));
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept());
    a.send(Publish::new("t", "x").qos(2).id(1).dup());
    assert!(a.take_ack(first::PUBREC, 1).code < 0x80);
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept());
    a.send(ack(first::PUBREL, 1));
    assert_eq!(a.take_ack(first::PUBCOMP, 1).code, 0);
    assert_eq!(b.take_texts(), ["x"]);
}

fn after_pubcomp_the_identifier_is_new(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2);
    for dup in [false, true] {
        let publish = Publish::new("t", "x").qos(2).id(9);
        assert_eq!(a.publish(if dup { publish.dup() } else { publish }), 0);
    }
    assert_eq!(b.take_texts(), ["x", "x"]);
}

fn after_a_refusal_the_identifier_is_free(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("#", 2);
    assert_eq!(a.publish(Publish::new("$SYS/x", "refused").qos(2).id(9)), 0x87);
    assert_eq!(a.publish(Publish::new("t", "taken").qos(2).id(9)), 0);
    assert_eq!(b.take_texts(), ["taken"]);
}

fn publish_is_open_until_pubrec(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    t.client("b").publish(Publish::new("t", "x").qos(2));
    let sent = a.take();
    for _ in 0..2 {
        a.vanish();
        a = t.connect(Connect::new("a").kept());
        let again = a.take();
        assert_eq!((again.id, again.text(), again.qos, again.dup), (sent.id, "x", 2, true));
    }
    a.acknowledge(&sent);
    a.vanish();
    t.connect(Connect::new("a").kept()).expect_silence();
}

fn pubrec_is_answered_by_pubrel(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 2);
    t.client("b").publish(Publish::new("t", "x").qos(2));
    let message = a.take();
    for _ in 0..2 {
        a.send(ack(first::PUBREC, message.id));
        assert_eq!(a.take_ack(first::PUBREL, message.id).code, 0);
        a.expect_silence();
    }
    a.send(ack(first::PUBCOMP, message.id));
    a.expect_silence();
}

fn pubrel_is_open_until_pubcomp(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    let mut b = t.client("b");
    b.publish(Publish::new("t", "released").qos(2));
    b.publish(Publish::new("t", "open").qos(2));
    let (released, open) = (a.take(), a.take());
    a.send(ack(first::PUBREC, released.id));
    a.take_ack(first::PUBREL, released.id);
    for _ in 0..2 {
        a.vanish();
        a = t.connect(Connect::new("a").kept());
        assert_eq!(a.take_ack(first::PUBREL, released.id).code, 0);
        let again = a.take();
        assert_eq!((again.id, again.dup), (open.id, true));
        a.expect_silence();
    }
    a.send(ack(first::PUBCOMP, released.id));
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept());
    assert_eq!(a.take().id, open.id);
    a.expect_silence();
}

fn what_was_sent_does_not_expire(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    t.client("b").publish(Publish::new("t", "x").qos(2).with(MESSAGE_EXPIRY, 5_u32));
    let sent = a.take();
    a.vanish();
    t.wait_s(10);
    let mut a = t.connect(Connect::new("a").kept());
    let again = a.receives("t", "x");
    assert_eq!((again.id, again.dup), (sent.id, true));
}

fn the_exchange_of_an_expired_message_is_finished(t: &Trial) {
    let mut a = t.client("a");
    a.send(Publish::new("t", "x").qos(2).id(1).with(MESSAGE_EXPIRY, 1_u32));
    assert!(a.take_ack(first::PUBREC, 1).code < 0x80);
    t.wait_s(10);
    a.send(Publish::new("t", "x").qos(2).id(1).dup().with(MESSAGE_EXPIRY, 1_u32));
    assert!(a.take_ack(first::PUBREC, 1).code < 0x80);
    a.send(ack(first::PUBREL, 1));
    assert_eq!(a.take_ack(first::PUBCOMP, 1).code, 0);
}

fn a_refusal_ends_the_exchange(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    t.client("b").publish(Publish::new("t", "x").qos(2));
    let message = a.take();
    a.send(ack_with(first::PUBREC, message.id, 0x80, &Properties::none()));
    a.expect_silence();
    a.vanish();
    t.connect(Connect::new("a").kept()).expect_silence();
}

fn pubrel_for_nothing_is_answered(t: &Trial) {
    let mut a = t.client("a");
    a.send(ack(first::PUBREL, 99));
    assert_eq!(a.take_ack(first::PUBCOMP, 99).code, 0x92);
    a.expect_silence();
    a.send(ack_with(first::PUBREL, 7, 0x92, &Properties::none()));
    assert_eq!(a.take_ack(first::PUBCOMP, 7).code, 0x92);
    a.expect_alive();
}

fn pubrel_for_nothing_is_answered_before_5(t: &Trial) {
    let mut a = t.client("a");
    a.send(ack(first::PUBREL, 99));
    a.take_ack(first::PUBCOMP, 99);
    a.expect_alive();
}

fn pubrec_for_nothing_is_answered(t: &Trial) {
    let mut a = t.client("a");
    a.send(ack(first::PUBREC, 99));
    assert_eq!(a.take_ack(first::PUBREL, 99).code, 0x92);
    a.expect_alive();
}

fn pubcomp_for_nothing_is_ignored(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 2);
    a.send(ack(first::PUBCOMP, 99));
    t.client("b").publish(Publish::new("t", "x").qos(2));
    let message = a.take();
    a.send(ack(first::PUBCOMP, message.id + 1));
    a.expect_silence();
    a.acknowledge(&message);
    a.expect_alive();
}

fn an_identifier_in_use_is_told(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2);
    a.send(Publish::new("t", "open").qos(2).id(5));
    assert_eq!(a.take_ack(first::PUBREC, 5).code, 0);
    assert_eq!(a.publish(Publish::new("t", "other").qos(1).id(5)), 0x91);
    a.send(ack(first::PUBREL, 5));
    a.take_ack(first::PUBCOMP, 5);
    assert_eq!(a.publish(Publish::new("t", "other").qos(1).id(5)), 0);
    assert_eq!(b.take_texts(), ["open", "other"]);
}

/// A receiver of one message at `qos`, and the identifier of that message; released if `is_released`.
fn receiver(t: &Trial, qos: u8, is_released: bool) -> (Client, u16) {
    let mut a = t.connect(Connect::new("a"));
    a.subscribe("t", qos);
    t.client("b").publish(Publish::new("t", "x").qos(qos));
    let message = a.take();
    if is_released {
        a.send(ack(first::PUBREC, message.id));
        a.take_ack(first::PUBREL, message.id);
    }
    (a, message.id)
}

fn an_acknowledgement_of_the_wrong_kind_ends_the_connection(t: &Trial) {
    let wrong = [
        (1, false, first::PUBREC),
        (1, false, first::PUBCOMP),
        (2, false, first::PUBACK),
        (2, false, first::PUBCOMP),
        (2, true, first::PUBACK),
    ];
    for (qos, is_released, kind) in wrong {
        let (mut a, id) = receiver(t, qos, is_released);
        a.offends(ack(kind, id), 0x82, Cause::ProtocolError);
        if t.is_v5() && kind != first::PUBCOMP {
            let (mut a, id) = receiver(t, qos, is_released);
            a.offends(ack_with(kind, id, 0x80, &Properties::none()), 0x82, Cause::ProtocolError);
        }
    }
}

/// Acknowledgements that are taken together are judged one by one.
fn wrong_acknowledgements_in_one_piece_end_the_connection(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 2);
    let mut b = t.client("b");
    for qos in [1, 2, 1] {
        b.publish(Publish::new("t", "x").qos(qos));
    }
    let ids = [a.take().id, a.take().id, a.take().id];
    let acks: Vec<u8> = ids.into_iter().flat_map(|id| ack(first::PUBACK, id)).collect();
    a.offends(acks, 0x82, Cause::ProtocolError);
}

fn pubrel_has_its_flags(t: &Trial) {
    for first in [0x60, 0x61, 0x6A, 0x6F] {
        t.client("a").offends(ack(first, 1), 0x81, Cause::Malformed);
    }
}
