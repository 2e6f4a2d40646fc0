//! Shards on a desk: what a server does between its sockets and its shards, in one thread and without any socket.
//!
//! Owns shards, their letters on the way and the bytes they gave out. It does what the pump of the server does with
//! the trays, in the same order, so that what is counted is the broker and little else. Must never know what a
//! packet means, but for answering acknowledgements as a client would.

use std::net::{Ipv4Addr, SocketAddr};

use ringmq_broker::cause::Level;
use ringmq_broker::connection::{Arrival, Opening, Room};
use ringmq_broker::journal::Durability;
use ringmq_broker::limits::Limits;
use ringmq_broker::outbox::Chunk;
use ringmq_broker::places::OwnPlaces;
use ringmq_broker::policy::{BrokerPolicy, ListenerPolicy};
use ringmq_broker::seed::{Seeds, ShardId};
use ringmq_broker::trays::{ConnectionId, Order};
use ringmq_broker::{Setup, Shard, Time, WantsDrained};
use ringmq_protocol::Qos;

use crate::packets;

/// Fixed, so that the same tables come out each time.
const SEEDS: Seeds = Seeds { hash: 0x9E37_79B9_7F4A_7C15, identity: [1, 2] };

/// A client at its home shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Client {
    pub(crate) shard: ShardId,
    pub(crate) connection: ConnectionId,
}

/// What a shard gave out for one connection.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) client: Client,
    pub(crate) bytes: Vec<u8>,
}

/// Shards and what is between them.
pub(crate) struct Desk {
    pub(crate) shards: Vec<Shard>,
    pub(crate) now: Time,
    /// What was given out since the last [`Desk::forget_given`].
    pub(crate) given: Vec<Given>,
    spares: Vec<Vec<u8>>,
    /// Letters that were delivered.
    pub(crate) letters: u64,
    /// Bundles in which they were: usually one for each turn of a shard and each shard that it has letters for.
    pub(crate) posts: u64,
}

impl Desk {
    /// Shards without clients, with default limits and policies and without `$SYS`.
    pub(crate) fn new(shard_count: u16) -> Desk {
        let shards =
            (0..shard_count).map(|shard| Shard::new(setup(shard, shard_count), Time::ZERO)).collect();
        Desk { shards, now: Time::ZERO, given: Vec::new(), spares: Vec::new(), letters: 0, posts: 0 }
    }

    /// The home of a client identifier.
    pub(crate) fn home(&self, client_id: &str) -> ShardId {
        SEEDS.home(client_id, self.shards.len() as u16)
    }

    /// Connects a client at its home, as one that was handed over.
    pub(crate) fn connect(&mut self, client_id: &str, keep_alive_s: u16) -> Client {
        let client = self.open(client_id);
        self.receive(client, &packets::connect(client_id, keep_alive_s));
        self.settle();
        self.forget_given();
        client
    }

    /// A connection at the home of `client_id` that has sent nothing yet.
    pub(crate) fn open(&mut self, client_id: &str) -> Client {
        let shard = self.home(client_id);
        let opening = Opening {
            listener: 0,
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
            arrival: Arrival::HandedOff,
            room: Room::Free,
        };
        let opened = self.shards[usize::from(shard)].open(self.now, opening);
        Client { shard, connection: opened.expect("the limits leave room for the clients of a benchmark") }
    }

    /// Subscribes a client and waits for the SUBACK.
    pub(crate) fn subscribe(&mut self, client: Client, filters: &[&str], qos: Qos) {
        self.receive(client, &packets::subscribe(filters, qos));
        self.settle();
        let answered = self.given.iter().any(|given| given.client == client && given.bytes[0] == 0x90);
        assert!(answered, "a SUBSCRIBE is answered");
        self.forget_given();
    }

    /// Bytes come in; the trays are left as they are.
    pub(crate) fn receive(&mut self, client: Client, bytes: &[u8]) {
        self.shards[usize::from(client.shard)].receive(self.now, client.connection, bytes);
    }

    /// Empties all trays until nothing is left to do: a turn of every shard that has something to do, and so on.
    pub(crate) fn settle(&mut self) {
        while (0..self.shards.len()).fold(false, |moved, shard| self.empty_trays(shard) | moved) {}
    }

    /// Empties the trays of one shard, in the order of the server: letters, bytes, orders.
    fn empty_trays(&mut self, shard: usize) -> bool {
        if self.shards[shard].trays().is_empty() {
            return false;
        }
        self.carry_letters(shard);
        let mut sends = self.shards[shard].take_sends();
        for connection in sends.drain(..) {
            self.take_output(shard, connection);
        }
        self.shards[shard].recycle_sends(sends);
        for order in self.shards[shard].take_orders() {
            if let Order::Close(connection) = order {
                self.shards[shard].take_last_output(connection);
            }
        }
        self.shards[shard].trays().notes.clear();
        self.shards[shard].trays().dropped.clear();
        true
    }

    fn carry_letters(&mut self, from: usize) {
        if self.shards[from].trays().letters_waiting() == 0 {
            return;
        }
        for to in 0..self.shards.len() {
            while let Some(bundle) = self.shards[from].trays().take_bundle(to as ShardId) {
                self.letters += bundle.len() as u64;
                self.posts += 1;
                self.shards[to].deliver(self.now, from as ShardId, bundle);
            }
        }
    }

    /// Takes the bytes of a connection, gives a spare buffer back as the network would, and says that all was sent.
    fn take_output(&mut self, shard: usize, connection: ConnectionId) {
        let output = self.shards[shard].take_output(connection);
        let bytes = output.outbox.into_bytes().unwrap_or_else(|outbox| {
            let mut all = Vec::new();
            outbox.into_chunks().for_each(|chunk| match chunk {
                Chunk::Bytes(bytes) => all.extend_from_slice(&bytes),
                Chunk::Payload(message) => all.extend_from_slice(message.payload()),
            });
            all
        });
        self.given.push(Given { client: Client { shard: shard as ShardId, connection }, bytes });
        self.shards[shard].recycle(self.spares.pop().unwrap_or_default());
        if output.wants_drained == WantsDrained::Yes {
            self.shards[shard].drained(self.now, connection);
        }
    }

    /// Lets time go by to `now`, deadline by deadline.
    pub(crate) fn advance_to(&mut self, now: Time) {
        for shard in 0..self.shards.len() {
            while let Some(at) = self.shards[shard].deadline().filter(|&at| at <= now) {
                self.shards[shard].tick(at);
            }
        }
        self.now = now;
    }

    /// Bytes given out since the last [`Desk::forget_given`].
    pub(crate) fn given_bytes(&self) -> u64 {
        self.given.iter().map(|given| given.bytes.len() as u64).sum()
    }

    /// The network has sent everything; its buffers are free again.
    pub(crate) fn forget_given(&mut self) {
        for Given { mut bytes, .. } in self.given.drain(..) {
            bytes.clear();
            self.spares.push(bytes);
        }
    }
}

fn setup(shard: ShardId, shard_count: u16) -> Setup {
    Setup {
        shard,
        shard_count,
        seeds: SEEDS,
        limits: Limits { handshakes_max: u32::MAX, ..Limits::default() },
        sessions: OwnPlaces::unbounded(),
        subscriptions: OwnPlaces::unbounded(),
        broker: BrokerPolicy { sys_interval_s: 0, ..BrokerPolicy::default() },
        listeners: vec![ListenerPolicy::default()],
        durability: Durability::Memory,
        notes: Level::Warn,
    }
}
