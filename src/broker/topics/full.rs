//! Which filters have a subscriber whose backlog is full and refuses messages, on this shard and on the others.
//!
//! Owns how many such subscribers each filter of this shard has, and what other shards said of theirs. Must never know a
//! session or its backlog.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::routes::{RouteKey, Routes};

/// Whether a backlog is full and refuses messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BacklogState {
    /// It takes them.
    Free,
    /// It refuses them.
    Full,
}

/// A filter of this shard, with the number of its full subscribers.
#[derive(Debug)]
struct Full {
    key: RouteKey,
    count: usize,
}

/// The filters with a full subscriber.
#[derive(Debug)]
pub struct FullFilters {
    here: HashTable<Full>,
    elsewhere: Routes,
    hasher: FixedState,
}

impl FullFilters {
    /// None yet. `hasher` must be seeded alike on all shards.
    pub fn new(hasher: FixedState) -> FullFilters {
        FullFilters { here: HashTable::new(), elsewhere: Routes::new(hasher.clone()), hasher }
    }

    /// A subscriber of a filter here is full now; tells whether it is the first.
    pub fn add(&mut self, key: &RouteKey) -> bool {
        let FullFilters { here, hasher, .. } = self;
        let hash_of = |full: &Full| hasher.hash_one(&full.key);
        let entry = here.entry(hasher.hash_one(key), |full| full.key == *key, hash_of);
        let mut full = entry.or_insert_with(|| Full { key: key.clone(), count: 0 });
        full.get_mut().count += 1;
        full.get().count == 1
    }

    /// A subscriber of a filter here is full no longer; tells whether it was the last.
    pub fn remove(&mut self, key: &RouteKey) -> bool {
        let hash = self.hasher.hash_one(key);
        let Ok(mut entry) = self.here.find_entry(hash, |full| full.key == *key) else { return false };
        entry.get_mut().count -= 1;
        if entry.get().count > 0 {
            return false;
        }
        entry.remove();
        true
    }

    /// Another shard has a full subscriber of a filter.
    pub fn add_elsewhere(&mut self, key: &RouteKey, shard: u16) {
        self.elsewhere.announce(key, shard);
    }

    /// Another shard has none any more.
    pub fn remove_elsewhere(&mut self, key: &RouteKey, shard: u16) {
        self.elsewhere.retract(key, shard);
    }

    /// Whether no other shard has a full subscriber of any filter.
    pub fn is_empty_elsewhere(&self) -> bool {
        self.elsewhere.exact_count() + self.elsewhere.wildcard_count() == 0
    }

    /// Whether another shard has a full subscriber that gets this topic. Rarely, one that gets another topic of the same
    /// fingerprint.
    pub fn is_full_elsewhere(&self, topic: &str) -> bool {
        !self.is_empty_elsewhere() && !self.elsewhere.interested(topic).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wildcard(filter: &str) -> RouteKey {
        RouteKey::Wildcard(filter.into())
    }

    #[test]
    fn a_filter_is_full_from_its_first_full_subscriber_to_its_last() {
        let mut full = FullFilters::new(FixedState::with_seed(1));
        let changes = [
            full.add(&wildcard("a/#")),
            full.add(&wildcard("a/#")),
            full.add(&wildcard("b/#")),
            full.remove(&wildcard("a/#")),
            full.remove(&wildcard("a/#")),
            full.remove(&wildcard("a/#")),
        ];
        assert_eq!(changes, [true, false, true, false, true, false]);
        assert!(!full.is_full_elsewhere("b/c"), "it is full here");
    }

    #[test]
    fn a_filter_is_full_elsewhere_while_any_shard_says_so() {
        let mut full = FullFilters::new(FixedState::with_seed(1));
        assert!(full.is_empty_elsewhere());
        full.add_elsewhere(&wildcard("a/#"), 1);
        full.add_elsewhere(&wildcard("a/#"), 2);
        assert!(full.is_full_elsewhere("a/b") && !full.is_full_elsewhere("b"));
        full.remove_elsewhere(&wildcard("a/#"), 1);
        assert!(full.is_full_elsewhere("a/b"));
        full.remove_elsewhere(&wildcard("a/#"), 2);
        assert!(full.is_empty_elsewhere() && !full.is_full_elsewhere("a/b"));
    }
}
