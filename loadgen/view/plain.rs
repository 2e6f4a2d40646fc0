//! A line for each interval on standard error.
//!
//! Owns the line. Must never need more than one row.

use std::io::{self, Write};

use crate::series::{Row, Watcher};

/// Intervals shorter than this have no rates worth a line.
const SPAN_MIN_S: f64 = 0.05;

/// Prints each row.
pub(super) fn watcher() -> Watcher {
    Box::new(|row| {
        if row.span_s >= SPAN_MIN_S {
            // Nobody may be there to read.
            let _ = writeln!(io::stderr(), "{}", line(row));
        }
    })
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
            "  p50 {:.0} us  p99 {:.0} us  max {:.0} us",
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
