//! Retained messages on their way to new subscriptions: which shard is asked next, which page is being sent.
//!
//! Owns the progress of each read. Must never know the retained store. One page is held at a time, so a wildcard
//! over a million topics costs a page of memory, not a million messages.

use std::collections::VecDeque;
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
    /// Tells an answer from one to an earlier read.
    pub(crate) number: u32,
    pub(crate) filter: Arc<str>,
    pub(crate) receiver: RetainedFor,
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

/// The reads of one session, done one after the other.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    queue: VecDeque<Read>,
    made: u32,
}

impl Reads {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Begins a read over `shards`.
    pub(crate) fn push(&mut self, filter: Arc<str>, receiver: RetainedFor, shards: Range<ShardId>) {
        let number = self.made;
        self.made = self.made.wrapping_add(1);
        self.queue.push_back(Read { number, filter, receiver, stage: ReadStage::Ask, shards, after: None });
    }

    /// The read that is being done.
    pub(crate) fn front(&mut self) -> Option<&mut Read> {
        self.queue.front_mut()
    }

    /// The read that is being done is over.
    pub(crate) fn pop(&mut self) {
        self.queue.pop_front();
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// Ends the reads of a filter that is no longer subscribed.
    pub(crate) fn cancel(&mut self, filter: &str) {
        self.queue.retain(|read| &*read.filter != filter);
    }
}
