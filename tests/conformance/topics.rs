//! Topic names and filters: which are valid, and what matches what.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::{Connect, Publish, Subscribe, Unsubscribe, properties::SESSION_EXPIRY};

proofs! {
    filters_match_level_by_level: "rule:matching", "5:MQTT-3.3.2-3", "311:MQTT-3.3.2-3";
    comparison_is_byte_by_byte: "5:MQTT-4.7.3-4", "311:MQTT-4.7.3-4";
    a_byte_order_mark_is_a_character: "5:MQTT-1.5.4-3", "311:MQTT-1.5.3-3";
    control_characters_are_accepted_everywhere: "error:any-1.5.4-1";
    dollar_topics_hide_from_leading_wildcards: "5:MQTT-4.7.2-1", "311:MQTT-4.7.2-1";
    the_servers_own_topics_are_published: "rule:sys-topics", "5:MQTT-4.7.2-1", "311:MQTT-4.7.2-1";
    a_misplaced_hash_is_refused: "5:MQTT-4.7.1-1", "311:MQTT-4.7.1-2";
    a_misplaced_plus_is_refused: "5:MQTT-4.7.1-2", "311:MQTT-4.7.1-3";
    an_empty_filter_is_refused: "5:MQTT-4.7.3-1", "311:MQTT-4.7.3-1";
    u_0000_is_refused: "5:MQTT-4.7.3-2", "311:MQTT-4.7.3-2", "5:MQTT-1.5.4-2", "311:MQTT-1.5.3-2";
    the_longest_topic_works: "5:MQTT-4.7.3-3", "311:MQTT-4.7.3-3";
}

/// Whether a subscription to `filter` gets what is published to `topic`.
fn is_matched(t: &Trial, filter: &str, topic: &str) -> bool {
    let mut a = t.client("a");
    assert_eq!(a.subscribe(filter, 0), 0, "{filter} is granted");
    a.publish(Publish::new(topic, "x"));
    a.poll().is_some()
}

fn filters_match_level_by_level(t: &Trial) {
    let table = [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/tennis/player1/#", "sport/tennis/player2", false),
        ("sport/#", "sport", true),
        ("sport/#", "sports", false),
        ("#", "a/b/c", true),
        ("#", "/", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("+", "finance", true),
        ("+/tennis/#", "sport/tennis", true),
        ("+/tennis/#", "/tennis/x", true),
        ("a/+/c", "a//c", true),
        ("a/+/c", "a/b/b/c", false),
        ("/", "/", true),
        ("a//b", "a/b", false),
        ("a/", "a", false),
        ("+/+/+", "//", true),
        ("a/b", "a/b/c", false),
    ];
    for (filter, topic, expected) in table {
        assert_eq!(is_matched(t, filter, topic), expected, "{filter} and {topic}");
    }
}

fn comparison_is_byte_by_byte(t: &Trial) {
    let distinct = ["a", "A", "a ", " a", "a/", "/a", "a//b", "a/b", "\u{E9}", "e\u{301}", "ａ"];
    for filter in distinct {
        for topic in distinct {
            assert_eq!(is_matched(t, filter, topic), filter == topic, "{filter:?} and {topic:?}");
        }
    }
}

fn a_byte_order_mark_is_a_character(t: &Trial) {
    for with_mark in ["\u{FEFF}a", "a\u{FEFF}", "a/\u{FEFF}"] {
        let mut a = t.client("a");
        a.subscribe(with_mark, 0);
        a.publish(Publish::new(with_mark, "x"));
        assert_eq!(a.take().topic, with_mark);
        a.publish(Publish::new(with_mark.replace('\u{FEFF}', ""), "x"));
        a.expect_silence();
    }
}

fn control_characters_are_accepted_everywhere(t: &Trial) {
    let odd = "\u{1}\u{1F}\u{7F}\u{9F}\u{FFFF}\u{FDD0}";
    let mut a = t.connect(Connect::new(odd).user_name(odd).will(crate::wire::Will::new(odd, "x")));
    a.subscribe(odd, 0);
    a.publish(Publish::new(odd, "x").with(crate::wire::properties::CONTENT_TYPE, odd));
    let message = a.receives(odd, "x");
    assert_eq!(message.properties.text(crate::wire::properties::CONTENT_TYPE).as_deref(), Some(odd));
}

fn dollar_topics_hide_from_leading_wildcards(t: &Trial) {
    t.offers(|policy| policy.dollar_topics_allowed = true);
    let table = [
        ("#", "$edge/x", false),
        ("+/x", "$edge/x", false),
        ("+/#", "$edge/x", false),
        ("+", "$edge", false),
        ("$edge/#", "$edge/x", true),
        ("$edge/+", "$edge/x", true),
        ("$edge/x", "$edge/x", true),
        ("$edge/#", "$edge", true),
        ("a/#", "a/$edge", true),
        ("a/+", "a/$edge", true),
        ("$EDGE/x", "$edge/x", false),
    ];
    for (filter, topic, expected) in table {
        assert_eq!(is_matched(t, filter, topic), expected, "{filter} and {topic}");
    }
}

fn the_servers_own_topics_are_published(t: &Trial) {
    t.set_up(|setup| setup.broker.sys_interval_s = 10);
    let mut hidden = t.client("hidden");
    hidden.request(Subscribe::to("#", 0).and("+/broker/version", 0));
    let mut a = t.client("a");
    a.subscribe("$SYS/broker/version", 0);
    a.subscribe("$SYS/+/uptime", 0);
    t.wait_s(10);
    let mut topics = [a.take().topic, a.take().topic];
    topics.sort();
    assert_eq!(topics, ["$SYS/broker/uptime", "$SYS/broker/version"]);
    hidden.expect_silence();
    let mut late = t.connect(Connect::new("late").with(SESSION_EXPIRY, 0_u32));
    late.subscribe("$SYS/#", 0);
    let mut count = 0;
    while let Some(crate::wire::Packet::Publish(message)) = late.poll() {
        assert!(message.topic.starts_with("$SYS/broker/") && message.retain);
        count += 1;
    }
    assert!(count > 20, "{count}");
    assert_eq!(t.counters().publish_unmatched, 0, "these are nobody's publishes");
}

/// What is no filter ends the connection in 5.0, is refused in SUBACK before; nothing is matched by it. In UNSUBSCRIBE it
/// ends the connection, as UNSUBACK could not say so before 5.0.
fn expect_filters_refused(t: &Trial, filters: &[&str]) {
    for filter in filters {
        let subscribe = Subscribe::to("x", 0).and(filter, 0).id(1);
        if t.is_v5() {
            t.client("a").offends(subscribe, 0x81, Cause::Malformed);
        } else {
            assert_eq!(t.client("a").subscribe(filter, 0), 0x80, "{filter}");
        }
        let unsubscribe = Unsubscribe::from(&["x", filter]).id(2);
        t.client("a").offends(unsubscribe, 0x81, Cause::Malformed);
    }
    assert_eq!(t.counters().subscriptions, 0);
    let mut a = t.client("a");
    for topic in ["a", "a/b", "b/a", "a/b/c", "/", "x"] {
        a.publish(Publish::new(topic, "x"));
    }
    a.expect_silence();
}

fn a_misplaced_hash_is_refused(t: &Trial) {
    expect_filters_refused(t, &["a#", "a/#/b", "#/a", "a/b#", "##", "#/", "#/#", "+#", "a/#b"]);
}

fn a_misplaced_plus_is_refused(t: &Trial) {
    expect_filters_refused(t, &["a+", "+a", "a/+b", "a/b+/c", "++", "+/a+"]);
}

fn an_empty_filter_is_refused(t: &Trial) {
    expect_filters_refused(t, &[""]);
}

fn u_0000_is_refused(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    t.client("a").offends(Publish::new("a\0b", "x"), 0x81, Cause::Malformed);
    t.client("a").offends(Subscribe::to("a\0b", 0).id(1), 0x81, Cause::Malformed);
    t.client("a").offends(Unsubscribe::from(&["a\0b"]).id(1), 0x81, Cause::Malformed);
    watcher.expect_silence();
}

fn the_longest_topic_works(t: &Trial) {
    // Operators get less unless they ask for it.
    t.limits(|limits| limits.topic_bytes_max = 65_535);
    let topic = "x".repeat(65_535);
    let mut a = t.client("a");
    assert_eq!(a.subscribe(&topic, 1), 1);
    assert_eq!(a.publish(Publish::new(&topic, "x").qos(1)), 0);
    a.receives(&topic, "x");
    let deep = ["x"; 128].join("/");
    assert_eq!(a.subscribe(&deep, 1), 1);
    a.publish(Publish::new(&deep, "deep").qos(1));
    a.receives(&deep, "deep");
}
