//! What a run has cost the broker and the generator.
//!
//! Owns the division of samples by messages and connections. Must never sample.

use serde::Serialize;

use crate::clock::seconds;
use crate::drive::{Mark, Marks, Outcome};
use crate::process::Usage;

/// CPU time and memory of the broker.
#[derive(Debug, Serialize)]
pub(crate) struct BrokerCosts {
    /// While connections were made.
    pub(crate) connecting: Option<Span>,
    /// CPU microseconds per connection made.
    pub(crate) cpu_us_per_connection: Option<f64>,
    /// While messages were measured.
    pub(crate) measured: Option<Span>,
    /// CPU microseconds per message delivered.
    pub(crate) cpu_us_per_delivered: Option<f64>,
    /// CPU microseconds per message sent.
    pub(crate) cpu_us_per_sent: Option<f64>,
    /// While connections were held.
    pub(crate) held: Option<Span>,
    /// Resident bytes before the first connection.
    pub(crate) rss_start_bytes: u64,
    /// Resident bytes with all connections, idle or at the end of the measuring.
    pub(crate) rss_end_bytes: u64,
    /// What resident memory grew by, per connection, while they were made and held.
    pub(crate) bytes_per_connection: Option<f64>,
    pub(crate) threads: u64,
}

/// CPU use between two moments.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Span {
    pub(crate) seconds: f64,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    /// CPU seconds per second.
    pub(crate) cores: f64,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
}

impl Span {
    fn between(from: (&Mark, &Usage), to: (&Mark, &Usage)) -> Span {
        let ((from_mark, from), (to_mark, to)) = (from, to);
        let span_s = seconds(to_mark.at.saturating_sub(from_mark.at));
        let cpu_s = to.cpu_s() - from.cpu_s();
        Span {
            seconds: span_s,
            user_s: to.user_s - from.user_s,
            system_s: to.system_s - from.system_s,
            cores: if span_s > 0.0 { cpu_s / span_s } else { 0.0 },
            voluntary_switches: to.voluntary_switches.saturating_sub(from.voluntary_switches),
            involuntary_switches: to.involuntary_switches.saturating_sub(from.involuntary_switches),
        }
    }

    fn of_broker(from: Option<&Mark>, to: Option<&Mark>) -> Option<Span> {
        let (from, to) = (from?, to?);
        Some(Span::between((from, from.broker.as_ref()?), (to, to.broker.as_ref()?)))
    }

    fn of_generator(from: Option<&Mark>, to: Option<&Mark>) -> Option<Span> {
        let (from, to) = (from?, to?);
        Some(Span::between((from, &from.own), (to, &to.own)))
    }

    fn cpu_us(&self) -> f64 {
        (self.user_s + self.system_s) * 1e6
    }

    /// CPU microseconds per thing; none without things.
    fn cpu_us_per(&self, count: u64) -> Option<f64> {
        (count > 0).then(|| self.cpu_us() / count as f64)
    }
}

impl BrokerCosts {
    /// `None` if the broker was not watched.
    pub(super) fn new(outcome: &Outcome) -> Option<BrokerCosts> {
        let Marks { start, connected, open, close, held } = &outcome.marks;
        let before = start.as_ref()?.broker?;
        let connecting = Span::of_broker(start.as_ref(), connected.as_ref());
        let measured = Span::of_broker(open.as_ref(), close.as_ref());
        let idle = held.as_ref().or(connected.as_ref());
        let last = held.as_ref().or(close.as_ref()).or(connected.as_ref()).and_then(|mark| mark.broker);
        let grown = |of: fn(&Mark) -> u64| match (open, close) {
            (Some(open), Some(close)) => of(close) - of(open),
            _ => 0,
        };
        Some(BrokerCosts {
            cpu_us_per_connection: connecting.and_then(|span| span.cpu_us_per(outcome.tally.connected)),
            connecting,
            cpu_us_per_delivered: measured.and_then(|span| span.cpu_us_per(grown(|mark| mark.delivered))),
            cpu_us_per_sent: measured.and_then(|span| span.cpu_us_per(grown(|mark| mark.sent))),
            measured,
            held: Span::of_broker(connected.as_ref(), held.as_ref()),
            rss_start_bytes: before.rss_bytes,
            rss_end_bytes: last.map_or(0, |usage| usage.rss_bytes),
            bytes_per_connection: idle.and_then(|mark| bytes_per_connection(mark, &before, &mark.broker?)),
            threads: before.threads,
        })
    }
}

fn bytes_per_connection(mark: &Mark, before: &Usage, after: &Usage) -> Option<f64> {
    let grown = after.rss_bytes.saturating_sub(before.rss_bytes) as f64;
    (mark.connections > 0).then(|| grown / mark.connections as f64)
}

/// What the generator itself used.
#[derive(Debug, Serialize)]
pub(crate) struct GeneratorCosts {
    /// While messages were measured, or connections made where there are none.
    pub(crate) measured: Option<Span>,
    /// CPU microseconds per message sent or delivered.
    pub(crate) cpu_us_per_message: Option<f64>,
    pub(crate) rss_bytes: u64,
    pub(crate) bytes_per_connection: Option<f64>,
    /// The longest time that nothing was looked at, beyond what was meant.
    pub(crate) longest_pause_s: f64,
}

impl GeneratorCosts {
    pub(super) fn new(outcome: &Outcome) -> GeneratorCosts {
        let Marks { start, connected, open, close, held } = &outcome.marks;
        let messages = Span::of_generator(open.as_ref(), close.as_ref());
        let measured = messages.or_else(|| Span::of_generator(start.as_ref(), connected.as_ref()));
        let moved = match (open, close) {
            (Some(open), Some(close)) => close.sent - open.sent + close.delivered - open.delivered,
            _ => 0,
        };
        let idle = held.as_ref().or(connected.as_ref());
        GeneratorCosts {
            measured,
            cpu_us_per_message: messages.and_then(|span| span.cpu_us_per(moved)),
            rss_bytes: idle.map_or(0, |mark| mark.own.rss_bytes),
            bytes_per_connection: start
                .as_ref()
                .zip(idle)
                .and_then(|(start, idle)| bytes_per_connection(idle, &start.own, &idle.own)),
            longest_pause_s: seconds(outcome.longest_pause),
        }
    }
}
