//! Drives rumqttc's two kinds of connection and translates their packets into one vocabulary, so that a case is
//! written once for both protocol versions.
//!
//! Must never know what a case waits for.

use rumqttc::v5::mqttbytes::v5 as packets5;
use rumqttc::v5::mqttbytes::v5::{DisconnectReasonCode, PubAckReason, PublishProperties, UnsubAckReason};
use rumqttc::{Outgoing, Packet, v5};
use tokio::sync::mpsc::UnboundedSender;

/// What a connection can tell its owner.
pub(super) enum Arrival {
    Message(Message),
    Answer(Answer),
    Ended(End),
}

/// The broker's word on something the client asked.
#[derive(Debug)]
pub(super) enum Answer {
    Connected(Connack),
    /// One code per filter: the granted QoS, or 0x80 for any refusal.
    Subscribed(Vec<u8>),
    /// One code per filter, none before MQTT 5.0.
    Unsubscribed(Vec<UnsubAckReason>),
    /// The flow of a publish is complete.
    Published(PubAckReason),
}

#[derive(Debug, Default)]
pub(super) struct Connack {
    pub(super) session_present: bool,
    pub(super) topic_alias_max: u16,
}

pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) properties: PublishProperties,
}

/// Why a connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client sent DISCONNECT.
    Asked,
    /// The broker sent DISCONNECT with this reason.
    Told(DisconnectReasonCode),
    /// Anything else, in words.
    Broken(String),
}

/// Runs an MQTT 3.1.1 connection to its end. Dropping the future drops the socket without DISCONNECT.
pub(super) async fn drive_v311(mut connection: rumqttc::EventLoop, arrivals: UnboundedSender<Arrival>) {
    loop {
        let arrival = match connection.poll().await {
            Ok(rumqttc::Event::Incoming(packet)) => incoming_v311(packet),
            Ok(rumqttc::Event::Outgoing(outgoing)) => outgoing_arrival(&outgoing),
            Err(error) => Some(Arrival::Ended(End::Broken(error.to_string()))),
        };
        if hand_over(arrival, &arrivals).is_break() {
            return;
        }
    }
}

/// Runs an MQTT 5.0 connection to its end. Dropping the future drops the socket without DISCONNECT.
pub(super) async fn drive_v5(mut connection: v5::EventLoop, arrivals: UnboundedSender<Arrival>) {
    loop {
        let arrival = match connection.poll().await {
            Ok(v5::Event::Incoming(packet)) => incoming_v5(packet),
            Ok(v5::Event::Outgoing(outgoing)) => outgoing_arrival(&outgoing),
            Err(v5::ConnectionError::MqttState(v5::StateError::ServerDisconnect { reason_code, .. })) => {
                Some(Arrival::Ended(End::Told(reason_code)))
            }
            Err(error) => Some(Arrival::Ended(End::Broken(error.to_string()))),
        };
        if hand_over(arrival, &arrivals).is_break() {
            return;
        }
    }
}

/// Polling past the end would make rumqttc connect again, so the end breaks the loop.
fn hand_over(arrival: Option<Arrival>, arrivals: &UnboundedSender<Arrival>) -> std::ops::ControlFlow<()> {
    use std::ops::ControlFlow::{Break, Continue};
    let Some(arrival) = arrival else { return Continue(()) };
    let is_end = matches!(arrival, Arrival::Ended(_));
    if arrivals.send(arrival).is_err() || is_end { Break(()) } else { Continue(()) }
}

fn outgoing_arrival(outgoing: &Outgoing) -> Option<Arrival> {
    match outgoing {
        // Packet identifier 0 is QoS 0: sent is complete.
        Outgoing::Publish(0) => Some(Arrival::Answer(Answer::Published(PubAckReason::Success))),
        Outgoing::Disconnect => Some(Arrival::Ended(End::Asked)),
        _ => None,
    }
}

fn incoming_v311(packet: Packet) -> Option<Arrival> {
    let answer = match packet {
        Packet::Publish(publish) => {
            return Some(Arrival::Message(Message {
                topic: publish.topic,
                payload: publish.payload.to_vec(),
                qos: publish.qos as u8,
                retain: publish.retain,
                properties: PublishProperties::default(),
            }));
        }
        Packet::ConnAck(connack) => {
            Answer::Connected(Connack { session_present: connack.session_present, topic_alias_max: 0 })
        }
        Packet::SubAck(suback) => Answer::Subscribed(
            suback
                .return_codes
                .iter()
                .map(|code| match code {
                    rumqttc::SubscribeReasonCode::Success(qos) => *qos as u8,
                    rumqttc::SubscribeReasonCode::Failure => 0x80,
                })
                .collect(),
        ),
        Packet::UnsubAck(_) => Answer::Unsubscribed(Vec::new()),
        Packet::PubAck(_) | Packet::PubComp(_) => Answer::Published(PubAckReason::Success),
        _ => return None,
    };
    Some(Arrival::Answer(answer))
}

fn incoming_v5(packet: packets5::Packet) -> Option<Arrival> {
    let answer = match packet {
        packets5::Packet::Publish(publish) => {
            return Some(Arrival::Message(Message {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.to_vec(),
                qos: publish.qos as u8,
                retain: publish.retain,
                properties: publish.properties.unwrap_or_default(),
            }));
        }
        packets5::Packet::ConnAck(connack) => Answer::Connected(Connack {
            session_present: connack.session_present,
            topic_alias_max: connack
                .properties
                .and_then(|properties| properties.topic_alias_max)
                .unwrap_or(0),
        }),
        packets5::Packet::SubAck(suback) => Answer::Subscribed(
            suback
                .return_codes
                .iter()
                .map(|code| match code {
                    packets5::SubscribeReasonCode::Success(qos) => *qos as u8,
                    _ => 0x80,
                })
                .collect(),
        ),
        packets5::Packet::UnsubAck(unsuback) => Answer::Unsubscribed(unsuback.reasons),
        packets5::Packet::PubAck(puback) => Answer::Published(puback.reason),
        packets5::Packet::PubComp(_) => Answer::Published(PubAckReason::Success),
        _ => return None,
    };
    Some(Arrival::Answer(answer))
}
