//! Which publisher of a lane may send its next message now, and when that message was meant to leave.
//!
//! Owns the arrivals, the windows and how far each publisher is. Must never know connections: whether a socket or a window of
//! QoS 1 and 2 has room is for the caller to ask.
//!
//! In an open loop message k of the lane belongs to publisher k mod N and is due by the schedule, whatever became of those
//! before it. In a closed loop a publisher has so many messages on their way, which end with their last delivery, or with
//! their acknowledgement where nobody subscribes.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::clock::{Nanos, SECOND};
use crate::latency::Latency;
use crate::scenario::Pace;

use super::arrivals::Arrivals;

/// Messages of one lane that may be due and not have left, 8 bytes each: at 100,000 per second those of nearly three minutes.
/// Nothing more becomes due then, because no schedule is kept any more.
pub(crate) const BACKLOG_MAX: usize = 1 << 24;

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

#[derive(Debug)]
enum Gate {
    Schedule(Arrivals),
    Window(u32),
    Open,
}

/// The publishers of one lane.
#[derive(Debug)]
pub(crate) struct Pacer {
    gate: Gate,
    ending: Ending,
    senders: Vec<Sender>,
    listed: Vec<u32>,
    /// Nothing becomes due from here on; 0 while the lane rests.
    until: Nanos,
    factor: f64,
    /// Open loop: the next message to become due, and how many there are.
    cursor: u64,
    total: u64,
    sent: u64,
    /// Open loop: when those became due that have not all left, the first of them being `waiting_first`.
    waiting: VecDeque<Nanos>,
    waiting_first: u64,
    /// The publisher of that one, and its number there.
    front: (u32, u32),
    /// So many waited at some time that the schedule is not kept any more.
    is_overrun: bool,
    /// The publisher of the next message to become due.
    turn: u32,
    /// Open loop: how late each message was looked at: what the generator itself is to blame for.
    lag: Latency,
}

impl Pacer {
    /// A lane at rest, with so many messages at most.
    pub(crate) fn new(
        pace: &Pace,
        messages: Option<u64>,
        ending: Ending,
        publishers: u32,
        seed: u64,
    ) -> Pacer {
        let gate = match (Arrivals::new(pace, seed), pace) {
            (Some(arrivals), _) => Gate::Schedule(arrivals),
            (None, Pace::Window { messages }) if ending != Ending::Sending => Gate::Window(*messages),
            _ => Gate::Open,
        };
        let total = messages.unwrap_or(u64::MAX);
        Pacer {
            gate,
            ending,
            senders: (0..publishers).map(|number| sender(number, publishers, total)).collect(),
            listed: Vec::new(),
            until: 0,
            factor: 0.0,
            cursor: 0,
            total,
            sent: 0,
            waiting: VecDeque::new(),
            waiting_first: 0,
            is_overrun: false,
            front: (0, 0),
            turn: 0,
            lag: Latency::new(),
        }
    }

    /// Lets messages become due from `from` until `until`, at so many times the rate. Goes on with the schedule where it is
    /// the same as before, without a gap.
    pub(crate) fn run(&mut self, from: Nanos, until: Nanos, factor: f64) {
        let goes_on = self.factor == factor && self.until >= from;
        if let Gate::Schedule(arrivals) = &mut self.gate
            && !goes_on
        {
            arrivals.restart(from, factor);
        }
        (self.until, self.factor) = (until, factor);
        if !matches!(self.gate, Gate::Schedule(_)) {
            (0..self.senders.len() as u32).for_each(|publisher| self.list(publisher));
        }
    }

    /// Lets nothing become due any more from `now` on. What is due goes out.
    pub(crate) fn rest(&mut self, now: Nanos) {
        self.advance(now);
        self.until = 0;
        self.factor = 0.0;
    }

    /// Messages sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Messages that one publisher has sent so far.
    pub(crate) fn sent_by(&self, publisher: u32) -> u32 {
        self.senders[publisher as usize].sent
    }

    /// Open loop: messages that became due so far; else those sent.
    pub(crate) fn due(&self) -> u64 {
        if matches!(self.gate, Gate::Schedule(_)) { self.cursor } else { self.sent }
    }

    /// How late messages were looked at.
    pub(crate) fn lag(&self) -> &Latency {
        &self.lag
    }

    /// Whether all messages that there are have become due, or have left where nothing becomes due.
    pub(crate) fn is_spent(&self) -> bool {
        match self.gate {
            Gate::Schedule(_) => self.cursor == self.total,
            Gate::Window(_) | Gate::Open => self.sent == self.total,
        }
    }

    /// Whether as many messages as may wait have waited at some time.
    pub(crate) fn is_overrun(&self) -> bool {
        self.is_overrun
    }

    /// Moves the schedule on, and lists the publishers whose messages have become due.
    pub(crate) fn advance(&mut self, now: Nanos) {
        while let Some(due) = self.next_due()
            && due <= now
            && let Gate::Schedule(arrivals) = &mut self.gate
        {
            arrivals.advance();
            self.lag.record(now - due);
            self.waiting.push_back(due);
            self.is_overrun = self.waiting.len() >= BACKLOG_MAX;
            self.list(self.turn);
            self.turn = self.after(self.turn);
            self.cursor += 1;
        }
    }

    /// When the next message becomes due, in an open loop.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        let Gate::Schedule(arrivals) = &self.gate else { return None };
        let has_next = self.cursor < self.total && arrivals.next() < self.until;
        (has_next && !self.is_overrun).then_some(arrivals.next())
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
            Gate::Schedule(_) => {
                let message = self.message(sender.sent, publisher);
                *self.waiting.get((message - self.waiting_first) as usize)?
            }
            Gate::Window(window) if self.under_way(sender) >= u64::from(window) => return None,
            Gate::Window(_) | Gate::Open if now >= self.until => return None,
            Gate::Window(_) | Gate::Open => now,
        };
        Some((sender.sent, intended))
    }

    /// The number in the lane of a publisher's message.
    fn message(&self, sequence: u32, publisher: u32) -> u64 {
        u64::from(sequence) * self.senders.len() as u64 + u64::from(publisher)
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
        self.forget_sent();
    }

    /// Drops the times of messages before the first that has not left.
    fn forget_sent(&mut self) {
        while !self.waiting.is_empty() {
            let (publisher, sequence) = self.front;
            if self.senders[publisher as usize].sent <= sequence {
                break;
            }
            self.waiting.pop_front();
            self.waiting_first += 1;
            let next = self.after(publisher);
            self.front = (next, sequence + u32::from(next == 0));
        }
    }

    /// The publisher whose turn comes after another's.
    fn after(&self, publisher: u32) -> u32 {
        if publisher + 1 == self.senders.len() as u32 { 0 } else { publisher + 1 }
    }

    /// Notes a first delivery of a message.
    pub(crate) fn note_delivered(&mut self, publisher: u32, now: Nanos) {
        if let (Gate::Window(_), Ending::Deliveries(_)) = (&self.gate, self.ending) {
            self.note_end(publisher, now);
        }
    }

    /// Notes an acknowledgement. In any case it has made room in the window of QoS 1 and 2.
    pub(crate) fn note_acknowledged(&mut self, publisher: u32, now: Nanos) {
        match (&self.gate, self.ending) {
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
