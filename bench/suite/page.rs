//! The page of a suite's results and the table for the README, as Markdown.
//!
//! Owns their words. Must never compute more than a ratio.

use std::fmt::Write;

use crate::figures::{self, Figure, figure};
use crate::machine::Machine;
use crate::record::Run;
use crate::scenario::{Metric, Scenario};

/// Whom the goals are measured against, and who has to reach them.
pub(crate) const BASE: &str = "mosquitto";
pub(crate) const OURS: &str = "ringmq";

/// Which columns a table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Columns {
    /// Figures and their ratio.
    Plain,
    /// Beside those the goals, and the ratio to a bare echo.
    WithGoals,
}

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

    /// The table of medians and ratios.
    pub(crate) fn table(&self, columns: Columns) -> String {
        let mut text = String::from("| scenario |");
        self.brokers
            .iter()
            .for_each(|(name, title)| text.push_str(&format!(" {} |", self.column(name, title))));
        text.push_str(" mosquitto / ringmq |");
        let mut lines = "| --- |".to_owned() + &" ---: |".repeat(self.brokers.len() + 1);
        if columns == Columns::WithGoals {
            text.push_str(" goal | met | above a bare echo |");
            lines.push_str(" ---: | --- | ---: |");
        }
        text.push_str(&format!("\n{lines}\n"));
        for scenario in self.scenarios.iter().filter(|scenario| self.has_runs(scenario)) {
            text.push_str(&self.row(scenario, columns));
        }
        text
    }

    /// A broker with its version.
    fn column(&self, name: &str, title: &str) -> String {
        let said = self.machine.versions.get(name).map_or("", String::as_str);
        match version_number(said) {
            Some(number) if !title.contains(number) => format!("{title} {number}"),
            _ => title.to_owned(),
        }
    }

    fn has_runs(&self, scenario: &Scenario) -> bool {
        self.runs.iter().any(|run| run.scenario == scenario.runs())
    }

    fn row(&self, scenario: &Scenario, columns: Columns) -> String {
        let mut text = format!("| {} |", scenario.title);
        for (name, _) in self.brokers {
            let cell =
                self.figure(scenario, name).map_or("-".to_owned(), |figure| cell(&figure, scenario.metric));
            text.push_str(&format!(" {cell} |"));
        }
        let ratio = self.ratio(scenario);
        let times = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{}x", rounded(value)));
        text.push_str(&format!(" {} |", times(ratio)));
        if columns == Columns::WithGoals {
            let met = match (ratio, scenario.goal) {
                (Some(ratio), Some(goal)) if ratio >= goal => "yes",
                (Some(_), Some(_)) => "no",
                _ => "-",
            };
            let echo = scenario.echo_window.and_then(|window| figures::echo(self.runs, window));
            let above = echo.and_then(|echo| Some(self.figure(scenario, OURS)?.median / echo));
            text.push_str(&format!(" {} | {met} | {} |", times(scenario.goal), times(above)));
        }
        text + "\n"
    }

    /// How it was measured, in a line.
    pub(crate) fn caption(&self) -> String {
        let Machine { date, cpu, cores, memory_gib, kernel, commit, .. } = self.machine;
        let rounds = self.runs.iter().map(|run| run.round).max().unwrap_or(0);
        format!(
            "{date}, {cores} cores of {cpu}, {memory_gib} GiB, {kernel}, revision {commit}. Broker on one core, load on the other, \
             medians of {rounds} interleaved rounds. Unless the row says otherwise: microseconds of the broker's CPU, user and \
             system of all its threads, per message delivered; 64-byte payloads; MQTT 3.1.1. Less is better. `*`: a check of \
             the broker failed, such as a message lost. `\u{2020}`: in some of the rounds the load generator had no CPU to spare, so \
             that its report calls them invalid; the figure may be off by as much as those rounds differ. `\u{2021}`: in some it was late."
        )
    }

    /// The whole page; `plots` are the names of files beside it.
    pub(crate) fn page(&self, plots: &[String]) -> String {
        let mut text = format!("# Results\n\n{}\n\n{}\n", self.caption(), self.table(Columns::WithGoals));
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
    let Figure { median, lowest, highest, rounds, per_s, objections, kinds } = figure;
    let kinds: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{} in {count} of {rounds}", kind.mark())).collect();
    let objections: Vec<String> = kinds.into_iter().chain(objections.iter().cloned()).collect();
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
    let marks: String = figure.kinds.keys().map(|kind| kind.mark()).collect();
    format!("{}{unit}{marks}", rounded(figure.median))
}

/// The first word of a text that is a version: it begins with a digit, perhaps behind a v, and has a dot.
fn version_number(said: &str) -> Option<&str> {
    let number = |word: &'_ str| -> bool {
        word.starts_with(|letter: char| letter.is_ascii_digit()) && word.contains('.')
    };
    said.split_whitespace().map(|word| word.trim_start_matches('v')).find(|word| number(word))
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
    fn a_column_tells_the_version_and_a_figure_its_objections() {
        let machine = Machine {
            versions: [
                ("mosquitto".into(), "mosquitto version 2.0.11".into()),
                ("ringmq".into(), "v0.1.0".into()),
            ]
            .into(),
            ..crate::machine::tests::example()
        };
        let run = |broker: &str, invalid: &[&str], failures: &[&str]| Run {
            scenario: "pairs".into(),
            broker: broker.into(),
            round: 1,
            started: String::new(),
            load: String::new(),
            report: serde_json::json!({
                "broker": {"cpu_us_per_delivered": if broker == OURS { 0.5 } else { 10.0 }},
                "verdict": {"is_valid": invalid.is_empty(), "invalid": invalid, "failures": failures},
            }),
            failure: None,
        };
        let busy = "the generator used 97 % of the one CPU it can use: it was the bottleneck";
        let runs = [run(OURS, &[busy], &[]), run(BASE, &[], &["5 messages lost at QoS 1"])];
        let scenarios = crate::scenario::read(&crate::root().join("bench/scenarios.toml")).unwrap();
        let brokers = [OURS, BASE].map(|name| (name.to_owned(), name.to_owned()));
        let results = Results { machine: &machine, scenarios: &scenarios, brokers: &brokers, runs: &runs };
        let table = results.table(Columns::Plain);
        let expected = "| scenario | ringmq 0.1.0 | mosquitto 2.0.11 | mosquitto / ringmq |\n| --- | ---: | ---: | ---: |\n\
                        | 100 pairs, window 64 | 0.50\u{2020} | 10.0* | 20.0x |\n";
        assert_eq!(table, expected);
        let whole = results.page(&[]);
        assert!(whole.contains("| 20.0x | 24.0x | no | - |"), "{whole}");
        assert!(whole.contains("\u{2020} in 1 of 1; the generator used 97 %"), "{whole}");
    }

    #[test]
    fn numbers_have_the_digits_that_count() {
        let all = [0.1234, 7.5, 12.34, 234.5, 52_000.0].map(rounded);
        assert_eq!(all, ["0.12", "7.50", "12.3", "234", "52,000"]);
    }
}
