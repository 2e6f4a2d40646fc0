//! One run of ringmq-bench against a running broker.
//!
//! Owns its command line and the reading of its report: only what is asked for by its place, so that a report may grow.
//! Must never judge a figure.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::launch::{Running, Site, pinned};
use crate::scenario::{Metric, Scenario};

/// Everything that a scenario leaves open.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Seconds that a timed load lasts, after a warm-up of `warm_up_s`.
    pub(crate) duration_s: f64,
    pub(crate) warm_up_s: f64,
}

/// The command of a scenario against a broker, as it is run and as it is written down.
pub(crate) fn command(scenario: &Scenario, extent: &Extent, broker: &Running) -> Vec<String> {
    let program = crate::built().join("ringmq-bench");
    let mut words = vec![program.display().to_string()];
    words.extend(scenario.load.split_whitespace().map(str::to_owned));
    let (scheme, port) = if scenario.tls { ("tls", broker.ports[1]) } else { ("tcp", broker.ports[0]) };
    let mut add = |name: &str, value: String| words.extend([format!("--{name}"), value]);
    add("broker", format!("{scheme}://127.0.0.1:{port}"));
    // All of the brokers speak it. A scenario file says so itself.
    if !scenario.load.starts_with("run ") {
        add("mqtt", "3.1.1".to_owned());
    }
    if scenario.timed {
        add("duration", format!("{}s", extent.duration_s));
        add("warm-up", format!("{}s", extent.warm_up_s));
    }
    broker.pids().iter().for_each(|pid| add("broker-pid", pid.to_string()));
    if scenario.tls {
        words.push("--insecure".to_owned());
    }
    words.push("--quiet".to_owned());
    words
}

/// Runs a load and returns its report.
///
/// # Errors
/// The load could not be started or left no report.
pub(crate) fn run(site: &Site, command: &[String]) -> Result<Value, String> {
    let file = site.work.join("report.json");
    let _ = fs::remove_file(&file);
    let mut words = command.to_vec();
    words.extend(["--report".to_owned(), file.display().to_string()]);
    let output = pinned(&site.cores.load, &words)
        .current_dir(&site.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("setpriv: {error}"))?;
    // A run that could not begin leaves none, or an empty one.
    if fs::metadata(&file).map_or(0, |file| file.len()) == 0 {
        return Err(format!("ringmq-bench: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    read_report(&file)
}

/// Reads a report of ringmq-bench.
///
/// # Errors
/// It is not there, or is no JSON.
pub(crate) fn read_report(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("the report of ringmq-bench: {error}"))
}

/// The figure that a scenario is about.
pub(crate) fn figure(report: &Value, metric: Metric) -> Option<f64> {
    metric.places().iter().find_map(|place| report.pointer(place)?.as_f64())
}

/// Whether the load was ended before its time, so that its figures say nothing.
pub(crate) fn is_interrupted(report: &Value) -> bool {
    texts(report, "/verdict/invalid").iter().any(|text| text.contains("interrupted"))
}

/// What is wrong with a run, if anything: it is invalid, or a check of the broker failed.
pub(crate) fn objections(report: &Value) -> Vec<String> {
    let mut all = texts(report, "/verdict/invalid");
    all.extend(failures(report));
    all
}

/// What an objection means for a figure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Objection {
    /// A check of the broker failed: it did less than it was asked for.
    Failed,
    /// The generator had no CPU to spare. Its load is a closed loop, so that it slowed both sides down.
    NoHeadroom,
    /// The generator was late or stood still.
    Late,
}

impl Objection {
    /// What stands behind a figure.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Objection::Failed => "*",
            Objection::NoHeadroom => "\u{2020}",
            Objection::Late => "\u{2021}",
        }
    }
}

/// The kinds of objections to a run, each once.
pub(crate) fn kinds_of_objections(report: &Value) -> Vec<Objection> {
    let is_headroom =
        |text: &String| text.contains("it was the bottleneck") || text.contains("something else ran");
    let invalid = texts(report, "/verdict/invalid");
    let kinds = [
        (Objection::Failed, !failures(report).is_empty()),
        (Objection::NoHeadroom, invalid.iter().any(is_headroom)),
        (Objection::Late, !invalid.iter().all(is_headroom)),
    ];
    kinds.into_iter().filter(|(_, is_there)| *is_there).map(|(kind, _)| kind).collect()
}

/// The checks of the broker that failed.
pub(crate) fn failures(report: &Value) -> Vec<String> {
    texts(report, "/verdict/failures")
}

/// What happened to connections that failed, and how often, in words; empty if nothing did.
pub(crate) fn faults(report: &Value) -> String {
    let faults = report.pointer("/connections/fault_texts").and_then(Value::as_object);
    let told: Vec<String> =
        faults.into_iter().flatten().map(|(text, count)| format!("{count} x {text}")).collect();
    told.join("; ")
}

fn texts(report: &Value, place: &str) -> Vec<String> {
    let list = report.pointer(place).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_by_their_place() {
        let report: Value = serde_json::from_str(
            r#"{"new": 1, "broker": {"bytes_per_connection": 9.0, "bytes_per_further_connection": null},
                "verdict": {"invalid": ["late"], "failures": ["1 lost"]}}"#,
        )
        .unwrap();
        assert_eq!(figure(&report, Metric::BytesPerConnection), Some(9.0));
        assert_eq!(figure(&report, Metric::P99), None);
        assert_eq!(objections(&report), ["late", "1 lost"]);
        assert_eq!(kinds_of_objections(&report), [Objection::Failed, Objection::Late]);
        let busy = "the generator used 97 % of the one CPU it can use: it was the bottleneck";
        let busy = serde_json::json!({"verdict": {"invalid": [busy], "failures": []}});
        assert_eq!(kinds_of_objections(&busy), [Objection::NoHeadroom]);
        assert!(!is_interrupted(&report));
        assert_eq!(faults(&report), "");
        let reset = serde_json::json!({"connections": {"fault_texts": {"reset": 20, "timed out": 3}}});
        assert_eq!(faults(&reset), "20 x reset; 3 x timed out");
        assert!(is_interrupted(&serde_json::json!({"verdict": {"invalid": ["the run was interrupted"]}})));
    }
}
