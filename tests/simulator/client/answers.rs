//! What a client does with each packet, and what it complains of.
//!
//! Owns the client's half of the exchanges. Must never know the broker's inside.

use ringmq_protocol::{
    Ack, Connack, Packet, PacketId, PacketType, Publish, Qos, Reason, Suback, Version, encode_ack,
};

use super::{Client, Offer, Stage, Step};
use crate::simulator::messages::Messages;
use crate::simulator::world::World;

impl Client {
    pub(super) fn answer(
        &mut self,
        world: &mut World,
        messages: &Messages,
        packet: &Packet<'_>,
    ) -> Result<(), String> {
        match packet {
            Packet::Connack(connack) => return self.connack(world, messages, connack),
            _ if self.stage != Stage::Connected => return Err(format!("{:?} before CONNACK", packet.kind())),
            Packet::Publish(publish) => self.published(world, publish),
            Packet::Puback(ack) => self.puback(ack)?,
            Packet::Pubrec(ack) => self.pubrec(world, ack)?,
            Packet::Pubrel(ack) => {
                self.incoming.remove(&ack.packet_id);
                self.send_ack(world, PacketType::Pubcomp, ack.packet_id);
            }
            Packet::Pubcomp(ack) => self.pubcomp(ack)?,
            Packet::Suback(suback) => self.suback(suback)?,
            Packet::Unsuback(unsuback) => self.answered(unsuback.packet_id, unsuback.codes.len())?,
            Packet::Pingresp => {}
            Packet::Disconnect(_) if self.version.is_v5() => self.is_leaving = true,
            _ => return Err(format!("a server does not send {:?}", packet.kind())),
        }
        Ok(())
    }

    fn connack(
        &mut self,
        world: &mut World,
        messages: &Messages,
        connack: &Connack<'_>,
    ) -> Result<(), String> {
        if self.stage != Stage::Connecting {
            return Err("a second CONNACK".into());
        }
        if connack.reason != Reason::Success {
            return Err(format!("CONNECT was refused: {}", connack.reason.name()));
        }
        self.stage = Stage::Connected;
        self.owes_clean_start = false;
        self.offer = Offer {
            receive_max: connack.properties.receive_maximum().map_or(u16::MAX, std::num::NonZero::get),
            alias_max: connack.properties.topic_alias_maximum().unwrap_or(0),
        };
        // Before 3.1.1 a client is not told.
        if !connack.session_present && self.version != Version::V31 {
            self.forget_session();
        }
        self.resume(world, messages);
        Ok(())
    }

    /// Sends again what was under way on the last connection [MQTT-4.4.0-1].
    fn resume(&mut self, world: &mut World, messages: &Messages) {
        for outgoing in self.outgoing.clone() {
            match outgoing.step {
                Step::Publish => {
                    self.send_publish(world, messages.get(outgoing.message), Some(outgoing.packet_id), true);
                }
                Step::Pubrel => self.send_now(world, PacketType::Pubrel, outgoing.packet_id),
            }
        }
    }

    fn send_now(&self, world: &mut World, kind: PacketType, packet_id: PacketId) {
        let mut bytes = Vec::new();
        encode_ack(kind, self.version, packet_id, Reason::Success, &mut bytes);
        if let Some(wire) = self.wire {
            world.send(wire, &bytes);
        }
    }

    fn published(&mut self, world: &mut World, publish: &Publish<'_>) {
        match (publish.qos, publish.packet_id) {
            (Qos::AtLeastOnce, Some(id)) => self.send_ack(world, PacketType::Puback, id),
            (Qos::ExactlyOnce, Some(id)) => {
                self.incoming.insert(id);
                self.send_ack(world, PacketType::Pubrec, id);
            }
            _ => {}
        }
    }

    fn puback(&mut self, ack: &Ack<'_>) -> Result<(), String> {
        self.check_ack(ack)?;
        let place = self.place_of(ack.packet_id, Step::Publish).ok_or("PUBACK for nothing")?;
        self.outgoing.remove(place);
        Ok(())
    }

    fn pubrec(&mut self, world: &mut World, ack: &Ack<'_>) -> Result<(), String> {
        self.check_ack(ack)?;
        let place = self.place_of(ack.packet_id, Step::Publish).ok_or("PUBREC for nothing")?;
        if ack.reason == Reason::QuotaExceeded {
            self.outgoing.remove(place);
            return Ok(());
        }
        self.outgoing[place].step = Step::Pubrel;
        self.send_now(world, PacketType::Pubrel, ack.packet_id);
        Ok(())
    }

    fn pubcomp(&mut self, ack: &Ack<'_>) -> Result<(), String> {
        let place = self.place_of(ack.packet_id, Step::Pubrel).ok_or("PUBCOMP for nothing")?;
        self.outgoing.remove(place);
        Ok(())
    }

    fn check_ack(&self, ack: &Ack<'_>) -> Result<(), String> {
        match ack.reason {
            // Whether it may be refused is for the oracle to say.
            Reason::Success | Reason::NoMatchingSubscribers | Reason::QuotaExceeded => Ok(()),
            reason => Err(format!("a publish was refused: {}", reason.name())),
        }
    }

    fn place_of(&self, id: PacketId, step: Step) -> Option<usize> {
        self.outgoing.iter().position(|outgoing| outgoing.packet_id == id && outgoing.step == step)
    }

    fn suback(&mut self, suback: &Suback<'_>) -> Result<(), String> {
        match suback.codes.iter().find(|&&code| code >= 0x80) {
            Some(code) => Err(format!("a filter was refused with {code:#04x}")),
            None => self.answered(suback.packet_id, suback.codes.len()),
        }
    }

    fn answered(&mut self, packet_id: PacketId, codes: usize) -> Result<(), String> {
        let asked = self.requests.remove(&packet_id).ok_or("SUBACK or UNSUBACK for nothing")?;
        match codes == asked || (codes == 0 && !self.version.is_v5()) {
            true => Ok(()),
            false => Err(format!("{codes} codes for {asked} filters")),
        }
    }
}
