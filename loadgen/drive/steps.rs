//! The order of things: when a stage begins, and when it is over.
//!
//! Owns the rules. Must never write a packet.

use ringmq_protocol::Qos;

use crate::clock::{MILLISECOND, Nanos, SECOND, seconds};
use crate::scenario::{Pace, Stage};
use crate::stamp::as_stamped;
use crate::workload::Subscribing;

use super::desk::Writing;
use super::pacer::{Ending, Pacer};
use super::stepping::Stepping;
use super::{Begun, Bench};

/// How long is waited for what should not come, a duplicate, after all has come that should.
const SETTLE: Nanos = 200 * MILLISECOND;

/// How long is waited for the ends of streams.
const CLOSE_LIMIT: Nanos = 3 * SECOND;

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// At a stage of the scenario.
    Stage(usize),
    /// Ending all connections.
    Closing,
    Over,
}

impl Bench {
    /// Ends and begins stages as far as possible.
    pub(super) fn run_stages(&mut self, now: Nanos) {
        if self.marks.start.is_none() {
            let mut start = self.mark(now);
            start.own.rss_bytes = self.rss_before_bytes;
            self.marks.start = Some(start);
            self.begin(Phase::Stage(0), now, now);
        }
        self.note_tenth(now);
        if self.broken.is_some() && matches!(self.phase, Phase::Stage(_)) {
            self.close_window(now);
            self.begin(Phase::Closing, now, now);
        }
        while let Some(ended) = self.end_of_phase(now) {
            self.end_stage(now);
            let next = match self.phase {
                Phase::Stage(at) if at + 1 < self.plan.scenario.stages.len() => Phase::Stage(at + 1),
                Phase::Stage(_) => Phase::Closing,
                Phase::Closing | Phase::Over => Phase::Over,
            };
            self.begin(next, ended, now);
        }
    }

    /// The present stage of the scenario.
    pub(super) fn stage(&self) -> Option<&Stage> {
        match self.phase {
            Phase::Stage(at) => self.plan.scenario.stages.get(at),
            Phase::Closing | Phase::Over => None,
        }
    }

    /// What the present phase is called.
    pub(super) fn phase_name(&self) -> &'static str {
        match (self.phase, self.stage()) {
            (_, Some(stage)) => stage.name(),
            (Phase::Over, _) => "over",
            _ => "close",
        }
    }

    /// Begins a phase, which was due at `at`.
    fn begin(&mut self, phase: Phase, at: Nanos, now: Nanos) {
        if phase == Phase::Closing {
            // Still under the name of the stage that it ends.
            self.rest(now);
            self.marks.end = Some(self.mark(now));
        }
        self.phase = phase;
        self.phase_began = at;
        if phase != Phase::Over {
            self.began.push(Begun { stage: self.phase_name().into(), at_s: seconds(at) });
        }
        match (phase, self.stage().cloned()) {
            (Phase::Stage(_), Some(stage)) => self.begin_stage(&stage, at, now),
            (Phase::Closing, _) => self.begin_closing(now),
            _ => {}
        }
    }

    fn begin_stage(&mut self, stage: &Stage, at: Nanos, now: Nanos) {
        match stage {
            Stage::Ramp { clients, rate_per_s } => {
                for group in self.groups_named(clients) {
                    let numbers = self.plan.workload.groups[group].clients.clone();
                    let crowd = &self.crowd;
                    self.dialer.ramp(numbers.filter(|number| crowd.is_ahead(*number)), *rate_per_s, now);
                }
                self.flow_on(at);
            }
            Stage::WarmUp { span } => self.flow(at, at + span.0, 1.0),
            Stage::Publish { span } => {
                self.flow(at, span.map_or(Nanos::MAX, |span| at + span.0), 1.0);
                self.measure_from(at, now);
            }
            Stage::Burst { span, factor } => {
                self.flow(at, at + span.0, *factor);
                self.measure_from(at, now);
            }
            Stage::Drain {} => self.begin_draining(at),
            Stage::Hold { .. } => self.rest(at),
            Stage::Subscribe {} => self.subscribe_all(now),
            Stage::Clear {} => self.begin_clearing(now),
            Stage::Cut { clients, share, how } => {
                for group in self.groups_named(clients) {
                    self.cut(group, *share, *how, now);
                }
                self.flow_on(at);
            }
            Stage::Recover { .. } => self.flow_on(at),
        }
    }

    fn begin_closing(&mut self, now: Nanos) {
        self.silent_from = now;
        self.dialer.stop();
        self.crowd.numbers().for_each(|number| self.leave(number));
    }

    /// Indexes of the groups with these names; of all if none is named.
    fn groups_named(&self, names: &[String]) -> Vec<usize> {
        let scenario = &self.plan.scenario;
        match names {
            [] => (0..scenario.clients.len()).collect(),
            names => names.iter().filter_map(|name| scenario.group(name)).collect(),
        }
    }

    /// When the present phase was over; `None` while it goes on.
    fn end_of_phase(&mut self, now: Nanos) -> Option<Nanos> {
        let Phase::Stage(_) = self.phase else {
            let is_over = self.crowd.open() == 0 || now >= self.phase_began + CLOSE_LIMIT;
            return (self.phase == Phase::Closing && is_over).then_some(now);
        };
        if let Some(end) = self.phase_deadline() {
            let is_early = matches!(self.stage(), Some(Stage::Recover { .. })) && self.away == 0;
            return if is_early { Some(now) } else { (now >= end).then_some(end) };
        }
        let is_over = match self.stage()? {
            Stage::Ramp { .. } => self.dialer.is_done(),
            Stage::Drain {} => self.is_drained(now),
            Stage::Clear {} => self.is_cleared(now),
            Stage::Subscribe {} | Stage::Cut { .. } => true,
            _ => self.pacers.iter().all(Pacer::is_spent) && self.is_enough_heard(),
        };
        (is_over && self.have_all_come()).then_some(now)
    }

    /// Whether who listens to others has heard as much as was asked for.
    fn is_enough_heard(&self) -> bool {
        let lanes = self.plan.workload.lanes.iter().zip(&self.tally.lanes);
        lanes
            .into_iter()
            .all(|(lane, tally)| lane.heard_max.is_none_or(|most| tally.ledger.counts().delivered >= most))
    }

    /// Whether all parts of the run, if it has several, are through with the present stage.
    fn have_all_come(&mut self) -> bool {
        let Some(barrier) = &self.plan.barrier else { return true };
        let have_come = barrier.reach(self.meetings);
        self.meetings += usize::from(have_come);
        self.is_waiting = !have_come;
        have_come
    }

    /// When the present stage ends by the clock, if it does.
    pub(super) fn phase_deadline(&self) -> Option<Nanos> {
        match self.stage()? {
            Stage::WarmUp { span }
            | Stage::Publish { span: Some(span) }
            | Stage::Burst { span, .. }
            | Stage::Hold { span }
            | Stage::Recover { within: span } => Some(self.phase_began + span.0),
            _ => None,
        }
    }

    fn end_stage(&mut self, now: Nanos) {
        match self.stage() {
            Some(Stage::Ramp { .. }) if self.marks.connected.is_none() => {
                self.marks.connected = Some(self.mark(now));
            }
            Some(Stage::Publish { span: Some(_) } | Stage::Burst { .. } | Stage::Recover { .. }) => {
                self.close_window(now);
            }
            Some(Stage::Hold { .. }) => self.marks.held = Some(self.mark(now)),
            _ => {}
        }
    }

    /// Where there is nothing but connections, marks the moment when a tenth of them stood.
    fn note_tenth(&mut self, now: Nanos) {
        let tenth = u64::from(self.plan.workload.sessions() / 10);
        if !self.plan.workload.has_traffic() && self.marks.tenth.is_none() && self.tally.connected >= tenth {
            self.marks.tenth = Some(self.mark(now));
        }
    }

    /// Lets messages become due.
    fn flow(&mut self, from: Nanos, until: Nanos, factor: f64) {
        self.is_flowing = true;
        self.stepping.iter_mut().for_each(|stepping| stepping.begin(from));
        self.silent_from = Nanos::MAX;
        self.pacers.iter_mut().for_each(|pacer| pacer.run(from, until, factor));
    }

    /// What flows goes on, at the plain rate.
    fn flow_on(&mut self, from: Nanos) {
        if self.is_flowing {
            self.flow(from, Nanos::MAX, 1.0);
            self.marks.close = None;
        }
    }

    /// Lets nothing become due.
    fn rest(&mut self, at: Nanos) {
        self.is_flowing = false;
        self.stepping.iter_mut().for_each(Stepping::end);
        self.pacers.iter_mut().for_each(|pacer| pacer.rest(at));
    }

    /// Begins to measure, or goes on with it. Setting retained messages is not measured.
    fn measure_from(&mut self, at: Nanos, now: Nanos) {
        if self.awaits_subscribing() {
            return;
        }
        self.marks.close = None;
        if self.marks.open.is_none() {
            self.tally.measure_from = as_stamped(at);
            self.tally.last_progress = now;
            self.marks.open = Some(self.mark(now));
        }
    }

    fn awaits_subscribing(&self) -> bool {
        !self.is_subscribed && self.plan.workload.lanes.iter().any(|lane| lane.is_late)
    }

    fn begin_draining(&mut self, at: Nanos) {
        self.rest(at);
        self.silent_from = at + self.plan.scenario.drain.0;
        self.complete_since = None;
        if self.awaits_subscribing() {
            self.ping_with_publishers();
        }
    }

    /// The answers come when the broker has dealt with all that was published before.
    fn ping_with_publishers(&mut self) {
        for number in self.crowd.numbers() {
            if self.plan.workload.is_publisher(number) {
                self.ping_with(number);
            }
        }
    }

    fn subscribe_all(&mut self, now: Nanos) {
        self.is_subscribed = true;
        self.tally.last_progress = now;
        self.marks.open = Some(self.mark(now));
        for (lane, tally) in self.plan.workload.lanes.iter().zip(&mut self.tally.lanes) {
            tally.asked_at = lane.is_late.then_some(now);
        }
        for number in self.crowd.numbers() {
            self.subscribe(number, Subscribing::Late);
        }
    }

    /// Whether everything has arrived, and a moment has passed for duplicates; or there is no hope any more.
    fn is_drained(&mut self, now: Nanos) -> bool {
        if self.complete_since.is_none() && self.is_complete() {
            self.complete_since = Some(now);
            self.close_window(now);
        }
        let last = self.tally.last_progress.max(self.phase_began);
        match self.complete_since {
            Some(since) => now >= since + SETTLE,
            None if now >= last + self.plan.scenario.drain.0 => {
                self.close_window(last);
                true
            }
            None => false,
        }
    }

    /// Ends the measuring at `at`, if it goes on.
    fn close_window(&mut self, at: Nanos) {
        if self.marks.open.is_some() && self.marks.close.is_none() {
            self.marks.close = Some(self.mark(at));
        }
    }

    fn is_complete(&self) -> bool {
        let is_heard = !self.awaits_subscribing() || self.tally.pongs == self.tally.pings;
        is_heard && (0..self.pacers.len()).all(|at| self.is_lane_complete(at))
    }

    fn is_lane_complete(&self, at: usize) -> bool {
        let (lane, pacer, tally) = (&self.plan.workload.lanes[at], &self.pacers[at], &self.tally.lanes[at]);
        let sent = pacer.sent();
        let acknowledged = match lane.publish_qos {
            Qos::AtMostOnce => sent,
            _ => tally.acknowledged + tally.rejected + tally.abandoned,
        };
        let is_acknowledged = sent == pacer.due() && acknowledged == sent;
        if lane.is_shared_out {
            // What others have sent is not known here: silence is the sign.
            return is_acknowledged && self.last_turn >= quiet_from(self.tally.last_progress);
        }
        let awaited = self.awaited(at);
        let delivered = tally.ledger.counts().delivered;
        is_acknowledged && delivered >= awaited && delivered - tally.abandoned_arrived() >= awaited
    }

    /// Deliveries that what was sent on a lane leads to; of what was abandoned none.
    fn awaited(&self, at: usize) -> u64 {
        let (lane, tally) = (&self.plan.workload.lanes[at], &self.tally.lanes[at]);
        let copies = if lane.is_late && !self.is_subscribed { 0 } else { lane.copies() };
        self.pacers[at].sent().saturating_sub(tally.rejected + tally.abandoned) * u64::from(copies)
    }

    /// Deliveries that have not come yet; 0 where others send too, of whom nothing is known here.
    pub(super) fn undelivered(&self, at: usize) -> u64 {
        let delivered = self.tally.lanes[at].ledger.counts().delivered;
        let is_known = !self.plan.workload.lanes[at].is_shared_out && self.load.is_empty();
        if is_known { self.awaited(at).saturating_sub(delivered) } else { 0 }
    }

    /// Removes the retained messages. The subscribers leave, so that they do not receive the removal.
    fn begin_clearing(&mut self, now: Nanos) {
        self.rest(now);
        for number in self.crowd.numbers() {
            if self.plan.workload.lanes.iter().any(|lane| lane.retain && lane.subscribers.contains(&number)) {
                self.leave(number);
            }
        }
        self.load = std::mem::take(&mut self.pacers);
        let unpaced = Pace::Unpaced {};
        for (lane, load) in self.plan.workload.lanes.iter().zip(&self.load) {
            let messages = if lane.retain { load.sent() } else { 0 };
            let mut pacer = Pacer::new(&unpaced, Some(messages), Ending::Sending, lane.publisher_count(), 0);
            pacer.run(now, Nanos::MAX, 1.0);
            self.pacers.push(pacer);
        }
        self.desk.writing = Writing::Clearing;
        self.silent_from = Nanos::MAX;
        self.complete_since = None;
    }

    fn is_cleared(&mut self, now: Nanos) -> bool {
        if now >= self.phase_began + self.plan.scenario.drain.0 {
            return true;
        }
        if self.complete_since.is_none() && self.pacers.iter().all(Pacer::is_spent) {
            self.complete_since = Some(now);
            self.ping_with_publishers();
        }
        self.complete_since.is_some() && self.tally.pings == self.tally.pongs
    }
}

/// When nothing more is expected from other parts of the run, if nothing comes until then.
fn quiet_from(last_progress: Nanos) -> Nanos {
    last_progress + SECOND
}
