//! Two reports held against each other: what differs, by how much, and how sure that is.
//!
//! Owns the table and the verdict in words. Must never make load.

use std::fmt::{self, Write};

use serde::Serialize;

use crate::cli::CompareArgs;
use crate::output;
use crate::report::{Intervals, Metric, Report};
use crate::statistics::bootstrap::{self, INTERVALS_MIN, Side};
use crate::statistics::{FALSE_CHANCE, Finding, Ratio};

use super::files;

/// One figure on both sides.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Compared {
    pub(super) metric: Metric,
    pub(super) a: f64,
    pub(super) b: f64,
    /// B / A with its interval.
    pub(super) ratio: Ratio,
    pub(super) finding: Finding,
}

impl Compared {
    /// Whether B is better or worse; none if there is no difference.
    pub(super) fn is_better(&self) -> Option<bool> {
        match self.finding {
            Finding::NoDifference => None,
            Finding::Higher => Some(self.metric.is_better_higher()),
            Finding::Lower => Some(!self.metric.is_better_higher()),
        }
    }
}

/// Compares two reports. Exit code 0 if B is not worse, 1 if it is, 3 if the reports cannot tell.
///
/// # Errors
/// Files that cannot be read, and reports that have nothing to compare.
pub(super) fn compare(args: &CompareArgs) -> Result<u8, String> {
    let (a, b) = (files::read_report(&args.a)?, files::read_report(&args.b)?);
    if a.load() != b.load() {
        return Err(format!(
            "{} and {} were asked for different loads: nothing can be said of the brokers",
            args.a.display(),
            args.b.display()
        ));
    }
    let compared = compared(&a, &b, args.threshold)?;
    let mut text = table(&compared);
    let invalid: Vec<String> =
        [("A", &a), ("B", &b)].into_iter().flat_map(|(name, report)| troubles(name, report)).collect();
    invalid.iter().for_each(|line| text += line);
    text += &verdict(&compared, args.threshold);
    text += "The intervals tell how well each run knows its own figures. What differs from run to run is not in them:\n\
             `ringmq-bench versus` repeats both in turn and tells that too.\n";
    output::print(&text)?;
    Ok(match compared.iter().any(|row| row.is_better() == Some(false)) {
        _ if !a.is_valid() || !b.is_valid() => 3,
        true => 1,
        false => 0,
    })
}

fn troubles(name: &str, report: &Report) -> Vec<String> {
    let label = if report.is_valid() { "failed" } else { "INVALID" };
    report.troubles().map(|trouble| format!("{name} {label}: {trouble}\n")).collect()
}

/// The figures of two reports by their intervals.
///
/// # Errors
/// Runs that are too short.
pub(super) fn compared(a: &Report, b: &Report, threshold: f64) -> Result<Vec<Compared>, String> {
    let (mut side_a, mut side_b) = (Intervals::of(a)?, Intervals::of(b)?);
    for (name, side) in [("A", &side_a), ("B", &side_b)] {
        if side.count() < INTERVALS_MIN {
            return Err(format!(
                "{name} has {} measured intervals and {INTERVALS_MIN} are needed to tell how sure its figures are: run longer, \
                 or with a shorter --interval",
                side.count()
            ));
        }
    }
    let metrics = Intervals::metrics(a);
    let all = |side: &Intervals| (0..side.count()).collect::<Vec<_>>();
    let (figures_a, figures_b) = (side_a.figures(&all(&side_a)), side_b.figures(&all(&side_b)));
    let (count_a, count_b) = (side_a.count(), side_b.count());
    let ratios = bootstrap::ratios(
        Side { count: count_a, statistics: |chosen: &[usize]| side_a.figures(chosen) },
        Side { count: count_b, statistics: |chosen: &[usize]| side_b.figures(chosen) },
        FALSE_CHANCE / metrics.len() as f64,
    );
    let rows = metrics.into_iter().zip(ratios).enumerate().filter_map(|(at, (metric, ratio))| {
        let ratio = ratio?;
        Some(Compared {
            metric,
            a: figures_a[at],
            b: figures_b[at],
            ratio,
            finding: ratio.finding(threshold),
        })
    });
    let mut rows: Vec<Compared> = rows.collect();
    rows.dedup_by_key(|row| row.metric);
    Ok(rows)
}

/// The figures as a table.
pub(super) fn table(rows: &[Compared]) -> String {
    let mut text = String::new();
    let written = write_table(rows, &mut text);
    assert!(written.is_ok(), "a string takes all text");
    text
}

fn write_table(rows: &[Compared], out: &mut String) -> fmt::Result {
    writeln!(out, "{:<30} {:>13} {:>13} {:>8}   {:<17} finding", "", "A", "B", "B / A", "interval")?;
    for row in rows {
        let Ratio { value, low, high } = row.ratio;
        let finding = match row.is_better() {
            None => "no difference",
            Some(true) => "B is better",
            Some(false) => "B is worse",
        };
        writeln!(
            out,
            "{:<30} {:>13} {:>13} {value:>8.3}   {:<17} {finding}",
            row.metric.name(),
            figure(row.a),
            figure(row.b),
            format!("{low:.3} to {high:.3}")
        )?;
    }
    Ok(())
}

/// A figure with four digits that matter.
fn figure(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// What the figures say together.
pub(super) fn verdict(rows: &[Compared], threshold: f64) -> String {
    let names = |wanted: bool| {
        let names = rows.iter().filter(|row| row.is_better() == Some(wanted)).map(|row| row.metric.name());
        names.collect::<Vec<_>>().join("; ")
    };
    let (better, worse) = (names(true), names(false));
    let (confidence, percent) = ((1.0 - FALSE_CHANCE) * 100.0, threshold * 100.0);
    let terms =
        format!("all intervals together at {confidence:.0} %, effects below {percent:.0} % not counted");
    match (better.is_empty(), worse.is_empty()) {
        (true, true) => format!("VERDICT: no difference ({terms})\n"),
        (false, true) => format!("VERDICT: B is better: {better} ({terms})\n"),
        (true, false) => format!("VERDICT: B is worse: {worse} ({terms})\n"),
        (false, false) => format!("VERDICT: B is better: {better}; worse: {worse} ({terms})\n"),
    }
}

#[cfg(test)]
mod tests {
    use crate::report::tests::report_of;

    use super::*;

    /// Twenty seconds around a level.
    fn run(delivered: u64, latency_us: u64, cores: f64) -> Report {
        let seconds: Vec<_> = (0..20)
            .map(|second| {
                (delivered + second * 7 % 5, latency_us + second * 3 % 4, cores + 0.001 * (second % 3) as f64)
            })
            .collect();
        report_of(&seconds)
    }

    #[test]
    fn what_differs_is_found_and_what_does_not_is_not() {
        let (a, b) = (run(1000, 200, 0.5), run(1001, 300, 0.35));
        let rows = compared(&a, &b, 0.05).unwrap();
        let found: Vec<_> = rows.iter().map(|row| (row.metric, row.is_better())).collect();
        let expected = [
            (Metric::DeliveredPerS, None),
            (Metric::LatencyP50Us, Some(false)),
            (Metric::LatencyP99Us, Some(false)),
            (Metric::LatencyP999Us, Some(false)),
            (Metric::CpuUsPerDelivered, Some(true)),
        ];
        assert_eq!(found, expected);
        assert!((rows[1].ratio.value - 1.5).abs() < 0.02, "{:?}", rows[1]);
        let text = verdict(&rows, 0.05);
        assert!(
            text.starts_with("VERDICT: B is better: broker CPU per delivery, us; worse: latency p50, us;"),
            "{text}"
        );
        let same = compared(&a, &a, 0.05).unwrap();
        assert!(verdict(&same, 0.05).starts_with("VERDICT: no difference"));
    }

    #[test]
    fn a_run_of_a_few_seconds_is_not_compared() {
        let short = report_of(&[(10, 10, 0.1); 5]);
        assert!(compared(&short, &short, 0.05).is_err_and(|error| error.contains("run longer")));
    }
}
