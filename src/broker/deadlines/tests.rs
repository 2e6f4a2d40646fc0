//! The wheel against a sorted list, and its promises about waking.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn ms(at: u64) -> Time {
    Time::from_ms(at)
}

fn fired(wheel: &mut Deadlines<u32>, now: u64) -> Vec<u32> {
    let mut due = Vec::new();
    wheel.expire(ms(now), &mut due);
    due
}

/// Deadlines that are set.
fn count(wheel: &Deadlines<u32>) -> usize {
    wheel.timers.iter().filter(|timer| timer.generation % 2 == 1).count()
}

#[test]
fn deadlines_fire_by_time_then_by_insertion_and_never_early() {
    let mut wheel = Deadlines::new();
    for (key, at) in [(1, 5_000), (2, 70), (3, 5_000), (4, 70), (5, 4_999)] {
        wheel.insert(ms(at), key);
    }
    assert_eq!(fired(&mut wheel, 69), []);
    wheel.insert(ms(70), 6);
    assert_eq!(fired(&mut wheel, 70), [2, 4, 6]);
    wheel.insert(ms(5_000), 7);
    assert_eq!(fired(&mut wheel, 4_998), []);
    wheel.insert(ms(5_000), 8);
    assert_eq!(fired(&mut wheel, 1 << 40), [5, 1, 3, 7, 8]);
    assert_eq!((count(&wheel), wheel.next()), (0, None));
}

#[test]
fn a_time_already_past_fires_with_the_next_call() {
    let mut wheel = Deadlines::new();
    fired(&mut wheel, 1_000);
    wheel.insert(ms(3), 1);
    wheel.insert(ms(1_000), 2);
    assert_eq!(wheel.next(), Some(ms(1_000)));
    assert_eq!(fired(&mut wheel, 1_000), [1, 2]);
}

#[test]
fn a_deadline_is_cancelled_once_and_its_number_is_not_good_for_the_next() {
    let mut wheel = Deadlines::new();
    let (one, two) = (wheel.insert(ms(10), 1), wheel.insert(ms(10), 2));
    assert_eq!((wheel.cancel(one), wheel.cancel(one)), (Some(1), None));
    let three = wheel.insert(ms(10), 3);
    assert_eq!((wheel.cancel(one), count(&wheel)), (None, 2));
    assert_eq!(fired(&mut wheel, 10), [2, 3]);
    assert_eq!((wheel.cancel(two), wheel.cancel(three)), (None, None));
}

/// The last millisecond that a `Time` can say.
const LAST_MS: u64 = u64::MAX - 1;

/// Session expiry goes up to 2^32 seconds; anything a `Time` can say is kept exactly.
#[test]
fn far_deadlines_are_exact_and_cost_few_wakes() {
    let year = 365 * 24 * 3600 * 1000;
    for at in [136 * year, u64::from(u32::MAX) * 1000, LAST_MS - 1, LAST_MS] {
        let mut wheel = Deadlines::new();
        fired(&mut wheel, 12_345);
        wheel.insert(ms(at), 1);
        let mut wakes = 0;
        while let Some(next) = wheel.next() {
            assert!(next.as_ms() <= at);
            let due = fired(&mut wheel, next.as_ms());
            assert_eq!(due.is_empty(), next.as_ms() < at);
            wakes += 1;
        }
        assert!(wakes <= LEVELS, "{wakes} wakes");
    }
}

/// A thousand deadlines an hour away: nothing to do until the first of them comes near.
#[test]
fn idle_deadlines_do_not_wake_before_their_slot() {
    let mut wheel = Deadlines::new();
    for key in 0..1000 {
        wheel.insert(ms(3_600_000 + u64::from(key)), key);
    }
    assert!(wheel.next().is_some_and(|next| next.as_ms() > 3_000_000));
    let mut wakes = 0;
    while let Some(next) = wheel.next() {
        fired(&mut wheel, next.as_ms());
        wakes += 1;
    }
    assert!(wakes <= 1000 + 2 * 64, "{wakes} wakes");
}

#[derive(Debug, Clone)]
enum Op {
    Insert(u64),
    Cancel(prop::sample::Index),
    Advance(u64),
    AdvanceToNext,
}

fn op() -> impl Strategy<Value = Op> {
    let distance = prop_oneof![0u64..4, 0u64..200, 0u64..10_000, 0u64..100_000_000, any::<u64>()];
    prop_oneof![
        4 => distance.prop_map(Op::Insert),
        1 => any::<prop::sample::Index>().prop_map(Op::Cancel),
        2 => prop_oneof![0u64..4, 0u64..200, 0u64..10_000, 0u64..100_000_000].prop_map(Op::Advance),
        2 => Just(Op::AdvanceToNext),
    ]
}

/// Deadlines by (time, insertion), as the wheel must fire them.
#[derive(Default)]
struct Model {
    now: u64,
    waiting: BTreeMap<(u64, u32), TimerId>,
}

impl Model {
    fn advance(&mut self, wheel: &mut Deadlines<u32>, now: u64) {
        self.now = now;
        let later = self.waiting.split_off(&(now + 1, 0));
        let due = std::mem::replace(&mut self.waiting, later);
        let expected: Vec<u32> = due.keys().map(|(_, key)| *key).collect();
        assert_eq!(fired(wheel, now), expected);
    }
}

proptest! {
    #[test]
    fn behaves_as_a_sorted_list(ops in prop::collection::vec(op(), 0..200)) {
        let (mut wheel, mut model) = (Deadlines::new(), Model::default());
        for (key, op) in (0u32..).zip(ops) {
            match op {
                Op::Insert(distance) => {
                    let at = model.now.saturating_add(distance).min(LAST_MS);
                    model.waiting.insert((at, key), wheel.insert(ms(at), key));
                }
                Op::Cancel(_) if model.waiting.is_empty() => {}
                Op::Cancel(which) => {
                    let keys: Vec<_> = model.waiting.keys().copied().collect();
                    let chosen = which.get(&keys);
                    let id = model.waiting.remove(chosen).unwrap();
                    prop_assert_eq!(wheel.cancel(id), Some(chosen.1));
                    prop_assert_eq!(wheel.cancel(id), None);
                }
                Op::Advance(distance) => {
                    let now = model.now.saturating_add(distance).min(LAST_MS);
                    model.advance(&mut wheel, now);
                }
                Op::AdvanceToNext => {
                    let now = wheel.next().map_or(model.now, Time::as_ms);
                    model.advance(&mut wheel, now);
                    prop_assert!(wheel.next().is_none_or(|next| next.as_ms() > now), "a wake that would repeat");
                }
            }
            prop_assert_eq!(count(&wheel), model.waiting.len());
            let earliest = model.waiting.first_key_value().map(|((at, _), _)| *at);
            prop_assert_eq!(wheel.next().is_some(), earliest.is_some());
            prop_assert!(wheel.next().map(Time::as_ms) <= earliest);
        }
    }
}
