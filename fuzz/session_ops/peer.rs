//! One client: what it asks and how it answers. `judge` looks at what it is sent.
//!
//! Owns the client's own view of its connection. Must never know the broker.

use std::collections::{BTreeMap, BTreeSet};

use ringmq_protocol::{
    Connect, Disconnect, FilterBuf, Packet, PacketId, PacketType, Properties, Property, PropertyBuf, Publish,
    Qos, Reason, Subscribe, TopicFilterBuf, Unsubscribe, Version, Will, encode_ack,
};
use ringmq_tests::simulator::WireId;
use ringmq_tests::simulator::frames::Frames;

use super::ledger::Ledger;
use super::request::{self, Alias, Draft, Request, Terms, WillDraft};

mod judge;

/// What the client must say next about a message that it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Puback,
    Pubrec,
    /// Nothing: PUBREL is the broker's to say.
    Wait,
    Pubcomp,
}

/// A message at QoS 1 or 2 that was sent on this connection, or before and then released on this one.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    id: PacketId,
    next: Next,
    is_of_this_connection: bool,
}

/// What the CONNECT of this connection asked for.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    version: Version,
    window: usize,
    packet_bytes_max: usize,
    alias_max: u16,
}

/// Where the stream of packets from the broker is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    AwaitingConnack,
    Connected,
    Dismissed,
}

/// One client.
#[derive(Debug)]
pub(super) struct Peer {
    name: String,
    /// Filters and identifiers that it ever asked for.
    filters: BTreeSet<String>,
    identifiers: BTreeSet<u32>,
    wire: Option<WireId>,
    agreed: Agreed,
    stage: Stage,
    frames: Frames,
    exchanges: Vec<Exchange>,
    /// Whether it has answered what it was not asked, so that it no longer knows what is open.
    is_confused: bool,
    /// Answers that it may get: the packet type, the identifier, and how many codes.
    awaited: BTreeSet<(PacketType, PacketId, usize)>,
    /// Topics by alias, those of the broker and its own.
    heard_aliases: BTreeMap<u16, String>,
    told_aliases: BTreeMap<u16, String>,
}

impl Peer {
    pub(super) fn new(name: String) -> Peer {
        let agreed =
            Agreed { version: Version::V5, window: 65_535, packet_bytes_max: usize::MAX, alias_max: 0 };
        Peer {
            name,
            filters: BTreeSet::new(),
            identifiers: BTreeSet::new(),
            wire: None,
            agreed,
            stage: Stage::AwaitingConnack,
            frames: Frames::default(),
            exchanges: Vec::new(),
            is_confused: false,
            awaited: BTreeSet::new(),
            heard_aliases: BTreeMap::new(),
            told_aliases: BTreeMap::new(),
        }
    }

    pub(super) fn wire(&self) -> Option<WireId> {
        self.wire
    }

    /// It has gone, or will take no notice of what still comes.
    pub(super) fn leave(&mut self) {
        self.wire = None;
    }

    /// The broker has closed the connection.
    pub(super) fn closed(&mut self) {
        assert_eq!(self.frames.rest_len(), 0, "{}: closed in the middle of a packet", self.name);
        self.leave();
    }

    /// Begins a new connection; gives its CONNECT.
    pub(super) fn connect(&mut self, wire: WireId, terms: &Terms, ledger: &mut Ledger) -> Vec<u8> {
        let name = std::mem::take(&mut self.name);
        let (filters, identifiers) =
            (std::mem::take(&mut self.filters), std::mem::take(&mut self.identifiers));
        let agreed = Agreed {
            version: terms.version(),
            window: terms.window(),
            packet_bytes_max: terms.packet_bytes_max(),
            alias_max: terms.alias_max(),
        };
        *self = Peer { filters, identifiers, wire: Some(wire), agreed, ..Peer::new(name) };
        let payload = terms.will.as_ref().map(|will| ledger.note(will.topic(), will.qos(), 8));
        let (properties, will_properties) = (terms.properties(), will_properties(terms.will.as_ref()));
        let will = terms.will.as_ref().zip(payload.as_ref()).map(|(will, payload)| Will {
            qos: will.qos(),
            retain: will.is_retained,
            properties: will_properties.as_properties(),
            topic: will.topic(),
            payload,
        });
        self.encoded(&Packet::Connect(Connect {
            version: agreed.version,
            is_bridge: false,
            clean_start: terms.is_clean,
            keep_alive_s: terms.keep_alive_s.into(),
            properties: properties.as_properties(),
            client_id: &self.name,
            will,
            user_name: None,
            password: None,
        }))
    }

    /// Gives the bytes of a request.
    pub(super) fn ask(&mut self, asked: &Request, ledger: &mut Ledger) -> Vec<u8> {
        match *asked {
            Request::Publish(ref draft) => self.publish(draft, ledger),
            Request::Subscribe { id, first, second, identifier } => {
                self.subscribe(request::packet_id(id), first, second, identifier.into())
            }
            Request::Unsubscribe { id, first, second } => {
                self.unsubscribe(request::packet_id(id), first, second)
            }
            Request::Ack { kind, id, is_refusal } => self.ack(kind, request::packet_id(id), is_refusal),
            Request::Ping => self.encoded(&Packet::Pingreq),
            Request::Disconnect { with_will, expiry_s } => self.disconnect(with_will, expiry_s),
        }
    }

    fn publish(&mut self, draft: &Draft, ledger: &mut Ledger) -> Vec<u8> {
        let mut properties = PropertyBuf::new();
        if let Some(expiry_s) = draft.expiry_s {
            properties.push(Property::MessageExpiry(expiry_s.into()));
        }
        let topic = self.named(draft, &mut properties);
        let meant = if topic.is_empty() { self.told(draft) } else { topic.to_owned() };
        let qos = draft.qos();
        let payload = ledger.note(&meant, qos, draft.payload_bytes());
        let packet_id = (qos > Qos::AtMostOnce).then(|| request::packet_id(draft.id));
        if let Some(id) = packet_id {
            let kind = if qos == Qos::AtLeastOnce { PacketType::Puback } else { PacketType::Pubrec };
            self.awaited.insert((kind, id, 0));
        }
        self.encoded(&Packet::Publish(Publish {
            dup: draft.is_repeat && packet_id.is_some(),
            qos,
            retain: draft.is_retained,
            topic,
            packet_id,
            properties: properties.as_properties(),
            payload: &payload,
        }))
    }

    /// The topic as it stands in the packet: empty where an alias stands for it.
    fn named(&mut self, draft: &Draft, properties: &mut PropertyBuf) -> &'static str {
        let topic = draft.topic();
        match draft.alias {
            Alias::Set(alias) | Alias::Use(alias) if self.agreed.version.is_v5() => {
                let alias = u16::from(alias).max(1);
                properties.push(Property::TopicAlias(alias));
                if matches!(draft.alias, Alias::Use(_)) {
                    return "";
                }
                self.told_aliases.insert(alias, topic.to_owned());
                topic
            }
            _ => topic,
        }
    }

    /// The topic that an alias stands for; the broker refuses one that stands for none.
    fn told(&self, draft: &Draft) -> String {
        let alias = match draft.alias {
            Alias::Use(alias) => u16::from(alias).max(1),
            Alias::None | Alias::Set(_) => 0,
        };
        self.told_aliases.get(&alias).cloned().unwrap_or_default()
    }

    fn subscribe(
        &mut self,
        packet_id: PacketId,
        first: (u8, u8),
        second: Option<(u8, u8)>,
        identifier: u32,
    ) -> Vec<u8> {
        let mut section = FilterBuf::new();
        for (number, bits) in [Some(first), second].into_iter().flatten() {
            let filter = request::filter(number);
            section.push(filter, request::options(bits, filter, self.agreed.version));
            self.filters.insert(filter.to_owned());
        }
        let mut properties = PropertyBuf::new();
        if identifier > 0 {
            properties.push(Property::SubscriptionId(identifier));
            self.identifiers.insert(identifier);
        }
        let filters = section.as_filters();
        self.awaited.insert((PacketType::Suback, packet_id, filters.len()));
        self.encoded(&Packet::Subscribe(Subscribe {
            packet_id,
            properties: properties.as_properties(),
            filters,
        }))
    }

    fn unsubscribe(&mut self, packet_id: PacketId, first: u8, second: Option<u8>) -> Vec<u8> {
        let mut section = TopicFilterBuf::new();
        for number in [Some(first), second].into_iter().flatten() {
            section.push(request::filter(number));
        }
        let filters = section.as_filters();
        let count = if self.agreed.version.is_v5() { filters.len() } else { 0 };
        self.awaited.insert((PacketType::Unsuback, packet_id, count));
        self.encoded(&Packet::Unsubscribe(Unsubscribe { packet_id, properties: Properties::EMPTY, filters }))
    }

    fn ack(&mut self, kind: u8, id: PacketId, is_refusal: bool) -> Vec<u8> {
        self.is_confused |= self.exchanges.iter().any(|exchange| exchange.id == id);
        let kind = [PacketType::Puback, PacketType::Pubrec, PacketType::Pubrel, PacketType::Pubcomp]
            [usize::from(kind % 4)];
        let is_first = matches!(kind, PacketType::Puback | PacketType::Pubrec);
        let reason = match (is_refusal, is_first) {
            (false, _) => Reason::Success,
            (true, true) => Reason::QuotaExceeded,
            (true, false) => Reason::PacketIdentifierNotFound,
        };
        match kind {
            PacketType::Pubrel => self.awaited.insert((PacketType::Pubcomp, id, 0)),
            PacketType::Pubrec => self.awaited.insert((PacketType::Pubrel, id, 0)),
            _ => false,
        };
        let mut bytes = Vec::new();
        encode_ack(kind, self.agreed.version, id, reason, &mut bytes);
        bytes
    }

    fn disconnect(&mut self, with_will: bool, expiry_s: Option<u16>) -> Vec<u8> {
        let mut properties = PropertyBuf::new();
        if let Some(expiry_s) = expiry_s {
            properties.push(Property::SessionExpiry(expiry_s.into()));
        }
        let reason = if with_will { Reason::DisconnectWithWill } else { Reason::Success };
        self.encoded(&Packet::Disconnect(Disconnect { reason, properties: properties.as_properties() }))
    }

    /// Answers up to `count` messages.
    pub(super) fn answer(&mut self, count: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let version = self.agreed.version;
        let waiting = self.exchanges.iter_mut().filter(|exchange| exchange.next != Next::Wait);
        for exchange in waiting.take(usize::from(count)) {
            let kind = match exchange.next {
                Next::Puback => PacketType::Puback,
                Next::Pubcomp => PacketType::Pubcomp,
                Next::Pubrec | Next::Wait => PacketType::Pubrec,
            };
            encode_ack(kind, version, exchange.id, Reason::Success, &mut bytes);
            exchange.next = Next::Wait;
            if kind == PacketType::Pubrec {
                self.awaited.insert((PacketType::Pubrel, exchange.id, 0));
            } else {
                exchange.is_of_this_connection = false;
            }
        }
        self.exchanges.retain(|exchange| exchange.is_of_this_connection || exchange.next != Next::Wait);
        bytes
    }

    fn encoded(&self, packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        packet.encode(self.agreed.version, &mut bytes);
        bytes
    }
}

fn will_properties(will: Option<&WillDraft>) -> PropertyBuf {
    let mut properties = PropertyBuf::new();
    if let Some(will) = will {
        properties.push(Property::WillDelay(will.delay_s.into()));
    }
    properties
}
