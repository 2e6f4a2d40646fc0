//! The moments of a run that a reader must know of: where connections were cut or lost, where the rate changed.
//!
//! Owns their words. Must never draw.

use crate::page::Mark;
use crate::words::grouped;

use super::super::Report;
use super::steps;

/// All marks, in their order.
pub(super) fn marks(report: &Report) -> Vec<Mark> {
    let mut marks = cuts(report);
    marks.extend(losses(report));
    // The first step begins with the run.
    marks.extend(
        steps::steps(report)
            .into_iter()
            .filter(|step| !step.is_first)
            .map(|step| Mark { at: step.from_s, text: step.asked() }),
    );
    marks.sort_by(|one, other| one.at.total_cmp(&other.at));
    marks
}

/// Where the scenario cut connections.
fn cuts(report: &Report) -> Vec<Mark> {
    let count = |at_s: f64| {
        let row = report.series.iter().find(|row| row.at_s >= at_s && row.counters.cut > 0);
        row.map_or(report.connections.cut, |row| row.counters.cut)
    };
    let cut = report.stages.iter().filter(|begun| begun.stage == "cut");
    cut.map(|begun| Mark { at: begun.at_s, text: format!("{} cut", grouped(count(begun.at_s))) }).collect()
}

/// Where connections ended that were meant to go on: a mark for each time it began, with all that ended until it stopped.
fn losses(report: &Report) -> Vec<Mark> {
    let mut found: Vec<(f64, u64)> = Vec::new();
    let mut was_losing = false;
    for row in &report.series {
        let lost = row.counters.lost;
        match found.last_mut() {
            Some((_, count)) if lost > 0 && was_losing => *count += lost,
            _ if lost > 0 => found.push((row.at_s - row.span_s, lost)),
            _ => {}
        }
        was_losing = lost > 0;
    }
    found.into_iter().map(|(at, lost)| Mark { at, text: format!("{} lost", grouped(lost)) }).collect()
}
