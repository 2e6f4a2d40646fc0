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
/// 3 if one of the runs was not valid.
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
    output::write_results(&again, &args.target.output)?;
    let rows = compared(&original, &again, args.tolerance)?;
    output::print(&format!("{}{}", table(&rows), conclusion(&rows, args.tolerance)))?;
    Ok(code(&original, &again, &rows))
}

fn code(original: &Report, again: &Report, rows: &[Compared]) -> u8 {
    match rows.iter().all(|row| row.finding == Finding::NoDifference) {
        _ if !original.is_valid() || !again.is_valid() => 3,
        true => 0,
        false => 1,
    }
}

/// A line for each figure: the original one with the interval that it allows, and the new one.
fn conclusion(rows: &[Compared], tolerance: f64) -> String {
    let line = |row: &Compared| {
        let (low, high) = allowed(row, tolerance);
        let place = if row.finding == Finding::NoDifference { "inside" } else { "OUTSIDE" };
        format!(
            "{place:<8} {}: {:.4} now, {low:.4} to {high:.4} allowed around {:.4}\n",
            row.metric.name(),
            row.b,
            row.a
        )
    };
    let mut text: String = rows.iter().map(line).collect();
    let outside = rows.iter().filter(|row| row.finding != Finding::NoDifference).count();
    text += &match outside {
        0 => "VERIFIED: every figure is inside its interval\n".to_owned(),
        count => format!("NOT VERIFIED: {count} of {} figures are outside their intervals\n", rows.len()),
    };
    text
}

/// What the new figure may be: off by the tolerance, or by as much as both runs are unsure of theirs.
fn allowed(row: &Compared, tolerance: f64) -> (f64, f64) {
    let (down, up) = (row.ratio.value / row.ratio.low, row.ratio.high / row.ratio.value);
    let tolerated = 1.0 + tolerance;
    (row.a / up.max(tolerated), row.a * down.max(tolerated))
}

#[cfg(test)]
mod tests {
    use crate::report::tests::report_of;

    use super::*;

    fn run(level: u64, latency_us: u64) -> Report {
        let seconds: Vec<_> = (0..12).map(|second| (level + second % 3, latency_us, 0.2)).collect();
        report_of(&seconds)
    }

    #[test]
    fn figures_are_inside_or_outside() {
        let original = run(1000, 100);
        for (again, code_expected, word) in
            [(run(1000, 104), 0, "VERIFIED: every figure"), (run(1000, 150), 1, "NOT VERIFIED: 3 of 5")]
        {
            let rows = compared(&original, &again, 0.1).unwrap();
            assert_eq!(code(&original, &again, &rows), code_expected);
            let text = conclusion(&rows, 0.1);
            assert!(text.contains(word), "{text}");
            for row in &rows {
                let (low, high) = allowed(row, 0.1);
                let is_inside = row.b >= low && row.b <= high;
                assert_eq!(is_inside, row.finding == Finding::NoDifference, "{row:?} {low} {high}");
            }
        }
    }
}
