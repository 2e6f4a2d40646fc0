//! The figures of a report that reports are compared by, of the whole run and of chosen intervals.
//!
//! Owns which figures those are, and which way is better. Must never compare.

use serde::{Deserialize, Serialize};

use crate::latency::{Latency, Summary};
use crate::scenario::Scenario;
use crate::series::{Distribution, Row};

use super::Report;

/// A figure that reports are compared by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    DeliveredPerS,
    LatencyP50Us,
    LatencyP99Us,
    LatencyP999Us,
    CpuUsPerDelivered,
    ConnectedPerS,
    ConnectingP50Us,
    ConnectingP99Us,
    CpuUsPerConnection,
    BytesPerConnection,
    BrokerRssBytes,
}

impl Metric {
    /// What a reader is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Metric::DeliveredPerS => "delivered per second",
            Metric::LatencyP50Us => "latency p50, \u{b5}s",
            Metric::LatencyP99Us => "latency p99, \u{b5}s",
            Metric::LatencyP999Us => "latency p99.9, \u{b5}s",
            Metric::CpuUsPerDelivered => "broker CPU per delivery, \u{b5}s",
            Metric::ConnectedPerS => "connections per second",
            Metric::ConnectingP50Us => "connecting p50, \u{b5}s",
            Metric::ConnectingP99Us => "connecting p99, \u{b5}s",
            Metric::CpuUsPerConnection => "broker CPU per connection, \u{b5}s",
            Metric::BytesPerConnection => "broker bytes per connection",
            Metric::BrokerRssBytes => "broker memory, bytes",
        }
    }

    /// Whether more of it is better.
    pub(crate) fn is_better_higher(self) -> bool {
        matches!(self, Metric::DeliveredPerS | Metric::ConnectedPerS)
    }
}

impl Report {
    /// The figures of the whole run; those that are 0 have nothing to compare.
    pub(crate) fn figures(&self) -> Vec<(Metric, f64)> {
        let mut figures = Vec::new();
        let broker = self.broker.as_ref();
        if let Some(traffic) = &self.traffic {
            let latency = &traffic.times.latency.summary;
            figures.extend([
                (Metric::DeliveredPerS, traffic.delivered_per_s),
                (Metric::LatencyP50Us, latency.p50_us),
                (Metric::LatencyP99Us, latency.p99_us),
                (Metric::LatencyP999Us, latency.p999_us),
            ]);
            let cost = broker.and_then(|broker| broker.cpu_us_per_delivered);
            figures.extend(cost.map(|us| (Metric::CpuUsPerDelivered, us)));
        } else {
            let time = &self.connections.time.summary;
            figures.extend([
                (Metric::ConnectedPerS, self.connections.per_s),
                (Metric::ConnectingP50Us, time.p50_us),
                (Metric::ConnectingP99Us, time.p99_us),
            ]);
            let cost = broker.and_then(|broker| broker.cpu_us_per_connection);
            figures.extend(cost.map(|us| (Metric::CpuUsPerConnection, us)));
            let bytes = broker.and_then(|broker| broker.bytes_per_connection);
            figures.extend(bytes.map(|bytes| (Metric::BytesPerConnection, bytes)));
        }
        let rss_bytes = broker.and_then(|broker| broker.rss_end_bytes);
        figures.extend(rss_bytes.map(|bytes| (Metric::BrokerRssBytes, bytes as f64)));
        figures.retain(|(_, figure)| *figure > 0.0);
        figures
    }

    /// Latency, and messages delivered per second.
    pub(crate) fn latency_and_rate(&self) -> (Summary, f64) {
        let traffic = self.traffic.as_ref();
        traffic.map(|traffic| (traffic.times.latency.summary, traffic.delivered_per_s)).unwrap_or_default()
    }

    /// Connections made per second.
    pub(crate) fn connections_per_s(&self) -> f64 {
        self.connections.per_s
    }

    /// CPU microseconds of the generator per message sent or received.
    pub(crate) fn generator_us_per_message(&self) -> Option<f64> {
        self.generator.cpu_us_per_message
    }

    /// Bytes of the generator per idle connection.
    pub(crate) fn generator_bytes_per_connection(&self) -> Option<f64> {
        self.generator.bytes_per_connection
    }

    /// What was asked for.
    pub(crate) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// What the run was: two reports with the same text were asked for the same load.
    pub(crate) fn load(&self) -> &str {
        &self.scenario_digest
    }

    /// Whether the generator was not the bottleneck and the run came to its end.
    pub(crate) fn is_valid(&self) -> bool {
        self.verdict.is_valid
    }

    /// Whether every check of the broker passed.
    pub(crate) fn is_passed(&self) -> bool {
        self.verdict.is_passed
    }

    /// Which checks of the broker failed.
    pub(crate) fn failures(&self) -> &[String] {
        &self.verdict.failures
    }

    /// Why the run is not valid: what kept the generator from its schedule.
    pub(crate) fn objections(&self) -> &[String] {
        &self.verdict.invalid
    }

    /// Why the run is not valid or has failed.
    pub(crate) fn troubles(&self) -> impl Iterator<Item = &str> {
        self.failures().iter().chain(self.objections()).map(String::as_str)
    }
}

/// The intervals of a run, prepared for being resampled.
pub(crate) struct Intervals {
    parts: Vec<Part>,
    /// The values of all buckets in nanoseconds, ascending.
    values: Vec<u64>,
    /// How often each value occurred in a resample; empty in between.
    counts: Vec<u64>,
}

/// What one interval adds.
#[derive(Default)]
struct Part {
    span_s: f64,
    /// Messages delivered, or connections made where there are no messages.
    done: f64,
    cpu_us: f64,
    /// Bucket and count.
    buckets: Vec<(u32, u64)>,
}

impl Intervals {
    /// The metrics whose figures [`Intervals::figures`] gives, in its order.
    pub(crate) fn metrics(report: &Report) -> [Metric; 5] {
        match report.traffic {
            Some(_) => [
                Metric::DeliveredPerS,
                Metric::LatencyP50Us,
                Metric::LatencyP99Us,
                Metric::LatencyP999Us,
                Metric::CpuUsPerDelivered,
            ],
            None => [
                Metric::ConnectedPerS,
                Metric::ConnectingP50Us,
                Metric::ConnectingP99Us,
                Metric::ConnectingP99Us,
                Metric::CpuUsPerConnection,
            ],
        }
    }

    /// The measured intervals, or those in which connections were made where there are no messages.
    ///
    /// # Errors
    /// A histogram that cannot be read.
    pub(crate) fn of(report: &Report) -> Result<Intervals, String> {
        let has_traffic = report.traffic.is_some();
        let is_wanted = |row: &&Row| if has_traffic { row.is_measured } else { row.counters.connected > 0 };
        let rows: Vec<&Row> = report.series.iter().filter(is_wanted).collect();
        let read = |row: &&Row| {
            let distribution = if has_traffic { &row.latency } else { &row.connecting };
            let text = distribution.as_ref().map_or("", |Distribution { histogram, .. }| histogram);
            Ok(Latency::from_text(text)?.buckets().collect())
        };
        let histograms: Vec<Vec<(u64, u64)>> = rows.iter().map(read).collect::<Result<_, String>>()?;
        let mut values: Vec<u64> = histograms.iter().flatten().map(|(value, _)| *value).collect();
        values.sort_unstable();
        values.dedup();
        let place = |value: u64| values.partition_point(|other| *other < value) as u32;
        // What a broker used that was not there all the time would look like less.
        let is_watched = rows.iter().all(|row| row.broker.is_some());
        let cpu_us = |row: &Row| row.broker.map_or(0.0, |broker| broker.cores * row.span_s * 1e6);
        let part = |(row, histogram): (&&Row, &Vec<(u64, u64)>)| Part {
            span_s: row.span_s,
            done: if has_traffic { row.counters.delivered } else { row.counters.connected } as f64,
            cpu_us: if is_watched { cpu_us(row) } else { 0.0 },
            buckets: histogram.iter().map(|(value, count)| (place(*value), *count)).collect(),
        };
        let parts = rows.iter().zip(&histograms).map(part).collect();
        Ok(Intervals { parts, counts: vec![0; values.len()], values })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.parts.len()
    }

    /// The figures of a run that consists of the intervals named.
    pub(crate) fn figures(&mut self, chosen: &[usize]) -> Vec<f64> {
        let mut whole = Part::default();
        self.counts.fill(0);
        for part in chosen.iter().map(|at| &self.parts[*at]) {
            whole.span_s += part.span_s;
            whole.done += part.done;
            whole.cpu_us += part.cpu_us;
            for (bucket, count) in &part.buckets {
                self.counts[*bucket as usize] += count;
            }
        }
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| self.quantile_us(quantile));
        let over = |figure: f64, by: f64| if by > 0.0 { figure / by } else { 0.0 };
        vec![over(whole.done, whole.span_s), p50, p99, p999, over(whole.cpu_us, whole.done)]
    }

    fn quantile_us(&self, quantile: f64) -> f64 {
        let total: u64 = self.counts.iter().sum();
        let wanted = ((total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        found.map_or(0.0, |bucket| self.values[bucket] as f64 / 1000.0)
    }
}
