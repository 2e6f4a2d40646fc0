//! Who wants a topic: filters of this shard, routes to others.

use std::hint::black_box;

use foldhash::fast::FixedState;
use ringmq_broker::topics::{Fingerprint, RouteKey, Routes, Subscriber, SubscriptionOptions, Subscriptions};
use ringmq_protocol::Qos;

use super::{Bench, Prepared};

pub(super) const BENCHES: &[Bench] = &[
    Bench::short("match/exact_10", "topic", || matching(10, exact)),
    Bench::short("match/exact_10k", "topic", || matching(10_000, exact)),
    Bench::long("match/exact_1m", "topic", || matching(1_000_000, exact)),
    Bench::short("match/plus_10", "topic", || matching(10, plus)),
    Bench::short("match/plus_10k", "topic", || matching(10_000, plus)),
    Bench::long("match/plus_1m", "topic", || matching(1_000_000, plus)),
    Bench::short("match/mixed_10k", "topic", || matching(10_000, mixed)),
    Bench::long("match/mixed_1m", "topic", || matching(1_000_000, mixed)),
    Bench::short("route/exact_10k", "topic", || routing(10_000, exact)),
    Bench::short("route/plus_10k", "topic", || routing(10_000, plus)),
    Bench::short("route/none", "topic", || routing(0, exact)),
    Bench::short("subscribe/exact", "filter", || subscribing(exact)),
    Bench::short("subscribe/plus", "filter", || subscribing(plus)),
];

/// Topics in one pass.
const COUNT: u64 = 1000;

/// The filter of device `number`.
type FilterOf = fn(usize) -> String;

fn exact(number: usize) -> String {
    topic(number)
}

fn plus(number: usize) -> String {
    format!("plant/{}/+/{number}/temperature", number % 7)
}

/// Nine of ten exact, one with a wildcard.
fn mixed(number: usize) -> String {
    if number.is_multiple_of(10) { plus(number) } else { exact(number) }
}

/// What device `number` publishes to; one filter of those above matches.
fn topic(number: usize) -> String {
    format!("plant/{}/line/{number}/temperature", number % 7)
}

fn hasher() -> FixedState {
    FixedState::with_seed(7)
}

/// Topics spread over all devices, so that they are not in the order in which the filters came.
fn topics(filter_count: usize) -> Vec<String> {
    (0..COUNT as usize).map(|n| topic(n * 7919 % filter_count.max(1))).collect()
}

fn matching(filter_count: usize, filter: FilterOf) -> Prepared {
    let mut subscriptions = Subscriptions::new(hasher());
    for number in 0..filter_count {
        subscriptions.insert(&filter(number), subscriber(number));
    }
    let topics = topics(filter_count);
    Prepared::new(COUNT, move |pass| {
        let mut found = 0;
        pass.count(|| {
            for topic in &topics {
                subscriptions.for_each_list(topic, |list| found += black_box(list).len() as u64);
            }
        });
        found
    })
}

fn routing(route_count: usize, filter: FilterOf) -> Prepared {
    let mut routes = Routes::new(hasher());
    for number in 0..route_count {
        let filter = filter(number);
        let key = match ringmq_broker::topics::is_wildcard(&filter) {
            true => RouteKey::Wildcard(filter.into()),
            false => RouteKey::Exact(Fingerprint::of(&filter, &hasher())),
        };
        routes.announce(&key, (number % 64) as u16);
    }
    let topics = topics(route_count);
    Prepared::new(COUNT, move |pass| {
        let mut agreeing = 0;
        pass.count(|| {
            for topic in &topics {
                let is_found = !black_box(routes.interested(topic)).is_empty();
                agreeing += u64::from(is_found == (route_count > 0));
            }
        });
        agreeing
    })
}

/// Adds filters beside 10,000 others and takes them away again.
fn subscribing(filter: FilterOf) -> Prepared {
    let mut subscriptions = Subscriptions::new(hasher());
    let others = 10_000;
    for number in 0..others {
        subscriptions.insert(&filter(number), subscriber(number));
    }
    let filters: Vec<String> = (others..others + COUNT as usize).map(filter).collect();
    Prepared::new(COUNT, move |pass| {
        let mut removed = 0;
        pass.count(|| {
            for filter in &filters {
                black_box(subscriptions.insert(filter, subscriber(1)));
            }
            for filter in &filters {
                removed += u64::from(black_box(subscriptions.remove(filter, 1)).is_some());
            }
        });
        removed
    })
}

fn subscriber(number: usize) -> Subscriber {
    Subscriber { session: number as u32, identifier: 0, options: SubscriptionOptions::new(Qos::AtMostOnce) }
}
