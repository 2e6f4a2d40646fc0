//! Several versions on one port: how each is recognised and refused, and what happens between them.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{CONTENT_TYPE, MESSAGE_EXPIRY, SUBSCRIPTION_IDENTIFIER, USER_PROPERTY};
use crate::wire::{Connect, Encode, Packet, Publish, Subscribe, Version, Will, ack, first, packet, string, table};

proofs! {
    a_bridge_is_served: "rule:bridge";
    a_bridge_gets_nothing_of_its_own_back: "rule:bridge";
    bridges_may_be_off: "rule:bridge-off";
    a_bridge_publishes_its_state: "rule:bridge-state";
    everybody_may_publish_the_state_of_a_bridge_where_allowed: "rule:bridge-state";
    unused_bits_of_connect_are_ignored_in_31: "rule:31-unused-bits";
    an_unknown_level_is_refused_in_a_readable_layout: "5:MQTT-3.1.2-2", "311:MQTT-3.1.2-2", "rule:unknown-level-below-5",
        "rule:unknown-level-above-5";
    mqisdp_is_served: "rule:31-served", "5:MQTT-3.1.2-1", "311:MQTT-3.1.2-1";
    mqisdp_may_be_off: "rule:31-off";
    name_and_level_belong_together: "rule:31-name-and-level";
    an_empty_client_identifier_is_refused_in_31: "rule:31-empty-client-id";
    a_31_client_may_repeat_its_requests: "rule:31-dup";
    a_31_client_may_repeat_its_acknowledgements: "rule:31-repeats";
    a_31_client_keeps_its_session: "rule:31-session";
    properties_stay_in_5: "rule:crossing-properties";
    a_client_may_change_its_version: "rule:crossing-takeover";
    every_pair_of_versions_understands_each_other: "rule:crossing-qos";
    a_client_gives_listed_codes_only: "rule:client-codes", "5:MQTT-3.4.2-1";
}

const ALL: [Version; 3] = [Version::V31, Version::V311, Version::V5];

/// What the server says to a CONNECT that begins with this name and level, to the last byte.
fn answer(t: &Trial, name: &str, level: u8) -> Vec<u8> {
    let mut a = t.wire();
    a.send(Connect::new("a").encode_as(&[string(name), vec![level, 2]].concat(), Version::V5));
    let bytes = a.take_bytes();
    a.expect_closed();
    bytes
}

fn an_unknown_level_is_refused_in_a_readable_layout(t: &Trial) {
    for level in [0, 1, 2, 3] {
        assert_eq!(answer(t, "MQTT", level), [0x20, 2, 0, 1], "level {level}");
    }
    for level in [6, 7, 0x85, 0x86, 255] {
        let bytes = answer(t, "MQTT", level);
        let whole = Packet::read(&bytes, Version::V5);
        let Some((Packet::Connack(connack), size)) = whole else { panic!("level {level}: {bytes:x?}") };
        assert_eq!((connack.code, size), (0x84, bytes.len()), "level {level}");
    }
    assert_eq!(t.ended_by(Cause::UnsupportedVersion), 9);
}

/// The beginning of the CONNECT of a bridge: bit 7 of the level.
fn of_bridge(version: Version, flags: u8) -> Vec<u8> {
    [string(version.name()), vec![version.level() | 0x80, flags]].concat()
}

const BEFORE_5: [Version; 2] = [Version::V31, Version::V311];

/// A connected bridge.
fn bridge(t: &Trial, version: Version, connect: &Connect) -> crate::client::Client {
    let mut a = t.wire_of(version);
    a.send(connect.encode_as(&of_bridge(version, connect.flags()), version));
    assert_eq!(a.take_connack().code, 0);
    a
}

fn a_bridge_is_served(t: &Trial) {
    for version in BEFORE_5 {
        let mut a = bridge(t, version, &Connect::new("a"));
        let mut b = t.client_of(version, "b");
        a.subscribe("to/a", 2);
        b.subscribe("to/b", 2);
        for qos in 0..=2 {
            a.publish(Publish::new("to/b", "x").qos(qos));
            assert_eq!(b.receives("to/b", "x").qos, qos);
            b.publish(Publish::new("to/a", "y").qos(qos));
            assert_eq!(a.receives("to/a", "y").qos, qos);
        }
        a.expect_alive();
        a.disconnect();
    }
    // What is wrong with its CONNECT is told as to any client of its version.
    let mut a = t.wire();
    a.send(Connect::new("").encode_as(&of_bridge(Version::V311, 0), Version::V311));
    assert_eq!(a.take_bytes(), [0x20, 2, 0, 2]);
}

fn a_bridge_gets_nothing_of_its_own_back(t: &Trial) {
    let version = Version::V311;
    let mut a = bridge(t, version, &Connect::new("a").resuming());
    let (mut b, mut plain) = (t.client_of(version, "b"), t.client_of(version, "plain"));
    for client in [&mut a, &mut b, &mut plain] {
        client.subscribe("#", 1);
    }
    a.publish(Publish::new("t", "its own").qos(1).retained());
    for client in [&mut b, &mut plain] {
        assert!(!client.receives("t", "its own").retain);
    }
    a.expect_silence();
    b.publish(Publish::new("t", "another's").qos(1).retained());
    assert!(a.receives("t", "another's").retain, "RETAIN as published");
    assert!(!plain.receives("t", "another's").retain);
    // A group of a shared subscription has no use for it.
    a.subscribe("$share/g/u", 1);
    a.publish(Publish::new("u", "shared").qos(1));
    a.receives("u", "shared");
    // What it subscribed as a bridge stays so, whoever resumes the session.
    a.vanish();
    let mut a = t.connect_of(version, Connect::new("a").resuming());
    assert!(a.session_present());
    a.publish(Publish::new("t", "its own").qos(1));
    a.expect_silence();
}

fn bridges_may_be_off(t: &Trial) {
    t.offers(|policy| policy.bridge_allowed = false);
    for version in BEFORE_5 {
        let mut a = t.wire();
        a.send(Connect::new("a").encode_as(&of_bridge(version, 2), version));
        assert_eq!(a.take_bytes(), [0x20, 2, 0, 1], "mosquitto then connects as an ordinary client");
        a.expect_closed();
    }
    assert_eq!(t.ended_by(Cause::UnsupportedVersion), 2);
}

const STATE: &str = "$SYS/broker/connection/a/state";

fn a_bridge_publishes_its_state(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("$SYS/#", 1);
    let will = Will::new(STATE, "0").qos(1).retained();
    let mut a = bridge(t, Version::V311, &Connect::new("a").will(will));
    a.publish(Publish::new(STATE, "1").qos(1).retained());
    watcher.receives(STATE, "1");
    for topic in ["$SYS/broker/connection", "$SYS/broker/version", "$SYS/x", "$share/g/x"] {
        a.publish(Publish::new(topic, "x").qos(1));
    }
    watcher.expect_silence();
    a.vanish();
    watcher.receives(STATE, "0");
    assert_eq!(t.client("b").publish(Publish::new(STATE, "1").qos(1)), 0x87, "it is no bridge");
}

fn everybody_may_publish_the_state_of_a_bridge_where_allowed(t: &Trial) {
    t.offers(|policy| policy.bridge_states_allowed = true);
    let mut a = t.connect(Connect::new("a").will(Will::new(STATE, "0")));
    assert_eq!(a.publish(Publish::new(STATE, "1").qos(1)), 0x10);
    assert_eq!(a.publish(Publish::new("$SYS/broker/version", "1").qos(1)), 0x87);
}

/// The text of 3.1 calls the reserved connect flag and the flags of the fixed header unused.
fn unused_bits_of_connect_are_ignored_in_31(t: &Trial) {
    for version in ALL {
        for (header_flags, connect_flags) in [(0, 1), (2, 0), (4, 0), (8, 0), (1, 0), (0x0D, 1)] {
            let connect = Connect::new("a").encode_with_flags(version, 2 | connect_flags);
            let mut a = t.wire_of(version);
            a.send([&[first::CONNECT | header_flags], &connect[1..]].concat());
            assert_eq!(a.is_closed(), version != Version::V31, "{version:?} {header_flags} {connect_flags}");
        }
    }
}

fn mqisdp_is_served(t: &Trial) {
    let mut a = t.wire_of(Version::V31);
    a.send(Connect::new("a"));
    assert_eq!(a.take_bytes(), [0x20, 2, 0, 0]);
    assert_eq!(a.subscribe("t", 2), 2);
    for qos in 0..=2 {
        assert_eq!(a.publish(Publish::new("t", "x").qos(qos)), 0);
        a.receives("t", "x");
    }
    a.unsubscribe("t");
    a.expect_alive();
    a.disconnect();
}

fn mqisdp_may_be_off(t: &Trial) {
    t.offers(|policy| policy.v31_allowed = false);
    let mut a = t.wire_of(Version::V31);
    a.send(Connect::new("a"));
    assert_eq!(a.take_bytes(), [0x20, 2, 0, 1]);
    a.expect_closed();
}

fn name_and_level_belong_together(t: &Trial) {
    assert!(answer(t, "MQIsdp", 4).is_empty());
    assert_eq!(answer(t, "MQIsdp", 5)[3], 0x84);
    assert_eq!(answer(t, "MQTT", 3), [0x20, 2, 0, 1]);
}

fn an_empty_client_identifier_is_refused_in_31(t: &Trial) {
    let mut a = t.wire_of(Version::V31);
    assert_eq!(a.try_connect(Connect::new("")).code, 2);
    a.expect_closed();
}

fn a_31_client_may_repeat_its_requests(t: &Trial) {
    let with_dup = |mut bytes: Vec<u8>| {
        bytes[0] |= 8;
        bytes
    };
    let mut a = t.client_of(Version::V31, "a");
    a.send(with_dup(Subscribe::to("t", 1).id(1).encode(Version::V31)));
    assert!(matches!(a.next(), Packet::Suback(_)));
    a.send(Publish::new("t", "x").qos(2).id(2));
    a.take_ack(first::PUBREC, 2);
    a.send(with_dup(ack(first::PUBREL, 2)));
    a.take_ack(first::PUBCOMP, 2);
    a.receives("t", "x");
    a.send(with_dup(packet(first::UNSUBSCRIBE, &[&[0, 3], &string("t")])));
    assert!(matches!(a.next(), Packet::Unsuback(_)));
}

/// The second of two answers may come when its identifier is in use again.
fn a_31_client_may_repeat_its_acknowledgements(t: &Trial) {
    let mut a = t.client_of(Version::V31, "a");
    a.subscribe("t", 2);
    let mut b = t.client("b");
    b.publish(Publish::new("t", "one").qos(2));
    let one = a.receives("t", "one");
    b.publish(Publish::new("t", "two").qos(1));
    let two = a.take();
    assert_eq!(two.id, one.id, "the identifier is used again");
    a.send(ack(first::PUBCOMP, one.id));
    a.send(ack(first::PUBREC, one.id));
    a.take_ack(first::PUBREL, one.id);
    a.acknowledge(&two);
    a.expect_alive();
    b.publish(Publish::new("t", "three").qos(2));
    let three = a.take();
    a.send(ack(first::PUBACK, three.id));
    a.acknowledge(&three);
    a.expect_alive();
}

fn a_31_client_keeps_its_session(t: &Trial) {
    let mut a = t.connect_of(Version::V31, Connect::new("a").kept());
    a.subscribe("t", 1);
    a.vanish();
    t.client("b").publish(Publish::new("t", "x").qos(1));
    let mut a = t.connect_of(Version::V31, Connect::new("a").kept());
    a.receives("t", "x");
    a.vanish();
    let mut a = t.connect_of(Version::V31, Connect::new("a"));
    t.client("b").publish(Publish::new("t", "x").qos(1));
    a.expect_silence();
}

fn properties_stay_in_5(t: &Trial) {
    let mut new = t.client_of(Version::V5, "new");
    new.request(Subscribe::to("t", 1).identified(3));
    let mut others = [t.client_of(Version::V31, "oldest"), t.client_of(Version::V311, "old")];
    for other in &mut others {
        other.subscribe("t", 1);
    }
    let publish = Publish::new("t", "x").qos(1).with(USER_PROPERTY, ("k", "v")).with(MESSAGE_EXPIRY, 9_u32);
    new.publish(publish.with(CONTENT_TYPE, "text"));
    assert!(new.receives("t", "x").properties.has(CONTENT_TYPE));
    others.iter_mut().for_each(|other| assert_eq!(other.receives("t", "x").qos, 1));
    for n in 0..2 {
        others[n].publish(Publish::new("t", "y").qos(1));
        let message = new.receives("t", "y");
        assert_eq!(message.properties.0.len(), 1, "an identifier and nothing else");
        assert!(message.properties.has(SUBSCRIPTION_IDENTIFIER));
        others.iter_mut().for_each(|other| assert_eq!(other.receives("t", "y").qos, 1));
    }
}

fn a_client_may_change_its_version(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    let mut previous = t.connect_of(Version::V311, Connect::new("a").kept());
    previous.subscribe("t", 2);
    let mut b = t.client("b");
    for (n, version) in [Version::V5, Version::V31, Version::V5, Version::V311].into_iter().enumerate() {
        let connect = Connect::new("a").kept().will(Will::new("will", "gone"));
        let mut next = t.connect_of(version, connect);
        previous.expect_ended(0x8E);
        if n > 0 {
            watcher.receives("will", "gone");
        }
        b.publish(Publish::new("t", n.to_string()).qos(2));
        next.receives("t", &n.to_string());
        previous = next;
    }
}

fn every_pair_of_versions_understands_each_other(t: &Trial) {
    for from in ALL {
        for to in ALL {
            let (mut a, mut b) = (t.client_of(from, "a"), t.client_of(to, "b"));
            for qos in 0..=2 {
                b.subscribe("t", qos);
                for published in 0..=2 {
                    a.publish(Publish::new("t", format!("{published}")).qos(published));
                    assert_eq!(b.receives("t", &format!("{published}")).qos, qos.min(published));
                }
            }
            b.expect_silence();
        }
    }
}

fn a_client_gives_listed_codes_only(t: &Trial) {
    let kinds = [("PUBACK", first::PUBACK), ("PUBREC", first::PUBREC), ("PUBREL", first::PUBREL), ("PUBCOMP", first::PUBCOMP)];
    for (name, kind) in kinds {
        for code in 0..=255 {
            let mut a = t.client("a");
            a.send(packet(kind, &[&[0, 1, code]]));
            if table::client_may_send(name, code) {
                a.expect_alive();
            } else {
                let Packet::Disconnect(end) = a.next() else { panic!("{name} with {code:#04x} is taken") };
                assert!([0x81, 0x82].contains(&end.code));
                a.expect_closed();
            }
        }
    }
}
