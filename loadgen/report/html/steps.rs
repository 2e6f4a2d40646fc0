//! The steps of a run whose rate changes by plan: what was asked for in each, and what came of it.
//!
//! Owns where a step begins and ends on a page, by the number of the step that each interval has. Must never compute a figure
//! that the intervals do not hold.

use std::fmt;

use crate::latency::Summary;
use crate::page::{Cell, Drawn, Line, Plot, Spread, Unit, write_columns};
use crate::scenario::Pace;
use crate::series::Row;

use super::super::Report;
use super::drawn;

/// One step.
pub(super) struct Step {
    pub(super) from_s: f64,
    to_s: f64,
    pub(super) is_first: bool,
    asked_per_s: f64,
    /// All intervals of it that are measured, as one; none if none is.
    whole: Option<Row>,
}

impl Step {
    /// The rate that was asked for.
    pub(super) fn asked(&self) -> String {
        Unit::PerSecond.show(self.asked_per_s)
    }
}

/// The steps of the first flow that has any, as far as the run came; none of a run at one rate.
pub(super) fn steps(report: &Report) -> Vec<Step> {
    let stepped = report.scenario.flows.iter().find_map(|flow| match &flow.pace {
        Pace::Stepped { steps } => Some(steps),
        _ => None,
    });
    let steps = stepped.into_iter().flatten().enumerate();
    steps.filter_map(|(at, step)| of_rows(at, step.rate_per_s, &report.series)).collect()
}

/// A step from the intervals that belong to it; none if it was never reached. It ends with what is measured of it.
fn of_rows(at: usize, asked_per_s: f64, rows: &[Row]) -> Option<Step> {
    let own: Vec<&Row> = rows.iter().filter(|row| row.step == Some(at as u32)).collect();
    let measured: Vec<Row> = own.iter().copied().filter(|row| row.is_measured).cloned().collect();
    let (first, last) = (own.first()?, measured.last().or(own.last().copied())?);
    Some(Step {
        from_s: first.at_s - first.span_s,
        to_s: last.at_s,
        is_first: at == 0,
        asked_per_s,
        whole: drawn::joined(&measured, f64::MAX).pop(),
    })
}

/// Latency over the rates of the steps, where there are several rates.
pub(super) fn plot(report: &Report) -> Option<Plot> {
    let mut steps = steps(report);
    steps.sort_by(|one, other| one.asked_per_s.total_cmp(&other.asked_per_s));
    let line = |name: &str, figure: fn(&Summary) -> f64| {
        let latency = |step: &Step| step.whole.as_ref()?.latency.as_ref().map(|found| figure(&found.summary));
        Line::new(name, steps.iter().map(|step| (step.asked_per_s, latency(step))).collect())
    };
    let lines = vec![
        line("p50", |summary| summary.p50_us),
        line("p99", |summary| summary.p99_us),
        line("p99.9", |summary| summary.p999_us),
    ];
    (steps.len() > 1).then(|| Plot {
        title: "Latency by step".into(),
        caption: "Latency over the rate that was asked for, of the measured part of each step.".into(),
        drawn: Drawn::Lines,
        from: None,
        x_unit: Unit::PerSecond,
        x_spread: Spread::Linear,
        y_unit: Unit::Micros,
        y_spread: Spread::Logarithmic,
        lines,
        coloured: None,
        marks: Vec::new(),
        bound: None,
    })
}

/// A row for each step.
pub(super) fn write_table(report: &Report, out: &mut String) -> fmt::Result {
    let steps = steps(report);
    if steps.is_empty() {
        return Ok(());
    }
    let rows: Vec<(String, Vec<Cell>)> = steps.iter().map(row).collect();
    let names = [
        "from",
        "to",
        "sent",
        "delivered",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
        "broker",
        "CPU per delivery",
    ];
    write_columns("Steps", &names, &rows, out)
}

fn row(step: &Step) -> (String, Vec<Cell>) {
    let mut cells = vec![Unit::Seconds.show(step.from_s), Unit::Seconds.show(step.to_s)];
    match &step.whole {
        None => cells.extend(["-"; 9].map(str::to_owned)),
        Some(whole) => {
            let rate = |count| Unit::PerSecond.show(whole.per_s(count));
            cells.extend([rate(whole.counters.sent), rate(whole.counters.delivered)]);
            let Summary { p50_us, p90_us, p99_us, p999_us, max_us, count, .. } = whole.latency();
            let time = |us: f64| if count > 0 { Unit::Micros.show(us) } else { "-".into() };
            cells.extend([p50_us, p90_us, p99_us, p999_us, max_us].map(time));
            let cores = whole.broker.map(|broker| format!("{} cores", Unit::Cores.show(broker.cores)));
            cells.push(cores.unwrap_or("-".into()));
            let cost = whole.broker_us_per_delivered().map(|us| Unit::Micros.show(us));
            cells.push(cost.unwrap_or("-".into()));
        }
    }
    (format!("{} asked for", step.asked()), cells.into_iter().map(Cell::Number).collect())
}
