//! The world: shards, the time between them, and what a test may do to it.
//!
//! Owns everything that a broker process has but files. `turn` carries out the shell's duties. Must never know what
//! a packet means: it moves bytes and letters.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};

use ringmq_broker::cause::Cause;
use ringmq_broker::connection::{Arrival, Opening, Room};
use ringmq_broker::counters::Counters;
use ringmq_broker::note::Ended;
use ringmq_broker::seed::ShardId;
use ringmq_broker::trays::{ConnectionId, Dropped};
use ringmq_broker::{Shard, Time};

use super::digest::Digest;
use super::facts::{Fact, What};
use super::mailboxes::Mailboxes;
use super::places::AllPlaces;
use super::random::Random;
use super::sabotage::Saboteur;
use super::setup::{Weather, WorldSetup};
use super::wire::{ClientEnd, Place, Wire, WireId};

/// Turns after which a world that still moves is taken to move for ever.
const TURNS_MAX: usize = 200_000;

/// A connection on its way to its home shard.
#[derive(Debug)]
pub(crate) struct Adoption {
    pub(crate) wire: WireId,
    pub(crate) bytes: Vec<u8>,
}

/// Shards and wires, and the time.
pub struct World {
    pub(crate) setup: WorldSetup,
    pub(crate) shards: Vec<Shard>,
    places: AllPlaces,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) wires: Vec<Wire>,
    /// The wires of each shard, by their connections.
    pub(crate) owned: Vec<BTreeMap<ConnectionId, WireId>>,
    /// Wires that may still move bytes.
    pub(crate) live: Vec<WireId>,
    /// Connections on their way to each shard.
    pub(crate) adoptions: Vec<VecDeque<Adoption>>,
    pub(crate) now: Time,
    pub(crate) weather: Weather,
    pub(crate) random: Random,
    pub(crate) saboteur: Saboteur,
    pub(crate) digest: Digest,
    pub(crate) notes: Vec<Ended>,
    pub(crate) dropped: Vec<Dropped>,
    /// Shards with letters that did not fit into their mailboxes: what leaves now may have waited for them.
    pub(crate) is_congested: Vec<bool>,
    /// Letters stay in their mailboxes.
    pub(crate) is_holding_letters: bool,
    /// Wires whose CONNECT was handled.
    pub(crate) connects: u64,
    /// What happened, if anybody wants to know.
    pub(crate) facts: Option<Vec<Fact>>,
}

impl World {
    /// A world without faults.
    pub fn calm(setup: WorldSetup) -> World {
        let shard_count = setup.shard_count;
        let places = AllPlaces::new(&setup);
        World {
            shards: (0..shard_count)
                .map(|shard| Shard::new(setup.of_shard(shard, &places), Time::ZERO))
                .collect(),
            places,
            mailboxes: Mailboxes::new(shard_count, setup.mailbox_max, setup.mailbox_bytes_max),
            wires: Vec::new(),
            owned: vec![BTreeMap::new(); usize::from(shard_count)],
            live: Vec::new(),
            adoptions: (0..shard_count).map(|_| VecDeque::new()).collect(),
            now: Time::ZERO,
            weather: Weather::CALM,
            random: Random::new(setup.seed, 1),
            saboteur: Saboteur::new(setup.sabotage, setup.seed),
            digest: Digest::default(),
            notes: Vec::new(),
            is_congested: vec![false; usize::from(shard_count)],
            dropped: Vec::new(),
            is_holding_letters: false,
            connects: 0,
            facts: None,
            setup,
        }
    }

    /// A new wire to the shard whose turn it is.
    pub fn connect(&mut self) -> WireId {
        let shard = self.wires.len() % self.shards.len();
        self.connect_at(shard as ShardId)
    }

    /// A new wire to `shard`, through the first listener.
    pub fn connect_at(&mut self, shard: ShardId) -> WireId {
        self.connect_through(shard, 0)
    }

    /// A new wire to `shard`, through listener `listener`.
    pub fn connect_through(&mut self, shard: ShardId, listener: u16) -> WireId {
        let wire = WireId(self.wires.len());
        self.wires.push(Wire::new(listener));
        self.live.push(wire);
        self.open(wire, shard, Arrival::Accepted);
        wire
    }

    /// The opening of a wire, as the shell would describe it.
    fn opening(&self, wire: WireId, arrival: Arrival) -> Opening {
        let is_full = self.open_count() >= self.setup.connections_max as u64 && arrival == Arrival::Accepted;
        let port = u16::try_from(wire.0 % 60_000).unwrap_or(0);
        Opening {
            listener: self.wires[wire.0].listener,
            peer: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            arrival,
            room: if is_full { Room::Full } else { Room::Free },
        }
    }

    /// Opens a wire at a shard; a refused one is closed.
    pub(crate) fn open(&mut self, wire: WireId, shard: ShardId, arrival: Arrival) {
        let opening = self.opening(wire, arrival);
        match self.shards[usize::from(shard)].open(self.now, opening) {
            Ok(connection) => {
                self.owned[usize::from(shard)].insert(connection, wire);
                self.wires[wire.0].place = Place::At(shard, connection);
            }
            Err(_) => self.wires[wire.0].place = Place::Closed,
        }
    }

    /// The client sends bytes. They move with the next turns.
    pub fn send(&mut self, wire: WireId, bytes: &[u8]) {
        let wire = &mut self.wires[wire.0];
        if wire.end == ClientEnd::Open {
            wire.to_broker.extend(bytes);
        }
    }

    /// The client closes its end in order, without DISCONNECT.
    pub fn hang_up(&mut self, wire: WireId) {
        self.end(wire, ClientEnd::Finished);
    }

    /// The client's end is over.
    pub fn end(&mut self, wire: WireId, how: ClientEnd) {
        if self.wires[wire.0].end == ClientEnd::Open {
            self.wires[wire.0].end = how;
        }
    }

    /// Of what the client sent and no shard has read, only the first `bytes` will arrive.
    pub fn lose_sent(&mut self, wire: WireId, bytes: usize) {
        self.wires[wire.0].to_broker.truncate(bytes);
    }

    /// The client stops reading.
    pub fn stick(&mut self, wire: WireId) {
        self.wires[wire.0].is_stuck = true;
    }

    /// The client reads again.
    pub fn unstick(&mut self, wire: WireId) {
        self.wires[wire.0].is_stuck = false;
    }

    /// Takes the bytes that have reached the client since the last call.
    pub fn received(&mut self, wire: WireId) -> Vec<u8> {
        std::mem::take(&mut self.wires[wire.0].arrived)
    }

    /// Whether bytes have reached the client that nobody took.
    pub fn has_received(&self, wire: WireId) -> bool {
        !self.wires[wire.0].arrived.is_empty()
    }

    /// Whether the broker has closed the wire and all it sent has arrived.
    pub fn is_closed(&self, wire: WireId) -> bool {
        self.wires[wire.0].is_closed_to_client()
    }

    /// Bytes that the client sent and no shard has read.
    pub fn unread(&self, wire: WireId) -> usize {
        self.wires[wire.0].to_broker.len()
    }

    /// The shard that has the wire now.
    pub fn shard_of(&self, wire: WireId) -> Option<ShardId> {
        match self.wires[wire.0].place {
            Place::At(shard, _) => Some(shard),
            Place::Travelling | Place::Closed => None,
        }
    }

    /// The home shard of a client identifier.
    pub fn home(&self, client_id: &str) -> ShardId {
        self.setup.seeds().home(client_id, self.setup.shard_count)
    }

    /// The broker ends a connection of its own accord.
    pub fn disconnect(&mut self, wire: WireId, cause: Cause) {
        if let Place::At(shard, connection) = self.wires[wire.0].place {
            self.shards[usize::from(shard)].disconnect(self.now, connection, cause);
            self.empty_trays(shard);
        }
    }

    /// The broker stops: every shard ends its connections.
    pub fn shut_down(&mut self) {
        for shard in 0..self.setup.shard_count {
            self.shards[usize::from(shard)].shut_down(self.now);
            self.empty_trays(shard);
        }
    }

    /// From now on letters stay in their mailboxes.
    pub fn hold_letters(&mut self) {
        self.is_holding_letters = true;
    }

    /// From now on letters move again.
    pub fn release_letters(&mut self) {
        self.is_holding_letters = false;
    }

    /// From now on what happens is recorded, for [`World::take_facts`].
    pub fn record(&mut self) {
        self.facts = Some(Vec::new());
    }

    /// Takes what happened since the last call.
    pub fn take_facts(&mut self) -> Vec<Fact> {
        self.facts.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(crate) fn tell(&mut self, what: What) {
        if let Some(facts) = &mut self.facts {
            facts.push(Fact { at_ms: self.now.as_ms(), what });
        }
    }

    /// From now on the network is like this.
    pub fn set_weather(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// The time in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now.as_ms()
    }

    /// Turns until nothing moves any more, without letting time go by.
    ///
    /// # Panics
    /// If it never ends.
    pub fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            if !self.step() && self.weather.hold_percent == 0 {
                return;
            }
            if self.is_quiet() {
                self.places.assert_taken(&self.counters());
                return;
            }
        }
        panic!("the world does not come to rest");
    }

    /// One turn of every shard and of the network; tells whether anything moved.
    pub fn step(&mut self) -> bool {
        let mut moved = self.carry();
        for shard in 0..self.setup.shard_count {
            moved |= self.turn(shard);
        }
        moved | self.carry()
    }

    /// Lets time go by, from deadline to deadline, with everything at rest in between.
    pub fn advance_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        self.settle();
        while let Some(next) = self.next_deadline().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.tick_due();
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Lets time go by while bytes and letters stay where they are; only deadlines are met.
    pub fn pass_ms(&mut self, ms: u64) {
        let end = self.now.plus_ms(ms);
        while let Some(next) = self.next_deadline().filter(|&next| next <= end) {
            self.now = self.now.max(next);
            self.tick_due();
        }
        self.now = end;
    }

    /// When the first shard must be called again.
    pub fn next_deadline(&self) -> Option<Time> {
        self.shards.iter().filter_map(Shard::deadline).min()
    }

    /// Whether something waits for the next millisecond, as shards let work wait of which there is much.
    pub(crate) fn puts_off(&self) -> bool {
        self.next_deadline().is_some_and(|at| at <= self.now.plus_ms(1))
    }

    /// Whether no byte, letter or connection is under way but what cannot move: bytes for clients that do not read,
    /// bytes on sockets that are not read.
    pub fn is_quiet(&mut self) -> bool {
        self.is_letterless()
            && self.shards.iter_mut().all(|shard| shard.trays().is_empty())
            && self.live.iter().all(|&wire| !self.may_move(wire))
            && self.shards.iter().all(|shard| shard.deadline().is_none_or(|at| at > self.now))
    }

    /// Whether no letter and no connection is on its way between shards.
    pub fn is_letterless(&mut self) -> bool {
        self.mailboxes.is_empty()
            && self.adoptions.iter().all(VecDeque::is_empty)
            && self.shards.iter_mut().all(|shard| shard.trays().letters_waiting() == 0)
    }

    /// Whether every shard counts the letters that it posted and that nobody has read among its messages.
    pub(crate) fn check_letters_counted(&mut self) -> Result<(), String> {
        for shard in 0..self.setup.shard_count {
            let counted = self.counters_of(shard).message_bytes;
            let waiting = self.shards[usize::from(shard)].trays().bytes_waiting();
            let bytes = (waiting + self.mailboxes.bytes_from(shard)) as u64;
            if counted < bytes {
                return Err(format!(
                    "shard {shard} counts {counted} bytes of messages, its letters are {bytes}"
                ));
            }
        }
        Ok(())
    }

    /// What one shard counted.
    pub fn counters_of(&self, shard: ShardId) -> Counters {
        self.shards[usize::from(shard)].counters()
    }

    /// What all shards counted together.
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for shard in &self.shards {
            sum.add(&shard.counters());
        }
        sum
    }

    /// Connections that ended for `cause`, on all shards.
    pub fn ended_by(&self, cause: Cause) -> u64 {
        self.counters().ended_by(cause)
    }

    /// Takes the ends that were noted for the log since the last call.
    pub fn take_notes(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.notes)
    }

    /// Takes what was noted about full backlogs since the last call.
    pub fn take_dropped(&mut self) -> Vec<Dropped> {
        std::mem::take(&mut self.dropped)
    }

    /// The rolling hash of all that the shards gave out.
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// What the world was made from.
    pub fn setup(&self) -> &WorldSetup {
        &self.setup
    }

    /// Wires that are with a shard.
    pub fn open_count(&self) -> u64 {
        self.owned.iter().map(|wires| wires.len() as u64).sum()
    }
}
