//! Which publisher may send its next message now, and when that message was meant to leave.
//!
//! Owns the schedule, the windows and how far each publisher is. Must never know connections: whether a socket or a window of
//! QoS 1 and 2 has room is for the caller to ask.
//!
//! In an open loop message k of the run is due at start + k / rate and belongs to publisher k mod N, whatever became of those
//! before it. In a closed loop a publisher has so many messages on their way, which end with their last delivery, or with
//! their acknowledgement where nobody subscribes.

use crate::clock::{Nanos, SECOND};
use crate::latency::Latency;
use crate::plan::{Extent, Pace};
use crate::schedule::Schedule;

/// A closed window whose messages do not arrive is opened again after this long: at QoS 0 they may be lost.
const FORGIVE_AFTER: Nanos = SECOND;

/// How far one publisher is.
#[derive(Debug, Default)]
struct Sender {
    sent: u32,
    /// Messages it sends at most.
    quota: u32,
    /// In the list of those that may have something to send.
    listed: bool,
    /// Ends of its messages so far: `ends_per_message` for each.
    ended: u64,
    last_end: Nanos,
}

/// What ends a message on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// So many deliveries.
    Deliveries(u32),
    /// Its acknowledgement.
    Acknowledgement,
    /// Its sending.
    Sending,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Gate {
    Schedule(Schedule),
    Window(u32),
    Open,
}

/// The publishers of one step.
#[derive(Debug)]
pub(crate) struct Flow {
    gate: Gate,
    ending: Ending,
    senders: Vec<Sender>,
    listed: Vec<u32>,
    /// Nothing becomes due from here on.
    until: Nanos,
    /// Open loop: the next message of the run to become due, and how many there are.
    cursor: u64,
    total: u64,
    sent: u64,
    /// Open loop: how late each message was looked at: what the generator itself is to blame for.
    lag: Latency,
}

impl Flow {
    /// A flow that begins at `start`.
    pub(crate) fn new(pace: Pace, extent: Extent, ending: Ending, publishers: u32, start: Nanos) -> Flow {
        let gate = match pace {
            Pace::Open(rate) => Gate::Schedule(Schedule::new(start, rate)),
            Pace::Closed(_) if ending == Ending::Sending => Gate::Open,
            Pace::Closed(window) => Gate::Window(window),
            Pace::Unpaced => Gate::Open,
        };
        let (total, until) = match (extent, pace) {
            (Extent::Messages(messages), _) => (messages, Nanos::MAX),
            (Extent::Span(span), Pace::Open(rate)) => {
                ((span as f64 / SECOND as f64 * rate).ceil() as u64, start + span)
            }
            (Extent::Span(span), _) => (u64::MAX, start + span),
        };
        let mut flow = Flow {
            gate,
            ending,
            senders: (0..publishers).map(|number| sender(number, publishers, total)).collect(),
            listed: Vec::new(),
            until,
            cursor: 0,
            total,
            sent: 0,
            lag: Latency::new(),
        };
        if !matches!(gate, Gate::Schedule(_)) {
            (0..publishers).for_each(|publisher| flow.list(publisher));
        }
        flow
    }

    /// Messages sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Open loop: messages that became due so far; else those sent.
    pub(crate) fn due(&self) -> u64 {
        if matches!(self.gate, Gate::Schedule(_)) { self.cursor } else { self.sent }
    }

    /// How late messages were looked at.
    pub(crate) fn lag(&self) -> &Latency {
        &self.lag
    }

    /// Whether nothing will become due any more.
    pub(crate) fn is_over(&self, now: Nanos) -> bool {
        now >= self.until
            || match self.gate {
                Gate::Schedule(_) => self.cursor == self.total,
                Gate::Window(_) | Gate::Open => self.sent == self.total,
            }
    }

    /// Moves the schedule on, and lists the publishers whose messages have become due.
    pub(crate) fn advance(&mut self, now: Nanos) {
        let Gate::Schedule(schedule) = self.gate else { return };
        while self.cursor < self.total {
            let due = schedule.due_at(self.cursor);
            if due > now {
                break;
            }
            self.lag.record(now - due);
            self.list((self.cursor % self.senders.len() as u64) as u32);
            self.cursor += 1;
        }
    }

    /// When the next message becomes due, in an open loop.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        match self.gate {
            Gate::Schedule(schedule) if self.cursor < self.total => Some(schedule.due_at(self.cursor)),
            _ => None,
        }
    }

    /// Notes that a publisher may have something to send, or has room again.
    pub(crate) fn list(&mut self, publisher: u32) {
        let sender = &mut self.senders[publisher as usize];
        if !sender.listed {
            sender.listed = true;
            self.listed.push(publisher);
        }
    }

    /// Exchanges the list of publishers to look at for the memory of an earlier one.
    pub(crate) fn take_listed(&mut self, listed: &mut Vec<u32>) {
        listed.clear();
        std::mem::swap(&mut self.listed, listed);
        for &publisher in listed.iter() {
            self.senders[publisher as usize].listed = false;
        }
    }

    /// Whether some publisher is to be looked at.
    pub(crate) fn has_listed(&self) -> bool {
        !self.listed.is_empty()
    }

    /// The next message of a publisher, if it may leave now: its number, and when it was meant to.
    pub(crate) fn next_message(&self, publisher: u32, now: Nanos) -> Option<(u32, Nanos)> {
        let sender = &self.senders[publisher as usize];
        if sender.sent == sender.quota {
            return None;
        }
        let intended = match self.gate {
            Gate::Schedule(schedule) => {
                schedule.due_at(u64::from(sender.sent) * self.senders.len() as u64 + u64::from(publisher))
            }
            Gate::Window(window) if self.under_way(sender) >= u64::from(window) => return None,
            Gate::Window(_) | Gate::Open if now >= self.until => return None,
            Gate::Window(_) | Gate::Open => now,
        };
        (intended <= now).then_some((sender.sent, intended))
    }

    /// Messages on their way, the last one counted until all of it has arrived.
    fn under_way(&self, sender: &Sender) -> u64 {
        u64::from(sender.sent) - sender.ended / u64::from(self.ends_per_message())
    }

    fn ends_per_message(&self) -> u32 {
        match self.ending {
            Ending::Deliveries(copies) => copies,
            Ending::Acknowledgement | Ending::Sending => 1,
        }
    }

    /// Notes that a publisher's next message has left.
    pub(crate) fn note_sent(&mut self, publisher: u32) {
        self.senders[publisher as usize].sent += 1;
        self.sent += 1;
    }

    /// Notes a first delivery of a message.
    pub(crate) fn note_delivered(&mut self, publisher: u32, now: Nanos) {
        if let (Gate::Window(_), Ending::Deliveries(_)) = (self.gate, self.ending) {
            self.note_end(publisher, now);
        }
    }

    /// Notes an acknowledgement. In any case it has made room in the window of QoS 1 and 2.
    pub(crate) fn note_acknowledged(&mut self, publisher: u32, now: Nanos) {
        match (self.gate, self.ending) {
            (Gate::Window(_), Ending::Acknowledgement) => self.note_end(publisher, now),
            _ => self.list(publisher),
        }
    }

    fn note_end(&mut self, publisher: u32, now: Nanos) {
        let ends_per_message = u64::from(self.ends_per_message());
        let sender = &mut self.senders[publisher as usize];
        sender.ended = (sender.ended + 1).min(u64::from(sender.sent) * ends_per_message);
        sender.last_end = now;
        self.list(publisher);
    }

    /// Opens closed windows that nothing came back for in a while.
    pub(crate) fn forgive(&mut self, now: Nanos) {
        let Gate::Window(window) = self.gate else { return };
        let ends_per_message = u64::from(self.ends_per_message());
        for publisher in 0..self.senders.len() {
            let sender = &self.senders[publisher];
            if self.under_way(sender) >= u64::from(window) && now >= sender.last_end + FORGIVE_AFTER {
                let sender = &mut self.senders[publisher];
                sender.ended = u64::from(sender.sent) * ends_per_message;
                sender.last_end = now;
                self.list(publisher as u32);
            }
        }
    }
}

fn sender(number: u32, publishers: u32, total: u64) -> Sender {
    let publishers = u64::from(publishers);
    let share = total / publishers + u64::from(u64::from(number) < total % publishers);
    // The last number is kept free: a ledger could not count beyond it.
    Sender { quota: share.min(u64::from(u32::MAX - 1)) as u32, ..Sender::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends what may be sent, publisher by publisher; at most `most` messages.
    fn send(flow: &mut Flow, now: Nanos, most: usize) -> Vec<(u32, u32, Nanos)> {
        flow.advance(now);
        let (mut sent, mut listed) = (Vec::new(), Vec::new());
        flow.take_listed(&mut listed);
        for publisher in listed {
            while sent.len() < most
                && let Some((number, intended)) = flow.next_message(publisher, now)
            {
                flow.note_sent(publisher);
                sent.push((publisher, number, intended));
            }
        }
        sent
    }

    #[test]
    fn an_open_loop_sends_by_the_schedule_in_turn() {
        let pace = Pace::Open(10.0);
        let mut flow = Flow::new(pace, Extent::Span(SECOND), Ending::Deliveries(1), 3, 1000);
        assert_eq!(send(&mut flow, 999, 9), []);
        assert_eq!(send(&mut flow, 1000, 9), [(0, 0, 1000)]);
        assert_eq!(flow.next_due(), Some(1000 + SECOND / 10));
        let late = 1000 + 3 * SECOND / 10;
        let sent = send(&mut flow, late, 9);
        assert_eq!(sent, [(1, 0, 100_001_000), (2, 0, 200_001_000), (0, 1, 300_001_000)]);
        send(&mut flow, 1000 + 2 * SECOND, 99);
        assert_eq!((flow.sent(), flow.due()), (10, 10));
        assert!(flow.is_over(1000 + SECOND));
        assert_eq!(flow.next_due(), None);
    }

    #[test]
    fn a_blocked_publisher_catches_up_with_its_own_intended_times() {
        let mut flow = Flow::new(Pace::Open(1000.0), Extent::Messages(4), Ending::Deliveries(1), 2, 0);
        assert_eq!(send(&mut flow, SECOND, 1), [(0, 0, 0)]);
        assert_eq!((flow.due(), flow.sent()), (4, 1));
        assert!(flow.is_over(SECOND), "all have become due");
        flow.list(0);
        flow.list(1);
        let sent = send(&mut flow, 2 * SECOND, 9);
        assert_eq!(sent, [(0, 1, 2_000_000), (1, 0, 1_000_000), (1, 1, 3_000_000)]);
        assert!(
            (flow.lag().summary().max_us - 1e6).abs() < 1e3,
            "lag is what the schedule was looked at late"
        );
    }

    #[test]
    fn a_closed_loop_keeps_a_window_of_messages_on_their_way() {
        let mut flow = Flow::new(Pace::Closed(2), Extent::Messages(7), Ending::Deliveries(3), 2, 0);
        assert_eq!(send(&mut flow, 5, 99), [(0, 0, 5), (0, 1, 5), (1, 0, 5), (1, 1, 5)]);
        flow.note_delivered(1, 6);
        flow.note_delivered(1, 6);
        assert_eq!(send(&mut flow, 6, 99), [], "one of three copies is missing");
        flow.note_delivered(1, 7);
        assert_eq!(send(&mut flow, 7, 99), [(1, 2, 7)]);
        flow.note_acknowledged(0, 8);
        assert_eq!(send(&mut flow, 8, 99), []);
        (0..6).for_each(|_| flow.note_delivered(0, 9));
        assert_eq!(send(&mut flow, 9, 99), [(0, 2, 9), (0, 3, 9)]);
        assert!(flow.is_over(9));
    }

    #[test]
    fn a_closed_loop_ends_with_its_span() {
        let mut flow = Flow::new(Pace::Closed(1), Extent::Span(10), Ending::Acknowledgement, 1, 0);
        assert_eq!(send(&mut flow, 9, 99).len(), 1);
        flow.note_acknowledged(0, 10);
        assert_eq!(send(&mut flow, 10, 99), []);
        assert!(flow.is_over(10));
    }

    #[test]
    fn a_window_whose_messages_were_lost_opens_again() {
        let mut flow = Flow::new(Pace::Closed(1), Extent::Messages(9), Ending::Deliveries(1), 1, 0);
        assert_eq!(send(&mut flow, 0, 99).len(), 1);
        flow.forgive(FORGIVE_AFTER - 1);
        assert_eq!(send(&mut flow, FORGIVE_AFTER - 1, 99), []);
        flow.forgive(FORGIVE_AFTER);
        assert_eq!(send(&mut flow, FORGIVE_AFTER, 99).len(), 1);
        flow.note_delivered(0, FORGIVE_AFTER);
        flow.note_delivered(0, FORGIVE_AFTER);
        assert_eq!(send(&mut flow, FORGIVE_AFTER, 99).len(), 1, "late arrivals do not widen the window");
    }
}
