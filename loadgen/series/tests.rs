//! Intervals become rows; nothing is lost between them.

use std::sync::{Arc, Mutex};

use crate::clock::{MILLISECOND, SECOND};
use crate::latency::Latency;

use super::*;

fn moment(at: Nanos, sent: u64, delivered: u64) -> Moment {
    let counters = Counters { sent, delivered, open: 3, ..Counters::default() };
    Moment { at, phase: "publish", is_measured: true, step: None, counters }
}

#[test]
fn rows_tell_what_each_interval_added_and_the_totals_hold_everything() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let rows = Arc::clone(&seen);
    let watcher: Watcher = Box::new(move |row| rows.lock().unwrap().push(row.clone()));
    let mut series = Series::start(Length::Fixed(SECOND), &[std::process::id()], vec![watcher]).unwrap();
    let mut recorders = Recorders::new(1);
    assert_eq!(series.next_due(), SECOND);
    recorders.flows[0].latency.record(5 * MILLISECOND);
    recorders.flows[0].latency.record(6 * MILLISECOND);
    series.roll(moment(SECOND, 10, 8), &mut recorders);
    assert_eq!(recorders, Recorders::new(1), "the next interval begins empty");
    assert_eq!(series.next_due(), 2 * SECOND);
    series.roll(moment(SECOND + SECOND / 2, 15, 8), &mut recorders);
    recorders.flows[0].latency.record(7 * MILLISECOND);
    series.roll(moment(3 * SECOND, 0, 20), &mut recorders);
    let Recording { rows, totals } = series.finish();

    assert_eq!(*seen.lock().unwrap(), rows, "whoever watches sees the same");
    let figures: Vec<_> =
        rows.iter().map(|row| (row.at_s, row.span_s, row.counters.sent, row.counters.delivered)).collect();
    assert_eq!(figures, [(1.0, 1.0, 10, 8), (1.5, 0.5, 5, 0), (3.0, 1.5, 0, 12)]);
    assert_eq!(rows[0].latency().count, 2);
    assert_eq!(rows[1].latency, None);
    assert_eq!(rows[2].per_s(rows[2].counters.delivered), 8.0);
    assert!(rows[0].broker.is_some_and(|broker| broker.rss_bytes > 0 && broker.threads > 1));
    assert_eq!(totals.flows[0].latency.count(), 3);
    let parts = rows.iter().filter_map(|row| row.latency.as_ref());
    let mut merged = Latency::new();
    parts.for_each(|part| merged.merge(&Latency::from_text(&part.histogram).unwrap()));
    assert_eq!(merged.summary(), totals.flows[0].latency.summary());
}

#[test]
fn a_broker_that_is_gone_is_told_by_its_absence() {
    let mut series = Series::start(Length::Fixed(SECOND), &[u32::MAX], Vec::new()).unwrap();
    series.roll(moment(SECOND, 0, 0), &mut Recorders::new(1));
    assert_eq!(series.finish().rows[0].broker, None);
}

#[test]
fn a_row_comes_back_from_its_json() {
    let mut latency = Latency::new();
    latency.record(1_234_567);
    let broker = ProcessUse { cores: 0.25, rss_bytes: 7, ..ProcessUse::default() };
    let row = Row {
        counters: Counters { delivered: 5, ..Counters::default() },
        span_s: 0.5,
        latency: Some(Distribution::new(&latency)),
        broker: Some(broker),
        ..Row::default()
    };
    assert_eq!(row.broker_us_per_delivered(), Some(25_000.0));
    let json = serde_json::to_string(&row).unwrap();
    assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row);
}

#[test]
fn an_interval_and_the_one_after_it_are_told_as_one() {
    let row = |at_s: f64, span_s: f64, delivered: u64, cores: f64, ready_least: u64| {
        let mut latency = Latency::new();
        (0..delivered).for_each(|_| latency.record(MILLISECOND));
        let counters =
            Counters { delivered, ready: 9, ready_least: Some(ready_least), ..Counters::default() };
        let broker = Some(ProcessUse { cores, user_s: 0.1, rss_bytes: delivered, ..ProcessUse::default() });
        let latency = Some(Distribution::new(&latency));
        Row { at_s, span_s, counters, broker, latency, phase: "publish".into(), ..Row::default() }
    };
    let both = row(1.0, 1.0, 10, 0.2, 3).followed_by(&row(1.5, 0.5, 20, 0.8, 7)).unwrap();
    assert_eq!((both.at_s, both.span_s, both.counters.delivered), (1.5, 1.5, 30));
    assert_eq!((both.counters.ready, both.counters.ready_least), (9, Some(3)), "gauges do not add up");
    assert_eq!(both.latency().count, 30);
    let broker = both.broker.unwrap();
    assert!(
        (broker.cores - 0.4).abs() < 1e-9 && broker.user_s == 0.2 && broker.rss_bytes == 20,
        "{broker:?}"
    );
}
