//! QoS 1: at least once, in both directions.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{Properties, RECEIVE_MAXIMUM};
use crate::wire::{Connect, Publish, ack, ack_with, first};

proofs! {
    a_taken_message_is_acknowledged: "5:MQTT-4.3.2-4", "311:MQTT-4.3.2-2";
    after_puback_the_identifier_is_new: "5:MQTT-4.3.2-5", "311:MQTT-4.3.2-2";
    open_messages_have_identifiers_of_their_own: "5:MQTT-2.2.1-4", "311:MQTT-2.3.1-4", "5:MQTT-4.3.2-1", "5:MQTT-4.3.3-1",
        "311:MQTT-4.3.2-1";
    a_message_is_open_until_puback: "5:MQTT-4.3.2-3", "5:MQTT-3.3.1-1", "5:MQTT-4.4.0-1", "311:MQTT-4.3.2-1",
        "311:MQTT-3.3.1-1", "311:MQTT-4.4.0-1", "311:MQTT-2.3.1-4";
    nothing_is_repeated_on_a_live_connection: "5:MQTT-4.4.0-1";
    a_refusal_ends_the_exchange: "5:MQTT-4.4.0-2";
    an_acknowledged_message_is_not_repeated: "5:MQTT-4.3.2-3", "311:MQTT-4.3.2-1";
    a_puback_for_nothing_is_ignored: "error:PUBACK-4.3.2-1";
    a_topic_for_the_server_is_refused: "error:PUBLISH-3.4.2.1-2", "5:MQTT-3.4.2-1", "5:MQTT-3.5.2-1";
    a_topic_for_the_server_is_refused_silently_before_5: "311:MQTT-3.3.5-2";
    a_topic_above_the_limits_is_refused: "error:PUBLISH-3.4.2.1-1";
    a_topic_above_the_limits_ends_the_connection_before_5: "311:MQTT-4.3.2-2", "311:MQTT-4.5.0-1";
    a_used_up_limit_is_told: "error:PUBLISH-3.4.2.1-3";
}

fn a_taken_message_is_acknowledged(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 0);
    a.send(Publish::new("t", "x").qos(1).id(513));
    assert_eq!(a.take_ack(first::PUBACK, 513).code, 0);
    a.receives("t", "x");
    a.expect_silence();
}

fn after_puback_the_identifier_is_new(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 1);
    a.publish(Publish::new("t", "first").qos(1).id(1));
    a.publish(Publish::new("t", "second").qos(1).id(1).dup());
    a.publish(Publish::new("t", "second").qos(1).id(1).dup());
    assert_eq!(b.take_texts(), ["first", "second", "second"]);
}

fn open_messages_have_identifiers_of_their_own(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2);
    let mut ids = Vec::new();
    for n in 0..100 {
        a.publish(Publish::new("t", "x").qos(1 + n % 2));
        let message = b.take();
        ids.push(message.id);
        if n % 5 == 0 {
            b.acknowledge(&message);
            ids.pop();
        }
    }
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "no identifier is in use twice");
}

fn a_message_is_open_until_puback(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 1);
    let mut b = t.client("b");
    for text in ["one", "two", "three"] {
        b.publish(Publish::new("t", text).qos(1));
    }
    let sent = [a.take(), a.take(), a.take()];
    a.acknowledge(&sent[1]);
    for _ in 0..2 {
        a.vanish();
        a = t.connect(Connect::new("a").kept());
        for earlier in [&sent[0], &sent[2]] {
            let again = a.take();
            assert_eq!((again.id, again.text(), again.qos), (earlier.id, earlier.text(), 1));
            assert!(!earlier.dup && again.dup);
        }
        a.expect_silence();
    }
}

fn nothing_is_repeated_on_a_live_connection(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 2);
    let mut b = t.client("b");
    b.publish(Publish::new("t", "one").qos(1));
    b.publish(Publish::new("t", "two").qos(2));
    let (_, second) = (a.take(), a.take());
    a.send(ack(first::PUBREC, second.id));
    a.take_ack(first::PUBREL, second.id);
    t.wait_s(100_000);
    a.expect_silence();
}

fn a_refusal_ends_the_exchange(t: &Trial) {
    let connect = || Connect::new("a").kept().with(RECEIVE_MAXIMUM, 1_u16);
    let mut a = t.connect(connect());
    a.subscribe("t", 2);
    let mut b = t.client("b");
    for (text, qos) in [("one", 1), ("two", 2), ("three", 1)] {
        b.publish(Publish::new("t", text).qos(qos));
    }
    let one = a.take();
    a.send(ack_with(first::PUBACK, one.id, 0x80, &Properties::none()));
    let two = a.take();
    assert_eq!(two.text(), "two", "the refusal has freed its place");
    a.send(ack_with(first::PUBREC, two.id, 0x97, &Properties::none()));
    let three = a.take();
    assert_eq!(three.text(), "three", "no PUBREL, and the place is free");
    a.send(ack_with(first::PUBACK, three.id, 0x83, &Properties::none()));
    a.vanish();
    t.connect(connect()).expect_silence();
    assert_eq!(t.counters().dropped_by_client, 3);
}

fn an_acknowledged_message_is_not_repeated(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 1);
    t.client("b").publish(Publish::new("t", "x").qos(1));
    a.receives("t", "x");
    a.vanish();
    t.connect(Connect::new("a").kept()).expect_silence();
}

fn a_puback_for_nothing_is_ignored(t: &Trial) {
    let mut a = t.client("a");
    for id in [1, 2, 65_535] {
        a.send(ack(first::PUBACK, id));
    }
    a.expect_silence();
    a.expect_alive();
}

fn a_topic_for_the_server_is_refused(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("$SYS/#", 2);
    let mut a = t.client("a");
    for qos in 1..=2 {
        assert_eq!(a.publish(Publish::new("$SYS/x", "x").qos(qos)), 0x87);
        assert_eq!(a.publish(Publish::new("$share/g/x", "x").qos(qos)), 0x87);
    }
    a.publish(Publish::new("$SYS/x", "x"));
    a.expect_alive();
    watcher.expect_silence();
    assert_eq!(t.counters().publish_refused, 5);
}

fn a_topic_for_the_server_is_refused_silently_before_5(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("$SYS/#", 2);
    let mut a = t.client("a");
    for qos in 0..=2 {
        assert_eq!(a.publish(Publish::new("$SYS/x", "x").qos(qos)), 0);
    }
    watcher.expect_silence();
}

fn a_topic_above_the_limits_is_refused(t: &Trial) {
    t.limits(|limits| (limits.topic_bytes_max, limits.topic_levels_max) = (20, 4));
    let mut a = t.client("a");
    a.subscribe("#", 2);
    for qos in 1..=2 {
        assert_eq!(a.publish(Publish::new("a/b/c/d/e", "x").qos(qos)), 0x90);
        assert_eq!(a.publish(Publish::new("x".repeat(21), "x").qos(qos)), 0x90);
    }
    a.publish(Publish::new("a/b/c/d/e", "x"));
    a.expect_silence();
    a.publish(Publish::new("a/b/c/d", "x").qos(1));
    a.receives("a/b/c/d", "x");
}

/// An acknowledgement would promise what is not kept; that is allowed only for what is not authorized [MQTT-3.3.5-2 of 3.1.1].
fn a_topic_above_the_limits_ends_the_connection_before_5(t: &Trial) {
    t.limits(|limits| (limits.topic_bytes_max, limits.topic_levels_max) = (20, 4));
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    let (deep, long) = (String::from("a/b/c/d/e"), "x".repeat(21));
    for topic in [&deep, &long] {
        for qos in 1..=2 {
            t.client("a").offends(Publish::new(topic, "x").qos(qos).id(1), 0x90, Cause::TopicNameInvalid);
        }
        let mut a = t.client("a");
        a.publish(Publish::new(topic, "x"));
        a.expect_alive();
    }
    assert_eq!(t.counters().publish_refused, 6);
    watcher.expect_silence();
}

fn a_used_up_limit_is_told(t: &Trial) {
    t.limits(|limits| limits.message_bytes_max = 2000);
    let mut keeper = t.connect(Connect::new("keeper").kept());
    keeper.subscribe("t", 1);
    keeper.disconnect();
    let mut a = t.client("a");
    let publish = |qos| Publish::new("t", vec![b'x'; 900]).qos(qos);
    let codes: Vec<u8> = (0..5).map(|_| a.publish(publish(1))).collect();
    assert_eq!((codes[0], codes[4]), (0, 0x97), "{codes:x?}");
    assert_eq!(a.publish(publish(2)), 0x97);
    a.expect_alive();
    let taken = codes.iter().filter(|&&code| code == 0).count();
    let mut keeper = t.connect(Connect::new("keeper").kept());
    assert_eq!(keeper.take_texts().len(), taken, "what was acknowledged arrives");
    assert_eq!(a.publish(publish(1)), 0, "there is room again");
}
