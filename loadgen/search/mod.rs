//! The highest rate at which a latency stays within a bound.
//!
//! Owns the order of rates that are tried. Each of them is a run of its own. Must never run anything itself, nor read a clock.
//!
//! The rate of the scenario is tried first, then twice as much until the bound does not hold, or half as much until it does;
//! then the middle of what held and what did not, until they are close enough.

mod bound;

use serde::{Deserialize, Serialize};

pub(crate) use bound::Bound;

/// Runs at most.
const STEPS_MAX: usize = 16;

/// The search ends when the lowest rate that failed is at most this much above the highest that held.
const CLOSE_ENOUGH: f64 = 1.05;

/// One rate that was tried.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct SearchStep {
    /// Messages per second of all flows in an open loop together.
    pub(crate) rate_per_s: f64,
    /// So many times the rates of the scenario.
    pub(crate) factor: f64,
    /// What the bound is about, in microseconds.
    pub(crate) found_us: f64,
    pub(crate) delivered_per_s: f64,
    /// Whether the bound held, in a valid run in which every check passed.
    pub(crate) held: bool,
    /// Why it did not.
    pub(crate) why: String,
}

/// A whole search.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Search {
    pub(crate) bound: String,
    /// The highest rate that held; none if no rate did.
    pub(crate) highest_per_s: Option<f64>,
    /// All that was tried, in its order.
    pub(crate) steps: Vec<SearchStep>,
}

impl SearchStep {
    /// A line for a reader.
    pub(crate) fn in_words(&self, bound: &str) -> String {
        let verdict = if self.held { "held".to_owned() } else { format!("not held: {}", self.why) };
        let SearchStep { rate_per_s, delivered_per_s, found_us, .. } = self;
        format!(
            "{rate_per_s:.0}/s asked, {delivered_per_s:.0}/s delivered, {found_us:.0} us for {bound}: {verdict}"
        )
    }
}

/// Which factor is tried next.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    held: Option<f64>,
    failed: Option<f64>,
    tried: usize,
}

impl Steps {
    pub(crate) fn new() -> Steps {
        Steps { held: None, failed: None, tried: 0 }
    }

    /// The next factor; `None` when the search is over.
    pub(crate) fn next(&self) -> Option<f64> {
        if self.tried == STEPS_MAX {
            return None;
        }
        match (self.held, self.failed) {
            (None, None) => Some(1.0),
            (Some(held), None) => Some(held * 2.0),
            (None, Some(failed)) => Some(failed / 2.0),
            (Some(held), Some(failed)) if failed <= held * CLOSE_ENOUGH => None,
            (Some(held), Some(failed)) => Some((held * failed).sqrt()),
        }
    }

    /// Notes what became of a factor.
    pub(crate) fn note(&mut self, factor: f64, held: Held) {
        self.tried += 1;
        match held {
            Held::Yes => self.held = Some(factor),
            Held::No => self.failed = Some(factor),
        }
    }
}

/// Whether the bound held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The factors tried when everything up to `limit` holds.
    fn tried(limit: f64) -> Vec<f64> {
        let mut steps = Steps::new();
        let mut tried = Vec::new();
        while let Some(factor) = steps.next() {
            tried.push(factor);
            steps.note(factor, if factor <= limit { Held::Yes } else { Held::No });
        }
        tried
    }

    #[test]
    fn the_limit_is_found_within_five_percent_from_above_and_from_below() {
        for limit in [0.013, 0.9, 1.0, 3.7, 100.0] {
            let best = tried(limit).into_iter().filter(|factor| *factor <= limit).fold(0.0, f64::max);
            assert!(best <= limit && best * CLOSE_ENOUGH >= limit, "{limit}: {best}");
        }
    }

    #[test]
    fn a_search_without_a_limit_ends() {
        assert_eq!(tried(0.0).len(), STEPS_MAX);
        assert_eq!(tried(f64::MAX).len(), STEPS_MAX);
    }
}
