//! What is drawn of runs whose intervals are of all lengths.

use super::*;
use crate::drive::Begun;
use crate::report::tests::report_of;
use crate::series::{Counters, ProcessUse};

/// An interval that ends at `at_s`.
fn row(at_s: f64, span_s: f64, is_measured: bool, delivered: u64) -> Row {
    let counters = Counters { delivered, ready: 5, ..Counters::default() };
    let broker = Some(ProcessUse { cores: 0.5, ..ProcessUse::default() });
    Row { at_s, span_s, is_measured, counters, broker, phase: "publish".into(), ..Row::default() }
}

fn report(rows: Vec<Row>) -> Report {
    let mut report = report_of(&[(1, 1, 0.1)]);
    report.series = rows;
    report
}

fn plot(report: &Report, title: &str) -> Plot {
    charts(report).into_iter().find(|plot| plot.title == title).unwrap()
}

fn points(report: &Report, title: &str) -> Vec<(f64, Option<f64>)> {
    plot(report, title).lines[0].points.clone()
}

/// What a line of rates adds up to.
fn sum(report: &Report, title: &str) -> f64 {
    let plot = plot(report, title);
    let mut from = plot.from.unwrap();
    let points = plot.lines[0].points.iter();
    points.map(|(at, rate)| rate.unwrap_or(0.0) * (at - std::mem::replace(&mut from, *at))).sum()
}

#[test]
fn an_interval_that_holds_all_deliveries_is_drawn_however_short_it_is() {
    // Retained messages: set, then read by everybody within 22 ms.
    let retained = report(vec![
        row(0.5, 0.5, false, 0),
        row(1.0, 0.5, false, 0),
        row(1.022, 0.022, true, 25_000),
        row(1.3, 0.278, false, 0),
    ]);
    let rate = points(&retained, "Rate");
    assert_eq!(rate.len(), 3);
    assert!((rate[2].1.unwrap() - 25_000.0 / 0.022).abs() < 1.0, "{rate:?}");
    assert!((sum(&retained, "Rate") - 25_000.0).abs() < 1.0);
    assert_eq!(
        points(&retained, "Broker CPU per message"),
        [(0.5, None), (1.0, None), (1.022, Some(0.5 * 0.022 * 1e6 / 25_000.0))]
    );
}

#[test]
fn what_arrives_after_the_measured_part_is_told_and_not_drawn() {
    let mut rows: Vec<Row> = (1..=5).map(|second| row(f64::from(second), 1.0, second > 1, 1000)).collect();
    rows.push(row(5.9, 0.9, false, 7));
    let report = report(rows);
    let rate = points(&report, "Rate");
    assert_eq!(rate.last(), Some(&(5.0, Some(1000.0))), "the plot does not fall to 0 at its end");
    let costs = points(&report, "Broker CPU per message");
    assert!(costs.iter().all(|(_, cost)| cost.is_none_or(|us| us <= 500.0)), "{costs:?}");
    assert!(plot(&report, "Rate").caption.contains("7 more messages arrived after it"));
}

#[test]
fn intervals_too_short_for_a_figure_are_drawn_with_their_neighbours() {
    let report = report(vec![
        row(0.02, 0.02, false, 0),
        row(1.02, 1.0, false, 100),
        row(2.02, 1.0, true, 1000),
        row(3.02, 1.0, true, 1000),
        row(3.03, 0.01, true, 40),
    ]);
    let rate = points(&report, "Rate");
    assert_eq!(rate.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1.02, 2.02, 3.03]);
    assert!((sum(&report, "Rate") - 2140.0).abs() < 1e-6, "no message is lost from the plot");
}

#[test]
fn where_nothing_but_connections_is_measured_they_are_drawn_until_they_are_closed() {
    let mut ramp = vec![row(0.1, 0.1, false, 0), row(0.2, 0.1, false, 0), row(0.5, 0.3, false, 0)];
    ramp.iter_mut().take(2).for_each(|row| row.counters.connected = 5);
    ramp[2].phase = "close".into();
    let mut report = report(ramp);
    report.traffic = None;
    assert_eq!(points(&report, "Connections made"), [(0.1, Some(50.0)), (0.2, Some(50.0))]);
}

#[test]
fn a_cut_is_marked_and_the_connections_it_took_are_seen() {
    let mut rows: Vec<Row> = (1..=4).map(|second| row(f64::from(second), 1.0, true, 100)).collect();
    rows[2].counters = Counters { cut: 400, ready: 400, ready_least: Some(0), ..rows[2].counters };
    rows[3].counters.lost = 2;
    let mut report = report(rows);
    report.connections.cut = 400;
    report.stages = vec![Begun { stage: "cut".into(), at_s: 2.5 }];
    let plot = plot(&report, "Connections");
    let marks: Vec<_> = plot.marks.iter().map(|mark| (mark.at, mark.text.as_str())).collect();
    assert_eq!(marks, [(2.5, "400 cut"), (3.0, "2 lost")]);
    let fewest = plot.lines.iter().find(|line| line.name == "fewest ready").unwrap();
    assert_eq!(fewest.points[2].1, Some(0.0), "they were back before the interval ended");
}

#[test]
fn how_long_clients_were_away_is_a_curve_and_a_tile() {
    let mut latency = Latency::new();
    (1..=100).for_each(|ms| latency.record(ms * 1_000_000));
    let mut report = report_of(&[(100, 50, 0.1); 3]);
    assert!(charts(&report).iter().all(|plot| plot.title != "Back after"));
    report.connections.cut = 100;
    report.connections.recovery = Distribution::new(&latency);
    let line = &plot(&report, "Back after").lines[0];
    assert_eq!(line.points.last().unwrap().1, Some(1.0));
    let page = report.to_html();
    assert!(
        page.contains("until the median was back") && page.contains("back after a cut or loss"),
        "{page}"
    );
}

#[test]
fn a_rate_far_below_the_other_has_an_axis_of_its_own() {
    let of = |sent: u64| {
        let mut rows = vec![row(1.0, 1.0, true, 10_000), row(2.0, 1.0, true, 10_000)];
        rows.iter_mut().for_each(|row| row.counters.sent = sent);
        plot(&report(rows), "Rate").lines[1].side
    };
    assert_eq!([of(50), of(10_000), of(0)], [Side::Right, Side::Left, Side::Left]);
}
