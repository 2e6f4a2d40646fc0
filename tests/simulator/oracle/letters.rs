//! When a shard learns of a publication on another: one of the letters posted between two looks at the sender's
//! trays brings it, in order.
//!
//! Owns the counts and the publications under way. Must never know what a letter says.

use ringmq_broker::seed::ShardId;

use super::model::Moment;
use super::{Complaint, Oracle};
use crate::simulator::messages::Messages;

/// A publication on its way from its shard to another.
#[derive(Clone, Debug)]
pub(crate) struct UnderWay {
    pub(crate) publication: usize,
    pub(crate) from: ShardId,
    pub(crate) to: ShardId,
    /// Its letter, if there is one, comes after this many.
    after: u64,
    /// And is among the first so many; `None` until the sender's trays are looked at.
    within: Option<u64>,
    /// When the first letter was taken that could be it.
    pub(crate) earliest: Option<Moment>,
}

/// Letters, counted by sender and receiver.
#[derive(Clone, Debug)]
pub(crate) struct Letters {
    posted: Vec<Vec<u64>>,
    taken: Vec<Vec<u64>>,
    under_way: Vec<UnderWay>,
}

impl Letters {
    pub(crate) fn new(shard_count: u16) -> Letters {
        let table = vec![vec![0; usize::from(shard_count)]; usize::from(shard_count)];
        Letters { posted: table.clone(), taken: table, under_way: Vec::new() }
    }

    /// A publication leaves its shard for another.
    pub(crate) fn leave(&mut self, publication: usize, from: ShardId, to: ShardId) {
        let after = self.posted[usize::from(from)][usize::from(to)];
        self.under_way.push(UnderWay { publication, from, to, after, within: None, earliest: None });
    }

    /// A publication was refused: no letter brings it.
    pub(crate) fn forget(&mut self, publication: usize) {
        self.under_way.retain(|under_way| under_way.publication != publication);
    }

    /// Takes out the publications that have arrived for certain.
    fn arrived(&mut self, from: ShardId, to: ShardId) -> Vec<UnderWay> {
        let taken = self.taken[usize::from(from)][usize::from(to)];
        let is_done =
            |w: &mut UnderWay| w.from == from && w.to == to && w.within.is_some_and(|within| within <= taken);
        self.under_way.extract_if(.., is_done).collect()
    }
}

impl Oracle {
    /// The trays of a shard were looked at.
    pub(super) fn posted(
        &mut self,
        shard: ShardId,
        counts: &[u64],
        messages: &Messages,
    ) -> Result<(), Complaint> {
        self.letters.posted[usize::from(shard)].clone_from_slice(counts);
        for under_way in self.letters.under_way.iter_mut().filter(|w| w.from == shard) {
            under_way.within.get_or_insert(counts[usize::from(under_way.to)]);
        }
        for to in 0..self.shard_count {
            self.conclude(shard, to, messages)?;
        }
        Ok(())
    }

    /// A letter is taken: it may be any of the publications that it comes after and is within.
    pub(super) fn taken(&mut self, from: ShardId, to: ShardId, messages: &Messages) -> Result<(), Complaint> {
        let taken = &mut self.letters.taken[usize::from(from)][usize::from(to)];
        *taken += 1;
        let (number, moment) = (*taken, self.moment);
        let mut reached = Vec::new();
        for under_way in self.letters.under_way.iter_mut().filter(|w| w.from == from && w.to == to) {
            if under_way.after < number && under_way.within.is_none_or(|within| number <= within) {
                under_way.earliest.get_or_insert(moment);
                reached.push(under_way.publication);
            }
        }
        for publication in reached {
            self.reach(publication, to, messages);
        }
        self.conclude(from, to, messages)
    }

    fn conclude(&mut self, from: ShardId, to: ShardId, messages: &Messages) -> Result<(), Complaint> {
        for arrived in self.letters.arrived(from, to) {
            self.landed(&arrived, messages)?;
        }
        Ok(())
    }
}
