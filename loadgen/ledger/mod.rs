//! What arrived, held against what was sent: new, duplicated, out of order.
//!
//! Owns the streams of a run and their counts. Must never know sockets, packets or time.

mod offender;
mod stream;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use offender::Offence;
use stream::{Arrival, Stream};

pub(crate) use offender::Offender;

/// Who is to receive what, and which order is promised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Routing {
    /// Every subscriber receives every message, those of one publisher in their order [MQTT-4.6.0-5].
    Everyone,
    /// Every subscriber receives every message, in any order: retained messages of different topics have none.
    EveryoneUnordered,
    /// Subscriber n receives the messages of publisher n, in their order.
    Pairs,
    /// As pairs, in any order: what went through several hands has none.
    PairsUnordered,
    /// The subscribers share: each message is for one of them, and each of them receives its part in order.
    Group,
    /// Message k of all publishers in turn is for subscriber k modulo their number, in order by publisher.
    Addressed,
}

impl Routing {
    /// How many subscribers receive one message.
    pub(crate) fn copies(self, subscribers: u32) -> u32 {
        match self {
            Routing::Everyone | Routing::EveryoneUnordered => subscribers,
            Routing::Pairs | Routing::PairsUnordered | Routing::Group | Routing::Addressed => {
                subscribers.min(1)
            }
        }
    }

    fn streams(self, publishers: u32, subscribers: u32) -> u64 {
        match self {
            Routing::Everyone | Routing::EveryoneUnordered => u64::from(publishers) * u64::from(subscribers),
            Routing::Pairs | Routing::PairsUnordered | Routing::Group | Routing::Addressed => {
                publishers.into()
            }
        }
    }
}

/// What was counted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Messages that arrived for the first time.
    pub(crate) delivered: u64,
    /// Messages that arrived again.
    pub(crate) duplicated: u64,
    /// Messages that arrived for the first time, after a later one of the same publisher.
    pub(crate) out_of_order: u64,
    /// Messages that are not of this run, or came to a subscriber that they are not for.
    pub(crate) strays: u64,
}

impl Counts {
    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: &Counts) {
        self.delivered += other.delivered;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.strays += other.strays;
    }
}

/// The streams of one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    routing: Routing,
    publishers: u32,
    subscribers: u32,
    /// The number in the whole run of the first of these subscribers, and how many there are there.
    first_subscriber: u32,
    all_subscribers: u32,
    streams: Vec<Stream>,
    /// Where each message is for one of several: one more than the highest number of a publisher that a subscriber has seen.
    ends: Vec<u32>,
    counts: Counts,
    /// The publishers of whom something came again or out of order.
    offences: BTreeMap<u32, Offence>,
}

impl Ledger {
    pub(crate) fn new(routing: Routing, publishers: u32, subscribers: u32) -> Ledger {
        let streams = routing.streams(publishers, subscribers) as usize;
        let is_split = matches!(routing, Routing::Group | Routing::Addressed);
        let ends = if is_split { publishers as usize * subscribers as usize } else { 0 };
        Ledger {
            routing,
            publishers,
            subscribers,
            first_subscriber: 0,
            all_subscribers: subscribers,
            streams: (0..streams).map(|_| Stream::default()).collect(),
            ends: vec![0; ends],
            counts: Counts::default(),
            offences: BTreeMap::new(),
        }
    }

    /// The ledger of some of the subscribers: number 0 of them is number `first` of `all`.
    pub(crate) fn of_share(self, first: u32, all: u32) -> Ledger {
        Ledger { first_subscriber: first, all_subscribers: all, ..self }
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn add_counts(&mut self, counts: &Counts) {
        self.counts.add(counts);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// How many deliveries of message `number` of a publisher have come.
    pub(crate) fn arrived(&self, publisher: u32, number: u32) -> u64 {
        self.streams_of(publisher).iter().filter(|stream| stream.has(number)).count() as u64
    }

    /// Notes a message that is not of this run.
    pub(crate) fn record_stray(&mut self) {
        self.counts.strays += 1;
    }

    /// Notes a message of somebody outside this run, which was listened for.
    pub(crate) fn record_heard(&mut self) {
        self.counts.delivered += 1;
    }

    /// Notes that message `number` of a publisher reached a subscriber. True if it is the first time.
    pub(crate) fn record(&mut self, publisher: u32, subscriber: u32, number: u32) -> bool {
        if publisher >= self.publishers || number == u32::MAX || self.is_misled(publisher, subscriber, number)
        {
            self.counts.strays += 1;
            return false;
        }
        let arrival = match self.routing {
            Routing::Everyone | Routing::EveryoneUnordered => {
                let stream = publisher as usize * self.subscribers as usize + subscriber as usize;
                self.streams[stream].record(number)
            }
            Routing::Pairs | Routing::PairsUnordered => self.streams[publisher as usize].record(number),
            Routing::Group | Routing::Addressed => self.record_of_group(publisher, subscriber, number),
        };
        self.count(publisher, arrival);
        arrival != Arrival::Duplicate
    }

    fn is_misled(&self, publisher: u32, subscriber: u32, number: u32) -> bool {
        let subscriber = self.first_subscriber + subscriber;
        match self.routing {
            Routing::Pairs | Routing::PairsUnordered => publisher != subscriber,
            Routing::Addressed => {
                let message = u64::from(number) * u64::from(self.publishers) + u64::from(publisher);
                message % u64::from(self.all_subscribers) != u64::from(subscriber)
            }
            Routing::Everyone | Routing::EveryoneUnordered | Routing::Group => false,
        }
    }

    fn count(&mut self, publisher: u32, arrival: Arrival) {
        if arrival == Arrival::InOrder {
            self.counts.delivered += 1;
            return;
        }
        let is_ordered = !matches!(self.routing, Routing::EveryoneUnordered | Routing::PairsUnordered);
        let counts = &mut self.counts;
        counts.duplicated += u64::from(arrival == Arrival::Duplicate);
        counts.delivered += u64::from(arrival != Arrival::Duplicate);
        counts.out_of_order += u64::from(arrival == Arrival::OutOfOrder && is_ordered);
        if arrival == Arrival::Duplicate || is_ordered {
            let offence = self.offences.entry(publisher).or_default();
            offence.duplicated += u64::from(arrival == Arrival::Duplicate);
            offence.out_of_order += u64::from(arrival == Arrival::OutOfOrder);
        }
    }

    /// The group as a whole says what is a duplicate, each member for itself what is in order.
    fn record_of_group(&mut self, publisher: u32, subscriber: u32, number: u32) -> Arrival {
        let end = &mut self.ends[publisher as usize * self.subscribers as usize + subscriber as usize];
        let in_order = number >= *end;
        *end = (*end).max(number + 1);
        match self.streams[publisher as usize].record(number) {
            Arrival::Duplicate => Arrival::Duplicate,
            _ if in_order => Arrival::InOrder,
            _ => Arrival::OutOfOrder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(routing: Routing, arrivals: &[(u32, u32, u32)]) -> Counts {
        let mut ledger = Ledger::new(routing, 2, 2);
        for &(publisher, subscriber, number) in arrivals {
            ledger.record(publisher, subscriber, number);
        }
        ledger.counts()
    }

    #[test]
    fn each_publisher_and_subscriber_is_a_stream_of_its_own() {
        let arrivals = [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 1, 0), (0, 0, 0)];
        let expected = Counts { delivered: 5, duplicated: 1, out_of_order: 1, strays: 0 };
        assert_eq!(counts(Routing::Everyone, &arrivals), expected);
        assert_eq!(counts(Routing::EveryoneUnordered, &arrivals), Counts { out_of_order: 0, ..expected });
    }

    #[test]
    fn a_message_at_the_wrong_pair_is_a_stray() {
        let expected = Counts { delivered: 2, strays: 2, ..Counts::default() };
        assert_eq!(counts(Routing::Pairs, &[(0, 0, 0), (1, 1, 0), (0, 1, 1), (7, 7, 0)]), expected);
    }

    #[test]
    fn a_group_receives_each_message_once_and_each_member_in_order() {
        let interleaved = [(0, 0, 1), (0, 1, 0), (0, 1, 2), (0, 0, 4), (0, 1, 3)];
        let expected = Counts { delivered: 5, ..Counts::default() };
        assert_eq!(counts(Routing::Group, &interleaved), expected);
        let wrong = [(0, 0, 0), (0, 1, 0), (0, 0, 2), (0, 0, 1)];
        let expected = Counts { delivered: 3, duplicated: 1, out_of_order: 1, strays: 0 };
        assert_eq!(counts(Routing::Group, &wrong), expected);
    }

    #[test]
    fn an_addressed_message_is_for_one_subscriber() {
        let arrivals = [(0, 0, 0), (1, 1, 0), (0, 0, 1), (0, 1, 2), (0, 0, 2), (0, 0, 2)];
        let expected = Counts { delivered: 4, duplicated: 1, strays: 1, ..Counts::default() };
        assert_eq!(counts(Routing::Addressed, &arrivals), expected);
    }

    #[test]
    fn copies_follow_the_routing() {
        assert_eq!(Routing::Everyone.copies(5), 5);
        assert_eq!(Routing::Pairs.copies(5), 1);
        assert_eq!(Routing::Group.copies(5), 1);
        assert_eq!(Routing::Group.copies(0), 0);
    }
}
