//! Whether what a client is sent may be sent to it.
//!
//! Owns the rules that hold for one connection whatever the others do. Must never know what else the broker did.

use ringmq_protocol::{Ack, Filter, Header, Packet, PacketId, PacketType, Publish, Qos, matches};

use super::super::ledger::Ledger;
use super::{Exchange, Next, Peer, Stage};

impl Peer {
    /// Looks at what the broker sent.
    ///
    /// # Panics
    /// If the broker may not send it.
    pub(in super::super) fn look(&mut self, bytes: &[u8], ledger: &Ledger) {
        self.frames.push(bytes);
        while let Some((header, bytes)) = self.frames.take().expect("the broker sends good headers") {
            assert!(bytes.len() <= self.agreed.packet_bytes_max, "{}: {header:?} is too large", self.name);
            match Packet::decode(&header, &bytes[header.header_len..], self.agreed.version) {
                Ok(packet) => self.judge(&header, &packet, ledger),
                Err(error) => panic!("{}: {header:?} does not decode: {error}", self.name),
            }
        }
    }

    fn judge(&mut self, header: &Header, packet: &Packet<'_>, ledger: &Ledger) {
        let is_connack = matches!(packet, Packet::Connack(_));
        assert_eq!(is_connack, self.stage == Stage::AwaitingConnack, "{}: {packet:?}", self.name);
        assert_ne!(self.stage, Stage::Dismissed, "{}: {packet:?} behind a DISCONNECT", self.name);
        let name = &self.name;
        match packet {
            Packet::Connack(connack) => {
                self.stage = if connack.reason.is_error() { Stage::Dismissed } else { Stage::Connected };
            }
            Packet::Publish(publish) => self.published(publish, ledger),
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
                self.expect(header.kind, ack.packet_id, 0, ledger);
            }
            Packet::Pubrel(ack) => self.released(ack, ledger),
            Packet::Suback(suback) => {
                self.expect(header.kind, suback.packet_id, suback.codes.len(), ledger);
            }
            Packet::Unsuback(unsuback) => {
                self.expect(header.kind, unsuback.packet_id, unsuback.codes.len(), ledger);
            }
            Packet::Pingresp => {}
            Packet::Disconnect(_) => {
                assert!(self.agreed.version.is_v5(), "{name}: DISCONNECT from the broker before 5.0");
                self.stage = Stage::Dismissed;
            }
            _ => panic!("{name}: {packet:?} is not the broker's to send"),
        }
    }

    fn expect(&self, kind: PacketType, id: PacketId, count: usize, ledger: &Ledger) {
        let is_awaited = self.awaited.contains(&(kind, id, count));
        assert!(!ledger.is_known || is_awaited, "{}: {kind:?} {id} of {count} unasked", self.name);
    }

    fn released(&mut self, ack: &Ack<'_>, ledger: &Ledger) {
        if ledger.is_known && ack.reason.is_error() {
            self.expect(PacketType::Pubrel, ack.packet_id, 0, ledger);
        }
        match self.exchanges.iter_mut().find(|exchange| exchange.id == ack.packet_id) {
            Some(exchange) => exchange.next = Next::Pubcomp,
            None => self.exchanges.push(Exchange {
                id: ack.packet_id,
                next: Next::Pubcomp,
                is_of_this_connection: false,
            }),
        }
    }

    fn published(&mut self, publish: &Publish<'_>, ledger: &Ledger) {
        let topic = self.topic(publish);
        if let Some(id) = publish.packet_id {
            self.opened(id, publish.qos, ledger);
        }
        if ledger.is_known {
            self.check_wanted(&topic, publish);
            if let Some(noted) = ledger.find(publish.payload) {
                assert_eq!(noted.topic, topic, "{}: a message under another topic", self.name);
                assert!(publish.qos <= noted.qos, "{}: {publish:?} at a higher QoS", self.name);
            }
        }
    }

    /// The topic of a PUBLISH, with its alias resolved.
    fn topic(&mut self, publish: &Publish<'_>) -> String {
        let Some(alias) = publish.properties.topic_alias() else { return publish.topic.to_owned() };
        assert!(alias.get() <= self.agreed.alias_max, "{}: alias {alias} is too high", self.name);
        if publish.topic.is_empty() {
            return self.heard_aliases.get(&alias.get()).cloned().expect("an alias that was set before");
        }
        self.heard_aliases.insert(alias.get(), publish.topic.to_owned());
        publish.topic.to_owned()
    }

    fn opened(&mut self, id: PacketId, qos: Qos, ledger: &Ledger) {
        let is_sure = ledger.is_known && !self.is_confused;
        let is_open = self.exchanges.iter().any(|exchange| exchange.id == id);
        assert!(!is_sure || !is_open, "{}: identifier {id} is in use", self.name);
        let next = if qos == Qos::AtLeastOnce { Next::Puback } else { Next::Pubrec };
        self.exchanges.retain(|exchange| exchange.id != id);
        self.exchanges.push(Exchange { id, next, is_of_this_connection: true });
        let open_count = self.exchanges.iter().filter(|exchange| exchange.is_of_this_connection).count();
        assert!(!is_sure || open_count <= self.agreed.window, "{}: {open_count} are open", self.name);
    }

    /// Whether it ever asked for such a message.
    fn check_wanted(&self, topic: &str, publish: &Publish<'_>) {
        let wants = |filter: &String| Filter::parse(filter).is_some_and(|it| matches(it.filter, topic));
        assert!(self.filters.iter().any(wants), "{}: {topic} matches no filter", self.name);
        for id in publish.properties.subscription_ids() {
            assert!(self.identifiers.contains(&id), "{}: identifier {id} was never given", self.name);
        }
    }
}
