//! The time series as a table for other tools.
//!
//! Owns the columns: one may be added at the end, none changes its meaning. Must never compute what a row does not tell.

use std::fmt::Write;

use crate::series::{ProcessUse, Row};

/// A column: its name, and its value in a row; empty where there is none.
type Column = (&'static str, fn(&Row) -> String);

const COLUMNS: &[Column] = &[
    ("at_s", |row| decimal(row.at_s)),
    ("span_s", |row| decimal(row.span_s)),
    ("phase", |row| row.phase.clone()),
    ("measured", |row| u8::from(row.is_measured).to_string()),
    ("due", |row| row.counters.due.to_string()),
    ("sent", |row| row.counters.sent.to_string()),
    ("acknowledged", |row| row.counters.acknowledged.to_string()),
    ("rejected", |row| row.counters.rejected.to_string()),
    ("delivered", |row| row.counters.delivered.to_string()),
    ("duplicated", |row| row.counters.duplicated.to_string()),
    ("out_of_order", |row| row.counters.out_of_order.to_string()),
    ("connected", |row| row.counters.connected.to_string()),
    ("faults", |row| row.counters.faults.to_string()),
    ("open", |row| row.counters.open.to_string()),
    ("dialling", |row| row.counters.dialling.to_string()),
    ("sent_per_s", |row| decimal(row.per_s(row.counters.sent))),
    ("delivered_per_s", |row| decimal(row.per_s(row.counters.delivered))),
    ("latency_p50_us", |row| latency(row, row.latency().p50_us)),
    ("latency_p90_us", |row| latency(row, row.latency().p90_us)),
    ("latency_p99_us", |row| latency(row, row.latency().p99_us)),
    ("latency_p999_us", |row| latency(row, row.latency().p999_us)),
    ("latency_p9999_us", |row| latency(row, row.latency().p9999_us)),
    ("latency_max_us", |row| latency(row, row.latency().max_us)),
    ("broker_cores", |row| broker(row, |broker| decimal(broker.cores))),
    ("broker_busiest_thread", |row| broker(row, |broker| decimal(broker.busiest_thread))),
    ("broker_us_per_delivered", |row| row.broker_us_per_delivered().map_or(String::new(), decimal)),
    ("broker_rss_bytes", |row| broker(row, |broker| broker.rss_bytes.to_string())),
    ("broker_threads", |row| broker(row, |broker| broker.threads.to_string())),
    ("broker_voluntary_switches", |row| broker(row, |broker| broker.voluntary_switches.to_string())),
    ("broker_involuntary_switches", |row| broker(row, |broker| broker.involuntary_switches.to_string())),
    ("generator_busy", |row| decimal(row.generator.busy)),
    ("generator_waiting", |row| decimal(row.generator.waiting)),
    ("generator_rss_bytes", |row| row.generator.rss_bytes.to_string()),
    ("machine_busy", |row| decimal(row.machine.busy)),
    ("machine_stolen", |row| decimal(row.machine.stolen)),
    ("ready", |row| row.counters.ready.to_string()),
];

/// All rows below a line of names.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    write_line(&mut text, COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    for row in rows {
        write_line(&mut text, COLUMNS.iter().map(|(_, value)| value(row)));
    }
    text
}

fn write_line(text: &mut String, fields: impl Iterator<Item = String>) {
    for (at, field) in fields.enumerate() {
        let separator = if at == 0 { "" } else { "," };
        let written = write!(text, "{separator}{field}");
        assert!(written.is_ok(), "a string takes all text");
    }
    text.push('\n');
}

/// To a millionth, without zeros at the end.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn latency(row: &Row, value: f64) -> String {
    if row.latency.is_some() { decimal(value) } else { String::new() }
}

fn broker(row: &Row, value: fn(&ProcessUse) -> String) -> String {
    row.broker.as_ref().map_or(String::new(), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::Counters;

    #[test]
    fn every_row_has_every_column_and_what_is_absent_is_empty() {
        let bare = Row { at_s: 1.0, span_s: 1.0, phase: "connect".into(), ..Row::default() };
        let use_ = ProcessUse { cores: 0.5, rss_bytes: 4096, ..ProcessUse::default() };
        let full = Row {
            is_measured: true,
            counters: Counters { delivered: 500, ..bare.counters },
            broker: Some(use_),
            ..bare.clone()
        };
        let text = table(&[bare, full]);
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() == COLUMNS.len()));
        let field = |line: usize, name: &str| {
            lines[line][COLUMNS.iter().position(|(column, _)| *column == name).unwrap()]
        };
        assert_eq!(
            (field(1, "phase"), field(1, "broker_cores"), field(1, "latency_p50_us")),
            ("connect", "", "")
        );
        assert_eq!((field(2, "delivered_per_s"), field(2, "broker_us_per_delivered")), ("500", "1000"));
        assert_eq!((field(2, "measured"), field(2, "broker_rss_bytes")), ("1", "4096"));
        assert!(!text.ends_with("\n\n") && text.ends_with('\n'));
    }

    #[test]
    fn decimals_are_short() {
        assert_eq!([0.0, 1.5, 100.0, 0.000_000_4].map(decimal), ["0", "1.5", "100", "0"]);
    }
}
