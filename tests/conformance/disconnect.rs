//! DISCONNECT, from either side, and the ends that come without.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{MAXIMUM_PACKET_SIZE, Properties, REASON_STRING, SESSION_EXPIRY, USER_PROPERTY};
use crate::wire::{Connect, Encode, Packet, Publish, Version, Will, disconnect, disconnect_with, first, packet, table};

proofs! {
    the_server_closes_after_disconnect: "5:MQTT-3.14.4-1", "5:MQTT-3.14.4-2", "311:MQTT-3.14.4-2";
    nothing_behind_disconnect_is_acted_on: "5:MQTT-3.14.4-1", "311:MQTT-3.14.4-2";
    flags_other_than_0_are_an_error: "5:MQTT-3.14.1-1", "311:MQTT-3.14.1-1";
    only_listed_codes_are_taken: "5:MQTT-3.14.2-1", "rule:client-codes";
    every_form_of_a_normal_end_is_taken: "rule:short-disconnect";
    a_body_is_an_error_before_5: "rule:disconnect-body-311", "311:MQTT-4.8.0-1";
    the_server_sends_no_session_expiry: "5:MQTT-3.14.2-2";
    the_reason_string_keeps_within_the_packet_size: "5:MQTT-3.14.2-3", "5:MQTT-3.14.2-4";
    nothing_follows_the_servers_disconnect: "5:MQTT-3.14.4-1", "5:MQTT-3.14.4-2", "5:MQTT-4.13.2-1";
    a_stopping_server_tells_its_clients: "rule:server-stops";
    an_administrator_may_end_a_connection: "rule:administrative-end";
}

fn the_server_closes_after_disconnect(t: &Trial) {
    let mut a = t.client("a");
    a.send(disconnect());
    a.expect_closed();
    assert_eq!(t.ended_by(Cause::ClientDisconnect), 1);
}

fn nothing_behind_disconnect_is_acted_on(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    let mut a = t.client("a");
    a.send([disconnect(), Publish::new("t", "behind").encode(t.version())].concat());
    a.expect_closed();
    watcher.expect_silence();
}

fn flags_other_than_0_are_an_error(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    for flags in 1..16 {
        let mut a = t.connect(Connect::new("a").will(Will::new("will", "gone")));
        a.offends([first::DISCONNECT | flags, 0], 0x81, Cause::Malformed);
        watcher.receives("will", "gone");
    }
}

fn only_listed_codes_are_taken(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    for code in 0..=255 {
        let mut a = t.connect(Connect::new("a").will(Will::new("will", "gone")));
        a.send(disconnect_with(code, &Properties::none()));
        if table::client_may_send("DISCONNECT", code) {
            a.expect_closed();
        } else {
            let Packet::Disconnect(end) = a.next() else { panic!("DISCONNECT") };
            assert!([0x81, 0x82].contains(&end.code), "{code:#04x}");
            a.expect_closed();
        }
        if code > 0 {
            watcher.receives("will", "gone");
        }
    }
    watcher.expect_silence();
}

fn every_form_of_a_normal_end_is_taken(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    for form in [&[0xE0, 0][..], &[0xE0, 1, 0], &[0xE0, 2, 0, 0]] {
        let mut a = t.connect(Connect::new("a").will(Will::new("will", "gone")));
        a.send(form);
        a.expect_closed();
    }
    watcher.expect_silence();
    assert_eq!(t.ended_by(Cause::ClientDisconnect), 3);
}

fn a_body_is_an_error_before_5(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    let mut a = t.connect_of(Version::V311, Connect::new("a").will(Will::new("will", "gone")));
    a.offends(packet(first::DISCONNECT, &[&[0]]), 0x81, Cause::Malformed);
    watcher.receives("will", "gone");
}

fn the_server_sends_no_session_expiry(t: &Trial) {
    let mut old = t.connect(Connect::new("a").kept());
    let _new = t.connect(Connect::new("a").kept());
    let Packet::Disconnect(end) = old.next() else { panic!("DISCONNECT") };
    assert!(!end.properties.has(SESSION_EXPIRY));
}

fn the_reason_string_keeps_within_the_packet_size(t: &Trial) {
    let violate = |limit: u32| {
        let mut a = t.connect(Connect::new("a").with(MAXIMUM_PACKET_SIZE, limit));
        a.send([0xC1, 0]);
        let Packet::Disconnect(end) = a.next() else { panic!("DISCONNECT") };
        a.expect_closed();
        assert_eq!(end.code, 0x81);
        assert!(!end.properties.has(USER_PROPERTY));
        end.properties.has(REASON_STRING)
    };
    assert!(violate(1000), "there is room");
    assert!(!violate(20), "there is none");
}

fn nothing_follows_the_servers_disconnect(t: &Trial) {
    let mut a = t.client("a");
    a.subscribe("t", 1);
    a.send([vec![0xC1, 0], crate::wire::PINGREQ.to_vec()].concat());
    t.client("b").publish(Publish::new("t", "x").qos(1));
    assert!(matches!(a.next(), Packet::Disconnect(_)));
    a.expect_closed();
}

fn a_stopping_server_tells_its_clients(t: &Trial) {
    let mut new = t.client("new");
    let mut old = t.client_of(Version::V311, "old");
    let mut silent = t.wire();
    t.shut_down();
    new.expect_ended(0x8B);
    old.expect_ended(0);
    silent.expect_closed();
    assert_eq!(t.ended_by(Cause::ServerShutdown), 3);
}

fn an_administrator_may_end_a_connection(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.ended_by_server(Cause::AdministrativeAction);
    a.expect_ended(0x98);
    assert!(t.connect(Connect::new("a").kept()).session_present(), "the session stays");
}
