//! Client id -> session, on this shard. Each session has one home, so this is the only place where it can be.
//!
//! Owns the sessions. Must never know connections or topics.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

use crate::session::Session;
use crate::slab::{Slab, SlotId};

/// The sessions of one shard.
#[derive(Debug)]
pub(crate) struct Sessions {
    slab: Slab<Session>,
    by_client_id: HashTable<SlotId>,
    hasher: FixedState,
}

impl Sessions {
    pub(crate) fn new(hasher: FixedState) -> Sessions {
        Sessions { slab: Slab::default(), by_client_id: HashTable::new(), hasher }
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<SlotId> {
        let hash = self.hasher.hash_one(client_id);
        let same = |&id: &SlotId| self.slab.get(id).is_some_and(|session| &*session.client_id == client_id);
        self.by_client_id.find(hash, same).copied()
    }

    pub(crate) fn insert(&mut self, session: Session) -> SlotId {
        debug_assert!(self.find(&session.client_id).is_none(), "one session per client identifier");
        let hash = self.hasher.hash_one(&*session.client_id);
        let id = self.slab.insert(session);
        let (slab, hasher) = (&self.slab, &self.hasher);
        self.by_client_id.insert_unique(hash, id, |&id| hash_of(slab, hasher, id));
        id
    }

    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Session> {
        self.slab.get(id)?;
        let hash = hash_of(&self.slab, &self.hasher, id);
        if let Ok(entry) = self.by_client_id.find_entry(hash, |&held| held == id) {
            entry.remove();
        }
        self.slab.remove(id)
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&Session> {
        self.slab.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut Session> {
        self.slab.get_mut(id)
    }

    /// The session in slot `index`. Subscriptions name sessions by slot alone: they are removed before the session.
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut Session> {
        self.slab.at(index)
    }

    /// The full number of the session in slot `index`.
    pub(crate) fn id_at(&self, index: u32) -> Option<SlotId> {
        self.slab.id_at(index)
    }

    /// As [`Sessions::at`], to look at only.
    pub(crate) fn peek(&self, index: u32) -> Option<&Session> {
        self.slab.peek(index)
    }
}

fn hash_of(slab: &Slab<Session>, hasher: &FixedState, id: SlotId) -> u64 {
    let session = slab.get(id).expect("the table holds only sessions that exist");
    hasher.hash_one(&*session.client_id)
}
