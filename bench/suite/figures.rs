//! Medians of rounds, and what they say of the goals.
//!
//! Owns the arithmetic. Must never know how a table looks.

use std::collections::BTreeMap;

use crate::echo;
use crate::load::{self, Objection};
use crate::record::Run;
use crate::scenario::{Metric, Scenario};

/// What came out for one broker in one scenario.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
    pub(crate) rounds: usize,
    /// Deliveries per second, where messages flow.
    pub(crate) per_s: Option<f64>,
    /// What was wrong in any of the rounds, each once.
    pub(crate) objections: Vec<String>,
    /// The kinds of it in the rounds that the figure is made of, with the number of those rounds.
    pub(crate) kinds: BTreeMap<Objection, usize>,
}

/// The figure of a broker in a scenario; none if no round gave one. Rounds that were interrupted do not count. Those in which
/// the generator was late say nothing of a latency, but do of a cost.
pub(crate) fn figure(runs: &[Run], scenario: &Scenario, broker: &str) -> Option<Figure> {
    let is_own = |run: &&Run| run.scenario == scenario.runs() && run.broker == broker;
    let own: Vec<&Run> =
        runs.iter().filter(is_own).filter(|run| !load::is_interrupted(&run.report)).collect();
    let is_usable = |run: &&&Run| {
        let is_valid = run.report.pointer("/verdict/is_valid").and_then(serde_json::Value::as_bool);
        scenario.metric != Metric::P99 || is_valid == Some(true)
    };
    let used: Vec<&&Run> = own.iter().filter(is_usable).collect();
    let values: Vec<f64> = used.iter().filter_map(|run| load::figure(&run.report, scenario.metric)).collect();
    let mut kinds = BTreeMap::new();
    for kind in used.iter().flat_map(|run| load::kinds_of_objections(&run.report)) {
        *kinds.entry(kind).or_insert(0) += 1;
    }
    let rates: Vec<f64> =
        own.iter().filter_map(|run| run.report.pointer("/traffic/delivered_per_s")?.as_f64()).collect();
    let mut objections: Vec<String> = own.iter().flat_map(|run| load::objections(&run.report)).collect();
    objections.sort();
    objections.dedup();
    Some(Figure {
        median: median(&values)?,
        lowest: values.iter().copied().reduce(f64::min)?,
        highest: values.iter().copied().reduce(f64::max)?,
        rounds: values.len(),
        per_s: median(&rates).filter(|rate| *rate > 0.0),
        objections,
        kinds,
    })
}

/// What a message costs a bare echo in the same suite: the median of its rounds; none if it was not run.
pub(crate) fn echo(runs: &[Run], window: u32) -> Option<f64> {
    let own = runs.iter().filter(|run| run.scenario == echo::scenario(window) && run.broker == echo::NAME);
    let values: Vec<f64> = own.filter_map(|run| run.report.pointer(echo::PLACE)?.as_f64()).collect();
    median(&values)
}

/// The middle value; between the middle two, if their number is even.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_late_generator_spoils_a_latency_and_no_cost() {
        let report = |cost: f64, is_valid: bool| {
            serde_json::json!({
                "broker": {"cpu_us_per_delivered": cost},
                "traffic": {"latency": {"p99_us": cost}, "delivered_per_s": 10.0},
                "verdict": {"is_valid": is_valid, "invalid": if is_valid { vec![] } else { vec!["late"] }},
            })
        };
        let run = |round, cost, is_valid| Run {
            scenario: "x".into(),
            broker: "a".into(),
            round,
            started: String::new(),
            load: String::new(),
            report: report(cost, is_valid),
            failure: None,
        };
        let runs = [run(1, 1.0, true), run(2, 2.0, false), run(3, 3.0, true)];
        let scenario = |metric| Scenario {
            name: "x".into(),
            title: String::new(),
            load: String::new(),
            timed: true,
            tls: false,
            needs: Vec::new(),
            metric,
            runs_of: None,
            goal: None,
            echo_window: None,
        };
        let cost = figure(&runs, &scenario(Metric::CpuPerDelivery), "a").unwrap();
        assert_eq!(cost.kinds, BTreeMap::from([(Objection::Late, 1)]));
        assert_eq!((cost.median, cost.rounds, cost.objections.len()), (2.0, 3, 1));
        let latency = figure(&runs, &scenario(Metric::P99), "a").unwrap();
        assert_eq!((latency.rounds, latency.kinds.len()), (2, 0), "the late round is no part of it");
        let costs = [0.2, 0.1, 0.4].map(|us| Run {
            scenario: echo::scenario(64),
            broker: echo::NAME.into(),
            report: serde_json::json!({"echo": {"cpu_us_per_message": us}}),
            ..run(1, 0.0, true)
        });
        assert_eq!((echo(&costs, 64), echo(&costs, 1)), (Some(0.2), None));
        assert_eq!(figure(&runs, &scenario(Metric::P99), "b"), None);
        let mut interrupted = run(4, 9.0, false);
        interrupted.report["verdict"]["invalid"] = serde_json::json!(["the run was interrupted"]);
        let all = [&runs[..], &[interrupted]].concat();
        assert_eq!(figure(&all, &scenario(Metric::CpuPerDelivery), "a"), Some(cost));
    }
}
