//! PUBLISH: what is passed on and how, and what of it is between two parties only.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{
    CONTENT_TYPE, CORRELATION_DATA, PAYLOAD_FORMAT, RESPONSE_TOPIC, USER_PROPERTY, Value,
};
use crate::wire::{Connect, Publish, Subscribe, packet, string};

proofs! {
    delivery_has_the_lower_qos: "5:MQTT-3.8.4-8", "311:MQTT-3.8.4-6", "5:MQTT-4.3.1-1", "311:MQTT-4.3.1-1",
        "5:MQTT-4.3.2-2", "5:MQTT-4.3.3-2";
    qos_decides_the_answer: "5:MQTT-3.3.4-1", "311:MQTT-3.3.4-1", "5:MQTT-2.2.1-5", "311:MQTT-2.3.1-6";
    qos_0_has_no_identifier: "5:MQTT-2.2.1-2", "311:MQTT-2.3.1-5";
    dup_is_not_passed_on: "5:MQTT-3.3.1-3", "311:MQTT-3.3.1-3";
    dup_at_qos_0_is_refused: "5:MQTT-3.3.1-2", "311:MQTT-3.3.1-2";
    qos_3_is_refused: "5:MQTT-3.3.1-4", "311:MQTT-3.3.1-4", "error:PUBLISH-3.3.1.2-1";
    packet_identifier_0_is_refused: "5:MQTT-2.2.1-3", "311:MQTT-2.3.1-1";
    the_topic_comes_first_and_is_utf8: "5:MQTT-3.3.2-1", "311:MQTT-3.3.2-1";
    a_topic_has_no_wildcard: "5:MQTT-3.3.2-2", "311:MQTT-3.3.2-2", "5:MQTT-4.7.0-1", "311:MQTT-4.7.1-1";
    a_topic_is_not_empty: "5:MQTT-4.7.3-1", "311:MQTT-4.7.3-1", "error:PUBLISH-3.3.2.1-1";
    every_delivered_topic_matches: "5:MQTT-3.3.2-3", "311:MQTT-3.3.2-3";
    properties_are_passed_on_unchanged: "5:MQTT-3.3.2-4", "5:MQTT-3.3.2-15", "5:MQTT-3.3.2-16", "5:MQTT-3.3.2-17",
        "5:MQTT-3.3.2-18", "5:MQTT-3.3.2-20";
    absent_properties_stay_absent: "5:MQTT-3.3.2-4", "5:MQTT-2.2.2-1";
    property_strings_are_utf8: "5:MQTT-3.3.2-13", "5:MQTT-3.3.2-19", "5:MQTT-1.5.7-1";
    a_response_topic_has_no_wildcard: "5:MQTT-3.3.2-14";
    a_payload_format_is_0_or_1: "error:PUBLISH-3.3.2.3.2-1";
    a_payload_is_what_it_says: "error:PUBLISH-3.3.2.3.2-2";
    a_client_sends_no_subscription_identifier: "5:MQTT-3.3.4-6", "error:PUBLISH-3.3.2.3.8-1";
    a_message_reaches_everyone_who_wants_it: "5:MQTT-4.5.0-1", "311:MQTT-4.5.0-1";
    any_payload_is_carried: "rule:payloads-are-bytes", "311:MQTT-4.5.0-1";
    nobody_listening_may_be_told: "5:MQTT-3.4.2-1", "5:MQTT-3.5.2-1";
}

fn delivery_has_the_lower_qos(t: &Trial) {
    let mut publisher = t.client("publisher");
    for granted in 0..=2 {
        let mut a = t.client("a");
        assert_eq!(a.subscribe("t", granted), granted);
        for published in 0..=2 {
            publisher.publish(Publish::new("t", "x").qos(published));
            let message = a.receives("t", "x");
            assert_eq!((message.qos, message.dup), (granted.min(published), false));
        }
    }
}

fn qos_decides_the_answer(t: &Trial) {
    let mut a = t.client("a");
    let mut b = t.client("b");
    b.subscribe("t", 0);
    a.publish(Publish::new("t", "none"));
    a.expect_silence();
    let puback = a.publish_for_ack(Publish::new("t", "one").qos(1).id(65_535)).expect("PUBACK");
    assert_eq!((puback.id, puback.code), (65_535, 0));
    a.expect_silence();
    let pubrec = a.publish_for_ack(Publish::new("t", "two").qos(2).id(777)).expect("PUBREC");
    assert_eq!((pubrec.id, pubrec.code), (777, 0));
    a.expect_silence();
    assert_eq!(b.take_texts(), ["none", "one", "two"]);
}

fn qos_0_has_no_identifier(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 2);
    // What stands behind the topic is the property length, or the payload itself.
    a.publish(Publish::new("t", [0, 5, 1, 2, 3]));
    let message = a.take();
    assert_eq!((message.qos, message.payload), (0, vec![0, 5, 1, 2, 3]));
}

fn dup_is_not_passed_on(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2);
    for qos in 1..=2 {
        a.publish(Publish::new("t", "again").qos(qos).dup());
        assert!(!b.receives("t", "again").dup);
    }
}

fn dup_at_qos_0_is_refused(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    t.client("a").offends(Publish::new("t", "x").dup(), 0x81, Cause::Malformed);
    watcher.expect_silence();
}

fn qos_3_is_refused(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    for dup in [0, 8] {
        let body = [string("t"), vec![0, 1, 0]].concat();
        t.client("a").offends(packet(0x36 | dup, &[&body]), 0x81, Cause::Malformed);
    }
    watcher.expect_silence();
}

fn packet_identifier_0_is_refused(t: &Trial) {
    for qos in 1..=2 {
        t.client("a").offends(Publish::new("t", "x").qos(qos).id(0), 0x82, Cause::ProtocolError);
    }
    t.client("a").offends(Subscribe::to("t", 0).id(0), 0x82, Cause::ProtocolError);
    t.client("a").offends(crate::wire::Unsubscribe::from(&["t"]).id(0), 0x82, Cause::ProtocolError);
}

fn the_topic_comes_first_and_is_utf8(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    let bad: [&[u8]; 5] = [&[0xED, 0xBF, 0xBF], &[0xC1, 0x81], &[b'a', 0xF0, 0x9F], &[0xFE], b"a\0"];
    for topic in bad {
        t.client("a").offends(Publish::new(topic, "x"), 0x81, Cause::Malformed);
    }
    watcher.expect_silence();
}

fn a_topic_has_no_wildcard(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    for topic in ["+", "#", "a/+", "a/#", "a+b", "a#"] {
        t.client("a").offends(Publish::new(topic, "x").qos(1).id(1), 0x81, Cause::Malformed);
    }
    watcher.expect_silence();
}

fn a_topic_is_not_empty(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    t.client("a").offends(Publish::new("", "x"), 0x82, Cause::ProtocolError);
    watcher.expect_silence();
}

fn every_delivered_topic_matches(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    a.request(Subscribe::to("x/+/z", 0).and("x/y/#", 0));
    for topic in ["x/y", "x/1/z", "x/1/y", "y/1/z", "x/y/z/w", "x", "x/1/z/2"] {
        b.publish(Publish::new(topic, topic));
    }
    assert_eq!(a.take_texts(), ["x/y", "x/1/z", "x/y/z/w"]);
}

/// Every property that travels, some of them at the edge of what is allowed.
fn with_everything(publish: Publish) -> Publish {
    publish
        .with(USER_PROPERTY, ("b", "1"))
        .with(PAYLOAD_FORMAT, 0_u8)
        .with(USER_PROPERTY, ("a", ""))
        .with(CONTENT_TYPE, "")
        .with(RESPONSE_TOPIC, "\u{FEFF}réponse/à moi")
        .with(USER_PROPERTY, ("b", "1"))
        .with(CORRELATION_DATA, &[][..])
        .with(USER_PROPERTY, ("", ""))
}

fn properties_are_passed_on_unchanged(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2);
    for qos in 0..=2 {
        a.publish(with_everything(Publish::new("t", "x").qos(qos)));
        let got = b.receives("t", "x").properties;
        assert_eq!(got.number(PAYLOAD_FORMAT), Some(0));
        assert_eq!(got.text(CONTENT_TYPE).as_deref(), Some(""));
        assert_eq!(got.text(RESPONSE_TOPIC).as_deref(), Some("\u{FEFF}réponse/à moi"));
        assert_eq!(got.all(CORRELATION_DATA).collect::<Vec<_>>(), [&Value::Binary(Vec::new())]);
        let pairs: Vec<_> = got.all(USER_PROPERTY).cloned().collect();
        assert_eq!(pairs, [("b", "1"), ("a", ""), ("b", "1"), ("", "")].map(Value::from));
    }
}

fn absent_properties_stay_absent(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 0);
    a.send(Publish::new("t", "x"));
    assert_eq!(a.take().properties.0, []);
}

fn property_strings_are_utf8(t: &Trial) {
    let bad = || vec![b'a', 0xED, 0xA0, 0x80];
    let wrong = [
        (RESPONSE_TOPIC, Value::Text(bad())),
        (CONTENT_TYPE, Value::Text(bad())),
        (CONTENT_TYPE, Value::Text(b"a\0".to_vec())),
        (USER_PROPERTY, Value::Pair(bad(), Vec::new())),
        (USER_PROPERTY, Value::Pair(Vec::new(), bad())),
        (USER_PROPERTY, Value::Pair(b"\0".to_vec(), Vec::new())),
    ];
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    for (id, value) in wrong {
        t.client("a").offends(Publish::new("t", "x").with(id, value), 0x81, Cause::Malformed);
    }
    watcher.expect_silence();
}

fn a_response_topic_has_no_wildcard(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("t", 0);
    for topic in ["reply/+", "#"] {
        let mut a = t.client("a");
        a.send(Publish::new("t", "x").with(RESPONSE_TOPIC, topic));
        let crate::wire::Packet::Disconnect(end) = a.next() else { panic!("DISCONNECT") };
        assert!([0x81, 0x82, 0x90].contains(&end.code));
        a.expect_closed();
    }
    watcher.expect_silence();
}

fn a_payload_format_is_0_or_1(t: &Trial) {
    for value in [2_u8, 255] {
        t.client("a").offends(Publish::new("t", "x").with(PAYLOAD_FORMAT, value), 0x82, Cause::ProtocolError);
    }
}

fn a_payload_is_what_it_says(t: &Trial) {
    t.offers(|policy| policy.payload_format_check = true);
    let mut a = t.client("a");
    a.subscribe("t", 0);
    for qos in 1..=2 {
        assert_eq!(a.publish(Publish::new("t", [0xFF]).qos(qos).with(PAYLOAD_FORMAT, 1_u8)), 0x99);
    }
    a.publish(Publish::new("t", [0xFF]).with(PAYLOAD_FORMAT, 1_u8));
    a.expect_silence();
    assert_eq!(t.counters().publish_refused, 3);
    a.publish(Publish::new("t", "é").with(PAYLOAD_FORMAT, 1_u8));
    a.receives("t", "é");
}

fn a_client_sends_no_subscription_identifier(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    for identifier in [0, 1, 268_435_455] {
        let publish = Publish::new("t", "x").with(0x0B, Value::Variable(identifier));
        t.client("a").offends(publish, 0x82, Cause::ProtocolError);
    }
    watcher.expect_silence();
}

fn a_message_reaches_everyone_who_wants_it(t: &Trial) {
    let mut everyone: Vec<_> = (0..12).map(|n| t.connect(Connect::new(format!("client-{n}")).kept())).collect();
    for client in &mut everyone {
        client.subscribe("t/+", 1);
    }
    let away = everyone.split_off(6);
    away.into_iter().for_each(crate::client::Client::disconnect);
    t.client("publisher").publish(Publish::new("t/1", "x").qos(1));
    for client in &mut everyone {
        client.receives("t/1", "x");
        client.expect_silence();
    }
    for n in 6..12 {
        t.connect(Connect::new(format!("client-{n}")).kept()).receives("t/1", "x");
    }
}

fn any_payload_is_carried(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 1);
    let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    for payload in [Vec::new(), vec![0], vec![0xFF; 127], vec![0xC0; 16_384], bytes] {
        a.publish(Publish::new("t", &payload).qos(1));
        let message = b.take();
        b.acknowledge(&message);
        assert!(message.payload == payload, "{} bytes", payload.len());
    }
}

fn nobody_listening_may_be_told(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    for qos in 1..=2 {
        assert_eq!(a.publish(Publish::new("t", "x").qos(qos)), 0x10);
    }
    assert_eq!(t.counters().publish_unmatched, 2);
    for filter in ["t", "+", "$share/g/t"] {
        b.subscribe(filter, 0);
        assert_eq!(a.publish(Publish::new("t", "x").qos(1)), 0);
        b.unsubscribe(filter);
        assert_eq!(a.publish(Publish::new("t", "x").qos(1)), 0x10, "after {filter}");
    }
    b.subscribe("t", 0);
    b.vanish();
    assert_eq!(a.publish(Publish::new("t", "x").qos(1)), 0x10, "after the session");
}
