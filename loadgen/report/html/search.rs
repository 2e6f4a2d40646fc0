//! A search for the highest rate: what was tried, and what came of it.
//!
//! Owns how a search is shown. Must never judge a step.

use std::fmt;

use crate::page::{Cell, Drawn, Line, Mark, Plot, Spread, Unit, write_columns};
use crate::search::{Bound, Search, SearchStep};
use crate::words::grouped;

/// The figure of the bound over the rates that were tried.
pub(super) fn plot(search: &Search) -> Plot {
    let line = |name: &str, is_wanted: fn(&&SearchStep) -> bool| {
        let steps = search.steps.iter().filter(is_wanted).filter(|step| step.found_us > 0.0);
        let mut points: Vec<_> = steps.map(|step| (step.rate_per_s, Some(step.found_us))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        Line::new(name, points)
    };
    let bound: Option<Bound> = search.bound.parse().ok();
    let highest = search.highest_per_s.map(|rate| Mark {
        at: rate,
        text: format!("highest that held: {}/s", grouped(rate.round() as u64)),
    });
    let figure = search.bound.split('<').next().unwrap_or_default();
    Plot {
        title: format!("Rates tried: {}", search.bound),
        caption: format!(
            "The {figure} latency of each run, over the rate that was asked for; both axes are logarithmic. All other figures of \
             this page are of the highest rate that held."
        ),
        drawn: Drawn::Dots,
        from: None,
        x_unit: Unit::PerSecond,
        x_spread: Spread::Logarithmic,
        y_unit: Unit::Micros,
        y_spread: Spread::Logarithmic,
        lines: vec![line("held", |step| step.held), line("not held", |step| !step.held)],
        coloured: None,
        marks: highest.into_iter().collect(),
        bound: bound.map(|bound| (bound.limit_us(), search.bound.clone())),
    }
}

/// A row for each rate, in the order in which they were tried.
pub(super) fn write_table(search: &Search, out: &mut String) -> fmt::Result {
    let row = |(at, step): (usize, &SearchStep)| {
        let SearchStep { rate_per_s, delivered_per_s, found_us, held, why, .. } = step;
        let rate = |per_s: &f64| format!("{}/s", grouped(per_s.round() as u64));
        let became = if *held { "held".to_owned() } else { format!("not held: {why}") };
        let cells = vec![
            Cell::Number(rate(rate_per_s)),
            Cell::Number(rate(delivered_per_s)),
            Cell::Number(Unit::Micros.show(*found_us)),
            Cell::Text(became),
        ];
        (format!("{}", at + 1), cells)
    };
    let rows: Vec<_> = search.steps.iter().enumerate().map(row).collect();
    let figure = search.bound.split('<').next().unwrap_or_default();
    write_columns("Rates tried", &["asked for", "delivered", figure, "result"], &rows, out)
}
