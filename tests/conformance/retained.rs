//! Retained messages: what is stored, what erases it, and who gets it when.

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::outgoing::{RETAIN_AS_PUBLISHED, RETAIN_IF_NEW, RETAIN_NEVER};
use crate::wire::{Connect, Encode, Packet, Publish, Subscribe, Unsubscribe, Version};

proofs! {
    the_newest_replaces_the_older: "5:MQTT-3.3.1-5", "311:MQTT-3.3.1-5", "311:MQTT-3.3.1-6", "311:MQTT-3.3.1-7";
    a_new_subscription_gets_every_matching_topic: "311:MQTT-3.3.1-6", "5:MQTT-3.3.1-9";
    an_empty_payload_erases: "5:MQTT-3.3.1-6", "5:MQTT-3.3.1-7", "311:MQTT-3.3.1-10", "311:MQTT-3.3.1-11";
    retain_0_touches_nothing: "5:MQTT-3.3.1-8", "311:MQTT-3.3.1-12";
    retain_is_set_for_new_subscriptions_only: "311:MQTT-3.3.1-8", "311:MQTT-3.3.1-9", "5:MQTT-3.3.1-12";
    retain_as_published_keeps_the_bit: "5:MQTT-3.3.1-13";
    retain_as_published_keeps_the_bit_of_a_waiting_message: "5:MQTT-3.3.1-13", "5:MQTT-3.3.1-12";
    handling_0_sends_at_each_subscribe: "5:MQTT-3.3.1-9", "311:MQTT-3.8.4-3", "5:MQTT-3.8.4-4";
    handling_1_sends_to_new_subscriptions: "5:MQTT-3.3.1-10";
    handling_2_sends_nothing: "5:MQTT-3.3.1-11";
    many_retained_messages_arrive_within_the_quota: "rule:retained-within-quota", "311:MQTT-3.3.1-6";
    a_retained_message_never_follows_one_that_replaces_it: "rule:retained-not-stale", "5:MQTT-4.6.0-6";
    a_read_that_was_given_up_leaves_nothing_to_the_next: "5:MQTT-3.3.1-9", "311:MQTT-3.3.1-6";
    a_retained_message_that_is_not_kept_leaves_no_older_one: "5:MQTT-3.3.1-5", "311:MQTT-3.3.1-5";
    a_search_that_takes_long_goes_on_after_a_pause: "5:MQTT-3.3.1-9", "311:MQTT-3.3.1-6";
    retained_messages_have_the_lower_qos: "311:MQTT-3.3.1-5", "5:MQTT-3.8.4-8";
    dollar_topics_are_found_by_name_alone: "rule:retained-dollar", "5:MQTT-4.7.2-1";
}

fn the_newest_replaces_the_older(t: &Trial) {
    let mut a = t.client("a");
    for (text, qos) in [("old", 1), ("older", 2), ("new", 0)] {
        a.publish(Publish::new("t", text).qos(qos).retained());
    }
    let mut b = t.client("b");
    b.subscribe("t", 2);
    assert!(b.receives("t", "new").retain);
    b.expect_silence();
    assert_eq!(t.counters().retained, 1);
}

fn a_new_subscription_gets_every_matching_topic(t: &Trial) {
    let mut a = t.client("a");
    let topics = ["s/1", "s/2", "s", "s/2/3", "other", "/s"];
    for topic in topics {
        a.publish(Publish::new(topic, topic).qos(1).retained());
    }
    let wanted: [(&str, &[&str]); 5] = [
        ("s/#", &["s", "s/1", "s/2", "s/2/3"]),
        ("s/+", &["s/1", "s/2"]),
        ("+", &["other", "s"]),
        ("+/s", &["/s"]),
        ("s/2", &["s/2"]),
    ];
    for (filter, expected) in wanted {
        let mut b = t.client("b");
        b.subscribe(filter, 1);
        let mut got = b.take_texts();
        got.sort();
        assert_eq!(got, expected, "{filter}");
    }
}

fn an_empty_payload_erases(t: &Trial) {
    let (mut a, mut live) = (t.client("a"), t.client("live"));
    a.publish(Publish::new("t", "x").qos(1).retained());
    live.subscribe("t", 1);
    live.receives("t", "x");
    a.publish(Publish::new("t", "").qos(1).retained());
    live.receives("t", "");
    let mut late = t.client("late");
    late.subscribe("#", 1);
    late.expect_silence();
    a.publish(Publish::new("never", "").qos(1).retained());
    late.receives("never", "");
    assert_eq!((t.counters().retained, t.counters().retained_bytes), (0, 0));
}

fn retain_0_touches_nothing(t: &Trial) {
    let mut a = t.client("a");
    a.publish(Publish::new("t", "kept").qos(1).retained());
    a.publish(Publish::new("t", "passing").qos(1));
    a.publish(Publish::new("t", "").qos(2));
    a.publish(Publish::new("never", "passing"));
    let mut b = t.client("b");
    b.subscribe("#", 1);
    assert_eq!(b.take_texts(), ["kept"]);
}

fn retain_is_set_for_new_subscriptions_only(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 1);
    for qos in 0..=1 {
        a.publish(Publish::new("t", "x").qos(qos).retained());
        assert!(!b.receives("t", "x").retain, "an established subscription");
    }
    b.subscribe("+", 1);
    assert!(b.receives("t", "x").retain, "a new one");
}

fn retain_as_published_keeps_the_bit(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2 | RETAIN_AS_PUBLISHED);
    for qos in 0..=2 {
        a.publish(Publish::new("t", "x").qos(qos).retained());
        assert!(b.receives("t", "x").retain);
        a.publish(Publish::new("t", "y").qos(qos));
        assert!(!b.receives("t", "y").retain);
    }
    a.publish(Publish::new("t", "").retained());
    assert!(b.receives("t", "").retain);
}

fn retain_as_published_keeps_the_bit_of_a_waiting_message(t: &Trial) {
    for (options, is_kept) in [(1, false), (1 | RETAIN_AS_PUBLISHED, true)] {
        let mut b = t.connect(Connect::new("b").kept());
        b.subscribe("t", options | RETAIN_NEVER);
        b.disconnect();
        t.client("a").publish(Publish::new("t", "x").qos(1).retained());
        assert_eq!(t.connect(Connect::new("b").kept()).receives("t", "x").retain, is_kept);
    }
}

fn handling_0_sends_at_each_subscribe(t: &Trial) {
    t.client("a").publish(Publish::new("t", "x").qos(1).retained());
    let mut b = t.client("b");
    for _ in 0..3 {
        b.subscribe("t", 1);
        assert!(b.receives("t", "x").retain);
        b.expect_silence();
    }
}

fn handling_1_sends_to_new_subscriptions(t: &Trial) {
    t.client("a").publish(Publish::new("t", "x").qos(1).retained());
    let mut b = t.connect(Connect::new("b").kept());
    b.subscribe("t", 1 | RETAIN_IF_NEW);
    b.receives("t", "x");
    b.subscribe("t", 2 | RETAIN_IF_NEW);
    b.expect_silence();
    b.vanish();
    let mut b = t.connect(Connect::new("b").kept());
    b.subscribe("t", 1 | RETAIN_IF_NEW);
    b.expect_silence();
    b.unsubscribe("t");
    b.subscribe("t", 1 | RETAIN_IF_NEW);
    b.receives("t", "x");
}

fn handling_2_sends_nothing(t: &Trial) {
    let mut a = t.client("a");
    a.publish(Publish::new("t", "x").qos(1).retained());
    let mut b = t.client("b");
    b.subscribe("t", 1 | RETAIN_NEVER);
    b.subscribe("+", 1 | RETAIN_NEVER);
    b.expect_silence();
    a.publish(Publish::new("t", "live").qos(1).retained());
    b.receives("t", "live");
}

fn many_retained_messages_arrive_within_the_quota(t: &Trial) {
    let mut a = t.client("a");
    for n in 0..700 {
        a.publish(Publish::new(format!("many/{n:03}"), format!("{n:03}")).qos(1).retained());
    }
    let connect = Connect::new("b").with(crate::wire::properties::RECEIVE_MAXIMUM, 3_u16);
    let mut b = t.connect(connect);
    b.request(Subscribe::to("many/#", 1).and("many/000", 0));
    let mut got = b.take_texts();
    got.sort();
    let wanted: Vec<String> = ["000"].into_iter().map(String::from).chain((0..700).map(|n| format!("{n:03}"))).collect();
    assert_eq!(got, wanted);
    b.expect_silence();
}

fn a_retained_message_never_follows_one_that_replaces_it(t: &Trial) {
    let mut a = t.client("a");
    for topic in ["s/0", "s/1", "s/2", "s/3", "s/4"] {
        a.publish(Publish::new(topic, "old").qos(1).retained());
    }
    // The window lets one message through, so that the others wait.
    let mut b = t.connect(Connect::new("b").with(crate::wire::properties::RECEIVE_MAXIMUM, 1_u16));
    b.subscribe("s/+", 1);
    let first = b.take();
    for topic in ["s/0", "s/1", "s/2", "s/3", "s/4"] {
        let text = if topic == "s/3" { "" } else { "new" };
        a.publish(Publish::new(topic, text).qos(1).retained());
    }
    b.acknowledge(&first);
    let mut last = std::collections::BTreeMap::from([(first.topic.clone(), first.text().to_string())]);
    while let Some(packet) = b.poll() {
        let Packet::Publish(message) = packet else { panic!("b receives {packet:?}") };
        b.acknowledge(&message);
        last.insert(message.topic.clone(), message.text().to_string());
    }
    let last: Vec<_> = last.into_values().collect();
    assert_eq!(last, ["new", "new", "new", "", "new"]);
}

fn retained_messages_have_the_lower_qos(t: &Trial) {
    let mut a = t.client("a");
    for stored in 0..=2_u8 {
        a.publish(Publish::new("t", "x").qos(stored).retained());
        for granted in 0..=2 {
            let mut b = t.client("b");
            b.subscribe("t", granted);
            let message = b.receives("t", "x");
            assert_eq!((message.qos, message.retain, message.dup), (stored.min(granted), true, false));
        }
    }
}

fn dollar_topics_are_found_by_name_alone(t: &Trial) {
    t.offers(|policy| policy.dollar_topics_allowed = true);
    t.client("a").publish(Publish::new("$edge/x", "hidden").qos(1).retained());
    for (filter, is_found) in [("#", false), ("+/x", false), ("$edge/#", true), ("$edge/+", true), ("$edge/x", true)] {
        let mut b = t.client("b");
        b.subscribe(filter, 1);
        assert_eq!(b.poll().is_some(), is_found, "{filter}");
    }
}

/// Unsubscribed in the same piece as it was subscribed, while other shards still look for it.
fn a_read_that_was_given_up_leaves_nothing_to_the_next(t: &Trial) {
    let mut a = t.client("a");
    for n in 0..6 {
        for topic in ["old", "new"] {
            a.publish(Publish::new(format!("{topic}/{n}"), format!("{topic} {n}")).qos(1).retained());
        }
    }
    let everywhere: Vec<_> = (0..12).map(|n| t.client_of(Version::V5, &format!("everywhere {n}"))).collect();
    for mut client in everywhere {
        client.request(Subscribe::to("old/#", 1 | RETAIN_NEVER).and("new/#", 1 | RETAIN_NEVER).and("none", 0));
    }
    for n in 0..6 {
        let mut b = t.client(&format!("b {n}"));
        let version = t.version();
        let packets = [
            Subscribe::to("old/#", 1).id(1).encode(version),
            Unsubscribe::from(&["old/#"]).id(2).encode(version),
            Subscribe::to("none", 1).id(3).encode(version),
            Subscribe::to("new/#", 1).id(4).encode(version),
        ];
        b.send(packets.concat());
        let mut got = Vec::new();
        while let Some(packet) = b.poll() {
            if let Packet::Publish(message) = packet {
                b.acknowledge(&message);
                got.push((message.topic.clone(), message.text().to_owned()));
            }
        }
        // With one shard it is read before it is unsubscribed.
        got.retain(|(topic, _)| topic.starts_with("new"));
        got.sort();
        let wanted: Vec<_> = (0..6).map(|n| (format!("new/{n}"), format!("new {n}"))).collect();
        assert_eq!(got, wanted);
    }
}

fn a_retained_message_that_is_not_kept_leaves_no_older_one(t: &Trial) {
    t.limits(|limits| limits.retained_bytes_max = 1000);
    let mut a = t.client("a");
    a.publish(Publish::new("t", "old").qos(1).retained());
    a.publish(Publish::new("t", "new".repeat(1000)).qos(1).retained());
    t.client("b").subscribe("t", 1);
    let mut b = t.client("b");
    b.subscribe("t", 1);
    b.expect_silence();
    assert_eq!((t.counters().retained, t.counters().dropped_retained), (0, 1));
}

/// Three hundred filters that match nothing over a thousand topics, and one that matches them all.
fn a_search_that_takes_long_goes_on_after_a_pause(t: &Trial) {
    t.set_up(|setup| setup.shard_count = 1);
    let mut a = t.client("a");
    for n in 0..1000 {
        a.publish(Publish::new(format!("many/{n:04}"), "x").retained());
    }
    let nothing = (0..300).fold(Subscribe::to("+/none", 0), |all, n| all.and(format!("+/none{n}"), 0));
    let mut b = t.client("b");
    b.request(nothing.and("many/+", 0));
    b.expect_silence();
    t.wait_s(1);
    assert_eq!(b.take_texts().len(), 1000);
}
