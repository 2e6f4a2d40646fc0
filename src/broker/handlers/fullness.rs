//! Sessions whose full backlog refuses messages: known to every shard, so that a publish is refused before anybody gets it.
//!
//! A backlog is full from the message that reaches a bound until an eighth of it is free. Its shard knows at once and tells
//! the others at the end of the verb. What they have acknowledged until they know is kept above the bounds.

use std::mem;

use ringmq_protocol::Qos;

use crate::clients::Timer;
use crate::handlers::{announce, backlog, held};
use crate::letter::{BacklogChange, Letter};
use crate::policy::BacklogFull;
use crate::seed::ShardId;
use crate::session::{Full, Session};
use crate::sessions::Sessions;
use crate::shard::{Shard, Topics};
use crate::slab::SlotId;
use crate::topics::{BacklogState, GroupId, RouteKey, Subscriber};

/// A full backlog is looked through for expired deliveries no more often than this, in milliseconds.
const LOOK_EVERY_MS: u64 = 1000;

/// Whether a QoS 1 or 2 publish has a receiver that cannot take it: a subscriber with a full backlog, here or elsewhere, or
/// a shared group without a member that has room.
#[inline]
pub(crate) fn refuses(shard: &mut Shard, publisher: SlotId, topic: &str) -> bool {
    let is_any_full = shard.clients.full_sessions > 0 || !shard.topics.full.is_empty_elsewhere();
    is_any_full && has_full_receiver(shard, publisher, topic)
}

#[cold]
fn has_full_receiver(shard: &mut Shard, publisher: SlotId, topic: &str) -> bool {
    // So that it makes no difference which packets come in one piece.
    settle(shard);
    let Topics { subscriptions, groups, shared_routes, full, .. } = &shard.topics;
    let sessions = &shard.clients.sessions;
    let is_own = |to: &Subscriber| to.options.no_local() && to.session == publisher.index();
    let mut is_here = false;
    subscriptions.for_each_list(topic, |list| {
        is_here = is_here || list.iter().any(|to| is_full(sessions, to) && !is_own(to));
    });
    let has_room =
        |group: GroupId| groups.members(group).iter().any(|member| !is_full(sessions, &member.subscriber));
    is_here || full.is_full_elsewhere(topic) || shared_routes.has_full_group(topic, has_room)
}

/// Whether what a subscriber gets would have to wait in a full backlog that refuses it. QoS 0 never waits.
pub(crate) fn is_full(sessions: &Sessions, to: &Subscriber) -> bool {
    to.options.qos() > Qos::AtMostOnce && sessions.peek(to.session).is_some_and(Session::is_full)
}

/// A session has subscribed or unsubscribed: if it is full, others are told of other filters than before.
pub(crate) fn subscriptions_changed(shard: &mut Shard, session: SlotId) {
    let clients = &mut shard.clients;
    if clients.full_sessions > 0 && clients.sessions.get(session).is_some_and(Session::is_full) {
        clients.unsettled.push(session.index());
    }
}

/// Tells what became full or free in this verb.
#[inline]
pub(crate) fn settle(shard: &mut Shard) {
    if !shard.clients.unsettled.is_empty() {
        settle_all(shard);
    }
}

#[cold]
fn settle_all(shard: &mut Shard) {
    let mut unsettled = mem::take(&mut shard.clients.unsettled);
    for session in unsettled.drain(..) {
        if let Some(id) = shard.clients.sessions.id_at(session) {
            settle_session(shard, id);
        }
    }
    shard.clients.unsettled = unsettled;
}

fn settle_session(shard: &mut Shard, id: SlotId) {
    let limits = backlog::limits(&shard.setup.limits, BacklogFull::Refuse);
    let Some(session) = shard.clients.sessions.get_mut(id) else { return };
    let is_refusing = session.backlog_full == BacklogFull::Refuse;
    let Some(outgoing) = session.outgoing_if_any() else { return };
    if outgoing.full.is_none() {
        return;
    }
    if !is_refusing || outgoing.backlog.has_room_again(limits) {
        return forget(shard, id);
    }
    let keys = if shard.has_peers() { keys_of(shard, id) } else { Vec::new() };
    let old = match full_of(shard, id) {
        Some(full) => mem::replace(&mut full.announced, keys.clone()),
        None => return,
    };
    // What stays is counted twice in between, so that nobody is told that it is free.
    keys.iter().for_each(|key| add(shard, key));
    old.iter().for_each(|key| remove(shard, key));
    set_backlog(shard, id, BacklogState::Full);
    watch_expiry(shard, id);
}

/// A session has room again, or ends, or refuses no longer: publishers are let through.
#[inline]
pub(crate) fn forget(shard: &mut Shard, id: SlotId) {
    if shard.clients.full_sessions > 0 {
        forget_full(shard, id);
    }
}

#[cold]
fn forget_full(shard: &mut Shard, id: SlotId) {
    let clients = &mut shard.clients;
    let Some(session) = clients.sessions.get_mut(id) else { return };
    let Some(full) = session.outgoing_if_any().and_then(|outgoing| outgoing.full.take()) else { return };
    clients.full_sessions -= 1;
    if let Some(timer) = full.timer {
        clients.deadlines.cancel(timer);
    }
    full.announced.iter().for_each(|key| remove(shard, key));
    set_backlog(shard, id, BacklogState::Free);
    held::wake(shard);
}

fn full_of(shard: &mut Shard, id: SlotId) -> Option<&mut Full> {
    let session = shard.clients.sessions.get_mut(id)?;
    session.outgoing_if_any()?.full.as_deref_mut()
}

/// The filters under which a session gets messages that wait.
fn keys_of(shard: &Shard, id: SlotId) -> Vec<RouteKey> {
    let subscriptions = &shard.topics.subscriptions;
    let filters = shard.clients.sessions.get(id).map_or(&[][..], |session| session.filters.as_slice());
    let waits = |filter: &&_| {
        let subscriber = subscriptions.subscriber(**filter, id.index());
        subscriber.is_some_and(|subscriber| subscriber.options.qos() > Qos::AtMostOnce)
    };
    filters.iter().filter(waits).map(|&filter| subscriptions.route_of(filter)).collect()
}

fn add(shard: &mut Shard, key: &RouteKey) {
    if shard.topics.full.add(key) {
        tell(shard, key, BacklogState::Full);
    }
}

fn remove(shard: &mut Shard, key: &RouteKey) {
    if shard.topics.full.remove(key) {
        tell(shard, key, BacklogState::Free);
    }
}

fn tell(shard: &mut Shard, key: &RouteKey, state: BacklogState) {
    announce::post_to_all(shard, || Letter::Backlog(BacklogChange { key: key.clone(), state }));
}

/// Tells the shared groups of a session whether it can take more.
fn set_backlog(shard: &mut Shard, id: SlotId, backlog: BacklogState) {
    let Some(session) = shard.clients.sessions.get(id) else { return };
    let groups = session.groups().to_vec();
    for group in groups {
        let members = shard.topics.groups.members(group);
        let own = members.iter().find(|member| member.subscriber.session == id.index());
        let waits = own.is_some_and(|member| member.subscriber.options.qos() > Qos::AtMostOnce);
        let backlog = if waits { backlog } else { BacklogState::Free };
        if let Some(update) = shard.topics.groups.set_backlog(group, id.index(), backlog) {
            announce::group(shard, &update);
        }
    }
}

/// Sets a timer for the expiry of what waits: a session that is away makes room by nothing else.
fn watch_expiry(shard: &mut Shard, id: SlotId) {
    let clients = &mut shard.clients;
    let Some(session) = clients.sessions.get_mut(id) else { return };
    let Some(outgoing) = session.outgoing_if_any() else { return };
    let Some(full) = outgoing.full.as_mut().filter(|full| full.timer.is_none()) else { return };
    if let Some(from) = outgoing.backlog.expired_from() {
        let at = from.max(clients.now.plus_ms(LOOK_EVERY_MS));
        full.timer = Some(clients.deadlines.insert(at, Timer::BacklogExpiry(id)));
    }
}

/// Something that waits in a full backlog has expired.
#[cold]
pub(crate) fn expire(shard: &mut Shard, id: SlotId) {
    let clients = &mut shard.clients;
    let Some(session) = clients.sessions.get_mut(id) else { return };
    let Some(outgoing) = session.outgoing_if_any() else { return };
    if let Some(full) = &mut outgoing.full {
        full.timer = None;
        clients.counters.dropped_expired += outgoing.backlog.drop_expired(clients.now);
        clients.unsettled.push(id.index());
    }
}

/// Another shard told.
pub(crate) fn changed_elsewhere(shard: &mut Shard, from: ShardId, change: &BacklogChange) {
    match change.state {
        BacklogState::Full => shard.topics.full.add_elsewhere(&change.key, from),
        BacklogState::Free => {
            shard.topics.full.remove_elsewhere(&change.key, from);
            held::wake(shard);
        }
    }
}
