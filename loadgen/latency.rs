//! Durations as histograms, what a reader is told of them, and the form in which they travel.
//!
//! Owns the resolution: 1 microsecond is told from 1.001. Must never know what lasted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use crate::clock::{Nanos, SECOND};

const LONGEST: Nanos = 3600 * SECOND;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A distribution of durations from 1 ns to an hour; longer ones count as an hour.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// The distribution in numbers, all in microseconds.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
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

/// A figure of a summary in microseconds, by the name that a user gives it.
pub(crate) type NamedFigure = (&'static str, fn(&Summary) -> f64);

/// The figures that a user may ask for.
pub(crate) const NAMED_FIGURES: &[NamedFigure] = &[
    ("p50", |summary| summary.p50_us),
    ("p90", |summary| summary.p90_us),
    ("p99", |summary| summary.p99_us),
    ("p99.9", |summary| summary.p999_us),
    ("p99.99", |summary| summary.p9999_us),
    ("max", |summary| summary.max_us),
    ("mean", |summary| summary.mean_us),
];

impl Latency {
    pub(crate) fn new() -> Latency {
        // Grows with the longest duration, up to 270 KB: many a histogram of a run stays empty.
        Latency(Histogram::new(SIGNIFICANT_DIGITS).expect("the resolution is a constant in range"))
    }

    pub(crate) fn record(&mut self, duration: Nanos) {
        self.0.record(duration.clamp(1, LONGEST)).expect("a histogram that grows takes any duration");
    }

    /// Durations recorded.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Adds what another one recorded.
    pub(crate) fn merge(&mut self, other: &Latency) {
        self.0.add(&other.0).expect("a histogram that grows takes any other");
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        if !self.0.is_empty() {
            self.0.reset();
        }
    }

    /// The share of durations above a bound, 0 to 1.
    pub(crate) fn share_above(&self, bound: Nanos) -> f64 {
        match self.0.len() {
            0 => 0.0,
            len => (len - self.0.count_between(0, bound)) as f64 / len as f64,
        }
    }

    /// The duration that a share of all, 0 to 1, does not exceed, in microseconds; 0 with none recorded.
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.0.value_at_quantile(quantile) as f64 / 1000.0 }
    }

    pub(crate) fn summary(&self) -> Summary {
        let histogram = &self.0;
        if histogram.is_empty() {
            return Summary::default();
        }
        Summary {
            count: histogram.len(),
            min_us: histogram.min() as f64 / 1000.0,
            mean_us: histogram.mean() / 1000.0,
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            p9999_us: self.quantile_us(0.9999),
            max_us: histogram.max() as f64 / 1000.0,
        }
    }

    /// The buckets that are not empty: the highest duration of each in nanoseconds, and how often it occurred.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Nanos, u64)> + '_ {
        self.0.iter_recorded().map(|value| (value.value_iterated_to(), value.count_at_value()))
    }

    /// A table of percentiles in milliseconds, in the text form that plotters of HdrHistogram read.
    pub(crate) fn to_hgrm(&self) -> String {
        const STEPS_PER_HALVING: u32 = 5;
        let millis = |nanos: f64| nanos / 1e6;
        let mut text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n".to_owned();
        let mut total = 0;
        for step in self.0.iter_quantiles(STEPS_PER_HALVING) {
            total += step.count_since_last_iteration();
            let (value, quantile) = (millis(step.value_iterated_to() as f64), step.quantile_iterated_to());
            text += &match quantile < 1.0 {
                true => format!("{value:12.3} {quantile:2.12} {total:10} {:14.2}\n", 1.0 / (1.0 - quantile)),
                false => format!("{value:12.3} {quantile:2.12} {total:10}\n"),
            };
        }
        let (mean, deviation, max) = (self.0.mean(), self.0.stdev(), self.0.max() as f64);
        text += &format!("#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n", millis(mean), millis(deviation));
        text += &format!("#[Max     = {:12.3}, Total count    = {:12}]\n", millis(max), self.0.len());
        text + &format!(
            "#[Buckets = {:12}, SubBuckets     = {:12}]\n",
            self.0.buckets(),
            1 << (SIGNIFICANT_DIGITS * 11).div_ceil(3)
        )
    }

    /// The form in which histograms are exchanged: HdrHistogram V2, compressed, in base64. Empty if nothing was recorded.
    pub(crate) fn to_text(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(&self.0, &mut bytes);
        assert!(written.is_ok(), "a vector takes all bytes");
        STANDARD.encode(bytes)
    }

    /// Reads the form that [`Latency::to_text`] writes.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub(crate) fn from_text(text: &str) -> Result<Latency, String> {
        let mut latency = Latency::new();
        if text.is_empty() {
            return Ok(latency);
        }
        let bytes = STANDARD.decode(text).map_err(|error| format!("a histogram is no base64: {error}"))?;
        let read: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| format!("a histogram cannot be read: {error}"))?;
        if read.max() > read.highest_equivalent(LONGEST) {
            return Err("a histogram has durations above an hour".into());
        }
        latency.0.add(read).expect("a histogram that grows takes any other");
        Ok(latency)
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
    fn the_table_for_plotters_counts_up_to_all() {
        let mut latency = Latency::new();
        (1..=1000).for_each(|ms| latency.record(ms * 1_000_000));
        let text = latency.to_hgrm();
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("       Value     Percentile TotalCount 1/(1-Percentile)"));
        assert_eq!(lines.next(), Some(""));
        let rows: Vec<Vec<f64>> = lines
            .by_ref()
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect())
            .collect();
        assert!(rows.windows(2).all(|pair| pair[0][0] <= pair[1][0] && pair[0][2] <= pair[1][2]), "{text}");
        let half = rows.iter().find(|row| row[1] >= 0.5).unwrap();
        near(half[0], 500.0);
        assert_eq!(half[3], 2.0);
        let last = rows.last().unwrap();
        assert_eq!((last.len(), last[1], last[2]), (3, 1.0, 1000.0), "{text}");
        assert!(text.contains("Total count    =         1000]"), "{text}");
        assert!(Latency::new().to_hgrm().contains("Total count    =            0]"));
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

    #[test]
    fn a_histogram_comes_back_from_its_text_and_the_parts_make_the_whole() {
        let (mut first, mut second, mut whole) = (Latency::new(), Latency::new(), Latency::new());
        for us in 1..=5_000 {
            first.record(us * 1000);
            second.record(us * 7_000);
            whole.record(us * 1000);
            whole.record(us * 7_000);
        }
        let mut merged = Latency::from_text(&first.to_text()).unwrap();
        assert_eq!(merged.summary(), first.summary());
        merged.merge(&Latency::from_text(&second.to_text()).unwrap());
        assert_eq!(merged.summary(), whole.summary());
        assert!(first.to_text().starts_with("HISTFAAA"), "the form that other tools read");
        assert!(first.to_text().len() < 8000);
        assert_eq!(Latency::from_text("").unwrap(), Latency::new());
        let mut longest = Latency::new();
        longest.record(2 * LONGEST);
        assert_eq!(Latency::from_text(&longest.to_text()).unwrap(), longest);
        longest.0.record(2 * LONGEST).unwrap();
        assert!(Latency::from_text(&longest.to_text()).is_err_and(|error| error.contains("above an hour")));
        for wrong in ["!", "HISTFAAA", "AAAA"] {
            assert!(Latency::from_text(wrong).is_err(), "{wrong}");
        }
        first.clear();
        assert_eq!((first.count(), first.to_text()), (0, String::new()));
    }
}
