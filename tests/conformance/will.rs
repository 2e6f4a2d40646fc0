//! The will: when it goes out, when it does not, and that it is a message like any other.

use ringmq_broker::cause::Cause;
use ringmq_tests::simulator::wire::ClientEnd;

use crate::client::Client;
use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{
    CONTENT_TYPE, CORRELATION_DATA, MESSAGE_EXPIRY, PAYLOAD_FORMAT, Properties, RESPONSE_TOPIC, SESSION_EXPIRY,
    USER_PROPERTY, WILL_DELAY,
};
use crate::wire::{Connect, PINGREQ, Will, disconnect_with};

proofs! {
    a_lost_connection_publishes_the_will: "5:MQTT-3.1.2-7", "5:MQTT-3.1.2-8", "311:MQTT-3.1.2-8";
    silence_publishes_the_will: "5:MQTT-3.1.2-22", "311:MQTT-3.1.2-8", "311:MQTT-3.1.2-24";
    a_violation_publishes_the_will: "5:MQTT-3.1.2-8", "311:MQTT-3.1.2-8";
    a_normal_disconnect_removes_the_will: "5:MQTT-3.1.2-8", "5:MQTT-3.14.4-3", "311:MQTT-3.1.2-8", "311:MQTT-3.14.4-3",
        "5:MQTT-3.1.2-10", "311:MQTT-3.1.2-10";
    without_will_flag_no_will: "311:MQTT-3.1.2-12";
    a_will_goes_out_once: "5:MQTT-3.1.2-10", "311:MQTT-3.1.2-10";
    disconnect_with_will_publishes_it: "5:MQTT-3.1.2-8", "error:DISCONNECT-3.14.2.1-1";
    disconnect_with_an_error_publishes_it: "5:MQTT-3.1.2-8", "error:DISCONNECT-3.14.2.1-2";
    the_will_waits_for_its_delay: "5:MQTT-3.1.2-8";
    the_end_of_the_session_cuts_the_delay_short: "5:MQTT-3.1.2-8";
    clean_start_ends_the_session_and_its_delay: "rule:will-at-clean-start";
    a_reconnect_in_time_cancels_the_will: "5:MQTT-3.1.3-9", "5:MQTT-3.1.2-8";
    a_plain_will_is_not_retained: "5:MQTT-3.1.2-14", "311:MQTT-3.1.2-16";
    a_retained_will_is_retained: "5:MQTT-3.1.2-15", "311:MQTT-3.1.2-17";
    the_will_has_its_qos: "rule:will-qos", "311:MQTT-3.1.2-8";
    will_properties_are_passed_on_in_order: "5:MQTT-3.1.3-10";
    the_expiry_of_a_will_begins_when_it_is_published: "rule:will-expiry";
    the_will_of_a_taken_over_connection_follows_its_rules: "rule:will-at-takeover";
    a_will_for_the_server_is_refused: "error:CONNECT-3.2.2.2-1";
    a_will_for_a_shared_group_goes_to_a_member_that_is_there: "rule:shared-one-member", "5:MQTT-3.1.2-8";
    a_stop_publishes_no_will: "rule:will-at-stop", "311:MQTT-3.1.2-8";
    a_will_payload_is_what_it_says: "error:CONNECT-3.1.3.2.3-1";
}

fn watcher(t: &Trial) -> Client {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 2);
    watcher
}

fn with_will() -> Connect {
    Connect::new("a").will(Will::new("will", "gone"))
}

/// A will with a delay, on a session that lasts.
fn with_delay(delay_s: u32, expiry_s: u32) -> Connect {
    let will = Will::new("will", "gone").with(WILL_DELAY, delay_s);
    Connect::new("a").resuming().with(SESSION_EXPIRY, expiry_s).will(will)
}

fn a_lost_connection_publishes_the_will(t: &Trial) {
    let mut watcher = watcher(t);
    for how in [ClientEnd::Finished, ClientEnd::Reset] {
        let a = t.connect(with_will());
        watcher.expect_silence();
        a.end(how);
        assert!(!watcher.receives("will", "gone").retain);
    }
    assert_eq!((t.ended_by(Cause::ConnectionLost), t.ended_by(Cause::ConnectionReset)), (1, 1));
    assert_eq!(t.counters().wills_published, 2);
}

fn silence_publishes_the_will(t: &Trial) {
    let mut watcher = watcher(t);
    let a = t.connect(with_will().keep_alive(2));
    a.end(ClientEnd::Vanished);
    t.wait_ms(2_999);
    watcher.expect_silence();
    t.wait_ms(1);
    watcher.receives("will", "gone");
}

fn a_violation_publishes_the_will(t: &Trial) {
    let mut watcher = watcher(t);
    t.connect(with_will()).offends([0xC1, 0], 0x81, Cause::Malformed);
    watcher.receives("will", "gone");
}

fn a_normal_disconnect_removes_the_will(t: &Trial) {
    let mut watcher = watcher(t);
    t.connect(with_will()).disconnect();
    if t.is_v5() {
        let mut a = t.connect(with_delay(5, 100));
        a.send(disconnect_with(0, &Properties::none()));
        a.expect_closed();
    }
    t.wait_s(1000);
    watcher.expect_silence();
}

fn without_will_flag_no_will(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    t.client("a").vanish();
    t.wait_s(1000);
    watcher.expect_silence();
}

fn a_will_goes_out_once(t: &Trial) {
    let mut watcher = watcher(t);
    t.connect(with_will().kept()).vanish();
    watcher.receives("will", "gone");
    t.connect(Connect::new("a").kept()).vanish();
    t.connect(Connect::new("a")).vanish();
    t.wait_s(10_000);
    watcher.expect_silence();
}

fn disconnect_with_will_publishes_it(t: &Trial) {
    let mut watcher = watcher(t);
    let mut a = t.connect(with_will());
    a.send(disconnect_with(0x04, &Properties::none()));
    a.expect_closed();
    watcher.receives("will", "gone");
    assert_eq!(t.ended_by(Cause::ClientDisconnectWithWill), 1);
}

fn disconnect_with_an_error_publishes_it(t: &Trial) {
    let mut watcher = watcher(t);
    for code in [0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99] {
        let mut a = t.connect(with_will());
        a.send(disconnect_with(code, &Properties::none()));
        a.expect_closed();
        watcher.receives("will", "gone");
    }
    assert_eq!(t.ended_by(Cause::ClientError), 12);
}

fn the_will_waits_for_its_delay(t: &Trial) {
    let mut watcher = watcher(t);
    t.connect(with_delay(5, 100)).vanish();
    t.wait_ms(4_999);
    watcher.expect_silence();
    t.wait_ms(1);
    watcher.receives("will", "gone");
    t.wait_s(1000);
    watcher.expect_silence();
}

fn the_end_of_the_session_cuts_the_delay_short(t: &Trial) {
    let mut watcher = watcher(t);
    t.connect(with_delay(50, 3)).vanish();
    t.wait_ms(2_999);
    watcher.expect_silence();
    t.wait_ms(1);
    watcher.receives("will", "gone");
    t.connect(with_delay(50, 0)).vanish();
    watcher.receives("will", "gone");
    t.wait_s(1000);
    watcher.expect_silence();
}

fn clean_start_ends_the_session_and_its_delay(t: &Trial) {
    let mut watcher = watcher(t);
    t.connect(with_delay(50, 100)).vanish();
    watcher.expect_silence();
    t.connect(Connect::new("a")).expect_alive();
    watcher.receives("will", "gone");
}

fn a_reconnect_in_time_cancels_the_will(t: &Trial) {
    let mut watcher = watcher(t);
    t.connect(with_delay(3, 100)).vanish();
    t.wait_ms(2_999);
    let mut back = t.connect(Connect::new("a").resuming().with(SESSION_EXPIRY, 100_u32));
    assert!(back.session_present());
    t.wait_s(10);
    watcher.expect_silence();
    back.send(PINGREQ);
    back.vanish();
    t.wait_s(1000);
    watcher.expect_silence();
}

fn a_plain_will_is_not_retained(t: &Trial) {
    t.connect(with_will()).vanish();
    watcher(t).expect_silence();
}

fn a_retained_will_is_retained(t: &Trial) {
    t.connect(Connect::new("a").will(Will::new("will", "gone").retained().qos(1))).vanish();
    let message = watcher(t).receives("will", "gone");
    assert_eq!((message.retain, message.qos), (true, 1));
}

fn the_will_has_its_qos(t: &Trial) {
    let mut watcher = watcher(t);
    for qos in 0..=2 {
        t.connect(Connect::new("a").will(Will::new("will", "gone").qos(qos))).vanish();
        assert_eq!(watcher.receives("will", "gone").qos, qos);
    }
}

fn will_properties_are_passed_on_in_order(t: &Trial) {
    let mut watcher = watcher(t);
    let will = Will::new("will", "gone")
        .with(USER_PROPERTY, ("a", "1"))
        .with(CONTENT_TYPE, "text")
        .with(USER_PROPERTY, ("b", "2"))
        .with(PAYLOAD_FORMAT, 1_u8)
        .with(WILL_DELAY, 0_u32)
        .with(RESPONSE_TOPIC, "reply")
        .with(USER_PROPERTY, ("a", "3"))
        .with(CORRELATION_DATA, &[0_u8, 255][..]);
    t.connect(Connect::new("a").will(will)).vanish();
    let got = watcher.receives("will", "gone").properties;
    let pairs: Vec<_> = got.all(USER_PROPERTY).cloned().collect();
    assert_eq!(pairs, [("a", "1").into(), ("b", "2").into(), ("a", "3").into()]);
    assert_eq!(got.text(CONTENT_TYPE).as_deref(), Some("text"));
    assert_eq!(got.text(RESPONSE_TOPIC).as_deref(), Some("reply"));
    assert_eq!(got.number(PAYLOAD_FORMAT), Some(1));
    assert_eq!(got.all(CORRELATION_DATA).collect::<Vec<_>>(), [&(&[0_u8, 255][..]).into()]);
    assert!(!got.has(WILL_DELAY));
}

fn the_expiry_of_a_will_begins_when_it_is_published(t: &Trial) {
    let mut watcher = t.connect(Connect::new("watcher").kept());
    watcher.subscribe("will", 1);
    watcher.disconnect();
    let will = Will::new("will", "gone").qos(1).with(MESSAGE_EXPIRY, 10_u32).with(WILL_DELAY, 20_u32);
    t.connect(Connect::new("a").resuming().with(SESSION_EXPIRY, 100_u32).will(will)).vanish();
    t.wait_s(20);
    t.wait_s(4);
    let mut watcher = t.connect(Connect::new("watcher").kept());
    assert_eq!(watcher.receives("will", "gone").properties.number(MESSAGE_EXPIRY), Some(6));
}

fn the_will_of_a_taken_over_connection_follows_its_rules(t: &Trial) {
    let mut watcher = watcher(t);
    let mut old = t.connect(with_will().kept());
    let mut new = t.connect(with_delay(5, 100));
    old.expect_ended(0x8E);
    watcher.receives("will", "gone");
    let mut newest = t.connect(Connect::new("a").resuming().with(SESSION_EXPIRY, 100_u32));
    new.expect_ended(0x8E);
    t.wait_s(50);
    watcher.expect_silence();
    newest.expect_alive();
}

fn a_will_for_the_server_is_refused(t: &Trial) {
    t.limits(|limits| limits.topic_levels_max = 3);
    let (_, connack) = t.refused(Connect::new("a").will(Will::new("a/b/c/d", "x")));
    assert_eq!(connack.code, 0x90);
    let (_, connack) = t.refused(Connect::new("a").will(Will::new("a/+", "x")));
    assert_eq!(connack.code, 0x81);
    assert_eq!((t.ended_by(Cause::TopicNameInvalid), t.ended_by(Cause::Malformed)), (1, 1));
    let (_, connack) = t.refused(Connect::new("a").will(Will::new("$SYS/x", "x")));
    assert_eq!(connack.code, 0x87);
}

/// Neither at the stop nor while the last bytes go out, whatever would cause it.
fn a_stop_publishes_no_will(t: &Trial) {
    let mut watchers: Vec<Client> = (0..8)
        .map(|n| {
            let mut a = t.connect(Connect::new(format!("watcher-{n}")).will(Will::new("will", "of a watcher").qos(1)));
            a.subscribe("will", 1);
            a
        })
        .collect();
    let mut others: Vec<Client> =
        (0..8).map(|n| t.connect(Connect::new(format!("other-{n}")).will(Will::new("will", "gone").qos(1)))).collect();
    if t.is_v5() {
        t.connect(with_delay(5, 100)).vanish();
    }
    t.shut_down();
    t.wait_s(1000);
    for client in watchers.iter_mut().chain(&mut others) {
        client.expect_ended(0x8B);
    }
    assert_eq!(t.counters().wills_published, 0);
}

fn a_will_payload_is_what_it_says(t: &Trial) {
    t.offers(|policy| policy.payload_format_check = true);
    let bad = Will::new("will", [0xFF]).with(PAYLOAD_FORMAT, 1_u8);
    assert_eq!(t.refused(Connect::new("a").will(bad)).1.code, 0x99);
    assert_eq!(t.ended_by(Cause::PayloadFormatInvalid), 1);
    t.connect(Connect::new("a").will(Will::new("will", [0xFF]).with(PAYLOAD_FORMAT, 0_u8))).expect_alive();
}

fn a_will_for_a_shared_group_goes_to_a_member_that_is_there(t: &Trial) {
    for qos in 0..=2 {
        let connect = |name: &str| Connect::new(name).with(SESSION_EXPIRY, 1000_u32);
        let mut other = t.connect(connect("other"));
        let mut dying = t.connect(connect("dying").will(Will::new("will", "gone").qos(qos)));
        for member in [&mut other, &mut dying] {
            member.subscribe("$share/g/will", 2);
        }
        dying.vanish();
        assert_eq!(other.take_texts(), ["gone"], "QoS {qos}");
        other.disconnect();
        ["other", "dying"].into_iter().for_each(|name| t.client(name).disconnect());
    }
}
