//! What a run has shown: figures, and whether they may be believed.
//!
//! Owns the figures and their JSON form, whose `schema` number changes when a field changes its meaning or goes. Must never
//! measure anything.

mod costs;
#[cfg(test)]
mod tests;
mod text;
mod verdict;

use std::collections::BTreeMap;

use ringmq_ring::Engine;
use serde::Serialize;

use crate::clock::{Nanos, seconds};
use crate::drive::{Mark, Outcome, Tally};
use crate::latency::Summary;
use crate::plan::{Plan, PlanSummary};

use costs::{BrokerCosts, GeneratorCosts};
use verdict::Verdict;

/// Number of the JSON form.
const SCHEMA: u32 = 1;

/// Everything that is told of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    tool: &'static str,
    version: &'static str,
    engine: &'static str,
    plan: PlanSummary,
    verdict: Verdict,
    connections: Connections,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<Flowed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<BrokerCosts>,
    generator: GeneratorCosts,
}

/// What became of the connections.
#[derive(Debug, Serialize)]
struct Connections {
    asked: u32,
    ready: u64,
    /// Connections that failed or ended by themselves.
    faults: u64,
    /// What happened how often; of many different texts the first ones.
    fault_texts: BTreeMap<String, u64>,
    /// From the first to the last.
    seconds: f64,
    per_s: f64,
    /// From the first packet to CONNACK, or to SUBACK.
    time: Summary,
    pings: u64,
    pongs: u64,
}

/// What became of the messages.
#[derive(Debug, Serialize)]
struct Flowed {
    /// Messages that the schedule wanted sent; in a closed loop those sent.
    due: u64,
    sent: u64,
    /// Deliveries that the messages sent lead to; 0 if the run was broken off.
    expected: u64,
    delivered: u64,
    lost: u64,
    duplicated: u64,
    out_of_order: u64,
    strays: u64,
    acknowledged: u64,
    rejected: u64,
    /// Messages at QoS 2 that came again before their release, which is allowed.
    repeated: u64,
    /// Length of the measured part, after the warm-up.
    measured_s: f64,
    sent_per_s: f64,
    delivered_per_s: f64,
    /// From the time a message was meant to leave to its delivery.
    latency: Summary,
    /// From the time it left.
    service: Summary,
    /// From the time it was meant to leave to its last acknowledgement.
    acknowledgement: Summary,
    /// How late the generator itself looked at what was due.
    lag: Summary,
}

impl Report {
    pub(crate) fn new(plan: &Plan, outcome: &Outcome, engine: Engine) -> Report {
        let connections = Connections::new(plan, outcome);
        let traffic = plan.workload.has_traffic().then(|| Flowed::new(plan, outcome));
        let generator = GeneratorCosts::new(outcome);
        Report {
            schema: SCHEMA,
            tool: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            engine: match engine {
                Engine::IoUring => "io_uring",
                Engine::Epoll => "epoll",
            },
            plan: plan.summary(),
            verdict: Verdict::new(plan, outcome, traffic.as_ref(), &generator),
            broker: BrokerCosts::new(outcome),
            connections,
            traffic,
            generator,
        }
    }

    /// The report as one JSON object.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("names and numbers have a JSON form")
    }

    /// The report for a reader.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        let written = text::write_report(self, &mut text);
        assert!(written.is_ok(), "a string takes all text");
        text
    }

    /// 0 all well, 1 a check failed, 3 an invalid run.
    pub(crate) fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }
}

impl Connections {
    fn new(plan: &Plan, outcome: &Outcome) -> Connections {
        let Tally { connected, faults, fault_texts, connecting, pings, pongs, .. } = &outcome.tally;
        let span = span(&outcome.marks.start, &outcome.marks.connected);
        Connections {
            asked: plan.workload.clients(),
            ready: *connected,
            faults: *faults,
            fault_texts: fault_texts.clone(),
            seconds: seconds(span),
            per_s: per_second(*connected, span),
            time: connecting.summary(),
            pings: *pings,
            pongs: *pongs,
        }
    }
}

impl Flowed {
    fn new(plan: &Plan, outcome: &Outcome) -> Flowed {
        let Outcome { tally, marks, broken, sent, due, lag, .. } = outcome;
        let counts = tally.ledger.counts();
        let copies = plan.workload.routing().copies(plan.workload.subscribers);
        let accepted = sent.saturating_sub(tally.rejected);
        let expected = if broken.is_none() { accepted * u64::from(copies) } else { 0 };
        let window = span(&marks.open, &marks.close);
        let (open, close) = (marks.open.as_ref(), marks.close.as_ref());
        let grown = |of: fn(&Mark) -> u64| match (open, close) {
            (Some(open), Some(close)) => of(close) - of(open),
            _ => 0,
        };
        Flowed {
            due: *due,
            sent: *sent,
            expected,
            delivered: counts.delivered,
            lost: expected.saturating_sub(counts.delivered),
            duplicated: counts.duplicated,
            out_of_order: counts.out_of_order,
            strays: counts.strays,
            acknowledged: tally.acknowledged,
            rejected: tally.rejected,
            repeated: tally.repeated,
            measured_s: seconds(window),
            sent_per_s: per_second(grown(|mark| mark.sent), window),
            delivered_per_s: per_second(grown(|mark| mark.delivered), window),
            latency: tally.latency.summary(),
            service: tally.service.summary(),
            acknowledgement: tally.acknowledgement.summary(),
            lag: *lag,
        }
    }
}

/// Time between two marks, 0 if one is missing.
fn span(from: &Option<Mark>, to: &Option<Mark>) -> Nanos {
    match (from, to) {
        (Some(from), Some(to)) => to.at.saturating_sub(from.at),
        _ => 0,
    }
}

fn per_second(count: u64, span: Nanos) -> f64 {
    if span == 0 { 0.0 } else { count as f64 / seconds(span) }
}
