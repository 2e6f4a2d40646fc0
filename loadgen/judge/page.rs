//! Comparisons as pages: two brokers in turn, or two reports.
//!
//! Owns what such a page holds. Must never judge: findings and verdict are those of the comparison.

mod ratios;

use crate::page::{Cell, Drawn, Head, Line, Mood, Page, Plot, Spread, Tile, Unit, Verdict, write_columns};
use crate::report::{Metric, Report};
use crate::statistics::Finding;
use crate::words::{date_and_time, grouped};

use super::compare::Compared;
use super::versus::{Name, Told, ToldRound};

/// The page of two brokers in turn.
pub(super) fn versus(told: &Told) -> String {
    let plain = format!("{} versus {}", program(&told.a), program(&told.b));
    let mut facts: Vec<String> = told.ended_unix_s.map(date_and_time).into_iter().collect();
    facts.push(format!("{} {}", told.tool, told.version));
    facts.push(format!("{} rounds, each with a fresh broker", told.rounds.len()));
    let head = Head {
        title: told.title.clone().unwrap_or(plain),
        subtitle: format!("Load: {}", told.load.join(" ")),
        facts,
    };
    let mut page = Page::new(&head);
    page.verdict(&Verdict { mood: mood(told), words: words(&told.verdict), reasons: reasons(told) });
    page.tiles(&tiles(&told.compared));
    page.add(|out| ratios::write(&told.compared, out));
    page.plots("Every round", &rounds(told));
    page.heading("Figures");
    page.tables(|out| {
        write_figures(&told.compared, "median of A", "median of B", out)?;
        write_rounds(&told.rounds, out)?;
        let commands = [("A".to_owned(), told.a.clone()), ("B".to_owned(), told.b.clone())];
        crate::page::write_entries("Commands", &commands, out)
    });
    page.finish(
        "Intervals hold all together at 95 %. A broker's rounds are compared by their ranks (Mann-Whitney).",
    )
}

/// The page of two reports. `verdict` is what the comparison says.
pub(super) fn compare(
    title: Option<&String>,
    reports: [(&Report, &str); 2],
    compared: &[Compared],
    verdict: &str,
) -> String {
    let [(a, name_a), (b, name_b)] = reports;
    let head = Head {
        title: title.cloned().unwrap_or_else(|| format!("{name_a} and {name_b}")),
        subtitle: a.subtitle(),
        facts: vec![format!("A: {name_a}, {}", a.told_when()), format!("B: {name_b}, {}", b.told_when())],
    };
    let mut page = Page::new(&head);
    let troubles = |name: &'static str, report: &Report| -> Vec<String> {
        report.troubles().map(|trouble| format!("{name}: {trouble}")).collect()
    };
    let reasons = [troubles("A", a), troubles("B", b)].concat();
    let mood = match (a.is_valid() && b.is_valid(), a.is_passed() && b.is_passed()) {
        (true, true) => Mood::Plain,
        (false, true) => Mood::Doubtful,
        _ => Mood::Bad,
    };
    page.verdict(&Verdict { mood, words: words(verdict), reasons });
    page.tiles(&tiles(compared));
    page.add(|out| ratios::write(compared, out));
    page.plots("Both runs", &a.plots_beside(b));
    page.heading("Figures");
    page.tables(|out| write_figures(compared, "A", "B", out));
    page.finish(
        "The intervals tell how well each run knows its own figures, all together at 95 %. What differs from run to run is not \
         in them: ringmq-bench versus repeats both in turn and tells that too.",
    )
}

/// The name of the program of a command.
fn program(command: &str) -> String {
    let word = command.split_whitespace().next().unwrap_or_default();
    word.rsplit('/').next().unwrap_or_default().to_owned()
}

fn words(verdict: &str) -> String {
    let text = verdict.trim().trim_start_matches("VERDICT: ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn mood(told: &Told) -> Mood {
    match told.rounds.iter().all(|round| round.is_passed) {
        false => Mood::Bad,
        true if told.compared.is_empty() => Mood::Doubtful,
        true => Mood::Plain,
    }
}

/// What went wrong in any round, each once.
fn reasons(told: &Told) -> Vec<String> {
    let of = |round: &ToldRound| {
        let name = round.name.letter();
        round.all_troubles().map(|trouble| format!("{name}: {trouble}")).collect::<Vec<_>>()
    };
    let mut all: Vec<String> = told.rounds.iter().flat_map(of).collect();
    all.sort();
    all.dedup();
    all
}

fn unit(metric: Metric) -> Unit {
    match metric {
        Metric::DeliveredPerS | Metric::ConnectedPerS => Unit::PerSecond,
        Metric::BytesPerConnection | Metric::BrokerRssBytes => Unit::Bytes,
        Metric::LatencyP50Us
        | Metric::LatencyP99Us
        | Metric::LatencyP999Us
        | Metric::CpuUsPerDelivered
        | Metric::ConnectingP50Us
        | Metric::ConnectingP99Us
        | Metric::CpuUsPerConnection => Unit::Micros,
    }
}

/// The name of a metric without the unit, which its figures carry.
fn title(metric: Metric) -> &'static str {
    metric.name().trim_end_matches(", us").trim_end_matches(", µs").trim_end_matches(", bytes")
}

fn finding(row: &Compared) -> &'static str {
    match (row.is_better(), row.finding) {
        (Some(true), _) => "B is better",
        (Some(false), _) => "B is worse",
        (None, Finding::NoDifference) => "no difference",
        #[allow(unreachable_patterns, reason = "there may be findings that tell neither")]
        (None, _) => "undecided",
    }
}

/// B / A of each figure.
fn tiles(compared: &[Compared]) -> Vec<Tile> {
    let tile = |row: &Compared| (format!("{:.2}×", row.ratio.value), format!("{}, B / A", title(row.metric)));
    compared.iter().map(tile).collect()
}

/// A plot for each figure: every valid round of both brokers.
fn rounds(told: &Told) -> Vec<Plot> {
    let plot = |row: &Compared| {
        let line = |name: Name| {
            let of = told.rounds.iter().filter(|round| round.name == name && round.is_valid);
            let points = of.map(|round| (f64::from(round.number + 1), round.figure(row.metric)));
            Line::new(format!("{}: {}", name.letter(), program(told.command(name))), points.collect())
        };
        Plot {
            title: title(row.metric).into(),
            caption: format!("Each valid round: {}.", finding(row)),
            drawn: Drawn::Dots,
            from: None,
            x_unit: Unit::Count,
            x_spread: Spread::Linear,
            y_unit: unit(row.metric),
            y_spread: Spread::Linear,
            lines: vec![line(Name::A), line(Name::B)],
            coloured: None,
            marks: Vec::new(),
            bound: None,
        }
    };
    told.compared.iter().map(plot).collect()
}

fn write_figures(compared: &[Compared], a: &str, b: &str, out: &mut String) -> std::fmt::Result {
    let row = |row: &Compared| {
        let show = |figure: f64| Cell::Number(unit(row.metric).show(figure));
        let ratio = |ratio: f64| Cell::Number(format!("{ratio:.3}"));
        let found = Cell::Text(finding(row).into());
        let cells = vec![
            show(row.a),
            show(row.b),
            ratio(row.ratio.value),
            ratio(row.ratio.low),
            ratio(row.ratio.high),
            found,
        ];
        (title(row.metric).to_owned(), cells)
    };
    let rows: Vec<_> = compared.iter().map(row).collect();
    match rows.is_empty() {
        true => Ok(()),
        false => write_columns("Compared", &[a, b, "B / A", "at least", "at most", "finding"], &rows, out),
    }
}

fn write_rounds(rounds: &[ToldRound], out: &mut String) -> std::fmt::Result {
    let mut metrics: Vec<Metric> = Vec::new();
    for (metric, _) in rounds.iter().flat_map(|round| &round.figures) {
        if !metrics.contains(metric) {
            metrics.push(*metric);
        }
    }
    let row = |round: &ToldRound| {
        let figure = |metric: &Metric| {
            let found = round.figure(*metric).map(|figure| unit(*metric).show(figure));
            Cell::Number(found.unwrap_or("-".into()))
        };
        let state = match (round.is_passed, round.is_valid) {
            (false, _) => "failed",
            (true, false) => "not valid",
            (true, true) => "",
        };
        let cells = metrics.iter().map(figure).chain([Cell::Text(state.into())]).collect();
        (format!("{} {}", grouped(u64::from(round.number) + 1), round.name.letter()), cells)
    };
    let rows: Vec<_> = rounds.iter().map(row).collect();
    let names: Vec<&str> = metrics.iter().map(|metric| title(*metric)).chain([""]).collect();
    write_columns("Rounds", &names, &rows, out)
}

#[cfg(test)]
mod tests;
