//! The mailboxes between shards: bounded, first in, first out.
//!
//! Owns the bundles under way. Must never know what a letter means.

use std::collections::VecDeque;

use ringmq_broker::bundle::Bundle;
use ringmq_broker::seed::ShardId;

use super::sabotage::Saboteur;

/// One mailbox for each shard, as in the server: what one shard posted before another stays before it.
#[derive(Debug)]
pub struct Mailboxes {
    /// By receiver; each bundle with the shard that posted it.
    boxes: Vec<VecDeque<(ShardId, Bundle)>>,
    /// Letters that were ever put in, by sender, then by receiver.
    posted: Vec<Vec<u64>>,
    bundles_max: usize,
    bytes_max: usize,
}

impl Mailboxes {
    /// Empty ones with room for `bundles_max` bundles, and `bytes_max` bytes of each sender.
    pub fn new(shard_count: u16, bundles_max: usize, bytes_max: usize) -> Mailboxes {
        Mailboxes {
            boxes: (0..shard_count).map(|_| VecDeque::new()).collect(),
            posted: vec![vec![0; usize::from(shard_count)]; usize::from(shard_count)],
            bundles_max,
            bytes_max,
        }
    }

    /// Posts a bundle; gives it back if the mailbox is full. One that is larger than the mailbox fits when it is empty.
    pub(crate) fn post(
        &mut self,
        from: ShardId,
        to: ShardId,
        bundle: Bundle,
        saboteur: &mut Saboteur,
    ) -> Result<(), Bundle> {
        let mailbox = &mut self.boxes[usize::from(to)];
        let own = mailbox.iter().filter(|(sender, _)| *sender == from);
        let bytes: usize = own.map(|(_, bundle)| bundle.size_bytes()).sum();
        let is_too_large = bytes > 0 && bytes + bundle.size_bytes() > self.bytes_max;
        if mailbox.len() >= self.bundles_max || is_too_large {
            return Err(bundle);
        }
        let before = mailbox.iter().rposition(|(sender, _)| *sender == from);
        for _ in 0..saboteur.copies() {
            self.posted[usize::from(from)][usize::from(to)] += bundle.len() as u64;
            mailbox.push_back((from, bundle.clone()));
        }
        if let Some(before) = before
            && saboteur.swaps()
        {
            mailbox.swap(before, mailbox.len() - 1);
        }
        Ok(())
    }

    /// Takes the next bundle for a shard, with its sender.
    pub fn take(&mut self, to: ShardId) -> Option<(ShardId, Bundle)> {
        self.boxes[usize::from(to)].pop_front()
    }

    /// Letters ever posted by a shard, by receiver.
    pub(crate) fn posted(&self, from: ShardId) -> &[u64] {
        &self.posted[usize::from(from)]
    }

    /// Whether no letter is under way to a shard.
    pub(crate) fn is_empty_for(&self, to: ShardId) -> bool {
        self.boxes[usize::from(to)].is_empty()
    }

    /// Bytes of the bundles under way from a shard to any other.
    pub(crate) fn bytes_from(&self, from: ShardId) -> usize {
        let own = self.boxes.iter().flatten().filter(|(sender, _)| *sender == from);
        own.map(|(_, bundle)| bundle.size_bytes()).sum()
    }

    /// Whether no letter is under way.
    pub fn is_empty(&self) -> bool {
        self.boxes.iter().all(VecDeque::is_empty)
    }
}
