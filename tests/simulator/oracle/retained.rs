//! Retained messages: what is kept of each topic, and what a new subscription must be told.
//!
//! Owns the list of what may be kept. Two publishes on different shards may reach the home of their topic in either
//! order; until it is certain which came last, both are possible. Must never know where or how they are stored.

use ringmq_protocol::Qos;

use super::fan_out::fits_certainly;
use super::letters::UnderWay;
use super::model::{Moment, Read, Session, SessionIndex, Variant};
use super::{Complaint, Oracle};
use crate::simulator::messages::{Message, MessageId, Messages};

/// A message that is, or may be, or was kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    publication: usize,
    message: MessageId,
    from: u16,
    /// When it was stored, at the earliest and at the latest.
    stored: Option<(Moment, Moment)>,
    /// When another had taken its place for certain.
    gone: Option<Moment>,
}

/// A delivery that was counted as that of a retained message.
#[derive(Clone, Debug)]
pub(crate) struct RetainedCopy {
    /// What it may be: one message, or all those that erase a topic.
    pub(crate) ids: Vec<MessageId>,
    pub(crate) seen: Variant,
}

/// Which reads are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Demand {
    /// Those that certainly owe the message.
    Owed,
    /// Those that may give it.
    Any,
}

impl Oracle {
    /// Whether a message was certainly kept before another: it was stored before, came in before on the same shard, or was
    /// acknowledged before the other was sent.
    fn precedes(&self, kept: &Kept, other: &Kept) -> bool {
        let by_time = matches!((kept.stored, other.stored), (Some(a), Some(b)) if a.1 < b.0);
        let sent = &self.publications[other.publication];
        let acknowledged = self.publications[kept.publication].acknowledged;
        by_time
            || (kept.from == other.from && kept.publication < other.publication)
            || (sent.is_sent && acknowledged.is_some_and(|at| at < sent.at))
    }

    /// The shard where the retained message of a topic lives.
    pub(super) fn retained_home(&self, topic: &str) -> u16 {
        self.seeds.home(topic, self.shard_count)
    }

    /// A publish with RETAIN 1.
    pub(super) fn keep_retained(&mut self, publication: usize, message: &Message) {
        let from = self.publications[publication].shard;
        let is_here = self.retained_home(&message.topic) == from;
        let stored = is_here.then_some((self.moment, self.moment));
        let id = self.publications[publication].message;
        let kept = Kept { publication, message: id, from, stored, gone: None };
        self.retained.entry(message.topic.clone()).or_default().push(kept);
        if is_here {
            self.supersede(&message.topic, publication);
        }
    }

    /// The letter with a retained message has been taken.
    pub(super) fn retained_landed(
        &mut self,
        under_way: &UnderWay,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        let id = self.publications[under_way.publication].message;
        let Some(earliest) = under_way.earliest else {
            return Err(format!("no letter was posted to keep {}", messages.describe(id)));
        };
        let topic = &messages.get(id).topic;
        let latest = self.moment;
        for kept in self.retained.get_mut(topic).into_iter().flatten() {
            if kept.publication == under_way.publication {
                kept.stored = Some((earliest, latest));
            }
        }
        self.supersede(topic, under_way.publication);
        Ok(())
    }

    /// What certainly came before a message that is stored is gone.
    fn supersede(&mut self, topic: &str, publication: usize) {
        let moment = self.moment;
        let Some(all) = self.retained.get(topic) else { return };
        let Some(newest) = all.iter().find(|kept| kept.publication == publication) else { return };
        let is_replaced = |kept: &Kept| kept.publication != publication && self.precedes(kept, newest);
        let replaced: Vec<bool> = all.iter().map(is_replaced).collect();
        for (kept, _) in
            self.retained.get_mut(topic).into_iter().flatten().zip(replaced).filter(|(_, is)| *is)
        {
            kept.gone.get_or_insert(moment);
        }
    }

    /// A retained message does not come after one that replaces it, once its subscription was acknowledged. QoS 0 may pass
    /// what waits for a window.
    pub(super) fn check_not_replaced(
        &self,
        session: SessionIndex,
        publication: usize,
        qos: Qos,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        let topic = &messages.get(self.publications[publication].message).topic;
        let session = &self.sessions[session];
        let reads = session.reads.iter().filter(|read| ringmq_protocol::matches(&read.filter, topic));
        let begun = reads.filter_map(|read| read.begun).max().unwrap_or(Moment::MAX);
        let all = self.retained.get(topic).map_or(&[][..], Vec::as_slice);
        let Some(copy) = all.iter().find(|kept| kept.publication == publication) else { return Ok(()) };
        let came_before = |newer: &&Kept| {
            let given = session.replaced_at.get(&newer.publication);
            given.is_some_and(|&(at, by)| at > begun && (by > Qos::AtMostOnce || qos == Qos::AtMostOnce))
        };
        // A publisher may have had to repeat its message.
        let mut others =
            all.iter().filter(|newer| newer.message != copy.message && self.precedes(copy, newer));
        match others.find(came_before) {
            Some(newer) => {
                let newer = messages.describe(self.publications[newer.publication].message);
                Err(format!("was given as a retained message after {newer}, which replaces it"))
            }
            None => Ok(()),
        }
    }

    /// Finds the read that a delivery with RETAIN 1 may belong to, and notes it. What was counted for a read before may
    /// be for another, or have been no retained message at all.
    pub(super) fn take_retained(
        &mut self,
        session: SessionIndex,
        copy: &RetainedCopy,
        demand: Demand,
        messages: &Messages,
    ) -> Option<usize> {
        let topic = messages.get(*copy.ids.first()?).topic.clone();
        let places = self.places_for(session, copy, demand, messages);
        let free =
            places.iter().find(|(read, _)| !self.sessions[session].reads[*read].given.contains_key(&topic));
        if let Some(&(read, publication)) = free {
            self.sessions[session].reads[read].given.insert(topic, copy.clone());
            return Some(publication);
        }
        for (read, publication) in places {
            let held = self.sessions[session].reads[read].given[&topic].clone();
            let others = self.places_for(session, &held, Demand::Any, messages);
            let other = others
                .iter()
                .find(|(other, _)| !self.sessions[session].reads[*other].given.contains_key(&topic));
            if let Some(&(other, _)) = other {
                self.sessions[session].reads[other].given.insert(topic.clone(), held);
            } else if self.take_due(session, &held.ids, &held.seen, |_, _| true).is_none() {
                continue;
            }
            self.sessions[session].reads[read].given.insert(topic, copy.clone());
            return Some(publication);
        }
        None
    }

    /// The reads that a copy may belong to, each with the publication that it would be: the newest first, as older
    /// ones have most likely come to their end, and those that were cancelled or hardly begun last.
    fn places_for(
        &self,
        session: SessionIndex,
        copy: &RetainedCopy,
        demand: Demand,
        messages: &Messages,
    ) -> Vec<(usize, usize)> {
        let mut reads: Vec<usize> = (0..self.sessions[session].reads.len()).rev().collect();
        reads.sort_by_key(|&read| {
            let read = &self.sessions[session].reads[read];
            (read.is_cancelled, read.begun.is_none())
        });
        let place = |index: usize| {
            let read = &self.sessions[session].reads[index];
            let kept =
                copy.ids.iter().find_map(|&id| self.kept_for(read, id, &copy.seen, demand, messages))?;
            Some((index, kept.publication))
        };
        reads.into_iter().filter_map(place).collect()
    }

    /// What was or may have been kept of a message since a read began, if a copy of it would look like `seen`.
    fn kept_for(
        &self,
        read: &Read,
        id: MessageId,
        seen: &Variant,
        demand: Demand,
        messages: &Messages,
    ) -> Option<&Kept> {
        let message = messages.get(id);
        let all = self.retained.get(&message.topic).filter(|_| read.looks_like(seen, message))?;
        all.iter().find(|kept| {
            let is_possible = kept.message == id && kept.gone.is_none_or(|gone| gone >= read.since);
            is_possible && (demand == Demand::Any || read.owes(kept))
        })
    }

    /// Every read of a session must have given what was certainly kept all the time.
    pub(super) fn check_reads(&self, session: &Session, messages: &Messages) -> Result<(), Complaint> {
        for read in session.reads.iter().filter(|read| read.begun.is_some() && !read.is_cancelled) {
            for (topic, all) in &self.retained {
                let mut possible = all.iter().filter(|kept| kept.gone.is_none_or(|gone| gone >= read.since));
                let (Some(kept), None) = (possible.next(), possible.next()) else { continue };
                if self.is_owed_to(read, session, kept, messages.get(kept.message))
                    && !read.given.contains_key(topic)
                {
                    let message = messages.describe(kept.message);
                    return Err(format!(
                        "{} was not sent the retained {message} for {}",
                        session.client, read.filter
                    ));
                }
            }
        }
        Ok(())
    }

    fn is_owed_to(&self, read: &Read, session: &Session, kept: &Kept, message: &Message) -> bool {
        let is_expired = self.is_expired(kept.publication);
        let is_stored = kept.stored.is_some_and(|(_, latest)| latest < read.since);
        let qos = read.options.qos.min(message.qos);
        // It came live while the read was under way.
        let came_live = session.replaced_at.get(&kept.publication).is_some_and(|&(at, _)| at > read.since);
        ringmq_protocol::matches(&read.filter, &message.topic)
            && is_stored
            && !came_live
            && !is_expired
            && !message.payload.is_empty()
            && qos > Qos::AtMostOnce
            && fits_certainly(session, message)
    }

    /// How many retained messages there are at least and at most.
    pub(super) fn retained_count(&self, messages: &Messages) -> (u64, u64) {
        let mut bounds = (0, 0);
        for all in self.retained.values() {
            let present = |kept: &Kept| {
                let is_expired = self.is_expired(kept.publication);
                !is_expired && !messages.get(kept.message).payload.is_empty()
            };
            let last: Vec<bool> = all.iter().filter(|kept| kept.gone.is_none()).map(present).collect();
            bounds.0 += u64::from(!last.is_empty() && last.iter().all(|&is_present| is_present));
            bounds.1 += u64::from(last.contains(&true));
        }
        bounds
    }

    /// Bytes of the names of all topics with a retained message; `None` while that is uncertain.
    pub(super) fn kept_topic_bytes(&self, messages: &Messages) -> Option<u64> {
        let mut bytes = 0;
        for (topic, all) in &self.retained {
            let mut last = all.iter().filter(|kept| kept.gone.is_none());
            let (Some(kept), None) = (last.next(), last.next()) else { return None };
            let is_expired = self.is_expired(kept.publication);
            if !is_expired && !messages.get(kept.message).payload.is_empty() {
                bytes += topic.len() as u64;
            }
        }
        Some(bytes)
    }

    /// The topics of which a message may be kept.
    pub fn retained_topics(&self) -> Vec<String> {
        self.retained.keys().cloned().collect()
    }
}

impl Read {
    /// Whether a message was kept before it began, so that it owes it.
    pub(super) fn owes(&self, kept: &Kept) -> bool {
        self.begun.is_some()
            && !self.is_cancelled
            && kept.gone.is_none()
            && kept.stored.is_some_and(|(_, latest)| latest < self.since)
    }

    fn looks_like(&self, seen: &Variant, message: &Message) -> bool {
        let identifiers = if self.identifier > 0 { vec![self.identifier] } else { Vec::new() };
        let qos = self.options.qos.min(message.qos);
        ringmq_protocol::matches(&self.filter, &message.topic)
            && *seen == Variant { qos, retain: true, identifiers }
    }
}
