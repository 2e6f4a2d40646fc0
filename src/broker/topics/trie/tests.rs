//! The trie against the rules of matching, one table per statement, and against a list of filters.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use proptest::prelude::*;

use super::*;

/// Matching as the standard words it, level by level.
fn naive_match(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
    for (index, level) in filter.iter().enumerate() {
        match (*level, topic.get(index)) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(found)) if level == *found => {}
            _ => return false,
        }
    }
    filter.len() == topic.len()
}

fn trie_of(filters: &[&str]) -> FilterTrie<String> {
    let mut trie = FilterTrie::new(FixedState::with_seed(5));
    for filter in filters {
        assert_eq!(trie.insert(filter, (*filter).to_owned()), None);
    }
    trie
}

fn matches(trie: &FilterTrie<String>, topic: &str) -> Vec<String> {
    let mut found = Vec::new();
    trie.for_each_match(topic, |value| found.push(value.clone()));
    found.sort();
    found
}

fn check(rows: &[(&str, &str, bool)]) {
    for (filter, topic, expected) in rows {
        assert_eq!(naive_match(filter, topic), *expected, "the test's own rule: {filter} {topic}");
        assert_eq!(matches(&trie_of(&[filter]), topic).len(), usize::from(*expected), "{filter} {topic}");
    }
}

/// [MQTT-4.7.1-1] `#` stands for the level above and all below.
#[test]
fn the_rest_wildcard_matches_the_parent_and_everything_below() {
    check(&[
        ("#", "a", true),
        ("#", "a/b/c", true),
        ("#", "/", true),
        ("a/#", "a", true),
        ("a/#", "a/", true),
        ("a/#", "a/b/c", true),
        ("a/#", "ab", false),
        ("a/b/#", "a", false),
        ("/#", "/a", true),
        ("/#", "a", false),
        ("+/#", "a", true),
        ("a/+/#", "a", false),
        ("a/+/#", "a/b", true),
    ]);
}

/// [MQTT-4.7.1-2] `+` stands for exactly one level, an empty one too.
#[test]
fn the_single_wildcard_matches_exactly_one_level() {
    check(&[
        ("+", "a", true),
        ("+", "/a", false),
        ("/+", "/a", true),
        ("+/+", "/a", true),
        ("+/+", "a", false),
        ("a/+", "a", false),
        ("a/+", "a/", true),
        ("a/+", "a/b", true),
        ("a/+", "a/b/c", false),
        ("a/+/c", "a/b/c", true),
        ("a/+/c", "a//c", true),
        ("a/+/c", "a/c", false),
    ]);
}

/// [MQTT-4.7.2-1] the first level of `$` topics must be spelled out; deeper levels need not.
#[test]
fn dollar_topics_are_hidden_from_leading_wildcards() {
    check(&[
        ("#", "$SYS/x", false),
        ("#", "$SYS", false),
        ("+/x", "$SYS/x", false),
        ("+", "$", false),
        ("$SYS/#", "$SYS/x", true),
        ("$SYS/#", "$SYS", true),
        ("$SYS/+", "$SYS/x", true),
        ("+/x", "a/x", true),
        ("a/+", "a/$x", true),
        ("a/#", "a/$x", true),
    ]);
}

/// [MQTT-4.7.3-4] levels are compared byte by byte, [MQTT-4.7.3-1] empty ones included.
#[test]
fn levels_are_compared_exactly() {
    check(&[
        ("a/b", "a/b", true),
        ("A/b", "a/b", false),
        ("a//b", "a/b", false),
        ("/a", "a", false),
        ("a/", "a", false),
        ("/", "/", true),
        ("é/+", "e\u{301}/x", false),
        ("é/+", "é/x", true),
    ]);
}

#[test]
fn values_are_replaced_found_and_removed_by_the_exact_filter() {
    let mut trie = trie_of(&["a/#", "a/+", "a/b", "#", "+"]);
    assert_eq!(trie.insert("a/#", "new".into()), Some("a/#".into()));
    assert_eq!(trie.get("a/#"), Some(&"new".into()));
    assert_eq!((trie.get("a"), trie.get("b/#"), trie.get("a/#/c")), (None, None, None));
    *trie.get_mut("+").unwrap() = "changed".into();
    assert_eq!(trie.remove("+"), Some("changed".into()));
    assert_eq!((trie.remove("+"), trie.remove("a"), trie.len()), (None, None, 4));
}

/// A filter of 128 levels, and a topic of as many as fit: no recursion, and no more work than the filter is deep.
#[test]
fn deep_filters_and_deeper_topics_are_fine() {
    let deep = vec!["x"; 127].join("/") + "/#";
    let topic = vec!["x"; 32_000].join("/");
    assert_eq!(matches(&trie_of(&[&deep, "+/+"]), &topic), [deep]);
}

#[test]
fn a_node_is_48_bytes_with_a_filter_number_as_value() {
    assert_eq!(size_of::<Node<std::num::NonZeroU32>>(), 48);
}

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "b", "$s", "a-level-that-is-longer-than-a-node"])
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![2 => level(), 1 => Just("+")];
    (prop::collection::vec(level, 0..5), any::<bool>()).prop_map(|(mut levels, has_rest)| {
        if has_rest {
            levels.push("#");
        }
        Some(levels.join("/")).filter(|filter| !filter.is_empty()).unwrap_or("/".to_owned())
    })
}

fn topic() -> impl Strategy<Value = String> {
    (prop::collection::vec(level(), 0..5), prop::sample::select(vec!["a", "b", "$s", "/"])).prop_map(
        |(levels, last)| levels.iter().fold(String::new(), |topic, level| topic + level + "/") + last,
    )
}

proptest! {
    /// Any history of insertions and removals leaves what a list of filters would find, and no node behind.
    #[test]
    fn behaves_as_a_list_of_filters(
        ops in prop::collection::vec((any::<bool>(), filter()), 1..60),
        topics in prop::collection::vec(topic(), 1..20),
    ) {
        let mut trie = FilterTrie::new(FixedState::with_seed(1));
        let mut model = BTreeMap::new();
        for (number, (is_insert, filter)) in ops.into_iter().enumerate() {
            let value = format!("{filter} {number}");
            if is_insert {
                prop_assert_eq!(trie.insert(&filter, value.clone()), model.insert(filter, value));
            } else {
                prop_assert_eq!(trie.remove(&filter), model.remove(&filter));
            }
            prop_assert_eq!(trie.len(), model.len());
        }
        for topic in &topics {
            let found = model.iter().filter(|(filter, _)| naive_match(filter, topic));
            let mut expected: Vec<_> = found.map(|(_, value)| value.clone()).collect();
            expected.sort();
            prop_assert_eq!(matches(&trie, topic), expected);
        }
        for (filter, value) in &model {
            prop_assert_eq!(trie.remove(filter), Some(value.clone()));
        }
        let next = |id: u32| Some(id).filter(|id| *id != NONE);
        let free = std::iter::successors(next(trie.free), |id| next(trie.nodes[*id as usize].parent));
        prop_assert_eq!(free.count() + 1, trie.nodes.len());
        prop_assert_eq!((trie.edges.len(), trie.len()), (0, 0));
    }
}
