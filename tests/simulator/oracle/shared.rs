//! Shared groups: each publication goes to one member, and to another only if that one is gone for good.
//!
//! Owns that rule. Must never know how a member is chosen.

use std::collections::BTreeSet;

use ringmq_protocol::Qos;

use super::fan_out::fits_certainly;
use super::model::{
    Group, Membership, Publication, SessionIndex, SharedCopy, SharedDue, Step, Subscription, Variant,
};
use super::{Complaint, Oracle};
use crate::simulator::messages::{Message, MessageId, Messages};

impl Oracle {
    /// A publication is for one member of each group that has any.
    pub(super) fn share(&mut self, publication: usize, message: &Message) {
        let living = self.living.values().map(|&session| &self.sessions[session]);
        let matching =
            living.flat_map(|session| &session.subscriptions).filter(|s| s.matches(&message.topic));
        let mut groups: BTreeSet<Group> = matching.filter_map(Subscription::group).collect();
        if self.shard_count > 1 {
            // Shards may not know yet that a group has lost its last member, and the message finds the next one.
            let former = self.sessions.iter().flat_map(|session| &session.memberships).map(|m| &m.group);
            groups.extend(
                former.filter(|group| ringmq_protocol::matches(&group.filter, &message.topic)).cloned(),
            );
        }
        self.shared.extend(groups.into_iter().map(|group| SharedDue {
            publication,
            group,
            given: Vec::new(),
        }));
    }

    /// Finds the shared publication that a delivery may be, and notes that it was given. A session may be in several
    /// groups that match; so an earlier delivery of the same message is taken to be for another
    /// group, or for no group, if need be.
    pub(super) fn take_shared(
        &mut self,
        session: SessionIndex,
        ids: &[MessageId],
        seen: &Variant,
        messages: &Messages,
    ) -> Option<usize> {
        let copy = SharedCopy { session, seen: seen.clone(), is_done: seen.qos == Qos::AtMostOnce };
        let place = self.place(copy, ids, messages, &mut Vec::new())?;
        Some(self.shared[place].publication)
    }

    /// Gives a copy a shared publication of its own, moving other copies where that is possible. `tried` are the
    /// ones that are known to lead nowhere.
    fn place(
        &mut self,
        copy: SharedCopy,
        ids: &[MessageId],
        messages: &Messages,
        tried: &mut Vec<usize>,
    ) -> Option<usize> {
        let may_be = |index: &usize| !tried.contains(index) && self.may_be(&copy, *index, ids, messages);
        let mut places: Vec<usize> = (0..self.shared.len()).filter(may_be).collect();
        places.sort_by_key(|&index| self.is_expired(self.shared[index].publication));
        let is_free = |index: &&usize| self.shared[**index].given.iter().all(|given| self.is_lost(given));
        let free = if self.is_lost(&copy) { places.first() } else { places.iter().find(is_free) };
        if let Some(&index) = free {
            self.shared[index].given.push(copy);
            return Some(index);
        }
        tried.extend(&places);
        for index in places {
            let holder = self.shared[index].given.iter().position(|given| !self.is_lost(given))?;
            let moved = self.shared[index].given[holder].clone();
            let is_plain = self.take_due(moved.session, ids, &moved.seen, |_, _| true).is_some();
            if is_plain || self.place(moved, ids, messages, tried).is_some() {
                self.shared[index].given[holder] = copy;
                return Some(index);
            }
        }
        None
    }

    fn may_be(&self, copy: &SharedCopy, index: usize, ids: &[MessageId], messages: &Messages) -> bool {
        let due = &self.shared[index];
        let publication = &self.publications[due.publication];
        let message = messages.get(publication.message);
        ids.contains(&publication.message)
            && self.is_member(copy.session, &due.group, publication, &copy.seen, message)
    }

    /// The client has a message: if no other copy of it is under way, nobody else may get its shared one.
    pub(super) fn shared_done(&mut self, id: MessageId, session: SessionIndex) {
        let mut exchanges = self.sessions[session].exchanges.values();
        if exchanges.any(|exchange| exchange.message == id && exchange.step == Step::Published) {
            return;
        }
        let publications = &self.publications;
        let of_message = self.shared.iter_mut().filter(|due| publications[due.publication].message == id);
        let copies = of_message.flat_map(|due| &mut due.given);
        for copy in copies.filter(|copy| copy.session == session) {
            copy.is_done = true;
        }
    }

    /// Whether a session was a member since a publication, on terms under which a copy looks like this.
    fn is_member(
        &self,
        session: SessionIndex,
        group: &Group,
        publication: &Publication,
        seen: &Variant,
        message: &Message,
    ) -> bool {
        let overlaps = |m: &&Membership| m.group == *group && m.to.is_none_or(|to| to >= publication.at);
        self.sessions[session].memberships.iter().filter(overlaps).any(|m| {
            let identifiers = if m.identifier > 0 { vec![m.identifier] } else { Vec::new() };
            let retain = m.options.retain_as_published && message.retain;
            let qos = m.options.qos.min(message.qos);
            *seen == Variant { qos, retain, identifiers }
        })
    }

    /// Whether a copy may go to another member: its session ended before the client had it. One of QoS 2 that was
    /// begun may not [MQTT-4.8.2-5].
    fn is_lost(&self, copy: &SharedCopy) -> bool {
        self.sessions[copy.session].is_over && !copy.is_done && copy.seen.qos == Qos::AtLeastOnce
    }

    /// Every shared publication must have reached somebody, if there was a member all the time.
    pub(super) fn check_shared(&self, messages: &Messages) -> Result<(), Complaint> {
        for (index, due) in self.shared.iter().enumerate() {
            let is_missing =
                due.given.iter().all(|copy| self.is_lost(copy)) && !self.is_expired(due.publication);
            let is_missing = is_missing && !self.doubted.contains(&due.publication);
            if is_missing && self.has_steady_member(due, messages) && !self.could_be_given(index, messages) {
                let Group { share, filter } = &due.group;
                let message = messages.describe(self.publications[due.publication].message);
                return Err(format!("{message} never reached a member of $share/{share}/{filter}"));
            }
        }
        Ok(())
    }

    /// Whether a copy that is counted for another group, which may have lost its own, may be for this one; or one that is
    /// counted for a publication of the same message that may have been refused.
    fn could_be_given(&self, index: usize, messages: &Messages) -> bool {
        let ids = [self.publications[self.shared[index].publication].message];
        self.shared.iter().any(|other| {
            let may_be = |copy: &SharedCopy| !self.is_lost(copy) && self.may_be(copy, index, &ids, messages);
            let may_lack_it =
                self.doubted.contains(&other.publication) || !self.has_steady_member(other, messages);
            other.given.iter().any(may_be) && may_lack_it
        })
    }

    /// Whether somebody was a member since before the publication, and nobody could have got it at QoS 0 or not at
    /// all.
    fn has_steady_member(&self, due: &SharedDue, messages: &Messages) -> bool {
        let publication = &self.publications[due.publication];
        let message = messages.get(publication.message);
        let overlaps = |m: &&Membership| m.group == due.group && m.to.is_none_or(|to| to >= publication.at);
        let mut is_steady = false;
        for session in &self.sessions {
            for membership in session.memberships.iter().filter(overlaps) {
                if membership.options.qos.min(message.qos) == Qos::AtMostOnce
                    || !fits_certainly(session, message)
                {
                    return false;
                }
                let is_known = membership.known.is_some_and(|known| known < publication.at);
                is_steady |= !session.is_over && is_known && membership.to.is_none();
            }
        }
        is_steady
    }
}
