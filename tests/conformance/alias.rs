//! Topic aliases: numbers for topics, one table for each direction of each connection.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{TOPIC_ALIAS, TOPIC_ALIAS_MAXIMUM};
use crate::wire::{Connect, Packet, Publish};

proofs! {
    an_alias_stands_for_its_topic: "5:MQTT-3.3.2-12";
    every_alias_up_to_the_maximum_is_taken: "5:MQTT-3.3.2-12", "5:MQTT-3.2.2-17", "5:MQTT-3.3.2-9";
    an_alias_above_the_maximum_is_refused: "5:MQTT-3.2.2-17", "5:MQTT-3.3.2-9", "error:PUBLISH-3.3.4-1";
    without_a_maximum_there_is_no_alias: "5:MQTT-3.2.2-18";
    alias_0_is_refused: "5:MQTT-3.3.2-8", "error:PUBLISH-3.3.4-1";
    an_unknown_alias_is_refused: "error:PUBLISH-3.3.4-2";
    aliases_die_with_the_connection: "5:MQTT-3.3.2-7";
    the_server_uses_no_alias_unasked: "5:MQTT-3.1.2-27";
    the_server_stays_within_the_clients_maximum: "5:MQTT-3.1.2-26", "5:MQTT-3.3.2-11", "5:MQTT-3.3.2-8";
    the_servers_aliases_die_with_the_connection: "5:MQTT-3.3.2-7";
    aliases_are_not_passed_on: "rule:alias-is-not-passed-on";
}

fn aliased(topic: &str, payload: &str, alias: u16) -> Publish {
    Publish::new(topic, payload).with(TOPIC_ALIAS, alias)
}

fn an_alias_stands_for_its_topic(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("#", 2);
    a.publish(aliased("first", "1", 5));
    a.publish(aliased("", "2", 5).qos(1));
    a.publish(aliased("second", "3", 5).qos(2));
    a.publish(aliased("", "4", 5).retained());
    a.publish(aliased("", "5", 5).qos(2));
    for (topic, text) in [("first", "1"), ("first", "2"), ("second", "3"), ("second", "4"), ("second", "5")] {
        b.receives(topic, text);
    }
}

fn every_alias_up_to_the_maximum_is_taken(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("#", 0);
    let maximum = a.announced().number(TOPIC_ALIAS_MAXIMUM).expect("aliases are on by default");
    for alias in 1..=maximum as u16 {
        a.publish(aliased(&format!("topic/{alias}"), "set", alias));
    }
    for alias in (1..=maximum as u16).rev() {
        a.publish(aliased("", "used", alias));
    }
    for alias in 1..=maximum {
        b.receives(&format!("topic/{alias}"), "set");
    }
    for alias in (1..=maximum).rev() {
        b.receives(&format!("topic/{alias}"), "used");
    }
}

fn an_alias_above_the_maximum_is_refused(t: &Trial) {
    t.offers(|policy| policy.topic_alias_max = 3);
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    for topic in ["t", ""] {
        for alias in [4, 65_535] {
            t.client("a").offends(aliased(topic, "x", alias), 0x94, Cause::TopicAliasInvalid);
        }
    }
    watcher.expect_silence();
}

fn without_a_maximum_there_is_no_alias(t: &Trial) {
    t.offers(|policy| policy.topic_alias_max = 0);
    let mut a = t.client("a");
    assert!(!a.announced().has(TOPIC_ALIAS_MAXIMUM));
    a.offends(aliased("t", "x", 1), 0x94, Cause::TopicAliasInvalid);
}

fn alias_0_is_refused(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 0);
    for topic in ["t", ""] {
        t.client("a").offends(aliased(topic, "x", 0), 0x94, Cause::TopicAliasInvalid);
    }
    watcher.expect_silence();
}

fn an_unknown_alias_is_refused(t: &Trial) {
    let mut a = t.client("a");
    a.publish(aliased("t", "x", 1));
    a.offends(aliased("", "x", 2), 0x82, Cause::ProtocolError);
}

fn aliases_die_with_the_connection(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.publish(aliased("t", "x", 1));
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept());
    assert!(a.session_present());
    a.offends(aliased("", "x", 1), 0x82, Cause::ProtocolError);
}

fn the_server_uses_no_alias_unasked(t: &Trial) {
    for connect in [Connect::new("a"), Connect::new("a").with(TOPIC_ALIAS_MAXIMUM, 0_u16)] {
        let mut a = t.connect(connect);
        a.subscribe("t", 2);
        for qos in [0, 1, 2, 0, 1, 2] {
            a.publish(Publish::new("t", "x").qos(qos));
            assert!(!a.receives("t", "x").properties.has(TOPIC_ALIAS));
        }
    }
}

fn the_server_stays_within_the_clients_maximum(t: &Trial) {
    let mut a = t.connect(Connect::new("a").with(TOPIC_ALIAS_MAXIMUM, 2_u16));
    a.subscribe("#", 1);
    let mut b = t.client("b");
    let mut used = Vec::new();
    for n in 0..60 {
        let topic = format!("topic/{}", n % 5);
        b.publish(Publish::new(&topic, "x").qos(n % 2));
        used.extend(a.receives(&topic, "x").properties.number(TOPIC_ALIAS));
    }
    assert!(used.iter().all(|alias| [1, 2].contains(alias)), "{used:?}");
    assert!(!used.is_empty(), "aliases are used where the client takes them");
}

fn the_servers_aliases_die_with_the_connection(t: &Trial) {
    let connect = || Connect::new("a").kept().with(TOPIC_ALIAS_MAXIMUM, 10_u16);
    let mut b = t.client("b");
    let mut a = t.connect(connect());
    a.subscribe("t", 1);
    for _ in 0..2 {
        for _ in 0..5 {
            b.publish(Publish::new("t", "x").qos(1));
            a.receives("t", "x");
        }
        a.vanish();
        a = t.connect(connect());
        b.publish(Publish::new("t", "x").qos(1));
        // The table of this client is empty again: an alias without a topic could not be resolved.
        let Packet::Publish(message) = a.next() else { panic!("PUBLISH") };
        assert_eq!(message.topic, "t");
        a.acknowledge(&message);
    }
}

fn aliases_are_not_passed_on(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 0);
    a.publish(aliased("t", "x", 7));
    assert!(!b.receives("t", "x").properties.has(TOPIC_ALIAS));
}
