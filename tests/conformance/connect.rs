//! CONNECT, what it may hold: the fields of section 3.1 in their order, each there exactly when its flag says so.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{ASSIGNED_CLIENT_IDENTIFIER, SESSION_EXPIRY};
use crate::wire::{Connect, Encode, Packet, Publish, Version, Will, disconnect, first, packet, string};

proofs! {
    a_valid_connect_is_accepted: "5:MQTT-3.1.4-5", "311:MQTT-3.1.4-4", "5:MQTT-3.2.2-8";
    every_field_at_once_is_read_in_order: "5:MQTT-3.1.3-1", "311:MQTT-3.1.3-1", "5:MQTT-3.1.2-17", "5:MQTT-3.1.2-19",
        "311:MQTT-3.1.2-19", "311:MQTT-3.1.2-21";
    connect_must_come_first: "5:MQTT-3.1.0-1", "311:MQTT-3.1.0-1", "5:MQTT-3.14.0-1";
    a_second_connect_ends_the_connection: "5:MQTT-3.1.0-2", "311:MQTT-3.1.0-2", "5:MQTT-3.2.0-2";
    another_protocol_name_is_refused: "5:MQTT-3.1.2-1", "311:MQTT-3.1.2-1", "311:MQTT-3.1.4-1";
    the_reserved_flag_is_checked: "5:MQTT-3.1.2-3", "311:MQTT-3.1.2-3", "error:CONNECT-3.1.2.3-1";
    a_will_flag_needs_the_will: "5:MQTT-3.1.2-9", "311:MQTT-3.1.2-9";
    will_bits_need_the_will_flag: "5:MQTT-3.1.2-11", "5:MQTT-3.1.2-13", "311:MQTT-3.1.2-11", "311:MQTT-3.1.2-13",
        "311:MQTT-3.1.2-15";
    will_qos_3_is_refused: "5:MQTT-3.1.2-12", "311:MQTT-3.1.2-14", "error:CONNECT-3.1.2.6-1";
    a_flag_without_its_field_is_refused: "5:MQTT-3.1.2-17", "5:MQTT-3.1.2-19", "311:MQTT-3.1.2-19", "311:MQTT-3.1.2-21",
        "5:MQTT-3.1.4-1", "311:MQTT-3.1.4-1";
    a_field_without_its_flag_is_refused: "5:MQTT-3.1.2-16", "5:MQTT-3.1.2-18", "311:MQTT-3.1.2-18", "311:MQTT-3.1.2-20",
        "5:MQTT-3.1.4-1", "311:MQTT-3.1.4-1";
    a_password_alone_is_legal_since_5: "5:MQTT-3.1.2-19";
    a_password_needs_a_user_name_before_5: "311:MQTT-3.1.2-22";
    the_client_identifier_is_always_there: "5:MQTT-3.1.3-3", "311:MQTT-3.1.3-3";
    plain_client_identifiers_are_accepted: "5:MQTT-3.1.3-5", "311:MQTT-3.1.3-5";
    an_empty_client_identifier_is_replaced: "5:MQTT-3.1.3-6", "5:MQTT-3.1.3-7", "5:MQTT-3.2.2-16";
    empty_client_identifiers_do_not_collide: "311:MQTT-3.1.3-6", "5:MQTT-3.1.3-6";
    an_empty_client_identifier_needs_a_clean_session: "311:MQTT-3.1.3-7", "311:MQTT-3.1.3-8";
    a_refused_client_identifier_is_told: "5:MQTT-3.1.3-8", "311:MQTT-3.1.3-9", "5:MQTT-3.1.4-2";
    strings_of_connect_are_utf8: "5:MQTT-3.1.3-4", "5:MQTT-3.1.3-11", "5:MQTT-3.1.3-12", "311:MQTT-3.1.3-4",
        "311:MQTT-3.1.3-10", "311:MQTT-3.1.3-11", "5:MQTT-1.5.4-1", "5:MQTT-1.5.4-2", "311:MQTT-1.5.3-1",
        "311:MQTT-1.5.3-2";
    nothing_behind_a_refused_connect_is_acted_on: "5:MQTT-3.1.4-6", "311:MQTT-3.1.4-5";
    no_connect_in_time_closes: "error:any-3.1.4-1";
}

/// The CONNECT is refused: in 5.0 with this code, before with a bare close, and counted under `cause`.
fn expect_refused(t: &Trial, bytes: &[u8], code: u8, cause: Cause) {
    let before = t.ended_by(cause);
    let mut a = t.wire();
    a.send(bytes);
    if t.is_v5() {
        let connack = a.take_connack();
        assert_eq!((connack.code, connack.session_present), (code, false));
    }
    a.expect_closed();
    assert_eq!(t.ended_by(cause), before + 1, "{cause:?}");
}

fn expect_malformed(t: &Trial, bytes: &[u8]) {
    expect_refused(t, bytes, 0x81, Cause::Malformed);
}

fn a_valid_connect_is_accepted(t: &Trial) {
    let a = t.client("a");
    let connack = a.connack.as_ref().expect("connected");
    assert_eq!((connack.code, connack.session_present), (0, false));
    a.disconnect();
}

fn every_field_at_once_is_read_in_order(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will/topic", 2);
    let will = Will::new("will/topic", "will payload").qos(2);
    let a = t.connect(Connect::new("a").keep_alive(30).will(will).user_name("user").password([0, 255, 1]));
    a.vanish();
    watcher.receives("will/topic", "will payload");
}

fn connect_must_come_first(t: &Trial) {
    let packets = [
        packet(first::CONNACK, &[&[0, 0]]),
        Publish::new("t", "x").encode(t.version()),
        packet(first::PUBACK, &[&[0, 1]]),
        packet(first::SUBSCRIBE, &[]),
        packet(first::PINGREQ, &[]),
        disconnect(),
        packet(first::AUTH, &[]),
    ];
    for bytes in packets {
        let before = t.ended_by(Cause::NotConnect);
        let mut a = t.wire();
        a.send(bytes);
        a.expect_closed();
        assert_eq!(t.ended_by(Cause::NotConnect), before + 1);
    }
}

fn a_second_connect_ends_the_connection(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    let mut a = t.connect(Connect::new("a").will(Will::new("will", "gone")));
    a.offends(Connect::new("a"), 0x82, Cause::SecondConnect);
    watcher.receives("will", "gone");
}

fn another_protocol_name_is_refused(t: &Trial) {
    for name in ["mqtt", "MQTU", "MQTTX", "MQT", "", "MQIsdp"] {
        let beginning = [string(name), vec![t.version().level(), 0x02]].concat();
        let mut a = t.wire();
        a.send(Connect::new("a").encode_as(&beginning, t.version()));
        if t.is_v5() {
            let Packet::Connack(connack) = a.next() else { panic!("{name}") };
            assert_eq!(connack.code, 0x84, "{name}");
        }
        // Before 5.0 without a word [MQTT-3.1.4-1].
        a.expect_closed();
    }
    assert_eq!((t.ended_by(Cause::UnsupportedVersion), t.counters().connects_refused), (6, 6));
}

fn the_reserved_flag_is_checked(t: &Trial) {
    expect_malformed(t, &Connect::new("a").encode_with_flags(t.version(), 0x03));
}

fn a_will_flag_needs_the_will(t: &Trial) {
    expect_malformed(t, &Connect::new("a").encode_with_flags(t.version(), 0x06));
    let whole = Connect::new("a").will(Will::new("will", "payload")).encode(t.version());
    let without_payload = &whole[2..whole.len() - 9];
    expect_malformed(t, &packet(first::CONNECT, &[without_payload]));
}

fn will_bits_need_the_will_flag(t: &Trial) {
    for bits in [0x08, 0x10, 0x20, 0x38] {
        expect_malformed(t, &Connect::new("a").encode_with_flags(t.version(), 0x02 | bits));
    }
    let with_will = Connect::new("a").will(Will::new("will", "payload"));
    expect_malformed(t, &with_will.encode_with_flags(t.version(), 0x02));
}

fn will_qos_3_is_refused(t: &Trial) {
    expect_malformed(t, &Connect::new("a").will(Will::new("will", "x").qos(3)).encode(t.version()));
}

fn a_flag_without_its_field_is_refused(t: &Trial) {
    expect_malformed(t, &Connect::new("a").encode_with_flags(t.version(), 0x82));
    expect_malformed(t, &Connect::new("a").user_name("user").encode_with_flags(t.version(), 0xC2));
}

fn a_field_without_its_flag_is_refused(t: &Trial) {
    expect_malformed(t, &Connect::new("a").user_name("user").encode_with_flags(t.version(), 0x02));
    expect_malformed(t, &Connect::new("a").user_name("user").password("secret").encode_with_flags(t.version(), 0x82));
}

fn a_password_alone_is_legal_since_5(t: &Trial) {
    t.connect(Connect::new("a").password("secret")).disconnect();
}

fn a_password_needs_a_user_name_before_5(t: &Trial) {
    expect_malformed(t, &Connect::new("a").password("secret").encode(t.version()));
}

fn the_client_identifier_is_always_there(t: &Trial) {
    let whole = Connect::new("").encode(t.version());
    expect_malformed(t, &packet(first::CONNECT, &[&whole[2..whole.len() - 2]]));
}

fn plain_client_identifiers_are_accepted(t: &Trial) {
    for name in ["0", "abcXYZ", "ABCDEFGHIJKLMNOPQRSTUVW", "0123456789abcdefghijklm"] {
        t.client(name).disconnect();
    }
}

fn an_empty_client_identifier_is_replaced(t: &Trial) {
    let mut assigned = Vec::new();
    for _ in 0..3 {
        let mut a = t.wire();
        let connack = a.connect(Connect::new("").with(SESSION_EXPIRY, 100_u32));
        assigned.push(connack.properties.text(ASSIGNED_CLIENT_IDENTIFIER).expect("the server tells the name"));
        a.subscribe("t", 1);
        a.vanish();
    }
    let name = assigned[0].clone();
    assigned.sort();
    assigned.dedup();
    assert_eq!(assigned.len(), 3, "no two sessions share a name");
    assert!(t.connect(Connect::new(&name).resuming()).session_present());
}

fn empty_client_identifiers_do_not_collide(t: &Trial) {
    let mut clients: Vec<_> = (0..4).map(|_| t.client("")).collect();
    for client in &mut clients {
        client.expect_alive();
    }
}

fn an_empty_client_identifier_needs_a_clean_session(t: &Trial) {
    let (_, connack) = t.refused(Connect::new("").resuming());
    assert_eq!(connack.code, 2);
    assert_eq!(t.ended_by(Cause::ClientIdRefused), 1);
}

fn a_refused_client_identifier_is_told(t: &Trial) {
    t.offers(|policy| policy.client_id_bytes_max = 30);
    t.client(&"x".repeat(30)).disconnect();
    let (_, connack) = t.refused(Connect::new("x".repeat(31)));
    assert_eq!(connack.code, if t.is_v5() { 0x85 } else { 2 });
    assert_eq!(t.ended_by(Cause::ClientIdRefused), 1);
}

fn strings_of_connect_are_utf8(t: &Trial) {
    let bad: [&[u8]; 5] = [&[0xED, 0xA0, 0x80], &[0xC0, 0x80], &[0xE2, 0x82], &[0xFF], b"a\0b"];
    for text in bad {
        expect_malformed(t, &Connect::new(text).encode(t.version()));
        expect_malformed(t, &Connect::new("a").will(Will::new(text, "x")).encode(t.version()));
        expect_malformed(t, &Connect::new("a").user_name(text).encode(t.version()));
    }
    // Payload of the will and password are bytes.
    t.connect(Connect::new("a").will(Will::new("t", bad[0])).user_name("u").password(bad[4])).expect_alive();
}

fn nothing_behind_a_refused_connect_is_acted_on(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("t", 0);
    let refused = if t.is_v5() { Connect::new("x".repeat(300)) } else { Connect::new("").resuming() };
    let mut a = t.wire();
    a.send([refused.encode(t.version()), Publish::new("t", "behind").encode(t.version())].concat());
    assert_ne!(a.take_connack().code, 0);
    a.expect_closed();
    watcher.expect_silence();
}

fn no_connect_in_time_closes(t: &Trial) {
    t.offers(|policy| policy.connect_timeout_ms = 5000);
    let mut silent = t.wire();
    let mut slow = t.wire();
    slow.send(&Connect::new("slow").encode(Version::V5)[..10]);
    t.wait_ms(4999);
    silent.expect_silence();
    slow.expect_silence();
    t.wait_ms(1);
    silent.expect_closed();
    slow.expect_closed();
    assert_eq!(t.ended_by(Cause::ConnectTimeout), 2);
}
