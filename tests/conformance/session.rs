//! Session State: what survives a connection, for how long, and whose it is.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{Properties, SESSION_EXPIRY};
use crate::wire::{Connect, Publish, Will, disconnect_with};

proofs! {
    clean_start_throws_the_old_session_away: "5:MQTT-3.1.2-4", "5:MQTT-3.1.4-4", "311:MQTT-3.1.2-6", "311:MQTT-3.1.4-3";
    a_kept_session_goes_on: "5:MQTT-3.1.2-5", "5:MQTT-3.1.2-23", "5:MQTT-3.1.4-4", "311:MQTT-3.1.2-4", "311:MQTT-3.1.2-5",
        "311:MQTT-4.1.0-1", "5:MQTT-4.5.0-1", "311:MQTT-4.5.0-1", "311:MQTT-3.1.4-3";
    resuming_nothing_makes_a_new_session: "5:MQTT-3.1.2-6";
    the_client_identifier_is_the_key: "5:MQTT-3.1.3-2", "311:MQTT-3.1.3-2";
    without_expiry_the_session_ends_with_the_connection: "5:MQTT-3.1.2-23";
    a_clean_session_is_never_used_again: "311:MQTT-3.1.2-6";
    a_session_expires: "5:MQTT-4.1.0-2", "5:MQTT-3.1.2-23";
    a_connected_session_does_not_expire: "5:MQTT-4.1.0-1", "311:MQTT-4.1.0-2";
    the_longest_expiry_never_ends: "rule:session-never-ends";
    disconnect_may_change_the_expiry: "rule:session-expiry-at-disconnect";
    expiry_cannot_be_raised_from_zero_at_disconnect: "error:DISCONNECT-3.14.2.2.2-1";
    the_same_client_takes_over: "5:MQTT-3.1.4-3", "311:MQTT-3.1.4-2";
    the_taken_over_session_goes_on: "5:MQTT-3.1.4-3";
    retained_messages_outlive_their_session: "311:MQTT-3.1.2-7", "rule:retained-is-not-session-state";
    a_message_at_qos_0_need_not_wait: "rule:offline-qos-0";
}

fn clean_start_throws_the_old_session_away(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 1);
    a.disconnect();
    let mut b = t.client("b");
    b.publish(Publish::new("t", "queued").qos(1));
    let mut a = t.connect(Connect::new("a").with(SESSION_EXPIRY, 3600_u32));
    assert!(!a.session_present());
    b.publish(Publish::new("t", "later").qos(1));
    a.expect_silence();
}

fn a_kept_session_goes_on(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t/+", 2);
    a.disconnect();
    let mut b = t.client("b");
    b.publish(Publish::new("t/1", "one").qos(1));
    b.publish(Publish::new("t/2", "two").qos(2));
    let mut a = t.connect(Connect::new("a").kept());
    assert!(a.session_present());
    assert_eq!(a.receives("t/1", "one").qos, 1);
    assert_eq!(a.receives("t/2", "two").qos, 2);
    b.publish(Publish::new("t/3", "three"));
    a.receives("t/3", "three");
    a.expect_silence();
}

fn resuming_nothing_makes_a_new_session(t: &Trial) {
    assert!(!t.connect(Connect::new("a").resuming()).session_present());
}

fn the_client_identifier_is_the_key(t: &Trial) {
    for name in ["a", "b"] {
        let mut client = t.connect(Connect::new(name).kept());
        client.subscribe(&format!("for/{name}"), 1);
        client.disconnect();
    }
    t.client("publisher").publish(Publish::new("for/a", "x").qos(1));
    assert!(!t.connect(Connect::new("A").kept()).session_present(), "case matters");
    let mut b = t.connect(Connect::new("b").kept());
    assert!(b.session_present());
    b.expect_silence();
    t.connect(Connect::new("a").kept()).receives("for/a", "x");
}

fn without_expiry_the_session_ends_with_the_connection(t: &Trial) {
    for connect in [Connect::new("a").resuming(), Connect::new("a").resuming().with(SESSION_EXPIRY, 0_u32)] {
        let mut a = t.connect(connect.clone());
        a.subscribe("t", 1);
        a.vanish();
        assert!(!t.connect(connect).session_present());
    }
}

fn a_clean_session_is_never_used_again(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 1);
    a.vanish();
    assert!(!t.connect(Connect::new("a").kept()).session_present());
}

fn a_session_expires(t: &Trial) {
    let connect = Connect::new("a").resuming().with(SESSION_EXPIRY, 10_u32);
    let mut a = t.connect(connect.clone());
    a.subscribe("t", 1);
    a.vanish();
    t.wait_ms(9_999);
    let a = t.connect(connect.clone());
    assert!(a.session_present(), "not before its time");
    a.vanish();
    t.client("b").publish(Publish::new("t", "queued").qos(1));
    t.wait_ms(10_000);
    let mut a = t.connect(connect);
    assert!(!a.session_present());
    a.expect_silence();
    assert_eq!(t.counters().sessions_expired, 1);
}

fn a_connected_session_does_not_expire(t: &Trial) {
    let mut a = t.connect(Connect::new("a").resuming().with(SESSION_EXPIRY, 1_u32));
    a.subscribe("t", 1);
    t.wait_s(100_000);
    t.client("b").publish(Publish::new("t", "x").qos(1));
    a.receives("t", "x");
}

fn the_longest_expiry_never_ends(t: &Trial) {
    t.offers(|policy| policy.session_expiry_max_s = u32::MAX);
    t.connect(Connect::new("a").resuming().with(SESSION_EXPIRY, u32::MAX)).vanish();
    t.wait_s(20 * 365 * 24 * 3600);
    assert!(t.connect(Connect::new("a").resuming()).session_present());
}

fn disconnect_may_change_the_expiry(t: &Trial) {
    let connect = Connect::new("a").resuming().with(SESSION_EXPIRY, 1000_u32);
    for (expiry_s, wait_s, is_present) in [(10_u32, 9, true), (10, 11, false), (0, 0, false), (5000, 2000, true)] {
        let mut a = t.connect(connect.clone());
        a.send(disconnect_with(0, &Properties::of(SESSION_EXPIRY, expiry_s)));
        a.expect_closed();
        t.wait_s(wait_s);
        let a = t.connect(connect.clone());
        assert_eq!(a.session_present(), is_present, "expiry {expiry_s} after {wait_s}");
        a.vanish();
    }
}

fn expiry_cannot_be_raised_from_zero_at_disconnect(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    let mut a = t.connect(Connect::new("a").will(Will::new("will", "gone")));
    a.offends(disconnect_with(0, &Properties::of(SESSION_EXPIRY, 10_u32)), 0x82, Cause::ProtocolError);
    watcher.receives("will", "gone");
    assert!(!t.connect(Connect::new("a").resuming()).session_present());
}

fn the_same_client_takes_over(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    let mut old = t.connect(Connect::new("a").will(Will::new("will", "old")));
    let mut new = t.client("a");
    old.expect_ended(0x8E);
    watcher.receives("will", "old");
    new.expect_alive();
    assert_eq!(t.ended_by(Cause::TakenOver), 1);
}

fn the_taken_over_session_goes_on(t: &Trial) {
    let mut old = t.connect(Connect::new("a").kept());
    old.subscribe("t", 2);
    let mut b = t.client("b");
    b.publish(Publish::new("t", "open").qos(2));
    let first = old.take();
    let mut new = t.connect(Connect::new("a").kept());
    old.expect_ended(0x8E);
    assert!(new.session_present());
    let again = new.receives("t", "open");
    assert!(again.dup && again.id == first.id);
    b.publish(Publish::new("t", "later"));
    new.receives("t", "later");
    assert!(!t.connect(Connect::new("a")).session_present(), "clean start is applied after the takeover");
    new.expect_ended(0x8E);
}

fn retained_messages_outlive_their_session(t: &Trial) {
    let mut a = t.client("a");
    a.publish(Publish::new("t", "kept").qos(1).retained());
    a.disconnect();
    t.client("a").disconnect();
    let mut b = t.client("b");
    b.subscribe("t", 1);
    assert!(b.receives("t", "kept").retain);
}

fn a_message_at_qos_0_need_not_wait(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    a.disconnect();
    let mut b = t.client("b");
    b.publish(Publish::new("t", "lost"));
    b.publish(Publish::new("t", "kept").qos(1));
    let mut a = t.connect(Connect::new("a").kept());
    a.receives("t", "kept");
    a.expect_silence();
    assert_eq!(t.counters().dropped_offline, 1, "the drop is counted");
}
