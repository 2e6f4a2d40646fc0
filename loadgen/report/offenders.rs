//! The publishers whose messages suffered most, with their topics.
//!
//! Owns which of them are told. Must never count.

use serde::{Deserialize, Serialize};

use crate::drive::Outcome;
use crate::ledger::Offender;
use crate::plan::Plan;

/// Publishers that a report names.
pub(super) const OFFENDERS_MAX: usize = 20;

/// One publisher and topic.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct OffenderRow {
    pub(super) flow: String,
    /// Its number in the flow.
    pub(super) publisher: u32,
    /// Its topic; where each message has one of its own, that of the first lost message.
    pub(super) topic: String,
    /// Deliveries that are missing, those of refused publishes among them.
    pub(super) lost: u64,
    /// The number of the first message that is missing at some subscriber.
    pub(super) first_lost: Option<u32>,
    /// Subscribers at which something is missing.
    pub(super) subscribers: u32,
    pub(super) duplicated: u64,
    pub(super) out_of_order: u64,
}

/// How many there are; none is told of a run that was broken off, as with [`worst`].
pub(super) fn count(outcome: &Outcome) -> u64 {
    let all = outcome.offenders.iter().map(|lane| lane.len() as u64).sum();
    if outcome.broken.is_some() { 0 } else { all }
}

/// The worst of all lanes. Of a run that was broken off nobody waited for what is missing, so that it tells nothing.
pub(super) fn worst(plan: &Plan, outcome: &Outcome) -> Vec<OffenderRow> {
    if outcome.broken.is_some() {
        return Vec::new();
    }
    let lanes = outcome.offenders.iter().enumerate();
    let mut all: Vec<(usize, &Offender)> =
        lanes.flat_map(|(lane, offenders)| offenders.iter().map(move |offender| (lane, offender))).collect();
    all.sort_by_key(|(_, offender)| {
        std::cmp::Reverse(offender.lost + offender.duplicated + offender.out_of_order)
    });
    all.into_iter().take(OFFENDERS_MAX).map(|(lane, offender)| row(plan, lane, offender)).collect()
}

fn row(plan: &Plan, lane: usize, offender: &Offender) -> OffenderRow {
    let lane = &plan.workload.lanes[lane];
    let mut topic = String::new();
    lane.write_topic(offender.publisher, offender.first_lost.unwrap_or(0), &mut topic);
    OffenderRow {
        flow: lane.name.clone(),
        publisher: offender.publisher,
        topic,
        lost: offender.lost,
        first_lost: offender.first_lost,
        subscribers: offender.subscribers,
        duplicated: offender.duplicated,
        out_of_order: offender.out_of_order,
    }
}
