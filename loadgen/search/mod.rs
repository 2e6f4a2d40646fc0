//! The highest rate at which a latency stays within a bound.
//!
//! Owns the order of rates that are tried. Each of them is a run of its own. Must never run anything itself, nor read a clock.
//!
//! The rate of the scenario is tried first, then twice as much until the bound does not hold, or half as much until it does;
//! then the middle of what held and what did not, until they are close enough. A rate at which the generator was the limit
//! does not hold either, but says nothing of the broker: the search goes on below it, and what it finds is a lower bound.

mod bound;

use serde::{Deserialize, Serialize};

pub(crate) use bound::Bound;

use crate::words::{Micros, rate};

/// Runs at most.
const STEPS_MAX: usize = 16;

/// The search ends when the lowest rate that failed is at most this much above the highest that held.
const CLOSE_ENOUGH: f64 = 1.05;

/// What kept a rate from holding, or the search from finding a higher one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// The bound did not hold, or a check failed.
    Broker,
    /// The run was not valid, so that it says nothing of the broker.
    Generator,
    /// The search was over before a rate was found that did not hold.
    Search,
}

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
    /// Who is to blame for that; absent if it held, and in reports of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limited_by: Option<Limit>,
}

/// A whole search.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Search {
    pub(crate) bound: String,
    /// The highest rate that held; none if no rate did.
    pub(crate) highest_per_s: Option<f64>,
    /// What is in the way of a higher one: unless it is the broker, the rate is a lower bound. Absent in reports of older
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limited_by: Option<Limit>,
    /// All that was tried, in its order.
    pub(crate) steps: Vec<SearchStep>,
}

impl SearchStep {
    /// A line for a reader.
    pub(crate) fn in_words(&self, bound: &str) -> String {
        let verdict = match (self.held, self.limited_by) {
            (true, _) => "held".to_owned(),
            (false, Some(Limit::Generator)) => format!("not known: {}", self.why),
            (false, _) => format!("not held: {}", self.why),
        };
        let SearchStep { rate_per_s, delivered_per_s, found_us, .. } = self;
        let (asked, delivered) = (rate(*rate_per_s), rate(*delivered_per_s));
        format!("{asked} asked, {delivered} delivered, {} for {bound}: {verdict}", Micros(*found_us))
    }
}

impl Search {
    /// The result for a reader, as the name of a line and its text.
    pub(crate) fn in_words(&self) -> (&'static str, String) {
        let bound = &self.bound;
        let Some(highest_per_s) = self.highest_per_s else {
            return match self.limited_by {
                Some(Limit::Generator) => {
                    ("INVALID", format!("no rate was found with {bound}: this generator was the limit"))
                }
                Some(Limit::Search) => {
                    ("INVALID", format!("no rate was found with {bound} before the search was over"))
                }
                Some(Limit::Broker) | None => ("FAILED", format!("no rate was found with {bound}")),
            };
        };
        let found = format!("{} with {bound}", rate(highest_per_s));
        match self.limited_by {
            Some(Limit::Generator) => ("at least", format!("{found}; above it this generator was the limit")),
            Some(Limit::Search) => {
                ("at least", format!("{found}; the search was over before a limit was found"))
            }
            Some(Limit::Broker) | None => ("highest rate", found),
        }
    }

    /// 0 if the highest rate was found, 1 if the broker held none, 3 if the generator or the length of the search was the limit.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.highest_per_s, self.limited_by) {
            (_, Some(Limit::Generator | Limit::Search)) => 3,
            (Some(_), _) => 0,
            (None, _) => 1,
        }
    }
}

/// Which factor is tried next.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    held: Option<f64>,
    failed: Option<(f64, Limit)>,
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
            (None, Some((failed, _))) => Some(failed / 2.0),
            (Some(held), Some((failed, _))) if failed <= held * CLOSE_ENOUGH => None,
            (Some(held), Some((failed, _))) => Some((held * failed).sqrt()),
        }
    }

    /// Notes what became of a factor: `limit` is what kept it from holding, none if it held.
    pub(crate) fn note(&mut self, factor: f64, limit: Option<Limit>) {
        self.tried += 1;
        match limit {
            None => self.held = Some(factor),
            Some(limit) => self.failed = Some((factor, limit)),
        }
    }

    /// What is in the way of a rate higher than the highest that held.
    pub(crate) fn limit(&self) -> Limit {
        self.failed.map_or(Limit::Search, |(_, limit)| limit)
    }
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
            steps.note(factor, (factor > limit).then_some(Limit::Broker));
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
    fn what_the_generator_could_not_do_bounds_the_search_and_is_no_limit_of_the_broker() {
        // The broker holds a hundred times the rate, the generator makes three times.
        let mut steps = Steps::new();
        let mut highest = 0.0;
        while let Some(factor) = steps.next() {
            let limit = (factor > 3.0).then_some(Limit::Generator);
            highest = if limit.is_none() { f64::max(highest, factor) } else { highest };
            steps.note(factor, limit);
        }
        assert!(highest <= 3.0 && highest * CLOSE_ENOUGH >= 3.0, "{highest}");
        assert_eq!(steps.limit(), Limit::Generator);
    }

    #[test]
    fn a_result_says_who_was_the_limit() {
        let told = |highest_per_s, limited_by| {
            let search = Search { bound: "p99<20ms".into(), highest_per_s, limited_by, steps: Vec::new() };
            let (name, text) = search.in_words();
            (format!("{name} {text}"), search.exit_code())
        };
        let generator = "at least 41,771/s with p99<20ms; above it this generator was the limit";
        let search = "at least 1.00/s with p99<20ms; the search was over before a limit was found";
        let nothing = "INVALID no rate was found with p99<20ms: this generator was the limit";
        for (highest, limit, text, code) in [
            (Some(41_771.0), Some(Limit::Broker), "highest rate 41,771/s with p99<20ms", 0),
            (Some(41_771.0), None, "highest rate 41,771/s with p99<20ms", 0),
            (Some(41_771.0), Some(Limit::Generator), generator, 3),
            (Some(1.0), Some(Limit::Search), search, 3),
            (None, Some(Limit::Broker), "FAILED no rate was found with p99<20ms", 1),
            (None, Some(Limit::Generator), nothing, 3),
        ] {
            assert_eq!(told(highest, limit), (text.to_owned(), code));
        }
    }

    #[test]
    fn a_search_without_a_limit_ends() {
        assert_eq!(tried(0.0).len(), STEPS_MAX);
        assert_eq!(tried(f64::MAX).len(), STEPS_MAX);
    }
}
