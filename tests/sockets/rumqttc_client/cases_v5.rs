//! What rumqttc proves with MQTT 5.0 only.
//!
//! Aliases from the broker are missing: rumqttc 0.25 reports such messages with an empty topic.

use std::collections::BTreeSet;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    DisconnectReasonCode, Filter, PubAckReason, PublishProperties, RetainForwardRule, UnsubAckReason,
};
use tokio::time::{Instant, sleep_until};

use super::cases::{SESSION_EXPIRY_S, expect_live, expect_retained};
use super::driver::End;
use super::peer::{Connect, Peer, Publish, Start, Will};
use super::{Case, Entry, Outcome, Version, entries, expect};

pub(super) const ENTRIES: &[Entry] = entries!(
    &[Version::V5],
    user_properties,
    request_response,
    message_expiry,
    session_expiry,
    reason_codes,
    takeover,
    subscription_identifiers,
    topic_alias,
    no_local,
    retain_handling,
    retain_as_published,
);

fn filter(topic: &str) -> Filter {
    Filter::new(topic, QoS::AtLeastOnce)
}

/// User properties arrive in order, repeated names included. [MQTT-3.3.2-18]
async fn user_properties(case: Case) -> Outcome {
    let topic = case.topic();
    let pairs =
        [("b", "1"), ("a", "ü"), ("b", "2")].map(|(name, value)| (name.to_string(), value.to_string()));
    let properties = PublishProperties {
        user_properties: pairs.to_vec(),
        content_type: Some("text/x".into()),
        ..PublishProperties::default()
    };
    let mut one = Peer::new(&case, "one").await?;
    one.subscribe(&topic, QoS::AtLeastOnce).await?;
    one.publish(Publish::new(&topic, "text").properties(properties)).await?;
    let received = one.receive().await?.properties;
    expect("user properties", received.user_properties, pairs.to_vec())?;
    expect("content type", received.content_type.as_deref(), Some("text/x"))
}

async fn request_response(case: Case) -> Outcome {
    let (question, answer) = (format!("{}/question", case.topic()), format!("{}/answer", case.topic()));
    let mut asking = Peer::new(&case, "asks").await?;
    let mut answering = Peer::new(&case, "answers").await?;
    answering.subscribe(&question, QoS::AtLeastOnce).await?;
    asking.subscribe(&answer, QoS::AtLeastOnce).await?;
    let correlation_data = Some(vec![0, 0xFF, 7].into());
    let properties = PublishProperties {
        response_topic: Some(answer.clone()),
        correlation_data: correlation_data.clone(),
        ..PublishProperties::default()
    };
    asking.publish(Publish::new(&question, "?").properties(properties)).await?;
    let asked = answering.receive().await?.properties;
    let back = asked.response_topic.clone().ok_or("no response topic")?;
    let properties =
        PublishProperties { correlation_data: asked.correlation_data, ..PublishProperties::default() };
    answering.publish(Publish::new(&back, "!").properties(properties)).await?;
    let answered = asking.receive().await?;
    expect_live(&answered, &answer, "!")?;
    expect("correlation data", answered.properties.correlation_data, correlation_data)
}

/// A message that waited too long is not delivered; another arrives with what is left. [MQTT-3.3.2-5] [MQTT-3.3.2-6]
async fn message_expiry(case: Case) -> Outcome {
    let topic = case.topic();
    let connect = |start| Connect { start, session_expiry_s: SESSION_EXPIRY_S, ..Connect::default() };
    let mut durable = Peer::connect(&case, "durable", connect(Start::Clean)).await?;
    durable.subscribe(&topic, QoS::AtLeastOnce).await?;
    durable.disconnect().await?;
    let mut publisher = Peer::new(&case, "pub").await?;
    for (payload, expiry_s) in [("stale", 1), ("fresh", 100)] {
        let properties =
            PublishProperties { message_expiry_interval: Some(expiry_s), ..PublishProperties::default() };
        publisher.publish(Publish::new(&topic, payload).properties(properties)).await?;
    }
    // The passing of time is the stimulus here.
    sleep_until(Instant::now() + Duration::from_millis(2100)).await;
    let mut back = Peer::connect(&case, "durable", connect(Start::Resume)).await?;
    let message = back.receive().await?;
    expect_live(&message, &topic, "fresh")?;
    let left_s = message.properties.message_expiry_interval.unwrap_or(0);
    expect(&format!("1 to 98 s left, got {left_s}"), (1..=98).contains(&left_s), true)
}

/// The end of a session releases its delayed will, and the session is gone. [MQTT-3.1.2-8]
async fn session_expiry(case: Case) -> Outcome {
    let topic = case.topic();
    let mut watcher = Peer::new(&case, "watcher").await?;
    watcher.subscribe(&topic, QoS::AtLeastOnce).await?;
    let will = Will { topic: topic.clone(), payload: "session over", delay_s: SESSION_EXPIRY_S };
    let short = Connect { session_expiry_s: 1, will: Some(will), ..Connect::default() };
    drop(Peer::connect(&case, "short", short).await?);
    expect_live(&watcher.receive().await?, &topic, "session over")?;
    let again = Connect { start: Start::Resume, ..Connect::default() };
    let again = Peer::connect(&case, "short", again).await?;
    expect("session present", again.connack.session_present, false)
}

async fn reason_codes(case: Case) -> Outcome {
    let topic = case.topic();
    let mut one = Peer::new(&case, "one").await?;
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        expect("SUBACK", one.subscribe(&format!("{topic}/{}", qos as u8), qos).await?, qos as u8)?;
    }
    let acknowledged = one.publish(Publish::new(&format!("{topic}/1"), "")).await?;
    expect("PUBACK", acknowledged, PubAckReason::Success)?;
    let known = one.unsubscribe(&format!("{topic}/0")).await?;
    expect("UNSUBACK", known, vec![UnsubAckReason::Success])?;
    let unknown = one.unsubscribe(&format!("{topic}/unknown")).await?;
    expect("UNSUBACK", unknown, vec![UnsubAckReason::NoSubscriptionExisted])
}

/// The older connection of a client id is told why it ends. [MQTT-3.1.4-3]
async fn takeover(case: Case) -> Outcome {
    let mut first = Peer::new(&case, "one").await?;
    let _second = Peer::new(&case, "one").await?;
    expect("end of the first", first.ended().await?, End::Told(DisconnectReasonCode::SessionTakenOver))
}

/// Overlapping subscriptions report both identifiers, in one copy or in two. [MQTT-3.3.4-3] [MQTT-3.3.4-4]
async fn subscription_identifiers(case: Case) -> Outcome {
    const LARGEST: usize = 268_435_455;
    let topic = case.topic();
    let mut one = Peer::new(&case, "one").await?;
    one.subscribe_with(filter(&topic), Some(7)).await?;
    one.subscribe_with(filter(&format!("{topic}/#")), Some(LARGEST)).await?;
    one.publish(Publish::new(&topic, "x")).await?;
    let mut seen = BTreeSet::from_iter(one.receive().await?.properties.subscription_identifiers);
    if seen.len() == 1 {
        seen.extend(one.receive().await?.properties.subscription_identifiers);
    }
    expect("identifiers", seen, BTreeSet::from([7, LARGEST]))
}

async fn topic_alias(case: Case) -> Outcome {
    let topic = case.topic();
    let mut subscriber = Peer::new(&case, "sub").await?;
    let mut publisher = Peer::new(&case, "pub").await?;
    expect("broker accepts aliases", publisher.connack.topic_alias_max >= 1, true)?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce).await?;
    let alias = PublishProperties { topic_alias: Some(1), ..PublishProperties::default() };
    publisher.publish(Publish::new(&topic, "names it").properties(alias.clone())).await?;
    publisher.publish(Publish::new("", "uses it").properties(alias)).await?;
    expect_live(&subscriber.receive().await?, &topic, "names it")?;
    expect_live(&subscriber.receive().await?, &topic, "uses it")
}

/// A client does not get its own messages back on a No Local subscription. [MQTT-3.8.3-3]
async fn no_local(case: Case) -> Outcome {
    let topic = case.topic();
    let mut talking = Peer::new(&case, "talks").await?;
    let mut other = Peer::new(&case, "other").await?;
    talking.subscribe_with(Filter { nolocal: true, ..filter(&topic) }, None).await?;
    talking.publish(Publish::new(&topic, "own")).await?;
    other.publish(Publish::new(&topic, "foreign")).await?;
    expect_live(&talking.receive().await?, &topic, "foreign")
}

/// Never, only for a new subscription, always. [MQTT-3.3.1-9] to [MQTT-3.3.1-11]
async fn retain_handling(case: Case) -> Outcome {
    let topic = case.topic();
    let mut publisher = Peer::new(&case, "pub").await?;
    let mut subscriber = Peer::new(&case, "sub").await?;
    publisher.publish(Publish::new(&topic, "kept").retained()).await?;
    for retain_forward_rule in [RetainForwardRule::Never, RetainForwardRule::OnNewSubscribe] {
        subscriber.subscribe_with(Filter { retain_forward_rule, ..filter(&topic) }, None).await?;
        publisher.publish(Publish::new(&topic, "live")).await?;
        expect_live(&subscriber.receive().await?, &topic, "live")?;
    }
    subscriber.subscribe(&topic, QoS::AtLeastOnce).await?;
    expect_retained(&subscriber.receive().await?, &topic, "kept")
}

async fn retain_as_published(case: Case) -> Outcome {
    let topic = case.topic();
    let mut publisher = Peer::new(&case, "pub").await?;
    let mut subscriber = Peer::new(&case, "sub").await?;
    subscriber.subscribe_with(Filter { preserve_retain: true, ..filter(&topic) }, None).await?;
    publisher.publish(Publish::new(&topic, "kept").retained()).await?;
    expect_retained(&subscriber.receive().await?, &topic, "kept")?;
    publisher.publish(Publish::new(&topic, "live")).await?;
    expect_live(&subscriber.receive().await?, &topic, "live")
}
