//! Plots of two runs in one.
//!
//! Owns the choice of them. Must never say which is better.

use crate::latency::Latency;
use crate::page::{Drawn, Line, Plot, Spread, Unit};
use crate::series::{Distribution, Row};

use super::super::Report;
use super::{charts, drawn};

/// The figures of two runs over the time since each began to measure, and by percentile.
pub(in crate::report) fn plots(a: &Report, b: &Report) -> Vec<Plot> {
    let has_traffic = a.traffic.is_some();
    let mut plots = Vec::new();
    if has_traffic {
        let rate = |row: &Row| Some(row.per_s(row.counters.delivered));
        plots.push(over_time([a, b], ("Rate", Unit::PerSecond, Drawn::Steps), rate));
        let p99 = |row: &Row| row.latency.as_ref().map(|found| found.summary.p99_us);
        let times = over_time([a, b], ("p99 latency over time", Unit::Micros, Drawn::Lines), p99);
        plots.push(Plot { y_spread: Spread::Logarithmic, ..times });
    } else {
        let rate = |row: &Row| Some(row.per_s(row.counters.connected));
        plots.push(over_time([a, b], ("Connections made", Unit::PerSecond, Drawn::Steps), rate));
    }
    plots.extend(by_percentile(a, b));
    let cost = |row: &Row| row.broker_us_per_delivered().filter(|_| row.is_measured);
    plots.push(over_time([a, b], ("Broker CPU per message", Unit::Micros, Drawn::Steps), cost));
    let memory = |row: &Row| row.broker.map(|broker| broker.rss_bytes as f64);
    plots.push(over_time([a, b], ("Broker memory", Unit::Bytes, Drawn::Lines), memory));
    plots
}

fn over_time(
    reports: [&Report; 2],
    (title, y_unit, drawn): (&str, Unit, Drawn),
    figure: impl Fn(&Row) -> Option<f64>,
) -> Plot {
    let line = |(report, name): (&Report, &str)| {
        let rows = drawn::rows(report);
        let is_measured = |row: &&Row| row.is_measured || report.traffic.is_none();
        let wanted: Vec<&Row> = rows.iter().filter(is_measured).collect();
        let begin_s = wanted.first().map_or(0.0, |row| row.at_s - row.span_s);
        Line::new(name, wanted.into_iter().map(|row| (row.at_s - begin_s, figure(row))).collect())
    };
    Plot {
        title: title.into(),
        caption: "Over the time since each run began to measure.".into(),
        drawn,
        from: Some(0.0),
        x_unit: Unit::Seconds,
        x_spread: Spread::Linear,
        y_unit,
        y_spread: Spread::Linear,
        lines: reports.into_iter().zip(["A", "B"]).map(line).collect(),
        coloured: None,
        marks: Vec::new(),
        bound: None,
    }
}

fn by_percentile(a: &Report, b: &Report) -> Option<Plot> {
    let of = |report: &Report| -> Option<Latency> {
        let found: &Distribution = match &report.traffic {
            Some(traffic) => &traffic.times.latency,
            None => &report.connections.time,
        };
        Latency::from_text(&found.histogram).ok().filter(|latency| latency.count() > 0)
    };
    let plot = charts::percentiles(&[("A", of(a)?), ("B", of(b)?)])?;
    let title = if a.traffic.is_some() { "Latency by percentile" } else { "Time to connect by percentile" };
    Some(Plot { title: title.into(), caption: "Of the whole measured part.".into(), ..plot })
}
