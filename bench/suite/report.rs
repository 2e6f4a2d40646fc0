//! From a folder of runs to what a reader sees: page, plots, the table of the README.
//!
//! Owns the files of that folder but the runs and their conditions. Must never run anything.

use std::fs;
use std::path::Path;

use crate::broker::Broker;
use crate::figures::figure;
use crate::folder;
use crate::machine::Machine;
use crate::page::{Columns, Results, rounded};
use crate::plots::{self, Dot, Group, Plot};
use crate::record::{self, Run};
use crate::scenario::{self, Metric, Scenario};
use crate::{echo, readme, root};

/// Writes page and plots of a folder of results and, if it is one of bench/results, the table of the README.
///
/// # Errors
/// There are no runs, or a file cannot be written.
pub(crate) fn write(folder: &Path) -> Result<(), String> {
    let runs = record::read(folder)?;
    if runs.is_empty() {
        return Err(format!("{}: no runs", folder.display()));
    }
    let machine = folder::machine(folder)?.ok_or_else(|| format!("{}: no machine.json", folder.display()))?;
    let scenarios = scenario::read(&root().join("bench/scenarios.toml"))?;
    let brokers = brokers_of(&runs, &machine);
    let results = Results { machine: &machine, scenarios: &scenarios, brokers: &brokers, runs: &runs };
    let mut names = Vec::new();
    for (name, plot) in plots_of(&results) {
        plots::write(&plot, &folder.join(&name))?;
        names.push(name);
    }
    put(&folder.join("README.md"), &results.page(&names))?;
    let whole = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
    match whole.strip_prefix(root()) {
        Ok(place) if place.starts_with("bench/results") => {
            write_readme(&results, &place.display().to_string())
        }
        _ => Ok(()),
    }
}

fn write_readme(results: &Results<'_>, place: &str) -> Result<(), String> {
    let readme = root().join("README.md");
    let text = fs::read_to_string(&readme).map_err(|error| format!("README.md: {error}"))?;
    let inside = format!(
        "{}\n{}\n\nAll rounds, versions and plots: [{place}]({place}/README.md).",
        results.table(Columns::Plain),
        results.caption()
    );
    put(&readme, &readme::replaced(&text, &inside)?)
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Names and titles of the brokers that were run, in the order in which they were. Results that keep no titles are older than
/// those, and their brokers are those of bench/brokers.
fn brokers_of(runs: &[Run], machine: &Machine) -> Vec<(String, String)> {
    let folder = root().join("bench/brokers");
    let mut brokers: Vec<(String, String)> = Vec::new();
    for Run { broker: name, .. } in runs.iter().filter(|run| run.broker != echo::NAME) {
        if !brokers.iter().any(|(known, _)| known == name) {
            let of_file = || Broker::read(&folder, name).ok().map(|broker| broker.title);
            let title = machine.titles.get(name).cloned().or_else(of_file);
            brokers.push((name.clone(), title.unwrap_or_else(|| name.clone())));
        }
    }
    brokers
}

/// The plots, by the names of their files.
fn plots_of(results: &Results<'_>) -> Vec<(String, Plot)> {
    let kinds = [
        ("delivery.svg", "CPU of the broker per message delivered, µs (logarithmic)", Metric::CpuPerDelivery),
        ("connection.svg", "CPU of the broker per connection, µs (logarithmic)", Metric::CpuPerConnection),
        (
            "memory.svg",
            "resident bytes of the broker per idle connection (logarithmic)",
            Metric::BytesPerConnection,
        ),
        ("latency.svg", "99th percentile of the latency, µs (logarithmic)", Metric::P99),
    ];
    let plots = kinds.into_iter().map(|(name, title, metric)| {
        let of_kind = results.scenarios.iter().filter(|scenario| scenario.metric == metric);
        let groups = of_kind.map(|scenario| group(results, scenario)).filter(|group| !group.dots.is_empty());
        let legend = results.brokers.iter().map(|(_, title)| title.clone()).collect();
        (name.to_owned(), Plot { title: title.to_owned(), legend, groups: groups.collect() })
    });
    plots.filter(|(_, plot)| !plot.groups.is_empty()).collect()
}

fn group(results: &Results<'_>, scenario: &Scenario) -> Group {
    let dots = results.brokers.iter().enumerate().filter_map(|(series, (name, _))| {
        let value = figure(results.runs, scenario, name)?.median;
        Some(Dot { series, value, label: rounded(value) })
    });
    Group { title: scenario.title.replace('`', ""), dots: dots.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::example;

    #[test]
    fn a_broker_has_the_title_that_it_was_measured_with() {
        let run = |broker: &str| Run {
            scenario: "x".into(),
            broker: broker.into(),
            round: 1,
            started: String::new(),
            load: String::new(),
            report: serde_json::Value::Null,
            failure: None,
        };
        let machine = Machine { titles: [("mine".into(), "My own".into())].into(), ..example() };
        let brokers = brokers_of(&["mine", "flashmq", "gone", "mine"].map(run), &machine);
        let expected = [("mine", "My own"), ("flashmq", "FlashMQ"), ("gone", "gone")];
        assert_eq!(brokers, expected.map(|(name, title)| (name.to_owned(), title.to_owned())));
    }
}
