//! The last message of each topic that was published with RETAIN.
//!
//! Owns topic -> value, the order of the names, so that any number of matches can be handed out in pages, and the
//! order in which values expire. Must never know what a value is; its size is told. A value that replaces another,
//! by far the most frequent change, costs one hash look-up; the orders change only when a topic comes or goes.

use std::collections::BTreeSet;
use std::mem;
use std::ops::Bound;
use std::rc::Rc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use ringmq_protocol::matches;

use super::fingerprint::{Fingerprint, is_wildcard};
use crate::time::Time;

/// What is kept for a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<V> {
    /// The message.
    pub value: V,
    /// Bytes that it counts for, beside the topic name.
    pub bytes: usize,
    /// From when on it must not be given out any more [MQTT-3.3.2-5].
    pub expires: Option<Time>,
}

/// A question for the next matches of a filter.
#[derive(Clone, Copy, Debug)]
pub struct PageQuery<'a> {
    /// A valid filter, without `$share`.
    pub filter: &'a str,
    /// `next` of the page before; none for the first page.
    pub after: Option<&'a str>,
    /// Most topics to look at, matching or not; at least one is.
    pub scan_max: usize,
    /// Most matches to give out; at least one is.
    pub items_max: usize,
    /// Entries that expire now or earlier are passed over.
    pub now: Time,
}

/// Some matches of a filter, in byte order of the topics, but for the first: `a/#` finds `a` before all below.
#[derive(PartialEq, Eq, Debug)]
pub struct Page<'a, V> {
    /// Topics and values.
    pub items: Vec<(&'a str, &'a V)>,
    /// Where to go on. None: there are no more. Stays good whatever is set or removed meanwhile.
    pub next: Option<Box<str>>,
    /// Topics looked at.
    pub scanned: usize,
}

/// A topic and what is kept for it. Keeps its fingerprint, so that the table grows without reading names.
#[derive(Debug)]
struct Kept<V> {
    fingerprint: Fingerprint,
    topic: Rc<str>,
    entry: Entry<V>,
}

/// All retained messages of the topics that live on this shard.
#[derive(Debug)]
pub struct Retained<V> {
    kept: HashTable<Kept<V>>,
    names: BTreeSet<Rc<str>>,
    /// Only the topics that expire.
    expiries: BTreeSet<(Time, Rc<str>)>,
    bytes: usize,
    hasher: FixedState,
}

impl<V> Retained<V> {
    /// Nothing retained.
    pub fn new(hasher: FixedState) -> Retained<V> {
        Retained {
            kept: HashTable::new(),
            names: BTreeSet::new(),
            expiries: BTreeSet::new(),
            bytes: 0,
            hasher,
        }
    }

    /// Keeps the entry for a topic and returns the value it replaces [MQTT-3.3.1-5].
    pub fn set(&mut self, topic: &str, entry: Entry<V>) -> Option<V> {
        self.bytes += topic.len() + entry.bytes;
        let fingerprint = Fingerprint::of(topic, &self.hasher);
        let Some(kept) = self.kept.find_mut(fingerprint.spread(), |kept| kept.is(fingerprint, topic)) else {
            self.add(Kept { fingerprint, topic: topic.into(), entry });
            return None;
        };
        let old = mem::replace(&mut kept.entry, entry);
        self.bytes -= topic.len() + old.bytes;
        let (topic, expires) = (&kept.topic, kept.entry.expires);
        if old.expires != expires {
            self.expiries.extend(expires.map(|new| (new, topic.clone())));
            if let Some(old) = old.expires {
                self.expiries.remove(&(old, topic.clone()));
            }
        }
        Some(old.value)
    }

    /// Keeps nothing for a topic any more [MQTT-3.3.1-6]; returns what was kept.
    pub fn remove(&mut self, topic: &str) -> Option<V> {
        let fingerprint = Fingerprint::of(topic, &self.hasher);
        let found = self.kept.find_entry(fingerprint.spread(), |kept| kept.is(fingerprint, topic));
        let (Kept { topic, entry, .. }, _) = found.ok()?.remove();
        self.bytes -= topic.len() + entry.bytes;
        self.names.remove(&topic);
        if let Some(expires) = entry.expires {
            self.expiries.remove(&(expires, topic));
        }
        Some(entry.value)
    }

    /// The value of a topic, unless it has expired.
    pub fn get(&self, topic: &str, now: Time) -> Option<&V> {
        self.find(topic).filter(|entry| entry.is_live(now)).map(|entry| &entry.value)
    }

    /// Bytes that a topic counts for now, its name included. None: nothing is kept for it.
    pub fn footprint(&self, topic: &str) -> Option<usize> {
        self.find(topic).map(|entry| topic.len() + entry.bytes)
    }

    /// Number of topics, with those expired that `expire` has not yet removed.
    pub fn count(&self) -> usize {
        self.kept.len()
    }

    /// Bytes of all names and values, counted likewise.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next matches of a filter. The cost is bounded by `scan_max`.
    pub fn page(&self, query: &PageQuery<'_>) -> Page<'_, V> {
        let is_first = query.after.is_none();
        if !is_wildcard(query.filter) {
            return self.collect(self.names.get(query.filter).filter(|_| is_first).into_iter(), query);
        }
        let parent = parent_of_rest(query.filter).filter(|_| is_first);
        let parent = parent.and_then(|parent| self.names.get(parent));
        self.collect(parent.into_iter().chain(self.below(literal_prefix(query.filter), query.after)), query)
    }

    /// When the next topic expires.
    pub fn next_expiry(&self) -> Option<Time> {
        self.expiries.first().map(|(expires, _)| *expires)
    }

    /// Removes topics that expire at `now` or earlier, at most `budget` of them; returns how many.
    pub fn expire(&mut self, now: Time, budget: usize) -> usize {
        let mut removed = 0;
        while removed < budget
            && let Some((_, topic)) = self.expiries.first().filter(|(expires, _)| *expires <= now)
        {
            let topic = topic.clone();
            self.remove(&topic);
            removed += 1;
        }
        removed
    }

    fn collect<'a>(&'a self, names: impl Iterator<Item = &'a Rc<str>>, query: &PageQuery<'_>) -> Page<'a, V> {
        let mut items = Vec::new();
        let mut scanned = 0;
        for topic in names {
            scanned += 1;
            if matches(query.filter, topic)
                && let Some(value) = self.get(topic, query.now)
            {
                items.push((&**topic, value));
            }
            if scanned >= query.scan_max || items.len() >= query.items_max.max(1) {
                return Page { items, next: Some((&**topic).into()), scanned };
            }
        }
        Page { items, next: None, scanned }
    }

    fn find(&self, topic: &str) -> Option<&Entry<V>> {
        let fingerprint = Fingerprint::of(topic, &self.hasher);
        let found = self.kept.find(fingerprint.spread(), |kept| kept.is(fingerprint, topic));
        found.map(|kept| &kept.entry)
    }

    fn add(&mut self, kept: Kept<V>) {
        self.names.insert(kept.topic.clone());
        self.expiries.extend(kept.entry.expires.map(|expires| (expires, kept.topic.clone())));
        self.kept.insert_unique(kept.fingerprint.spread(), kept, |kept| kept.fingerprint.spread());
    }

    /// Topics that begin with `prefix` and come after `after`. With no prefix the filter begins with a wildcard:
    /// the names that begin with `$` are then left out as one block [MQTT-4.7.2-1].
    fn below<'a>(&'a self, prefix: &str, after: Option<&str>) -> impl Iterator<Item = &'a Rc<str>> {
        let is_before_block = prefix.is_empty() && after.is_none_or(|after| after < BLOCK_BEGIN);
        let before = is_before_block.then(|| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            self.names.range::<str, _>((from, Bound::Excluded(BLOCK_BEGIN)))
        });
        let floor = if prefix.is_empty() { BLOCK_END } else { prefix };
        let from = after.filter(|after| *after >= floor).map_or(Bound::Included(floor), Bound::Excluded);
        let rest = self.names.range::<str, _>((from, Bound::Unbounded));
        before.into_iter().flatten().chain(rest.take_while(move |topic| topic.starts_with(prefix)))
    }
}

/// The first string of all that begin with `$`, and the first behind them.
const BLOCK_BEGIN: &str = "$";
const BLOCK_END: &str = "%";

impl<V> Kept<V> {
    fn is(&self, fingerprint: Fingerprint, topic: &str) -> bool {
        self.fingerprint == fingerprint && *self.topic == *topic
    }
}

impl<V> Entry<V> {
    fn is_live(&self, now: Time) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

/// The levels before the first wildcard, with the `/` behind them.
fn literal_prefix(filter: &str) -> &str {
    &filter[..filter.find(['+', '#']).unwrap_or(filter.len())]
}

/// `a/b` of `a/b/#`, if it holds no wildcard itself: matched, yet not among the names that begin with `a/b/`.
fn parent_of_rest(filter: &str) -> Option<&str> {
    filter.strip_suffix("/#").filter(|parent| !is_wildcard(parent))
}

#[cfg(test)]
mod tests;
