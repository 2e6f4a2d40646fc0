//! What became of the messages of one flow, and the counts and times that flows and runs have in common.
//!
//! Owns what is expected of a broker. Must never judge: that is `verdict`.

use serde::{Deserialize, Serialize};

use crate::drive::Outcome;
use crate::ledger::Routing;
use crate::plan::Plan;
use crate::series::{Distribution, FlowRecorders};

/// What became of messages.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct MessageCounts {
    /// Messages that the schedule wanted sent; in a closed loop those sent.
    pub(super) due: u64,
    pub(super) sent: u64,
    /// Deliveries that the messages sent lead to; 0 if the run was broken off. Of messages that were abandoned, those that
    /// arrived.
    pub(super) expected: u64,
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) out_of_order: u64,
    pub(super) strays: u64,
    pub(super) acknowledged: u64,
    pub(super) rejected: u64,
    /// Publishes that were under way when their session ended: the broker need not have taken them.
    pub(super) abandoned: u64,
    /// Publishes that were sent again with DUP.
    pub(super) resent: u64,
}

/// How long messages took.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Times {
    /// From the time a message was meant to leave to its delivery.
    pub(super) latency: Distribution,
    /// From the time it left.
    pub(super) service: Distribution,
    /// From the time it was meant to leave to its last acknowledgement.
    pub(super) acknowledgement: Distribution,
}

/// What became of the messages of one flow.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct FlowCounts {
    pub(super) name: String,
    pub(super) publish_qos: u8,
    /// The quality at which messages reach subscribers.
    pub(super) delivered_qos: u8,
    /// Whether the sessions of its subscribers outlive their connections, and so keep what comes meanwhile.
    pub(super) keeps_sessions: bool,
    /// Whether its subscribers share one subscription.
    #[serde(default)]
    pub(super) is_shared: bool,
    #[serde(flatten)]
    pub(super) counts: MessageCounts,
    /// Absent where there is one flow, whose times are those of the run.
    #[serde(flatten)]
    pub(super) times: Option<Times>,
}

impl FlowCounts {
    pub(super) fn new(plan: &Plan, outcome: &Outcome, at: usize) -> FlowCounts {
        let (lane, tally) = (&plan.workload.lanes[at], &outcome.tally.lanes[at]);
        let (counts, sent) = (tally.ledger.counts(), outcome.sent[at]);
        let accepted = sent.saturating_sub(tally.rejected + tally.abandoned);
        let owed = accepted * u64::from(lane.copies()) + outcome.abandoned_arrived[at];
        let expected = if outcome.broken.is_none() { owed } else { 0 };
        let is_one_of_several = plan.workload.lanes.len() > 1;
        FlowCounts {
            name: lane.name.clone(),
            publish_qos: lane.publish_qos.bits(),
            delivered_qos: lane.delivered_qos().bits(),
            keeps_sessions: keeps_sessions(plan, lane.subscribers.start),
            is_shared: lane.routing == Routing::Group,
            counts: MessageCounts {
                due: outcome.due[at],
                sent,
                expected,
                delivered: counts.delivered,
                lost: expected.saturating_sub(counts.delivered),
                duplicated: counts.duplicated,
                out_of_order: counts.out_of_order,
                strays: counts.strays,
                acknowledged: tally.acknowledged,
                rejected: tally.rejected,
                abandoned: tally.abandoned,
                resent: tally.resent,
            },
            times: is_one_of_several.then(|| Times::new(&outcome.recording.totals.flows[at])),
        }
    }
}

impl MessageCounts {
    pub(super) fn add(&mut self, other: &MessageCounts) {
        self.due += other.due;
        self.sent += other.sent;
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.strays += other.strays;
        self.acknowledged += other.acknowledged;
        self.rejected += other.rejected;
        self.abandoned += other.abandoned;
        self.resent += other.resent;
    }
}

impl Times {
    pub(super) fn new(recorders: &FlowRecorders) -> Times {
        Times {
            latency: Distribution::new(&recorders.latency),
            service: Distribution::new(&recorders.service),
            acknowledgement: Distribution::new(&recorders.acknowledgement),
        }
    }
}

/// Whether the session of a client outlives its connection.
fn keeps_sessions(plan: &Plan, client: u32) -> bool {
    let mut groups = plan.workload.groups.iter();
    let group = groups.find(|group| group.clients.contains(&client));
    group.is_some_and(|group| group.terms.session_expiry_s.is_some())
}
