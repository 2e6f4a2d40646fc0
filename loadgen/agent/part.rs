//! What an agent has counted and measured, and the sum of all parts.
//!
//! Owns the form of a part and how parts are added: counts and histograms are, and of what limits a generator the worst is
//! kept. Must never measure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::drive::{Begun, Broken, Marks, Outcome, Tally};
use crate::latency::{Latency, Summary};
use crate::ledger::Counts;
use crate::plan::Plan;
use crate::series::{FlowRecorders, Recorders, Recording, Row};

/// Counts of one lane.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
struct LanePart {
    sent: u64,
    due: u64,
    counts: Counts,
    acknowledged: u64,
    rejected: u64,
    abandoned: u64,
    abandoned_arrived: u64,
    resent: u64,
}

/// Histograms of one lane, each in its text form.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct LaneHistograms {
    latency: String,
    service: String,
    acknowledgement: String,
}

/// All histograms.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Histograms {
    lanes: Vec<LaneHistograms>,
    connecting: String,
    recovery: String,
}

/// What one agent has counted and measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    lanes: Vec<LanePart>,
    histograms: Histograms,
    rows: Vec<Row>,
    marks: Marks,
    began: Vec<Begun>,
    broken: Option<Broken>,
    longest_pause: Nanos,
    missing: u32,
    lag: Summary,
    lag_share: f64,
    foreign: u64,
    repeated: u64,
    pings: u64,
    pongs: u64,
    connected: u64,
    faults: u64,
    fault_texts: BTreeMap<String, u64>,
    lost: u64,
    cut: u64,
    failed_attempts: u64,
    recovered: u64,
    sessions_lost: u64,
}

impl Part {
    pub(super) fn new(outcome: &Outcome) -> Part {
        let Outcome { tally, recording, marks, .. } = outcome;
        let lane = |(at, lane): (usize, &crate::drive::LaneTally)| LanePart {
            sent: outcome.sent[at],
            due: outcome.due[at],
            counts: lane.ledger.counts(),
            acknowledged: lane.acknowledged,
            rejected: lane.rejected,
            abandoned: lane.abandoned,
            abandoned_arrived: outcome.abandoned_arrived[at],
            resent: lane.resent,
        };
        let (totals, recovery) = (&recording.totals, &tally.recovery);
        let histograms = |flow: &FlowRecorders| LaneHistograms {
            latency: flow.latency.to_text(),
            service: flow.service.to_text(),
            acknowledgement: flow.acknowledgement.to_text(),
        };
        Part {
            lanes: tally.lanes.iter().enumerate().map(lane).collect(),
            histograms: Histograms {
                lanes: totals.flows.iter().map(histograms).collect(),
                connecting: totals.connecting.to_text(),
                recovery: recovery.time.to_text(),
            },
            rows: recording.rows.clone(),
            marks: *marks,
            began: outcome.began.clone(),
            broken: outcome.broken.clone(),
            longest_pause: outcome.longest_pause,
            missing: outcome.missing,
            lag: outcome.lag,
            lag_share: outcome.lag_share,
            foreign: tally.foreign,
            repeated: tally.repeated,
            pings: tally.pings,
            pongs: tally.pongs,
            connected: tally.connected,
            faults: tally.faults,
            fault_texts: tally.fault_texts.clone(),
            lost: recovery.lost,
            cut: recovery.cut,
            failed_attempts: recovery.failed_attempts,
            recovered: recovery.recovered,
            sessions_lost: recovery.sessions_lost,
        }
    }
}

/// The outcome of the whole run.
///
/// # Errors
/// A part that does not fit the plan, or has a histogram that cannot be read.
pub(super) fn merged(plan: &Plan, parts: &[Part]) -> Result<Outcome, String> {
    let lanes = plan.workload.lanes.len();
    if parts.iter().any(|part| part.lanes.len() != lanes || part.histograms.lanes.len() > lanes) {
        return Err("an agent has counted other flows than there are".into());
    }
    let mut tally = Tally::new(&plan.workload);
    let mut totals = Recorders::new(lanes);
    let (mut sent, mut due, mut abandoned_arrived) = (vec![0; lanes], vec![0; lanes], vec![0; lanes]);
    for part in parts {
        add_histograms(&part.histograms, &mut totals, &mut tally)?;
        add_counts(part, &mut tally);
        for (at, lane) in part.lanes.iter().enumerate() {
            sent[at] += lane.sent;
            due[at] += lane.due;
            abandoned_arrived[at] += lane.abandoned_arrived;
        }
    }
    let worst = parts.iter().max_by(|a, b| a.lag.p99_us.total_cmp(&b.lag.p99_us));
    Ok(Outcome {
        tally,
        recording: Recording { rows: merged_rows(parts)?, totals },
        marks: merged_marks(parts),
        // They wait for each other, so that a stage begins everywhere at once.
        began: parts.first().map(|part| part.began.clone()).unwrap_or_default(),
        broken: parts.iter().find_map(|part| part.broken.clone()),
        longest_pause: parts.iter().map(|part| part.longest_pause).max().unwrap_or(0),
        sent,
        due,
        abandoned_arrived,
        // No part knows what the others have sent, and so whose messages are missing.
        offenders: vec![Vec::new(); lanes],
        missing: parts.iter().map(|part| part.missing).sum(),
        lag: worst.map(|part| part.lag).unwrap_or_default(),
        lag_share: parts.iter().map(|part| part.lag_share).fold(0.0, f64::max),
    })
}

fn add_histograms(part: &Histograms, totals: &mut Recorders, tally: &mut Tally) -> Result<(), String> {
    for (lane, to) in part.lanes.iter().zip(&mut totals.flows) {
        to.latency.merge(&Latency::from_text(&lane.latency)?);
        to.service.merge(&Latency::from_text(&lane.service)?);
        to.acknowledgement.merge(&Latency::from_text(&lane.acknowledgement)?);
    }
    for (text, to) in [(&part.connecting, &mut totals.connecting), (&part.recovery, &mut tally.recovery.time)]
    {
        to.merge(&Latency::from_text(text)?);
    }
    Ok(())
}

fn add_counts(part: &Part, tally: &mut Tally) {
    for (lane, to) in part.lanes.iter().zip(&mut tally.lanes) {
        to.ledger.add_counts(&lane.counts);
        to.acknowledged += lane.acknowledged;
        to.rejected += lane.rejected;
        to.abandoned += lane.abandoned;
        to.resent += lane.resent;
    }
    tally.foreign += part.foreign;
    tally.repeated += part.repeated;
    tally.pings += part.pings;
    tally.pongs += part.pongs;
    tally.connected += part.connected;
    tally.faults += part.faults;
    for (text, count) in &part.fault_texts {
        *tally.fault_texts.entry(text.clone()).or_default() += count;
    }
    let recovery = &mut tally.recovery;
    recovery.lost += part.lost;
    recovery.cut += part.cut;
    recovery.failed_attempts += part.failed_attempts;
    recovery.recovered += part.recovered;
    recovery.sessions_lost += part.sessions_lost;
}

/// Intervals of the same place are put together: the clocks agree, so that they are of the same time but for the ends of
/// stages.
fn merged_rows(parts: &[Part]) -> Result<Vec<Row>, String> {
    let most = parts.iter().map(|part| part.rows.len()).max().unwrap_or(0);
    (0..most)
        .map(|at| {
            let mut rows = parts.iter().filter_map(|part| part.rows.get(at));
            let first = rows.next().cloned().unwrap_or_default();
            rows.try_fold(first, Row::merged)
        })
        .collect()
}

fn merged_marks(parts: &[Part]) -> Marks {
    let mut parts = parts.iter().map(|part| part.marks);
    let first = parts.next().unwrap_or_default();
    parts.fold(first, |sum, marks| sum.merged(&marks))
}
