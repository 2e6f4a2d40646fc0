//! Retained messages on their way to new subscriptions: which shard is asked next, which page is being sent.
//!
//! Owns the progress of each read. Must never know the retained store. One page is held at a time, so a wildcard
//! over a million topics costs a page of memory, not a million messages.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::message::Message;
use crate::seed::ShardId;

/// What a read does now.
#[derive(Debug)]
pub(crate) enum ReadStage {
    /// The next page must be asked for.
    Ask,
    /// A question is under way to another shard.
    Asked,
    /// These messages of a page wait to be sent.
    Sending(VecDeque<Message>),
}

/// Retained messages for one subscription.
#[derive(Debug)]
pub(crate) struct Read {
    /// Tells an answer from one to an earlier read.
    pub(crate) number: u32,
    pub(crate) filter: Arc<str>,
    pub(crate) stage: ReadStage,
    /// Shards still to be asked, the present one first.
    shards: Range<ShardId>,
    /// Where to go on at the present shard.
    after: Option<Box<str>>,
}

impl Read {
    /// The shard to ask next and where to go on there; `None` when all are done.
    pub(crate) fn next_question(&self) -> Option<(ShardId, Option<&str>)> {
        (!self.shards.is_empty()).then_some((self.shards.start, self.after.as_deref()))
    }

    /// Takes a page of the present shard.
    pub(crate) fn page(&mut self, found: VecDeque<Message>, next: Option<Box<str>>) {
        if next.is_none() {
            self.shards.start += 1;
        }
        self.after = next;
        self.stage = ReadStage::Sending(found);
    }
}

/// The reads of one session, done one after the other. A filter that is subscribed again while its read waits is
/// read once: so there are no more reads than subscriptions, however often a client asks.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    queue: VecDeque<Read>,
    /// Filters whose read has not begun.
    waiting: BTreeSet<Arc<str>>,
    made: u32,
}

impl Reads {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Lets a read over `shards` follow, unless one of this filter waits already.
    pub(crate) fn push(&mut self, filter: Arc<str>, shards: Range<ShardId>) {
        if !self.waiting.insert(filter.clone()) {
            return;
        }
        let number = self.made;
        self.made = self.made.wrapping_add(1);
        self.queue.push_back(Read { number, filter, stage: ReadStage::Ask, shards, after: None });
    }

    /// The read that is being done.
    pub(crate) fn front(&mut self) -> Option<&mut Read> {
        self.queue.front_mut()
    }

    /// The front read begins: from now on the same filter is read anew.
    pub(crate) fn begin_front(&mut self) {
        if let Some(read) = self.queue.front() {
            self.waiting.remove(&read.filter);
        }
    }

    /// The read that is being done is over.
    pub(crate) fn pop(&mut self) {
        self.begin_front();
        self.queue.pop_front();
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_waits_once_however_often_it_is_subscribed() {
        let mut reads = Reads::default();
        for filter in ["#", "a", "#", "#", "a"] {
            reads.push(filter.into(), 0..2);
        }
        assert_eq!(reads.queue.len(), 2);
        reads.begin_front();
        reads.push("#".into(), 0..2);
        reads.push("#".into(), 0..2);
        assert_eq!(reads.queue.len(), 3);
        let order = std::iter::from_fn(|| {
            let filter = reads.front()?.filter.clone();
            reads.pop();
            Some(filter)
        });
        let order: Vec<_> = order.collect();
        assert_eq!(order, ["#".into(), "a".into(), Arc::<str>::from("#")]);
        assert!(reads.waiting.is_empty());
    }
}
