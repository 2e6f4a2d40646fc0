//! Retained messages: what is kept of each topic, and what a new subscription must be told.
//!
//! Owns the list of what may be kept. Two publishes on different shards may reach the home of their topic in either
//! order; until it is certain which came last, both are possible. Must never know where or how they are stored.

use ringmq_protocol::Qos;

use super::letters::UnderWay;
use super::model::{Moment, Read, Session, SessionIndex, Variant};
use super::fan_out::fits_certainly;
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

impl Kept {
    /// Whether it certainly came before `other`.
    fn precedes(&self, other: &Kept) -> bool {
        let by_time = matches!((self.stored, other.stored), (Some(a), Some(b)) if a.1 < b.0);
        by_time || (self.from == other.from && self.publication < other.publication)
    }
}

impl Oracle {
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
    pub(super) fn retained_landed(&mut self, under_way: &UnderWay, messages: &Messages) -> Result<(), Complaint> {
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
        let Some(all) = self.retained.get_mut(topic) else { return };
        let Some(newest) = all.iter().find(|kept| kept.publication == publication).cloned() else { return };
        for kept in all.iter_mut().filter(|kept| kept.publication != publication && kept.precedes(&newest)) {
            kept.gone.get_or_insert(moment);
        }
    }

    /// Finds the read that a delivery with RETAIN 1 may belong to among those that `wanted` accepts, and notes it.
    pub(super) fn take_retained(
        &mut self,
        session: SessionIndex,
        ids: &[MessageId],
        seen: &Variant,
        message: &Message,
        wanted: impl Fn(&Read, &Kept) -> bool,
    ) -> Option<usize> {
        let Some(all) = self.retained.get(&message.topic).filter(|_| seen.retain) else { return None };
        // The newest first, an older one has most likely come to its end; those that were cancelled last.
        let mut reads: Vec<&mut Read> = self.sessions[session].reads.iter_mut().rev().collect();
        reads.sort_by_key(|read| read.is_cancelled);
        let reads = reads.into_iter();
        for read in reads.filter(|read| read.looks_like(seen, message)) {
            let possible = |kept: &&Kept| ids.contains(&kept.message) && kept.gone.is_none_or(|gone| gone >= read.since);
            if let Some(kept) = all.iter().filter(possible).find(|kept| wanted(read, kept)) {
                read.given.insert(message.topic.clone());
                return Some(kept.publication);
            }
        }
        None
    }

    /// Every read of a session must have given what was certainly kept all the time.
    pub(super) fn check_reads(&self, session: &Session, messages: &Messages) -> Result<(), Complaint> {
        for read in session.reads.iter().filter(|read| read.is_begun && !read.is_cancelled) {
            for (topic, all) in &self.retained {
                let mut possible = all.iter().filter(|kept| kept.gone.is_none_or(|gone| gone >= read.since));
                let (Some(kept), None) = (possible.next(), possible.next()) else { continue };
                if self.is_owed_to(read, session, kept, messages.get(kept.message)) && !read.given.contains(topic) {
                    let message = messages.describe(kept.message);
                    return Err(format!("{} was not sent the retained {message} for {}", session.client, read.filter));
                }
            }
        }
        Ok(())
    }

    fn is_owed_to(&self, read: &Read, session: &Session, kept: &Kept, message: &Message) -> bool {
        let is_expired = self.is_expired(kept.publication);
        let is_stored = kept.stored.is_some_and(|(_, latest)| latest < read.since);
        let qos = read.options.qos.min(message.qos);
        ringmq_protocol::matches(&read.filter, &message.topic)
            && is_stored
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
        !self.is_cancelled && kept.gone.is_none() && kept.stored.is_some_and(|(_, latest)| latest < self.since)
    }

    fn looks_like(&self, seen: &Variant, message: &Message) -> bool {
        let identifiers = if self.identifier > 0 { vec![self.identifier] } else { Vec::new() };
        let qos = self.options.qos.min(message.qos);
        let is_new = !self.given.contains(&message.topic);
        is_new
            && ringmq_protocol::matches(&self.filter, &message.topic)
            && *seen == Variant { qos, retain: true, identifiers }
    }
}
