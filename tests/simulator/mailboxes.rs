//! The mailboxes between shards: bounded, first in, first out.
//!
//! Owns the bundles under way. Must never know what a letter means.

use std::collections::VecDeque;

use ringmq_broker::bundle::Bundle;
use ringmq_broker::seed::ShardId;

use super::sabotage::Saboteur;

/// One mailbox for each pair of shards.
#[derive(Debug)]
pub struct Mailboxes {
    /// By sender, then by receiver.
    boxes: Vec<Vec<VecDeque<Bundle>>>,
    /// Letters that were ever put in, likewise.
    posted: Vec<Vec<u64>>,
    bundles_max: usize,
}

impl Mailboxes {
    /// Empty ones with room for `bundles_max` bundles each.
    pub fn new(shard_count: u16, bundles_max: usize) -> Mailboxes {
        let row = || (0..shard_count).map(|_| VecDeque::new()).collect();
        Mailboxes {
            boxes: (0..shard_count).map(|_| row()).collect(),
            posted: vec![vec![0; usize::from(shard_count)]; usize::from(shard_count)],
            bundles_max,
        }
    }

    /// Posts a bundle; gives it back if the mailbox is full.
    pub(crate) fn post(
        &mut self,
        from: ShardId,
        to: ShardId,
        bundle: Bundle,
        saboteur: &mut Saboteur,
    ) -> Result<(), Bundle> {
        let mailbox = &mut self.boxes[usize::from(from)][usize::from(to)];
        if mailbox.len() >= self.bundles_max {
            return Err(bundle);
        }
        for _ in 0..saboteur.copies() {
            self.posted[usize::from(from)][usize::from(to)] += bundle.len() as u64;
            mailbox.push_back(bundle.clone());
        }
        let len = mailbox.len();
        if len > 1 && saboteur.swaps() {
            mailbox.swap(len - 1, len - 2);
        }
        Ok(())
    }

    /// Takes the next bundle.
    pub fn take(&mut self, from: ShardId, to: ShardId) -> Option<Bundle> {
        self.boxes[usize::from(from)][usize::from(to)].pop_front()
    }

    /// Letters ever posted by a shard, by receiver.
    pub(crate) fn posted(&self, from: ShardId) -> &[u64] {
        &self.posted[usize::from(from)]
    }

    /// Letters under way from one shard to another.
    pub fn waiting(&self, from: ShardId, to: ShardId) -> usize {
        self.boxes[usize::from(from)][usize::from(to)].iter().map(Bundle::len).sum()
    }

    /// Whether no letter is under way.
    pub fn is_empty(&self) -> bool {
        self.boxes.iter().flatten().all(VecDeque::is_empty)
    }
}
