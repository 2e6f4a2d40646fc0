//! The sessions and connections of one shard, with all that sending to them takes.
//!
//! Owns what handlers change while they read the topic tables: the two are separate so that a fan-out can walk a
//! subscriber list and fill send queues at the same time. Must never know filters or routes.

use foldhash::fast::FixedState;

use crate::connection::{Connection, Flow};
use crate::counters::Counters;
use crate::deadlines::Deadlines;
use crate::front::Front;
use crate::held::Held;
use crate::letter::MemoryState;
use crate::limits::Limits;
use crate::message::Meter;
use crate::session::Session;
use crate::sessions::Sessions;
use crate::slab::{Slab, SlotId};
use crate::time::Time;
use crate::topics::ShardSet;
use crate::trays::{Order, Trays};

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timer {
    /// A CONNECT or a sign of life is due.
    Connection(SlotId),
    /// A connection has been above its send queue maximum for the whole grace.
    SlowConsumer(SlotId),
    /// A session without a connection ends.
    SessionEnd(SlotId),
    /// A delayed will is due.
    Will(SlotId),
    /// Retained messages expire.
    RetainedExpiry,
    /// A full backlog holds deliveries that have expired.
    BacklogExpiry(SlotId),
    /// There may be room for publishes that are held.
    HeldPublishes,
    /// A session goes on looking for retained messages.
    RetainedReads(SlotId),
    /// Questions about retained messages are answered again.
    RetainedQuestions,
    /// A round of `$SYS` topics is due.
    Sys,
}

/// Sessions, connections and what sending needs.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) connections: Slab<Connection>,
    pub(crate) sessions: Sessions,
    pub(crate) deadlines: Deadlines<Timer>,
    pub(crate) trays: Trays,
    pub(crate) counters: Counters,
    pub(crate) meter: Meter,
    pub(crate) limits: Limits,
    pub(crate) now: Time,
    /// Bytes kept of packets that have begun and not ended.
    pub(crate) partial_bytes: usize,
    /// What the other shards were last told of the memory of this one.
    pub(crate) told_memory: MemoryState,
    /// Shards that may keep no more messages.
    pub(crate) full_elsewhere: ShardSet,
    /// Sessions here whose backlog is full and refuses messages.
    pub(crate) full_sessions: usize,
    /// Sessions, by slot, whose backlog filled up or emptied in this verb, or whose subscriptions changed while it is full.
    pub(crate) unsettled: Vec<u32>,
    /// Publishes that are not yet taken.
    pub(crate) held: Held,
    /// Bytes of all wills.
    pub(crate) will_bytes: usize,
    /// For topics that get an alias.
    pub(crate) hasher: FixedState,
    /// Whether a note was left that nothing checks user names and passwords.
    pub(crate) told_credentials: bool,
    /// Publications handed out so far.
    serial: u64,
    /// The front of the last PUBLISH that may go to several receivers alike.
    pub(crate) front: Front,
    /// Emptied send buffers, so that an idle connection holds none and a busy one allocates none.
    pub(crate) spares: Vec<Vec<u8>>,
}

/// How many emptied send buffers are kept, and how large one may be to be worth keeping.
const SPARES_MAX: usize = 256;
const SPARE_BYTES_MAX: usize = 64 << 10;

impl Clients {
    pub(crate) fn new(hasher: FixedState, limits: Limits, shard_count: u16) -> Clients {
        Clients {
            connections: Slab::default(),
            sessions: Sessions::new(hasher.clone()),
            deadlines: Deadlines::new(),
            trays: Trays::new(shard_count, limits.bundle_letters_max),
            counters: Counters::default(),
            meter: Meter::default(),
            limits,
            now: Time::ZERO,
            partial_bytes: 0,
            told_memory: MemoryState::Free,
            full_elsewhere: ShardSet::EMPTY,
            full_sessions: 0,
            unsettled: Vec::new(),
            held: Held::new(hasher.clone()),
            will_bytes: 0,
            hasher,
            told_credentials: false,
            serial: 0,
            front: Front::default(),
            spares: Vec::new(),
        }
    }

    /// A number for a publication that begins to be handed out.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// The session that a connection is on.
    pub(crate) fn session_of(&mut self, connection: SlotId) -> Option<(SlotId, &mut Session)> {
        let id = self.connections.get(connection)?.session?;
        Some((id, self.sessions.get_mut(id)?))
    }

    /// More waits for a client than may wait: it is not read from until this drains, so that what answers it stays
    /// bounded, and has a grace to drain it.
    pub(crate) fn overflow(&mut self, id: SlotId) {
        self.begin_grace(id);
        self.set_read(id, |flow| flow.paused = true);
    }

    /// Changes what a connection is read by, and tells the shell if that makes a difference.
    pub(crate) fn set_read(&mut self, id: SlotId, change: impl FnOnce(&mut Flow)) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let was_read = connection.flow.is_read();
        change(&mut connection.flow);
        match (was_read, connection.flow.is_read()) {
            (true, false) => self.trays.orders.push(Order::Pause(id)),
            (false, true) => self.trays.orders.push(Order::Resume(id)),
            (true, true) | (false, false) => {}
        }
    }

    /// The send queue of `id` takes no more: from now on the client has `slow_consumer_grace_ms` to drain it.
    pub(crate) fn begin_grace(&mut self, id: SlotId) {
        let (now, grace_ms) = (self.now, self.limits.slow_consumer_grace_ms);
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.flow.grace.is_none() && grace_ms > 0 {
            let timer = self.deadlines.insert(now.plus_ms(grace_ms), Timer::SlowConsumer(id));
            connection.flow.grace = Some(timer);
        }
    }

    /// The send queue of `id` has drained: the next time it fills up, the grace begins anew.
    pub(crate) fn end_grace(&mut self, id: SlotId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if let Some(timer) = connection.flow.grace.take() {
            self.deadlines.cancel(timer);
        }
    }

    /// Little waits for a connection now: it is read again.
    pub(crate) fn relieved(&mut self, id: SlotId) {
        self.set_read(id, |flow| flow.paused = false);
    }

    /// Takes an emptied send buffer back.
    pub(crate) fn recycle(&mut self, mut spare: Vec<u8>) {
        if self.spares.len() < SPARES_MAX && (1..=SPARE_BYTES_MAX).contains(&spare.capacity()) {
            spare.clear();
            self.spares.push(spare);
        }
    }

    /// Whether `bytes` more fit into the memory for messages, here and on every shard that may have to keep them.
    pub(crate) fn has_memory_for(&self, bytes: usize) -> bool {
        self.full_elsewhere.is_empty() && self.message_bytes() + bytes <= self.limits.message_bytes_max
    }

    /// Bytes of all messages that are kept here: stored, in letters, and come in part.
    pub(crate) fn message_bytes(&self) -> usize {
        self.meter.bytes() + self.trays.letter_bytes() + self.partial_bytes
    }
}
