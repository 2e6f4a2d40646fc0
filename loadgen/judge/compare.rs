//! Two reports held against each other: what differs, by how much, and how sure that is.
//!
//! Owns the table and the verdict in words. Must never make load.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::cli::CompareArgs;
use crate::output;
use crate::report::{Intervals, Metric, Report};
use crate::statistics::bootstrap::{self, INTERVALS_MIN, Side};
use crate::statistics::{FALSE_CHANCE, Finding, Ratio};

use super::{files, page};

/// One figure on both sides.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Compared {
    pub(super) metric: Metric,
    pub(super) a: f64,
    pub(super) b: f64,
    /// B / A with its interval.
    pub(super) ratio: Ratio,
    pub(super) finding: Finding,
    /// Where rounds are undecided: how many of each side would decide, if the further ones are like these.
    pub(super) rounds_to_decide: Option<u32>,
}

impl Compared {
    /// Whether B is better or worse; none if there is no difference, or none that could be told.
    pub(super) fn is_better(&self) -> Option<bool> {
        match self.finding {
            Finding::NoDifference | Finding::Undecided => None,
            Finding::Higher => Some(self.metric.is_better_higher()),
            Finding::Lower => Some(!self.metric.is_better_higher()),
        }
    }
}

impl Compared {
    /// What was found, for a reader.
    fn in_words(&self) -> String {
        match (self.finding, self.is_better(), self.rounds_to_decide) {
            (Finding::Undecided, _, Some(rounds)) => format!("undecided, {rounds} rounds would decide"),
            (Finding::Undecided, ..) => "undecided".into(),
            (_, None, _) => "no difference".into(),
            (_, Some(true), _) => "B is better".into(),
            (_, Some(false), _) => "B is worse".into(),
        }
    }
}

/// Compares two reports. Exit code 0 if B is not shown to be worse, 1 if it is, 3 if a run was not valid.
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
    text += &troubles("A", &a);
    text += &troubles("B", &b);
    text += &format!("VERDICT: {}", verdict(&compared, args.threshold));
    if compared.iter().any(|row| row.finding == Finding::Undecided) {
        text += "Undecided: these runs are too short to tell. Longer ones may.\n";
    }
    text += "The intervals tell how well each run knows its own figures. What differs from run to run is not in them:\n\
             `ringmq-bench versus` repeats both in turn and tells that too.\n";
    output::print(&text)?;
    if let Some(path) = &args.html {
        let names = [&args.a, &args.b].map(|path| path.display().to_string());
        let reports = [(&a, names[0].as_str()), (&b, names[1].as_str())];
        let verdict = verdict(&compared, args.threshold);
        output::write_file(path, &page::compare(args.title.as_ref(), reports, &compared, &verdict))?;
    }
    Ok(code(&a, &b, &compared))
}

fn code(a: &Report, b: &Report, rows: &[Compared]) -> u8 {
    match rows.iter().any(|row| row.is_better() == Some(false)) {
        _ if !a.is_valid() || !b.is_valid() => 3,
        true => 1,
        false => 0,
    }
}

/// A line for each check of a broker that failed, and for each reason not to believe its run.
fn troubles(name: &str, report: &Report) -> String {
    let lines = |label: &str, texts: &[String]| -> String {
        texts.iter().map(|text| format!("{name} {label}: {text}\n")).collect()
    };
    lines("FAILED", report.failures()) + &lines("INVALID", report.objections())
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
            rounds_to_decide: None,
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
        writeln!(
            out,
            "{:<30} {:>13} {:>13} {value:>8.3}   {:<17} {}",
            row.metric.name(),
            figure(row.a),
            figure(row.b),
            format!("{low:.3} to {high:.3}"),
            row.in_words()
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
    let names = |is_meant: &dyn Fn(&Compared) -> bool| {
        let names = rows.iter().filter(|row| is_meant(row)).map(|row| row.metric.name());
        names.collect::<Vec<_>>().join("; ")
    };
    let parts = [
        ("B is better", names(&|row| row.is_better() == Some(true))),
        ("B is worse", names(&|row| row.is_better() == Some(false))),
        ("no difference", names(&|row| row.finding == Finding::NoDifference)),
        ("undecided", names(&|row| row.finding == Finding::Undecided)),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {names}"))
        .collect();
    let (confidence, percent) = ((1.0 - FALSE_CHANCE) * 100.0, threshold * 100.0);
    format!(
        "{} (all intervals together at {confidence:.0} %; no difference means less than {percent:.0} %)\n",
        told.join(". ")
    )
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
            text.starts_with(
                "B is better: broker CPU per delivery, \u{b5}s. B is worse: latency p50, \u{b5}s;"
            ),
            "{text}"
        );
        assert!(text.contains(". no difference: delivered per second ("), "{text}");
        let same = compared(&a, &a, 0.05).unwrap();
        let mut invalid = a.clone();
        invalid.object("the run was interrupted");
        assert_eq!([code(&a, &a, &same), code(&a, &b, &rows), code(&a, &invalid, &same)], [0, 1, 3]);
        assert!(verdict(&same, 0.05).starts_with("no difference: delivered per second;"));
    }

    #[test]
    fn what_two_runs_cannot_tell_is_undecided_and_not_the_same() {
        let restless = |factor: u64| {
            let seconds: Vec<_> =
                (0..12_u64).map(|second| (1000, 100 + factor * (second * 7 % 5), 0.5)).collect();
            report_of(&seconds)
        };
        let rows = compared(&restless(40), &restless(41), 0.02).unwrap();
        let of = |metric| rows.iter().find(|row| row.metric == metric).unwrap();
        assert_eq!(of(Metric::DeliveredPerS).finding, Finding::NoDifference);
        assert_eq!(of(Metric::LatencyP50Us).finding, Finding::Undecided);
        assert_eq!(of(Metric::LatencyP50Us).is_better(), None);
        let text = table(&rows) + &verdict(&rows, 0.02);
        assert!(text.contains("undecided") && text.contains(". undecided: latency p50, \u{b5}s"), "{text}");
    }

    #[test]
    fn what_the_broker_failed_is_not_told_as_invalid() {
        let mut report = run(1000, 200, 0.5);
        assert_eq!(troubles("A", &report), "");
        report.fail("7 messages lost at QoS 1");
        report.object("the generator stood still for 1.00 s");
        let told = troubles("A", &report);
        assert_eq!(
            told,
            "A FAILED: 7 messages lost at QoS 1\nA INVALID: the generator stood still for 1.00 s\n"
        );
    }

    #[test]
    fn a_run_of_a_few_seconds_is_not_compared() {
        let short = report_of(&[(10, 10, 0.1); 5]);
        assert!(compared(&short, &short, 0.05).is_err_and(|error| error.contains("run longer")));
    }
}
