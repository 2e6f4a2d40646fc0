//! Who must and who may get a message.
//!
//! Owns the naive fan-out: every living session, every subscription, one after the other. Must never know the order
//! in which a broker would do it.

use super::letters::UnderWay;
use super::model::{CopyFor, Due, Publication, Session, SessionIndex, Subscription, Variant};
use super::{Complaint, Oracle, Promise};
use crate::simulator::messages::{Message, MessageId, Messages, name_of};
use ringmq_broker::policy::Overlapping;

impl Oracle {
    /// A message is published on a shard. Returns its place among all publications.
    pub(super) fn publish(&mut self, id: MessageId, shard: u16, messages: &Messages) -> usize {
        let message = messages.get(id);
        let publication = self.publications.len();
        let expires_ms = message.expiry_s.map(|s| self.now_ms + u64::from(s) * 1000);
        self.publications.push(Publication {
            message: id,
            shard,
            at: self.moment,
            is_sent: false,
            acknowledged: None,
            expires_ms,
        });
        self.expect_elsewhere(publication, message);
        self.reach(publication, shard, messages);
        for to in (0..self.shard_count).filter(|&to| to != shard) {
            self.letters.leave(publication, shard, to);
        }
        self.share(publication, message);
        if message.retain {
            self.keep_retained(publication, message);
        }
        publication
    }

    /// Sessions on other shards whose subscriptions every shard knows are owed a copy, whatever it will look like.
    fn expect_elsewhere(&mut self, publication: usize, message: &Message) {
        let Publication { shard, message: id, .. } = self.publications[publication];
        for session in self.living_sessions(|session| session.shard != shard) {
            let known = |subscription: &Subscription| subscription.is_known;
            for (copy_for, _) in self.copies(session, message, known) {
                self.add_due(
                    Due {
                        publication,
                        session,
                        copy_for,
                        variants: Vec::new(),
                        is_owed: true,
                        is_given: false,
                    },
                    id,
                );
            }
        }
    }

    /// A shard hands a publication to its subscribers, or may be doing so.
    pub(super) fn reach(&mut self, publication: usize, shard: u16, messages: &Messages) {
        let Publication { message: id, shard: home, .. } = self.publications[publication];
        let message = messages.get(id);
        for session in self.living_sessions(|session| session.shard == shard) {
            let copies = self.copies(session, message, |_| true);
            for due in self.dues_for(session, id, publication) {
                if copies.iter().all(|(copy_for, _)| *copy_for != self.dues[due].copy_for) {
                    self.dues[due].is_owed = false;
                }
            }
            for (copy_for, variant) in copies {
                let is_certain = self.is_certain(session, &variant, message);
                let known = self.dues_for(session, id, publication);
                let same = known.into_iter().find(|&due| self.dues[due].copy_for == copy_for);
                if let Some(due) = same {
                    let due = &mut self.dues[due];
                    due.is_owed &= is_certain;
                    if !due.variants.contains(&variant) {
                        due.variants.push(variant);
                    }
                } else {
                    let is_owed = is_certain && shard == home;
                    let variants = vec![variant];
                    self.add_due(
                        Due { publication, session, copy_for, variants, is_owed, is_given: false },
                        id,
                    );
                }
            }
        }
    }

    /// The letter with a publication, if there was one, has been taken.
    pub(super) fn landed(&mut self, under_way: &UnderWay, messages: &Messages) -> Result<(), Complaint> {
        let Publication { message: id, .. } = self.publications[under_way.publication];
        let message = messages.get(id);
        // One that is refused has no letter, and its answer comes only now; one that is lost is missed in the calm.
        let is_unsent = |due: &Due| due.is_owed && due.variants.is_empty() && !self.has_refusals();
        for session in self.living_sessions(|session| session.shard == under_way.to) {
            for due in self.dues_for(session, id, under_way.publication) {
                if is_unsent(&self.dues[due]) {
                    let client = &self.sessions[session].client;
                    return Err(format!("no letter was posted with {} for {client}", messages.describe(id)));
                }
            }
        }
        if message.retain && self.retained_home(&message.topic) == under_way.to {
            self.retained_landed(under_way, messages)?;
        }
        Ok(())
    }

    /// The copies of a message that a session gets, judged by those of its plain subscriptions that `counts` accepts.
    fn copies(
        &self,
        session: SessionIndex,
        message: &Message,
        counts: impl Fn(&Subscription) -> bool,
    ) -> Vec<(CopyFor, Variant)> {
        let session = &self.sessions[session];
        let is_own = name_of(message.publisher) == session.client;
        let matching: Vec<&Subscription> = session
            .subscriptions
            .iter()
            .filter(|s| s.share.is_none() && s.matches(&message.topic) && counts(s))
            .filter(|s| !(s.options.no_local && is_own))
            .collect();
        match self.overlapping {
            _ if matching.is_empty() => Vec::new(),
            Overlapping::Once => vec![(CopyFor::Session, variant(&matching, message))],
            Overlapping::Each => {
                matching.iter().map(|s| (CopyFor::Filter(s.text.clone()), variant(&[s], message))).collect()
            }
        }
    }

    /// Whether a copy must arrive if its session lives on.
    fn is_certain(&self, session: SessionIndex, variant: &Variant, message: &Message) -> bool {
        let session = &self.sessions[session];
        let is_wanted = variant.qos.bits() > 0 || (self.promise == Promise::Kept && session.wire.is_some());
        is_wanted && fits_certainly(session, message)
    }

    fn living_sessions(&self, wanted: impl Fn(&Session) -> bool) -> Vec<SessionIndex> {
        self.living.values().copied().filter(|&session| wanted(&self.sessions[session])).collect()
    }

    fn dues_for(&self, session: SessionIndex, id: MessageId, publication: usize) -> Vec<usize> {
        let all = self.dues_of.get(&(session, id)).map_or(&[][..], Vec::as_slice);
        all.iter().copied().filter(|&due| self.dues[due].publication == publication).collect()
    }

    fn add_due(&mut self, due: Due, id: MessageId) {
        self.dues_of.entry((due.session, id)).or_default().push(self.dues.len());
        self.dues.push(due);
    }
}

/// Whether a message is within the packet limits of a session by a wide margin.
pub(super) fn fits_certainly(session: &Session, message: &Message) -> bool {
    let size =
        message.payload.len() + message.topic.len() + message.passed_on.as_properties().as_bytes().len();
    size + 64 <= session.packet_bytes_min as usize
}

/// How the copy for these subscriptions looks.
fn variant(matching: &[&Subscription], message: &Message) -> Variant {
    let granted = matching.iter().map(|s| s.options.qos).max().unwrap_or_default();
    let mut identifiers: Vec<u32> = matching.iter().map(|s| s.identifier).filter(|&id| id > 0).collect();
    identifiers.sort_unstable();
    Variant {
        qos: granted.min(message.qos),
        retain: message.retain && matching.iter().any(|s| s.options.retain_as_published),
        identifiers,
    }
}
