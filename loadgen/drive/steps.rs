//! The order of things: when a step begins, and when it is over.
//!
//! Owns the rules. Must never write a packet.

use ringmq_protocol::Qos;

use crate::clock::{MILLISECOND, Nanos, SECOND};
use crate::plan::{Extent, Pace, Step};
use crate::stamp::as_stamped;
use crate::workload::{Role, Shape};

use super::Bench;
use super::flow::{Ending, Flow};
use super::speak::Writing;

/// How long is waited for what should not come, a duplicate, after all has come that should.
const SETTLE: Nanos = 200 * MILLISECOND;

/// How long is waited for the ends of streams.
const CLOSE_LIMIT: Nanos = 3 * SECOND;

impl Bench {
    /// Ends and begins steps as far as possible.
    pub(super) fn run_steps(&mut self, now: Nanos) {
        if self.marks.start.is_none() {
            self.marks.start = Some(self.mark(now));
        }
        self.note_marks(now);
        if self.broken.is_some() && self.current_step() != Some(Step::Close) {
            self.break_off(now);
        }
        while let Some(step) = self.current_step()
            && self.is_over(step, now)
        {
            self.end_step(step, now);
            self.step += 1;
            self.step_began = now;
            if let Some(next) = self.current_step() {
                self.begin_step(next, now);
            }
        }
    }

    /// Goes to the last step at once.
    fn break_off(&mut self, now: Nanos) {
        if self.marks.open.is_some() && self.marks.close.is_none() {
            self.marks.close = Some(self.mark(now));
        }
        let close = self.plan.steps.iter().position(|step| *step == Step::Close);
        self.step = close.expect("every plan ends with closing");
        self.step_began = now;
        self.begin_step(Step::Close, now);
    }

    fn begin_step(&mut self, step: Step, now: Nanos) {
        match step {
            Step::Connect | Step::Hold => {}
            Step::Publish => self.begin_publishing(now),
            Step::Drain => self.begin_draining(now),
            Step::Subscribe => self.subscribe_all(now),
            Step::Clear => self.begin_clearing(now),
            Step::Close => {
                self.marks.end = Some(self.mark(now));
                self.crowd.numbers().for_each(|number| self.leave(number));
            }
        }
    }

    fn is_over(&mut self, step: Step, now: Nanos) -> bool {
        match step {
            Step::Connect => self.dialer.is_done(),
            Step::Publish => self.flow.as_ref().is_none_or(|flow| flow.is_over(now)),
            Step::Drain => self.is_drained(now),
            Step::Subscribe => true,
            Step::Hold => now >= self.step_began + self.plan.hold,
            Step::Clear => self.is_cleared(now),
            Step::Close => self.crowd.open() == 0 || now >= self.step_began + CLOSE_LIMIT,
        }
    }

    fn end_step(&mut self, step: Step, now: Nanos) {
        match step {
            Step::Connect => self.marks.connected = Some(self.mark(now)),
            Step::Publish if matches!(self.plan.traffic.extent, Extent::Span(_)) => {
                self.marks.close = Some(self.mark(now));
            }
            Step::Hold => self.marks.held = Some(self.mark(now)),
            _ => {}
        }
    }

    /// Takes the marks that do not stand at the border of two steps.
    fn note_marks(&mut self, now: Nanos) {
        let tenth = u64::from(self.plan.workload.clients() / 10);
        if !self.plan.workload.has_traffic() && self.marks.tenth.is_none() && self.tally.connected >= tenth {
            self.marks.tenth = Some(self.mark(now));
        }
        if self.marks.open.is_none() && self.warm_up_end().is_some_and(|end| now >= end) {
            self.marks.open = Some(self.mark(now));
        }
    }

    fn warm_up_end(&self) -> Option<Nanos> {
        let publishing = self.current_step() == Some(Step::Publish) && self.is_subscribed;
        publishing.then_some(self.step_began + self.plan.traffic.warm_up)
    }

    /// When the present step is to be looked at again.
    pub(super) fn step_deadline(&self) -> Option<Nanos> {
        match self.current_step()? {
            Step::Publish if self.marks.open.is_none() => self.warm_up_end(),
            Step::Publish => match self.plan.traffic.extent {
                Extent::Span(span) => Some(self.step_began + span),
                Extent::Messages(_) => None,
            },
            Step::Hold => Some(self.step_began + self.plan.hold),
            _ => None,
        }
    }

    fn begin_publishing(&mut self, now: Nanos) {
        let traffic = &self.plan.traffic;
        let ending = match self.audience() {
            0 if traffic.publish_qos == Qos::AtMostOnce => Ending::Sending,
            0 => Ending::Acknowledgement,
            copies => Ending::Deliveries(copies),
        };
        self.flow = Some(Flow::new(traffic.pace, traffic.extent, ending, self.plan.workload.publishers, now));
        self.tally.measure_from = as_stamped(now + traffic.warm_up);
        self.tally.last_progress = now;
    }

    fn begin_draining(&mut self, now: Nanos) {
        self.desk.silent_from = now + self.plan.traffic.drain;
        self.complete_since = None;
        if self.plan.workload.shape == Shape::Retained && !self.is_subscribed {
            self.ping_with_publishers();
        }
    }

    /// The answers come when the broker has dealt with all that was published before.
    fn ping_with_publishers(&mut self) {
        (0..self.plan.workload.publishers).for_each(|publisher| self.ping_with(publisher));
    }

    fn subscribe_all(&mut self, now: Nanos) {
        self.is_subscribed = true;
        self.tally.asked_at = Some(now);
        self.tally.last_progress = now;
        self.marks.open = Some(self.mark(now));
        for subscriber in 0..self.plan.workload.subscribers {
            self.subscribe(self.plan.workload.client_of_subscriber(subscriber), subscriber);
        }
    }

    /// Subscribers of one message at present.
    fn audience(&self) -> u32 {
        match self.is_subscribed {
            true => self.plan.workload.routing().copies(self.plan.workload.subscribers),
            false => 0,
        }
    }

    /// Whether everything has arrived, and a moment has passed for duplicates; or there is no hope any more.
    fn is_drained(&mut self, now: Nanos) -> bool {
        if self.complete_since.is_none() && self.is_complete() {
            self.complete_since = Some(now);
            self.close_window(now);
        }
        let patience_end = self.tally.last_progress.max(self.step_began) + self.plan.traffic.drain;
        match self.complete_since {
            Some(since) => now >= since + SETTLE,
            None if now >= patience_end => {
                self.close_window(self.tally.last_progress.max(self.step_began));
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
        let Some(flow) = &self.flow else { return true };
        let tally = &self.tally;
        let acknowledged = match self.plan.traffic.publish_qos {
            Qos::AtMostOnce => flow.sent(),
            _ => tally.acknowledged + tally.rejected,
        };
        let awaited = (flow.sent() - tally.rejected.min(flow.sent())) * u64::from(self.audience());
        flow.sent() == flow.due()
            && acknowledged == flow.sent()
            && tally.ledger.counts().delivered >= awaited
            && (self.is_subscribed || tally.pongs == tally.pings)
    }

    /// Removes the retained messages. The subscribers leave, so that they do not receive the removal.
    fn begin_clearing(&mut self, now: Nanos) {
        for number in self.crowd.numbers() {
            if let Role::Subscriber(_) = self.plan.workload.role(number) {
                self.leave(number);
            }
        }
        self.load = self.flow.take();
        let extent = Extent::Messages(self.load.as_ref().map_or(0, Flow::sent));
        let publishers = self.plan.workload.publishers;
        self.flow = Some(Flow::new(Pace::Unpaced, extent, Ending::Sending, publishers, now));
        self.desk.writing = Writing::Clearing;
        self.desk.silent_from = Nanos::MAX;
        self.complete_since = None;
    }

    fn is_cleared(&mut self, now: Nanos) -> bool {
        if now >= self.step_began + self.plan.traffic.drain {
            return true;
        }
        if self.complete_since.is_none() && self.flow.as_ref().is_none_or(|flow| flow.is_over(now)) {
            self.complete_since = Some(now);
            self.ping_with_publishers();
        }
        self.complete_since.is_some() && self.tally.pings == self.tally.pongs
    }
}
