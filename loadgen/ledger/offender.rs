//! Of whom messages were lost, came again, or came out of order.
//!
//! Owns the sums by publisher. Must never know topics.

use std::collections::{BTreeMap, BTreeSet};

use super::stream::Missing;
use super::{Ledger, Routing};

/// What happened to the messages of one publisher while a run went on.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Offence {
    pub(super) duplicated: u64,
    pub(super) out_of_order: u64,
}

/// A publisher whose messages did not all arrive once and in their order.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Offender {
    pub(crate) publisher: u32,
    /// Deliveries that are missing.
    pub(crate) lost: u64,
    /// The lowest number of a message that is missing at some subscriber.
    pub(crate) first_lost: Option<u32>,
    /// Subscribers at which something is missing; 1 where they share.
    pub(crate) subscribers: u32,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
}

impl Ledger {
    /// All of them, by their numbers. `sent_by` tells how many messages a publisher has sent, `excused` which of them need not
    /// arrive.
    pub(crate) fn offenders(
        &self,
        sent_by: impl Fn(u32) -> u32,
        excused: &BTreeMap<u32, BTreeSet<u32>>,
    ) -> Vec<Offender> {
        let none = BTreeSet::new();
        let all = (0..self.publishers).map(|publisher| {
            self.offender(publisher, sent_by(publisher), excused.get(&publisher).unwrap_or(&none))
        });
        all.filter(|found| found.lost + found.duplicated + found.out_of_order > 0).collect()
    }

    fn offender(&self, publisher: u32, sent: u32, excused: &BTreeSet<u32>) -> Offender {
        let offence = self.offences.get(&publisher).copied().unwrap_or_default();
        let (duplicated, out_of_order) = (offence.duplicated, offence.out_of_order);
        let mut offender = Offender { publisher, duplicated, out_of_order, ..Offender::default() };
        for stream in self.streams_of(publisher) {
            let Missing { count, first } = stream.missing(sent, excused);
            offender.lost += u64::from(count);
            offender.subscribers += u32::from(count > 0);
            offender.first_lost = [offender.first_lost, first].into_iter().flatten().min();
        }
        offender
    }

    pub(super) fn streams_of(&self, publisher: u32) -> &[super::Stream] {
        let (at, width) = match self.routing {
            Routing::Everyone | Routing::EveryoneUnordered => {
                (publisher as usize * self.subscribers as usize, self.subscribers as usize)
            }
            Routing::Pairs | Routing::PairsUnordered | Routing::Group | Routing::Addressed => {
                (publisher as usize, 1)
            }
        };
        &self.streams[at..at + width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_publisher_answers_for_its_own_messages() {
        let mut ledger = Ledger::new(Routing::Everyone, 3, 2);
        for (publisher, subscriber, number) in
            [(0, 0, 0), (0, 1, 0), (1, 0, 1), (1, 0, 0), (1, 1, 1), (2, 0, 0), (2, 1, 0), (2, 1, 0)]
        {
            ledger.record(publisher, subscriber, number);
        }
        let sent = [1, 3, 1];
        let offenders = ledger.offenders(|publisher| sent[publisher as usize], &BTreeMap::new());
        let expected = [
            Offender {
                publisher: 1,
                lost: 3,
                first_lost: Some(0),
                subscribers: 2,
                duplicated: 0,
                out_of_order: 1,
            },
            Offender { publisher: 2, duplicated: 1, ..Offender::default() },
        ];
        assert_eq!(offenders, expected);
        let lost: u64 = offenders.iter().map(|offender| offender.lost).sum();
        assert_eq!(lost, 5 * 2 - ledger.counts().delivered, "the sums are those of the whole");
    }

    #[test]
    fn messages_of_a_group_are_missing_once() {
        let mut ledger = Ledger::new(Routing::Group, 1, 3);
        for number in (0..10).filter(|number| *number != 4) {
            ledger.record(0, number % 3, number);
        }
        let expected = Offender { lost: 1, first_lost: Some(4), subscribers: 1, ..Offender::default() };
        assert_eq!(ledger.offenders(|_| 10, &BTreeMap::new()), [expected]);
    }

    #[test]
    fn what_need_not_arrive_is_not_missed() {
        let mut ledger = Ledger::new(Routing::Everyone, 1, 2);
        for (subscriber, number) in [(0, 0), (1, 0), (0, 1), (0, 3), (1, 3)] {
            ledger.record(0, subscriber, number);
        }
        let lost = |excused: &[u32]| {
            let excused = BTreeMap::from([(0, excused.iter().copied().collect())]);
            let offenders = ledger.offenders(|_| 5, &excused);
            offenders.first().map(|offender| (offender.lost, offender.first_lost, offender.subscribers))
        };
        assert_eq!(lost(&[]), Some((5, Some(1), 2)));
        assert_eq!(lost(&[0, 1]), Some((4, Some(2), 2)), "one delivery of message 1 was missing");
        assert_eq!(lost(&[1, 2, 4]), None);
    }
}
