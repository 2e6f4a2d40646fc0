//! Connections that fail, end or are cut, and whether they are made again.
//!
//! Owns the rules of it. Must never write a packet.

use ringmq_ring::{Close, Closed};

use crate::clock::Nanos;
use crate::fault::Fault;
use crate::scenario::{Ending, OnLoss};

use super::crowd::Life;
use super::dialer::pause_before_retry;
use super::hear::abandon;
use super::steps::Phase;
use super::{Bench, Broken};

impl Bench {
    /// Deals with a connection that failed or ended: it is made again, or is given up, and with it perhaps the run.
    pub(super) fn fail(&mut self, number: u32, fault: &Fault, now: Nanos) {
        let peer = self.crowd.peer_mut(number);
        let life = peer.life;
        match life {
            Life::Leaving | Life::Gone | Life::Away | Life::Probe => return,
            Life::Dialling => self.dialer.end(),
            Life::Ahead | Life::Ready => {}
        }
        let was_ready = life == Life::Ready;
        if was_ready {
            self.tally.recovery.lost += 1;
        }
        if peer.away_since.is_some() {
            self.tally.note_failed_attempt(fault);
        } else {
            self.tally.note_fault(fault);
        }
        // Who was never connected has a reason that does not go away.
        let comes_back = was_ready || peer.away_since.is_some();
        if comes_back && self.plan.scenario.on_loss != OnLoss::Stop && self.phase != Phase::Closing {
            let failures = peer.attempts;
            peer.attempts = failures.saturating_add(1);
            let pause = pause_before_retry(self.plan.scenario.seed, number, failures);
            self.part(number, Close::Now, now);
            self.dialer.again(number, now + pause);
        } else {
            self.give_up(number, fault);
        }
    }

    /// What the end of a stream means.
    pub(super) fn ending(&self, number: u32, why: Closed) -> Fault {
        match self.crowd.peer(number).client.is_greeting() {
            true if why != Closed::ByUs => Fault::Unanswered(self.plan.workload.group(number).terms.version),
            _ => Fault::Closed(why),
        }
    }

    fn give_up(&mut self, number: u32, fault: &Fault) {
        let socket = self.crowd.detach(number);
        self.doomed.extend(socket.map(|socket| (socket, Close::Now)));
        self.crowd.set_life(number, Life::Gone);
        self.away -= u32::from(self.crowd.peer_mut(number).away_since.take().is_some());
        if self.plan.workload.has_traffic() && self.broken.is_none() {
            let name = self.desk.identity(&self.plan.workload, number).client_id.clone();
            self.broken = Some(Broken::Connection(format!("{name}: {fault}")));
        }
    }

    /// Ends a connection that will be made again.
    fn part(&mut self, number: u32, how: Close, now: Nanos) {
        let socket = self.crowd.detach(number);
        self.doomed.extend(socket.map(|socket| (socket, how)));
        let Bench { crowd, plan, tally, pacers, .. } = self;
        crowd.set_life(number, Life::Away);
        let peer = crowd.peer_mut(number);
        if peer.away_since.is_none() {
            peer.away_since = Some(now);
            self.away += 1;
        }
        let terms = &plan.workload.group(number).terms;
        peer.client.lose_connection(terms, |origin| abandon(&plan.workload, tally, pacers, origin, now));
    }

    /// Cuts a share of the ready connections of a group, spread evenly over it. They are made again at once.
    pub(super) fn cut(&mut self, group: usize, share: f64, how: Ending, now: Nanos) {
        let close = match how {
            Ending::Reset => Close::Reset,
            Ending::Close => Close::Now,
        };
        let numbers = self.plan.workload.groups[group].clients.clone();
        for (at, number) in numbers.enumerate() {
            let is_chosen = ((at + 1) as f64 * share).floor() > (at as f64 * share).floor();
            if is_chosen && self.crowd.peer(number).life == Life::Ready {
                self.tally.recovery.cut += 1;
                self.part(number, close, now);
                // Not in this turn, in which there may be bytes on their way to the old connection.
                self.dialer.again(number, now + 1);
            }
        }
    }
}
