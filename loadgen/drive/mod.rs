//! A run: what the network reports becomes news of clients, and the steps of the plan become work for the network.
//!
//! Owns everything that lives while a run goes on. Must never know packets (that is `client`) nor judge what was measured
//! (that is `report`).
//!
//! | file | subject |
//! | --- | --- |
//! | `crowd` | the connections |
//! | `dialer` | the pace of connecting |
//! | `flow` | which publisher may send, and when it was meant to |
//! | `hear` | bytes from the broker |
//! | `speak` | bytes for the broker |
//! | `steps` | the order of things |
//! | `pinger`, `outbox`, `tally`, `marks` | signs of life, bytes of a turn, counts, samples |

mod crowd;
mod dialer;
mod flow;
mod hear;
mod marks;
mod outbox;
mod pinger;
mod speak;
mod steps;
mod tally;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringmq_ring::{Closed, Driver, Handler, ListenerId, Network, Next, SocketId};

use crate::clock::{Clock, MILLISECOND, Nanos};
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::plan::{Plan, Step};
use crate::series::{Counters, Moment, Recording, Series};

use crowd::{Crowd, Life};
use dialer::Dialer;
use flow::Flow;
use outbox::Outbox;
use pinger::Pinger;
use speak::Desk;

pub(crate) use marks::{Mark, Marks};
pub(crate) use tally::Tally;

/// Nothing waits longer than this to be looked at.
const TICK: Nanos = 100 * MILLISECOND;

/// Why a run was given up before its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// A connection failed or ended.
    Connection(String),
    /// The user said so.
    Interrupted,
}

/// A run under way.
pub(crate) struct Bench {
    plan: Plan,
    clock: Clock,
    crowd: Crowd,
    dialer: Dialer,
    pinger: Pinger,
    /// What is published at present; from the first step on that publishes.
    flow: Option<Flow>,
    /// The load, once it has made room for the clearing.
    load: Option<Flow>,
    desk: Desk,
    tally: Tally,
    outbox: Outbox,
    marks: Marks,
    series: Series,
    /// Index in the plan's steps; beyond them when the run is over.
    step: usize,
    step_began: Nanos,
    /// When everything awaited had come; a moment is left for what should not come.
    complete_since: Option<Nanos>,
    /// Whether all subscribers have been told to subscribe.
    is_subscribed: bool,
    /// Sockets that were connected in this turn.
    fresh: Vec<SocketId>,
    /// Clients whose socket is to be closed at once, and those to be closed in order.
    doomed: Vec<SocketId>,
    leaving: Vec<u32>,
    interrupted: Arc<AtomicBool>,
    broken: Option<Broken>,
    last_turn: Nanos,
    longest_pause: Nanos,
}

/// What a run leaves behind.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) recording: Recording,
    pub(crate) marks: Marks,
    pub(crate) broken: Option<Broken>,
    pub(crate) longest_pause: Nanos,
    /// Messages sent, and those that the schedule wanted sent.
    pub(crate) sent: u64,
    pub(crate) due: u64,
    /// How late messages were looked at, as a summary and as the share beyond the bound.
    pub(crate) lag: crate::latency::Summary,
    pub(crate) lag_share: f64,
}

impl Bench {
    /// A run that begins now. `interrupted` may be set by someone else to end it.
    pub(crate) fn new(plan: Plan, series: Series, interrupted: Arc<AtomicBool>) -> Bench {
        let clock = Clock::start();
        let workload = &plan.workload;
        let clients = workload.clients();
        let ledger = Ledger::new(workload.routing(), workload.publishers, workload.subscribers);
        Bench {
            crowd: Crowd::new(clients),
            dialer: Dialer::new(&plan.dialling, clients, 0),
            pinger: Pinger::new(plan.terms.keep_alive_s, clients, 0),
            flow: None,
            load: None,
            desk: Desk::new(&plan),
            tally: Tally::new(ledger, workload.run as u8),
            outbox: Outbox::default(),
            marks: Marks::default(),
            series,
            step: 0,
            step_began: 0,
            complete_since: None,
            is_subscribed: !plan.has(Step::Subscribe),
            fresh: Vec::new(),
            doomed: Vec::new(),
            leaving: Vec::new(),
            interrupted,
            broken: None,
            last_turn: 0,
            longest_pause: 0,
            plan,
            clock,
        }
    }

    /// What was measured.
    pub(crate) fn into_outcome(mut self) -> (Plan, Outcome) {
        self.roll(self.clock.now());
        let load = self.load.or(self.flow);
        let outcome = Outcome {
            sent: load.as_ref().map_or(0, Flow::sent),
            due: load.as_ref().map_or(0, Flow::due),
            lag: load.as_ref().map(|flow| flow.lag().summary()).unwrap_or_default(),
            lag_share: load.as_ref().map_or(0.0, |flow| flow.lag().share_above(self.plan.lag_max)),
            recording: self.series.finish(),
            tally: self.tally,
            marks: self.marks,
            broken: self.broken,
            longest_pause: self.longest_pause,
        };
        (self.plan, outcome)
    }

    fn current_step(&self) -> Option<Step> {
        self.plan.steps.get(self.step).copied()
    }

    fn counters(&self) -> Counters {
        let (tally, counts) = (&self.tally, self.tally.ledger.counts());
        Counters {
            due: self.flow.as_ref().map_or(0, Flow::due),
            sent: self.flow.as_ref().map_or(0, Flow::sent),
            acknowledged: tally.acknowledged,
            rejected: tally.rejected,
            delivered: counts.delivered,
            duplicated: counts.duplicated,
            out_of_order: counts.out_of_order,
            connected: tally.connected,
            faults: tally.faults,
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
        let moment = Moment {
            at,
            phase: self.current_step().map_or("close", Step::name),
            is_measured: self.marks.open.is_some() && self.marks.close.is_none(),
            counters: self.counters(),
        };
        self.series.roll(moment, &mut self.tally.recorders);
    }

    /// Gives up on one connection, and on the run if it cannot go on without.
    fn fail(&mut self, number: u32, fault: &Fault) {
        let peer = self.crowd.peer_mut(number);
        match peer.life {
            Life::Leaving | Life::Gone => return,
            Life::Dialling => self.dialer.end(),
            Life::Ahead | Life::Ready => {}
        }
        peer.life = Life::Gone;
        self.doomed.extend(peer.socket);
        self.tally.note_fault(fault);
        if self.plan.workload.has_traffic() && self.broken.is_none() {
            let mut name = String::new();
            self.plan.workload.write_client_id(number, &mut name);
            self.broken = Some(Broken::Connection(format!("{name}: {fault}")));
        }
    }

    /// When something is to be done although nothing happens.
    fn next_alarm(&self, now: Nanos) -> Nanos {
        let flow = self.flow.as_ref().and_then(Flow::next_due);
        let due = [flow, self.dialer.next_due(), self.pinger.next_due(), self.step_deadline()];
        due.into_iter().flatten().fold(self.series.next_due().min(now + TICK), Nanos::min)
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
        if self.interrupted.load(Ordering::Relaxed) && self.broken.is_none() {
            self.broken = Some(Broken::Interrupted);
        }
        while let Some(number) = self.dialer.take_overdue(now) {
            if self.crowd.peer(number).life == Life::Dialling {
                self.fail(number, &Fault::TimedOut);
            }
        }
        if let Some(flow) = &mut self.flow {
            flow.forgive(now);
        }
        if now >= self.series.next_due() {
            self.roll(now);
        }
    }
}

impl Handler for Bench {
    fn accepted(&mut self, _: ListenerId, _: SocketId) {
        unreachable!("nothing listens");
    }

    fn connected(&mut self, id: SocketId, result: io::Result<()>) {
        let Some(number) = self.crowd.find(id) else { return };
        match result.map_err(Fault::Dial).and_then(|()| self.greet(number)) {
            Ok(()) => self.fresh.push(id),
            Err(fault) => self.fail(number, &fault),
        }
    }

    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        let Some(number) = self.crowd.find(id) else { return };
        let now = self.clock.now();
        if let Err(fault) = self.hear(number, bytes, now) {
            self.fail(number, &fault);
        }
    }

    fn stalled(&mut self, id: SocketId) {
        if let Some(number) = self.crowd.find(id) {
            self.crowd.peer_mut(number).is_stalled = true;
        }
    }

    fn drained(&mut self, id: SocketId) {
        if let Some(number) = self.crowd.find(id) {
            self.crowd.peer_mut(number).is_stalled = false;
            self.note_room(number);
        }
    }

    fn closed(&mut self, id: SocketId, why: Closed) {
        if let Some(number) = self.crowd.detach(id) {
            self.fail(number, &Fault::Closed(why));
            self.crowd.peer_mut(number).life = Life::Gone;
        }
    }

    fn detached(&mut self, _: SocketId, _: OwnedFd) {
        unreachable!("no socket is asked back");
    }

    fn woken(&mut self) {}

    fn alarm(&mut self) {}
}

impl Driver for Bench {
    fn after_turn(&mut self, net: &mut Network) -> Next {
        let now = self.clock.now();
        self.note_turn(now);
        for id in self.fresh.drain(..) {
            net.receive(id);
        }
        self.tick(now);
        self.run_steps(now);
        self.dial(net, now);
        self.ping(now);
        self.publish(now);
        self.flush(net);
        if self.current_step().is_none() {
            return Next::Stop;
        }
        net.set_alarm(Some(self.clock.instant(self.next_alarm(now))));
        match self.flow.as_ref().is_some_and(Flow::has_listed) {
            true => Next::Again,
            false => Next::Wait,
        }
    }
}
