//! A report held against a second run of its scenario: whether its figures can be reproduced here.
//!
//! Owns the words inside and outside. Must never know how a scenario is run.

use crate::cli::VerifyArgs;
use crate::output;
use crate::plan::Plan;
use crate::report::{Intervals, Report};
use crate::run;
use crate::statistics::Finding;
use crate::statistics::bootstrap::INTERVALS_MIN;

use super::compare::{Compared, compared, table};
use super::files;

/// Runs the scenario of a report again and compares. Exit code 0 if every figure is inside its interval, 1 if one is not,
/// 3 if one of the runs was not valid, or they cannot tell, 4 if the new report could not be written.
///
/// # Errors
/// A report that cannot be verified, and what keeps the run from starting.
pub(super) fn verify(args: &VerifyArgs) -> Result<u8, String> {
    let original = files::read_report(&args.original)?;
    let count = Intervals::of(&original)?.count();
    if count < INTERVALS_MIN {
        let name = args.original.display();
        return Err(format!(
            "{name} has {count} measured intervals, and {INTERVALS_MIN} are needed to verify it"
        ));
    }
    let again = run::measure(Plan::new(original.scenario().clone(), &args.target)?)?;
    let written = output::write_results(&again, &args.target.output);
    let rows = compared(&original, &again, args.tolerance)?;
    output::print(&format!("{}{}", table(&rows), conclusion(&rows, args.tolerance)))?;
    Ok(run::with_places(written, code(&original, &again, &rows, args.tolerance)))
}

/// Where a figure of the second run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Inside,
    Outside,
    /// Off by more than the tolerance, and perhaps by chance.
    Undecided,
}

impl Place {
    fn of(row: &Compared, tolerance: f64) -> Place {
        let (low, high) = allowed(row, tolerance);
        match row.finding {
            Finding::Lower | Finding::Higher => Place::Outside,
            Finding::NoDifference => Place::Inside,
            Finding::Undecided if (low..=high).contains(&row.b) => Place::Inside,
            Finding::Undecided => Place::Undecided,
        }
    }
}

fn code(original: &Report, again: &Report, rows: &[Compared], tolerance: f64) -> u8 {
    let has = |place| rows.iter().any(|row| Place::of(row, tolerance) == place);
    match (original.is_valid() && again.is_valid(), has(Place::Outside), has(Place::Undecided)) {
        (false, ..) => 3,
        (true, true, _) => 1,
        (true, false, true) => 3,
        (true, false, false) => 0,
    }
}

/// A line for each figure: the original one with what it allows, and the new one.
fn conclusion(rows: &[Compared], tolerance: f64) -> String {
    let line = |row: &Compared| {
        let (low, high) = allowed(row, tolerance);
        let place = match Place::of(row, tolerance) {
            Place::Inside => "inside",
            Place::Outside => "OUTSIDE",
            Place::Undecided => "UNDECIDED",
        };
        format!(
            "{place:<9} {}: {:.4} now, {low:.4} to {high:.4} allowed around {:.4}\n",
            row.metric.name(),
            row.b,
            row.a
        )
    };
    let mut text: String = rows.iter().map(line).collect();
    let count = |place| rows.iter().filter(|row| Place::of(row, tolerance) == place).count();
    text += &match (count(Place::Outside), count(Place::Undecided)) {
        (0, 0) => "VERIFIED: every figure is inside its interval\n".to_owned(),
        (0, count) => format!(
            "UNDECIDED: {count} of {} figures are off, and these runs are too short to tell whether that is chance\n",
            rows.len()
        ),
        (count, _) => {
            format!("NOT VERIFIED: {count} of {} figures are outside their intervals\n", rows.len())
        }
    };
    text
}

/// What the new figure may be: off by the tolerance, upward as far as downward.
fn allowed(row: &Compared, tolerance: f64) -> (f64, f64) {
    (row.a / (1.0 + tolerance), row.a * (1.0 + tolerance))
}

#[cfg(test)]
mod tests {
    use crate::report::tests::report_of;

    use super::*;

    fn run(level: u64, latency_us: u64) -> Report {
        let seconds: Vec<_> = (0..12).map(|second| (level + second % 3, latency_us, 0.2)).collect();
        report_of(&seconds)
    }

    /// The first second is slower by so many times.
    fn restless(factor: u64) -> Report {
        let seconds: Vec<_> =
            (0..12_u64).map(|second| (1000, if second == 0 { 100 * factor } else { 100 }, 0.2)).collect();
        report_of(&seconds)
    }

    #[test]
    fn figures_are_inside_or_outside() {
        let original = run(1000, 100);
        for (again, code_expected, word) in
            [(run(1000, 104), 0, "VERIFIED: every figure"), (run(1000, 150), 1, "NOT VERIFIED: 3 of 5")]
        {
            let rows = compared(&original, &again, 0.1).unwrap();
            assert_eq!(code(&original, &again, &rows, 0.1), code_expected);
            let text = conclusion(&rows, 0.1);
            assert!(text.contains(word), "{text}");
            for row in &rows {
                let (low, high) = allowed(row, 0.1);
                let is_inside = row.b >= low && row.b <= high;
                assert_eq!(is_inside, Place::of(row, 0.1) == Place::Inside, "{row:?} {low} {high}");
            }
        }
    }

    #[test]
    fn a_figure_that_is_off_perhaps_by_chance_is_not_verified() {
        let (original, again) = (restless(3), run(1000, 100));
        let rows = compared(&original, &again, 0.1).unwrap();
        let text = conclusion(&rows, 0.1);
        assert!(
            text.contains("UNDECIDED latency p99, \u{b5}s: 100") && text.contains("UNDECIDED: "),
            "{text}"
        );
        assert_eq!(code(&original, &again, &rows, 0.1), 3, "{text}");
    }
}
