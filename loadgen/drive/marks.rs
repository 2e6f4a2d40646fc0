//! The moments between which rates and costs are measured.
//!
//! Owns the samples taken then. Must never know what a run does in between.

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::process::{self, Usage};
use crate::series::Counters;

/// What stood on the counters at one moment.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) at: Nanos,
    pub(crate) sent: u64,
    pub(crate) delivered: u64,
    /// Bytes of their payloads.
    #[serde(default)]
    pub(crate) sent_bytes: u64,
    #[serde(default)]
    pub(crate) delivered_bytes: u64,
    pub(crate) connections: u64,
    /// The broker, if it is watched and still there.
    pub(crate) broker: Option<Usage>,
    /// The generator.
    pub(crate) own: Usage,
}

impl Mark {
    /// The counters now; the processes are sampled here.
    pub(crate) fn take(at: Nanos, counters: Counters, broker_pids: &[u32]) -> Mark {
        let Counters { sent, delivered, sent_bytes, delivered_bytes, open: connections, .. } = counters;
        let broker = match broker_pids {
            [] => None,
            pids => process::sample(pids).ok().map(|sample| sample.usage),
        };
        let own = process::sample_self().usage;
        Mark { at, sent, delivered, sent_bytes, delivered_bytes, connections, broker, own }
    }
}

/// A stage of the scenario that has begun.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    /// What it is called.
    pub(crate) stage: String,
    /// When it was due to begin.
    pub(crate) at_s: f64,
}

/// The marks of a run, in their order.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// Before the first connection.
    pub(crate) start: Option<Mark>,
    /// When a tenth of the connections stood, where there is nothing but connections.
    pub(crate) tenth: Option<Mark>,
    /// When all connections stood.
    pub(crate) connected: Option<Mark>,
    /// When measuring began.
    pub(crate) open: Option<Mark>,
    /// When measuring ended.
    pub(crate) close: Option<Mark>,
    /// When the connections had been held.
    pub(crate) held: Option<Mark>,
    /// When closing began.
    pub(crate) end: Option<Mark>,
}

impl Marks {
    /// Those that were made.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Mark> {
        let Marks { start, tenth, connected, open, close, held, end } = self;
        [start, tenth, connected, open, close, held, end].into_iter().flatten()
    }

    /// The marks of two parts of a run as those of one: the later moment, the sum of what was counted and used.
    pub(crate) fn merged(&self, other: &Marks) -> Marks {
        Marks {
            start: merged(self.start, other.start),
            tenth: merged(self.tenth, other.tenth),
            connected: merged(self.connected, other.connected),
            open: merged(self.open, other.open),
            close: merged(self.close, other.close),
            held: merged(self.held, other.held),
            end: merged(self.end, other.end),
        }
    }
}

fn merged(one: Option<Mark>, other: Option<Mark>) -> Option<Mark> {
    let (one, other) = (one?, other?);
    let mut own = one.own;
    own.add(&other.own);
    Some(Mark {
        at: one.at.max(other.at),
        sent: one.sent + other.sent,
        delivered: one.delivered + other.delivered,
        sent_bytes: one.sent_bytes + other.sent_bytes,
        delivered_bytes: one.delivered_bytes + other.delivered_bytes,
        connections: one.connections + other.connections,
        broker: one.broker.or(other.broker),
        own,
    })
}
