//! The mailboxes between shards: bounded, first in, first out.
//!
//! Owns the letters under way. Must never know what a letter means.

use std::collections::VecDeque;

use ringmq_broker::letter::Letter;
use ringmq_broker::seed::ShardId;

use super::sabotage::Saboteur;

/// One mailbox for each pair of shards.
#[derive(Debug)]
pub struct Mailboxes {
    /// By sender, then by receiver.
    boxes: Vec<Vec<VecDeque<Letter>>>,
    /// Letters that were ever put in, likewise.
    posted: Vec<Vec<u64>>,
    letters_max: usize,
}

impl Mailboxes {
    /// Empty ones with room for `letters_max` letters each.
    pub fn new(shard_count: u16, letters_max: usize) -> Mailboxes {
        let row = || (0..shard_count).map(|_| VecDeque::new()).collect();
        Mailboxes {
            boxes: (0..shard_count).map(|_| row()).collect(),
            posted: vec![vec![0; usize::from(shard_count)]; usize::from(shard_count)],
            letters_max,
        }
    }

    /// Posts a letter; gives it back if the mailbox is full.
    pub(crate) fn post(
        &mut self,
        from: ShardId,
        to: ShardId,
        letter: Letter,
        saboteur: &mut Saboteur,
    ) -> Result<(), Letter> {
        let mailbox = &mut self.boxes[usize::from(from)][usize::from(to)];
        if mailbox.len() >= self.letters_max {
            return Err(letter);
        }
        for _ in 0..saboteur.copies(&letter) {
            mailbox.push_back(letter.clone());
            self.posted[usize::from(from)][usize::from(to)] += 1;
        }
        let len = mailbox.len();
        if len > 1 && saboteur.swaps() {
            mailbox.swap(len - 1, len - 2);
        }
        Ok(())
    }

    /// Takes the next letter.
    pub fn take(&mut self, from: ShardId, to: ShardId) -> Option<Letter> {
        self.boxes[usize::from(from)][usize::from(to)].pop_front()
    }

    /// Letters ever posted by a shard, by receiver.
    pub(crate) fn posted(&self, from: ShardId) -> &[u64] {
        &self.posted[usize::from(from)]
    }

    /// Letters under way from one shard to another.
    pub fn waiting(&self, from: ShardId, to: ShardId) -> usize {
        self.boxes[usize::from(from)][usize::from(to)].len()
    }

    /// Whether no letter is under way.
    pub fn is_empty(&self) -> bool {
        self.boxes.iter().flatten().all(VecDeque::is_empty)
    }
}
