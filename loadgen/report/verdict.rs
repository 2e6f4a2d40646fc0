//! Whether the broker kept its promises, and whether the run can tell.
//!
//! Owns the rules and their words. Must never change a figure.

use serde::{Deserialize, Serialize};

use crate::clock::{MILLISECOND, Nanos, seconds};
use crate::drive::{BACKLOG_MAX, Broken, Mark, Outcome};
use crate::plan::Plan;
use crate::scenario::OnLoss;
use crate::words::counted;

use super::Flowed;
use super::costs::{GeneratorCosts, Headroom, has_idle_memory};
use super::thresholds::Judged;

/// Share of the messages that may be looked at too late.
const LAG_SHARE_MAX: f64 = 0.01;

/// Share of one CPU above which the one thread of the generator is taken for the bottleneck.
const OWN_CORES_MAX: f64 = 0.95;

/// Share of the time in which the thread could have run but did not, from which on a run is not believed if nothing was left.
const WAITING_MAX: f64 = 0.05;

/// CPU seconds that a broker may have used to start.
const FRESH_CPU_S: f64 = 0.5;

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
    /// What became of the thresholds of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) thresholds: Vec<Judged>,
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
        invalid.extend(judge_lag(plan, outcome));
        if let Some(traffic) = traffic {
            let interrupted = outcome.tally.recovery.cut + outcome.tally.recovery.lost;
            judge_traffic(traffic, interrupted, &mut failures, &mut notes);
            if let Some(unsent) = unsent(outcome, traffic) {
                blame(outcome, unsent, &mut invalid, &mut failures);
            }
        }
        judge_connections(plan.scenario.on_loss, outcome, &mut failures, &mut notes);
        judge_watched(plan.scenario.on_loss, outcome, &mut failures, &mut notes);
        if outcome.tally.faults > outcome.tally.recovery.lost
            && !matches!(outcome.broken, Some(Broken::Connection(_)))
        {
            let failed = outcome.tally.faults - outcome.tally.recovery.lost;
            failures.push(format!("{} failed", counted(failed, "connection")));
        }
        notes.extend(note_neighbours(generator));
        notes.extend(note_used_broker(outcome));
        match &outcome.broken {
            Some(Broken::Connection(why)) => failures.push(format!("the run was broken off: {why}")),
            Some(Broken::Interrupted) => invalid.push("the run was interrupted".into()),
            Some(Broken::Overrun) => blame(outcome, overrun(), &mut invalid, &mut failures),
            None => {}
        }
        Verdict {
            is_valid: invalid.is_empty(),
            is_passed: failures.is_empty(),
            invalid,
            failures,
            notes,
            thresholds: Vec::new(),
        }
    }

    pub(super) fn exit_code(&self) -> u8 {
        match (self.is_passed, self.is_valid) {
            (false, _) => 1,
            (true, false) => 3,
            (true, true) => 0,
        }
    }
}

/// Why a run has not begun: not one of its clients got as far as a session. `None` if one did.
pub(crate) fn unbegun(plan: &Plan, outcome: &Outcome) -> Option<String> {
    let tally = &outcome.tally;
    let has_begun = tally.connected > 0 || tally.faults == 0 || outcome.broken == Some(Broken::Interrupted);
    (!has_begun).then(|| {
        let texts: Vec<&str> = tally.fault_texts.keys().map(String::as_str).collect();
        format!("no client could connect to {}: {}", plan.target().broker, texts.join("; "))
    })
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
        let ended = format!("{} ended that should have lasted", counted(recovery.lost, "connection"));
        match on_loss {
            OnLoss::Allow => notes.push(format!("{ended}, which this run allows")),
            OnLoss::Reconnect | OnLoss::Stop => failures.push(ended),
        }
    }
    if outcome.missing > 0 {
        failures.push(format!("{} could not connect again", counted(outcome.missing.into(), "client")));
    }
    if recovery.sessions_lost > 0 {
        let sessions = counted(recovery.sessions_lost, "persistent session");
        failures.push(format!("the broker had forgotten {sessions}"));
    }
    if outcome.tally.probes.failed > 0 {
        failures.push(format!("{} could not connect", counted(outcome.tally.probes.failed, "probe")));
    }
    if recovery.cut > 0 {
        notes.push(format!("cut on purpose: {}", counted(recovery.cut, "connection")));
    }
}

/// Whether the watched processes lasted: what one used that has ended is not known.
fn judge_watched(on_loss: OnLoss, outcome: &Outcome, failures: &mut Vec<String>, notes: &mut Vec<String>) {
    if has_watched_ended(outcome) {
        let ended = "a watched process ended during the run";
        match on_loss {
            OnLoss::Allow => notes.push(format!("{ended}, which this run allows")),
            OnLoss::Reconnect | OnLoss::Stop => failures.push(ended.into()),
        }
    }
}

fn has_watched_ended(outcome: &Outcome) -> bool {
    let is_there = |mark: &Option<Mark>| mark.as_ref().is_some_and(|mark| mark.broker.is_some());
    is_there(&outcome.marks.start) && !is_there(&outcome.marks.end)
}

/// Whom a rate that was not reached is put down to: the generator if it had trouble of its own, else the broker, and the
/// broker in any case if it was not there.
fn blame(outcome: &Outcome, why: String, invalid: &mut Vec<String>, failures: &mut Vec<String>) {
    let was_away = outcome.missing > 0 || outcome.tally.recovery.lost > 0 || has_watched_ended(outcome);
    if invalid.is_empty() || was_away { failures.push(why) } else { invalid.push(why) }
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

/// Whether a broker whose memory for each connection is told had worked before: it takes memory that it has kept again.
fn note_used_broker(outcome: &Outcome) -> Option<String> {
    let before_s = outcome.marks.start.as_ref()?.broker?.cpu_s;
    (has_idle_memory(outcome) && before_s > FRESH_CPU_S).then(|| {
        format!(
            "the broker had used {before_s:.1} s of CPU before this run: it may use memory again that it had kept, so bytes per \
             connection may be too few; start it anew"
        )
    })
}

/// Why the run was ended by its own schedule.
fn overrun() -> String {
    format!(
        "the run was ended: {BACKLOG_MAX} messages of a flow were due and had not left: the rate asked for is out of reach"
    )
}

/// Messages that the schedule wanted sent and that had no room in sockets or windows to the end.
fn unsent(outcome: &Outcome, traffic: &Flowed) -> Option<String> {
    let unsent = traffic.counts.due.saturating_sub(traffic.counts.sent);
    (unsent > 0 && outcome.broken.is_none()).then(|| {
        format!(
            "{} never left, because sockets or windows had no room: the rate asked for was not reached",
            counted(unsent, "due message")
        )
    })
}

/// Whether the generator looked at its schedule in time.
fn judge_lag(plan: &Plan, outcome: &Outcome) -> Option<String> {
    (outcome.lag_share > LAG_SHARE_MAX).then(|| {
        format!(
            "the generator missed its schedule: {:.1} % of the messages were sent more than {:.0} ms behind it",
            outcome.lag_share * 100.0,
            seconds(plan.lag_max) * 1000.0
        )
    })
}

/// Whether the broker did with the messages what MQTT promises. Where connections were `interrupted`, nothing is promised to
/// sessions that ended with them.
fn judge_traffic(traffic: &Flowed, interrupted: u64, failures: &mut Vec<String>, notes: &mut Vec<String>) {
    for flow in &traffic.flows {
        let bits = flow.delivered_qos;
        let of = if traffic.flows.len() > 1 { format!(" ({})", flow.name) } else { String::new() };
        match (flow.counts.lost, bits) {
            (0, _) => {}
            (lost, 0) => notes.push(format!("{} lost at QoS 0{of}", counted(lost, "message"))),
            (lost, _) if interrupted > 0 && !flow.keeps_sessions => notes.push(format!(
                "{} not delivered at QoS {bits}{of}: subscribers were away, and their sessions end with their connections",
                counted(lost, "message")
            )),
            (lost, _) => failures.push(format!("{} lost at QoS {bits}{of}", counted(lost, "message"))),
        }
        if flow.is_shared && flow.counts.lost > 0 && flow.counts.delivered == 0 {
            notes.push(format!(
                "nothing came through the shared subscription{of}: the broker may not know shared subscriptions"
            ));
        }
        if flow.counts.duplicated > 0 {
            let list = if bits == 1 { &mut *notes } else { &mut *failures };
            list.push(format!("{} duplicated at QoS {bits}{of}", counted(flow.counts.duplicated, "message")));
        }
    }
    if traffic.counts.abandoned > 0 {
        notes.push(format!(
            "{} under way when a session ended: the broker may or may not have accepted them",
            counted(traffic.counts.abandoned, "message")
        ));
    }
    for (count, what) in [
        (traffic.counts.out_of_order, "out of order"),
        (traffic.counts.strays, "for someone else"),
        (traffic.counts.rejected, "refused by the broker"),
    ] {
        if count > 0 {
            failures.push(format!("{} {what}", counted(count, "message")));
        }
    }
}

#[cfg(test)]
mod tests;
