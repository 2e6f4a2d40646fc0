//! One client that keeps the rules: its session, its connection, and its answers.
//!
//! Owns what a client library would own. Must never know the broker's inside; a broker that breaks a rule which a
//! client can see is complained of here.

mod answers;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use ringmq_protocol::{
    Disconnect, FilterBuf, Packet, PacketId, PacketType, Properties, Property, PropertyBuf, Publish, Qos,
    Reason, Subscribe, SubscribeOptions, TopicFilterBuf, Unsubscribe, Version, encode_ack,
};

use super::frames::Frames;
use super::messages::{Message, MessageId, Messages};
use super::wire::{ClientEnd, WireId};
use super::world::World;
pub use terms::Terms;

/// Where a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// It has no wire.
    Away,
    /// It waits for CONNACK.
    Connecting,
    /// It is connected.
    Connected,
}

/// How soon a client acknowledges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answers {
    /// At once.
    Now,
    /// Not before it is told to.
    Held,
}

/// A step of a message that the client publishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Publish,
    Pubrel,
}

#[derive(Clone, Debug)]
struct Outgoing {
    packet_id: PacketId,
    message: MessageId,
    step: Step,
}

/// What the server announced in CONNACK.
#[derive(Clone, Copy, Debug)]
struct Offer {
    receive_max: u16,
    alias_max: u16,
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its identifier.
    pub name: String,
    /// What it speaks.
    pub version: Version,
    wire: Option<WireId>,
    stage: Stage,
    frames: Frames,
    next_id: u16,
    outgoing: Vec<Outgoing>,
    incoming: BTreeSet<PacketId>,
    /// Filters asked for in SUBSCRIBE and UNSUBSCRIBE, counted, until they are answered.
    requests: BTreeMap<PacketId, usize>,
    answers: Answers,
    held: Vec<u8>,
    offer: Offer,
    aliases: Vec<String>,
    is_leaving: bool,
    /// It has forgotten its session, and the broker does not know yet.
    owes_clean_start: bool,
}

impl Client {
    /// A client that has never connected.
    pub fn new(name: String, version: Version) -> Client {
        Client {
            name,
            version,
            wire: None,
            stage: Stage::Away,
            frames: Frames::default(),
            next_id: 0,
            outgoing: Vec::new(),
            incoming: BTreeSet::new(),
            requests: BTreeMap::new(),
            answers: Answers::Now,
            held: Vec::new(),
            offer: Offer { receive_max: u16::MAX, alias_max: 0 },
            aliases: Vec::new(),
            is_leaving: false,
            owes_clean_start: false,
        }
    }

    /// Where it is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Its wire.
    pub fn wire(&self) -> Option<WireId> {
        self.wire
    }

    /// Messages it has published and the broker has not yet taken over for good.
    pub fn outgoing_count(&self) -> usize {
        self.outgoing.len()
    }

    /// Whether everything it asked for has been answered.
    pub fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.requests.is_empty() && self.held.is_empty()
    }

    /// Connects at `shard`. A wire that it still has is left as it is: the broker will take the session over.
    pub fn connect(&mut self, world: &mut World, messages: &Messages, shard: u16, terms: &Terms) {
        let wire = world.connect_at(shard);
        self.leave();
        self.wire = Some(wire);
        self.stage = Stage::Connecting;
        self.is_leaving = false;
        let mut terms = terms.clone();
        if self.owes_clean_start {
            terms.clean_start = true;
            terms.expiry_s = if self.version.is_v5() { terms.expiry_s } else { 0 };
        }
        if terms.clean_start {
            self.forget_session();
            self.owes_clean_start = true;
        }
        let mut bytes = Vec::new();
        terms.encode(self, messages, &mut bytes);
        world.send(wire, &bytes);
    }

    /// Publishes a message; tells whether it could.
    pub fn publish(&mut self, world: &mut World, messages: &Messages, id: MessageId) -> bool {
        let message = messages.get(id);
        let is_full = self.outgoing.len() >= usize::from(self.offer.receive_max.min(60_000));
        if self.stage != Stage::Connected || self.is_leaving || (message.qos > Qos::AtMostOnce && is_full) {
            return false;
        }
        let packet_id = (message.qos > Qos::AtMostOnce).then(|| self.fresh_id());
        if let Some(packet_id) = packet_id {
            self.outgoing.push(Outgoing { packet_id, message: id, step: Step::Publish });
        }
        self.send_publish(world, message, packet_id, false);
        true
    }

    /// Subscribes to filters, with an identifier if that is not 0.
    pub fn subscribe(&mut self, world: &mut World, filters: &[(String, SubscribeOptions)], identifier: u32) {
        if self.stage != Stage::Connected || self.is_leaving {
            return;
        }
        let packet_id = self.fresh_id();
        self.requests.insert(packet_id, filters.len());
        let mut section = FilterBuf::new();
        for (filter, options) in filters {
            section.push(filter, *options);
        }
        let mut properties = PropertyBuf::new();
        if identifier > 0 && self.version.is_v5() {
            properties.push(Property::SubscriptionId(identifier));
        }
        let filters = section.as_filters();
        self.send(
            world,
            &Packet::Subscribe(Subscribe { packet_id, properties: properties.as_properties(), filters }),
        );
    }

    /// Unsubscribes from filters.
    pub fn unsubscribe(&mut self, world: &mut World, filters: &[String]) {
        if self.stage != Stage::Connected || self.is_leaving {
            return;
        }
        let packet_id = self.fresh_id();
        self.requests.insert(packet_id, filters.len());
        let mut section = TopicFilterBuf::new();
        for filter in filters {
            section.push(filter);
        }
        let filters = section.as_filters();
        self.send(
            world,
            &Packet::Unsubscribe(Unsubscribe { packet_id, properties: Properties::EMPTY, filters }),
        );
    }

    /// Says goodbye, with a new session expiry if one is given.
    pub fn disconnect(&mut self, world: &mut World, reason: Reason, expiry_s: Option<u32>) {
        if self.stage != Stage::Connected || self.is_leaving {
            return;
        }
        let mut properties = PropertyBuf::new();
        if let Some(expiry_s) = expiry_s {
            properties.push(Property::SessionExpiry(expiry_s));
        }
        self.is_leaving = true;
        self.send(world, &Packet::Disconnect(Disconnect { reason, properties: properties.as_properties() }));
        if let Some(wire) = self.wire {
            world.hang_up(wire);
        }
        self.leave();
    }

    /// The wire breaks.
    pub fn cut(&mut self, world: &mut World, how: ClientEnd) {
        if let Some(wire) = self.wire {
            world.end(wire, how);
        }
        self.leave();
    }

    /// A sign of life.
    pub fn ping(&mut self, world: &mut World) {
        if self.stage == Stage::Connected && !self.is_leaving {
            self.send(world, &Packet::Pingreq);
        }
    }

    /// Acknowledges from now on at once, or only later.
    pub fn set_answers(&mut self, world: &mut World, answers: Answers) {
        self.answers = answers;
        if let (Answers::Now, Some(wire)) = (answers, self.wire) {
            world.send(wire, &std::mem::take(&mut self.held));
        }
    }

    /// Looks at what has arrived, answers it, and gives it back packet by packet.
    ///
    /// # Errors
    /// What the broker did wrong.
    pub fn take(&mut self, world: &mut World, messages: &Messages) -> Result<Vec<Vec<u8>>, String> {
        let Some(wire) = self.wire else { return Ok(Vec::new()) };
        let bytes = world.received(wire);
        self.frames.push(&bytes);
        let mut packets = Vec::new();
        while let Some((header, bytes)) = self.frames.take()? {
            let packet =
                Packet::decode(&header, &bytes[header.header_len..], self.version).map_err(|error| {
                    format!("{} was sent a {:?} that does not decode: {error}", self.name, header.kind)
                })?;
            self.answer(world, messages, &packet)
                .map_err(|complaint| format!("{}: {complaint}", self.name))?;
            packets.push(bytes);
        }
        if world.is_closed(wire) && self.wire == Some(wire) {
            if self.frames.rest_len() > 0 {
                return Err(format!("{}: the connection was closed in the middle of a packet", self.name));
            }
            self.leave();
        }
        Ok(packets)
    }

    /// Forgets the connection, not the session.
    fn leave(&mut self) {
        self.wire = None;
        self.stage = Stage::Away;
        self.frames = Frames::default();
        self.requests.clear();
        self.held.clear();
        self.aliases.clear();
    }

    fn forget_session(&mut self) {
        self.outgoing.clear();
        self.incoming.clear();
    }

    fn fresh_id(&mut self) -> PacketId {
        loop {
            self.next_id = self.next_id.wrapping_add(1);
            let Some(id) = PacketId::new(self.next_id) else { continue };
            if !self.requests.contains_key(&id)
                && self.outgoing.iter().all(|outgoing| outgoing.packet_id != id)
            {
                return id;
            }
        }
    }

    fn send(&self, world: &mut World, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        if let Some(wire) = self.wire {
            world.send(wire, &bytes);
        }
    }

    fn send_ack(&mut self, world: &mut World, kind: PacketType, packet_id: PacketId) {
        let mut bytes = Vec::new();
        encode_ack(kind, self.version, packet_id, Reason::Success, &mut bytes);
        match (self.answers, self.wire) {
            (Answers::Now, Some(wire)) => world.send(wire, &bytes),
            _ => self.held.extend(bytes),
        }
    }

    fn send_publish(&mut self, world: &mut World, message: &Message, packet_id: Option<PacketId>, dup: bool) {
        let mut properties = message.passed_on.clone();
        if let Some(expiry_s) = message.expiry_s {
            properties.push(Property::MessageExpiry(expiry_s));
        }
        let alias = self.alias_for(&message.topic);
        let mut topic = message.topic.as_str();
        if let Some((alias, is_known)) = alias {
            properties.push(Property::TopicAlias(alias));
            topic = if is_known { "" } else { topic };
        }
        let publish = Publish {
            dup,
            qos: message.qos,
            retain: message.retain,
            topic,
            packet_id,
            properties: properties.as_properties(),
            payload: &message.payload,
        };
        self.send(world, &Packet::Publish(publish));
    }

    /// The alias of a topic, and whether the server knows it already.
    fn alias_for(&mut self, topic: &str) -> Option<(u16, bool)> {
        if let Some(place) = self.aliases.iter().position(|known| known == topic) {
            return Some((u16::try_from(place + 1).ok()?, true));
        }
        if self.aliases.len() >= usize::from(self.offer.alias_max) {
            return None;
        }
        self.aliases.push(topic.to_owned());
        Some((u16::try_from(self.aliases.len()).ok()?, false))
    }
}
