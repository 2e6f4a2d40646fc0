//! Retained values against a sorted map, paged in every way.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const NOW: Time = Time::from_ms(100);

fn entry(value: u32, expires: Option<u64>) -> Entry<u32> {
    Entry { value, bytes: 10, expires: expires.map(Time::from_ms) }
}

fn retained(topics: &[&str]) -> Retained<u32> {
    let mut retained = Retained::new(FixedState::with_seed(8));
    for (value, topic) in (0..).zip(topics) {
        retained.set(topic, entry(value, None));
    }
    retained
}

/// All matches, read page by page.
fn read(retained: &Retained<u32>, filter: &str, scan_max: usize, items_max: usize) -> Vec<(String, u32)> {
    let (mut found, mut after) = (Vec::new(), None::<Box<str>>);
    loop {
        let query = PageQuery { filter, after: after.as_deref(), scan_max, items_max, now: NOW };
        let page = retained.page(&query);
        assert!(page.items.len() <= items_max.max(1));
        found.extend(page.items.into_iter().map(|(topic, value)| (topic.to_owned(), *value)));
        assert!(page.next.is_none() || page.next > after || after.is_none(), "a page that does not advance");
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

fn topics(found: &[(String, u32)]) -> Vec<&str> {
    found.iter().map(|(topic, _)| topic.as_str()).collect()
}

/// [MQTT-3.3.1-5] the newest replaces the one before; [MQTT-3.3.1-6] nothing is left once it is erased.
#[test]
fn one_value_per_topic_with_its_bytes_counted() {
    let mut retained = Retained::new(FixedState::with_seed(8));
    assert_eq!(retained.set("a/b", entry(1, None)), None);
    assert_eq!((retained.count(), retained.bytes(), retained.footprint("a/b")), (1, 13, Some(13)));
    assert_eq!(retained.set("a/b", Entry { value: 2, bytes: 5, expires: None }), Some(1));
    assert_eq!((retained.count(), retained.bytes(), retained.get("a/b", NOW)), (1, 8, Some(&2)));
    assert_eq!((retained.remove("a/b"), retained.remove("a/b")), (Some(2), None));
    assert_eq!((retained.count(), retained.bytes(), retained.footprint("a/b")), (0, 0, None));
}

/// [MQTT-4.7.2-1] leading wildcards do not see `$` topics, and skip them as one block.
#[test]
fn dollar_topics_cost_nothing_to_leading_wildcards() {
    let mut retained = retained(&["\"", "a", "%/x", "z/x"]);
    for n in 0..1000 {
        retained.set(&format!("$SYS/{n}"), entry(n, None));
    }
    let query = PageQuery { filter: "#", after: None, scan_max: 5, items_max: 100, now: NOW };
    let page = retained.page(&query);
    assert_eq!(page.items.iter().map(|(topic, _)| *topic).collect::<Vec<_>>(), ["\"", "%/x", "a", "z/x"]);
    assert_eq!(page.next, None);
    assert_eq!(read(&retained, "$SYS/#", 7, 7).len(), 1000);
    assert_eq!(topics(&read(&retained, "+/x", 1, 1)), ["%/x", "z/x"]);
}

/// `a/#` also matches `a`, which does not lie beside `a/b` in byte order.
#[test]
fn the_parent_comes_first_though_others_lie_between() {
    let retained = retained(&["a", "a!", "a-b", "a/", "a/b", "a0", "a/b/c"]);
    for size in 1..8 {
        assert_eq!(topics(&read(&retained, "a/#", size, 8)), ["a", "a/", "a/b", "a/b/c"]);
        assert_eq!(topics(&read(&retained, "a/#", 8, size)), ["a", "a/", "a/b", "a/b/c"]);
        assert_eq!(topics(&read(&retained, "a/+", 8, size)), ["a/", "a/b"]);
        assert_eq!(topics(&read(&retained, "a", 8, size)), ["a"]);
    }
}

/// [MQTT-3.3.2-5] an expired value is not given out, whether or not it is still in memory.
#[test]
fn expired_values_are_hidden_at_once_and_removed_in_steps() {
    let mut retained = Retained::new(FixedState::with_seed(8));
    for n in 0..10 {
        retained.set(&format!("t/{n}"), entry(n, Some(96 + u64::from(n))));
    }
    assert_eq!((retained.get("t/4", NOW), retained.get("t/5", NOW)), (None, Some(&5)));
    assert_eq!(read(&retained, "t/+", 3, 3).len(), 5);
    assert_eq!(retained.next_expiry(), Some(Time::from_ms(96)));
    assert_eq!((retained.expire(NOW, 3), retained.expire(NOW, 3), retained.expire(NOW, 3)), (3, 2, 0));
    assert_eq!((retained.count(), retained.next_expiry()), (5, Some(Time::from_ms(101))));
    retained.set("t/5", entry(0, None));
    retained.set("t/6", entry(0, Some(500)));
    retained.remove("t/7");
    assert_eq!(retained.expire(Time::from_ms(400), 100), 2);
    assert_eq!((retained.count(), retained.next_expiry()), (2, Some(Time::from_ms(500))));
}

fn level() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "b", "a!", "$s", "%", "\"", "é"])
}

fn name(level: impl Strategy<Value = &'static str>) -> impl Strategy<Value = String> {
    let levels = prop::collection::vec(level, 1..4).prop_map(|levels| levels.join("/"));
    levels.prop_map(|name| if name.is_empty() { "/".to_owned() } else { name })
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![2 => level(), 1 => Just("+")];
    (name(level), 0u8..4).prop_map(|(filter, end)| match end {
        0 => "#".to_owned(),
        1 => filter + "/#",
        _ => filter,
    })
}

proptest! {
    #[test]
    fn behaves_as_a_sorted_map(
        ops in prop::collection::vec((0u8..5, name(level()), any::<u32>(), prop::option::of(0u64..300)), 0..80),
        filters in prop::collection::vec(filter(), 1..8),
        (scan_max, items_max) in (0usize..12, 0usize..6),
    ) {
        let (mut retained, mut model) = (Retained::new(FixedState::with_seed(8)), BTreeMap::new());
        for (kind, topic, value, expires) in ops {
            if kind == 0 {
                prop_assert_eq!(retained.remove(&topic), model.remove(&topic).map(|(value, _)| value));
            } else {
                let old = model.insert(topic.clone(), (value, expires));
                prop_assert_eq!(retained.set(&topic, entry(value, expires)), old.map(|(value, _)| value));
            }
        }
        prop_assert_eq!(retained.bytes(), model.keys().map(|topic| topic.len() + 10).sum::<usize>());
        let is_live = |expires: Option<u64>| expires.is_none_or(|expires| expires > NOW.as_ms());
        for filter in &filters {
            let live = model.iter().filter(|(topic, (_, expires))| is_live(*expires) && matches(filter, topic));
            let mut expected: Vec<_> = live.map(|(topic, (value, _))| (topic.clone(), *value)).collect();
            expected.sort_by_key(|(topic, _)| (Some(topic.as_str()) != parent_of_rest(filter), topic.clone()));
            prop_assert_eq!(read(&retained, filter, scan_max, items_max), expected);
        }
        let dead = model.values().filter(|(_, expires)| !is_live(*expires)).count();
        prop_assert_eq!((retained.expire(NOW, 1000), retained.count()), (dead, model.len() - dead));
        let next = model.values().filter_map(|(_, expires)| *expires).filter(|expires| is_live(Some(*expires))).min();
        prop_assert_eq!(retained.next_expiry().map(Time::as_ms), next);
    }
}
