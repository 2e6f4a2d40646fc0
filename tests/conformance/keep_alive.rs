//! Keep alive: PINGREQ is answered, and silence ends the connection, neither early nor late.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::SERVER_KEEP_ALIVE;
use crate::wire::{Connect, Encode, PINGREQ, Packet, Publish, first, packet};

proofs! {
    pingreq_is_answered: "5:MQTT-3.12.4-1", "311:MQTT-3.12.4-1";
    pingreq_has_no_body: "error:PINGREQ-3.12.1-1";
    silence_ends_the_connection: "5:MQTT-3.1.2-22", "5:MQTT-3.2.2-22", "311:MQTT-3.1.2-24";
    any_packet_is_a_sign_of_life: "5:MQTT-3.1.2-22", "311:MQTT-3.1.2-24";
    half_a_packet_is_no_excuse: "rule:keep-alive-half-packet";
    what_the_server_sends_is_no_sign_of_life: "5:MQTT-3.1.2-22", "311:MQTT-3.1.2-24";
    keep_alive_0_is_for_ever: "5:MQTT-3.1.2-22", "311:MQTT-3.1.2-24";
    the_servers_own_value_counts: "rule:announced-keep-alive";
}

fn pingreq_is_answered(t: &Trial) {
    let mut a = t.client("a");
    for _ in 0..3 {
        a.send(PINGREQ);
        assert_eq!(a.next(), Packet::Pingresp);
        a.expect_silence();
    }
}

fn pingreq_has_no_body(t: &Trial) {
    t.client("a").offends(packet(first::PINGREQ, &[&[0]]), 0x81, Cause::Malformed);
}

fn silence_ends_the_connection(t: &Trial) {
    for (keep_alive_s, limit_ms) in [(2, 3_000), (1, 1_500), (60, 90_000), (65_535, 98_302_500)] {
        let before = t.ended_by(Cause::KeepAliveTimeout);
        let mut a = t.connect(Connect::new("a").keep_alive(keep_alive_s));
        t.wait_ms(limit_ms - 1);
        a.expect_silence();
        t.wait_ms(1);
        a.expect_ended(0x8D);
        assert_eq!(t.ended_by(Cause::KeepAliveTimeout), before + 1);
    }
}

fn any_packet_is_a_sign_of_life(t: &Trial) {
    let mut a = t.connect(Connect::new("a").keep_alive(2));
    let signs = [PINGREQ.to_vec(), Publish::new("t", "x").encode(t.version())];
    for sign in signs.iter().cycle().take(10) {
        t.wait_ms(2_999);
        a.send(&sign[..]);
    }
    for _ in 0..5 {
        assert_eq!(a.next(), Packet::Pingresp);
    }
    t.wait_ms(2_999);
    a.expect_silence();
    t.wait_ms(1);
    a.expect_ended(0x8D);
}

fn half_a_packet_is_no_excuse(t: &Trial) {
    let mut a = t.connect(Connect::new("a").keep_alive(2));
    let whole = Publish::new("t", "x".repeat(100)).encode(t.version());
    a.send(&whole[..50]);
    t.wait_ms(3_000);
    a.expect_ended(0x8D);
}

fn what_the_server_sends_is_no_sign_of_life(t: &Trial) {
    let mut a = t.connect(Connect::new("a").keep_alive(2));
    a.subscribe("t", 0);
    let mut b = t.client("b");
    for _ in 0..2 {
        t.wait_ms(1_000);
        b.publish(Publish::new("t", "x"));
        a.receives("t", "x");
    }
    t.wait_ms(1_000);
    a.expect_ended(0x8D);
}

fn keep_alive_0_is_for_ever(t: &Trial) {
    let mut a = t.connect(Connect::new("a").keep_alive(0));
    t.wait_s(1_000_000);
    a.expect_alive();
}

fn the_servers_own_value_counts(t: &Trial) {
    t.offers(|policy| policy.keep_alive_max_s = 10);
    let mut a = t.connect(Connect::new("a").keep_alive(0));
    assert_eq!(a.announced().number(SERVER_KEEP_ALIVE), Some(10));
    t.wait_ms(14_999);
    a.expect_silence();
    t.wait_ms(1);
    a.expect_ended(0x8D);
}
