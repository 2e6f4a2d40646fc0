//! Whose turn it is: shards take turns in proportion to their weights, spread evenly.
//!
//! Owns when each shard is due. Must never know what a turn is for. Time here is counted in turns of a shard of weight
//! one: a shard of weight three is due three times as often. The next one is the top of a heap, so a choice costs the
//! logarithm of the number of shards.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::shard_set::SHARDS_MAX;

/// From one turn to the next of a shard of weight one.
const ROUND: u64 = 1 << 32;

/// Beyond this, time begins anew long before it could overflow.
const TIME_MAX: u64 = 1 << 62;

/// A shard's next turn. The one that is due first comes first, among equals the lower shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Turn {
    due: u64,
    shard: u16,
    /// Place of the shard in the list that was given.
    place: u16,
    interval: u64,
}

/// The turns of some shards.
#[derive(Debug, Default)]
pub(super) struct Turns {
    heap: BinaryHeap<Reverse<Turn>>,
    /// When the last turn was due.
    now: u64,
}

impl Turns {
    /// From now on these shards with these weights take turns; those of weight 0 do not. A shard keeps what it has
    /// waited already, but no imbalance lasts longer than one round.
    pub(super) fn set(&mut self, weights: impl Iterator<Item = (u16, u32)>) {
        let mut waits = [u64::MAX; SHARDS_MAX as usize];
        for Reverse(turn) in self.heap.drain() {
            waits[usize::from(turn.shard)] = turn.due - self.now;
        }
        self.now = 0;
        self.heap.extend((0..).zip(weights).filter(|&(_, (_, weight))| weight > 0).map(
            |(place, (shard, weight))| {
                let interval = ROUND / u64::from(weight);
                Reverse(Turn { due: waits[usize::from(shard)].min(interval), shard, place, interval })
            },
        ));
    }

    /// The place of the shard whose turn it is. None: there is no shard.
    pub(super) fn next(&mut self) -> Option<usize> {
        let mut first = self.heap.peek_mut()?;
        let turn = &mut first.0;
        self.now = turn.due;
        turn.due += turn.interval;
        let place = usize::from(turn.place);
        drop(first);
        if self.now > TIME_MAX {
            self.begin_anew();
        }
        Some(place)
    }

    fn begin_anew(&mut self) {
        let turns = self.heap.drain().map(|Reverse(turn)| Turn { due: turn.due - self.now, ..turn });
        let turns: Vec<_> = turns.map(Reverse).collect();
        self.heap = BinaryHeap::from(turns);
        self.now = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(weights: &[u32]) -> Turns {
        let mut turns = Turns::default();
        turns.set((0..).zip(weights.iter().copied()));
        turns
    }

    #[test]
    fn turns_are_spread_evenly() {
        let mut turns = turns(&[2, 0, 1, 1]);
        let places: Vec<usize> = (0..8).map_while(|_| turns.next()).collect();
        assert_eq!(places, [0, 0, 2, 3, 0, 0, 2, 3]);
        assert_eq!(Turns::default().next(), None);
    }

    #[test]
    fn time_begins_anew_before_it_is_over() {
        let mut turns = turns(&[1, 1]);
        turns.heap.clear();
        let late = |shard| Turn { due: TIME_MAX + u64::from(shard), shard, place: shard, interval: ROUND };
        turns.heap.extend([late(0), late(1)].map(Reverse));
        let places: Vec<usize> = (0..6).map_while(|_| turns.next()).collect();
        assert_eq!(places, [0, 1, 0, 1, 0, 1]);
        assert!(turns.now < 3 * ROUND);
    }

    proptest! {
        /// After any number of turns each shard has had its share, give or take what one turn of each other may take.
        #[test]
        fn every_shard_gets_its_share(
            weights in prop::collection::vec(0u32..100, 1..20),
            others in prop::collection::vec(0u32..100, 1..20),
            count in 1usize..2000,
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let mut turns = turns(&others);
            let has_any = others.iter().any(|weight| *weight > 0);
            (0..count).for_each(|_| assert_eq!(turns.next().is_some(), has_any));
            turns.set((0..).zip(weights.iter().copied()));
            let mut had = vec![0usize; weights.len()];
            (0..count).for_each(|_| had[turns.next().unwrap()] += 1);
            let total: u32 = weights.iter().sum();
            for (weight, had) in weights.iter().zip(had) {
                let share = count as f64 * f64::from(*weight) / f64::from(total);
                let others = weights.len() as f64 * f64::from(*weight) / f64::from(total);
                prop_assert!((had as f64 - share).abs() <= 2.0 + 2.0 * others, "{had} of {share}");
            }
        }
    }
}
