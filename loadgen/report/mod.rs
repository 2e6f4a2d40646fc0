//! What a run has shown: figures, and whether they may be believed.
//!
//! Owns the figures and their JSON form, whose `schema` number changes when a field changes its meaning or goes. Must never
//! measure anything.

mod costs;
mod csv;
mod digest;
mod figures;
mod flows;
mod html;
mod offenders;
mod steps;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod thresholds;
mod verdict;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use ringmq_ring::Engine;
use serde::{Deserialize, Serialize};

use crate::clock::{Nanos, seconds};
use crate::drive::{Begun, Mark, Outcome, Probes, Tally};
use crate::host::{HostFacts, ProcessFacts};
use crate::latency::{Latency, Summary};
use crate::page::Plot;
use crate::plan::{Plan, TargetSummary};
use crate::scenario::Scenario;
use crate::search::Search;
use crate::series::{Distribution, Row};

use costs::{BrokerCosts, GeneratorCosts};
use flows::{FlowCounts, MessageCounts, Times};
use offenders::OffenderRow;
use steps::StepFigures;
use verdict::Verdict;

pub(crate) use figures::{Intervals, Metric};
pub(crate) use thresholds::Threshold;
pub(crate) use verdict::unbegun;

/// Number of the JSON form.
const SCHEMA: u32 = 3;

/// What is known before a run begins.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    engine: Engine,
    host: HostFacts,
    broker: Vec<ProcessFacts>,
    started_unix_s: u64,
}

impl Circumstances {
    /// Reads them now.
    pub(crate) fn read(engine: Engine, broker_pids: &[u32]) -> Circumstances {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Circumstances {
            engine,
            host: HostFacts::read(),
            broker: broker_pids.iter().copied().map(ProcessFacts::read).collect(),
            started_unix_s: since_epoch.as_secs(),
        }
    }
}

/// Everything that is told of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    schema: u32,
    tool: String,
    version: String,
    engine: String,
    started_unix_s: u64,
    /// What the user calls the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    host: HostFacts,
    scenario: Scenario,
    /// Tells whether two reports are of the same scenario.
    scenario_digest: String,
    target: TargetSummary,
    verdict: Verdict,
    connections: Connections,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<Flowed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    broker: Option<BrokerCosts>,
    generator: GeneratorCosts,
    /// The runs before and after this one, where it is the best of a search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search: Option<Search>,
    /// When each stage began; none in reports that are older.
    #[serde(default)]
    stages: Vec<Begun>,
    series: Vec<Row>,
}

/// What became of the connections.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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
    time: Distribution,
    pings: u64,
    pongs: u64,
    /// Connections that had been ready and ended by themselves.
    lost: u64,
    /// Connections that were cut on purpose.
    cut: u64,
    /// Those of both that were made again, and those that were still missing at the end.
    recovered: u64,
    missing: u32,
    /// Attempts to make a connection again that failed.
    failed_attempts: u64,
    /// Persistent sessions that the broker did not know any more.
    sessions_lost: u64,
    /// From the end of a connection until its client was ready again.
    recovery: Distribution,
    /// Connections without MQTT that were made and closed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probes: Option<ProbeCounts>,
}

/// What became of connections without MQTT.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct ProbeCounts {
    made: u64,
    failed: u64,
    /// Probes that were due while all were under way.
    missed: u64,
    time: Distribution,
}

/// What became of the messages.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Flowed {
    #[serde(flatten)]
    counts: MessageCounts,
    /// Messages at QoS 2 that came again before their release, which is allowed.
    repeated: u64,
    /// Length of the measured part, after the warm-up.
    measured_s: f64,
    sent_per_s: f64,
    delivered_per_s: f64,
    /// Bytes of payloads.
    #[serde(default)]
    sent_bytes_per_s: f64,
    #[serde(default)]
    delivered_bytes_per_s: f64,
    #[serde(flatten)]
    times: Times,
    /// The figures of each step of a stepped rate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepFigures>,
    /// How late the generator itself looked at what was due.
    lag: Summary,
    /// The counts by flow.
    flows: Vec<FlowCounts>,
    /// Publishers whose messages did not all arrive once and in their order.
    offender_count: u64,
    /// The worst of them.
    offenders: Vec<OffenderRow>,
}

impl Report {
    pub(crate) fn new(plan: &Plan, outcome: &Outcome, circumstances: &Circumstances) -> Report {
        let Circumstances { engine, host, broker, started_unix_s } = circumstances;
        let connections = Connections::new(plan, outcome);
        let traffic = plan.workload.has_traffic().then(|| Flowed::new(plan, outcome));
        let generator = GeneratorCosts::new(outcome, host, broker);
        let mut report = Report {
            schema: SCHEMA,
            tool: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            engine: match engine {
                Engine::IoUring => "io_uring".into(),
                Engine::Epoll => "epoll".into(),
            },
            started_unix_s: *started_unix_s,
            title: plan.output.title.clone(),
            host: host.clone(),
            scenario: plan.scenario.clone(),
            scenario_digest: plan.scenario.digest(),
            target: plan.target(),
            verdict: Verdict::new(plan, outcome, traffic.as_ref(), &generator),
            broker: BrokerCosts::new(outcome, broker.clone()),
            connections,
            traffic,
            generator,
            search: None,
            stages: outcome.began.clone(),
            series: outcome.recording.rows.clone(),
        };
        report.judge_by(&plan.thresholds);
        report
    }

    /// The report with what the user calls it now, if anything.
    pub(crate) fn with_title(self, title: Option<&String>) -> Report {
        Report { title: title.cloned().or(self.title), ..self }
    }

    /// The report as the result of a search.
    pub(crate) fn with_search(self, search: Search) -> Report {
        Report { search: Some(search), ..self }
    }

    /// The report as one JSON object with its digest.
    pub(crate) fn to_json(&self) -> String {
        digest::sealed(serde_json::to_value(self).expect("names and numbers have a JSON form"))
    }

    /// Reads what [`Report::to_json`] writes.
    ///
    /// # Errors
    /// Text that is no report, one of another form, and one that was changed after it was written.
    pub(crate) fn from_json(text: &str) -> Result<Report, String> {
        let value = digest::unsealed(text)?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(schema) if schema == u64::from(SCHEMA) => {}
            Some(schema) => return Err(format!("the report has schema {schema}, this tool reads {SCHEMA}")),
            None => return Err("this is no report of ringmq-bench: it has no schema number".into()),
        }
        serde_json::from_value(value).map_err(|error| format!("the report cannot be read: {error}"))
    }

    /// The time series as CSV, with a line of names first.
    pub(crate) fn to_csv(&self) -> String {
        csv::table(&self.series)
    }

    /// The report as a page for a browser.
    pub(crate) fn to_html(&self) -> String {
        html::page(self)
    }

    /// The percentiles of the latency, or of connecting where there are no messages, as a table for HdrHistogram plotters.
    ///
    /// # Errors
    /// A histogram that cannot be read.
    pub(crate) fn to_hgrm(&self) -> Result<String, String> {
        let distribution = match &self.traffic {
            Some(traffic) => &traffic.times.latency,
            None => &self.connections.time,
        };
        Ok(Latency::from_text(&distribution.histogram)?.to_hgrm())
    }

    /// Plots of this run and another one of the same load.
    pub(crate) fn plots_beside(&self, other: &Report) -> Vec<Plot> {
        html::pair(self, other)
    }

    /// What was asked for, in a line.
    pub(crate) fn subtitle(&self) -> String {
        html::subtitle(self)
    }

    /// When the run began, and the broker's address.
    pub(crate) fn told_when(&self) -> String {
        format!("{}, {}", crate::words::date_and_time(self.started_unix_s), self.target.broker)
    }

    /// The report for a reader.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        let written = text::write_report(self, &mut text);
        assert!(written.is_ok(), "a string takes all text");
        text
    }

    /// 0 all well, 1 a check failed, 3 an invalid run; of a search what it has found.
    pub(crate) fn exit_code(&self) -> u8 {
        self.search.as_ref().map_or_else(|| self.verdict.exit_code(), Search::exit_code)
    }
}

impl Connections {
    fn new(plan: &Plan, outcome: &Outcome) -> Connections {
        let Tally { connected, faults, fault_texts, pings, pongs, recovery, .. } = &outcome.tally;
        // A ramp that was broken off lasted until then.
        let last = outcome.marks.connected.or(outcome.marks.end);
        let span = span(&outcome.marks.start, &last);
        Connections {
            asked: plan.workload.sessions(),
            ready: *connected,
            faults: *faults,
            fault_texts: fault_texts.clone(),
            seconds: seconds(span),
            per_s: per_second(*connected, span),
            time: Distribution::new(&outcome.recording.totals.connecting),
            pings: *pings,
            pongs: *pongs,
            lost: recovery.lost,
            cut: recovery.cut,
            recovered: recovery.recovered,
            missing: outcome.missing,
            failed_attempts: recovery.failed_attempts,
            sessions_lost: recovery.sessions_lost,
            recovery: Distribution::new(&recovery.time),
            probes: plan.workload.has_probes().then(|| ProbeCounts::new(&outcome.tally.probes)),
        }
    }
}

impl ProbeCounts {
    fn new(probes: &Probes) -> ProbeCounts {
        let Probes { made, failed, missed, time } = probes;
        ProbeCounts { made: *made, failed: *failed, missed: *missed, time: Distribution::new(time) }
    }
}

impl Flowed {
    fn new(plan: &Plan, outcome: &Outcome) -> Flowed {
        let Outcome { tally, marks, lag, recording, .. } = outcome;
        let flows: Vec<_> =
            (0..plan.workload.lanes.len()).map(|at| FlowCounts::new(plan, outcome, at)).collect();
        let mut counts = MessageCounts { strays: tally.foreign, ..MessageCounts::default() };
        flows.iter().for_each(|flow| counts.add(&flow.counts));
        let window = span(&marks.open, &marks.close);
        let (open, close) = (marks.open.as_ref(), marks.close.as_ref());
        let grown = |of: fn(&Mark) -> u64| match (open, close) {
            (Some(open), Some(close)) => of(close) - of(open),
            _ => 0,
        };
        Flowed {
            counts,
            repeated: tally.repeated,
            measured_s: seconds(window),
            sent_per_s: per_second(grown(|mark| mark.sent), window),
            delivered_per_s: per_second(grown(|mark| mark.delivered), window),
            sent_bytes_per_s: per_second(grown(|mark| mark.sent_bytes), window),
            delivered_bytes_per_s: per_second(grown(|mark| mark.delivered_bytes), window),
            steps: steps::figures(&plan.scenario, &recording.rows),
            times: Times::new(&recording.totals.all_flows()),
            lag: *lag,
            offender_count: offenders::count(outcome),
            offenders: offenders::worst(plan, outcome),
            flows,
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
