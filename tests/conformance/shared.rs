//! Shared subscriptions: each message to one member of each group.

use ringmq_broker::cause::Cause;

use crate::client::Client;
use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::outgoing::NO_LOCAL;
use crate::wire::properties::{Properties, RECEIVE_MAXIMUM, SESSION_EXPIRY};
use crate::wire::{Connect, Publish, Subscribe, Version, ack, ack_with, first};

proofs! {
    a_shared_filter_has_a_name_and_a_filter: "5:MQTT-4.8.2-1", "5:MQTT-4.8.2-2";
    no_local_on_a_shared_filter_is_refused: "5:MQTT-3.8.3-4", "error:SUBSCRIBE-3.8.3.1-4";
    one_member_of_each_group_gets_a_message: "rule:shared-one-member";
    groups_and_plain_subscriptions_get_their_own_copies: "rule:shared-copies";
    each_member_has_its_own_qos: "5:MQTT-4.8.2-3";
    a_begun_qos_2_delivery_stays_with_its_member: "5:MQTT-4.8.2-4";
    a_begun_qos_2_delivery_dies_with_its_session: "5:MQTT-4.8.2-5";
    a_qos_1_delivery_goes_to_another_when_its_session_ends: "rule:shared-qos-1-moves-on";
    a_refused_message_is_dropped: "5:MQTT-4.8.2-6";
    shared_subscriptions_get_no_retained_messages: "rule:shared-no-retained";
    a_shared_identifier_is_the_members: "rule:shared-identifier";
    a_group_works_across_versions: "rule:shared-before-5";
    a_shared_filter_matches_like_a_plain_one: "rule:shared-matching";
}

/// A member of group g on topic t.
fn member(t: &Trial, name: &str, qos: u8) -> Client {
    let mut client = t.connect(Connect::new(name).with(SESSION_EXPIRY, 100_u32));
    assert_eq!(client.subscribe("$share/g/t", qos), qos);
    client
}

fn publish_many(t: &Trial, count: usize, qos: u8) {
    let mut publisher = t.client("publisher");
    for n in 0..count {
        publisher.publish(Publish::new("t", format!("{n:03}")).qos(qos));
    }
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:03}")).collect()
}

fn a_shared_filter_has_a_name_and_a_filter(t: &Trial) {
    let wrong = ["$share//a", "$share/g", "$share/g/", "$share/g+/a", "$share/g#/a", "$share/+/a", "$share/", "$share/g/a#"];
    for filter in wrong {
        t.client("a").offends(Subscribe::to(filter, 0).id(1), 0x81, Cause::Malformed);
    }
    assert_eq!(t.counters().subscriptions, 0);
    let mut a = t.client("a");
    for filter in ["$share/g/a", "$share/g//a", "$share/g/#", "$share/\u{E9} x/+/y", "$share/g/$share/x"] {
        assert_eq!(a.subscribe(filter, 0), 0, "{filter}");
    }
}

fn no_local_on_a_shared_filter_is_refused(t: &Trial) {
    let subscribe = Subscribe::to("$share/g/t", NO_LOCAL).id(1);
    t.client("a").offends(subscribe, 0x82, Cause::ProtocolError);
    assert_eq!(t.counters().subscriptions, 0);
}

fn one_member_of_each_group_gets_a_message(t: &Trial) {
    for qos in 0..=2 {
        let mut members: Vec<_> = (0..5).map(|n| member(t, &format!("member-{n}"), 2)).collect();
        publish_many(t, 60, qos);
        let mut all: Vec<String> = Vec::new();
        for member in &mut members {
            let got = member.take_texts();
            assert!(!got.is_empty() && got.is_sorted(), "{got:?}");
            all.extend(got);
        }
        all.sort();
        assert_eq!(all, numbers(60), "each message once");
        for mut member in members {
            member.unsubscribe("$share/g/t");
            member.disconnect();
        }
    }
}

fn groups_and_plain_subscriptions_get_their_own_copies(t: &Trial) {
    let mut a = t.client("a");
    a.request(Subscribe::to("$share/g/t", 1).and("$share/h/t", 1).and("t", 1));
    let mut b = t.client("b");
    b.request(Subscribe::to("$share/g/+", 1));
    publish_many(t, 10, 1);
    let mut got = a.take_texts();
    got.sort();
    let mut wanted = [numbers(10), numbers(10), numbers(10)].concat();
    wanted.sort();
    assert_eq!(got, wanted);
    assert_eq!(b.take_texts(), numbers(10), "another filter is another group");
}

fn each_member_has_its_own_qos(t: &Trial) {
    let mut members = [member(t, "zero", 0), member(t, "two", 2)];
    publish_many(t, 20, 2);
    for (member, qos) in members.iter_mut().zip([0, 2]) {
        let mut count = 0;
        while let Some(crate::wire::Packet::Publish(message)) = member.poll() {
            assert_eq!(message.qos, qos);
            member.acknowledge(&message);
            count += 1;
        }
        assert!(count > 0, "both have a share");
    }
}

/// Two members, and one QoS 2 message under way to one of them.
fn begun(t: &Trial, qos: u8) -> (Client, Client, crate::wire::Message) {
    let mut one = member(t, "one", 2);
    publish_many(t, 1, qos);
    let message = one.take();
    (one, member(t, "two", 2), message)
}

fn a_begun_qos_2_delivery_stays_with_its_member(t: &Trial) {
    let (one, mut two, message) = begun(t, 2);
    one.vanish();
    t.wait_s(50);
    two.expect_silence();
    let back = || t.connect(Connect::new("one").resuming().with(SESSION_EXPIRY, 100_u32));
    let mut one = back();
    assert_eq!(one.take().id, message.id);
    one.send(ack(first::PUBREC, message.id));
    one.take_ack(first::PUBREL, message.id);
    one.vanish();
    let mut one = back();
    one.take_ack(first::PUBREL, message.id);
    one.expect_silence();
    two.expect_silence();
}

fn a_begun_qos_2_delivery_dies_with_its_session(t: &Trial) {
    let (one, mut two, _) = begun(t, 2);
    one.vanish();
    t.wait_s(200);
    two.expect_silence();
    assert_eq!(t.counters().sessions_expired, 1);
}

fn a_qos_1_delivery_goes_to_another_when_its_session_ends(t: &Trial) {
    let (one, mut two, _) = begun(t, 1);
    one.vanish();
    two.expect_silence();
    t.wait_s(200);
    assert_eq!(two.take_texts(), ["000"]);
}

fn a_refused_message_is_dropped(t: &Trial) {
    for (qos, kind) in [(1, first::PUBACK), (2, first::PUBREC)] {
        let (mut one, mut two, message) = begun(t, qos);
        one.send(ack_with(kind, message.id, 0x80, &Properties::none()));
        one.expect_silence();
        one.unsubscribe("$share/g/t");
        one.disconnect();
        t.wait_s(200);
        two.expect_silence();
        two.unsubscribe("$share/g/t");
    }
}

fn shared_subscriptions_get_no_retained_messages(t: &Trial) {
    t.client("publisher").publish(Publish::new("t", "kept").qos(1).retained());
    member(t, "a", 2).expect_silence();
}

fn a_shared_identifier_is_the_members(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    a.request(Subscribe::to("$share/g/t", 1).identified(1));
    b.request(Subscribe::to("$share/g/t", 1).identified(2));
    publish_many(t, 20, 1);
    for (client, identifier) in [(&mut a, 1), (&mut b, 2)] {
        while let Some(crate::wire::Packet::Publish(message)) = client.poll() {
            assert_eq!(message.properties.identifiers(), [identifier]);
            client.acknowledge(&message);
        }
    }
}

fn a_group_works_across_versions(t: &Trial) {
    let mut old = t.connect_of(Version::V311, Connect::new("old"));
    let mut new = t.connect(Connect::new("new").with(RECEIVE_MAXIMUM, 100_u16));
    assert_eq!((old.subscribe("$share/g/t", 1), new.subscribe("$share/g/t", 1)), (1, 1));
    publish_many(t, 20, 1);
    let (one, two) = (old.take_texts(), new.take_texts());
    assert!(!one.is_empty() && !two.is_empty());
    let mut all = [one, two].concat();
    all.sort();
    assert_eq!(all, numbers(20));
}

fn a_shared_filter_matches_like_a_plain_one(t: &Trial) {
    for (filter, topic, is_matched) in [
        ("$share/g//a", "/a", true),
        ("$share/g//a", "a", false),
        ("$share/g/a/#", "a", true),
        ("$share/g/#", "$edge/x", false),
        ("$share/g/+/b", "a/b", true),
        ("$share/g/a", "$share/g/a", false),
    ] {
        let mut a = t.client("a");
        a.subscribe(filter, 0);
        a.publish(Publish::new(topic, "x"));
        assert_eq!(a.poll().is_some(), is_matched, "{filter} and {topic}");
    }
}
