//! The figures and the verdict of made-up runs.

use std::collections::{BTreeMap, BTreeSet};

use clap::Parser;

use crate::cli::{Command, CommandLine};
use crate::clock::SECOND;
use crate::drive::{Broken, Marks};
use crate::latency::Latency;
use crate::ledger::Offender;
use crate::process::Usage;
use crate::search::{Limit, SearchStep};
use crate::series::{Counters, GeneratorUse, ProcessUse, Recording};
use crate::stamp::{STAMP_BYTES, Stamp};

use super::offenders::OFFENDERS_MAX;
use super::*;

pub(crate) fn plan(arguments: &str) -> Plan {
    let words = ["ringmq-bench"].into_iter().chain(arguments.split_whitespace());
    let Command::Load(workload) = CommandLine::try_parse_from(words).unwrap().command else { unreachable!() };
    Plan::new(crate::scenario::from_workload(&workload).unwrap(), workload.target()).unwrap()
}

fn usage(cpu_s: f64, rss_bytes: u64) -> Usage {
    Usage { cpu_s, user_s: cpu_s, rss_bytes, ..Usage::default() }
}

pub(crate) fn mark(at_s: u64, messages: u64, cpu_s: f64) -> Mark {
    Mark {
        at: at_s * SECOND,
        sent: messages,
        delivered: messages,
        sent_bytes: 64 * messages,
        delivered_bytes: 64 * messages,
        connections: 2,
        broker: Some(usage(cpu_s, 1000)),
        own: usage(cpu_s / 2.0, 100),
    }
}

/// Second `second` of a run, in which the generator was busy for this share.
fn row(second: u64, busy: f64) -> Row {
    let is_measured = (2..12).contains(&second);
    let generator = GeneratorUse { busy, ..GeneratorUse::default() };
    Row { at_s: (second + 1) as f64, span_s: 1.0, is_measured, generator, ..Row::default() }
}

/// A run of one publisher and one subscriber, 10 s at 100 messages per second, in which these messages arrived.
pub(crate) fn outcome(arrivals: impl IntoIterator<Item = u32>) -> Outcome {
    let mut plan = plan("fan-in -p 1 -s 1");
    plan.workload.run = 9;
    let mut tally = Tally::new(&plan.workload);
    tally.measure_from = 0;
    for sequence in arrivals {
        let mut payload = [0; STAMP_BYTES];
        Stamp { run_tag: 9, sender: 0, sequence, intended: 0, lateness: 0 }.write(&mut payload);
        tally.note_message(&plan.workload, 1, &payload, 5000);
    }
    let totals = tally.recorders.clone();
    let rows = (0..13).map(|second| row(second, 0.2)).collect();
    Outcome {
        tally,
        recording: Recording { rows, totals },
        marks: Marks {
            start: Some(mark(0, 0, 0.0)),
            tenth: None,
            connected: Some(mark(1, 0, 0.1)),
            open: Some(mark(2, 0, 1.0)),
            close: Some(mark(12, 1000, 3.0)),
            held: None,
            end: Some(mark(13, 1000, 3.0)),
        },
        began: Vec::new(),
        broken: None,
        longest_pause: 0,
        sent: vec![1000],
        due: vec![1000],
        abandoned_arrived: vec![0],
        offenders: vec![Vec::new()],
        missing: 0,
        lag: Summary::default(),
        lag_share: 0.0,
    }
}

fn circumstances() -> Circumstances {
    Circumstances::read(Engine::Epoll, &[])
}

pub(crate) fn report(arguments: &str, outcome: &Outcome) -> Report {
    Report::new(
        &plan(&format!("fan-in {} -s 1 {arguments}", if arguments.contains("-p ") { "" } else { "-p 1" })),
        outcome,
        &circumstances(),
    )
}

/// The report of a run of one pair at QoS 1, judged by thresholds.
pub(crate) fn report_with(thresholds: &[&str], outcome: &Outcome) -> Report {
    let mut plan = plan("fan-in -p 1 -s 1");
    plan.thresholds = thresholds.iter().map(|text| text.parse().unwrap()).collect();
    Report::new(&plan, outcome, &circumstances())
}

/// Why a command line is no plan; empty if it is one.
pub(crate) fn refused_plan(arguments: &str) -> String {
    let words = ["ringmq-bench"].into_iter().chain(arguments.split_whitespace());
    let Command::Load(workload) = CommandLine::try_parse_from(words).unwrap().command else { unreachable!() };
    let scenario = crate::scenario::from_workload(&workload).unwrap();
    Plan::new(scenario, workload.target()).err().unwrap_or_default()
}

#[test]
fn a_good_run_is_ok_and_its_costs_are_divided_by_its_messages() {
    let report = report("-q 2", &outcome(0..1000));
    assert_eq!(report.exit_code(), 0);
    assert!(report.verdict.notes.is_empty());
    let (traffic, broker) = (report.traffic.as_ref().unwrap(), report.broker.as_ref().unwrap());
    assert_eq!((traffic.counts.expected, traffic.counts.delivered, traffic.counts.lost), (1000, 1000, 0));
    assert_eq!((traffic.sent_per_s, traffic.delivered_per_s), (100.0, 100.0));
    assert_eq!(broker.cpu_us_per_delivered, Some(2000.0));
    assert_eq!(report.generator.cpu_us_per_message, Some(500.0));
    assert_eq!(broker.bytes_per_connection, None, "messages need memory too");
}

#[test]
fn loss_fails_at_qos_1_and_is_a_note_at_qos_0() {
    let lossy = outcome(1..1000);
    assert_eq!(report("-q 1", &lossy).exit_code(), 1);
    assert_eq!(report("-q 1", &lossy).verdict.failures, ["1 message lost at QoS 1"]);
    assert_eq!(report("-q 0", &lossy).exit_code(), 0);
    assert_eq!(report("-q 2 --subscribe-qos 0", &lossy).verdict.notes, ["1 message lost at QoS 0"]);
}

#[test]
fn a_shared_subscription_through_which_nothing_came_may_be_unknown_to_the_broker() {
    let verdict = |arrivals| {
        let plan = plan("shared -p 1 -s 1 -q 1");
        Report::new(&plan, &outcome(arrivals), &circumstances()).verdict
    };
    let silent = verdict(0..0);
    assert_eq!(silent.failures, ["1000 messages lost at QoS 1"]);
    assert!(silent.notes[0].ends_with("the broker may not know shared subscriptions"), "{silent:?}");
    assert!(verdict(1..1000).notes.is_empty(), "something came");
}

#[test]
fn a_session_that_ends_with_its_connection_is_owed_nothing() {
    let mut cut = outcome(1..1000);
    cut.tally.recovery.cut = 2;
    let report = report("-q 1", &cut);
    assert!(report.verdict.failures.is_empty(), "{:?}", report.verdict);
    assert!(report.verdict.notes[0].starts_with("1 message not delivered at QoS 1: subscribers were away"));
    assert_eq!(report.traffic.as_ref().unwrap().counts.lost, 1, "the figure stays");
}

#[test]
fn what_was_in_doubt_and_arrived_hides_no_loss() {
    let mut doubtful = outcome(3..1000);
    doubtful.tally.lanes[0].abandoned = 5;
    // Message 0 to 2 are missing and had been acknowledged; three of the five in doubt have come.
    doubtful.abandoned_arrived = vec![3];
    doubtful.sent = vec![1002];
    let report = report("-q 1", &doubtful);
    let traffic = report.traffic.as_ref().unwrap();
    assert_eq!((traffic.counts.expected, traffic.counts.delivered, traffic.counts.lost), (1000, 997, 3));
    assert!(report.verdict.notes[0].starts_with("5 messages under way when a session ended"));
}

#[test]
fn connections_that_end_and_come_back_fail_unless_that_is_allowed() {
    let mut restarted = outcome(0..1000);
    (restarted.tally.recovery.lost, restarted.tally.recovery.recovered) = (2, 2);
    let ended = "2 connections ended that should have lasted";
    let told = |report: &Report| (report.verdict.failures.join("; "), report.verdict.notes.join("; "));
    assert_eq!(told(&report("", &restarted)), (ended.into(), String::new()));
    let allowed = report("--on-loss allow", &restarted);
    assert_eq!(told(&allowed), (String::new(), format!("{ended}, which this run allows")));
    assert_eq!(allowed.exit_code(), 0);
    (restarted.tally.recovery.recovered, restarted.missing) = (1, 1);
    let missing = report("--on-loss allow", &restarted);
    assert_eq!(missing.verdict.failures, ["1 client could not connect again"]);
}

#[test]
fn a_watched_process_that_ends_fails_and_has_no_memory_at_the_end() {
    let mut ended = outcome(0..1000);
    ended.marks.end = ended.marks.end.map(|mark| Mark { broker: None, ..mark });
    let failed = report("", &ended);
    assert_eq!(failed.verdict.failures, ["a watched process ended during the run"]);
    assert_eq!(failed.broker.as_ref().unwrap().rss_end_bytes, None);
    assert!(failed.figures().iter().all(|(metric, _)| *metric != Metric::BrokerRssBytes));
    assert!(failed.to_text().contains("MiB before, gone at the end"), "{}", failed.to_text());
    assert_eq!(Report::from_json(&failed.to_json()).as_ref(), Ok(&failed));
    let allowed = report("--on-loss allow", &ended);
    assert!(allowed.is_passed() && allowed.verdict.notes[0].contains("which this run allows"));
}

#[test]
fn the_cost_of_a_broker_that_was_not_there_all_the_time_is_not_compared() {
    let mut report = report_of(&[(100, 50, 0.1), (100, 50, 0.1)]);
    let cost = |report: &Report| Intervals::of(report).unwrap().figures(&[0, 1])[4];
    assert!((cost(&report) - 1000.0).abs() < 1.0);
    report.series[1].broker = None;
    assert_eq!(cost(&report), 0.0);
}

#[test]
fn duplicates_fail_except_at_qos_1() {
    let repeated = outcome((0..1000).chain([5, 6]));
    assert_eq!(report("-q 2", &repeated).verdict.failures, ["2 messages duplicated at QoS 2"]);
    assert_eq!(report("-q 0", &repeated).exit_code(), 1);
    assert_eq!(report("-q 1", &repeated).verdict.notes, ["2 messages duplicated at QoS 1"]);
    assert_eq!(report("-q 1", &repeated).exit_code(), 0);
}

#[test]
fn order_fails_at_any_qos() {
    let swapped = outcome([1, 0].into_iter().chain(2..1000));
    for qos in ["-q 0", "-q 1", "-q 2"] {
        assert_eq!(report(qos, &swapped).verdict.failures, ["1 message out of order"]);
    }
}

#[test]
fn a_generator_in_trouble_makes_the_run_invalid() {
    let late = Outcome { lag_share: 0.02, ..outcome(0..1000) };
    assert_eq!(report("", &late).exit_code(), 3);
    let paused = Outcome { longest_pause: SECOND, ..outcome(0..1000) };
    assert_eq!(report("", &paused).verdict.invalid, ["the generator stood still for 1.00 s"]);
    let mut busy = outcome(0..1000);
    busy.recording.rows = (0..13).map(|second| row(second, if second == 0 { 0.1 } else { 0.97 })).collect();
    let bottleneck = ["the generator used 97 % of the one CPU it can use: it was the bottleneck"];
    assert_eq!(report("", &busy).verdict.invalid, bottleneck);
    for row in &mut busy.recording.rows {
        row.generator = GeneratorUse { busy: 0.6, waiting: 0.39, ..GeneratorUse::default() };
    }
    assert!(report("", &busy).verdict.invalid[0].contains("something else ran there"));
    let interrupted = Outcome { broken: Some(Broken::Interrupted), ..outcome(0..500) };
    let report = report("", &interrupted);
    assert_eq!(report.exit_code(), 3);
    assert_eq!(report.traffic.as_ref().unwrap().counts.lost, 0, "what is missing was not waited for");
}

#[test]
fn a_ramp_that_was_interrupted_lasted_until_then() {
    let mut ramp = outcome([]);
    ramp.broken = Some(Broken::Interrupted);
    ramp.tally.connected = 10;
    ramp.marks = Marks { start: Some(mark(0, 0, 0.0)), end: Some(mark(5, 0, 0.1)), ..Marks::default() };
    let report = Report::new(&plan("connect -n 100"), &ramp, &circumstances());
    assert_eq!((report.connections.seconds, report.connections.per_s), (5.0, 2.0));
}

#[test]
fn a_failed_check_outranks_an_invalid_run() {
    assert_eq!(report("", &Outcome { lag_share: 1.0, ..outcome(1..1000) }).exit_code(), 1);
}

#[test]
fn a_broken_connection_fails_the_run() {
    let mut broken = outcome(0..10);
    broken.tally.note_fault(&crate::fault::Fault::TimedOut);
    broken.broken = Some(Broken::Connection("x".into()));
    let report = report("", &broken);
    assert_eq!(report.verdict.failures, ["the run was broken off: x"]);
    assert_eq!(report.connections.fault_texts.len(), 1);
}

#[test]
fn json_and_text_tell_the_same() {
    let report = report("--payload 16", &outcome(0..1000));
    let json: BTreeMap<String, serde_json::Value> = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["schema"], 3);
    assert_eq!(json["scenario"]["flows"][0]["payload"], 16);
    assert_eq!(json["traffic"]["delivered"], 1000);
    assert_eq!(json["verdict"]["is_valid"], true);
    let text = report.to_text();
    assert!(text.contains("1,000 sent, 1,000 of 1,000 delivered"), "{text}");
    assert!(text.contains("100/s sent, 100/s delivered (6.2 KiB/s) over 10.00 s"), "{text}");
    assert!(text.contains("2000.000 \u{b5}s per message delivered"), "{text}");
    assert!(text.contains("was 20 % busy and had 80 % left"), "{text}");
    assert!(text.contains("\nok            every check passed\n"), "{text}");
    let latency = text.lines().find(|line| line.starts_with("latency ")).unwrap();
    // A thousand messages know no 99.99th percentile.
    assert_eq!(latency.split_whitespace().filter(|word| *word == "-").count(), 1, "{latency}");
    assert!(text.contains("1 publisher, 1 subscriber") && text.contains(" UTC, ringmq-bench "), "{text}");
    assert!(text.contains("\nlatency: from the time a message was due until"), "{text}");
}

#[test]
fn memory_per_connection_is_told_from_the_start_and_from_the_first_tenth_on() {
    let at = |connections, rss_bytes| {
        Some(Mark { connections, broker: Some(usage(0.0, rss_bytes)), ..mark(0, 0, 0.0) })
    };
    let mut outcome = outcome([]);
    outcome.marks =
        Marks { start: at(0, 1000), tenth: at(10, 6000), held: at(100, 15_000), ..Marks::default() };
    let report = Report::new(&plan("idle -n 100"), &outcome, &circumstances());
    let broker = report.broker.as_ref().unwrap();
    assert_eq!(broker.bytes_per_connection, Some(140.0));
    assert_eq!(broker.bytes_per_further_connection, Some(100.0));
    assert!(report.verdict.notes.is_empty());
    outcome.marks.start = Some(Mark { broker: Some(usage(9.5, 1000)), ..mark(0, 0, 0.0) });
    let used = Report::new(&plan("idle -n 100"), &outcome, &circumstances());
    assert!(
        used.verdict.notes[0].starts_with("the broker had used 9.5 s of CPU before"),
        "{:?}",
        used.verdict
    );
}

#[test]
fn a_report_comes_back_from_its_json_unless_it_was_changed() {
    let report = report("", &outcome(0..1000));
    let json = report.to_json();
    assert_eq!(Report::from_json(&json).as_ref(), Ok(&report));
    assert_eq!(report.to_csv().lines().count(), 1 + 13);
    let changed = json.replace("\"delivered\": 1000", "\"delivered\": 1001");
    assert_ne!(changed, json);
    assert!(Report::from_json(&changed).is_err_and(|error| error.contains("digest")));
    assert!(Report::from_json("{}").is_err());
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_tells_the_verdict_first() {
    let page = report("-q 1", &outcome(0..1000)).to_html();
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains(" src="), "{page}");
    let (verdict, rate) = (page.find("Passed:").unwrap(), page.find("<h3>Rate</h3>").unwrap());
    assert!(verdict < rate);
    assert!(page.contains("Latency by percentile") && page.contains("Distribution of latency"));
    let lossy = report("-q 1", &outcome(1..1000)).to_html();
    assert!(lossy.contains("Failed:") && lossy.contains("<li>1 message lost at QoS 1</li>"));
}

impl Report {
    /// Lets a check of the broker fail.
    pub(crate) fn fail(&mut self, why: &str) {
        self.verdict.failures.push(why.into());
        self.verdict.is_passed = false;
    }

    /// Makes the run one that says nothing of the broker.
    pub(crate) fn object(&mut self, why: &str) {
        self.verdict.invalid.push(why.into());
        self.verdict.is_valid = false;
    }
}

/// A report of a run with these intervals: messages delivered in a second, their latency in microseconds, and the broker's
/// CPU use.
pub(crate) fn report_of(intervals: &[(u64, u64, f64)]) -> Report {
    let mut whole = outcome(0..1000);
    whole.recording.rows = intervals
        .iter()
        .map(|(delivered, latency_us, cores)| {
            let mut latency = Latency::new();
            (0..*delivered).for_each(|_| latency.record(latency_us * 1000));
            Row {
                counters: Counters { delivered: *delivered, ..Counters::default() },
                latency: Some(Distribution::new(&latency)),
                broker: Some(ProcessUse { cores: *cores, ..ProcessUse::default() }),
                ..row(5, 0.2)
            }
        })
        .collect();
    report("", &whole)
}

/// The report of a run with these options.
pub(crate) fn report_of_line(options: &str) -> Report {
    report(options, &outcome(0..1000))
}

#[test]
fn figures_of_chosen_intervals_are_those_of_a_run_of_them() {
    let report = report_of(&[(100, 50, 0.1), (300, 80, 0.3), (100, 900, 0.2)]);
    let mut intervals = Intervals::of(&report).unwrap();
    assert_eq!(intervals.count(), 3);
    let near = |found: Vec<f64>, expected: [f64; 5]| {
        let is_near = |(a, b): (&f64, &f64)| (a - b).abs() <= b * 0.001;
        assert!(found.iter().zip(&expected).all(is_near), "{found:?} {expected:?}");
    };
    near(intervals.figures(&[0, 1, 2]), [500.0 / 3.0, 80.0, 900.0, 900.0, 1200.0]);
    near(intervals.figures(&[0, 0]), [100.0, 50.0, 50.0, 50.0, 1000.0]);
    near(intervals.figures(&[1]), [300.0, 80.0, 80.0, 80.0, 1000.0]);
}

#[test]
fn the_worst_publishers_are_named_with_their_topics() {
    let mut lossy = outcome(1..1000);
    let offender = |publisher, lost| Offender {
        publisher,
        lost,
        first_lost: Some(7),
        subscribers: 1,
        ..Offender::default()
    };
    lossy.offenders = vec![(0..50).map(|number| offender(number % 100, u64::from(number) + 1)).collect()];
    let report = report("-p 100", &lossy);
    let traffic = report.traffic.as_ref().unwrap();
    assert_eq!((traffic.offender_count, traffic.offenders.len()), (50, OFFENDERS_MAX));
    assert_eq!((traffic.offenders[0].publisher, traffic.offenders[0].lost), (49, 50));
    assert!(traffic.offenders[0].topic.ends_with("/49"), "{:?}", traffic.offenders[0]);
    assert!(report.to_text().contains("50 lost, the first was message 7"), "{}", report.to_text());
    assert!(report.to_text().contains("and 45 more publishers"), "{}", report.to_text());
}

/// The names of all members of a report, but for those of the scenario, which is documented as what it is: a file.
fn members(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                names.insert(name.clone());
                if name != "scenario" && name != "fault_texts" {
                    members(value, names);
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| members(value, names)),
        _ => {}
    }
}

#[test]
fn every_member_of_a_report_is_documented() {
    let mut whole = outcome(1..1000);
    whole.offenders = vec![vec![Offender { lost: 1, ..Offender::default() }]];
    whole.recording.rows[0] = report_of(&[(5, 5, 0.1)]).series[0].clone();
    let circumstances = Circumstances::read(Engine::Epoll, &[std::process::id()]);
    let step = SearchStep {
        rate_per_s: 1.0,
        factor: 1.0,
        found_us: 1.0,
        delivered_per_s: 1.0,
        held: false,
        why: String::new(),
        limited_by: Some(Limit::Broker),
    };
    let search = Search {
        bound: "p99<1s".into(),
        highest_per_s: None,
        limited_by: Some(Limit::Broker),
        steps: vec![step],
    };
    let mut plan = plan("fan-in -p 1 -s 1");
    plan.thresholds = vec!["lost>0".parse().unwrap()];
    let report = Report::new(&plan, &whole, &circumstances).with_search(search);
    let mut names = BTreeSet::new();
    members(&serde_json::from_str(&report.to_json()).unwrap(), &mut names);
    let text = include_str!("../../docs/BENCHMARKING.md");
    let undocumented: Vec<_> = names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(undocumented.is_empty() && names.len() > 80, "docs/BENCHMARKING.md lacks {undocumented:?}");
}
