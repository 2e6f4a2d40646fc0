//! Telling the other shards what this one subscribes to, and knowing when they all know.
//!
//! Every route and group letter has a number; each shard answers with the number it has reached. A SUBACK waits
//! until all have reached the number of its own letters, so that SUBACK means every core knows.

use std::collections::VecDeque;

use crate::handlers::suback::{self, PendingSuback};
use crate::letter::{GroupChange, Interest, Letter, RouteChange};
use crate::seed::ShardId;
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::topics::{GroupUpdate, RouteKey};

/// What was announced, who knows it, and who waits for that.
#[derive(Debug)]
pub(crate) struct Announced {
    own: ShardId,
    /// Number of the last letter.
    last: u64,
    /// Number that each shard has answered.
    known: Vec<u64>,
    waiting: VecDeque<PendingSuback>,
}

impl Announced {
    pub(crate) fn new(own: ShardId, shard_count: u16) -> Announced {
        Announced { own, last: 0, known: vec![0; usize::from(shard_count)], waiting: VecDeque::new() }
    }

    /// Whether every shard knows all that was announced.
    pub(crate) fn is_settled(&self) -> bool {
        self.known_by_all() == self.last
    }

    /// Lets a SUBACK wait until all that was announced so far is known.
    pub(crate) fn wait(&mut self, mut pending: PendingSuback) {
        pending.after = self.last;
        self.waiting.push_back(pending);
    }

    /// A filter is unsubscribed: a SUBACK that still waits is followed by no retained messages of it.
    pub(crate) fn cancel_reads(&mut self, connection: SlotId, filter: &str) {
        for pending in self.waiting.iter_mut().filter(|pending| pending.connection == connection) {
            pending.reads.retain(|(wanted, _)| &**wanted != filter);
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn known_by_all(&self) -> u64 {
        let others = self.known.iter().enumerate().filter(|&(shard, _)| shard != usize::from(self.own));
        others.map(|(_, &number)| number).min().unwrap_or(self.last)
    }

    fn take_ready(&mut self) -> Option<PendingSuback> {
        let known = self.known_by_all();
        self.waiting.pop_front_if(|pending| pending.after <= known)
    }
}

/// This shard has its first subscription to a route.
pub(crate) fn opened(shard: &mut Shard, route: Option<RouteKey>) {
    announce_route(shard, route, Interest::Opened);
}

/// This shard has lost its last subscription to a route.
pub(crate) fn closed(shard: &mut Shard, route: Option<RouteKey>) {
    announce_route(shard, route, Interest::Closed);
}

fn announce_route(shard: &mut Shard, route: Option<RouteKey>, interest: Interest) {
    let Some(key) = route.filter(|_| shard.has_peers()) else { return };
    let number = shard.announced.next();
    post_to_all(shard, || Letter::Route(RouteChange { key: key.clone(), interest, number }));
}

/// The members of a shared group changed here. This shard keeps the counts of all shards, its own included.
pub(crate) fn group(shard: &mut Shard, update: &GroupUpdate) {
    let own = shard.setup.shard;
    shard.topics.shared_routes.update(update, own);
    if shard.has_peers() {
        let number = shard.announced.next();
        post_to_all(shard, || Letter::Group(Box::new(GroupChange { update: update.clone(), number })));
    }
}

pub(crate) fn post_to_all(shard: &mut Shard, letter: impl Fn() -> Letter) {
    for to in (0..shard.setup.shard_count).filter(|&to| to != shard.setup.shard) {
        shard.clients.trays.post(to, letter());
    }
}

/// Another shard opened or closed a route.
pub(crate) fn route_changed(shard: &mut Shard, from: ShardId, change: &RouteChange) {
    match change.interest {
        Interest::Opened => shard.topics.routes.announce(&change.key, from),
        Interest::Closed => shard.topics.routes.retract(&change.key, from),
    }
    shard.clients.trays.post_known(from, change.number);
}

/// The members of a shared group changed on another shard.
pub(crate) fn group_changed(shard: &mut Shard, from: ShardId, change: &GroupChange) {
    shard.topics.shared_routes.update(&change.update, from);
    shard.clients.trays.post_known(from, change.number);
}

/// Another shard knows all letters up to `number`: SUBACKs that waited for it go out.
pub(crate) fn known(shard: &mut Shard, from: ShardId, number: u64) {
    let known = &mut shard.announced.known[usize::from(from)];
    *known = number.max(*known);
    while let Some(pending) = shard.announced.take_ready() {
        suback::send(shard, pending);
    }
}
