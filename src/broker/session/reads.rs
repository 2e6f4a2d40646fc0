//! Retained messages on their way to new subscriptions: which shard is asked next, which page is being sent.
//!
//! Owns the progress of each read. Must never know the retained store. One page is held at a time, so a wildcard
//! over a million topics costs a page of memory, not a million messages.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::letter::RetainedFor;
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
    /// Tells an answer from one to another read, be it of a filter that is unsubscribed meanwhile.
    pub(crate) number: u32,
    pub(crate) filter: Arc<str>,
    pub(crate) receiver: RetainedFor,
    pub(crate) stage: ReadStage,
    /// Shards still to be asked, the present one first.
    shards: Range<ShardId>,
    /// Where to go on at the present shard.
    after: Option<Box<str>>,
    /// Whether it was added where there were many.
    is_crowded: bool,
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

/// Reads that may wait before a filter that is subscribed again while its read waits is read once for both.
const READS_EACH_MAX: usize = 1024;

/// The reads of one session, done one after the other: one for each subscribe [MQTT-3.3.1-9], but no more than
/// [`READS_EACH_MAX`] and one for each subscription, however often a client asks.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    queue: VecDeque<Read>,
    /// Filters that were added when there were many; each is in the queue.
    crowded: BTreeSet<Arc<str>>,
    /// Whether no page is looked up now, so that others get their turn: a timer is set for going on.
    pub(crate) is_paused: bool,
}

impl Reads {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Lets a read over `shards` follow; where there are many already, only if none was added for this filter since.
    /// No other read of this shard has the same `number`.
    pub(crate) fn push(
        &mut self,
        number: u32,
        filter: Arc<str>,
        receiver: RetainedFor,
        shards: Range<ShardId>,
    ) {
        let is_crowded = self.queue.len() >= READS_EACH_MAX;
        if is_crowded && !self.crowded.insert(filter.clone()) {
            return;
        }
        let stage = ReadStage::Ask;
        self.queue.push_back(Read { number, filter, receiver, stage, shards, after: None, is_crowded });
    }

    /// The read that is being done.
    pub(crate) fn front(&mut self) -> Option<&mut Read> {
        self.queue.front_mut()
    }

    /// The read that is being done is over.
    pub(crate) fn pop(&mut self) {
        if let Some(read) = self.queue.pop_front().filter(|read| read.is_crowded) {
            self.crowded.remove(&read.filter);
        }
        if self.queue.is_empty() {
            *self = Reads::default();
        }
    }

    /// Ends the reads of a filter that is no longer subscribed.
    pub(crate) fn cancel(&mut self, filter: &str) {
        self.queue.retain(|read| &*read.filter != filter);
        self.crowded.remove(filter);
    }
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::Qos;

    use super::*;
    use crate::topics::SubscriptionOptions;

    #[test]
    fn where_there_are_many_a_filter_waits_once() {
        let receiver = RetainedFor { options: SubscriptionOptions::new(Qos::AtMostOnce), identifier: 0 };
        let mut reads = Reads::default();
        let push = |reads: &mut Reads, filter: &str| reads.push(0, filter.into(), receiver, 0..2);
        for _ in 0..READS_EACH_MAX {
            push(&mut reads, "#");
        }
        for filter in ["#", "a", "#", "a", "#"] {
            push(&mut reads, filter);
        }
        assert_eq!(reads.queue.len(), READS_EACH_MAX + 2);
        reads.cancel("a");
        push(&mut reads, "a");
        assert_eq!(reads.queue.len(), READS_EACH_MAX + 2);
        // All of "#" are done while there are still many: it is read again.
        for number in 0..=READS_EACH_MAX {
            reads.pop();
            push(&mut reads, &number.to_string());
        }
        push(&mut reads, "#");
        assert_eq!(reads.queue.len(), READS_EACH_MAX + 3);
        while !reads.is_empty() {
            reads.pop();
        }
        assert!(reads.crowded.is_empty());
    }
}
