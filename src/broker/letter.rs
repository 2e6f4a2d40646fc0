//! Everything one shard may say to another, and the ranks that keep full mailboxes from waiting for each other.
//!
//! Owns the kinds of letter. Must never know how a letter travels. Letters from one shard to another arrive in the
//! order in which they were posted, but for `RoutesKnown`, which goes out behind all letters to all shards: the shard that
//! then asks for retained messages finds what these letters brought. A letter may cause only letters of lower rank: handoff
//! (the shell's own) > route, retained question > publish, retained answer > receipt. A shared publish whose group has moved
//! on is passed along with one `hop` more, and each hop ranks below the one before, so that this ends as well. One
//! exception is bounded by itself: a retained answer may cause the question for the next page, as each session
//! waits for one answer at most.

use std::sync::Arc;

use ringmq_protocol::Qos;

use crate::counters::Counters;
use crate::message::{Content, Retain};
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::{BacklogState, Fingerprint, GroupId, GroupUpdate, RouteKey, SubscriptionOptions};

/// One letter. Small, so that a queue of them is: what is large is behind a pointer.
#[derive(Clone, Debug)]
pub enum Letter {
    /// The sender has its first, or no longer any, subscription to a filter.
    Route(RouteChange),
    /// The sender's members of a shared group changed.
    Group(Box<GroupChange>),
    /// All route and group letters up to this number are known here.
    RoutesKnown(u64),
    /// Deliver to local subscribers. Causes no other publish letter.
    Publish(Enclosed),
    /// Deliver to one member of a shared group.
    SharedPublish(SharedPublish),
    /// Keep, or erase if the payload is empty, the retained message of a topic whose home is the receiver.
    Retain(Arc<Content>),
    /// Which retained messages match? Asked for one page at a time.
    RetainedQuestion(Box<RetainedQuestion>),
    /// One page of them.
    RetainedAnswer(Box<RetainedAnswer>),
    /// The sender has, or no longer has, used up its part of the memory for messages.
    Memory(MemoryState),
    /// The sender has, or no longer has, a subscriber of a filter whose backlog is full and refuses messages.
    Backlog(BacklogChange),
    /// The sender's figures, for `$SYS`.
    Figures(Box<Figures>),
}

/// A message that travels with a letter.
#[derive(Clone, Debug)]
pub enum Enclosed {
    /// Its bytes are in the bundle.
    Written(Written),
    /// It is shared with the sender.
    Shared(Arc<Content>),
}

/// A message whose bytes are in the bundle: how many, and what else there is to say of it.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub(crate) topic_bytes: u16,
    pub(crate) passed_on_bytes: u16,
    pub(crate) payload_bytes: u16,
    pub(crate) qos: Qos,
    pub(crate) retain: Retain,
    /// Of the topic: the receiver need not hash it again.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) expires: Option<Time>,
}

/// Whether a shard may keep more messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemoryState {
    /// It may.
    Free,
    /// It may not: nobody takes QoS 1 and 2 publishes until it may again.
    Full,
}

/// What became of the backlogs of a filter's subscribers.
#[derive(Clone, Debug)]
pub struct BacklogChange {
    /// Which topics are meant.
    pub key: RouteKey,
    /// Full if at least one of their backlogs is.
    pub state: BacklogState,
}

/// A route is opened or closed by its only writer.
#[derive(Clone, Debug)]
pub struct RouteChange {
    /// Which topics are meant.
    pub key: RouteKey,
    /// Opened or closed.
    pub interest: Interest,
    /// Number of this change at the sender, counted up from 1 over routes and groups.
    pub number: u64,
}

/// Whether a shard has subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// It has.
    Opened,
    /// It no longer has.
    Closed,
}

/// New member counts of a shared group on the sender.
#[derive(Clone, Debug)]
pub struct GroupChange {
    /// The counts.
    pub update: GroupUpdate,
    /// As in [`RouteChange::number`].
    pub number: u64,
}

/// A message for one member of a shared group.
#[derive(Clone, Debug)]
pub struct SharedPublish {
    /// The message.
    pub message: Enclosed,
    /// The group, as the receiving shard knows it.
    pub group: GroupId,
    /// Its name, for when that is no longer so: a place in the bundle.
    pub name: u32,
    /// Hash of the publisher's client identifier, where the strategy asks for it.
    pub publisher_hash: u64,
    /// How many shards had no member left already.
    pub hops: u16,
}

/// A read of retained messages, as the asking shard knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadId {
    /// The session that reads.
    pub session: SlotId,
    /// Which of its reads.
    pub number: u32,
}

/// Asks a shard for its retained messages that match a filter.
#[derive(Clone, Debug)]
pub struct RetainedQuestion {
    /// Which read of the asking shard this belongs to.
    pub read: ReadId,
    /// What to match.
    pub filter: Arc<str>,
    /// Where the last page ended; `None` for the first page.
    pub after: Option<Box<str>>,
}

/// One page of retained messages.
#[derive(Clone, Debug)]
pub struct RetainedAnswer {
    /// From the question.
    pub read: ReadId,
    /// The matches, in the order of their topics.
    pub found: Vec<Arc<Content>>,
    /// Where to go on; `None` when this was the last page.
    pub next: Option<Box<str>>,
}

/// What a shard tells of itself.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Its counters and gauges.
    pub counters: Counters,
    /// Share of the last interval that it was at work, in thousandths.
    pub load_permille: u16,
    /// When it wrote them down.
    pub at: Time,
}

/// What a subscription needs to know of a retained message on its way to it.
#[derive(Clone, Copy, Debug)]
pub struct RetainedFor {
    /// Options of the subscription.
    pub options: SubscriptionOptions,
    /// Its identifier; 0 for none.
    pub identifier: u32,
}

impl Letter {
    /// Bytes of the messages that it shares with its sender, but for those that a bundle encloses and counts.
    pub(crate) fn shared_bytes(&self) -> usize {
        match self {
            Letter::Retain(content) => content.size_bytes(),
            Letter::RetainedAnswer(answer) => answer.found.iter().map(|content| content.size_bytes()).sum(),
            _ => 0,
        }
    }

    /// The rank; a letter causes only letters of a lower one.
    pub fn rank(&self) -> u16 {
        match self {
            Letter::Route(_) | Letter::Group(_) | Letter::RetainedQuestion(_) => u16::MAX,
            Letter::Publish(_) | Letter::Retain(_) | Letter::RetainedAnswer(_) => u16::MAX - 1,
            Letter::SharedPublish(shared) => u16::MAX - 1 - shared.hops,
            Letter::RoutesKnown(_) | Letter::Memory(_) | Letter::Backlog(_) | Letter::Figures(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_small() {
        assert!(size_of::<Letter>() <= 56, "{}", size_of::<Letter>());
    }
}
