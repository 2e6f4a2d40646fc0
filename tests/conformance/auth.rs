//! Enhanced authentication: not served, and refused in every form.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{AUTHENTICATION_DATA, AUTHENTICATION_METHOD, Properties};
use crate::wire::{Connect, Encode, Packet, Publish, first, packet};

proofs! {
    an_unknown_method_is_refused: "5:MQTT-4.12.0-1", "5:MQTT-4.12.0-4", "5:MQTT-3.1.4-2";
    nothing_behind_an_unknown_method_is_acted_on: "5:MQTT-3.1.4-6";
    data_without_method_is_refused: "error:CONNECT-3.1.2.11.10-1";
    without_method_the_server_sends_none: "5:MQTT-4.12.0-6";
    without_method_auth_is_refused: "5:MQTT-4.12.0-7", "error:AUTH-3.15-1", "error:AUTH-3.15.2.2.2-1", "5:MQTT-3.15.2-1";
    the_flags_of_auth_are_fixed: "5:MQTT-3.15.1-1";
    auth_does_not_exist_before_5: "rule:auth-before-5", "311:MQTT-4.8.0-1";
}

fn auth(code: u8, properties: &Properties) -> Vec<u8> {
    packet(first::AUTH, &[&[code], &properties.encode()])
}

fn an_unknown_method_is_refused(t: &Trial) {
    for method in ["SCRAM-SHA-1", "", "x"] {
        let connect = Connect::new("a").with(AUTHENTICATION_METHOD, method).with(AUTHENTICATION_DATA, &b"data"[..]);
        assert_eq!(t.refused(connect).1.code, 0x8C);
    }
    assert_eq!(t.ended_by(Cause::BadAuthenticationMethod), 3);
}

fn nothing_behind_an_unknown_method_is_acted_on(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    let connect = Connect::new("a").with(AUTHENTICATION_METHOD, "x").encode(t.version());
    let mut a = t.wire();
    a.send([connect, Publish::new("t", "behind").encode(t.version())].concat());
    assert_eq!(a.take_connack().code, 0x8C);
    a.expect_closed();
    watcher.expect_silence();
}

fn data_without_method_is_refused(t: &Trial) {
    assert_eq!(t.refused(Connect::new("a").with(AUTHENTICATION_DATA, &b"data"[..])).1.code, 0x82);
    assert_eq!(t.ended_by(Cause::ProtocolError), 1);
}

fn without_method_the_server_sends_none(t: &Trial) {
    let mut a = t.client("a");
    assert!(!a.announced().has(AUTHENTICATION_METHOD) && !a.announced().has(AUTHENTICATION_DATA));
    a.expect_silence();
}

fn without_method_auth_is_refused(t: &Trial) {
    let method = Properties::of(AUTHENTICATION_METHOD, "x");
    let mut offences: Vec<Vec<u8>> = (0..=255).map(|code| auth(code, &method)).collect();
    offences.push(packet(first::AUTH, &[]));
    offences.push(packet(first::AUTH, &[&[0x18]]));
    offences.push(auth(0x19, &Properties::none()));
    for offence in offences {
        let mut a = t.client("a");
        a.send(&offence[..]);
        let Packet::Disconnect(end) = a.next() else { panic!("DISCONNECT") };
        let is_listed = [0, 0x18, 0x19].contains(offence.get(2).unwrap_or(&0));
        assert!(end.code == 0x82 || !is_listed && end.code == 0x81, "{offence:x?}: {:#04x}", end.code);
        a.expect_closed();
    }
}

fn the_flags_of_auth_are_fixed(t: &Trial) {
    for flags in 1..16 {
        t.client("a").offends([first::AUTH | flags, 0], 0x81, Cause::Malformed);
    }
}

fn auth_does_not_exist_before_5(t: &Trial) {
    let mut a = t.client_of(crate::wire::Version::V311, "a");
    a.offends(auth(0x18, &Properties::of(AUTHENTICATION_METHOD, "x")), 0x81, Cause::Malformed);
    let mut a = t.client_of(crate::wire::Version::V311, "a");
    a.offends([first::AUTH, 0], 0x81, Cause::Malformed);
}
