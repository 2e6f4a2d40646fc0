//! The sequence numbers that arrived on one stream: what is new, what is late, what came before.
//!
//! Owns the numbers seen. Must never know who sent or received them. Undisturbed, a stream is a counter: it owns heap memory
//! only while a number is missing.

use std::collections::{BTreeSet, VecDeque};

/// How far behind the newest number a missing one is remembered: 1,048,576 messages. What comes later than that is taken
/// for a duplicate.
const HORIZON: u32 = 1 << 20;

const WORD_BITS: u32 = u64::BITS;

/// What a number that arrived turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// New and above all before it.
    InOrder,
    /// New, but a higher one came before it.
    OutOfOrder,
    /// Seen before.
    Duplicate,
}

/// The numbers seen on one stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Everything below has been seen, or is beyond the horizon.
    base: u32,
    /// One more than the highest number seen.
    end: u32,
    /// What has been seen from `base` on; absent while nothing is missing, which is nearly always.
    seen: Option<Box<Window>>,
}

/// The numbers around a gap.
#[derive(Debug, Default)]
struct Window {
    /// From the word that holds `base` on, one bit each.
    bits: VecDeque<u64>,
    /// Numbers that never came and are beyond the horizon, and the first of them.
    given_up: u32,
    first_given_up: Option<u32>,
}

impl Window {
    fn holds(&self, first: u32, number: u32) -> bool {
        let (word, bit) = ((number - first) / WORD_BITS, number % WORD_BITS);
        self.bits.get(word as usize).is_some_and(|word| word & 1 << bit != 0)
    }

    /// Gives up waiting for what is missing in a range.
    fn give_up(&mut self, first: u32, numbers: std::ops::Range<u32>) {
        for number in numbers {
            if !self.holds(first, number) {
                self.given_up += 1;
                self.first_given_up = self.first_given_up.or(Some(number));
            }
        }
    }
}

/// The numbers that did not arrive.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Missing {
    pub(super) count: u32,
    pub(super) first: Option<u32>,
}

impl Stream {
    /// Notes a number.
    pub(crate) fn record(&mut self, number: u32) -> Arrival {
        if number == self.base && self.seen.is_none() {
            self.base += 1;
            self.end = self.base;
            return Arrival::InOrder;
        }
        if number < self.base || !self.set(number) {
            return Arrival::Duplicate;
        }
        let arrival = if number >= self.end { Arrival::InOrder } else { Arrival::OutOfOrder };
        self.end = self.end.max(number + 1);
        self.settle();
        arrival
    }

    /// Marks a number from `base` on as seen; false if it was.
    fn set(&mut self, number: u32) -> bool {
        let first = self.first_of_window();
        let seen = &mut self.seen.get_or_insert_default().bits;
        let (word, bit) = (((number - first) / WORD_BITS) as usize, 1 << (number % WORD_BITS));
        if seen.len() <= word {
            seen.resize(word + 1, 0);
        }
        let newly = seen[word] & bit == 0;
        seen[word] |= bit;
        newly
    }

    /// The number that the first bit of the window stands for.
    fn first_of_window(&self) -> u32 {
        self.base - self.base % WORD_BITS
    }

    /// Moves `base` over all that has been seen and all that is beyond the horizon, and drops the window once nothing is
    /// missing any more.
    fn settle(&mut self) {
        let first = self.first_of_window();
        let Some(seen) = &mut self.seen else { return };
        let horizon = self.base.max(self.end.saturating_sub(HORIZON));
        seen.give_up(first, self.base..horizon);
        self.base = horizon;
        while self.base < self.end {
            let (word, bit) = ((self.base - first) / WORD_BITS, self.base % WORD_BITS);
            let ones = (seen.bits[word as usize] >> bit).trailing_ones();
            self.base += ones;
            if ones < WORD_BITS - bit {
                break;
            }
        }
        if self.base >= self.end {
            self.base = self.end;
            seen.bits.clear();
            if seen.given_up == 0 {
                self.seen = None;
            }
        } else {
            let passed = (self.base - first) / WORD_BITS;
            seen.bits.drain(..passed as usize);
        }
    }

    /// Whether a number has arrived. Of what is beyond the horizon that is not known any more, and taken for granted.
    pub(super) fn has(&self, number: u32) -> bool {
        let is_in_window =
            || self.seen.as_ref().is_some_and(|seen| seen.holds(self.first_of_window(), number));
        number < self.base || number < self.end && is_in_window()
    }

    /// What is missing of the numbers below `sent` but for those that need not come.
    pub(super) fn missing(&self, sent: u32, excused: &BTreeSet<u32>) -> Missing {
        let is_missing = |number: &u32| !self.has(*number) && !excused.contains(number);
        let mut gaps = (self.base..self.end.min(sent)).filter(is_missing);
        let first_gap = gaps.next();
        let in_window = gaps.count() as u32 + u32::from(first_gap.is_some());
        let behind = self.end..sent.max(self.end);
        let first_behind = behind.clone().find(is_missing);
        let behind = behind.len() as u32 - excused.range(behind).count() as u32;
        let (given_up, first_given_up) =
            self.seen.as_ref().map_or((0, None), |seen| (seen.given_up, seen.first_given_up));
        Missing { count: given_up + in_window + behind, first: first_given_up.or(first_gap).or(first_behind) }
    }
}

#[cfg(test)]
mod tests {
    use super::Arrival::{Duplicate, InOrder, OutOfOrder};
    use super::*;

    fn check(numbers: &[u32], expected: &[Arrival]) {
        let mut stream = Stream::default();
        let arrivals: Vec<_> = numbers.iter().map(|&number| stream.record(number)).collect();
        assert_eq!(arrivals, expected, "{numbers:?}");
    }

    #[test]
    fn numbers_in_their_order_need_no_memory() {
        let mut stream = Stream::default();
        for number in 0..1000 {
            assert_eq!(stream.record(number), InOrder);
            assert!(stream.seen.is_none());
        }
        assert_eq!(size_of::<Stream>(), 16);
    }

    #[test]
    fn what_came_before_is_a_duplicate() {
        check(&[0, 0, 1, 2, 1], &[InOrder, Duplicate, InOrder, InOrder, Duplicate]);
        check(&[3, 3, 4, 3], &[InOrder, Duplicate, InOrder, Duplicate]);
    }

    #[test]
    fn what_comes_after_a_higher_number_is_out_of_order() {
        check(&[1, 0, 2], &[InOrder, OutOfOrder, InOrder]);
        check(
            &[0, 5, 3, 3, 5, 1, 4, 2, 6],
            &[
                InOrder, InOrder, OutOfOrder, Duplicate, Duplicate, OutOfOrder, OutOfOrder, OutOfOrder,
                InOrder,
            ],
        );
    }

    #[test]
    fn a_filled_gap_gives_the_memory_back() {
        let mut stream = Stream::default();
        for number in (1..300).chain([0]) {
            stream.record(number);
        }
        assert!(stream.seen.is_none());
        assert_eq!(stream.base, 300);
    }

    #[test]
    fn any_permutation_with_repeats_is_told_exactly() {
        let mut stream = Stream::default();
        let mut state = 1u64;
        let mut known = vec![false; 5000];
        let mut highest = None;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (state >> 40) as usize % known.len();
            let expected = match known[number] {
                true => Duplicate,
                false if highest.is_none_or(|highest| number > highest) => InOrder,
                false => OutOfOrder,
            };
            known[number] = true;
            highest = highest.max(Some(number));
            assert_eq!(stream.record(number as u32), expected);
        }
    }

    #[test]
    fn memory_stays_bounded_when_a_number_never_comes() {
        let mut stream = Stream::default();
        for number in 1..3 * HORIZON {
            assert_eq!(stream.record(number), InOrder);
        }
        let words = stream.seen.as_ref().map_or(0, |seen| seen.bits.len() as u32);
        assert!(words <= HORIZON / WORD_BITS + 1, "{words}");
        assert_eq!(stream.record(0), Duplicate);
        assert_eq!(
            stream.missing(3 * HORIZON, &BTreeSet::new()),
            Missing { count: 1, first: Some(0) },
            "it is still told"
        );
    }

    #[test]
    fn what_did_not_arrive_is_counted_and_the_first_of_it_named() {
        let mut stream = Stream::default();
        assert_eq!(stream.missing(0, &BTreeSet::new()), Missing::default());
        assert_eq!(stream.missing(3, &BTreeSet::new()), Missing { count: 3, first: Some(0) });
        for number in [0, 1, 3, 100, 70, 3] {
            stream.record(number);
        }
        assert_eq!(stream.missing(101, &BTreeSet::new()), Missing { count: 96, first: Some(2) });
        let found = [0, 1, 2, 3, 69, 70, 99, 100, 101, 1000].map(|number| stream.has(number));
        assert_eq!(found, [true, true, false, true, false, true, false, true, false, false]);
        assert_eq!(stream.missing(103, &BTreeSet::new()), Missing { count: 98, first: Some(2) });
        let excused = BTreeSet::from([1, 2, 4, 101]);
        assert_eq!(stream.missing(103, &excused), Missing { count: 95, first: Some(5) });
        for number in 0..=100 {
            stream.record(number);
        }
        assert_eq!(stream.missing(101, &BTreeSet::new()), Missing::default());
        assert_eq!(stream.missing(102, &BTreeSet::new()), Missing { count: 1, first: Some(101) });
        assert_eq!(stream.missing(103, &excused), Missing { count: 1, first: Some(102) });
        assert_eq!(stream.missing(102, &excused), Missing::default());
    }
}
