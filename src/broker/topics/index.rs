//! A table keyed by filter that answers for topics: filters without a wildcard by hash, the others by trie.
//!
//! Owns the filters' texts and their numbers. Must never know what is stored under a filter: `subscriptions` keeps
//! lists of sessions here, `shared_routes` groups.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::filter_id::FilterId;
use super::fingerprint::{Fingerprint, is_wildcard};
use super::matches::{Generation, Matches};
use super::trie::FilterTrie;
use crate::pages::Pages;

#[derive(Debug)]
enum Slot<V> {
    Used { name: Box<str>, value: V },
    Free { next: Option<FilterId> },
}

/// A filter without a wildcard. Keeps its fingerprint, so that the table grows without reading names.
#[derive(Debug, Clone, Copy)]
struct Exact {
    fingerprint: Fingerprint,
    id: FilterId,
}

/// Filters and a value for each.
#[derive(Debug)]
pub(super) struct FilterIndex<V> {
    slots: Pages<Slot<V>>,
    free: Option<FilterId>,
    exact: HashTable<Exact>,
    wildcard: FilterTrie<FilterId>,
    /// Changes of `exact`, and of `wildcard`.
    exact_generation: Generation,
    wildcard_generation: Generation,
    hasher: FixedState,
}

impl<V> FilterIndex<V> {
    pub(super) fn new(hasher: FixedState) -> FilterIndex<V> {
        let wildcard = FilterTrie::new(hasher.clone());
        FilterIndex {
            slots: Pages::default(),
            free: None,
            exact: HashTable::new(),
            wildcard,
            exact_generation: 0,
            wildcard_generation: 0,
            hasher,
        }
    }

    /// Number of filters.
    pub(super) fn len(&self) -> usize {
        self.exact.len() + self.wildcard.len()
    }

    /// The number of exactly this filter.
    pub(super) fn find(&self, filter: &str) -> Option<FilterId> {
        if is_wildcard(filter) { self.wildcard.get(filter).copied() } else { self.find_exact(filter) }
    }

    /// Adds a filter that is not there yet.
    pub(super) fn add(&mut self, filter: &str, value: V) -> FilterId {
        debug_assert!(self.find(filter).is_none(), "the filter is there already");
        let id = self.fill_slot(Slot::Used { name: filter.into(), value });
        if is_wildcard(filter) {
            self.wildcard.insert(filter, id);
            self.wildcard_generation += 1;
        } else {
            let fingerprint = self.fingerprint(filter);
            let entry = Exact { fingerprint, id };
            self.exact.insert_unique(fingerprint.spread(), entry, |exact| exact.fingerprint.spread());
            self.exact_generation += 1;
        }
        id
    }

    /// Takes a filter out; returns its text and value.
    pub(super) fn remove(&mut self, id: FilterId) -> (Box<str>, V) {
        let slot = std::mem::replace(&mut self.slots[id.index()], Slot::Free { next: self.free });
        self.free = Some(id);
        let Slot::Used { name, value } = slot else { unreachable!("only a used number can be removed") };
        if is_wildcard(&name) {
            self.wildcard.remove(&name);
            self.wildcard_generation += 1;
        } else {
            let fingerprint = self.fingerprint(&name);
            let entry = self.exact.find_entry(fingerprint.spread(), |exact| exact.id == id);
            entry.expect("an exact filter has a table entry").remove();
            self.exact_generation += 1;
        }
        (name, value)
    }

    /// The text of a filter that is there.
    pub(super) fn name(&self, id: FilterId) -> &str {
        self.used(id).0
    }

    pub(super) fn get(&self, id: FilterId) -> &V {
        self.used(id).1
    }

    pub(super) fn get_mut(&mut self, id: FilterId) -> &mut V {
        match &mut self.slots[id.index()] {
            Slot::Used { value, .. } => value,
            Slot::Free { .. } => unreachable!("a filter's number is used only while the filter is there"),
        }
    }

    /// Visits every filter that matches the topic: the exact one first, then those with wildcards.
    pub(super) fn for_each_match(&self, topic: &str, mut visit: impl FnMut(FilterId)) {
        if let Some(id) = self.find_exact(topic) {
            visit(id);
        }
        self.wildcard.for_each_match(topic, |id| visit(*id));
    }

    /// As [`FilterIndex::for_each_match`], for a topic of which the matches may be remembered in `matches`.
    pub(super) fn for_each_known_match(
        &self,
        (topic, fingerprint): (&str, Fingerprint),
        matches: &mut Matches,
        mut visit: impl FnMut(FilterId),
    ) {
        let find_exact = || self.find_exact_by(fingerprint, topic);
        if let Some(id) = matches.exact(self.exact_generation, find_exact) {
            visit(id);
        }
        let find = |ids: &mut SmallVec<_>| self.wildcard.for_each_match(topic, |id| ids.push(*id));
        matches.for_each_by_wildcard(self.wildcard_generation, find, visit);
    }

    /// All filters, by ascending number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FilterId, &str, &V)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| match slot {
            Slot::Used { name, value } => Some((FilterId::from_index(index), &**name, value)),
            Slot::Free { .. } => None,
        })
    }

    pub(super) fn fingerprint(&self, filter: &str) -> Fingerprint {
        Fingerprint::of(filter, &self.hasher)
    }

    /// Number of filters without a wildcard that have this fingerprint.
    pub(super) fn exact_count_of(&self, fingerprint: Fingerprint) -> usize {
        self.exact.iter_hash(fingerprint.spread()).filter(|exact| exact.fingerprint == fingerprint).count()
    }

    fn find_exact(&self, filter: &str) -> Option<FilterId> {
        // Spares the hashing.
        if self.exact.is_empty() {
            return None;
        }
        self.find_exact_by(self.fingerprint(filter), filter)
    }

    fn find_exact_by(&self, fingerprint: Fingerprint, filter: &str) -> Option<FilterId> {
        if self.exact.is_empty() {
            return None;
        }
        let is_it = |exact: &Exact| exact.fingerprint == fingerprint && self.name(exact.id) == filter;
        self.exact.find(fingerprint.spread(), is_it).map(|exact| exact.id)
    }

    fn used(&self, id: FilterId) -> (&str, &V) {
        match &self.slots[id.index()] {
            Slot::Used { name, value } => (name, value),
            Slot::Free { .. } => unreachable!("a filter's number is used only while the filter is there"),
        }
    }

    fn fill_slot(&mut self, slot: Slot<V>) -> FilterId {
        let Some(id) = self.free else {
            return FilterId::from_index(self.slots.push(slot));
        };
        let Slot::Free { next } = std::mem::replace(&mut self.slots[id.index()], slot) else {
            unreachable!("the free list holds free slots")
        };
        self.free = next;
        id
    }
}
