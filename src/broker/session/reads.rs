//! Retained messages on their way to new subscriptions: which shard is asked next, which page is being sent.
//!
//! Owns the progress of each read. Must never know the retained store. One page is held at a time, so a wildcard
//! over a million topics costs a page of memory, not a million messages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// How many reads the session had begun with this one.
    order: u32,
}

impl Read {
    /// The shard to ask next and where to go on there; `None` when all are done.
    pub(crate) fn next_question(&self) -> Option<(ShardId, Option<&str>)> {
        (!self.shards.is_empty()).then_some((self.shards.start, self.after.as_deref()))
    }

    /// Takes a page of the present shard.
    fn page(&mut self, found: VecDeque<Message>, next: Option<Box<str>>) {
        if next.is_none() {
            self.shards.start += 1;
        }
        self.after = next;
        self.stage = ReadStage::Sending(found);
    }
}

/// What became of a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// It is sent, or nobody waits for it.
    Taken,
    /// Too much came meanwhile to tell what of it is old.
    AskedAgain,
}

/// Reads that may wait before a filter that is subscribed again while its read waits is read once for both.
const READS_EACH_MAX: usize = 1024;

/// Topics that were delivered newer than they may be kept, and the bytes of their names, that a session remembers while it
/// reads. Beyond that it forgets them all and asks for the page under way again.
const NEWER_COUNT_MAX: usize = 1024;
const NEWER_BYTES_MAX: usize = 64 << 10;

/// Topics of which the session was given a message that replaces the retained one, while it reads. A page that another
/// shard looked up before may still hold the older one.
#[derive(Debug, Default)]
struct Newer {
    /// With the number of reads that the session had begun by then: a later read gives the topic again.
    topics: BTreeMap<Box<str>, u32>,
    bytes: usize,
    /// Topics were forgotten since the last question.
    has_forgotten: bool,
}

impl Newer {
    fn note(&mut self, topic: &str, order: u32) {
        if let Some(known) = self.topics.get_mut(topic) {
            *known = order;
            return;
        }
        if self.topics.len() >= NEWER_COUNT_MAX || self.bytes + topic.len() > NEWER_BYTES_MAX {
            *self = Newer { has_forgotten: true, ..Newer::default() };
        }
        self.bytes += topic.len();
        self.topics.insert(topic.into(), order);
    }

    fn replaces(&self, message: &Message, order: u32) -> bool {
        self.topics.get(message.parts().topic).is_some_and(|&noted| noted >= order)
    }
}

/// The reads of one session, done one after the other: one for each subscribe [MQTT-3.3.1-9], but no more than
/// [`READS_EACH_MAX`] and one for each subscription, however often a client asks.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    queue: VecDeque<Read>,
    /// Filters that were added when there were many; each is in the queue.
    crowded: BTreeSet<Arc<str>>,
    /// Whether no page is looked up now, so that others get their turn: a timer is set for going on.
    pub(crate) is_paused: bool,
    /// Reads begun since there was none.
    begun: u32,
    /// Boxed: while there is nothing to note, it takes no room and no time.
    newer: Option<Box<Newer>>,
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
        self.begun = self.begun.wrapping_add(1);
        let (stage, order) = (ReadStage::Ask, self.begun);
        self.queue.push_back(Read {
            number,
            filter,
            receiver,
            stage,
            shards,
            after: None,
            is_crowded,
            order,
        });
    }

    /// The read that is being done asks for its next page.
    pub(crate) fn asked(&mut self) {
        if let Some(newer) = &mut self.newer {
            newer.has_forgotten = false;
        }
        if let Some(read) = self.queue.front_mut() {
            read.stage = ReadStage::Asked;
        }
    }

    /// Takes the page that the read `number` asked for, but for messages that are older than what the session was given
    /// meanwhile. Such a page is asked for again if that is not known any more. What is for another read is dropped.
    pub(crate) fn take_page(
        &mut self,
        number: u32,
        mut found: VecDeque<Message>,
        next: Option<Box<str>>,
    ) -> Page {
        let Reads { queue, newer, .. } = self;
        let Some(read) = queue.front_mut().filter(|read| read.number == number) else { return Page::Taken };
        if let Some(newer) = newer {
            if newer.has_forgotten {
                read.stage = ReadStage::Ask;
                return Page::AskedAgain;
            }
            found.retain(|message| !newer.replaces(message, read.order));
        }
        read.page(found, next);
        Page::Taken
    }

    /// Takes the retained message of a topic out of the page that is being sent.
    pub(crate) fn take_copy(&mut self, topic: &str) -> Option<(Message, RetainedFor)> {
        let read = self.queue.front_mut()?;
        let ReadStage::Sending(page) = &mut read.stage else { return None };
        let place = page.iter().position(|message| message.is_on(topic))?;
        Some((page.remove(place)?, read.receiver))
    }

    /// The session was given a message that replaces the retained one of its topic.
    pub(crate) fn note_newer(&mut self, topic: &str) {
        self.newer.get_or_insert_default().note(topic, self.begun);
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
        if self.queue.is_empty() {
            self.newer = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::Qos;

    use super::*;
    use crate::message::{Meter, Parts, Retain};
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

    fn message(topic: &str) -> Message {
        let (qos, retain) = (Qos::AtLeastOnce, Retain::Yes);
        let parts = Parts { topic, passed_on: &[], payload: b"x", qos, retain, expires: None };
        Message::new(&parts, &Meter::default())
    }

    /// Adds a read of all topics.
    fn push(reads: &mut Reads, number: u32) {
        let receiver = RetainedFor { options: SubscriptionOptions::new(Qos::AtMostOnce), identifier: 0 };
        reads.push(number, "#".into(), receiver, 0..1);
    }

    #[test]
    fn a_page_brings_nothing_that_was_replaced_since_its_read_was_added() {
        let mut reads = Reads::default();
        push(&mut reads, 7);
        reads.asked();
        reads.note_newer("b");
        let page = || VecDeque::from([message("a"), message("b"), message("c")]);
        assert_eq!(reads.take_page(6, page(), None), Page::Taken, "it is for another read");
        assert!(reads.take_copy("a").is_none());
        assert_eq!(reads.take_page(7, page(), None), Page::Taken);
        assert_eq!(["a", "b", "c"].map(|topic| reads.take_copy(topic).is_some()), [true, false, true]);
        // A read that is added later gives the topic again.
        push(&mut reads, 8);
        reads.pop();
        reads.asked();
        assert_eq!(reads.take_page(8, page(), None), Page::Taken);
        assert!(reads.take_copy("b").is_some());
    }

    #[test]
    fn a_page_is_asked_for_again_if_too_much_came_meanwhile() {
        let mut reads = Reads::default();
        push(&mut reads, 7);
        reads.asked();
        (0..=NEWER_COUNT_MAX).for_each(|topic| reads.note_newer(&topic.to_string()));
        assert_eq!(reads.take_page(7, VecDeque::from([message("0")]), None), Page::AskedAgain);
        assert!(matches!(reads.front().map(|read| &read.stage), Some(ReadStage::Ask)));
        reads.asked();
        assert_eq!(reads.take_page(7, VecDeque::from([message("x")]), None), Page::Taken);
    }
}
