//! The topic tables against lists: what is found for a topic is what plain matching finds.
//!
//! Owns the steps and the lists. Must never know a session or a message: they are numbers here.

use std::collections::{BTreeMap, BTreeSet};

use arbitrary::{Arbitrary, Unstructured};
use foldhash::fast::FixedState;
use ringmq_broker::Time;
use ringmq_broker::topics::{
    Entry, FilterTrie, Fingerprint, PageQuery, Retained, RouteKey, Routes, ShardSet, Subscriber,
    SubscriptionOptions, Subscriptions, is_wildcard,
};
use ringmq_protocol::{Filter, is_valid_filter, is_valid_topic, matches};

/// What levels are made of: few texts, so that they meet; one too long to be kept inline.
const LEVELS: [&str; 12] = ["a", "b", "+", "#", "", "$s", "$", "%", "é", "a+", "ab", "a level that is long"];
/// The end of time here.
const END: Time = Time::from_ms(u64::MAX);

/// A topic name or a filter, or neither.
#[derive(Clone, Debug)]
struct Text(String);

impl<'a> Arbitrary<'a> for Text {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Text> {
        let count = bytes.int_in_range(1..=5)?;
        let levels: Result<Vec<&str>, _> = (0..count).map(|_| bytes.choose(&LEVELS).copied()).collect();
        Ok(Text(levels?.join("/")))
    }
}

/// One thing that happens to a table.
#[derive(Arbitrary, Debug)]
enum Step {
    Insert { filter: Text, value: u8 },
    Remove { filter: Text },
    Subscribe { filter: Text, session: u8, options: u8 },
    Unsubscribe { filter: Text, session: u8 },
    Announce { filter: Text, shard: u8 },
    Retract { filter: Text, shard: u8 },
    Retain { topic: Text, value: u8, expires_ms: Option<u8> },
    Erase { topic: Text },
    Expire { now_ms: u8, budget: u8 },
}

/// What happens, and what is asked afterwards.
#[derive(Arbitrary, Debug)]
pub struct Input {
    seed: u8,
    steps: Vec<Step>,
    topics: Vec<Text>,
    filters: Vec<Text>,
    scan_max: u8,
    items_max: u8,
    now_ms: u8,
}

/// Takes every step and asks for every topic and filter, those of the steps included.
///
/// # Panics
/// If a table and its list differ.
pub fn check(input: Input) {
    let mut tables = Tables::new(u64::from(input.seed));
    let (mut topics, mut filters) = (input.topics, input.filters);
    for step in input.steps {
        match &step {
            Step::Retain { topic: text, .. } => filters.push(text.clone()),
            Step::Insert { filter: text, .. }
            | Step::Subscribe { filter: text, .. }
            | Step::Announce { filter: text, .. } => topics.push(text.clone()),
            _ => {}
        }
        tables.take(step);
    }
    for Text(topic) in topics.iter().filter(|text| is_valid_topic(&text.0)) {
        tables.check_topic(topic);
    }
    let paging = Paging { scan_max: input.scan_max, items_max: input.items_max, now_ms: input.now_ms };
    for Text(filter) in filters.iter().filter(|text| is_valid_filter(&text.0)) {
        tables.check_pages(filter, paging);
        assert_eq!(Filter::parse(filter).map(|parsed| parsed.filter), Some(filter.as_str()));
    }
    tables.check_counts();
    tables.clear();
}

/// How retained values are read.
#[derive(Clone, Copy)]
struct Paging {
    scan_max: u8,
    items_max: u8,
    now_ms: u8,
}

/// The tables, and beside each the list that it must agree with.
struct Tables {
    hasher: FixedState,
    trie: FilterTrie<u8>,
    values: BTreeMap<String, u8>,
    subscriptions: Subscriptions,
    subscribers: BTreeMap<(String, u32), Subscriber>,
    routes: Routes,
    announced: BTreeSet<(String, u16)>,
    retained: Retained<u8>,
    kept: BTreeMap<String, (u8, Option<Time>)>,
}

impl Tables {
    fn new(seed: u64) -> Tables {
        let hasher = FixedState::with_seed(seed);
        Tables {
            trie: FilterTrie::new(hasher.clone()),
            values: BTreeMap::new(),
            subscriptions: Subscriptions::new(hasher.clone()),
            subscribers: BTreeMap::new(),
            routes: Routes::new(hasher.clone()),
            announced: BTreeSet::new(),
            retained: Retained::new(hasher.clone()),
            kept: BTreeMap::new(),
            hasher,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Insert { filter: Text(filter), value } if is_valid_filter(&filter) => {
                let old = self.trie.insert(&filter, value);
                assert_eq!(old, self.values.insert(filter, value));
            }
            Step::Remove { filter: Text(filter) } if is_valid_filter(&filter) => {
                assert_eq!(self.trie.get(&filter), self.values.get(&filter));
                assert_eq!(self.trie.remove(&filter), self.values.remove(&filter));
            }
            Step::Subscribe { filter: Text(filter), session, options } if is_valid_filter(&filter) => {
                self.subscribe(filter, u32::from(session), options);
            }
            Step::Unsubscribe { filter: Text(filter), session } if is_valid_filter(&filter) => {
                self.unsubscribe(&filter, u32::from(session));
            }
            Step::Announce { filter: Text(filter), shard } if is_valid_filter(&filter) => {
                let shard = u16::from(shard % 128);
                self.routes.announce(&self.key(&filter), shard);
                self.announced.insert((filter, shard));
            }
            Step::Retract { filter: Text(filter), shard } if is_valid_filter(&filter) => {
                let shard = u16::from(shard % 128);
                self.routes.retract(&self.key(&filter), shard);
                self.announced.remove(&(filter, shard));
            }
            Step::Retain { topic: Text(topic), value, expires_ms } if is_valid_topic(&topic) => {
                self.retain(topic, value, expires_ms.map(|ms| Time::from_ms(ms.into())));
            }
            Step::Erase { topic: Text(topic) } if is_valid_topic(&topic) => {
                assert_eq!(self.retained.remove(&topic), self.kept.remove(&topic).map(|(value, _)| value));
            }
            Step::Expire { now_ms, budget } => self.expire(Time::from_ms(now_ms.into()), budget.into()),
            _ => {}
        }
    }

    fn key(&self, filter: &str) -> RouteKey {
        match is_wildcard(filter) {
            true => RouteKey::Wildcard(filter.into()),
            false => RouteKey::Exact(Fingerprint::of(filter, &self.hasher)),
        }
    }

    fn subscribe(&mut self, filter: String, session: u32, options: u8) {
        let options = SubscriptionOptions::from_bits(options % 16).unwrap_or_default();
        let subscriber = Subscriber { session, identifier: session, options };
        let is_first = !self.has_subscriber(&filter);
        let inserted = self.subscriptions.insert(&filter, subscriber);
        assert_eq!(inserted.first_of_filter, is_first);
        assert_eq!(self.subscriptions.name(inserted.id), filter);
        assert_eq!(self.subscriptions.subscriber(inserted.id, session), Some(&subscriber));
        let old = self.subscribers.insert((filter, session), subscriber);
        assert_eq!(inserted.replaced, old.is_some());
    }

    fn unsubscribe(&mut self, filter: &str, session: u32) {
        let removed = self.subscriptions.remove(filter, session);
        let old = self.subscribers.remove(&(filter.to_owned(), session));
        assert_eq!(removed.is_some(), old.is_some());
        if let Some(removed) = removed {
            assert_eq!(removed.last_of_filter, !self.has_subscriber(filter));
            assert!(removed.last_of_filter || removed.closes_route.is_none());
        }
    }

    fn has_subscriber(&self, filter: &str) -> bool {
        self.subscribers.keys().any(|(held, _)| held == filter)
    }

    fn retain(&mut self, topic: String, value: u8, expires: Option<Time>) {
        let old = self.retained.set(&topic, Entry { value, bytes: value.into(), expires });
        assert_eq!(old, self.kept.insert(topic, (value, expires)).map(|(value, _)| value));
    }

    fn expire(&mut self, now: Time, budget: usize) {
        let is_over = |expires: &Option<Time>| expires.is_some_and(|expires| expires <= now);
        let over: Vec<String> =
            self.kept.iter().filter(|(_, (_, at))| is_over(at)).map(|(topic, _)| topic.clone()).collect();
        assert_eq!(self.retained.expire(now, budget), over.len().min(budget));
        for topic in over {
            if self.retained.footprint(&topic).is_none() {
                self.kept.remove(&topic);
            }
        }
    }

    fn check_topic(&self, topic: &str) {
        let mut found = Vec::new();
        self.trie.for_each_match(topic, |value| found.push(*value));
        let listed = self.values.iter().filter(|(filter, _)| matches(filter, topic));
        assert_same(found, listed.map(|(_, value)| *value).collect(), topic);

        let mut found = Vec::new();
        self.subscriptions.for_each_list(topic, |list| found.extend(list.iter().map(sort_key)));
        let listed = self.subscribers.iter().filter(|((filter, _), _)| matches(filter, topic));
        assert_same(found, listed.map(|(_, subscriber)| sort_key(subscriber)).collect(), topic);

        let fingerprint = Fingerprint::of(topic, &self.hasher);
        let wants = |filter: &str| match is_wildcard(filter) {
            true => matches(filter, topic),
            false => Fingerprint::of(filter, &self.hasher) == fingerprint,
        };
        let listed: ShardSet =
            self.announced.iter().filter(|(filter, _)| wants(filter)).map(|(_, shard)| *shard).collect();
        assert_eq!(self.routes.interested(topic), listed, "{topic}");
    }

    /// Reading page by page finds everything once, whatever the size of a page.
    fn check_pages(&self, filter: &str, paging: Paging) {
        let now = Time::from_ms(paging.now_ms.into());
        let (scan_max, items_max) = (paging.scan_max.max(1).into(), paging.items_max.into());
        let (mut found, mut after) = (Vec::new(), None::<Box<str>>);
        for _ in 0..2 * self.kept.len() + 2 {
            let query = PageQuery { filter, after: after.as_deref(), scan_max, items_max, now };
            let page = self.retained.page(&query);
            assert!(page.items.len() <= items_max.max(1));
            found.extend(page.items.into_iter().map(|(topic, value)| (topic.to_owned(), *value)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(after, None, "reading {filter} does not end");
        let is_live = |expires: &Option<Time>| expires.is_none_or(|expires| expires > now);
        let listed = self.kept.iter().filter(|(topic, (_, at))| matches(filter, topic) && is_live(at));
        assert_same(found, listed.map(|(topic, (value, _))| (topic.clone(), *value)).collect(), filter);
    }

    fn check_counts(&self) {
        assert_eq!((self.trie.len(), self.trie.is_empty()), (self.values.len(), self.values.is_empty()));
        assert_eq!(self.subscriptions.subscription_count(), self.subscribers.len());
        let filters: BTreeSet<&str> = self.subscribers.keys().map(|(filter, _)| filter.as_str()).collect();
        assert_eq!(self.subscriptions.filter_count(), filters.len());
        assert_same(
            self.subscriptions.filters().map(|(_, name)| name).collect(),
            filters.into_iter().collect(),
            "",
        );
        assert_eq!(self.retained.count(), self.kept.len());
        let bytes = self.kept.iter().map(|(topic, (value, _))| topic.len() + usize::from(*value));
        assert_eq!(self.retained.bytes(), bytes.sum::<usize>());
        assert_eq!(self.retained.next_expiry(), self.kept.values().filter_map(|(_, expires)| *expires).min());
    }

    /// Takes everything out again: nothing is left of any table.
    fn clear(mut self) {
        for filter in self.values.keys() {
            assert!(self.trie.remove(filter).is_some(), "{filter}");
        }
        for (filter, session) in self.subscribers.keys() {
            assert!(self.subscriptions.remove(filter, *session).is_some(), "{filter}");
        }
        for (filter, shard) in std::mem::take(&mut self.announced) {
            self.routes.retract(&self.key(&filter), shard);
        }
        self.retained.expire(END, usize::MAX);
        for topic in self.kept.keys() {
            self.retained.remove(topic);
        }
        let left = (self.trie.len(), self.subscriptions.subscription_count(), self.retained.count());
        assert_eq!(left, (0, 0, 0));
        assert_eq!((self.subscriptions.filter_count(), self.retained.bytes()), (0, 0));
        assert_eq!((self.routes.exact_count(), self.routes.wildcard_count()), (0, 0));
    }
}

fn sort_key(subscriber: &Subscriber) -> (u32, u32, u8) {
    (subscriber.session, subscriber.identifier, subscriber.options.as_bits())
}

/// The same things, in whatever order.
fn assert_same<T: Ord + std::fmt::Debug>(mut found: Vec<T>, mut listed: Vec<T>, asked: &str) {
    found.sort_unstable();
    listed.sort_unstable();
    assert_eq!(found, listed, "{asked}");
}
