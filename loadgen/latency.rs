//! Durations as histograms, and what a reader is told of them.
//!
//! Owns the resolution: 1 microsecond is told from 1.001. Must never know what lasted.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::{Nanos, SECOND};

const LONGEST: Nanos = 3600 * SECOND;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A distribution of durations from 1 ns to an hour; longer ones count as an hour.
#[derive(Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// The distribution in numbers, all in microseconds.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize)]
pub(crate) struct Summary {
    /// Durations recorded; with none, all else is 0.
    pub(crate) count: u64,
    pub(crate) min_us: f64,
    pub(crate) mean_us: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) p9999_us: f64,
    pub(crate) max_us: f64,
}

impl Latency {
    pub(crate) fn new() -> Latency {
        let histogram = Histogram::new_with_bounds(1, LONGEST, SIGNIFICANT_DIGITS);
        Latency(histogram.expect("the bounds are constants in range"))
    }

    pub(crate) fn record(&mut self, duration: Nanos) {
        self.0.saturating_record(duration.max(1));
    }

    /// The share of durations above a bound, 0 to 1.
    pub(crate) fn share_above(&self, bound: Nanos) -> f64 {
        match self.0.len() {
            0 => 0.0,
            len => (len - self.0.count_between(0, bound)) as f64 / len as f64,
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        let histogram = &self.0;
        if histogram.is_empty() {
            return Summary::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Summary {
            count: histogram.len(),
            min_us: histogram.min() as f64 / 1000.0,
            mean_us: histogram.mean() / 1000.0,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            p9999_us: at(0.9999),
            max_us: histogram.max() as f64 / 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() <= expected * 0.002, "{found} is not near {expected}");
    }

    #[test]
    fn the_summary_tells_the_quantiles_in_microseconds() {
        let mut latency = Latency::new();
        (1..=10_000).for_each(|us| latency.record(us * 1000));
        let summary = latency.summary();
        assert_eq!(summary.count, 10_000);
        near(summary.min_us, 1.0);
        near(summary.mean_us, 5000.5);
        near(summary.p50_us, 5000.0);
        near(summary.p99_us, 9900.0);
        near(summary.p9999_us, 9999.0);
        near(summary.max_us, 10_000.0);
        assert!((latency.share_above(9_000_000) - 0.1).abs() < 0.001);
    }

    #[test]
    fn nothing_and_too_much_are_no_errors() {
        let mut latency = Latency::new();
        assert_eq!(latency.summary(), Summary::default());
        assert!(latency.share_above(1) == 0.0);
        latency.record(0);
        latency.record(u64::MAX);
        assert_eq!(latency.summary().count, 2);
        near(latency.summary().max_us, 3.6e9);
    }
}
