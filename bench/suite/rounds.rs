//! The rounds: A B C A B C, scenario by scenario, until each broker has had its share.
//!
//! Owns the order and what is skipped because it is there already. Must never judge a figure.

use std::path::Path;

use serde_json::Value;

use crate::broker::Broker;
use crate::launch::{Running, Site};
use crate::load::{self, Extent};
use crate::record::{self, Run};
use crate::scenario::Scenario;
use crate::{built, echo};

/// What is to be run.
pub(crate) struct Suite<'a> {
    pub(crate) site: &'a Site,
    pub(crate) brokers: &'a [Broker],
    pub(crate) scenarios: &'a [Scenario],
    pub(crate) rounds: u32,
    pub(crate) extent: Extent,
}

impl Suite<'_> {
    /// Runs what is not in `folder` yet, and what failed there. A broker that fails in a scenario is told of, and the others
    /// go on. Returns how many runs failed.
    ///
    /// # Errors
    /// A result cannot be written.
    pub(crate) fn run(&self, folder: &Path) -> Result<usize, String> {
        let (mut done, mut failed) = (record::read(folder)?, 0);
        for round in 1..=self.rounds {
            for scenario in self.scenarios {
                for broker in self.brokers.iter().filter(|broker| broker.can_all(&scenario.needs)) {
                    if done.iter().any(|run| is_done(run, scenario, &broker.name, round)) {
                        continue;
                    }
                    let run = self.run_one(scenario, broker, round);
                    println!("{}", told(&run, scenario));
                    record::append(folder, &run)?;
                    failed += usize::from(run.failure.is_some());
                    done.push(run);
                }
                if let Some(run) = self.echo_beside(scenario, round, &done) {
                    println!("{}", run.failure.as_deref().unwrap_or(&run.started));
                    record::append(folder, &run)?;
                    failed += usize::from(run.failure.is_some());
                    done.push(run);
                }
            }
        }
        Ok(failed)
    }

    /// The bare echo of a scenario that has one, unless this round has it.
    fn echo_beside(&self, scenario: &Scenario, round: u32, done: &[Run]) -> Option<Run> {
        let window = scenario.echo_window.filter(|_| echo::fits(self.site))?;
        let name = echo::scenario(window);
        let is_it = |run: &Run| run.scenario == name && run.round == round && run.failure.is_none();
        (!done.iter().any(is_it)).then(|| echo::run(window, round))
    }

    fn run_one(&self, scenario: &Scenario, broker: &Broker, round: u32) -> Run {
        let mut run = Run {
            scenario: scenario.runs().to_owned(),
            broker: broker.name.clone(),
            round,
            started: String::new(),
            load: String::new(),
            report: Value::Null,
            failure: None,
        };
        match self.site.start(broker, 0) {
            Ok(running) => {
                let outcome = self.load(scenario, &running, &mut run);
                match outcome {
                    Ok(report) => {
                        run.report = self.portable_report(report);
                        run.failure = lacks_figure(&run.report, scenario);
                    }
                    Err(error) => run.failure = Some(error),
                }
            }
            Err(error) => run.failure = Some(error),
        }
        run
    }

    fn load(&self, scenario: &Scenario, broker: &Running, run: &mut Run) -> Result<Value, String> {
        let command = load::command(scenario, &self.extent, broker);
        run.started = self.portable(&broker.command).replace(&broker.program, &file_name(&broker.program));
        run.load = self.portable(&command);
        load::run(self.site, &command)
    }

    /// A command without the paths of this machine.
    fn portable(&self, words: &[String]) -> String {
        self.without_paths(&words.join(" "))
    }

    /// A report without the paths of this machine and without what it tells second by second.
    fn portable_report(&self, mut report: Value) -> Value {
        shorten(&mut report);
        serde_json::from_str(&self.without_paths(&report.to_string())).unwrap_or(report)
    }

    fn without_paths(&self, text: &str) -> String {
        let [root, work, built] =
            [&self.site.root, &self.site.work, &built()].map(|path| path.display().to_string());
        text.replace(&work, "WORK").replace(&built, "target/release").replace(&format!("{root}/"), "")
    }
}

fn file_name(program: &str) -> String {
    Path::new(program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether this is the run that is wanted, and it gave what is wanted of it: one that failed is tried again.
fn is_done(run: &Run, scenario: &Scenario, broker: &str, round: u32) -> bool {
    let is_it = run.scenario == scenario.runs() && run.broker == broker && run.round == round;
    is_it && run.failure.is_none() && lacks_figure(&run.report, scenario).is_none()
}

/// Why a report does not serve a scenario, if it does not.
fn lacks_figure(report: &Value, scenario: &Scenario) -> Option<String> {
    if load::is_interrupted(report) {
        return Some("interrupted".to_owned());
    }
    load::figure(report, scenario.metric)
        .is_none()
        .then(|| format!("the report has no figure of {}", scenario.metric.unit()))
}

/// Leaves out of a report what would make it long: lists of many rows, encoded histograms.
fn shorten(value: &mut Value) {
    const LEFT_OUT: [&str; 2] = ["series", "histogram"];
    const LIST_MAX: usize = 20;
    const TEXT_MAX: usize = 500;
    match value {
        Value::Array(list) if list.len() > LIST_MAX => *value = Value::Null,
        Value::String(text) if text.len() > TEXT_MAX => *value = Value::Null,
        Value::Array(list) => list.iter_mut().for_each(shorten),
        Value::Object(map) => {
            LEFT_OUT.iter().for_each(|key| drop(map.remove(*key)));
            map.values_mut().for_each(shorten);
        }
        _ => {}
    }
}

/// A line for who waits.
fn told(run: &Run, scenario: &Scenario) -> String {
    let figure = load::figure(&run.report, scenario.metric);
    let figure = figure.map_or("-".to_owned(), |figure| format!("{figure:.3} {}", scenario.metric.unit()));
    let mut text = format!("{:>2}  {:<16} {:<22} {figure}", run.round, run.scenario, run.broker);
    let objections = run.failure.iter().cloned().chain(load::objections(&run.report));
    objections.for_each(|objection| text.push_str(&format!("\n      {objection}")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Metric;

    #[test]
    fn only_a_run_with_its_figure_is_done() {
        let scenario = Scenario {
            name: "x_p99".into(),
            title: String::new(),
            load: String::new(),
            timed: true,
            tls: false,
            needs: Vec::new(),
            metric: Metric::P99,
            runs_of: Some("x".into()),
            goal: None,
            echo_window: None,
        };
        let run = |report: Value, failure: Option<&str>| Run {
            scenario: "x".into(),
            broker: "a".into(),
            round: 1,
            started: String::new(),
            load: String::new(),
            report,
            failure: failure.map(str::to_owned),
        };
        let report = |invalid: &[&str]| serde_json::json!({"traffic": {"latency": {"p99_us": 1.5}}, "verdict": {"invalid": invalid}});
        let whole = run(report(&["late"]), None);
        assert!(is_done(&whole, &scenario, "a", 1));
        assert!(!is_done(&whole, &scenario, "a", 2) && !is_done(&whole, &scenario, "b", 1));
        for failed in [
            run(Value::Null, Some("the broker ended")),
            run(Value::Null, None),
            run(serde_json::json!({"traffic": {"latency": {"p99_us": null}}}), None),
            run(report(&["the run was interrupted"]), None),
            run(report(&[]), Some("interrupted")),
        ] {
            assert!(!is_done(&failed, &scenario, "a", 1), "{failed:?}");
        }
    }

    #[test]
    fn what_is_long_is_left_out() {
        let rows: Vec<u32> = (0..100).collect();
        let mut report = serde_json::json!({"rows": rows, "few": [1, 2], "deep": {"text": "x".repeat(501), "histogram": ""}});
        shorten(&mut report);
        assert_eq!(report, serde_json::json!({"rows": null, "few": [1, 2], "deep": {"text": null}}));
    }
}
