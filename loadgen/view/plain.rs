//! A line for each interval on standard error.
//!
//! Owns the line, and how many intervals it is of. Must never compute a figure that a row does not hold.

use std::io::{self, Write};

use crate::clock::Nanos;
use crate::series::{Row, Watcher};

/// Intervals shorter than this have no rates worth a line.
const SPAN_MIN_S: f64 = 0.05;

/// Intervals that nobody asked for are told together until they are this long: nobody reads ten lines a second.
const SPAN_S: f64 = 1.0;

/// What has not been told yet.
struct Lines<F: FnMut(&str)> {
    least_s: f64,
    pending: Option<Row>,
    tell: F,
}

impl<F: FnMut(&str)> Lines<F> {
    fn add(&mut self, row: &Row) {
        if self.pending.as_ref().is_some_and(|pending| pending.phase != row.phase) {
            self.flush();
        }
        let both = match self.pending.take() {
            // A histogram that cannot be read is left to the report.
            Some(pending) => pending.followed_by(row).unwrap_or_else(|_| row.clone()),
            None => row.clone(),
        };
        let is_due = both.span_s >= self.least_s;
        self.pending = Some(both);
        if is_due {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if let Some(row) = self.pending.take().filter(|row| row.span_s >= SPAN_MIN_S) {
            (self.tell)(&line(&row));
        }
    }
}

impl<F: FnMut(&str)> Drop for Lines<F> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Prints each interval of the length that was asked for, or lines a second apart.
pub(super) fn watcher(asked: Option<Nanos>) -> Watcher {
    let tell = |line: &str| {
        // Nobody may be there to read.
        let _ = writeln!(io::stderr(), "{line}");
    };
    // An interval may be a little shorter than asked for.
    let least_s = if asked.is_some() { 0.0 } else { SPAN_S * 0.9 };
    let mut lines = Lines { least_s, pending: None, tell };
    Box::new(move |row| lines.add(row))
}

fn line(row: &Row) -> String {
    let latency = row.latency();
    let mut line = format!(
        "{:7.1} s  {:<9} {} connections  sent {:.0}/s  delivered {:.0}/s",
        row.at_s,
        row.phase,
        row.counters.open,
        row.per_s(row.counters.sent),
        row.per_s(row.counters.delivered),
    );
    if latency.count > 0 {
        line += &format!(
            "  p50 {:.0} µs  p99 {:.0} µs  max {:.0} µs",
            latency.p50_us, latency.p99_us, latency.max_us
        );
    }
    if let Some(broker) = row.broker {
        line += &format!("  broker {:.2} cores {} MiB", broker.cores, broker.rss_bytes >> 20);
    }
    if row.counters.faults > 0 {
        line += &format!("  {} faults", row.counters.faults);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::{Counters, ProcessUse};

    #[test]
    fn short_intervals_are_told_together_until_the_phase_changes() {
        let row = |at_s: f64, phase: &str| Row {
            at_s,
            span_s: 0.2,
            phase: phase.into(),
            counters: Counters { sent: 20, ..Counters::default() },
            ..Row::default()
        };
        let mut told = Vec::new();
        let mut lines = Lines { least_s: 0.9, pending: None, tell: |line: &str| told.push(line.to_owned()) };
        for at in 1..=7 {
            lines.add(&row(f64::from(at) * 0.2, if at == 1 { "ramp" } else { "publish" }));
        }
        drop(lines);
        let starts: Vec<_> = told.iter().map(|line| line.trim_start().split("  ").next().unwrap()).collect();
        assert_eq!(starts, ["0.2 s", "1.2 s", "1.4 s"]);
        assert!(told.iter().all(|line| line.contains("sent 100/s")), "{told:?}");
    }

    #[test]
    fn a_line_tells_what_there_is() {
        let counters = Counters { open: 7, sent: 10, ..Counters::default() };
        let row = Row { at_s: 2.0, span_s: 0.5, phase: "publish".into(), counters, ..Row::default() };
        let expected = "    2.0 s  publish   7 connections  sent 20/s  delivered 0/s";
        assert_eq!(line(&row), expected);
        let use_ = ProcessUse { cores: 0.5, rss_bytes: 9 << 20, ..ProcessUse::default() };
        let row = Row { broker: Some(use_), counters: Counters { faults: 3, ..row.counters }, ..row };
        assert_eq!(line(&row), format!("{expected}  broker 0.50 cores 9 MiB  3 faults"));
    }
}
