//! A report as a page: verdict, figures, plots, tables.
//!
//! Owns what the page of a run holds. Must never compute a figure that the report does not hold.

mod charts;
mod drawn;
mod marks;
mod pair;
mod search;
mod steps;
mod tables;

use crate::page::{Head, Mood, Page, Tile, Unit, Verdict};
use crate::words::{date_and_time, grouped};

use super::Report;

pub(super) use pair::plots as pair;
pub(super) use tables::subtitle;

/// What the generator must have left for its figures to be beyond doubt: with less, it bends them.
const FREE_MIN: f64 = 0.15;

/// What it may have waited for a CPU.
const WAITING_MAX: f64 = 0.05;

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut page = Page::new(&head(report));
    page.verdict(&verdict(report));
    page.tiles(&tiles(report));
    let found = report.search.as_ref().map(search::plot).into_iter();
    let (searched, stepped): (Vec<_>, Vec<_>) = (found.collect(), steps::plot(report).into_iter().collect());
    page.plots("Search for the highest rate", &searched);
    page.plots("Steps", &stepped);
    page.plots("Course of the run", &charts::charts(report));
    page.heading("Figures");
    page.tables(|out| tables::write_tables(report, out));
    page.finish(&tables::footer(report))
}

fn head(report: &Report) -> Head {
    let plain = || format!("{} against {}", report.scenario.name, report.target.broker);
    let brokers = report.broker.iter().flat_map(|broker| &broker.processes);
    let program = |command: &str| {
        let word = command.split_whitespace().next().unwrap_or_default();
        word.rsplit('/').next().unwrap_or_default().to_owned()
    };
    let names: Vec<String> = brokers.map(|process| program(&process.command)).collect();
    let mut facts = vec![date_and_time(report.started_unix_s)];
    let at = format!("broker {}", report.target.broker);
    facts.push(if names.is_empty() { at } else { format!("{at} ({})", names.join(", ")) });
    facts.push(format!("{} {}", report.tool, report.version));
    facts.push(format!("{}, {} CPUs, Linux {}", report.host.cpu_model, report.host.cpus, report.host.kernel));
    Head { title: report.title.clone().unwrap_or_else(plain), subtitle: subtitle(report), facts }
}

fn verdict(report: &Report) -> Verdict {
    let verdict = &report.verdict;
    let doubts = doubts(report);
    let is_doubted = doubts.is_some();
    let (mood, words) = match (verdict.is_valid, verdict.is_passed) {
        (true, true) if is_doubted => (
            Mood::Doubtful,
            "Passed, with doubts: every check of the broker, but the generator was short of CPU",
        ),
        (true, true) if report.generator.headroom.is_none() => {
            (Mood::Good, "Passed: every check of the broker; too short to tell how busy the generator was")
        }
        (true, true) => (Mood::Good, "Passed: every check of the broker, and the generator kept up"),
        (false, true) => (Mood::Doubtful, "Invalid: these figures do not tell what the broker can do"),
        (true, false) => (Mood::Bad, "Failed: the broker did not keep what MQTT promises"),
        (false, false) => (Mood::Bad, "Failed, and the run is not valid"),
    };
    let reasons = [&verdict.failures, &verdict.invalid, &verdict.notes].into_iter().flatten().cloned();
    Verdict { mood, words: words.into(), reasons: reasons.chain(doubts.flatten()).collect() }
}

/// Whether the generator was short of CPU, and what the verdict does not say of that by itself.
fn doubts(report: &Report) -> Option<Option<String>> {
    let headroom = report.generator.headroom?;
    let is_short = headroom.free < FREE_MIN;
    let text = format!(
        "the generator had {} of its CPU left: with so little, its own delays are in the figures",
        Unit::Percent.show(headroom.free)
    );
    (is_short || headroom.waiting > WAITING_MAX).then(|| is_short.then_some(text))
}

/// The figures that one looks at first.
fn tiles(report: &Report) -> Vec<Tile> {
    let mut tiles: Vec<(String, &str)> = Vec::new();
    let count = |count: u64| grouped(count);
    if let Some(highest) = report.search.as_ref().and_then(|search| search.highest_per_s) {
        tiles.push((format!("{}/s", grouped(highest.round() as u64)), "highest rate that held"));
    }
    match &report.traffic {
        Some(traffic) => {
            let latency = &traffic.times.latency.summary;
            tiles.extend([
                (Unit::PerSecond.show(traffic.delivered_per_s), "delivered"),
                (Unit::Micros.show(latency.p50_us), "median latency"),
                (Unit::Micros.show(latency.p99_us), "p99 latency"),
                (Unit::Micros.show(latency.p999_us), "p99.9 latency"),
                (Unit::Micros.show(latency.max_us), "longest latency"),
                (count(traffic.counts.lost), "lost"),
            ]);
        }
        None => {
            let time = &report.connections.time.summary;
            tiles.extend([
                (count(report.connections.ready), "connections ready"),
                (Unit::PerSecond.show(report.connections.per_s), "connected"),
                (Unit::Micros.show(time.p50_us), "median time to connect"),
                (Unit::Micros.show(time.p99_us), "p99 time to connect"),
            ]);
        }
    }
    tiles.extend(recovery_tiles(report));
    tiles.extend(cost_tiles(report));
    tiles.into_iter().map(|(figure, what)| (figure, what.to_owned())).collect()
}

/// How long clients were away.
fn recovery_tiles(report: &Report) -> Vec<(String, &'static str)> {
    let connections = &report.connections;
    let time = &connections.recovery.summary;
    if connections.cut + connections.lost == 0 {
        return Vec::new();
    }
    let mut tiles = vec![(grouped(connections.cut + connections.lost), "connections cut or lost")];
    if time.count > 0 {
        tiles.push((Unit::Micros.show(time.p50_us), "until the median was back"));
        tiles.push((Unit::Micros.show(time.max_us), "until the last was back"));
    }
    if connections.missing > 0 {
        tiles.push((grouped(connections.missing.into()), "never came back"));
    }
    tiles
}

fn cost_tiles(report: &Report) -> Vec<(String, &'static str)> {
    let mut tiles = Vec::new();
    if let Some(broker) = &report.broker {
        let per_message = broker.cpu_us_per_delivered.map(|us| (us, "broker CPU per delivery"));
        let per_connection = broker.cpu_us_per_connection.map(|us| (us, "broker CPU per connection"));
        tiles.extend(per_message.or(per_connection).map(|(us, what)| (Unit::Micros.show(us), what)));
        let bytes = broker.bytes_per_connection;
        tiles.extend(bytes.map(|bytes| (Unit::Bytes.show(bytes), "broker memory per connection")));
    }
    let headroom = report.generator.headroom;
    tiles.extend(headroom.map(|headroom| (Unit::Percent.show(headroom.free), "of the generator's CPU left")));
    tiles
}

#[cfg(test)]
mod tests;
