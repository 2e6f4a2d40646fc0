//! What is told of one interval.
//!
//! Owns the JSON form of a row. Must never compute what needs another row.

use serde::{Deserialize, Serialize};

use crate::clock::{Nanos, seconds};
use crate::latency::{Latency, Summary};
use crate::process::Sample;

use super::Counters;

/// A distribution in numbers and as a whole.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Distribution {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// HdrHistogram V2, compressed, in base64; values in nanoseconds. Empty with nothing recorded.
    pub(crate) histogram: String,
}

impl Distribution {
    pub(crate) fn new(latency: &Latency) -> Distribution {
        Distribution { summary: latency.summary(), histogram: latency.to_text() }
    }

    /// None if nothing was recorded.
    pub(super) fn of_some(latency: &Latency) -> Option<Distribution> {
        (latency.count() > 0).then(|| Distribution::new(latency))
    }
}

/// What processes used in an interval.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessUse {
    /// CPU seconds per second.
    pub(crate) cores: f64,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    /// The thread that ran most: share of the interval on a CPU, 0 to 1.
    pub(crate) busiest_thread: f64,
    /// Resident bytes at the end.
    pub(crate) rss_bytes: u64,
    pub(crate) threads: u64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
}

impl ProcessUse {
    /// What was used between two samples, which are so far apart.
    pub(crate) fn between(now: &Sample, before: &Sample, span: Nanos) -> ProcessUse {
        let usage = now.usage.since(&before.usage);
        let busiest_ns = now.threads_since(before).map(|thread| thread.run_ns).max();
        ProcessUse {
            cores: if span > 0 { usage.cpu_s / seconds(span) } else { 0.0 },
            user_s: usage.user_s,
            system_s: usage.system_s,
            busiest_thread: share(busiest_ns.unwrap_or(0), span),
            rss_bytes: usage.rss_bytes,
            threads: usage.threads,
            voluntary_switches: usage.voluntary_switches,
            involuntary_switches: usage.involuntary_switches,
        }
    }
}

impl ProcessUse {
    fn followed_by(self, later: ProcessUse, spans: (f64, f64)) -> ProcessUse {
        ProcessUse {
            cores: mean((self.cores, later.cores), spans),
            user_s: self.user_s + later.user_s,
            system_s: self.system_s + later.system_s,
            busiest_thread: mean((self.busiest_thread, later.busiest_thread), spans),
            voluntary_switches: self.voluntary_switches + later.voluntary_switches,
            involuntary_switches: self.involuntary_switches + later.involuntary_switches,
            ..later
        }
    }
}

impl GeneratorUse {
    fn followed_by(self, later: GeneratorUse, spans: (f64, f64)) -> GeneratorUse {
        GeneratorUse {
            cores: mean((self.cores, later.cores), spans),
            busy: mean((self.busy, later.busy), spans),
            waiting: mean((self.waiting, later.waiting), spans),
            ..later
        }
    }
}

/// What the generator used in an interval.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct GeneratorUse {
    /// CPU seconds per second, all threads.
    pub(crate) cores: f64,
    /// Share of the interval that the thread that sends and receives was on a CPU, 0 to 1.
    pub(crate) busy: f64,
    /// Share of the interval that it could have run and something else did, 0 to 1.
    pub(crate) waiting: f64,
    pub(crate) rss_bytes: u64,
}

/// What the machine did in an interval, shares of all its CPUs, 0 to 1.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct MachineUse {
    pub(crate) busy: f64,
    /// Taken by the hypervisor for others.
    pub(crate) stolen: f64,
}

/// One interval. Counts are of this interval alone.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The end of the interval, seconds from the beginning of the run.
    pub(crate) at_s: f64,
    /// Its length.
    pub(crate) span_s: f64,
    /// What the run was doing.
    pub(crate) phase: String,
    /// Whether rates and costs are taken from it.
    pub(crate) is_measured: bool,
    /// The step of a stepped rate, from 0, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<u32>,
    #[serde(flatten)]
    pub(crate) counters: Counters,
    /// Of what was delivered in this interval; nothing of what was meant to leave during the warm-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Distribution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<Distribution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acknowledgement: Option<Distribution>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connecting: Option<Distribution>,
    /// The broker, if it is watched and still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broker: Option<ProcessUse>,
    pub(crate) generator: GeneratorUse,
    pub(crate) machine: MachineUse,
}

impl Row {
    /// The rows of two parts of a run, of the same interval, as one. The busier generator stands for both.
    ///
    /// # Errors
    /// A histogram that cannot be read.
    pub(crate) fn merged(self, other: &Row) -> Result<Row, String> {
        let busier =
            if other.generator.busy > self.generator.busy { other.generator } else { self.generator };
        let rss_bytes = self.generator.rss_bytes + other.generator.rss_bytes;
        let cores = self.generator.cores + other.generator.cores;
        let mut counters = self.counters;
        counters.add(&other.counters);
        Ok(Row {
            counters,
            is_measured: self.is_measured && other.is_measured,
            latency: merged(&self.latency, &other.latency)?,
            service: merged(&self.service, &other.service)?,
            acknowledgement: merged(&self.acknowledgement, &other.acknowledgement)?,
            connecting: merged(&self.connecting, &other.connecting)?,
            generator: GeneratorUse { cores, rss_bytes, ..busier },
            ..self
        })
    }

    /// This interval and the one after it as one. Means are of both, gauges those of the later one.
    ///
    /// # Errors
    /// A histogram that cannot be read.
    pub(crate) fn followed_by(self, later: &Row) -> Result<Row, String> {
        let spans = (self.span_s, later.span_s);
        let broker = self.broker.zip(later.broker).map(|(one, other)| one.followed_by(other, spans));
        Ok(Row {
            at_s: later.at_s,
            span_s: self.span_s + later.span_s,
            phase: later.phase.clone(),
            is_measured: later.is_measured,
            step: later.step,
            counters: self.counters.followed_by(&later.counters),
            latency: merged(&self.latency, &later.latency)?,
            service: merged(&self.service, &later.service)?,
            acknowledgement: merged(&self.acknowledgement, &later.acknowledgement)?,
            connecting: merged(&self.connecting, &later.connecting)?,
            broker,
            generator: self.generator.followed_by(later.generator, spans),
            machine: MachineUse {
                busy: mean((self.machine.busy, later.machine.busy), spans),
                stolen: mean((self.machine.stolen, later.machine.stolen), spans),
            },
        })
    }

    /// A count of this interval as a rate.
    pub(crate) fn per_s(&self, count: u64) -> f64 {
        if self.span_s > 0.0 { count as f64 / self.span_s } else { 0.0 }
    }

    /// The summary of the latencies; all 0 without any.
    pub(crate) fn latency(&self) -> Summary {
        self.latency.as_ref().map(|latency| latency.summary).unwrap_or_default()
    }

    /// CPU microseconds of the broker per message delivered.
    pub(crate) fn broker_us_per_delivered(&self) -> Option<f64> {
        let cpu_s = self.broker?.cores * self.span_s;
        let delivered = self.counters.delivered;
        (delivered > 0).then(|| cpu_s * 1e6 / delivered as f64)
    }
}

/// The mean of a figure over two intervals of these lengths.
fn mean((one, other): (f64, f64), (first_s, second_s): (f64, f64)) -> f64 {
    let whole_s = first_s + second_s;
    if whole_s > 0.0 { (one * first_s + other * second_s) / whole_s } else { other }
}

/// A share of a span, at most 1.
pub(super) fn share(part_ns: u64, span: Nanos) -> f64 {
    if span == 0 { 0.0 } else { (seconds(part_ns) / seconds(span)).min(1.0) }
}

fn merged(one: &Option<Distribution>, other: &Option<Distribution>) -> Result<Option<Distribution>, String> {
    let (Some(one), Some(other)) = (one, other) else {
        return Ok(one.clone().or_else(|| other.clone()));
    };
    let mut latency = Latency::from_text(&one.histogram)?;
    latency.merge(&Latency::from_text(&other.histogram)?);
    Ok(Some(Distribution::new(&latency)))
}
