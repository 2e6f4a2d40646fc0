//! Packets from clients, at the moment at which their home shard handles them.
//!
//! Owns what each packet changes. Must never judge the client: clients here keep the rules.

use ringmq_broker::cause::Cause;
use ringmq_protocol::{
    Ack, Disconnect, Filter, Packet, PacketType, Publish, Qos, Reason, RetainHandling, Subscribe,
    SubscribeOptions, Unsubscribe, Version,
};

use super::model::{Connection, Membership, Read, SessionIndex, Step, Subscription};
use super::{Complaint, Oracle};
use crate::simulator::messages::{Messages, name_of};
use crate::simulator::wire::WireId;

impl Oracle {
    /// A shard was given bytes of a client that is at home there.
    pub(super) fn handled(
        &mut self,
        wire: WireId,
        bytes: &[u8],
        messages: &Messages,
    ) -> Result<(), Complaint> {
        self.sides.entry(wire).or_default().frames.push(bytes);
        while let Some(side) = self.sides.get_mut(&wire) {
            let version = side.connection.as_ref().map_or(Version::V5, |connection| connection.version);
            let Some((header, packet)) = side.frames.take()? else { break };
            if side.connection.as_ref().is_some_and(|connection| connection.ended.is_some()) {
                break;
            }
            let packet = Packet::decode(&header, &packet[header.header_len..], version)
                .map_err(|error| format!("a client of the simulator wrote nonsense: {error}"))?;
            self.moment += 1;
            self.packet(wire, &packet, messages)?;
        }
        let now_ms = self.now_ms;
        if let Some(connection) = self.connection_mut(wire) {
            connection.heard_ms = now_ms;
        }
        Ok(())
    }

    pub(super) fn connection_mut(&mut self, wire: WireId) -> Option<&mut Connection> {
        self.sides.get_mut(&wire)?.connection.as_mut()
    }

    fn packet(&mut self, wire: WireId, packet: &Packet<'_>, messages: &Messages) -> Result<(), Complaint> {
        if let Packet::Connect(connect) = packet {
            return self.connect(wire, connect, messages);
        }
        let Some(session) = self.session_on(wire) else { return Err("a packet before CONNECT".into()) };
        match packet {
            Packet::Publish(publish) => self.published(wire, session, publish, messages)?,
            Packet::Puback(ack) => self.finished(wire, session, ack, Qos::AtLeastOnce),
            Packet::Pubcomp(ack) => self.finished(wire, session, ack, Qos::ExactlyOnce),
            Packet::Pubrec(ack) => self.received(wire, session, ack),
            Packet::Pubrel(ack) => {
                self.sessions[session].received.remove(&ack.packet_id);
                self.owe(wire, PacketType::Pubcomp, ack, None);
            }
            Packet::Subscribe(subscribe) => self.subscribed(wire, session, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribed(wire, session, unsubscribe),
            Packet::Pingreq => {
                self.connection_mut(wire).into_iter().for_each(|connection| connection.pings += 1);
            }
            Packet::Disconnect(disconnect) => self.said_goodbye(wire, session, disconnect, messages),
            _ => return Err(format!("a client of the simulator sent {:?}", packet.kind())),
        }
        Ok(())
    }

    fn owe(&mut self, wire: WireId, kind: PacketType, ack: &Ack<'_>, publication: Option<usize>) {
        if let Some(connection) = self.connection_mut(wire) {
            connection.acks.push_back((kind, ack.packet_id, publication));
        }
    }

    fn published(
        &mut self,
        wire: WireId,
        session: SessionIndex,
        publish: &Publish<'_>,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        self.tally.handled[usize::from(publish.qos.bits())] += 1;
        let Some(connection) = self.connection_mut(wire) else { return Ok(()) };
        let topic = resolve(&mut connection.topics_in, publish)?;
        let kind = match publish.qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce => Some(PacketType::Puback),
            Qos::ExactlyOnce => Some(PacketType::Pubrec),
        };
        let known = &mut self.sessions[session];
        let is_doubtful = publish.packet_id.is_some_and(|id| known.doubtful.remove(&id));
        let is_new = match (publish.qos, publish.packet_id) {
            (Qos::ExactlyOnce, Some(id)) => known.received.insert(id) || is_doubtful,
            _ => true,
        };
        let mut publication = None;
        if is_new {
            let mut found = messages.find(&topic, publish.payload);
            let expiry_s = publish.properties.message_expiry_s();
            found.retain(|&id| {
                let message = messages.get(id);
                let is_own = name_of(message.publisher) == self.sessions[session].client;
                is_own && (message.qos, message.expiry_s) == (publish.qos, expiry_s)
            });
            let id = *found.last().ok_or("a publish that nobody made")?;
            let made = self.publish(id, self.sessions[session].shard, messages);
            self.publications[made].is_sent = true;
            if is_doubtful {
                self.doubt(made);
            }
            publication = Some(made);
        }
        if let (Some(kind), Some(id), Some(connection)) = (kind, publish.packet_id, self.connection_mut(wire))
        {
            connection.acks.push_back((kind, id, publication));
        }
        Ok(())
    }

    /// PUBACK or PUBCOMP: the client has the message.
    fn finished(&mut self, wire: WireId, session: SessionIndex, ack: &Ack<'_>, qos: Qos) {
        let exchanges = &mut self.sessions[session].exchanges;
        let is_it = exchanges.get(&ack.packet_id).is_some_and(|exchange| {
            exchange.qos == qos && (qos == Qos::AtLeastOnce || exchange.step == Step::Released)
        });
        if !is_it {
            return;
        }
        let message = exchanges.remove(&ack.packet_id).map(|exchange| exchange.message);
        if let Some(connection) = self.connection_mut(wire) {
            connection.open.remove(&ack.packet_id);
        }
        if let Some(message) = message {
            self.shared_done(message, session);
        }
    }

    /// PUBREC: the client has the message, and waits for PUBREL.
    fn received(&mut self, wire: WireId, session: SessionIndex, ack: &Ack<'_>) {
        self.owe(wire, PacketType::Pubrel, ack, None);
        let Some(exchange) = self.sessions[session].exchanges.get_mut(&ack.packet_id) else { return };
        exchange.step = Step::Released;
        let message = exchange.message;
        self.shared_done(message, session);
    }

    fn subscribed(&mut self, wire: WireId, session: SessionIndex, subscribe: &Subscribe<'_>) {
        let moment = self.moment;
        let identifier = subscribe.properties.subscription_id().unwrap_or(0);
        for (text, options) in subscribe.filters.iter() {
            self.add_subscription(session, text, options, identifier);
        }
        if let Some(connection) = self.connection_mut(wire) {
            connection.subscribes.insert(subscribe.packet_id, moment);
        }
    }

    fn add_subscription(
        &mut self,
        session: SessionIndex,
        text: &str,
        options: SubscribeOptions,
        identifier: u32,
    ) {
        let moment = self.moment;
        let Some(Filter { share, filter }) = Filter::parse(text) else { return };
        let session = &mut self.sessions[session];
        let place = session.subscriptions.iter().position(|subscription| subscription.text == text);
        let old = place.map(|place| session.subscriptions.remove(place));
        let subscription = Subscription {
            text: text.to_owned(),
            share: share.map(str::to_owned),
            filter: filter.to_owned(),
            options,
            identifier,
            is_known: old.as_ref().is_some_and(|old| old.is_known),
            since: old.as_ref().map_or(moment, |old| old.since),
        };
        if let Some(group) = subscription.group() {
            let known = session.leave_group(text, moment);
            session.memberships.push(Membership {
                group,
                options,
                identifier,
                from: moment,
                known,
                to: None,
            });
        } else if options.retain_handling == RetainHandling::Always
            || (options.retain_handling == RetainHandling::IfNew && old.is_none())
        {
            session.reads.push(Read {
                filter: filter.to_owned(),
                options,
                identifier,
                since: moment,
                begun: None,
                is_cancelled: false,
                given: std::collections::BTreeMap::new(),
            });
        }
        session.subscriptions.push(subscription);
    }

    fn unsubscribed(&mut self, wire: WireId, session: SessionIndex, unsubscribe: &Unsubscribe<'_>) {
        let moment = self.moment;
        let session = &mut self.sessions[session];
        for text in unsubscribe.filters.iter() {
            session.leave_group(text, moment);
            session.subscriptions.retain(|subscription| subscription.text != text);
            for read in session.reads.iter_mut().filter(|read| read.filter == text) {
                read.is_cancelled = true;
            }
        }
        if let Some(connection) = self.connection_mut(wire) {
            connection.unsubscribes.insert(unsubscribe.packet_id);
        }
    }

    fn said_goodbye(
        &mut self,
        wire: WireId,
        session: SessionIndex,
        disconnect: &Disconnect<'_>,
        messages: &Messages,
    ) {
        if let Some(expiry_s) = disconnect.properties.session_expiry_s() {
            self.sessions[session].expiry_s = expiry_s.min(self.policy.session_expiry_max_s);
        }
        let cause = match disconnect.reason {
            Reason::Success => Cause::ClientDisconnect,
            Reason::DisconnectWithWill => Cause::ClientDisconnectWithWill,
            _ => Cause::ClientError,
        };
        self.close(wire, cause, messages);
    }
}

impl super::model::Session {
    /// Ends the membership that a shared filter stands for; returns since when every shard had known it.
    fn leave_group(&mut self, text: &str, moment: u64) -> Option<u64> {
        let Filter { share: Some(share), filter } = Filter::parse(text)? else { return None };
        let mut open = self.memberships.iter_mut().filter(|m| m.to.is_none());
        let membership = open.find(|m| m.group.share == share && m.group.filter == filter)?;
        membership.to = Some(moment);
        membership.known
    }
}

/// The full topic of a PUBLISH; sets or looks up its alias.
pub(super) fn resolve(
    aliases: &mut std::collections::BTreeMap<u16, String>,
    publish: &Publish<'_>,
) -> Result<String, Complaint> {
    let Some(alias) = publish.properties.topic_alias() else { return Ok(publish.topic.to_owned()) };
    if publish.topic.is_empty() {
        return aliases.get(&alias.get()).cloned().ok_or_else(|| format!("alias {alias} stands for nothing"));
    }
    aliases.insert(alias.get(), publish.topic.to_owned());
    Ok(publish.topic.to_owned())
}
