//! What a run has cost the broker and the generator.
//!
//! Owns the division of samples by messages and connections. Must never sample.

use serde::{Deserialize, Serialize};

use crate::clock::seconds;
use crate::drive::{Mark, Marks, Outcome};
use crate::host::{HostFacts, ProcessFacts, share_a_cpu};
use crate::process::Usage;
use crate::series::Row;

/// The shortest time that a share of CPU time is judged by: what is shorter than a scheduler's tick says little.
const JUDGED_SPAN_MIN_S: f64 = 0.09;

/// CPU time and memory of the broker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct BrokerCosts {
    /// The processes watched.
    pub(crate) processes: Vec<ProcessFacts>,
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
    /// Resident bytes before the connections were closed; none if a process had ended by then.
    pub(crate) rss_end_bytes: Option<u64>,
    /// What resident memory grew by, per connection, while they were made and held; only where nothing else went on.
    pub(crate) bytes_per_connection: Option<f64>,
    /// As `bytes_per_connection`, from the first tenth of the connections on: without what the broker allocates once.
    pub(crate) bytes_per_further_connection: Option<f64>,
    /// Threads at the start.
    pub(crate) threads: u64,
    /// The highest share of one interval that one of its threads was on a CPU: at 1, that thread was the bottleneck.
    pub(crate) busiest_thread_max: f64,
}

/// CPU use between two moments.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) seconds: f64,
    pub(crate) cpu_s: f64,
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
        let cpu_s = to.cpu_s - from.cpu_s;
        Span {
            seconds: span_s,
            cpu_s,
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

    /// CPU microseconds per thing; none without things.
    fn cpu_us_per(&self, count: u64) -> Option<f64> {
        (count > 0).then(|| self.cpu_s * 1e6 / count as f64)
    }
}

impl BrokerCosts {
    /// `None` if the broker was not watched.
    pub(super) fn new(outcome: &Outcome, processes: Vec<ProcessFacts>) -> Option<BrokerCosts> {
        let Marks { start, connected, open, close, held, end, .. } = &outcome.marks;
        let before = start.as_ref()?.broker?;
        let connecting = Span::of_broker(start.as_ref(), connected.as_ref());
        let measured = Span::of_broker(open.as_ref(), close.as_ref());
        let idle = idle_mark(outcome);
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
            rss_end_bytes: end.as_ref().and_then(|mark| mark.broker).map(|usage| usage.rss_bytes),
            bytes_per_connection: bytes_per_connection(start.as_ref(), idle, |mark| mark.broker),
            bytes_per_further_connection: bytes_per_connection(outcome.marks.tenth.as_ref(), idle, |mark| {
                mark.broker
            }),
            threads: before.threads,
            busiest_thread_max: busiest_thread_max(&outcome.recording.rows),
            processes,
        })
    }
}

/// The mark at which connections were all there was.
fn idle_mark(outcome: &Outcome) -> Option<&Mark> {
    let Marks { connected, open, held, .. } = &outcome.marks;
    if open.is_some() { None } else { held.as_ref().or(connected.as_ref()) }
}

/// Whether memory per connection is known of a watched broker.
pub(super) fn has_idle_memory(outcome: &Outcome) -> bool {
    idle_mark(outcome).is_some_and(|mark| mark.broker.is_some())
}

fn bytes_per_connection(
    from: Option<&Mark>,
    to: Option<&Mark>,
    of: fn(&Mark) -> Option<Usage>,
) -> Option<f64> {
    let (from, to) = (from?, to?);
    let grown = of(to)?.rss_bytes as f64 - of(from)?.rss_bytes as f64;
    let connections = to.connections.saturating_sub(from.connections);
    (connections > 0).then(|| grown / connections as f64)
}

fn busiest_thread_max(rows: &[Row]) -> f64 {
    let (mut most, mut run_s, mut span_s) = (0.0, 0.0, 0.0);
    // Short intervals are judged together until they are long enough.
    for (row, broker) in judged(rows).filter_map(|row| Some((row, row.broker?))) {
        run_s += broker.busiest_thread * row.span_s;
        span_s += row.span_s;
        if span_s >= JUDGED_SPAN_MIN_S {
            most = f64::max(most, run_s / span_s);
            (run_s, span_s) = (0.0, 0.0);
        }
    }
    most
}

/// The rows that a run is judged by: those that are measured, or those in which connections were made where no messages
/// are measured.
fn judged(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let has_measured = rows.iter().any(|row| row.is_measured);
    rows.iter().filter(move |row| if has_measured { row.is_measured } else { row.counters.connected > 0 })
}

/// What the generator itself used.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct GeneratorCosts {
    /// While messages were measured, or connections made where there are none.
    pub(crate) measured: Option<Span>,
    /// CPU microseconds per message sent or delivered.
    pub(crate) cpu_us_per_message: Option<f64>,
    pub(crate) rss_bytes: u64,
    pub(crate) bytes_per_connection: Option<f64>,
    /// The longest time that nothing was looked at, beyond what was meant.
    pub(crate) longest_pause_s: f64,
    /// What its busy thread had left. None if the run was too short to tell.
    pub(crate) headroom: Option<Headroom>,
    /// Whether the broker may run on a CPU of the generator's; none if the broker was not watched.
    pub(crate) shares_cpu_with_broker: Option<bool>,
}

/// How much of its one CPU the thread that sends and receives has used: shares of the judged time, 0 to 1.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Headroom {
    /// On a CPU.
    pub(crate) busy: f64,
    /// Could have run, but something else did.
    pub(crate) waiting: f64,
    /// Neither: what was left.
    pub(crate) free: f64,
}

impl Headroom {
    fn new(rows: &[Row]) -> Option<Headroom> {
        let span_s: f64 = judged(rows).map(|row| row.span_s).sum();
        let share = |of: fn(&Row) -> f64| judged(rows).map(|row| of(row) * row.span_s).sum::<f64>() / span_s;
        let (busy, waiting) = (share(|row| row.generator.busy), share(|row| row.generator.waiting));
        (span_s >= JUDGED_SPAN_MIN_S).then(|| Headroom {
            busy,
            waiting,
            free: (1.0 - busy - waiting).max(0.0),
        })
    }
}

impl GeneratorCosts {
    pub(super) fn new(outcome: &Outcome, host: &HostFacts, broker: &[ProcessFacts]) -> GeneratorCosts {
        let Marks { start, connected, open, close, end, .. } = &outcome.marks;
        let messages = Span::of_generator(open.as_ref(), close.as_ref());
        let measured = messages.or_else(|| Span::of_generator(start.as_ref(), connected.as_ref()));
        let moved = match (open, close) {
            (Some(open), Some(close)) => close.sent - open.sent + close.delivered - open.delivered,
            _ => 0,
        };
        let idle = idle_mark(outcome);
        let meets = |process: &ProcessFacts| share_a_cpu(&host.cpus_allowed, &process.cpus_allowed);
        GeneratorCosts {
            measured,
            cpu_us_per_message: messages.and_then(|span| span.cpu_us_per(moved)),
            rss_bytes: end.as_ref().map_or(0, |mark| mark.own.rss_bytes),
            bytes_per_connection: bytes_per_connection(start.as_ref(), idle, |mark| Some(mark.own)),
            longest_pause_s: seconds(outcome.longest_pause),
            headroom: Headroom::new(&outcome.recording.rows),
            shares_cpu_with_broker: (!broker.is_empty()).then(|| broker.iter().any(meets)),
        }
    }
}
