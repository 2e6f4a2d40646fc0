//! A run: what the network reports becomes news of clients, and the steps of the plan become work for the network.
//!
//! Owns everything that lives while a run goes on. Must never know packets (that is `client`) nor judge what was measured
//! (that is `report`).
//!
//! | file | subject |
//! | --- | --- |
//! | `crowd` | the connections |
//! | `dialer` | the pace of connecting |
//! | `arrivals`, `pacer` | when messages become due; which publisher may send |
//! | `desk` | topics and payloads |
//! | `hear` | bytes from the broker |
//! | `speak` | bytes for the broker |
//! | `steps` | the order of things |
//! | `stepping` | where a stepped rate is |
//! | `pinger`, `outbox`, `tally`, `marks` | signs of life, bytes of a turn, counts, samples |
//! | `turns` | what the network reports, and what is done after each turn |
//! | `replies` | answers to requests |
//! | `lose` | connections that end, and are made again |

mod arrivals;
mod crowd;
mod desk;
mod dialer;
mod hear;
mod lose;
mod marks;
mod outbox;
mod pacer;
mod pinger;
mod prober;
mod proxy;
mod replies;
mod speak;
mod stepping;
mod steps;
mod tally;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringmq_protocol::Qos;
use ringmq_ring::{Close, SocketId};
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, MILLISECOND, Nanos};
use crate::fault::Fault;
use crate::latency::Latency;
use crate::ledger::Offender;
use crate::plan::Plan;
use crate::process;
use crate::series::{Counters, Moment, Recording, Series};
use crate::workload::Lane;

use crowd::{Crowd, Life};
use desk::Desk;
use dialer::Dialer;
use outbox::Outbox;
use pacer::{Ending, Pacer};
use pinger::Pinger;
use prober::{Prober, probers};
use replies::Replies;
use stepping::Stepping;
use steps::Phase;

pub(crate) use marks::{Begun, Mark, Marks};
pub(crate) use pacer::BACKLOG_MAX;
pub(crate) use prober::Probes;
pub(crate) use tally::{LaneTally, Tally};

/// Nothing waits longer than this to be looked at.
const TICK: Nanos = 100 * MILLISECOND;

/// As [`TICK`], while other parts of the run are waited for.
const MEETING_TICK: Nanos = 2 * MILLISECOND;

/// Why a run was given up before its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Broken {
    /// A connection failed or ended.
    Connection(String),
    /// The user said so.
    Interrupted,
    /// So much was due and had not left that the schedule was given up.
    Overrun,
}

/// A run under way.
pub(crate) struct Bench {
    plan: Plan,
    clock: Clock,
    crowd: Crowd,
    dialer: Dialer,
    /// By group.
    pingers: Vec<Pinger>,
    probers: Vec<Prober>,
    /// What is published at present, by lane.
    pacers: Vec<Pacer>,
    /// The load, once it has made room for the clearing.
    load: Vec<Pacer>,
    desk: Desk,
    tally: Tally,
    outbox: Outbox,
    replies: Replies,
    marks: Marks,
    series: Series,
    phase: Phase,
    phase_began: Nanos,
    /// The stages so far.
    began: Vec<Begun>,
    /// Whether messages become due.
    is_flowing: bool,
    /// Where a stepped rate is, if there is one.
    stepping: Option<Stepping>,
    /// Nothing due is published any more from then on.
    silent_from: Nanos,
    /// When everything awaited had come; a moment is left for what should not come.
    complete_since: Option<Nanos>,
    /// Whether subscribers that subscribe late have been told to.
    is_subscribed: bool,
    /// Meeting points with other parts of the run that have been passed, and whether one is waited at.
    meetings: usize,
    is_waiting: bool,
    /// Clients that are to be connected again.
    away: u32,
    /// Sockets that were connected in this turn.
    fresh: Vec<SocketId>,
    /// Sockets to be closed, and clients that leave in order.
    doomed: Vec<(SocketId, Close)>,
    leaving: Vec<u32>,
    interrupted: Arc<AtomicBool>,
    broken: Option<Broken>,
    last_turn: Nanos,
    longest_pause: Nanos,
    /// Resident bytes of the generator before it made room for its clients.
    rss_before_bytes: u64,
}

/// What a run leaves behind.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) recording: Recording,
    pub(crate) marks: Marks,
    /// The stages, in their order.
    pub(crate) began: Vec<Begun>,
    pub(crate) broken: Option<Broken>,
    pub(crate) longest_pause: Nanos,
    /// Messages sent, and those that the schedule wanted sent, by lane.
    pub(crate) sent: Vec<u64>,
    pub(crate) due: Vec<u64>,
    /// Deliveries of messages whose session ended before they were acknowledged, by lane.
    pub(crate) abandoned_arrived: Vec<u64>,
    /// The publishers whose messages did not all arrive once and in their order, by lane.
    pub(crate) offenders: Vec<Vec<Offender>>,
    /// Clients that were to be connected again and were not at the end.
    pub(crate) missing: u32,
    /// How late messages were looked at, as a summary and as the share beyond the bound.
    pub(crate) lag: crate::latency::Summary,
    pub(crate) lag_share: f64,
}

impl Bench {
    /// A run that begins now. `interrupted` may be set by someone else to end it.
    ///
    /// # Errors
    /// A payload file that cannot be read.
    pub(crate) fn new(plan: Plan, series: Series, interrupted: Arc<AtomicBool>) -> Result<Bench, String> {
        let rss_before_bytes = process::sample_self().usage.rss_bytes;
        let clock = plan.zero.map_or_else(Clock::start, Clock::with_zero);
        let (workload, scenario) = (&plan.workload, &plan.scenario);
        let mut crowd = Crowd::new(workload.clients());
        let pingers = workload.groups.iter();
        let pacers = workload.lanes.iter().enumerate();
        Ok(Bench {
            dialer: Dialer::new(plan.dialling.inflight_max, plan.dialling.timeout),
            pingers: pingers
                .map(|group| Pinger::new(group.terms.keep_alive_s, group.clients.clone(), 0))
                .collect(),
            pacers: pacers.map(|(at, lane)| pacer(lane, scenario.seed.wrapping_add(at as u64))).collect(),
            probers: probers(&mut crowd, workload),
            load: Vec::new(),
            desk: Desk::new(workload, scenario.seed)?,
            tally: Tally::new(workload),
            outbox: Outbox::default(),
            replies: Replies::default(),
            marks: Marks::default(),
            series,
            phase: Phase::Stage(0),
            phase_began: 0,
            began: Vec::new(),
            is_flowing: false,
            stepping: Stepping::new(scenario),
            silent_from: Nanos::MAX,
            complete_since: None,
            is_subscribed: false,
            meetings: 0,
            is_waiting: false,
            away: 0,
            fresh: Vec::new(),
            doomed: Vec::new(),
            leaving: Vec::new(),
            interrupted,
            broken: None,
            last_turn: 0,
            longest_pause: 0,
            rss_before_bytes,
            crowd,
            plan,
            clock,
        })
    }

    /// What was measured.
    pub(crate) fn into_outcome(mut self) -> (Plan, Outcome) {
        self.roll(self.clock.now());
        let load = if self.load.is_empty() { &self.pacers } else { &self.load };
        let mut lag = Latency::new();
        load.iter().for_each(|pacer| lag.merge(pacer.lag()));
        let is_shared_out = self.plan.workload.lanes.iter().any(|lane| lane.is_shared_out);
        let offenders = |(pacer, lane): (&Pacer, &LaneTally)| match is_shared_out {
            // What publishers elsewhere have sent is not known here.
            true => Vec::new(),
            false => lane.offenders(|publisher| pacer.sent_by(publisher)),
        };
        let outcome = Outcome {
            offenders: load.iter().zip(&self.tally.lanes).map(offenders).collect(),
            sent: load.iter().map(Pacer::sent).collect(),
            due: load.iter().map(Pacer::due).collect(),
            abandoned_arrived: self.tally.lanes.iter().map(LaneTally::abandoned_arrived).collect(),
            lag: lag.summary(),
            lag_share: lag.share_above(self.plan.lag_max),
            recording: self.series.finish(),
            tally: self.tally,
            marks: self.marks,
            began: self.began,
            broken: self.broken,
            longest_pause: self.longest_pause,
            missing: self.away,
        };
        (self.plan, outcome)
    }

    fn counters(&self) -> Counters {
        let (tally, counts) = (&self.tally, self.tally.counts());
        Counters {
            due: self.pacers.iter().map(Pacer::due).sum(),
            sent: self.pacers.iter().map(Pacer::sent).sum(),
            acknowledged: tally.sum(|lane| lane.acknowledged),
            rejected: tally.sum(|lane| lane.rejected),
            delivered: counts.delivered,
            sent_bytes: tally.sent_bytes,
            delivered_bytes: tally.delivered_bytes,
            duplicated: counts.duplicated,
            out_of_order: counts.out_of_order,
            connected: tally.connected,
            faults: tally.faults,
            lost: tally.recovery.lost,
            cut: tally.recovery.cut,
            recovered: tally.recovery.recovered,
            undelivered: (0..self.pacers.len()).map(|at| self.undelivered(at)).sum(),
            ready_least: None,
            ready: self.crowd.ready().into(),
            open: self.crowd.open().into(),
            dialling: self.dialer.inflight().into(),
        }
    }

    /// The counters and processes now. An interval of the series ends here too, so that it lies between two marks.
    fn mark(&mut self, at: Nanos) -> Mark {
        self.roll(at);
        Mark::take(at, self.counters(), &self.plan.broker_pids)
    }

    /// Ends an interval of the series.
    fn roll(&mut self, at: Nanos) {
        let ready_least = Some(self.crowd.take_ready_least().into());
        let moment = Moment {
            at,
            phase: self.phase_name(),
            is_measured: self.marks.open.is_some() && self.marks.close.is_none(),
            step: self.stepping.as_ref().and_then(Stepping::at),
            counters: Counters { ready_least, ..self.counters() },
        };
        self.series.roll(moment, &mut self.tally.recorders);
    }

    /// When something is to be done although nothing happens.
    fn next_alarm(&self, now: Nanos) -> Nanos {
        let tick = if self.is_waiting { MEETING_TICK } else { TICK };
        let pacers = self.pacers.iter().filter_map(Pacer::next_due);
        let pingers = self.pingers.iter().filter_map(Pinger::next_due);
        let step_end = self.stepping.as_ref().and_then(Stepping::next_end);
        let others = [self.dialer.next_due(), self.phase_deadline(), step_end].into_iter().flatten();
        let probers = self.probers.iter().map(Prober::next_due);
        pacers
            .chain(pingers)
            .chain(others)
            .chain(probers)
            .fold(self.series.next_due().min(now + tick), Nanos::min)
    }

    /// Notes how long nothing was looked at: no wait is meant to be longer than a tick. In the end nothing is measured.
    fn note_turn(&mut self, now: Nanos) {
        if self.marks.end.is_none() {
            let pause = (now - self.last_turn).saturating_sub(TICK);
            self.longest_pause = self.longest_pause.max(pause);
        }
        self.last_turn = now;
    }

    fn tick(&mut self, now: Nanos) {
        let is_stopped = self.plan.barrier.as_ref().is_some_and(|barrier| barrier.is_stopped());
        if (is_stopped || self.interrupted.load(Ordering::Relaxed)) && self.broken.is_none() {
            self.broken = Some(Broken::Interrupted);
        }
        while let Some((number, began)) = self.dialer.take_overdue(now) {
            let peer = self.crowd.peer(number);
            if peer.life == Life::Dialling && peer.began == began {
                self.fail(number, &Fault::TimedOut, now);
            }
        }
        self.pacers.iter_mut().for_each(|pacer| pacer.forgive(now));
        if self.broken.is_none() && self.pacers.iter().any(Pacer::is_overrun) {
            self.broken = Some(Broken::Overrun);
        }
        while self.stepping.as_ref().and_then(Stepping::next_end).is_some_and(|end| now >= end) {
            self.roll(now);
            self.stepping.iter_mut().for_each(Stepping::advance);
        }
        if now >= self.series.next_due() {
            self.roll(now);
        }
    }
}

/// The publishers of a lane, at rest. A message is on its way until its last subscriber has it.
fn pacer(lane: &Lane, seed: u64) -> Pacer {
    let copies = if lane.is_late { 0 } else { lane.copies() };
    let ending = match copies {
        0 if lane.publish_qos == Qos::AtMostOnce => Ending::Sending,
        0 => Ending::Acknowledgement,
        copies => Ending::Deliveries(copies),
    };
    Pacer::new(&lane.pace, lane.messages, ending, lane.publisher_count(), seed)
}
