//! One thing that a run does, after the one before it is over.
//!
//! Owns the form of a stage. Must never know how it is done.

use serde::{Deserialize, Serialize};

use super::Span;

/// One thing that a run does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Stage {
    /// Connects, and subscribes unless that is a stage of its own. Over when all stand.
    Ramp {
        /// Which groups; none named means all.
        #[serde(default)]
        clients: Vec<String>,
        /// Connections to begin per second; without it as fast as `connect_inflight` allows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rate_per_s: Option<f64>,
    },
    /// Publishes before measuring; what is lost then counts all the same.
    WarmUp { span: Span },
    /// Publishes and measures.
    Publish {
        /// How long; without it until every flow has sent its messages.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        span: Option<Span>,
    },
    /// Publishes and measures at so many times the rate. Only flows in an open loop are changed.
    Burst { span: Span, factor: f64 },
    /// Waits for what is on its way. Flows rest until the next stage that publishes.
    Drain {},
    /// Keeps the connections. Flows rest until the next stage that publishes.
    Hold { span: Span },
    /// Subscribes to the retained flows.
    Subscribe {},
    /// Removes the retained messages.
    Clear {},
    /// Ends connections. Flows go on.
    Cut {
        /// Which groups; none named means all.
        #[serde(default)]
        clients: Vec<String>,
        /// The share of each group, 0 to 1.
        #[serde(default = "defaults::all")]
        share: f64,
        #[serde(default)]
        how: Ending,
    },
    /// Waits until every client is connected again. Flows go on.
    Recover {
        /// Whoever is not back after this long has failed.
        within: Span,
    },
}

impl Stage {
    /// How long it lasts, if it measures or holds for a given time.
    pub(crate) fn lasting(&self) -> Option<Span> {
        match self {
            Stage::Publish { span: Some(span) } | Stage::Burst { span, .. } | Stage::Hold { span } => {
                Some(*span)
            }
            _ => None,
        }
    }

    /// The place of [`Stage::lasting`].
    pub(super) fn lasting_mut(&mut self) -> Option<&mut Span> {
        match self {
            Stage::Publish { span: Some(span) } | Stage::Burst { span, .. } | Stage::Hold { span } => {
                Some(span)
            }
            _ => None,
        }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Stage::Ramp { .. } => "ramp",
            Stage::WarmUp { .. } => "warm-up",
            Stage::Publish { .. } => "publish",
            Stage::Burst { .. } => "burst",
            Stage::Drain {} => "drain",
            Stage::Hold { .. } => "hold",
            Stage::Subscribe {} => "subscribe",
            Stage::Clear {} => "clear",
            Stage::Cut { .. } => "cut",
            Stage::Recover { .. } => "recover",
        }
    }
}

/// How a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ending {
    /// With a TCP reset: both sides forget it at once.
    #[default]
    Reset,
    /// The stream ends, without DISCONNECT.
    Close,
}

mod defaults {
    pub(super) fn all() -> f64 {
        1.0
    }
}
