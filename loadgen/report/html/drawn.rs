//! Which part of a run is drawn, and in which pieces.
//!
//! Owns the rule. A run is drawn from its beginning to the end of what is measured; what arrived later is told in words, since
//! it is no rate of the run. An interval is never left out within that: one that is too short for a figure of its own is
//! drawn together with its neighbour of the same kind, and one that has no such neighbour by itself, since it is all that
//! there was. Must never draw.

use crate::series::Row;

use super::super::Report;

/// Intervals shorter than this part of the longest one have no figure of their own: their rates are noise.
const SHORT: f64 = 0.3;

/// The phases after the last stage.
const CLOSING: [&str; 2] = ["close", "over"];

/// The intervals that are drawn.
pub(super) fn rows(report: &Report) -> Vec<Row> {
    let (run, _) = split(report);
    let longest_s = run.iter().map(|row| row.span_s).fold(0.0, f64::max);
    joined(run, longest_s * SHORT)
}

/// Messages that were delivered after the part of the run that is drawn.
pub(super) fn delivered_later(report: &Report) -> u64 {
    split(report).1.iter().map(|row| row.counters.delivered).sum()
}

/// The run up to the end of what is measured, and what came after it. Where nothing is measured, all stages are the run.
fn split(report: &Report) -> (&[Row], &[Row]) {
    let rows = &report.series;
    let is_closing = |row: &Row| CLOSING.contains(&row.phase.as_str());
    let measured = rows.iter().rposition(|row| row.is_measured);
    let last = measured.or_else(|| rows.iter().rposition(|row| !is_closing(row)));
    rows.split_at(last.map_or(rows.len(), |last| last + 1))
}

/// Intervals, of which those shorter than `least_s` are put together with a neighbour of the same kind.
pub(super) fn joined(rows: &[Row], least_s: f64) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::new();
    for row in rows {
        let before = all.last().filter(|before| {
            before.is_measured == row.is_measured && before.span_s.min(row.span_s) < least_s
        });
        match before.map(|before| before.clone().followed_by(row)) {
            Some(Ok(both)) => *all.last_mut().expect("there is one before") = both,
            // A histogram that cannot be read is no reason to lose the counts.
            _ => all.push(row.clone()),
        }
    }
    all
}
