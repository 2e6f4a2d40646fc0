//! A line per second on standard error, for whoever watches.
//!
//! Owns the last line's numbers. Must never influence the run.

use crate::clock::{Nanos, SECOND, seconds};
use crate::plan::Step;

use super::marks::Counters;
use super::tally::Tally;

/// The lines.
#[derive(Debug)]
pub(crate) struct Progress {
    is_quiet: bool,
    next: Nanos,
    last: Option<(Nanos, Counters)>,
}

impl Progress {
    pub(crate) fn new(is_quiet: bool) -> Progress {
        Progress { is_quiet, next: SECOND, last: None }
    }

    pub(crate) fn is_due(&self, now: Nanos) -> bool {
        !self.is_quiet && now >= self.next
    }

    /// Prints one line. The next one is due in a second.
    pub(crate) fn print(&mut self, now: Nanos, step: Option<Step>, counters: Counters, tally: &Tally) {
        let (then, before) = self.last.unwrap_or((0, Counters { sent: 0, delivered: 0, connections: 0 }));
        let span = seconds(now - then);
        // Clearing starts its count anew.
        let per_second = |now: u64, before: u64| (now.saturating_sub(before) as f64 / span).round();
        let name = step.map_or(String::new(), |step| format!("{step:?}").to_lowercase());
        eprintln!(
            "{:7.1} s  {name:<9}  {} connections, sent {} ({}/s), delivered {} ({}/s), {} faults",
            seconds(now),
            counters.connections,
            counters.sent,
            per_second(counters.sent, before.sent),
            counters.delivered,
            per_second(counters.delivered, before.delivered),
            tally.faults,
        );
        self.last = Some((now, counters));
        self.next = now + SECOND;
    }
}
