//! Retained messages: kept on the shard that their topic hashes to, read page by page by new subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;

use ringmq_protocol::Qos;

use crate::clients::Timer;
use crate::handlers::deliver;
use crate::handlers::refill::{self, Allowed, Progress};
use crate::letter::{Letter, ReadId, RetainedAnswer, RetainedFor, RetainedQuestion};
use crate::message::{Content, Message};
use crate::publication::Publication;
use crate::seed::{ShardId, shard_of};
use crate::session::reads::{Page, ReadStage};
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::topics::{Entry, PageQuery, is_wildcard};

/// Messages in one page, and topics looked at for one page.
const PAGE_ITEMS_MAX: usize = 256;
const PAGE_SCAN_MAX: usize = 4096;
/// How long who has had its share waits before it looks for more, in milliseconds.
pub(crate) const PAUSE_MS: u64 = 1;
/// Expired messages removed at a time.
const EXPIRE_MAX: usize = 1024;

/// The shard where the retained message of a topic lives.
fn home(shard: &Shard, topic: &str) -> ShardId {
    shard_of(shard.setup.seeds.hash_of(topic), shard.setup.shard_count)
}

/// Keeps a publish with RETAIN 1, or erases what is kept if its payload is empty [MQTT-3.3.1-5, MQTT-3.3.1-6].
pub(crate) fn keep(shard: &mut Shard, publication: &mut Publication<'_>) {
    let home = home(shard, publication.parts.topic);
    if home != shard.setup.shard {
        shard.clients.trays.post(home, Letter::Retain(publication.across()));
        return;
    }
    if shard.has_peers() {
        // Other shards will ask for it: kept in the form that travels, a page costs no copies.
        publication.across();
    }
    let message = publication.message(&shard.clients.meter).clone();
    store(shard, &message);
}

/// A message whose home is here came in elsewhere.
pub(crate) fn keep_content(shard: &mut Shard, content: Arc<Content>) {
    let message = Message::across(content, &shard.clients.meter);
    store(shard, &message);
}

fn store(shard: &mut Shard, message: &Message) {
    let parts = message.parts();
    let retained = &mut shard.topics.retained;
    if parts.payload.is_empty() {
        retained.remove(parts.topic);
        return;
    }
    let limits = &shard.setup.limits;
    let held = retained.footprint(parts.topic);
    let needs = parts.topic.len() + message.size_bytes();
    let over_count = held.is_none() && retained.count() >= limits.retained_count_max;
    if over_count || retained.bytes() - held.unwrap_or(0) + needs > limits.retained_bytes_max {
        shard.clients.counters.dropped_retained += 1;
        // Rather none than an old one that passes for the newest.
        retained.remove(parts.topic);
        return;
    }
    let entry = Entry { bytes: message.size_bytes(), expires: parts.expires, value: message.clone() };
    retained.set(parts.topic, entry);
    watch_expiry(shard);
}

/// Sets a timer for the next expiry, unless one is set for that time or before.
fn watch_expiry(shard: &mut Shard) {
    let Some(next) = shard.topics.retained.next_expiry() else { return };
    let deadlines = &mut shard.clients.deadlines;
    if let Some((set, timer)) = shard.retained_timer {
        if set <= next {
            return;
        }
        deadlines.cancel(timer);
    }
    shard.retained_timer = Some((next, deadlines.insert(next, Timer::RetainedExpiry)));
}

/// Removes what has expired, a bounded number at a time.
pub(crate) fn expire(shard: &mut Shard) {
    let now = shard.clients.now;
    shard.retained_timer = None;
    shard.topics.retained.expire(now, EXPIRE_MAX);
    watch_expiry(shard);
}

/// Begins to read the retained messages of a subscription: from the one shard that can have them, or from all.
pub(crate) fn begin_read(shard: &mut Shard, session: SlotId, filter: Arc<str>, receiver: RetainedFor) {
    let shards = if is_wildcard(&filter) {
        0..shard.setup.shard_count
    } else {
        let home = home(shard, &filter);
        home..home + 1
    };
    shard.reads_begun = shard.reads_begun.wrapping_add(1);
    if let Some(session) = shard.clients.sessions.get_mut(session) {
        session.outgoing().reads.push(shard.reads_begun, filter, receiver, shards);
    }
}

/// Takes one step in the reads of a session: sends a message, or gets the next page.
pub(crate) fn send_next(shard: &mut Shard, session_id: SlotId, allowed: Allowed) -> Progress {
    let Some(session) = shard.clients.sessions.get_mut(session_id) else { return Progress::None };
    let reads = &mut session.outgoing().reads;
    let is_paused = reads.is_paused;
    let Some(read) = reads.front() else { return Progress::None };
    match &mut read.stage {
        ReadStage::Asked => Progress::None,
        ReadStage::Sending(page) => {
            let granted = read.receiver.options.qos();
            let next_qos = page.front().map_or(Qos::AtMostOnce, |message| message.qos().min(granted));
            if allowed == Allowed::OnlyQos0 && next_qos > Qos::AtMostOnce {
                return Progress::None;
            }
            match page.pop_front() {
                Some(message) => {
                    let receiver = read.receiver;
                    deliver::retained(&mut shard.clients, session_id.index(), &message, receiver);
                }
                None => read.stage = ReadStage::Ask,
            }
            Progress::Made
        }
        ReadStage::Ask if is_paused => Progress::None,
        ReadStage::Ask => {
            let Some((at, after)) = read.next_question() else {
                reads.pop();
                // Usually that was all: an idle subscriber then holds no memory for what is on its way.
                session.release_if_idle();
                return Progress::Made;
            };
            let read_id = ReadId { session: session_id, number: read.number };
            let question =
                RetainedQuestion { read: read_id, filter: read.filter.clone(), after: after.map(Box::from) };
            reads.asked();
            ask(shard, at, question)
        }
    }
}

fn ask(shard: &mut Shard, at: ShardId, question: RetainedQuestion) -> Progress {
    if at != shard.setup.shard {
        shard.clients.trays.post(at, Letter::RetainedQuestion(Box::new(question)));
        return Progress::None;
    }
    let (found, next, scanned) = page(shard, &question, PAGE_SCAN_MAX);
    take_page(shard, question.read, found, next);
    Progress::Looked(scanned)
}

/// A session has had its share of looking for retained messages: it goes on when others have had their turn.
pub(crate) fn pause(shard: &mut Shard, session_id: SlotId) {
    let clients = &mut shard.clients;
    let Some(session) = clients.sessions.get_mut(session_id) else { return };
    session.outgoing().reads.is_paused = true;
    clients.deadlines.insert(clients.now.plus_ms(PAUSE_MS), Timer::RetainedReads(session_id));
}

/// The pause of a session is over.
#[cold]
pub(crate) fn go_on(shard: &mut Shard, session_id: SlotId) {
    let Some(session) = shard.clients.sessions.get_mut(session_id) else { return };
    let Some(outgoing) = session.outgoing_if_any() else { return };
    outgoing.reads.is_paused = false;
    refill::refill(shard, session_id);
}

/// The page that a question asks for, where to go on, and how many topics were looked at for it: `scan_max` at most, if
/// that is less than a page may take.
pub(crate) fn page(
    shard: &Shard,
    question: &RetainedQuestion,
    scan_max: usize,
) -> (VecDeque<Message>, Option<Box<str>>, usize) {
    let query = PageQuery {
        filter: &question.filter,
        after: question.after.as_deref(),
        scan_max: scan_max.min(PAGE_SCAN_MAX),
        items_max: PAGE_ITEMS_MAX,
        now: shard.clients.now,
    };
    let page = shard.topics.retained.page(&query);
    (page.items.into_iter().map(|(_, message)| message.clone()).collect(), page.next, page.scanned)
}

/// A page came from another shard.
pub(crate) fn answer(shard: &mut Shard, answer: RetainedAnswer) {
    let meter = shard.clients.meter.clone();
    let found = answer.found.into_iter().map(|content| Message::across(content, &meter)).collect();
    take_page(shard, answer.read, found, answer.next);
    refill::refill(shard, answer.read.session);
}

/// Gives a page to the read that waits for it, if it still does.
fn take_page(shard: &mut Shard, id: ReadId, found: VecDeque<Message>, next: Option<Box<str>>) {
    let clients = &mut shard.clients;
    let Some(session) = clients.sessions.get_mut(id.session) else { return };
    let Some(outgoing) = session.outgoing_if_any() else { return };
    if outgoing.reads.take_page(id.number, found, next) == Page::AskedAgain {
        clients.counters.retained_pages_again += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Parts, Retain};
    use crate::policy::ListenerPolicy;
    use crate::testing::shard;
    use crate::time::Time;

    /// However often the nearest expiry changes.
    #[test]
    fn one_timer_is_set_for_all_that_expires() {
        let mut shard = shard(ListenerPolicy::default());
        for expires_ms in [5000, 4000, 6000, 3000, 3000] {
            let expires = Some(Time::from_ms(expires_ms));
            let (qos, retain) = (Qos::AtMostOnce, Retain::Yes);
            let parts = Parts { topic: "t", passed_on: &[], payload: b"x", qos, retain, expires };
            let message = Message::new(&parts, &shard.clients.meter);
            store(&mut shard, &message);
        }
        let mut due = Vec::new();
        shard.clients.deadlines.expire(Time::from_ms(10_000), &mut due);
        assert_eq!(due.len(), 1, "{due:?}");
    }
}
