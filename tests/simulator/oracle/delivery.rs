//! Messages to clients: is this one that the session may get, now, in this form, under this identifier?
//!
//! Owns the rules for PUBLISH. Must never know how a shard came to write it.

use ringmq_protocol::{PacketId, Publish, Qos, Version};

use super::fan_out::fits_certainly;
use super::inbound::resolve;
use super::model::{Due, Exchange, Publication, SessionIndex, Step, Variant};
use super::retained::{Demand, RetainedCopy};
use super::{Complaint, Oracle};
use crate::simulator::facts::Pace;
use crate::simulator::messages::{Message, MessageId, Messages};
use crate::simulator::wire::WireId;

/// A PUBLISH as it was given, and where.
struct Seen<'a> {
    wire: WireId,
    session: SessionIndex,
    publish: &'a Publish<'a>,
    variant: Variant,
    /// What it may be: one message, or all those that erase a topic.
    ids: Vec<MessageId>,
    pace: Pace,
}

impl Oracle {
    /// A shard gave a PUBLISH.
    pub(super) fn delivered(
        &mut self,
        wire: WireId,
        session: SessionIndex,
        publish: &Publish<'_>,
        pace: Pace,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        self.tally.given[usize::from(publish.qos.bits())] += 1;
        let topic = self.topic_of(wire, publish)?;
        let version = self.connection_mut(wire).map_or(Version::V5, |connection| connection.version);
        let mut ids = messages.find(&topic, publish.payload);
        if version.is_v5() {
            let has_expiry = publish.properties.message_expiry_s().is_some();
            ids.retain(|&id| messages.get(id).expiry_s.is_some() == has_expiry);
        }
        let Some(&first) = ids.first() else {
            return Err(format!("a message on {topic} that nobody published there, or not with this expiry"));
        };
        let mut identifiers: Vec<u32> = publish.properties.subscription_ids().collect();
        identifiers.sort_unstable();
        let variant = Variant { qos: publish.qos, retain: publish.retain, identifiers };
        let seen = Seen { wire, session, publish, variant, ids, pace };
        let message = messages.get(first);
        let name = messages.describe(first);
        let outcome = match publish.packet_id {
            Some(id) => self.under_identifier(&seen, id, messages),
            None => self.first_time(&seen, messages).map(|_| ()),
        };
        outcome
            .and_then(|()| self.check_passed_on(&seen, message))
            .map_err(|complaint| format!("{name} {complaint}"))
    }

    /// The topic, its alias resolved within the client's maximum [MQTT-3.1.2-26].
    fn topic_of(&mut self, wire: WireId, publish: &Publish<'_>) -> Result<String, Complaint> {
        let connection = self.connection_mut(wire).ok_or("a message for nobody")?;
        match publish.properties.topic_alias() {
            Some(alias) if alias.get() > connection.alias_max => {
                Err(format!("topic alias {alias} is above the maximum"))
            }
            _ => resolve(&mut connection.topics_out, publish),
        }
    }

    /// QoS 1 and 2: a first transmission, or one given again on a new connection.
    fn under_identifier(
        &mut self,
        seen: &Seen<'_>,
        id: PacketId,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        let exchanges = &self.sessions[seen.session].exchanges;
        match exchanges.get(&id).cloned().filter(|exchange| !self.is_abandoned(seen, exchange, messages)) {
            Some(exchange) => {
                self.check_repeat(seen, &exchange)?;
                self.note_repeat(seen, id, exchange.opened)?;
            }
            None => {
                if seen.publish.dup && !self.may_be_repeat(seen) {
                    return Err("has DUP set on its first transmission".into());
                }
                let found = self.first_time(seen, messages)?;
                let exchange = Exchange {
                    message: self.publications[found].message,
                    qos: seen.publish.qos,
                    step: Step::Published,
                    wire: seen.wire,
                    opened: self.moment,
                };
                self.sessions[seen.session].exchanges.insert(id, exchange);
            }
        }
        self.check_window(seen.wire, id)
    }

    /// Whether a new connection takes only packets that are too small for a message under way, which then counts as
    /// delivered [MQTT-3.1.2-25] and leaves its identifier free.
    fn is_abandoned(&self, seen: &Seen<'_>, exchange: &Exchange, messages: &Messages) -> bool {
        let message = messages.get(exchange.message);
        let is_large = !fits_certainly(&self.sessions[seen.session], message);
        let is_repeat = seen.publish.dup && seen.ids.contains(&exchange.message);
        is_large && exchange.step == Step::Published && exchange.wire != seen.wire && !is_repeat
    }

    /// [MQTT-3.3.1-1], [MQTT-4.4.0-1]: a repeat has DUP set, and comes only on a new connection.
    fn check_repeat(&self, seen: &Seen<'_>, exchange: &Exchange) -> Result<(), Complaint> {
        if !seen.ids.contains(&exchange.message) || exchange.step == Step::Released {
            return Err("was given under an identifier that is in use".into());
        }
        if exchange.wire == seen.wire {
            return Err("was given twice on one connection".into());
        }
        match seen.publish.dup {
            true => Ok(()),
            false => Err("was given again without DUP".into()),
        }
    }

    /// Repeats keep the order of the first transmissions [MQTT-4.6.0-1].
    fn note_repeat(&mut self, seen: &Seen<'_>, id: PacketId, opened: u64) -> Result<(), Complaint> {
        if let Some(exchange) = self.sessions[seen.session].exchanges.get_mut(&id) {
            exchange.wire = seen.wire;
        }
        let Some(connection) = self.connection_mut(seen.wire) else { return Ok(()) };
        match connection.last_repeat.replace(opened).is_none_or(|last| last <= opened) {
            true => Ok(()),
            false => Err("was repeated out of order".into()),
        }
    }

    /// Whether an unknown exchange with DUP may have begun on an earlier connection whose last bytes were lost.
    fn may_be_repeat(&self, seen: &Seen<'_>) -> bool {
        let session = &self.sessions[seen.session];
        let is_old = |id: &MessageId| {
            self.publications
                .iter()
                .any(|publication| publication.message == *id && publication.at < session.attached)
        };
        session.connections > 1 && seen.ids.iter().any(is_old)
    }

    /// [MQTT-3.3.4-9]: no more unacknowledged messages than the client's receive maximum.
    fn check_window(&mut self, wire: WireId, id: PacketId) -> Result<(), Complaint> {
        let connection = self.connection_mut(wire).ok_or("was given to nobody")?;
        connection.open.insert(id);
        match connection.open.len() <= usize::from(connection.window) {
            true => Ok(()),
            false => Err(format!("is one more than the window of {}", connection.window)),
        }
    }

    /// Finds out for which publication a first transmission is.
    fn first_time(&mut self, seen: &Seen<'_>, messages: &Messages) -> Result<usize, Complaint> {
        let message = messages.get(seen.ids[0]);
        let found = match self.is_ordered(seen, message) {
            true => self.take_in_order(seen, message)?,
            false => self.take_in_any_order(seen, messages)?,
        };
        let Some(found) = found else { return Err(self.why_not(seen)) };
        if message.retain {
            let given = (self.moment, seen.publish.qos);
            self.sessions[seen.session].replaced_at.entry(found).or_insert(given);
        }
        self.check_expiry(seen, found, messages)?;
        Ok(found)
    }

    /// The plain delivery that this is, in the order of its publisher [MQTT-4.6.0-6].
    fn take_in_order(&mut self, seen: &Seen<'_>, message: &Message) -> Result<Option<usize>, Complaint> {
        let open = self.open_dues(seen.session, &seen.ids, &seen.variant);
        if open.is_empty() {
            return Ok(None);
        }
        let key = (message.publisher, message.topic.clone(), message.qos, seen.publish.qos);
        let last = self.sessions[seen.session].last_given.get(&key).copied();
        let in_order =
            open.into_iter().filter(|&due| last.is_none_or(|last| self.dues[due].publication >= last));
        let rank = |due: &usize| (self.is_expired(self.dues[*due].publication), self.dues[*due].publication);
        let Some(due) = in_order.min_by_key(rank) else {
            return Err("overtook an earlier message of its publisher".into());
        };
        let publication = self.dues[due].publication;
        self.dues[due].is_given = true;
        self.sessions[seen.session].last_given.insert(key, publication);
        self.check_causal_order(seen, message, publication)?;
        Ok(Some(publication))
    }

    /// Whoever published it: what was acknowledged before another message of its topic came in is given before it.
    fn check_causal_order(
        &mut self,
        seen: &Seen<'_>,
        message: &Message,
        publication: usize,
    ) -> Result<(), Complaint> {
        let key = (message.topic.clone(), seen.publish.qos);
        let newest = self.sessions[seen.session].newest_given.get(&key).copied().unwrap_or(0);
        // A message that its publisher had to repeat may be any of its publications.
        let dues = seen.ids.iter().filter_map(|&id| self.dues_of.get(&(seen.session, id))).flatten();
        let mut publications = dues.map(|&due| &self.publications[self.dues[due].publication]);
        if publications.all(|publication| publication.acknowledged.is_some_and(|at| at < newest)) {
            return Err("came after a message that was published once it had been acknowledged".into());
        }
        let publication = &self.publications[publication];
        if publication.is_sent {
            self.sessions[seen.session].newest_given.insert(key, newest.max(publication.at));
        }
        Ok(())
    }

    /// A delivery that could be one of several kinds: what is owed comes first.
    fn take_in_any_order(
        &mut self,
        seen: &Seen<'_>,
        messages: &Messages,
    ) -> Result<Option<usize>, Complaint> {
        let Seen { session, ids, variant, .. } = seen;
        let copy = RetainedCopy { ids: ids.clone(), seen: variant.clone() };
        let live = self.take_due(*session, ids, variant, |due, is_expired| due.is_owed && !is_expired);
        if live.is_some() {
            return Ok(live);
        }
        let retained = self.take_retained(*session, &copy, Demand::Owed, messages);
        if retained.is_none() {
            let live = self.take_shared(*session, ids, variant, messages);
            let live = live.or_else(|| self.take_due(*session, ids, variant, |_, _| true));
            if live.is_some() {
                return Ok(live);
            }
        }
        let retained = retained.or_else(|| self.take_retained(*session, &copy, Demand::Any, messages));
        if let Some(publication) = retained.filter(|_| !seen.publish.dup) {
            self.check_not_replaced(*session, publication, seen.publish.qos, messages)?;
        }
        Ok(retained)
    }

    /// Finds the first plain delivery of this form that `wanted` accepts, told whether its time is over, and notes
    /// that it was given.
    pub(super) fn take_due(
        &mut self,
        session: SessionIndex,
        ids: &[MessageId],
        variant: &Variant,
        wanted: impl Fn(&Due, bool) -> bool,
    ) -> Option<usize> {
        let is_wanted = |&due: &usize| wanted(&self.dues[due], self.is_expired(self.dues[due].publication));
        let due = self.open_dues(session, ids, variant).into_iter().find(is_wanted)?;
        self.dues[due].is_given = true;
        Some(self.dues[due].publication)
    }

    /// Whether the time of a publication is over.
    pub(super) fn is_expired(&self, publication: usize) -> bool {
        self.publications[publication].expires_ms.is_some_and(|at| at <= self.now_ms)
    }

    /// Deliveries of this form that the session may get and has not got.
    fn open_dues(&self, session: SessionIndex, ids: &[MessageId], variant: &Variant) -> Vec<usize> {
        let all = ids.iter().filter_map(|&id| self.dues_of.get(&(session, id))).flatten().copied();
        let open = all.filter(|&due| !self.dues[due].is_given && self.dues[due].variants.contains(variant));
        let mut open: Vec<usize> = open.collect();
        open.sort_by_key(|&due| self.is_expired(self.dues[due].publication));
        open
    }

    /// Whether a delivery can be told from a shared or retained one, so that its order is known.
    fn is_ordered(&self, seen: &Seen<'_>, message: &Message) -> bool {
        let session = &self.sessions[seen.session];
        let matches = |filter: &str| ringmq_protocol::matches(filter, &message.topic);
        let is_shared = session.memberships.iter().any(|membership| matches(&membership.group.filter));
        let is_read = seen.publish.retain && session.reads.iter().any(|read| matches(&read.filter));
        !is_shared && !is_read && !message.payload.is_empty()
    }

    /// [MQTT-3.3.2-5], [MQTT-3.3.2-6]: not begun after its time, and the time it has spent here taken off. A message
    /// that its publisher had to repeat was published twice, and may be either.
    fn check_expiry(&self, seen: &Seen<'_>, found: usize, messages: &Messages) -> Result<(), Complaint> {
        let alike = |publication: &&Publication| seen.ids.contains(&publication.message);
        let complaint = self.expiry_of(seen, &self.publications[found], messages);
        let is_other = || {
            let mut others = self.publications.iter().filter(alike);
            others.any(|publication| self.expiry_of(seen, publication, messages).is_ok())
        };
        if complaint.is_err() && is_other() { Ok(()) } else { complaint }
    }

    fn expiry_of(
        &self,
        seen: &Seen<'_>,
        publication: &Publication,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        let side = self.sides.get(&seen.wire).and_then(|side| side.connection.as_ref());
        let told_s = seen.publish.properties.message_expiry_s();
        let asked_s = messages.get(publication.message).expiry_s;
        let (Some(expires_ms), Some(asked_s)) = (publication.expires_ms, asked_s) else {
            return if told_s.is_none() { Ok(()) } else { Err("has an expiry that nobody gave it".into()) };
        };
        let is_first = !seen.publish.dup && seen.pace == Pace::AtOnce;
        if is_first && expires_ms < self.now_ms {
            return Err(format!("was given {} ms after it expired", self.now_ms - expires_ms));
        }
        if !side.is_some_and(|connection| connection.version.is_v5()) {
            return Ok(());
        }
        let left_ms = expires_ms.saturating_sub(self.now_ms);
        let least_s = u32::try_from(left_ms / 1000).unwrap_or(u32::MAX);
        let most_s =
            if is_first { u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX) } else { asked_s };
        match told_s {
            Some(told_s) if (least_s..=most_s).contains(&told_s) => Ok(()),
            _ => Err(format!("has {told_s:?} s left, not {least_s} to {most_s}")),
        }
    }

    /// [MQTT-3.3.2-4] and its like: what travels unchanged is unchanged.
    fn check_passed_on(&self, seen: &Seen<'_>, message: &Message) -> Result<(), Complaint> {
        let side = self.sides.get(&seen.wire).and_then(|side| side.connection.as_ref());
        if !side.is_some_and(|connection| connection.version.is_v5()) || message.payload.is_empty() {
            return Ok(());
        }
        let mut passed_on = Vec::new();
        seen.publish.properties.passed_on(&mut passed_on);
        match passed_on == message.passed_on.as_properties().as_bytes() {
            true => Ok(()),
            false => Err("lost or changed its properties".into()),
        }
    }

    /// The best explanation for a delivery that is none of those that are due.
    fn why_not(&self, seen: &Seen<'_>) -> Complaint {
        let all = seen.ids.iter().filter_map(|&id| self.dues_of.get(&(seen.session, id))).flatten();
        let dues: Vec<_> = all.map(|&due| &self.dues[due]).collect();
        if let Some(due) = dues.iter().find(|due| !due.is_given) {
            return format!("was given as {:?}, not as one of {:?}", seen.variant, due.variants);
        }
        let form = format!("(QoS {}, retain {})", seen.publish.qos.bits(), seen.publish.retain);
        if !dues.is_empty() {
            return format!("was given once too often {form}");
        }
        match seen.publish.qos {
            Qos::AtMostOnce => format!("was given without a subscription {form}"),
            _ => format!("was given without a subscription, or once too often {form}"),
        }
    }
}
