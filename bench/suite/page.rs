//! The page of a suite's results and the table for the README, as Markdown.
//!
//! Owns their words. Must never compute more than a ratio.

use std::fmt::Write;

use crate::figures::{Figure, figure};
use crate::machine::Machine;
use crate::record::Run;
use crate::scenario::{Metric, Scenario};

/// Whom the goals are measured against, and who has to reach them.
pub(crate) const BASE: &str = "mosquitto";
pub(crate) const OURS: &str = "ringmq";

/// Everything that the page is made from.
pub(crate) struct Results<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) scenarios: &'a [Scenario],
    /// Names and titles, in the order of the columns.
    pub(crate) brokers: &'a [(String, String)],
    pub(crate) runs: &'a [Run],
}

impl Results<'_> {
    fn figure(&self, scenario: &Scenario, broker: &str) -> Option<Figure> {
        figure(self.runs, scenario, broker)
    }

    /// How many times less than mosquitto ringmq uses.
    pub(crate) fn ratio(&self, scenario: &Scenario) -> Option<f64> {
        Some(self.figure(scenario, BASE)?.median / self.figure(scenario, OURS)?.median)
    }

    /// The table of medians, ratios and goals.
    pub(crate) fn table(&self) -> String {
        let mut text = String::from("| scenario |");
        self.brokers.iter().for_each(|(_, title)| text.push_str(&format!(" {title} |")));
        text.push_str(" less than mosquitto | goal | met | above a bare relay |\n| --- |");
        text.push_str(&" ---: |".repeat(self.brokers.len() + 2));
        text.push_str(" --- | ---: |\n");
        for scenario in self.scenarios.iter().filter(|scenario| self.has_runs(scenario)) {
            text.push_str(&self.row(scenario));
        }
        text
    }

    fn has_runs(&self, scenario: &Scenario) -> bool {
        self.runs.iter().any(|run| run.scenario == scenario.runs())
    }

    fn row(&self, scenario: &Scenario) -> String {
        let mut text = format!("| {} |", scenario.title);
        for (name, _) in self.brokers {
            let cell =
                self.figure(scenario, name).map_or("-".to_owned(), |figure| cell(&figure, scenario.metric));
            text.push_str(&format!(" {cell} |"));
        }
        let ratio = self.ratio(scenario);
        let times = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{}x", rounded(value)));
        let met = match (ratio, scenario.goal) {
            (Some(ratio), Some(goal)) if ratio >= goal => "yes",
            (Some(_), Some(_)) => "no",
            _ => "-",
        };
        let above = scenario.relay.and_then(|relay| Some(self.figure(scenario, OURS)?.median / relay));
        text.push_str(&format!(
            " {} | {} | {met} | {} |\n",
            times(ratio),
            times(scenario.goal),
            times(above)
        ));
        text
    }

    /// How it was measured, in a line.
    pub(crate) fn caption(&self) -> String {
        let Machine { date, cpu, cores, memory_gib, kernel, commit, .. } = self.machine;
        let rounds = self.runs.iter().map(|run| run.round).max().unwrap_or(0);
        format!(
            "{date}, {cores} cores of {cpu}, {memory_gib} GiB, {kernel}, revision {commit}. Broker on one core, load on the other, \
             medians of {rounds} interleaved rounds. Unless the row says otherwise: microseconds of the broker's CPU, user and \
             system of all its threads, per message delivered; 64-byte payloads; MQTT 3.1.1. Less is better. `*`: a check of \
             the load generator failed, such as a message lost."
        )
    }

    /// The whole page; `plots` are the names of files beside it.
    pub(crate) fn page(&self, plots: &[String]) -> String {
        let mut text = format!("# Results\n\n{}\n\n{}\n", self.caption(), self.table());
        plots.iter().for_each(|plot| text.push_str(&format!("![{plot}]({plot})\n\n")));
        text.push_str("## Brokers\n\n| broker | version | started as |\n| --- | --- | --- |\n");
        for (name, title) in self.brokers {
            let version = self.machine.versions.get(name).map_or("", String::as_str);
            let started = self.runs.iter().find(|run| run.broker == *name && !run.started.is_empty());
            let started = started.map_or("", |run| run.started.as_str());
            let _ = writeln!(text, "| {title} | {version} | `{started}` |");
        }
        text.push_str(
            "\nTheir settings are in the files of the same names in bench/brokers. Every run with its command and its whole \
             report is a line of [runs.jsonl](runs.jsonl).\n\n## Rounds\n\n",
        );
        text.push_str("| scenario | broker | median | lowest | highest | rounds | deliveries per second | objections |\n");
        text.push_str("| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n");
        for scenario in self.scenarios {
            for (name, title) in self.brokers {
                let Some(figure) = self.figure(scenario, name) else { continue };
                text.push_str(&round_row(scenario, title, &figure));
            }
        }
        text
    }
}

fn round_row(scenario: &Scenario, title: &str, figure: &Figure) -> String {
    let Figure { median, lowest, highest, rounds, per_s, objections } = figure;
    let per_s = per_s.map_or(String::new(), |rate| format!("{rate:.0}"));
    format!(
        "| {} | {title} | {} | {} | {} | {rounds} | {per_s} | {} |\n",
        scenario.name,
        rounded(*median),
        rounded(*lowest),
        rounded(*highest),
        objections.join("; ").replace('|', "/"),
    )
}

fn cell(figure: &Figure, metric: Metric) -> String {
    let unit = match metric {
        Metric::BytesPerConnection => " B",
        Metric::P99 => " us",
        Metric::CpuPerDelivery | Metric::CpuPerConnection => "",
    };
    let is_late_only = |text: &String| text.contains("generator");
    let mark = if figure.objections.iter().all(is_late_only) { "" } else { "*" };
    format!("{}{unit}{mark}", rounded(figure.median))
}

/// A number as a reader wants it: two or three digits that count.
pub(crate) fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => {
            let digits = format!("{value:.0}");
            let split = digits.len() - 3;
            format!("{},{}", &digits[..split], &digits[split..])
        }
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_count() {
        let all = [0.1234, 7.5, 12.34, 234.5, 52_000.0].map(rounded);
        assert_eq!(all, ["0.12", "7.50", "12.3", "234", "52,000"]);
    }
}
