//! Message expiry: how long a message may wait, and what of that is passed on.

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{MESSAGE_EXPIRY, RECEIVE_MAXIMUM};
use crate::wire::{Connect, Publish, Version};

proofs! {
    a_message_expires_while_its_receiver_is_away: "5:MQTT-3.3.2-5";
    a_message_expires_while_the_quota_is_used_up: "5:MQTT-3.3.2-5";
    a_retained_message_expires: "5:MQTT-3.3.2-5";
    the_waiting_time_is_taken_off: "5:MQTT-3.3.2-6";
    the_waiting_time_of_a_retained_message_is_taken_off: "5:MQTT-3.3.2-6";
    expiry_holds_for_receivers_of_any_version: "rule:crossing-expiry";
    an_interval_of_0_reaches_who_is_there: "5:MQTT-3.3.2-5";
    a_message_without_expiry_waits: "rule:no-expiry-waits";
}

fn keeper() -> Connect {
    Connect::new("keeper").kept()
}

fn expiring(text: &str, seconds: u32) -> Publish {
    Publish::new("t", text).qos(1).with(MESSAGE_EXPIRY, seconds)
}

/// A session that is away and wants `t`.
fn someone_away(t: &Trial) {
    let mut a = t.connect(keeper());
    a.subscribe("t", 2);
    a.disconnect();
}

fn a_message_expires_while_its_receiver_is_away(t: &Trial) {
    someone_away(t);
    let mut b = t.client("b");
    for (text, seconds) in [("at once", 0), ("soon", 1), ("in time", 3), ("later", 100)] {
        b.publish(expiring(text, seconds));
    }
    t.wait_s(2);
    assert_eq!(t.connect(keeper()).take_texts(), ["in time", "later"]);
    assert_eq!(t.counters().dropped_expired, 2);
}

fn a_message_expires_while_the_quota_is_used_up(t: &Trial) {
    let mut a = t.connect(keeper().with(RECEIVE_MAXIMUM, 1_u16));
    a.subscribe("t", 1);
    let mut b = t.client("b");
    for (text, seconds) in [("sent", 1), ("waits", 1), ("stays", 10)] {
        b.publish(expiring(text, seconds));
    }
    let sent = a.take();
    t.wait_s(2);
    a.acknowledge(&sent);
    assert_eq!(a.take_texts(), ["stays"]);
}

fn a_retained_message_expires(t: &Trial) {
    let mut b = t.client("b");
    b.publish(expiring("x", 10).retained());
    t.wait_ms(9_999);
    let mut early = t.client("early");
    early.subscribe("t", 1);
    early.receives("t", "x");
    t.wait_ms(1);
    let mut late = t.client("late");
    late.subscribe("t", 1);
    late.subscribe("#", 1);
    late.expect_silence();
    t.wait_s(100);
    assert_eq!((t.counters().retained, t.counters().retained_bytes), (0, 0), "it takes no room any more");
}

fn the_waiting_time_is_taken_off(t: &Trial) {
    let mut live = t.client("live");
    live.subscribe("t", 0);
    someone_away(t);
    let mut b = t.client("b");
    for (seconds, wait_ms, left) in [(10, 3_000, 7), (10, 3_999, 7), (u32::MAX, 5_000, u32::MAX - 5)] {
        b.publish(expiring("x", seconds));
        assert_eq!(live.receives("t", "x").properties.number(MESSAGE_EXPIRY), Some(seconds));
        t.wait_ms(wait_ms);
        let mut a = t.connect(keeper());
        assert_eq!(a.receives("t", "x").properties.number(MESSAGE_EXPIRY), Some(left));
        a.disconnect();
    }
}

fn the_waiting_time_of_a_retained_message_is_taken_off(t: &Trial) {
    t.client("b").publish(expiring("x", 100).retained());
    for left in [100, 90, 80] {
        let mut a = t.client("a");
        a.subscribe("t", 1);
        assert_eq!(a.receives("t", "x").properties.number(MESSAGE_EXPIRY), Some(left));
        t.wait_s(10);
    }
}

fn expiry_holds_for_receivers_of_any_version(t: &Trial) {
    for version in [Version::V31, Version::V311] {
        let mut a = t.connect_of(version, keeper());
        a.subscribe("t", 1);
        a.disconnect();
        let mut b = t.client("b");
        b.publish(expiring("gone", 1));
        b.publish(expiring("there", 10));
        t.wait_s(2);
        let mut a = t.connect_of(version, keeper());
        a.receives("t", "there");
        a.expect_silence();
        a.unsubscribe("t");
    }
}

fn a_message_without_expiry_waits(t: &Trial) {
    someone_away(t);
    t.client("b").publish(Publish::new("t", "x").qos(1));
    t.wait_s(3_000);
    assert!(!t.connect(keeper()).receives("t", "x").properties.has(MESSAGE_EXPIRY));
}

fn an_interval_of_0_reaches_who_is_there(t: &Trial) {
    let mut publisher = t.client("publisher");
    let mut receivers: Vec<_> = (0..6).map(|n| t.client(&format!("receiver {n}"))).collect();
    for receiver in &mut receivers {
        receiver.subscribe("t", 1);
    }
    publisher.publish(expiring("now", 0));
    for receiver in &mut receivers {
        assert_eq!(receiver.take_texts(), ["now"]);
    }
}
