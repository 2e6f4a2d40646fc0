//! The shard: verbs in, trays out. The whole broker of one core, as a value.
//!
//! Owns the state of one shard and nothing else. It calls handlers; what a packet or a letter means is theirs. Must
//! never know a clock, a socket, a file or a random source: all of those come in as arguments.

use std::mem;
use std::net::SocketAddr;

use crate::bundle::Bundle;
use crate::cause::Cause;
use crate::clients::{Clients, Timer};
use crate::connection::{Connection, Opening, Stage};
use crate::counters::Counters;
use crate::deadlines::TimerId;
use crate::handlers::{announce::Announced, end, flow, fullness, letters, memory, receive, sys, timers};
use crate::message::Message;
use crate::outbox::Outbox;
use crate::policy::ListenerPolicy;
use crate::questions::Questions;
use crate::seed::{Identifiers, ShardId};
use crate::setup::Setup;
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::{
    FullFilters, KnownTopic, KnownTopics, Retained, Routes, SharedGroups, SharedRoutes, Subscriptions,
};
use crate::trays::{ConnectionId, Order, Output, Trays};

/// The filter tables and the retained messages of one shard.
#[derive(Debug)]
pub(crate) struct Topics {
    pub(crate) subscriptions: Subscriptions,
    pub(crate) groups: SharedGroups,
    pub(crate) routes: Routes,
    pub(crate) shared_routes: SharedRoutes,
    pub(crate) retained: Retained<Message>,
    pub(crate) known: KnownTopics,
    pub(crate) full: FullFilters,
}

/// One shard of the broker.
#[derive(Debug)]
pub struct Shard {
    pub(crate) setup: Setup,
    pub(crate) clients: Clients,
    pub(crate) topics: Topics,
    pub(crate) announced: Announced,
    pub(crate) identifiers: Identifiers,
    pub(crate) figures: sys::Figured,
    pub(crate) scratch: Scratch,
    /// When the next expiry of retained messages is due, and the one timer that is set for it.
    pub(crate) retained_timer: Option<(Time, TimerId)>,
    /// Reads of retained messages begun so far: tells them apart.
    pub(crate) reads_begun: u32,
    /// What other shards ask about retained messages.
    pub(crate) questions: Questions,
    /// A session that ends because another takes its place.
    pub(crate) replaced: Option<SlotId>,
    /// Whether [`Shard::shut_down`] was called.
    pub(crate) is_stopping: bool,
}

/// Buffers that handlers use again and again. Empty between verbs.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) topic: String,
    /// The known topic of the PUBLISH that is being handled.
    pub(crate) known: Option<Box<KnownTopic>>,
    pub(crate) properties: Vec<u8>,
    pub(crate) due: Vec<Timer>,
}

/// Why a connection is not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused(pub Cause);

/// What the shell must do to read a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// One read at a time: the connection may yet be handed off.
    Once,
    /// Without end: it is at home.
    Continuous,
    /// Not at all: it is closing, or gone.
    None,
}

impl Shard {
    /// A shard without clients.
    pub fn new(setup: Setup, now: Time) -> Shard {
        assert!(
            setup.shard < setup.shard_count && setup.shard_count <= 128,
            "shards are numbered below their count"
        );
        let hasher = setup.seeds.hasher();
        let strategy = setup.broker.share_strategy;
        let mut shard = Shard {
            clients: Clients::new(hasher.clone(), setup.limits.clone(), setup.shard_count),
            topics: Topics {
                subscriptions: Subscriptions::new(hasher.clone()),
                groups: SharedGroups::new(hasher.clone(), strategy),
                routes: Routes::new(hasher.clone()),
                shared_routes: SharedRoutes::new(hasher.clone(), strategy, setup.shard),
                retained: Retained::new(hasher.clone()),
                known: KnownTopics::new(hasher.clone()),
                full: FullFilters::new(hasher),
            },
            announced: Announced::new(setup.shard, setup.shard_count),
            identifiers: Identifiers::new(setup.seeds, setup.shard, setup.shard_count),
            figures: sys::Figured::new(setup.shard_count, now),
            scratch: Scratch::default(),
            retained_timer: None,
            reads_begun: 0,
            questions: Questions::new(setup.limits.retained_looked_at_max),
            replaced: None,
            is_stopping: false,
            setup,
        };
        shard.clients.now = now;
        sys::start(&mut shard);
        shard
    }

    /// A connection was accepted or handed over. Refused when too many are still without a CONNECT; the shell then
    /// closes the socket.
    pub fn open(&mut self, now: Time, opening: Opening) -> Result<ConnectionId, Refused> {
        self.clients.now = now;
        let counters = &mut self.clients.counters;
        counters.connections_opened += 1;
        if counters.handshakes >= u64::from(self.setup.limits.handshakes_max) {
            counters.ended[Cause::HandshakesFull as usize] += 1;
            return Err(Refused(Cause::HandshakesFull));
        }
        counters.connections += 1;
        counters.handshakes += 1;
        let timeout_ms = self.setup.listeners[usize::from(opening.listener)].connect_timeout_ms;
        let id = self.clients.connections.insert(Connection::new(opening, now));
        let timer = self.clients.deadlines.insert(now.plus_ms(timeout_ms), Timer::Connection(id));
        if let Some(connection) = self.clients.connections.get_mut(id) {
            connection.timer = Some(timer);
        }
        Ok(id)
    }

    /// The other end of a connection; `None` once it has ended.
    pub fn peer(&self, id: ConnectionId) -> Option<SocketAddr> {
        self.clients.connections.get(id).map(|connection| SocketAddr::from(&connection.peer))
    }

    /// The TLS handshake of a connection verified this subject of the client's certificate.
    pub fn identify(&mut self, id: ConnectionId, subject: &str) {
        if let Some(connection) = self.clients.connections.get_mut(id) {
            connection.subject = Some(subject.into());
        }
    }

    /// Bytes came in on a connection. Any chunking gives the same result.
    pub fn receive(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) {
        self.clients.now = now;
        receive::bytes(self, id, bytes);
        self.settle();
    }

    /// The network is done with a connection, or the shell found what it carries to be no MQTT. Nothing more is
    /// sent on it.
    pub fn hang_up(&mut self, now: Time, id: ConnectionId, cause: Cause) {
        self.clients.now = now;
        end::hung_up(self, id, cause);
        self.settle();
    }

    /// The shell closed a connection that it never opened here.
    pub fn report_unread(&mut self) {
        self.clients.counters.connections_unread += 1;
    }

    /// A connection that was on its way to its home ended before it was opened there.
    pub fn report_lost(&mut self) {
        self.clients.counters.handoffs_lost += 1;
    }

    /// The network could not take all bytes of a connection at once.
    pub fn stalled(&mut self, id: ConnectionId) {
        flow::stalled(self, id);
    }

    /// The network took all bytes of a connection after [`Shard::stalled`], or after an output with
    /// [`Output::wants_drained`].
    pub fn drained(&mut self, now: Time, id: ConnectionId) {
        self.clients.now = now;
        flow::drained(self, id);
        self.settle();
    }

    /// Letters came from another shard.
    pub fn deliver(&mut self, now: Time, from: ShardId, mut bundle: Bundle) {
        self.clients.now = now;
        letters::deliver(self, from, &mut bundle);
        self.clients.trays.recycle(bundle);
        self.settle();
    }

    /// Time went by. Handles what is due; [`Shard::deadline`] tells when to call again.
    pub fn tick(&mut self, now: Time) {
        self.clients.now = now;
        let mut due = mem::take(&mut self.scratch.due);
        self.clients.deadlines.expire(now, &mut due);
        for timer in due.drain(..) {
            timers::fire(self, timer);
        }
        self.scratch.due = due;
        self.settle();
    }

    /// The server stops: every client is told 0x8B and closed. From now on no will is published.
    pub fn shut_down(&mut self, now: Time) {
        self.clients.now = now;
        self.is_stopping = true;
        for id in self.clients.connections.ids() {
            end::connection(self, id, Cause::ServerShutdown);
        }
    }

    /// An administrator, or the shell's own policy, ends a connection.
    pub fn disconnect(&mut self, now: Time, id: ConnectionId, cause: Cause) {
        self.clients.now = now;
        end::connection(self, id, cause);
        self.settle();
    }

    /// The shell's measure of this core: how much of the last interval it was at work, in thousandths.
    pub fn report_load(&mut self, permille: u16) {
        self.figures.load_permille = permille;
    }

    /// Tells the other shards what a verb changed for them.
    fn settle(&mut self) {
        fullness::settle(self);
        memory::watch(self);
    }

    /// The trays, to be emptied.
    pub fn trays(&mut self) -> &mut Trays {
        &mut self.clients.trays
    }

    /// When [`Shard::tick`] must be called next; may be early, never late.
    pub fn deadline(&self) -> Option<Time> {
        self.clients.deadlines.next()
    }

    /// Whether letters pile up, by number or by size: the shell then stops reading sockets until they are taken.
    pub fn is_congested(&self) -> bool {
        let (trays, limits) = (&self.clients.trays, &self.setup.limits);
        trays.letters_waiting() > limits.letters_waiting_max
            || trays.bytes_waiting() > limits.letter_bytes_waiting_max
    }

    /// How a connection is to be read after what it received.
    pub fn reading(&self, id: ConnectionId) -> Reading {
        match self.clients.connections.get(id).map(|connection| connection.stage) {
            Some(Stage::AwaitingConnect) => Reading::Once,
            Some(Stage::Connected) => Reading::Continuous,
            Some(Stage::Closing) | None => Reading::None,
        }
    }

    /// Takes the connections with bytes to send, once letters are posted. A connection whose bytes acknowledge what a
    /// letter carries is left for a later call until that letter is in its mailbox: whatever its client does next, on
    /// any shard, then comes after it.
    pub fn take_sends(&mut self) -> Vec<ConnectionId> {
        flow::take_sends(self)
    }

    /// Takes what to do with sockets, after [`Shard::take_sends`]. A close waits for letters likewise.
    pub fn take_orders(&mut self) -> Vec<Order> {
        mem::take(&mut self.clients.trays.orders)
    }

    /// Gives the emptied list of [`Shard::take_sends`] back, so that its memory is used again.
    pub fn recycle_sends(&mut self, mut sends: Vec<ConnectionId>) {
        let tray = &mut self.clients.trays.sends;
        if tray.is_empty() {
            sends.clear();
            *tray = sends;
        }
    }

    /// Takes the bytes to send on a connection that [`Shard::take_sends`] gave.
    pub fn take_output(&mut self, id: ConnectionId) -> Output {
        flow::take_output(self, id)
    }

    /// Takes the last bytes of a connection that is ordered to close, and forgets the connection.
    pub fn take_last_output(&mut self, id: ConnectionId) -> Outbox {
        end::forget(self, id)
    }

    /// Gives an emptied send buffer back.
    pub fn recycle(&mut self, spare: Vec<u8>) {
        self.clients.recycle(spare);
    }

    /// What this shard counted, gauges included.
    pub fn counters(&self) -> Counters {
        sys::counters(self)
    }

    /// The policy of the listener through which a connection came.
    pub(crate) fn policy(&self, listener: u16) -> &ListenerPolicy {
        &self.setup.listeners[usize::from(listener)]
    }

    /// Whether there are other shards.
    pub(crate) fn has_peers(&self) -> bool {
        self.setup.shard_count > 1
    }
}
