//! Topics that are published to again and again, with what was found out about them.
//!
//! Owns a bounded number of them. Must never know a message. Most publishers repeat a topic, and to compare it with
//! the one before costs a fraction of checking its text, counting its levels and following it through a trie.

use std::rc::Rc;

use foldhash::fast::FixedState;
use ringmq_protocol::level_count;

use super::fingerprint::Fingerprint;
use super::matches::{Generation, Matches, Remembered};
use super::shard_set::ShardSet;

/// Places for known topics, a power of two. Two topics of one place displace each other.
const PLACES: usize = 2048;

/// Longer topics are not kept: with [`PLACES`] this bounds the memory.
const TEXT_BYTES_MAX: usize = 256;

/// A topic, with what is remembered of it.
#[derive(Debug)]
pub struct KnownTopic {
    text: Rc<str>,
    fingerprint: Fingerprint,
    level_count: usize,
    subscriptions: Matches,
    groups: Matches,
    /// Shards with this very filter, and shards with a matching wildcard filter.
    exact_shards: Remembered<ShardSet>,
    wildcard_shards: Remembered<ShardSet>,
}

impl KnownTopic {
    fn new(text: &str, fingerprint: Fingerprint) -> KnownTopic {
        KnownTopic {
            text: text.into(),
            fingerprint,
            level_count: level_count(text),
            subscriptions: Matches::default(),
            groups: Matches::default(),
            exact_shards: Remembered::default(),
            wildcard_shards: Remembered::default(),
        }
    }

    /// The topic name, which is valid. Shared, so that it can be looked at while the rest changes.
    pub fn text(&self) -> Rc<str> {
        self.text.clone()
    }

    /// The fingerprint of its name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Its name and fingerprint, beside the plain subscriptions that match it.
    pub(super) fn name_and_subscriptions(&mut self) -> ((&str, Fingerprint), &mut Matches) {
        ((&self.text, self.fingerprint), &mut self.subscriptions)
    }

    /// Its name and fingerprint, beside the shared groups that match it.
    pub(super) fn name_and_groups(&mut self) -> ((&str, Fingerprint), &mut Matches) {
        ((&self.text, self.fingerprint), &mut self.groups)
    }

    /// Shards with this very filter, found by `find` if such routes have changed since they were last asked for.
    pub(super) fn exact_shards(
        &mut self,
        generation: Generation,
        find: impl FnOnce(Fingerprint) -> ShardSet,
    ) -> ShardSet {
        self.exact_shards.get(generation, || find(self.fingerprint))
    }

    /// Shards with a matching wildcard filter, found by `find` if such routes have changed since they were last asked for.
    pub(super) fn wildcard_shards(
        &mut self,
        generation: Generation,
        find: impl FnOnce(&str) -> ShardSet,
    ) -> ShardSet {
        self.wildcard_shards.get(generation, || find(&self.text))
    }

    /// Its levels.
    pub fn level_count(&self) -> usize {
        self.level_count
    }
}

#[derive(Debug, Default)]
struct Place {
    /// The topic that was here last: one that comes twice in a row is worth knowing.
    seen: Option<Fingerprint>,
    topic: Option<Box<KnownTopic>>,
}

/// The known topics of one shard.
#[derive(Debug)]
pub struct KnownTopics {
    /// Empty until the first topic comes.
    places: Vec<Place>,
    /// The topic given back last, which is asked for first: a client that has much to say says it to one topic.
    at_hand: Option<Box<KnownTopic>>,
    hasher: FixedState,
}

impl KnownTopics {
    /// None yet. `hasher` is that of the filter tables.
    pub fn new(hasher: FixedState) -> KnownTopics {
        KnownTopics { places: Vec::new(), at_hand: None, hasher }
    }

    /// Takes out the topic of exactly this text, if it is known. To be given back by [`KnownTopics::put_back`].
    pub fn take(&mut self, text: &[u8]) -> Option<Box<KnownTopic>> {
        let at_hand = self.take_at_hand(text);
        at_hand.or_else(|| self.take_from_place(Fingerprint::of_bytes(text, &self.hasher), text))
    }

    /// As [`KnownTopics::take`], for a text of which the fingerprint is known.
    pub fn take_by(&mut self, fingerprint: Fingerprint, text: &[u8]) -> Option<Box<KnownTopic>> {
        self.take_at_hand(text).or_else(|| self.take_from_place(fingerprint, text))
    }

    fn take_at_hand(&mut self, text: &[u8]) -> Option<Box<KnownTopic>> {
        let is_it = self.at_hand.as_ref().is_some_and(|topic| topic.text.as_bytes() == text);
        if is_it { self.at_hand.take() } else { None }
    }

    fn take_from_place(&mut self, fingerprint: Fingerprint, text: &[u8]) -> Option<Box<KnownTopic>> {
        let place = self.places.get_mut(index(fingerprint))?;
        let topic = place.topic.as_ref()?;
        if topic.fingerprint == fingerprint && topic.text.as_bytes() == text {
            place.topic.take()
        } else {
            None
        }
    }

    /// Gives back a topic that was taken out.
    pub fn put_back(&mut self, topic: Box<KnownTopic>) {
        if let Some(former) = self.at_hand.replace(topic)
            && let Some(place) = self.places.get_mut(index(former.fingerprint))
        {
            place.topic = Some(former);
        }
    }

    /// Notes a valid topic that is not known. One that comes for the second time is known from now on, so that topics
    /// that are used once displace nothing.
    pub fn see(&mut self, text: &str) {
        self.see_by(Fingerprint::of(text, &self.hasher), text);
    }

    /// As [`KnownTopics::see`], for a text of which the fingerprint is known.
    pub fn see_by(&mut self, fingerprint: Fingerprint, text: &str) {
        if text.len() > TEXT_BYTES_MAX {
            return;
        }
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Place::default);
        }
        let place = &mut self.places[index(fingerprint)];
        if place.seen.replace(fingerprint) == Some(fingerprint) {
            place.topic = Some(Box::new(KnownTopic::new(text, fingerprint)));
        }
    }
}

fn index(fingerprint: Fingerprint) -> usize {
    fingerprint.as_u32() as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> KnownTopics {
        KnownTopics::new(FixedState::with_seed(5))
    }

    #[test]
    fn a_topic_is_known_from_its_second_time_on() {
        let mut topics = topics();
        assert!(topics.take(b"a/b").is_none());
        topics.see("a/b");
        assert!(topics.take(b"a/b").is_none());
        topics.see("a/b");
        let known = topics.take(b"a/b").unwrap();
        assert_eq!((&*known.text(), known.level_count()), ("a/b", 2));
        assert!(topics.take(b"a/b").is_none(), "it is out");
        topics.put_back(known);
        assert!(topics.take(b"a/c").is_none());
        assert!(topics.take(b"a/b").is_some());
    }

    #[test]
    fn topics_that_take_turns_all_stay_known() {
        let mut topics = topics();
        let names = ["a/b", "a/c", "a/d"];
        names.iter().chain(&names).for_each(|name| topics.see(name));
        for name in names.iter().cycle().take(9) {
            let known = topics.take(name.as_bytes()).unwrap();
            assert_eq!(&*known.text(), *name);
            assert!(topics.take(name.as_bytes()).is_none(), "it is out");
            topics.put_back(known);
        }
    }

    #[test]
    fn long_topics_are_not_kept() {
        let mut topics = topics();
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        topics.see(&long);
        topics.see(&long);
        assert!(topics.take(long.as_bytes()).is_none());
    }

    #[test]
    fn no_more_topics_are_kept_than_there_are_places() {
        let mut topics = topics();
        let names: Vec<String> = (0..3 * PLACES).map(|number| format!("t/{number}")).collect();
        for name in &names {
            topics.see(name);
            topics.see(name);
        }
        let known = names.iter().filter(|name| topics.take(name.as_bytes()).is_some()).count();
        assert!((PLACES / 2..=PLACES).contains(&known), "{known}");
    }
}
