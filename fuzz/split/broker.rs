//! One or two shards, and letters that stay in their trays until they are carried.
//!
//! Owns the shell's duties in their simplest form. Letters wait while bytes come in, so that the cuts cannot change
//! what has happened elsewhere. Must never know a packet.

use std::net::{Ipv4Addr, SocketAddr};

use ringmq_broker::cause::{Cause, Ending, Level};
use ringmq_broker::connection::{Arrival, Opening, Room};
use ringmq_broker::counters::Counters;
use ringmq_broker::journal::Durability;
use ringmq_broker::limits::Limits;
use ringmq_broker::note::{Ended, Note};
use ringmq_broker::outbox::{Chunk, Outbox};
use ringmq_broker::places::OwnPlaces;
use ringmq_broker::policy::{BrokerPolicy, ListenerPolicy, Overlapping};
use ringmq_broker::seed::{Seeds, ShardId};
use ringmq_broker::trays::{ConnectionId, Order};
use ringmq_broker::{Setup, Shard, Time, WantsDrained};
use ringmq_protocol::Qos;

use super::Choice;

/// Timers that one client can leave, and more.
const TICKS_MAX: usize = 10_000;

/// Number of a client, in the order in which they came.
pub(super) type Client = usize;

/// Index of a listener.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    /// What the input chose.
    Chosen,
    /// With nothing refused.
    Wide,
}

/// Where a client's connection is, and what was seen of it.
#[derive(Debug)]
struct Seen {
    door: Door,
    place: Option<(ShardId, ConnectionId)>,
    sent: Vec<u8>,
    endings: Vec<(Option<Box<str>>, Ending)>,
}

/// What a client can tell, and what the shards counted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Traces {
    sent: Vec<u8>,
    endings: Vec<(Option<Box<str>>, Ending)>,
    counters: Counters,
}

/// The shards and their clients.
pub(super) struct Broker {
    shards: Vec<Shard>,
    now: Time,
    seen: Vec<Seen>,
}

impl Broker {
    pub(super) fn new(choice: Choice) -> Broker {
        let shard_count = 1 + u16::from(choice.flags & 1);
        let shards = (0..shard_count).map(|shard| Shard::new(setup(choice, shard, shard_count), Time::ZERO));
        Broker { shards: shards.collect(), now: Time::ZERO, seen: Vec::new() }
    }

    /// A new client at the first shard.
    pub(super) fn open(&mut self, door: Door) -> Client {
        let client = self.seen.len();
        self.seen.push(Seen { door, place: None, sent: Vec::new(), endings: Vec::new() });
        self.open_at(0, client, Arrival::Accepted);
        client
    }

    fn open_at(&mut self, shard: ShardId, client: Client, arrival: Arrival) {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, client as u16));
        let listener = self.seen[client].door as u16;
        let opening = Opening { listener, peer, arrival, room: Room::Free };
        let opened = self.shards[usize::from(shard)].open(self.now, opening).expect("there is room");
        self.seen[client].place = Some((shard, opened));
    }

    /// Bytes of a client come in; those behind its end are not read.
    pub(super) fn receive(&mut self, client: Client, bytes: &[u8]) {
        let Some((shard, connection)) = self.seen[client].place else { return };
        self.shards[usize::from(shard)].receive(self.now, connection, bytes);
        self.empty_trays(shard);
    }

    /// The client is gone, if it is not already.
    pub(super) fn hang_up(&mut self, client: Client) {
        let Some((shard, connection)) = self.seen[client].place.take() else { return };
        self.shards[usize::from(shard)].hang_up(self.now, connection, Cause::ConnectionLost);
        self.empty_trays(shard);
        self.carry_letters();
    }

    /// Carries letters until there are none.
    pub(super) fn carry_letters(&mut self) {
        let ways = [(0, 1), (1, 0)].into_iter().take_while(|_| self.shards.len() > 1);
        let ways: Vec<(ShardId, ShardId)> = ways.collect();
        while self.shards.iter_mut().any(|shard| shard.trays().letters_waiting() > 0) {
            for &(from, to) in &ways {
                while let Some(bundle) = self.shards[usize::from(from)].trays().take_bundle(to) {
                    self.shards[usize::from(to)].deliver(self.now, from, bundle);
                    self.empty_trays(to);
                }
            }
        }
    }

    /// Lets time go by until no timer is left.
    pub(super) fn run_out(&mut self) {
        for _ in 0..TICKS_MAX {
            let Some(next) = self.shards.iter().filter_map(Shard::deadline).min() else { return };
            self.now = self.now.max(next);
            for shard in 0..self.shards.len() as ShardId {
                self.shards[usize::from(shard)].tick(self.now);
                self.empty_trays(shard);
            }
            self.carry_letters();
        }
        panic!("the timers never end");
    }

    /// Takes the bytes for a client.
    pub(super) fn sent(&mut self, client: Client) -> Vec<u8> {
        std::mem::take(&mut self.seen[client].sent)
    }

    /// What was seen of a client. What is read of a client whose end is decided depends on the cuts, rightly.
    pub(super) fn traces(&self, client: Client) -> Traces {
        let seen = &self.seen[client];
        let (sent, endings) = (seen.sent.clone(), seen.endings.clone());
        Traces { sent, endings, counters: Counters { bytes_received: 0, ..self.counters() } }
    }

    pub(super) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.shards.iter().for_each(|shard| sum.add(&shard.counters()));
        sum
    }

    /// # Panics
    /// If a gauge is not at 0.
    pub(super) fn assert_empty(&self) {
        let counters = self.counters();
        counters.for_each(|name, kind, value| {
            assert!(kind != ringmq_broker::counters::Kind::Gauge || value == 0, "{name} is {value}");
        });
    }

    fn empty_trays(&mut self, shard: ShardId) {
        loop {
            let broker = &mut self.shards[usize::from(shard)];
            let (sends, orders) = (broker.take_sends(), broker.take_orders());
            for note in std::mem::take(&mut broker.trays().notes) {
                let Note::Ended(Ended { client, ending }) = note else { continue };
                self.seen[usize::from(client.peer.port())].endings.push((client.client_id, ending));
            }
            if sends.is_empty() && orders.is_empty() {
                return;
            }
            sends.into_iter().for_each(|connection| self.send(shard, connection));
            orders.into_iter().for_each(|order| self.carry_out(shard, order));
        }
    }

    fn send(&mut self, shard: ShardId, connection: ConnectionId) {
        let output = self.shards[usize::from(shard)].take_output(connection);
        self.put(shard, connection, output.outbox);
        if output.wants_drained == WantsDrained::Yes {
            self.shards[usize::from(shard)].drained(self.now, connection);
        }
    }

    fn put(&mut self, shard: ShardId, connection: ConnectionId, outbox: Outbox) {
        let Some(client) = self.client_at(shard, connection) else { return };
        for chunk in outbox.into_chunks() {
            match chunk {
                Chunk::Bytes(bytes) => self.seen[client].sent.extend_from_slice(&bytes),
                Chunk::Payload(message) => self.seen[client].sent.extend_from_slice(message.payload()),
            }
        }
    }

    fn carry_out(&mut self, shard: ShardId, order: Order) {
        match order {
            Order::Close(connection) => {
                let outbox = self.shards[usize::from(shard)].take_last_output(connection);
                self.put(shard, connection, outbox);
                if let Some(client) = self.client_at(shard, connection) {
                    self.seen[client].place = None;
                }
            }
            Order::HandOff(handoff) => {
                assert_ne!(handoff.to, shard, "a connection is handed to another shard");
                let client = self.client_at(shard, handoff.connection).expect("it is open here");
                self.open_at(handoff.to, client, Arrival::HandedOff);
                self.receive(client, &handoff.bytes);
            }
            Order::Pause(_) | Order::Resume(_) => unreachable!("the send queue has room for everything"),
        }
    }

    fn client_at(&self, shard: ShardId, connection: ConnectionId) -> Option<Client> {
        self.seen.iter().position(|seen| seen.place == Some((shard, connection)))
    }
}

fn setup(choice: Choice, shard: ShardId, shard_count: u16) -> Setup {
    let [is_strict, is_each] = [2, 4].map(|bit| choice.flags & bit != 0);
    let chosen = if is_strict { strict() } else { ListenerPolicy::default() };
    let overlapping = if is_each { Overlapping::Each } else { Overlapping::Once };
    Setup {
        shard,
        shard_count,
        seeds: Seeds { hash: 0x5EED, identity: [1, 2] },
        limits: Limits { send_queue_bytes_max: 1 << 30, ..Limits::default() },
        sessions: OwnPlaces::unbounded(),
        subscriptions: OwnPlaces::unbounded(),
        broker: BrokerPolicy { sys_interval_s: 0, overlapping, ..BrokerPolicy::default() },
        listeners: vec![chosen, ListenerPolicy::default()],
        durability: Durability::Memory,
        notes: Level::Debug,
    }
}

/// Refuses what may be refused.
fn strict() -> ListenerPolicy {
    ListenerPolicy {
        qos_max: Qos::AtLeastOnce,
        wildcard_available: false,
        shared_available: false,
        subscription_identifiers_available: false,
        topic_alias_max: 2,
        topic_alias_outbound_max: 1,
        receive_max: 1,
        inflight_max: 1,
        packet_bytes_max: 200,
        keep_alive_max_s: 60,
        zero_length_client_id: false,
        client_id_bytes_max: 23,
        v31_allowed: false,
        payload_format_check: true,
        ..ListenerPolicy::default()
    }
}
