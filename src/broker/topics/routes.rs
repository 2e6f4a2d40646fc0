//! Which other shards want a topic.
//!
//! Owns, per filter, the set of shards that announced it. A shard's bit is set and cleared only by that shard's
//! letters, so no two writers meet. Must never know sessions, or why a shard is interested.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::fingerprint::Fingerprint;
use super::known::KnownTopic;
use super::matches::Generation;
use super::shard_set::{PackedSet, ShardSet, ShardSets};
use super::trie::FilterTrie;

/// A filter as it travels between shards.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RouteKey {
    /// A filter without a wildcard. Only its fingerprint travels: two filters with the same one share a route, and
    /// the price of that is a needless letter, since the receiving shard compares texts.
    Exact(Fingerprint),
    /// A filter with a wildcard, in full.
    Wildcard(Arc<str>),
}

#[derive(Debug, Clone, Copy)]
struct ExactRoute {
    fingerprint: Fingerprint,
    shards: PackedSet,
}

/// The routes to all other shards.
///
/// The announcing shard sees to it that a fingerprint shared by two of its own filters is announced with the first
/// and retracted with the last (see `Subscriptions`), so one bit per shard is enough here.
#[derive(Debug)]
pub struct Routes {
    exact: HashTable<ExactRoute>,
    wildcard: FilterTrie<PackedSet>,
    sets: ShardSets,
    /// Changes of `exact`, and of `wildcard`.
    exact_generation: Generation,
    wildcard_generation: Generation,
    hasher: FixedState,
}

impl Routes {
    /// No routes. `hasher` must be seeded alike on all shards.
    pub fn new(hasher: FixedState) -> Routes {
        let wildcard = FilterTrie::new(hasher.clone());
        Routes {
            exact: HashTable::new(),
            wildcard,
            sets: ShardSets::default(),
            exact_generation: 0,
            wildcard_generation: 0,
            hasher,
        }
    }

    /// Notes that a shard wants what the key names. Saying it twice changes nothing.
    pub fn announce(&mut self, key: &RouteKey, shard: u16) {
        match key {
            RouteKey::Exact(fingerprint) => self.announce_exact(*fingerprint, shard),
            RouteKey::Wildcard(filter) => {
                self.wildcard_generation += 1;
                match self.wildcard.get_mut(filter) {
                    Some(shards) => *shards = self.sets.with(*shards, shard),
                    None => {
                        self.wildcard.insert(filter, PackedSet::single(shard));
                    }
                }
            }
        }
    }

    /// Notes that a shard no longer wants what the key names. Saying it twice changes nothing.
    pub fn retract(&mut self, key: &RouteKey, shard: u16) {
        match key {
            RouteKey::Exact(fingerprint) => self.retract_exact(*fingerprint, shard),
            RouteKey::Wildcard(filter) => {
                self.wildcard_generation += 1;
                let Some(shards) = self.wildcard.get_mut(filter) else { return };
                match self.sets.without(*shards, shard) {
                    Some(rest) => *shards = rest,
                    None => {
                        self.wildcard.remove(filter);
                    }
                }
            }
        }
    }

    /// The shards that may have a subscription on this topic: all that have one and, rarely, one that has none.
    pub fn interested(&self, topic: &str) -> ShardSet {
        self.exact_shards(Fingerprint::of(topic, &self.hasher)).union(self.wildcard_shards(topic))
    }

    /// As [`Routes::interested`], for a known topic.
    pub fn interested_in_known(&self, topic: &mut KnownTopic) -> ShardSet {
        let by_wildcard = topic.wildcard_shards(self.wildcard_generation, |text| self.wildcard_shards(text));
        topic.exact_shards(self.exact_generation, |name| self.exact_shards(name)).union(by_wildcard)
    }

    fn wildcard_shards(&self, topic: &str) -> ShardSet {
        let mut found = ShardSet::EMPTY;
        self.wildcard.for_each_match(topic, |shards| found = found.union(self.sets.get(*shards)));
        found
    }

    /// Number of different exact routes.
    pub fn exact_count(&self) -> usize {
        self.exact.len()
    }

    /// Number of different wildcard routes.
    pub fn wildcard_count(&self) -> usize {
        self.wildcard.len()
    }

    fn exact_shards(&self, fingerprint: Fingerprint) -> ShardSet {
        if self.exact.is_empty() {
            return ShardSet::EMPTY;
        }
        let route = self.exact.find(fingerprint.spread(), |route| route.fingerprint == fingerprint);
        route.map_or(ShardSet::EMPTY, |route| self.sets.get(route.shards))
    }

    fn announce_exact(&mut self, fingerprint: Fingerprint, shard: u16) {
        self.exact_generation += 1;
        match self.exact_entry(fingerprint) {
            (Entry::Occupied(mut route), sets) => {
                let shards = &mut route.get_mut().shards;
                *shards = sets.with(*shards, shard);
            }
            (Entry::Vacant(place), _) => {
                place.insert(ExactRoute { fingerprint, shards: PackedSet::single(shard) });
            }
        }
    }

    fn retract_exact(&mut self, fingerprint: Fingerprint, shard: u16) {
        self.exact_generation += 1;
        let (Entry::Occupied(mut route), sets) = self.exact_entry(fingerprint) else { return };
        match sets.without(route.get().shards, shard) {
            Some(rest) => route.get_mut().shards = rest,
            None => {
                route.remove();
            }
        }
    }

    fn exact_entry(&mut self, fingerprint: Fingerprint) -> (Entry<'_, ExactRoute>, &mut ShardSets) {
        let is_it = |route: &ExactRoute| route.fingerprint == fingerprint;
        let entry = self.exact.entry(fingerprint.spread(), is_it, |route| route.fingerprint.spread());
        (entry, &mut self.sets)
    }
}

#[cfg(test)]
mod tests;
