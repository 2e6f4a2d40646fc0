//! Whether the broker kept its promises, and whether the run can tell.
//!
//! Owns the rules and their words. Must never change a figure.

use serde::{Deserialize, Serialize};

use crate::clock::{MILLISECOND, Nanos, seconds};
use crate::drive::{BACKLOG_MAX, Broken, Mark, Outcome};
use crate::plan::Plan;
use crate::scenario::OnLoss;

use super::Flowed;
use super::costs::{GeneratorCosts, Headroom};

/// Share of the messages that may be looked at too late.
const LAG_SHARE_MAX: f64 = 0.01;

/// Share of one CPU above which the one thread of the generator is taken for the bottleneck.
const OWN_CORES_MAX: f64 = 0.95;

/// Share of the time in which the thread could have run but did not, from which on a run is not believed if nothing was left.
const WAITING_MAX: f64 = 0.05;

/// A pause that makes a run invalid.
const PAUSE_MAX: Nanos = 500 * MILLISECOND;

/// What a run is worth.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Verdict {
    /// The generator was not the bottleneck, and the run came to its end.
    pub(crate) is_valid: bool,
    /// Every check of the broker passed.
    pub(crate) is_passed: bool,
    /// Why the run is not valid.
    pub(crate) invalid: Vec<String>,
    /// Which checks failed.
    pub(crate) failures: Vec<String>,
    /// What else a reader should know.
    pub(crate) notes: Vec<String>,
}

impl Verdict {
    pub(super) fn new(
        plan: &Plan,
        outcome: &Outcome,
        traffic: Option<&Flowed>,
        generator: &GeneratorCosts,
    ) -> Verdict {
        let (mut failures, mut notes) = (Vec::new(), Vec::new());
        let mut invalid = judge_generator(outcome, generator);
        if let Some(traffic) = traffic {
            let interrupted = outcome.tally.recovery.cut + outcome.tally.recovery.lost;
            judge_traffic(traffic, interrupted, &mut failures, &mut notes);
            invalid.extend(judge_schedule(plan, outcome, traffic));
        }
        judge_connections(plan.scenario.on_loss, outcome, &mut failures, &mut notes);
        judge_watched(plan.scenario.on_loss, outcome, &mut failures, &mut notes);
        if outcome.tally.faults > outcome.tally.recovery.lost
            && !matches!(outcome.broken, Some(Broken::Connection(_)))
        {
            let failed = outcome.tally.faults - outcome.tally.recovery.lost;
            failures.push(format!("{failed} connections failed"));
        }
        notes.extend(note_neighbours(generator));
        match &outcome.broken {
            Some(Broken::Connection(why)) => failures.push(format!("the run was broken off: {why}")),
            Some(Broken::Interrupted) => invalid.push("the run was interrupted".into()),
            Some(Broken::Overrun) => invalid.push(overrun()),
            None => {}
        }
        Verdict { is_valid: invalid.is_empty(), is_passed: failures.is_empty(), invalid, failures, notes }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match (self.is_passed, self.is_valid) {
            (false, _) => 1,
            (true, false) => 3,
            (true, true) => 0,
        }
    }
}

/// Whether connections lasted, or were made again.
fn judge_connections(
    on_loss: OnLoss,
    outcome: &Outcome,
    failures: &mut Vec<String>,
    notes: &mut Vec<String>,
) {
    let recovery = &outcome.tally.recovery;
    if recovery.lost > 0 {
        let ended = format!("{} connections ended that were meant to go on", recovery.lost);
        match on_loss {
            OnLoss::Allow => notes.push(format!("{ended}, which this run allows")),
            OnLoss::Reconnect | OnLoss::Stop => failures.push(ended),
        }
    }
    if outcome.missing > 0 {
        failures.push(format!("{} clients could not connect again", outcome.missing));
    }
    if recovery.sessions_lost > 0 {
        failures.push(format!("the broker had forgotten {} persistent sessions", recovery.sessions_lost));
    }
    if outcome.tally.probes.failed > 0 {
        failures.push(format!("{} probes could not connect", outcome.tally.probes.failed));
    }
    if recovery.cut > 0 {
        notes.push(format!("{} connections were cut on purpose", recovery.cut));
    }
}

/// Whether the watched processes lasted: what one used that has ended is not known.
fn judge_watched(on_loss: OnLoss, outcome: &Outcome, failures: &mut Vec<String>, notes: &mut Vec<String>) {
    let is_there = |mark: &Option<Mark>| mark.as_ref().is_some_and(|mark| mark.broker.is_some());
    if is_there(&outcome.marks.start) && !is_there(&outcome.marks.end) {
        let ended = "a watched process ended during the run";
        match on_loss {
            OnLoss::Allow => notes.push(format!("{ended}, which this run allows")),
            OnLoss::Reconnect | OnLoss::Stop => failures.push(ended.into()),
        }
    }
}

/// What the generator is to blame for, whatever the workload.
fn judge_generator(outcome: &Outcome, generator: &GeneratorCosts) -> Vec<String> {
    let mut invalid = Vec::new();
    if let Some(Headroom { busy, waiting, free }) = generator.headroom {
        let (busy_percent, waiting_percent) = (busy * 100.0, waiting * 100.0);
        if busy > OWN_CORES_MAX {
            invalid.push(format!(
                "the generator used {busy_percent:.0} % of the one CPU it can use: it was the bottleneck"
            ));
        } else if waiting > WAITING_MAX && free < 1.0 - OWN_CORES_MAX {
            invalid.push(format!(
                "the generator was given {busy_percent:.0} % of a CPU and waited for it {waiting_percent:.0} % of the time: \
                 something else ran there"
            ));
        }
    }
    if outcome.longest_pause > PAUSE_MAX {
        invalid.push(format!("the generator stood still for {:.2} s", seconds(outcome.longest_pause)));
    }
    invalid
}

/// What may have disturbed the generator without stopping it.
fn note_neighbours(generator: &GeneratorCosts) -> Option<String> {
    let waiting = generator.headroom.map_or(0.0, |headroom| headroom.waiting);
    let is_shared = generator.shares_cpu_with_broker == Some(true);
    (waiting > WAITING_MAX).then(|| {
        let remedy = if is_shared { ": give broker and generator CPUs of their own" } else { "" };
        format!(
            "the generator waited for a CPU {:.0} % of the time, which latencies contain{remedy}",
            waiting * 100.0
        )
    })
}

/// Why the run was ended by its own schedule.
fn overrun() -> String {
    format!(
        "the run was ended: {BACKLOG_MAX} messages of a flow were due and had not left, so that broker or generator were far from \
         the rate asked for"
    )
}

/// Whether the load was the one asked for.
fn judge_schedule(plan: &Plan, outcome: &Outcome, traffic: &Flowed) -> Vec<String> {
    let mut invalid = Vec::new();
    if outcome.lag_share > LAG_SHARE_MAX {
        invalid.push(format!(
            "the generator missed its schedule: {:.1} % of the messages were looked at more than {:.0} ms late",
            outcome.lag_share * 100.0,
            seconds(plan.lag_max) * 1000.0
        ));
    }
    if traffic.counts.due > traffic.counts.sent && outcome.broken.is_none() {
        invalid.push(format!(
            "{} messages that were due never left, because sockets or windows had no room: the rate asked for was not reached",
            traffic.counts.due - traffic.counts.sent
        ));
    }
    invalid
}

/// Whether the broker did with the messages what MQTT promises. Where connections were `interrupted`, nothing is promised to
/// sessions that ended with them.
fn judge_traffic(traffic: &Flowed, interrupted: u64, failures: &mut Vec<String>, notes: &mut Vec<String>) {
    for flow in &traffic.flows {
        let bits = flow.delivered_qos;
        let of = if traffic.flows.len() > 1 { format!(" ({})", flow.name) } else { String::new() };
        match (flow.counts.lost, bits) {
            (0, _) => {}
            (lost, 0) => notes.push(format!("{lost} messages lost at QoS 0{of}")),
            (lost, _) if interrupted > 0 && !flow.keeps_sessions => notes.push(format!(
                "{lost} messages not delivered at QoS {bits}{of}: subscribers were away, and their sessions end with their \
                 connections"
            )),
            (lost, _) => failures.push(format!("{lost} messages lost at QoS {bits}{of}")),
        }
        if flow.is_shared && flow.counts.lost > 0 && flow.counts.delivered == 0 {
            notes.push(format!(
                "nothing came through the shared subscription{of}: the broker may not know shared subscriptions"
            ));
        }
        if flow.counts.duplicated > 0 {
            let list = if bits == 1 { &mut *notes } else { &mut *failures };
            list.push(format!("{} messages duplicated at QoS {bits}{of}", flow.counts.duplicated));
        }
    }
    if traffic.counts.abandoned > 0 {
        notes.push(format!(
            "{} publishes were under way when their sessions ended: the broker need not have taken them",
            traffic.counts.abandoned
        ));
    }
    for (count, what) in [
        (traffic.counts.out_of_order, "messages out of order"),
        (traffic.counts.strays, "messages that were for someone else"),
        (traffic.counts.rejected, "publishes refused"),
    ] {
        if count > 0 {
            failures.push(format!("{count} {what}"));
        }
    }
}
