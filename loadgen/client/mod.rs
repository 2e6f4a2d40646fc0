//! One MQTT client as a plain state machine: bytes in, bytes and news out.
//!
//! Owns the handshakes of a connection. It is given its output buffer with each call and keeps none, so that an idle client is
//! this struct and nothing else. Must never know a socket, a clock, or what the run is about.
//!
//! ```text
//! Silent ──connect──► Greeting ──CONNACK──► Open ──subscribe──► Subscribing ──SUBACK──► Open
//! ```

mod framer;
mod held;
mod outflow;
#[cfg(test)]
mod tests;

use ringmq_protocol::{
    Ack, Connack, Connect, Disconnect, FilterBuf, Packet, PacketId, PacketType, Properties, Property,
    PropertyBuf, Publish, Qos, Reason, Suback, Subscribe, SubscribeOptions, Version, Will, encode_ack,
};

use crate::fault::Fault;

use framer::Framer;
use held::Held;
use outflow::{Outflow, Step};

pub(crate) use outflow::{NO_SENDER, Origin, Unfinished};

/// A SUBSCRIBE has this identifier, which no window of publishes reaches; there is one at a time.
const SUBSCRIBE_ID: PacketId = PacketId::MAX;

/// What stands in a CONNACK of 3.1.1 that refuses the version [MQTT-3.1.2-2 of 3.1.1]. One of 5.0 has three bytes or more.
const VERSION_UNKNOWN: &[u8] = &[0, 1];

/// What the clients of a group have in common.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) version: Version,
    pub(crate) keep_alive_s: u16,
    /// How long the broker keeps the session without connection; `None` for a session that begins and ends clean.
    pub(crate) session_expiry_s: Option<u32>,
    /// Publishes at QoS 1 and 2 that one client has under way at most.
    pub(crate) inflight_max: u16,
    /// The largest packet that a broker has a reason to send.
    pub(crate) packet_bytes_max: usize,
    pub(crate) needs: Needs,
}

/// What a broker must offer to be measured, as far as CONNACK of 5.0 tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    pub(crate) qos: Qos,
    pub(crate) wildcards: bool,
    pub(crate) retain: bool,
    pub(crate) shared: bool,
}

/// Who a client says it is.
#[derive(Clone, Default, Debug)]
pub(crate) struct Identity {
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) will: Option<WillText>,
}

/// What the broker is to publish for a client that goes without a word.
#[derive(Clone, Debug)]
pub(crate) struct WillText {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
}

/// What a client learned from the bytes it was given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News<'a> {
    /// The session stands.
    Connected {
        /// The keep alive that the broker demands instead of the client's [MQTT-3.1.2-21].
        keep_alive_s: Option<u16>,
        session_present: bool,
    },
    /// The subscription stands.
    Subscribed,
    /// A message, the first time it came.
    Message(Publish<'a>),
    /// A message at QoS 2 that was sent again before it was released.
    Repeated,
    /// A publish is done.
    Acknowledged(Origin),
    /// The broker refused a publish.
    Rejected(Origin, Reason),
    /// The answer to a ping.
    Pong,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Silent,
    Greeting,
    Open,
    /// With the number of filters that were asked for.
    Subscribing(u16),
}

/// One message to publish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// 5.0 only.
    pub(crate) properties: Properties<'a>,
    /// Given back when it is done.
    pub(crate) origin: Origin,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Client {
    stage: Stage,
    framer: Framer,
    outflow: Option<Box<Outflow>>,
    held: Option<Box<Held>>,
}

impl Client {
    pub(crate) fn new() -> Client {
        Client { stage: Stage::Silent, framer: Framer::default(), outflow: None, held: None }
    }

    /// Whether CONNECT has not been answered.
    pub(crate) fn is_greeting(&self) -> bool {
        self.stage == Stage::Greeting
    }

    /// Whether the window has room for another publish at this quality.
    pub(crate) fn may_publish(&self, qos: Qos) -> bool {
        qos == Qos::AtMostOnce || self.outflow.as_ref().is_some_and(|outflow| outflow.has_room())
    }

    /// Appends CONNECT.
    pub(crate) fn connect(&mut self, terms: &Terms, identity: &Identity, out: &mut Vec<u8>) {
        self.stage = Stage::Greeting;
        let mut properties = PropertyBuf::new();
        if let (Some(expiry_s), true) = (terms.session_expiry_s, terms.version.is_v5()) {
            properties.push(Property::SessionExpiry(expiry_s));
        }
        let connect = Connect {
            version: terms.version,
            is_bridge: false,
            clean_start: terms.session_expiry_s.is_none(),
            keep_alive_s: terms.keep_alive_s,
            properties: properties.as_properties(),
            client_id: &identity.client_id,
            will: identity.will.as_ref().map(|will| Will {
                qos: will.qos,
                retain: will.retain,
                properties: Properties::EMPTY,
                topic: &will.topic,
                payload: will.payload.as_bytes(),
            }),
            user_name: identity.username.as_deref(),
            password: identity.password.as_deref().map(str::as_bytes),
        };
        Packet::Connect(connect).encode(terms.version, out);
    }

    /// Forgets a connection that has ended, and answers under way with it, which nobody could write again. Of a session that does not outlive it, `abandon` is told each publish under
    /// way.
    pub(crate) fn lose_connection(&mut self, terms: &Terms, abandon: impl FnMut(Origin)) {
        self.stage = Stage::Silent;
        self.framer = Framer::default();
        if terms.session_expiry_s.is_none() {
            self.lose_session(abandon);
        } else if let Some(outflow) = &mut self.outflow {
            outflow.drop_answers();
        }
    }

    /// Forgets a session that the broker does not know any more [MQTT-3.2.2-5].
    pub(crate) fn lose_session(&mut self, abandon: impl FnMut(Origin)) {
        self.held = None;
        if let Some(outflow) = &mut self.outflow {
            outflow.abandon(abandon);
        }
    }

    /// What a session that goes on has to send again, in the order of its first sending [MQTT-4.4.0-1], [MQTT-4.6.0-1].
    pub(crate) fn unfinished(&self) -> Vec<Unfinished> {
        self.outflow.as_ref().map(|outflow| outflow.unfinished()).unwrap_or_default()
    }

    /// Appends a PUBLISH again, with DUP [MQTT-3.3.1-1].
    pub(crate) fn publish_again(
        terms: &Terms,
        id: PacketId,
        publication: Publication<'_>,
        out: &mut Vec<u8>,
    ) {
        let Publication { topic, payload, qos, retain, properties, .. } = publication;
        let packet_id = Some(id);
        let publish = Publish { dup: true, qos, retain, topic, packet_id, properties, payload };
        Packet::Publish(publish).encode(terms.version, out);
    }

    /// Appends a PUBREL again.
    pub(crate) fn release_again(terms: &Terms, id: PacketId, out: &mut Vec<u8>) {
        encode_ack(PacketType::Pubrel, terms.version, id, Reason::Success, out);
    }

    /// Makes this client one that may publish at QoS 1 and 2.
    pub(crate) fn open_outflow(&mut self, terms: &Terms) {
        self.outflow.get_or_insert_with(|| Box::new(Outflow::new(terms.inflight_max)));
    }

    /// Appends SUBSCRIBE with at least one filter.
    pub(crate) fn subscribe(&mut self, terms: &Terms, filters: &[(String, Qos)], out: &mut Vec<u8>) {
        self.stage = Stage::Subscribing(filters.len() as u16);
        let mut list = FilterBuf::new();
        for (filter, qos) in filters {
            list.push(filter, SubscribeOptions { qos: *qos, ..SubscribeOptions::default() });
        }
        let filters = list.as_filters();
        let subscribe = Subscribe { packet_id: SUBSCRIBE_ID, properties: Properties::EMPTY, filters };
        Packet::Subscribe(subscribe).encode(terms.version, out);
    }

    /// Appends PUBLISH.
    ///
    /// # Panics
    /// If [`Client::may_publish`] says no.
    pub(crate) fn publish(&mut self, terms: &Terms, publication: Publication<'_>, out: &mut Vec<u8>) {
        let Publication { topic, payload, qos, retain, properties, origin } = publication;
        let packet_id = (qos > Qos::AtMostOnce).then(|| {
            let outflow = self.outflow.as_mut().expect("only a client with an outflow publishes");
            outflow.begin(qos, origin)
        });
        let publish = Publish { dup: false, qos, retain, topic, packet_id, properties, payload };
        Packet::Publish(publish).encode(terms.version, out);
    }

    /// Appends PINGREQ.
    pub(crate) fn ping(terms: &Terms, out: &mut Vec<u8>) {
        Packet::Pingreq.encode(terms.version, out);
    }

    /// Appends DISCONNECT.
    pub(crate) fn disconnect(terms: &Terms, out: &mut Vec<u8>) {
        let disconnect = Disconnect { reason: Reason::Success, properties: Properties::EMPTY };
        Packet::Disconnect(disconnect).encode(terms.version, out);
    }

    /// Takes bytes from the broker, in any chunks, appends what is to be answered to `out` and tells what is new.
    ///
    /// # Errors
    /// Why this connection is of no further use.
    pub(crate) fn receive(
        &mut self,
        terms: &Terms,
        bytes: &[u8],
        out: &mut Vec<u8>,
        mut tell: impl FnMut(News<'_>),
    ) -> Result<(), Fault> {
        let mut framer = std::mem::take(&mut self.framer);
        let fed = framer.feed(bytes, terms.packet_bytes_max, |header, body| {
            if self.is_greeting() && terms.version.is_v5() && body == VERSION_UNKNOWN {
                return Err(Fault::OldBroker);
            }
            let packet = Packet::decode(header, body, terms.version)?;
            if let Some(news) = self.take(terms, packet, out)? {
                tell(news);
            }
            Ok(())
        });
        self.framer = framer;
        fed
    }

    fn take<'a>(
        &mut self,
        terms: &Terms,
        packet: Packet<'a>,
        out: &mut Vec<u8>,
    ) -> Result<Option<News<'a>>, Fault> {
        let news = match (self.stage, packet) {
            (Stage::Greeting, Packet::Connack(connack)) => self.take_connack(terms, &connack)?,
            (Stage::Silent | Stage::Greeting, other) => return Err(Fault::Unexpected(other.kind())),
            (_, Packet::Publish(publish)) => self.take_publish(terms, &publish, out),
            (_, Packet::Puback(ack)) => self.take_ack(PacketType::Puback, &ack)?,
            (_, Packet::Pubrec(ack)) => return self.take_pubrec(terms, &ack, out),
            (_, Packet::Pubrel(ack)) => {
                self.take_pubrel(terms, &ack, out);
                return Ok(None);
            }
            (_, Packet::Pubcomp(ack)) => self.take_ack(PacketType::Pubcomp, &ack)?,
            (Stage::Subscribing(filters), Packet::Suback(suback)) => self.take_suback(filters, &suback)?,
            (_, Packet::Pingresp) => News::Pong,
            (_, Packet::Disconnect(disconnect)) => return Err(Fault::Disconnected(disconnect.reason)),
            (_, other) => return Err(Fault::Unexpected(other.kind())),
        };
        Ok(Some(news))
    }

    fn take_connack(&mut self, terms: &Terms, connack: &Connack<'_>) -> Result<News<'static>, Fault> {
        if connack.reason != Reason::Success {
            return Err(Fault::Refused(connack.reason));
        }
        check_offer(&connack.properties, terms.needs)?;
        if let (Some(outflow), Some(maximum)) = (&mut self.outflow, connack.properties.receive_maximum()) {
            outflow.narrow(maximum.get());
        }
        self.stage = Stage::Open;
        let session_present = connack.session_present;
        Ok(News::Connected { keep_alive_s: connack.properties.server_keep_alive_s(), session_present })
    }

    fn take_suback(&mut self, filters: u16, suback: &Suback<'_>) -> Result<News<'static>, Fault> {
        if suback.codes.len() != usize::from(filters) {
            return Err(Fault::Unexpected(PacketType::Suback));
        }
        match suback.codes.iter().find(|code| **code >= 0x80) {
            Some(code) => Err(Fault::SubscriptionRefused(*code)),
            None => {
                self.stage = Stage::Open;
                Ok(News::Subscribed)
            }
        }
    }

    fn take_publish<'a>(&mut self, terms: &Terms, publish: &Publish<'a>, out: &mut Vec<u8>) -> News<'a> {
        let Some(id) = publish.packet_id else { return News::Message(*publish) };
        if publish.qos == Qos::AtLeastOnce {
            encode_ack(PacketType::Puback, terms.version, id, Reason::Success, out);
            return News::Message(*publish);
        }
        encode_ack(PacketType::Pubrec, terms.version, id, Reason::Success, out);
        match self.held.get_or_insert_default().hold(id) {
            true => News::Message(*publish),
            false => News::Repeated,
        }
    }

    fn take_pubrel(&mut self, terms: &Terms, ack: &Ack<'_>, out: &mut Vec<u8>) {
        self.held.get_or_insert_default().release(ack.packet_id);
        encode_ack(PacketType::Pubcomp, terms.version, ack.packet_id, Reason::Success, out);
    }

    fn take_ack(&mut self, kind: PacketType, ack: &Ack<'_>) -> Result<News<'static>, Fault> {
        let step = self.outflow.as_mut().and_then(|outflow| outflow.acknowledge(kind, ack.packet_id));
        match step {
            Some(Step::Done(origin)) if ack.reason.is_error() => Ok(News::Rejected(origin, ack.reason)),
            Some(Step::Done(origin)) => Ok(News::Acknowledged(origin)),
            _ => Err(Fault::Unexpected(kind)),
        }
    }

    fn take_pubrec(
        &mut self,
        terms: &Terms,
        ack: &Ack<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<News<'static>>, Fault> {
        let unexpected = Fault::Unexpected(PacketType::Pubrec);
        let Some(outflow) = &mut self.outflow else { return Err(unexpected) };
        if ack.reason.is_error() {
            let refused = outflow.refuse(ack.packet_id).ok_or(unexpected)?;
            return Ok(Some(News::Rejected(refused, ack.reason)));
        }
        outflow.acknowledge(PacketType::Pubrec, ack.packet_id).ok_or(unexpected)?;
        encode_ack(PacketType::Pubrel, terms.version, ack.packet_id, Reason::Success, out);
        Ok(None)
    }
}

/// Whether CONNACK leaves what the workload needs. Before 5.0 it tells nothing.
fn check_offer(offer: &Properties<'_>, needs: Needs) -> Result<(), Fault> {
    let lacks = |what| Err(Fault::Lacks(what));
    if offer.maximum_qos().is_some_and(|maximum| maximum < needs.qos) {
        return lacks("the QoS asked for");
    }
    for (is_needed, offered, what) in [
        (needs.wildcards, offer.wildcard_subscription_available(), "wildcard subscriptions"),
        (needs.retain, offer.retain_available(), "retained messages"),
        (needs.shared, offer.shared_subscription_available(), "shared subscriptions"),
    ] {
        if is_needed && offered == Some(false) {
            return lacks(what);
        }
    }
    Ok(())
}
