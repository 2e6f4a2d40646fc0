//! Routes against a set of (filter, shard) pairs.

use std::collections::BTreeSet;

use proptest::prelude::*;
use ringmq_protocol::matches;

use super::super::is_wildcard;
use super::*;

fn key(filter: &str, hasher: &FixedState) -> RouteKey {
    if is_wildcard(filter) {
        RouteKey::Wildcard(filter.into())
    } else {
        RouteKey::Exact(Fingerprint::of(filter, hasher))
    }
}

#[test]
fn an_exact_route_is_eight_bytes() {
    assert_eq!(size_of::<ExactRoute>(), 8);
}

#[test]
fn interest_ends_when_every_shard_has_retracted_it() {
    let hasher = FixedState::with_seed(2);
    for filter in ["a/b", "a/+", "#"] {
        let (mut routes, key) = (Routes::new(hasher.clone()), key(filter, &hasher));
        for shard in [3, 127, 0] {
            routes.announce(&key, shard);
            routes.announce(&key, shard);
        }
        assert_eq!(routes.interested("a/b").iter().collect::<Vec<_>>(), [0, 3, 127]);
        assert!(routes.interested("$SYS/b").is_empty());
        for (shard, left) in [(3, vec![0, 127]), (3, vec![0, 127]), (0, vec![127]), (127, vec![])] {
            routes.retract(&key, shard);
            assert_eq!(routes.interested("a/b").iter().collect::<Vec<_>>(), left);
        }
        assert_eq!((routes.exact_count(), routes.wildcard_count()), (0, 0));
    }
}

fn filter() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "a/b", "a/+", "a/#", "+/b", "#", "+", "$s/#", "$s/b"])
}

proptest! {
    #[test]
    fn behaves_as_a_set_of_pairs(ops in prop::collection::vec((any::<bool>(), filter(), 0u16..4), 0..200)) {
        let hasher = FixedState::with_seed(2);
        let (mut routes, mut model) = (Routes::new(hasher.clone()), BTreeSet::new());
        for (is_announced, filter, shard) in ops {
            let key = key(filter, &hasher);
            if is_announced {
                routes.announce(&key, shard);
                model.insert((filter, shard));
            } else {
                routes.retract(&key, shard);
                model.remove(&(filter, shard));
            }
        }
        for topic in ["a", "a/b", "a/", "x/b", "$s", "$s/b", "a/b/c"] {
            let wanted = model.iter().filter(|(filter, _)| matches(filter, topic));
            let expected: ShardSet = wanted.map(|(_, shard)| *shard).collect();
            prop_assert_eq!(routes.interested(topic), expected);
        }
        let filters: BTreeSet<_> = model.iter().map(|(filter, _)| *filter).collect();
        let wildcards = filters.iter().filter(|filter| is_wildcard(filter)).count();
        prop_assert_eq!((routes.exact_count(), routes.wildcard_count()), (filters.len() - wildcards, wildcards));
    }
}
