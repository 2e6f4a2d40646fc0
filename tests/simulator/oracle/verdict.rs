//! What must hold when all is calm: everything owed has come, nothing is under way, and the counters agree.
//!
//! Owns those checks. Must never be asked while anything moves.

use ringmq_broker::counters::Counters;

use super::fan_out::fits_certainly;
use super::model::{Due, Exchange, Session};
use super::{Complaint, Oracle};
use crate::simulator::messages::{MessageId, Messages};
use crate::simulator::wire::WireId;

impl Oracle {
    /// Whether every client that is at the end of one of these wires has got what it is owed.
    ///
    /// # Errors
    /// What is missing.
    pub fn check_calm(&self, present: &[WireId], messages: &Messages) -> Result<(), Complaint> {
        self.check_dues(present, messages)?;
        for session in self.sessions.iter().filter(|session| is_present(session, present)) {
            let is_lasting = |exchange: &Exchange| fits_certainly(session, messages.get(exchange.message));
            if let Some((id, exchange)) = session.exchanges.iter().find(|(_, exchange)| is_lasting(exchange))
            {
                let message = messages.describe(exchange.message);
                return Err(format!("{}: the exchange {id} of {message} is not over", session.client));
            }
            self.check_reads(session, messages)?;
        }
        self.check_silence()?;
        self.check_answers(present)
    }

    /// [MQTT-3.1.2-22]: whoever is silent for too long is no longer connected. A connection that is not read, because
    /// too much waits to be sent on it, is another matter.
    fn check_silence(&self) -> Result<(), Complaint> {
        let connections = self.sides.values().filter_map(|side| side.connection.as_ref());
        for connection in connections.filter(|connection| connection.ended.is_none() && self.has_long_queues)
        {
            let silent_ms = self.now_ms - connection.heard_ms;
            let limit_ms = u64::from(connection.keep_alive_s) * 1500;
            if limit_ms > 0 && silent_ms >= limit_ms {
                let client = &self.sessions[connection.session].client;
                return Err(format!(
                    "{client} is connected after {silent_ms} ms of silence, of {limit_ms} ms"
                ));
            }
        }
        Ok(())
    }

    /// Whether every shared publication has reached somebody. All members must be connected.
    ///
    /// # Errors
    /// The first that has not.
    pub fn check_groups(&self, messages: &Messages) -> Result<(), Complaint> {
        self.check_shared(messages)
    }

    fn check_dues(&self, present: &[WireId], messages: &Messages) -> Result<(), Complaint> {
        for due in self.dues.iter().filter(|due| due.is_owed && !due.is_given) {
            let session = &self.sessions[due.session];
            let publication = &self.publications[due.publication];
            let is_expired = self.is_expired(due.publication);
            let message = messages.get(publication.message);
            let is_expected =
                is_present(session, present) && !is_expired && !self.is_swapped(due, publication.message);
            if is_expected && fits_certainly(session, message) {
                let message = messages.describe(publication.message);
                return Err(format!("{} never got {message}", session.client));
            }
        }
        Ok(())
    }

    /// Whether another publication of the same message, which need not have come, was counted in place of this one.
    fn is_swapped(&self, due: &Due, id: MessageId) -> bool {
        let of_message =
            self.dues_of.get(&(due.session, id)).into_iter().flatten().map(|&other| &self.dues[other]);
        let mut given = of_message.filter(|other| other.is_given && !other.is_owed);
        given.any(|other| other.variants.iter().any(|variant| due.variants.contains(variant)))
    }

    fn check_answers(&self, present: &[WireId]) -> Result<(), Complaint> {
        let sides = present.iter().filter_map(|wire| self.sides.get(wire));
        for connection in sides.filter_map(|side| side.connection.as_ref()) {
            let client = &self.sessions[connection.session].client;
            if let Some((kind, id, _)) = connection.acks.front() {
                return Err(format!("{client} never got {kind:?} {id}"));
            }
            let is_unanswered = !connection.subscribes.is_empty() || !connection.unsubscribes.is_empty();
            if is_unanswered || connection.pings > 0 || !connection.has_connack {
                return Err(format!("{client} never got an answer"));
            }
        }
        Ok(())
    }

    /// Whether the broker counts what was seen from outside, where `open` wires are with a shard.
    ///
    /// # Errors
    /// The first counter that does not agree.
    pub fn check_counters(
        &self,
        counters: &Counters,
        open: u64,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        let connected = self.sessions.iter().filter(|session| session.wire.is_some()).count() as u64;
        let living = self.living.values().map(|&session| &self.sessions[session]);
        let subscriptions = living.map(|session| session.subscriptions.len() as u64).sum();
        let ended: u64 = counters.ended.iter().sum();
        let tally = &self.tally;
        let letters = if self.is_sabotaged { counters.letters_received } else { counters.letters_posted };
        for (name, counted, expected) in [
            ("connections", counters.connections, open),
            ("handshakes", counters.handshakes, open - connected),
            ("sessions", counters.sessions, self.living.len() as u64),
            ("subscriptions", counters.subscriptions, subscriptions),
            ("connects_accepted", counters.connects_accepted, tally.connects),
            ("sessions_expired", counters.sessions_expired, tally.expired),
            ("wills_published", counters.wills_published, tally.wills),
            ("publish_received_qos0", counters.publish_received_qos0, tally.handled[0]),
            ("publish_received_qos1", counters.publish_received_qos1, tally.handled[1]),
            ("publish_received_qos2", counters.publish_received_qos2, tally.handled[2]),
            ("letters_received", counters.letters_received, letters),
            ("connections_opened", counters.connections_opened, open + ended + counters.handoffs),
            ("dropped_backlog", counters.dropped_backlog, 0),
            ("message_bytes", counters.message_bytes, self.retained_message_bytes(counters, messages)),
        ] {
            if counted != expected {
                return Err(format!("{name} is {counted}, not {expected}"));
            }
        }
        if self.has_sys {
            return self.check_sent(counters);
        }
        let (least, most) = self.retained_count(messages);
        match (least..=most).contains(&counters.retained) {
            true => self.check_sent(counters),
            false => Err(format!("{} retained messages, not {least} to {most}", counters.retained)),
        }
    }

    /// What was written may have been lost with its connection, but nothing was given that was not counted.
    fn check_sent(&self, counters: &Counters) -> Result<(), Complaint> {
        let sent = [counters.publish_sent_qos0, counters.publish_sent_qos1, counters.publish_sent_qos2];
        for (qos, (sent, given)) in sent.into_iter().zip(self.tally.given).enumerate() {
            if sent < given {
                return Err(format!("publish_sent_qos{qos} is {sent}, but {given} were given"));
            }
        }
        Ok(())
    }

    /// Bytes of messages that the retained ones account for: their footprint without the names of their topics. Not
    /// judged while it is uncertain which messages are kept, nor beside `$SYS` or half a CONNECT.
    fn retained_message_bytes(&self, counters: &Counters, messages: &Messages) -> u64 {
        match self.kept_topic_bytes(messages) {
            Some(names) if !self.has_sys && counters.handshakes == 0 => {
                counters.retained_bytes.saturating_sub(names)
            }
            _ => counters.message_bytes,
        }
    }
}

fn is_present(session: &Session, present: &[WireId]) -> bool {
    !session.is_over && session.wire.is_some_and(|wire| present.contains(&wire))
}
