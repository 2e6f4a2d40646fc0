//! What rumqttc proves with MQTT 3.1.1 and 5.0 alike.
//!
//! Each case fails by returning why. Must never share a topic or client id with another case.

use rumqttc::v5::mqttbytes::QoS;

use super::driver::Message;
use super::peer::{Connect, Peer, Publish, Start, Will};
use super::{Case, Entry, Outcome, Version, entries, expect};

pub(super) const ENTRIES: &[Entry] = entries!(
    &[Version::V311, Version::V5],
    connect,
    qos0,
    qos1,
    qos2,
    retained,
    will,
    shared,
    large,
    resume,
);

/// Long enough that no session of the suite ends by itself.
pub(super) const SESSION_EXPIRY_S: u32 = 300;
const SHARED_MESSAGES_COUNT: usize = 20;
const LARGE_BYTES: u32 = 1 << 20;

/// Fails unless `message` is this one, live and not retained.
pub(super) fn expect_live(message: &Message, topic: &str, payload: &str) -> Outcome {
    expect("topic", message.topic.as_str(), topic)?;
    expect("payload", String::from_utf8_lossy(&message.payload).as_ref(), payload)?;
    expect("RETAIN", message.retain, false)
}

/// Fails unless `message` is this one, out of the store.
pub(super) fn expect_retained(message: &Message, topic: &str, payload: &str) -> Outcome {
    expect("topic", message.topic.as_str(), topic)?;
    expect("payload", String::from_utf8_lossy(&message.payload).as_ref(), payload)?;
    expect("RETAIN", message.retain, true)
}

async fn connect(case: Case) -> Outcome {
    let one = Peer::new(&case, "one").await?;
    expect("session present", one.connack.session_present, false)?;
    one.disconnect().await
}

async fn qos0(case: Case) -> Outcome {
    publish_and_receive(case, QoS::AtMostOnce).await
}

async fn qos1(case: Case) -> Outcome {
    publish_and_receive(case, QoS::AtLeastOnce).await
}

async fn qos2(case: Case) -> Outcome {
    publish_and_receive(case, QoS::ExactlyOnce).await
}

async fn publish_and_receive(case: Case, qos: QoS) -> Outcome {
    let topic = case.topic();
    let mut subscriber = Peer::new(&case, "sub").await?;
    let mut publisher = Peer::new(&case, "pub").await?;
    expect("granted QoS", subscriber.subscribe(&topic, qos).await?, qos as u8)?;
    for payload in ["first", "second"] {
        publisher.publish(Publish::new(&topic, payload).qos(qos)).await?;
    }
    for payload in ["first", "second"] {
        let message = subscriber.receive().await?;
        expect_live(&message, &topic, payload)?;
        expect("QoS", message.qos, qos as u8)?;
    }
    Ok(())
}

/// Set, given to a new subscriber, cleared, and then given to nobody. [MQTT-3.3.1-6]
async fn retained(case: Case) -> Outcome {
    let topic = case.topic();
    let mut publisher = Peer::new(&case, "pub").await?;
    publisher.publish(Publish::new(&topic, "kept").retained()).await?;
    let mut early = Peer::new(&case, "early").await?;
    early.subscribe(&topic, QoS::AtLeastOnce).await?;
    expect_retained(&early.receive().await?, &topic, "kept")?;
    publisher.publish(Publish::new(&topic, "").retained()).await?;
    expect_live(&early.receive().await?, &topic, "")?;
    let mut late = Peer::new(&case, "late").await?;
    late.subscribe(&topic, QoS::AtLeastOnce).await?;
    publisher.publish(Publish::new(&topic, "live")).await?;
    expect_live(&late.receive().await?, &topic, "live")
}

async fn will(case: Case) -> Outcome {
    let topic = case.topic();
    let with_will = |payload| Connect {
        will: Some(Will { topic: topic.clone(), payload, delay_s: 0 }),
        ..Connect::default()
    };
    let mut watcher = Peer::new(&case, "watcher").await?;
    watcher.subscribe(&topic, QoS::AtLeastOnce).await?;
    drop(Peer::connect(&case, "victim", with_will("gone")).await?);
    expect_live(&watcher.receive().await?, &topic, "gone")?;
    Peer::connect(&case, "polite", with_will("never")).await?.disconnect().await?;
    watcher.publish(Publish::new(&topic, "fence")).await?;
    expect_live(&watcher.receive().await?, &topic, "fence")
}

/// Two members get every message once, and neither gets all of them.
async fn shared(case: Case) -> Outcome {
    let topic = case.topic();
    let fence = format!("{topic}/fence");
    let mut members = [Peer::new(&case, "member-0").await?, Peer::new(&case, "member-1").await?];
    let mut publisher = Peer::new(&case, "pub").await?;
    for member in &mut members {
        member.subscribe(&format!("$share/group/{topic}"), QoS::AtLeastOnce).await?;
        member.subscribe(&fence, QoS::AtLeastOnce).await?;
    }
    let mut sent: Vec<String> = (0..SHARED_MESSAGES_COUNT).map(|number| number.to_string()).collect();
    for payload in &sent {
        publisher.publish(Publish::new(&topic, payload)).await?;
    }
    publisher.publish(Publish::new(&fence, "fence")).await?;
    let mut received = Vec::new();
    for member in &mut members {
        let share = share_of(member, &topic).await?;
        expect("member is served", share.is_empty(), false)?;
        received.extend(share);
    }
    sent.sort();
    received.sort();
    expect("messages of both members", received, sent)
}

/// Everything this member gets up to the fence.
async fn share_of(member: &mut Peer, topic: &str) -> Result<Vec<String>, String> {
    let mut share = Vec::new();
    loop {
        let message = member.receive().await?;
        if message.topic != topic {
            return Ok(share);
        }
        share.push(String::from_utf8_lossy(&message.payload).into_owned());
    }
}

/// 1 MiB in which every position differs from its neighbours, so that a lost or swapped block shows.
async fn large(case: Case) -> Outcome {
    let topic = case.topic();
    let payload: Vec<u8> = (0..LARGE_BYTES / 4).flat_map(u32::to_be_bytes).collect();
    let mut subscriber = Peer::new(&case, "sub").await?;
    let mut publisher = Peer::new(&case, "pub").await?;
    subscriber.subscribe(&topic, QoS::AtLeastOnce).await?;
    publisher.publish(Publish::new(&topic, &payload)).await?;
    let received = subscriber.receive().await?.payload;
    expect("payload bytes", received.len(), payload.len())?;
    expect("payload is the same", received == payload, true)
}

/// A session outlives its connection and keeps what arrives meanwhile, in order. [MQTT-3.1.2-5]
async fn resume(case: Case) -> Outcome {
    let topic = case.topic();
    let durable =
        || Connect { start: Start::Resume, session_expiry_s: SESSION_EXPIRY_S, ..Connect::default() };
    let mut first = Peer::connect(&case, "durable", durable()).await?;
    expect("session present", first.connack.session_present, false)?;
    first.subscribe(&topic, QoS::AtLeastOnce).await?;
    first.disconnect().await?;
    let mut publisher = Peer::new(&case, "pub").await?;
    for payload in ["a", "b", "c"] {
        publisher.publish(Publish::new(&topic, payload)).await?;
    }
    let mut second = Peer::connect(&case, "durable", durable()).await?;
    expect("session present", second.connack.session_present, true)?;
    for payload in ["a", "b", "c"] {
        expect_live(&second.receive().await?, &topic, payload)?;
    }
    second.disconnect().await?;
    let third = Peer::new(&case, "durable").await?;
    expect("session present after a clean start", third.connack.session_present, false)
}
