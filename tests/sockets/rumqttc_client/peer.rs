//! A rumqttc connection that waits: every call returns when the broker has answered, or fails at the deadline.
//!
//! Owns the task that drives the connection and what it received. Must never know what a case proves.

use std::collections::VecDeque;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter, LastWill, LastWillProperties, PubAckReason, PublishProperties, SubscribeProperties,
    UnsubAckReason,
};
use rumqttc::{SubscribeFilter, Transport, v5};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::driver::{self, Answer, Arrival, Connack, End, Message};
use super::{Case, Lane, Version};

/// How long any single wait may take. A wait ends with the thing it waits for; this bound only ends a failure.
const DEADLINE: Duration = Duration::from_secs(10);
/// rumqttc refuses packets above 10 KiB unless told otherwise.
const PACKET_BYTES_MAX: u32 = 2 << 20;
/// Requests that may wait for the connection.
const REQUESTS_MAX: usize = 64;

/// What to ask for in CONNECT; the default is a clean start with nothing kept and no will.
#[derive(Default)]
pub(super) struct Connect {
    pub(super) start: Start,
    /// Seconds; an MQTT 3.1.1 connection cannot say it.
    pub(super) session_expiry_s: u32,
    pub(super) will: Option<Will>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Start {
    #[default]
    Clean,
    Resume,
}

/// A will at QoS 1.
pub(super) struct Will {
    pub(super) topic: String,
    pub(super) payload: &'static str,
    /// Seconds; an MQTT 3.1.1 connection cannot say it.
    pub(super) delay_s: u32,
}

/// A message to publish: QoS 1 and not retained, unless said otherwise.
pub(super) struct Publish<'a> {
    topic: &'a str,
    payload: &'a [u8],
    qos: QoS,
    retain: bool,
    properties: Option<PublishProperties>,
}

impl<'a> Publish<'a> {
    pub(super) fn new(topic: &'a str, payload: &'a (impl AsRef<[u8]> + ?Sized)) -> Publish<'a> {
        let payload = payload.as_ref();
        Publish { topic, payload, qos: QoS::AtLeastOnce, retain: false, properties: None }
    }

    pub(super) fn qos(self, qos: QoS) -> Publish<'a> {
        Publish { qos, ..self }
    }

    pub(super) fn retained(self) -> Publish<'a> {
        Publish { retain: true, ..self }
    }

    pub(super) fn properties(self, properties: PublishProperties) -> Publish<'a> {
        Publish { properties: Some(properties), ..self }
    }
}

enum Requests {
    V311(rumqttc::AsyncClient),
    V5(v5::AsyncClient),
}

/// One connection. Dropping it drops the socket without DISCONNECT.
pub(super) struct Peer {
    id: String,
    requests: Requests,
    driver: JoinHandle<()>,
    arrivals: UnboundedReceiver<Arrival>,
    inbox: VecDeque<Message>,
    answers: VecDeque<Answer>,
    end: Option<End>,
    pub(super) connack: Connack,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Peer {
    /// Connects with a clean start.
    pub(super) async fn new(case: &Case, role: &str) -> Result<Peer, String> {
        Peer::connect(case, role, Connect::default()).await
    }

    pub(super) async fn connect(case: &Case, role: &str, connect: Connect) -> Result<Peer, String> {
        let id = case.client_id(role);
        let (sender, arrivals) = unbounded_channel();
        let (requests, driver) = match case.lane.version {
            Version::V311 => {
                let options = options_v311(&case.lane, &id, connect);
                let (client, connection) = rumqttc::AsyncClient::new(options, REQUESTS_MAX);
                (Requests::V311(client), tokio::spawn(driver::drive_v311(connection, sender)))
            }
            Version::V5 => {
                let options = options_v5(&case.lane, &id, connect);
                let (client, connection) = v5::AsyncClient::new(options, REQUESTS_MAX);
                (Requests::V5(client), tokio::spawn(driver::drive_v5(connection, sender)))
            }
        };
        let (inbox, answers) = (VecDeque::new(), VecDeque::new());
        let mut peer =
            Peer { id, requests, driver, arrivals, inbox, answers, end: None, connack: Connack::default() };
        match peer.answer("CONNACK").await? {
            Answer::Connected(connack) => peer.connack = connack,
            other => return Err(format!("{}: {other:?} instead of CONNACK", peer.id)),
        }
        Ok(peer)
    }

    /// Subscribes to one filter and returns the code granted.
    pub(super) async fn subscribe(&mut self, filter: &str, qos: QoS) -> Result<u8, String> {
        self.subscribe_with(Filter::new(filter, qos), None).await
    }

    /// Subscribes with MQTT 5.0 options and an identifier; an MQTT 3.1.1 connection uses only the filter and its QoS.
    pub(super) async fn subscribe_with(
        &mut self,
        filter: Filter,
        identifier: Option<usize>,
    ) -> Result<u8, String> {
        let sent = match &self.requests {
            Requests::V311(client) => {
                let filter = SubscribeFilter::new(filter.path, qos_v311(filter.qos));
                client.subscribe_many([filter]).await.map_err(|error| error.to_string())
            }
            Requests::V5(client) if identifier.is_none() => {
                client.subscribe_many([filter]).await.map_err(|error| error.to_string())
            }
            Requests::V5(client) => {
                let properties = SubscribeProperties { id: identifier, user_properties: Vec::new() };
                client
                    .subscribe_many_with_properties([filter], properties)
                    .await
                    .map_err(|error| error.to_string())
            }
        };
        sent?;
        match self.answer("SUBACK").await? {
            Answer::Subscribed(codes) if codes.len() == 1 => Ok(codes[0]),
            other => Err(format!("{}: {other:?} instead of a SUBACK of one code", self.id)),
        }
    }

    /// Removes one subscription of an MQTT 5.0 connection and returns the broker's reasons.
    pub(super) async fn unsubscribe(&mut self, filter: &str) -> Result<Vec<UnsubAckReason>, String> {
        let sent = match &self.requests {
            Requests::V311(client) => client.unsubscribe(filter).await.map_err(|error| error.to_string()),
            Requests::V5(client) => client.unsubscribe(filter).await.map_err(|error| error.to_string()),
        };
        sent?;
        match self.answer("UNSUBACK").await? {
            Answer::Unsubscribed(reasons) => Ok(reasons),
            other => Err(format!("{}: {other:?} instead of UNSUBACK", self.id)),
        }
    }

    /// Publishes and returns once the flow of its QoS is complete.
    pub(super) async fn publish(&mut self, publish: Publish<'_>) -> Result<PubAckReason, String> {
        let Publish { topic, payload, qos, retain, properties } = publish;
        let payload = payload.to_vec();
        let sent = match (&self.requests, properties) {
            (Requests::V311(client), _) => {
                client.publish(topic, qos_v311(qos), retain, payload).await.map_err(|error| error.to_string())
            }
            (Requests::V5(client), None) => {
                client.publish(topic, qos, retain, payload).await.map_err(|error| error.to_string())
            }
            (Requests::V5(client), Some(properties)) => client
                .publish_with_properties(topic, qos, retain, payload, properties)
                .await
                .map_err(|error| error.to_string()),
        };
        sent?;
        match self.answer("PUBACK").await? {
            Answer::Published(reason) => Ok(reason),
            other => Err(format!("{}: {other:?} instead of PUBACK", self.id)),
        }
    }

    /// The next message.
    pub(super) async fn receive(&mut self) -> Result<Message, String> {
        while self.inbox.is_empty() {
            self.pump("message").await?;
        }
        self.inbox.pop_front().ok_or_else(|| "empty inbox".into())
    }

    /// Sends DISCONNECT and closes.
    pub(super) async fn disconnect(mut self) -> Result<(), String> {
        let sent = match &self.requests {
            Requests::V311(client) => client.disconnect().await.map_err(|error| error.to_string()),
            Requests::V5(client) => client.disconnect().await.map_err(|error| error.to_string()),
        };
        sent?;
        match self.ended().await? {
            End::Asked => Ok(()),
            other => Err(format!("{}: {other:?} instead of the end it asked for", self.id)),
        }
    }

    /// Waits for the end of the connection and returns its reason.
    pub(super) async fn ended(&mut self) -> Result<End, String> {
        loop {
            if let Some(end) = &self.end {
                return Ok(end.clone());
            }
            self.pump("end of the connection").await?;
        }
    }

    async fn answer(&mut self, what: &str) -> Result<Answer, String> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Ok(answer);
            }
            self.pump(what).await?;
        }
    }

    /// Files the next arrival where the waits look for it.
    async fn pump(&mut self, what: &str) -> Result<(), String> {
        if let Some(end) = &self.end {
            return Err(format!("{}: {end:?} while waiting for {what}", self.id));
        }
        match timeout(DEADLINE, self.arrivals.recv()).await {
            Ok(Some(Arrival::Message(message))) => self.inbox.push_back(message),
            Ok(Some(Arrival::Answer(answer))) => self.answers.push_back(answer),
            Ok(Some(Arrival::Ended(end))) => self.end = Some(end),
            Ok(None) => return Err(format!("{}: the driver ended", self.id)),
            Err(_) => return Err(format!("{}: no {what} within {} s", self.id, DEADLINE.as_secs())),
        }
        Ok(())
    }
}

fn options_v311(lane: &Lane, id: &str, connect: Connect) -> rumqttc::MqttOptions {
    let mut options = rumqttc::MqttOptions::new(id, "127.0.0.1", lane.port);
    options.set_transport(transport(lane));
    options.set_max_packet_size(PACKET_BYTES_MAX as usize, PACKET_BYTES_MAX as usize);
    options.set_clean_session(connect.start == Start::Clean);
    if let Some(will) = connect.will {
        let qos = rumqttc::QoS::AtLeastOnce;
        options.set_last_will(rumqttc::LastWill::new(will.topic, will.payload, qos, false));
    }
    options
}

fn options_v5(lane: &Lane, id: &str, connect: Connect) -> v5::MqttOptions {
    let mut options = v5::MqttOptions::new(id, "127.0.0.1", lane.port);
    options.set_transport(transport(lane));
    options.set_max_packet_size(Some(PACKET_BYTES_MAX));
    options.set_clean_start(connect.start == Start::Clean);
    options.set_session_expiry_interval(Some(connect.session_expiry_s));
    if let Some(will) = connect.will {
        let properties = LastWillProperties { delay_interval: Some(will.delay_s), ..no_will_properties() };
        let qos = QoS::AtLeastOnce;
        options.set_last_will(LastWill::new(will.topic, will.payload, qos, false, Some(properties)));
    }
    options
}

fn no_will_properties() -> LastWillProperties {
    LastWillProperties {
        delay_interval: None,
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    }
}

fn transport(lane: &Lane) -> Transport {
    match &lane.ca_pem {
        Some(ca_pem) => Transport::tls(ca_pem.clone(), None, None),
        None => Transport::tcp(),
    }
}

fn qos_v311(qos: QoS) -> rumqttc::QoS {
    match qos {
        QoS::AtMostOnce => rumqttc::QoS::AtMostOnce,
        QoS::AtLeastOnce => rumqttc::QoS::AtLeastOnce,
        QoS::ExactlyOnce => rumqttc::QoS::ExactlyOnce,
    }
}
