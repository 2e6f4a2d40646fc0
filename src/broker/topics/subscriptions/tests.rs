//! Subscriptions against a plain list, and the bookkeeping of routes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use ringmq_protocol::{RetainHandling, matches};

use super::*;

fn subscriptions() -> Subscriptions {
    Subscriptions::new(FixedState::with_seed(9))
}

fn subscriber(session: u32, identifier: u32) -> Subscriber {
    Subscriber { session, identifier, options: SubscriptionOptions::new(Qos::AtLeastOnce) }
}

#[test]
fn options_keep_what_was_asked() {
    for bits in 0..16 {
        let Some(qos) = Qos::from_bits(bits & 3) else {
            assert_eq!(SubscriptionOptions::from_bits(bits), None);
            continue;
        };
        let (no_local, retain_as_published) = (bits & 4 != 0, bits & 8 != 0);
        let asked =
            SubscribeOptions { qos, no_local, retain_as_published, retain_handling: RetainHandling::Never };
        let options = SubscriptionOptions::from(&asked);
        let kept = (options.qos(), options.no_local(), options.retain_as_published());
        assert_eq!(kept, (qos, no_local, retain_as_published));
        assert_eq!(SubscriptionOptions::from_bits(options.as_bits()), Some(options));
    }
    assert_eq!(SubscriptionOptions::from_bits(0x10), None);
}

#[test]
fn a_subscriber_is_12_bytes_and_a_filter_with_one_adds_16() {
    assert_eq!(
        (size_of::<Subscriber>(), size_of::<Subscribers>(), size_of::<Option<FilterId>>()),
        (12, 16, 4)
    );
}

/// [MQTT-3.8.4-3] the same filter of the same session is replaced, not added.
#[test]
fn the_same_filter_of_the_same_session_is_replaced_in_place() {
    let mut all = subscriptions();
    for session in 0..3 {
        all.insert("a/+", subscriber(session, 1));
    }
    let again = all.insert("a/+", subscriber(1, 2));
    assert_eq!((again.replaced, again.first_of_filter, again.opens_route), (true, false, None));
    assert_eq!(all.subscribers(again.id), [subscriber(0, 1), subscriber(1, 2), subscriber(2, 1)]);
    assert_eq!((all.subscription_count(), all.filter_count()), (3, 1));
}

/// A fan-out list long enough to be indexed behaves as a short one.
#[test]
fn a_session_is_found_among_very_many() {
    let mut all = subscriptions();
    for session in 0..10_000 {
        all.insert("news", subscriber(session, 0));
    }
    let id = all.id("news").unwrap();
    for session in (0..10_000).rev().step_by(3) {
        assert!(all.subscriber(id, session).is_some());
        assert!(all.remove_by_id(id, session).is_some());
        assert!(all.remove_by_id(id, session).is_none());
    }
    let mut left: Vec<u32> = all.subscribers(id).iter().map(|subscriber| subscriber.session).collect();
    left.sort_unstable();
    assert_eq!(left, (0..10_000).filter(|session| session % 3 != 0).collect::<Vec<_>>());
}

/// Two filters of one fingerprint share one route: opened by the first, closed by the last, in either order.
#[test]
fn filters_that_share_a_fingerprint_share_a_route() {
    let (one, two) = colliding_filters();
    for (first_out, last_out) in [(&one, &two), (&two, &one)] {
        let mut all = subscriptions();
        let opened = all.insert(&one, subscriber(1, 0)).opens_route;
        assert!(opened.is_some());
        let second = all.insert(&two, subscriber(1, 0));
        assert_eq!((second.first_of_filter, second.opens_route), (true, None));
        let removed = all.remove(first_out, 1).unwrap();
        assert_eq!((removed.last_of_filter, removed.closes_route), (true, None));
        assert_eq!(all.remove(last_out, 1).unwrap().closes_route, opened);
    }
}

/// Finds two names with one fingerprint; about one in 80,000 names shares one with another.
fn colliding_filters() -> (String, String) {
    let hasher = FixedState::with_seed(9);
    let mut seen = std::collections::HashMap::new();
    for number in 0..2_000_000u32 {
        let name = number.to_string();
        if let Some(other) = seen.insert(super::super::Fingerprint::of(&name, &hasher), number) {
            return (other.to_string(), name);
        }
    }
    panic!("two in two million names share one of 2^32 fingerprints");
}

fn filter() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "a/b", "a/+", "a/#", "+/b", "#", "+", "$s/#", "$s/b", "$s"])
        .prop_map(str::to_owned)
}

#[derive(Default)]
struct Model {
    lists: BTreeMap<String, BTreeMap<u32, u32>>,
    routes: Vec<RouteKey>,
}

impl Model {
    fn insert(&mut self, all: &mut Subscriptions, filter: &str, session: u32, identifier: u32) {
        let done = all.insert(filter, subscriber(session, identifier));
        let list = self.lists.entry(filter.to_owned()).or_default();
        assert_eq!(done.first_of_filter, list.is_empty());
        assert_eq!(done.replaced, list.insert(session, identifier).is_some());
        assert_eq!(done.opens_route.is_some(), done.first_of_filter);
        self.routes.extend(done.opens_route);
        assert_eq!((all.id(filter), all.name(done.id)), (Some(done.id), filter));
    }

    fn remove(&mut self, all: &mut Subscriptions, filter: &str, session: u32) {
        let list = self.lists.entry(filter.to_owned()).or_default();
        let was_in = list.remove(&session).is_some();
        let is_last = list.is_empty();
        let done = all.remove(filter, session);
        assert_eq!(done.as_ref().map(|done| done.last_of_filter), was_in.then_some(is_last));
        let closed = done.and_then(|done| done.closes_route);
        assert_eq!(closed.is_some(), was_in && is_last);
        self.routes.retain(|route| Some(route) != closed.as_ref());
    }
}

proptest! {
    #[test]
    fn behaves_as_a_list_of_subscriptions(
        ops in prop::collection::vec((0u8..3, filter(), 0u32..50, 0u32..9), 0..400),
    ) {
        let (mut all, mut model) = (subscriptions(), Model::default());
        for (kind, filter, session, identifier) in ops {
            match kind {
                0 => model.remove(&mut all, &filter, session),
                _ => model.insert(&mut all, &filter, session, identifier),
            }
        }
        model.lists.retain(|_, list| !list.is_empty());
        prop_assert_eq!(all.filter_count(), model.lists.len());
        prop_assert_eq!(all.subscription_count(), model.lists.values().map(BTreeMap::len).sum::<usize>());
        let names: BTreeSet<&str> = all.filters().map(|(_, name)| name).collect();
        prop_assert_eq!(names, model.lists.keys().map(String::as_str).collect());
        let routes: Vec<_> = all.routes().collect();
        prop_assert!(routes.len() == model.routes.len() && routes.iter().all(|route| model.routes.contains(route)));
        for topic in ["a", "b", "a/b", "a/", "x/b", "$s", "$s/b", "a/b/c"] {
            let mut found = Vec::new();
            all.for_each_list(topic, |list| {
                let mut list: Vec<_> = list.iter().map(|one| (one.session, one.identifier)).collect();
                list.sort_unstable();
                found.push(list);
            });
            found.sort();
            let lists = model.lists.iter().filter(|(filter, _)| matches(filter, topic));
            let mut expected: Vec<Vec<(u32, u32)>> =
                lists.map(|(_, list)| list.iter().map(|(session, identifier)| (*session, *identifier)).collect()).collect();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
