//! Packets to clients, at the moment at which their shard gives them.
//!
//! Owns the rules for every packet but PUBLISH, which is judged in `delivery`. Must never know why a shard wrote it.

use ringmq_protocol::{Ack, Connack, Disconnect, Packet, PacketId, PacketType, Reason, Suback, Version};

use super::model::{SessionIndex, Step};
use super::{Complaint, Oracle};
use crate::simulator::facts::Pace;
use crate::simulator::frames;
use crate::simulator::messages::Messages;
use crate::simulator::wire::WireId;

impl Oracle {
    /// A shard gave packets for a client.
    pub(super) fn given(
        &mut self,
        wire: WireId,
        bytes: &[u8],
        pace: Pace,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        for (header, bytes) in frames::cut(bytes) {
            let Some(session) = self.session_on(wire) else {
                return Err(format!("{:?} to a client that has not connected", header.kind));
            };
            let client = self.sessions[session].client.clone();
            let version = self.connection_mut(wire).map_or(Version::V5, |connection| connection.version);
            let packet = Packet::decode(&header, &bytes[header.header_len..], version).map_err(|error| {
                format!("{client} was given a {:?} that does not decode: {error}", header.kind)
            })?;
            self.check_frame(wire, bytes.len(), &packet)
                .map_err(|complaint| format!("{client}: {complaint}"))?;
            let outcome = match &packet {
                Packet::Publish(publish) => self.delivered(wire, session, publish, pace, messages),
                _ => self.answered(wire, session, &packet),
            };
            outcome.map_err(|complaint| format!("{client}: {complaint}"))?;
        }
        Ok(())
    }

    /// What holds for any packet: CONNACK comes first, DISCONNECT last, and none is too large.
    fn check_frame(&mut self, wire: WireId, len: usize, packet: &Packet<'_>) -> Result<(), Complaint> {
        let Some(connection) = self.connection_mut(wire) else { return Ok(()) };
        if len > connection.packet_bytes_max as usize {
            return Err(format!("{:?} of {len} bytes is above its limit", packet.kind()));
        }
        if connection.is_told {
            return Err(format!("{:?} after DISCONNECT", packet.kind()));
        }
        match (connection.has_connack, packet) {
            (false, Packet::Connack(_)) => connection.has_connack = true,
            (false, _) => return Err(format!("{:?} before CONNACK", packet.kind())),
            (true, Packet::Connack(_)) => return Err("a second CONNACK".into()),
            (true, _) => {}
        }
        Ok(())
    }

    fn answered(
        &mut self,
        wire: WireId,
        session: SessionIndex,
        packet: &Packet<'_>,
    ) -> Result<(), Complaint> {
        match packet {
            Packet::Connack(connack) => self.check_connack(wire, connack),
            Packet::Puback(ack) | Packet::Pubrec(ack) => {
                self.check_publish_ack(wire, session, packet.kind(), ack)
            }
            Packet::Pubcomp(ack) => self.take_ack(wire, PacketType::Pubcomp, ack.packet_id).map(|_| ()),
            Packet::Pubrel(ack) => self.check_pubrel(wire, session, ack),
            Packet::Suback(suback) => self.check_suback(wire, session, suback),
            Packet::Unsuback(unsuback) => {
                let connection = self.connection_mut(wire).ok_or("UNSUBACK for nothing")?;
                let was_asked = connection.unsubscribes.remove(&unsuback.packet_id);
                if was_asked { Ok(()) } else { Err("UNSUBACK for nothing".into()) }
            }
            Packet::Pingresp => {
                let connection = self.connection_mut(wire).ok_or("PINGRESP for nothing")?;
                connection.pings = connection.pings.checked_sub(1).ok_or("PINGRESP for nothing")?;
                Ok(())
            }
            Packet::Disconnect(disconnect) => self.check_disconnect(wire, disconnect),
            _ => Err(format!("a server does not send {:?}", packet.kind())),
        }
    }

    /// [MQTT-3.2.2-2], [MQTT-3.2.2-3]: Session Present tells the truth.
    fn check_connack(&mut self, wire: WireId, connack: &Connack<'_>) -> Result<(), Complaint> {
        let connection = self.connection_mut(wire).ok_or("CONNACK for nothing")?;
        let can_tell = connection.version != Version::V31;
        if connack.reason != Reason::Success {
            return Err(format!("CONNECT was refused: {}", connack.reason.name()));
        }
        match connack.session_present == (connection.expects_present && can_tell) {
            true => Ok(()),
            false => Err(format!("Session Present is {}", connack.session_present)),
        }
    }

    /// Takes the oldest acknowledgement of this kind that the client is owed: they come in order [MQTT-4.6.0-2].
    fn take_ack(&mut self, wire: WireId, kind: PacketType, id: PacketId) -> Result<Option<usize>, Complaint> {
        let connection = self.connection_mut(wire).ok_or("an acknowledgement for nothing")?;
        let place = connection.acks.iter().position(|owed| owed.0 == kind);
        let place = place.ok_or_else(|| format!("{kind:?} {id} for nothing"))?;
        match connection.acks.remove(place) {
            Some((_, owed, publication)) if owed == id => Ok(publication),
            owed => Err(format!("{kind:?} {id} out of order: {owed:?} is owed")),
        }
    }

    fn check_publish_ack(
        &mut self,
        wire: WireId,
        session: SessionIndex,
        kind: PacketType,
        ack: &Ack<'_>,
    ) -> Result<(), Complaint> {
        let publication = self.take_ack(wire, kind, ack.packet_id)?;
        if let Some(publication) = publication {
            self.publications[publication].acknowledged.get_or_insert(self.moment);
        }
        match (ack.reason, publication) {
            (Reason::Success, _) => Ok(()),
            (Reason::NoMatchingSubscribers, Some(publication)) => {
                let is_for_it = |due: &&super::model::Due| due.publication == publication && due.is_owed;
                match self.dues.iter().rev().find(is_for_it) {
                    Some(due) => {
                        Err(format!("no matching subscribers, but {}", self.sessions[due.session].client))
                    }
                    None => Ok(()),
                }
            }
            (Reason::QuotaExceeded, Some(publication)) => self.refused(session, ack.packet_id, publication),
            (reason, _) => Err(format!("a publish was answered with {}", reason.name())),
        }
    }

    /// PUBREL answers PUBREC, or is given again on a new connection.
    fn check_pubrel(&mut self, wire: WireId, session: SessionIndex, ack: &Ack<'_>) -> Result<(), Complaint> {
        let id = ack.packet_id;
        let exchange = self.sessions[session].exchanges.get_mut(&id);
        let is_released = exchange.as_ref().is_some_and(|exchange| exchange.step == Step::Released);
        let is_repeat = exchange.as_ref().is_some_and(|exchange| exchange.wire != wire);
        if let Some(exchange) = exchange {
            exchange.wire = wire;
        }
        let answers = self.take_ack(wire, PacketType::Pubrel, id);
        match (answers, is_released) {
            (Ok(_), true) => Ok(()),
            (Ok(_), false) if ack.reason == Reason::PacketIdentifierNotFound => Ok(()),
            (Err(_), true) if is_repeat => Ok(()),
            _ => Err(format!("PUBREL {id} for nothing")),
        }
    }

    fn check_suback(
        &mut self,
        wire: WireId,
        session: SessionIndex,
        suback: &Suback<'_>,
    ) -> Result<(), Complaint> {
        let now = self.moment;
        let connection = self.connection_mut(wire).ok_or("SUBACK for nothing")?;
        let asked = connection.subscribes.remove(&suback.packet_id).ok_or("SUBACK for nothing")?;
        let session = &mut self.sessions[session];
        for subscription in
            session.subscriptions.iter_mut().filter(|subscription| subscription.since <= asked)
        {
            subscription.is_known = true;
        }
        for membership in session.memberships.iter_mut().filter(|membership| membership.from <= asked) {
            membership.known.get_or_insert(now);
        }
        for read in session.reads.iter_mut().filter(|read| read.since == asked) {
            read.begun.get_or_insert(now);
        }
        Ok(())
    }

    /// DISCONNECT gives the reason for which the connection ended [MQTT-3.14.0-1]; none is sent before 5.0.
    fn check_disconnect(&mut self, wire: WireId, disconnect: &Disconnect<'_>) -> Result<(), Complaint> {
        let connection = self.connection_mut(wire).ok_or("DISCONNECT for nothing")?;
        connection.is_told = true;
        let expected = connection.ended.and_then(|cause| cause.row().reason);
        match connection.version.is_v5() && expected == Some(disconnect.reason) {
            true => Ok(()),
            false => Err(format!("DISCONNECT with {} where {expected:?} is due", disconnect.reason.name())),
        }
    }
}
