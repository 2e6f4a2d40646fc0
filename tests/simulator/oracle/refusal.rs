//! Publishes that are refused because a backlog is full: nobody gets them, and what was acknowledged is never lost.
//!
//! Owns that rule. Must never know which backlog is full: a refusal may come whenever somebody is behind, but not when all
//! have taken everything.

use ringmq_broker::policy::BacklogFull;
use ringmq_protocol::{PacketId, PacketType};

use super::model::{Connection, SessionIndex};
use super::{Complaint, Oracle};

impl Oracle {
    /// Whether publishes may be refused.
    pub(crate) fn has_refusals(&self) -> bool {
        self.policy.backlog_full == BacklogFull::Refuse
    }

    /// A publish was answered with 0x97.
    pub(super) fn refused(
        &mut self,
        session: SessionIndex,
        id: PacketId,
        publication: usize,
    ) -> Result<(), Complaint> {
        if !self.has_refusals() || self.is_everything_taken {
            return Err("a publish was refused although everybody has room".into());
        }
        self.sessions[session].received.remove(&id);
        let message = self.publications[publication].message;
        let is_only = self.publications.iter().filter(|other| other.message == message).count() == 1;
        let is_given = self.dues.iter().any(|due| due.publication == publication && due.is_given)
            || self.shared.iter().any(|due| due.publication == publication && !due.given.is_empty());
        if is_only && is_given {
            return Err("a publish was refused, but given to somebody".into());
        }
        self.doubt(publication);
        if is_only {
            self.letters.forget(publication);
            self.shared.retain(|due| due.publication != publication);
            for due in self.dues.iter_mut().filter(|due| due.publication == publication) {
                due.variants.clear();
            }
        }
        Ok(())
    }

    /// A connection has ended: whether what was not yet answered was taken or refused, nobody can tell.
    pub(super) fn doubt_unanswered(
        &mut self,
        session: SessionIndex,
        connection: &[(PacketType, PacketId, Option<usize>)],
    ) {
        if !self.has_refusals() {
            return;
        }
        for &(kind, id, publication) in connection {
            if let Some(publication) = publication {
                self.doubt(publication);
                if kind == PacketType::Pubrec {
                    self.sessions[session].doubtful.insert(id);
                }
            }
        }
    }

    /// A publication that need not reach anybody.
    pub(super) fn doubt(&mut self, publication: usize) {
        self.doubted.insert(publication);
        for due in self.dues.iter_mut().filter(|due| due.publication == publication) {
            due.is_owed = false;
        }
    }
}

/// What a connection has not answered.
pub(super) fn unanswered(connection: &Connection) -> Vec<(PacketType, PacketId, Option<usize>)> {
    connection.acks.iter().copied().collect()
}
