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
    Ack, Connack, Connect, Disconnect, FilterBuf, Packet, PacketId, PacketType, Properties, Publish, Qos,
    Reason, Suback, Subscribe, SubscribeOptions, Version, encode_ack,
};

use crate::clock::Nanos;
use crate::fault::Fault;

use framer::Framer;
use held::Held;
use outflow::{Outflow, Step};

/// The one SUBSCRIBE of a client has this identifier. A subscriber publishes nothing, so that it is always free.
const SUBSCRIBE_ID: PacketId = PacketId::MIN;

/// What all clients of a run have in common.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) version: Version,
    pub(crate) keep_alive_s: u16,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<String>,
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
    pub(crate) extra: Extra,
}

/// A feature that one workload needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extra {
    Nothing,
    Wildcards,
    WildcardsAndRetain,
    SharedSubscriptions,
}

/// What a client learned from the bytes it was given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News<'a> {
    /// The session stands.
    Connected {
        /// The keep alive that the broker demands instead of the client's [MQTT-3.1.2-21].
        keep_alive_s: Option<u16>,
    },
    /// The subscription stands.
    Subscribed,
    /// A message, the first time it came.
    Message(&'a [u8]),
    /// A message at QoS 2 that was sent again before it was released.
    Repeated,
    /// A publish is done; it was meant to leave then.
    Acknowledged(Nanos),
    /// The broker refused a publish.
    Rejected(Reason),
    /// The answer to a ping.
    Pong,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Silent,
    Greeting,
    Open,
    Subscribing,
}

/// One message to publish.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// When it was meant to leave; given back when it is done.
    pub(crate) intended: Nanos,
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

    /// Whether the window has room for another publish at this quality.
    pub(crate) fn may_publish(&self, qos: Qos) -> bool {
        qos == Qos::AtMostOnce || self.outflow.as_ref().is_some_and(|outflow| outflow.has_room())
    }

    /// Appends CONNECT. The session begins clean.
    pub(crate) fn connect(&mut self, terms: &Terms, client_id: &str, out: &mut Vec<u8>) {
        self.stage = Stage::Greeting;
        let connect = Connect {
            version: terms.version,
            clean_start: true,
            keep_alive_s: terms.keep_alive_s,
            properties: Properties::EMPTY,
            client_id,
            will: None,
            user_name: terms.user_name.as_deref(),
            password: terms.password.as_deref().map(str::as_bytes),
        };
        Packet::Connect(connect).encode(terms.version, out);
    }

    /// Makes this client one that may publish at QoS 1 and 2.
    pub(crate) fn open_outflow(&mut self, terms: &Terms) {
        self.outflow = Some(Box::new(Outflow::new(terms.inflight_max)));
    }

    /// Appends SUBSCRIBE.
    pub(crate) fn subscribe(&mut self, terms: &Terms, filter: &str, qos: Qos, out: &mut Vec<u8>) {
        self.stage = Stage::Subscribing;
        let mut filters = FilterBuf::new();
        filters.push(filter, SubscribeOptions { qos, ..SubscribeOptions::default() });
        let subscribe = Subscribe {
            packet_id: SUBSCRIBE_ID,
            properties: Properties::EMPTY,
            filters: filters.as_filters(),
        };
        Packet::Subscribe(subscribe).encode(terms.version, out);
    }

    /// Appends PUBLISH.
    ///
    /// # Panics
    /// If [`Client::may_publish`] says no.
    pub(crate) fn publish(&mut self, terms: &Terms, publication: Publication<'_>, out: &mut Vec<u8>) {
        let Publication { topic, payload, qos, retain, intended } = publication;
        let packet_id = (qos > Qos::AtMostOnce).then(|| {
            let outflow = self.outflow.as_mut().expect("only a client with an outflow publishes");
            outflow.begin(qos, intended)
        });
        let properties = Properties::EMPTY;
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
            (Stage::Subscribing, Packet::Suback(suback)) => self.take_suback(&suback)?,
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
        Ok(News::Connected { keep_alive_s: connack.properties.server_keep_alive_s() })
    }

    fn take_suback(&mut self, suback: &Suback<'_>) -> Result<News<'static>, Fault> {
        match suback.codes {
            [code] if *code < 0x80 => {
                self.stage = Stage::Open;
                Ok(News::Subscribed)
            }
            [code] => Err(Fault::SubscriptionRefused(*code)),
            _ => Err(Fault::Unexpected(PacketType::Suback)),
        }
    }

    fn take_publish<'a>(&mut self, terms: &Terms, publish: &Publish<'a>, out: &mut Vec<u8>) -> News<'a> {
        let Some(id) = publish.packet_id else { return News::Message(publish.payload) };
        if publish.qos == Qos::AtLeastOnce {
            encode_ack(PacketType::Puback, terms.version, id, Reason::Success, out);
            return News::Message(publish.payload);
        }
        encode_ack(PacketType::Pubrec, terms.version, id, Reason::Success, out);
        match self.held.get_or_insert_default().hold(id) {
            true => News::Message(publish.payload),
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
            Some(Step::Done(_)) if ack.reason.is_error() => Ok(News::Rejected(ack.reason)),
            Some(Step::Done(intended)) => Ok(News::Acknowledged(intended)),
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
            return outflow.refuse(ack.packet_id).map(|_| Some(News::Rejected(ack.reason))).ok_or(unexpected);
        }
        outflow.acknowledge(PacketType::Pubrec, ack.packet_id).ok_or(unexpected)?;
        encode_ack(PacketType::Pubrel, terms.version, ack.packet_id, Reason::Success, out);
        Ok(None)
    }
}

/// Whether CONNACK leaves what the workload needs. Before 5.0 it tells nothing.
fn check_offer(offer: &Properties<'_>, needs: Needs) -> Result<(), Fault> {
    let lacks = |what| Err(Fault::Lacks(what));
    let wildcards = offer.wildcard_subscription_available() != Some(false);
    match needs.extra {
        _ if offer.maximum_qos().is_some_and(|maximum| maximum < needs.qos) => lacks("the QoS asked for"),
        Extra::Wildcards | Extra::WildcardsAndRetain if !wildcards => lacks("wildcard subscriptions"),
        Extra::WildcardsAndRetain if offer.retain_available() == Some(false) => lacks("retained messages"),
        Extra::SharedSubscriptions if offer.shared_subscription_available() == Some(false) => {
            lacks("shared subscriptions")
        }
        _ => Ok(()),
    }
}
