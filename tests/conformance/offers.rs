//! What a server may leave out: it says so in CONNACK, and a client that asks for it all the same is refused.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{
    IDENTIFIERS_AVAILABLE, MAXIMUM_QOS, RETAIN_AVAILABLE, SHARED_AVAILABLE, WILDCARD_AVAILABLE,
};
use crate::wire::{Connect, Publish, Subscribe, Will};

proofs! {
    a_lower_maximum_qos_is_told: "5:MQTT-3.2.2-9";
    a_lower_maximum_qos_still_grants_subscriptions: "5:MQTT-3.2.2-10";
    no_more_than_the_maximum_qos_is_granted: "rule:granted-maximum-qos", "311:MQTT-3.8.4-6";
    a_publish_above_the_maximum_qos_is_refused: "5:MQTT-3.2.2-11", "error:PUBLISH-3.2.2.3.4-1";
    a_will_above_the_maximum_qos_is_refused: "5:MQTT-3.2.2-12", "error:CONNECT-3.2.2.3.4-1";
    a_retained_will_is_refused_without_retained_messages: "5:MQTT-3.2.2-13", "error:CONNECT-3.2.2.3.5-1";
    a_retained_publish_is_refused_without_retained_messages: "5:MQTT-3.2.2-14", "error:PUBLISH-3.2.2.3.5-1";
    wildcards_may_be_off: "error:SUBSCRIBE-3.2.2.3.11-1";
    wildcards_may_be_off_for_all_versions: "311:MQTT-3.8.3-2";
    subscription_identifiers_may_be_off: "error:SUBSCRIBE-3.2.2.3.12-1";
    shared_filters_may_be_off: "error:SUBSCRIBE-3.2.2.3.13-1";
}

fn qos(t: &Trial, qos: ringmq_protocol::Qos) {
    t.offers(|policy| policy.qos_max = qos);
}

fn a_lower_maximum_qos_is_told(t: &Trial) {
    qos(t, ringmq_protocol::Qos::AtLeastOnce);
    assert_eq!(t.client("a").announced().number(MAXIMUM_QOS), Some(1));
}

fn a_lower_maximum_qos_still_grants_subscriptions(t: &Trial) {
    qos(t, ringmq_protocol::Qos::AtMostOnce);
    let mut a = t.client("a");
    assert_eq!(a.announced().number(MAXIMUM_QOS), Some(0));
    for wanted in 0..=2 {
        assert_eq!(a.subscribe(&format!("t/{wanted}"), wanted), 0);
        a.publish(Publish::new(format!("t/{wanted}"), "x"));
        assert_eq!(a.receives(&format!("t/{wanted}"), "x").qos, 0);
    }
}

/// Those of another listener may publish at QoS 2.
fn no_more_than_the_maximum_qos_is_granted(t: &Trial) {
    t.set_up(|setup| {
        let open = ringmq_broker::policy::ListenerPolicy::default();
        setup.listeners = vec![open.clone(), ringmq_broker::policy::ListenerPolicy { qos_max: ringmq_protocol::Qos::AtLeastOnce, ..open }];
    });
    let mut a = t.connect_through(1, Connect::new("a").kept());
    for wanted in 0..=2 {
        assert_eq!(a.subscribe("t", wanted), wanted.min(1));
        assert_eq!(a.subscribe("$share/g/s", wanted), wanted.min(1));
    }
    let mut b = t.client("b");
    for topic in ["t", "s"] {
        b.publish(Publish::new(topic, "x").qos(2));
        assert_eq!(a.receives(topic, "x").qos, 1);
    }
}

fn a_publish_above_the_maximum_qos_is_refused(t: &Trial) {
    qos(t, ringmq_protocol::Qos::AtLeastOnce);
    let mut watcher = t.client("watcher");
    watcher.subscribe("#", 2);
    let mut a = t.client("a");
    assert!(a.publish(Publish::new("t", "allowed").qos(1)) < 0x80);
    watcher.receives("t", "allowed");
    a.offends(Publish::new("t", "x").qos(2).id(1), 0x9B, Cause::QosNotSupported);
    watcher.expect_silence();
}

fn a_will_above_the_maximum_qos_is_refused(t: &Trial) {
    qos(t, ringmq_protocol::Qos::AtMostOnce);
    t.connect(Connect::new("a").will(Will::new("will", "x"))).disconnect();
    assert_eq!(t.refused(Connect::new("a").will(Will::new("will", "x").qos(1))).1.code, 0x9B);
    assert_eq!(t.ended_by(Cause::QosNotSupported), 1);
}

fn a_retained_will_is_refused_without_retained_messages(t: &Trial) {
    t.offers(|policy| policy.retain_available = false);
    assert_eq!(t.refused(Connect::new("a").will(Will::new("will", "x").retained())).1.code, 0x9A);
    assert_eq!(t.ended_by(Cause::RetainNotSupported), 1);
}

fn a_retained_publish_is_refused_without_retained_messages(t: &Trial) {
    t.offers(|policy| policy.retain_available = false);
    let mut watcher = t.client("watcher");
    watcher.subscribe("t", 0);
    let mut a = t.client("a");
    assert_eq!(a.announced().number(RETAIN_AVAILABLE), Some(0));
    a.offends(Publish::new("t", "x").retained(), 0x9A, Cause::RetainNotSupported);
    watcher.expect_silence();
}

fn wildcards_may_be_off(t: &Trial) {
    t.offers(|policy| policy.wildcard_available = false);
    let mut a = t.client("a");
    assert_eq!(a.announced().number(WILDCARD_AVAILABLE), Some(0));
    let suback = a.request(Subscribe::to("a/+", 0).and("#", 1).and("$share/g/+", 1).and("plain", 1));
    assert_eq!(suback.codes, [0xA2, 0xA2, 0xA2, 1]);
    a.publish(Publish::new("a/b", "x"));
    a.expect_silence();
}

fn wildcards_may_be_off_for_all_versions(t: &Trial) {
    t.offers(|policy| policy.wildcard_available = false);
    let mut a = t.client("a");
    assert_eq!(a.request(Subscribe::to("a/+", 0).and("plain", 1)).codes, [0x80, 1]);
}

fn subscription_identifiers_may_be_off(t: &Trial) {
    t.offers(|policy| policy.subscription_identifiers_available = false);
    let mut a = t.client("a");
    assert_eq!(a.announced().number(IDENTIFIERS_AVAILABLE), Some(0));
    a.subscribe("t", 0);
    a.offends(Subscribe::to("t", 0).id(9).identified(1), 0xA1, Cause::IdentifiersNotSupported);
}

fn shared_filters_may_be_off(t: &Trial) {
    t.offers(|policy| policy.shared_available = false);
    let mut a = t.client("a");
    assert_eq!(a.announced().number(SHARED_AVAILABLE), Some(0));
    assert_eq!(a.request(Subscribe::to("$share/g/t", 0).and("t", 0)).codes, [0x9E, 0]);
}
