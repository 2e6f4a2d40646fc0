//! One turn of a shard, as its shell would do it: take what is ready, call verbs, empty the trays.
//!
//! Owns the order of the shell's duties and the chance in it. Must never know what a packet means.

use ringmq_broker::cause::Cause;
use ringmq_broker::connection::Arrival;
use ringmq_broker::note::Note;
use ringmq_broker::outbox::{Chunk, Outbox};
use ringmq_broker::seed::ShardId;
use ringmq_broker::trays::{ConnectionId, HandOff, Order};
use ringmq_broker::{Reading, WantsDrained};

use super::facts::{Pace, What};
use super::wire::{ClientEnd, Place, WireId};
use super::world::{Adoption, World};

impl World {
    /// One turn of `shard`; tells whether anything was done.
    pub(crate) fn turn(&mut self, shard: ShardId) -> bool {
        let mut moved = self.tick(shard);
        if self.holds() {
            return moved;
        }
        moved |= self.take_letters(shard);
        if self.may_read(shard) {
            moved |= self.adopt(shard);
            for wire in self.wires_of(shard) {
                moved |= self.serve(shard, wire);
            }
        }
        self.empty_trays(shard) | moved
    }

    /// Calls every shard whose deadline has come.
    pub(crate) fn tick_due(&mut self) {
        for shard in 0..self.setup.shard_count {
            self.tick(shard);
        }
    }

    /// Moves bytes on to the clients; tells whether any moved.
    pub(crate) fn carry(&mut self) -> bool {
        let mut moved = false;
        for index in 0..self.live.len() {
            if !self.holds() {
                let count = self.some_bytes(self.weather.carry_bytes_max);
                moved |= self.wires[self.live[index].0].carry(count);
            }
        }
        let wires = &self.wires;
        self.live
            .retain(|&wire| !(wires[wire.0].place == Place::Closed && wires[wire.0].to_client.is_empty()));
        moved
    }

    /// Whether a wire could move bytes at the next turn.
    pub(crate) fn may_move(&self, id: WireId) -> bool {
        let wire = &self.wires[id.0];
        let can_carry = !wire.to_client.is_empty() && wire.end != ClientEnd::Vanished && !wire.is_stuck;
        let Place::At(shard, connection) = wire.place else { return can_carry };
        let is_read = self.is_read(shard, connection, id);
        let can_read = is_read && (!wire.to_broker.is_empty() || wire.end == ClientEnd::Finished);
        can_carry || can_read || wire.end == ClientEnd::Reset || self.is_drained(id)
    }

    fn tick(&mut self, shard: ShardId) -> bool {
        let now = self.now;
        let broker = &mut self.shards[usize::from(shard)];
        if broker.deadline().is_none_or(|at| at > now) {
            return false;
        }
        broker.tick(now);
        assert!(broker.deadline().is_none_or(|at| at > now), "a tick leaves a deadline that is due");
        self.tell(What::Ticked(shard));
        self.empty_trays(shard);
        true
    }

    /// Whether something that is ready waits for a later turn.
    fn holds(&mut self) -> bool {
        self.random.chance(self.weather.hold_percent)
    }

    fn some_bytes(&mut self, most: usize) -> usize {
        if most == usize::MAX { most } else { self.random.between(1, most) }
    }

    /// The wires of a shard, in an order that chance turns.
    fn wires_of(&mut self, shard: ShardId) -> Vec<WireId> {
        let mut wires: Vec<WireId> = self.owned[usize::from(shard)].values().copied().collect();
        if self.weather.hold_percent > 0 && !wires.is_empty() {
            let first = self.random.below(wires.len());
            wires.rotate_left(first);
        }
        wires
    }

    fn adopt(&mut self, shard: ShardId) -> bool {
        let mut moved = false;
        while let Some(Adoption { wire, bytes }) = self.adoptions[usize::from(shard)].pop_front() {
            moved = true;
            self.open(wire, shard, Arrival::HandedOff);
            if let Place::At(_, connection) = self.wires[wire.0].place {
                self.shards[usize::from(shard)].receive(self.now, connection, &bytes);
                self.tell_handled(wire, bytes);
            }
        }
        moved
    }

    fn take_letters(&mut self, shard: ShardId) -> bool {
        let mut moved = false;
        while !self.is_holding_letters && !self.holds() {
            let Some((from, bundle)) = self.mailboxes.take(shard) else { break };
            for letter in bundle.letters() {
                self.digest.add(u64::from(letter.rank()) << 32 | u64::from(from) << 16 | u64::from(shard));
                self.tell(What::Taken { from, to: shard });
            }
            self.shards[usize::from(shard)].deliver(self.now, from, bundle);
            self.tell_under_way(from);
            moved = true;
        }
        moved
    }

    /// Whether bytes may be handed in: the letters that wait come first, as they may be what the bytes follow from.
    fn may_read(&self, shard: ShardId) -> bool {
        self.mailboxes.is_empty_for(shard) || self.is_holding_letters || self.saboteur.reads_before_letters()
    }

    /// Tells the shard what happened on one wire.
    fn serve(&mut self, shard: ShardId, id: WireId) -> bool {
        let Place::At(_, connection) = self.wires[id.0].place else { return false };
        let mut moved = false;
        if self.is_drained(id) {
            self.wires[id.0].owes_drained = false;
            self.wires[id.0].was_behind = true;
            self.shards[usize::from(shard)].drained(self.now, connection);
            moved = true;
        }
        if self.wires[id.0].end == ClientEnd::Reset {
            self.broken(shard, connection, Cause::ConnectionReset);
            return true;
        }
        if self.holds() || !self.is_read(shard, connection, id) {
            return moved;
        }
        if !self.wires[id.0].to_broker.is_empty() {
            self.read(shard, connection, id);
            return true;
        }
        if self.wires[id.0].end == ClientEnd::Finished {
            self.broken(shard, connection, Cause::ConnectionLost);
            return true;
        }
        moved
    }

    fn is_read(&self, shard: ShardId, connection: ConnectionId, id: WireId) -> bool {
        let broker = &self.shards[usize::from(shard)];
        !self.wires[id.0].is_paused && !broker.is_congested() && broker.reading(connection) != Reading::None
    }

    fn is_drained(&self, id: WireId) -> bool {
        let wire = &self.wires[id.0];
        wire.owes_drained && wire.to_client.len() <= self.weather.send_buffer_bytes
    }

    fn read(&mut self, shard: ShardId, connection: ConnectionId, id: WireId) {
        let count = self.some_bytes(self.weather.read_bytes_max);
        let wire = &mut self.wires[id.0];
        let count = wire.to_broker.len().min(count);
        let bytes: Vec<u8> = wire.to_broker.drain(..count).collect();
        let broker = &mut self.shards[usize::from(shard)];
        broker.receive(self.now, connection, &bytes);
        // One that is on its way to its home is unknown here at once.
        let (reading, is_leaving) = (broker.reading(connection), broker.peer(connection).is_none());
        wire.unhandled.extend(bytes);
        if reading == Reading::Once {
            return;
        }
        let bytes = std::mem::take(&mut wire.unhandled);
        if !is_leaving {
            self.tell_handled(id, bytes);
        }
    }

    fn tell_handled(&mut self, wire: WireId, bytes: Vec<u8>) {
        if self.wires[wire.0].rank == 0 {
            self.connects += 1;
            self.wires[wire.0].rank = self.connects;
        }
        self.tell(What::Handled { wire, bytes });
    }

    /// The network is done with a connection.
    fn broken(&mut self, shard: ShardId, connection: ConnectionId, cause: Cause) {
        self.shards[usize::from(shard)].hang_up(self.now, connection, cause);
        let Some(wire) = self.owned[usize::from(shard)].remove(&connection) else { return };
        self.wires[wire.0].place = Place::Closed;
        self.tell_notes(shard);
    }

    /// Passes on what the shard noted.
    fn tell_notes(&mut self, shard: ShardId) {
        for note in std::mem::take(&mut self.shards[usize::from(shard)].trays().notes) {
            let Note::Ended(ended) = note else { continue };
            let wire = WireId(usize::from(ended.client.peer.port()));
            self.tell(What::Ended { wire, cause: ended.ending.cause });
            self.notes.push(ended);
        }
        self.dropped.append(&mut self.shards[usize::from(shard)].trays().dropped);
    }

    /// Letters first, so that they are in their mailboxes before what they follow from is on a wire.
    pub(crate) fn empty_trays(&mut self, shard: ShardId) -> bool {
        if self.shards[usize::from(shard)].trays().is_empty() {
            return false;
        }
        self.tell_notes(shard);
        let mut moved = self.post_letters(shard);
        let broker = &mut self.shards[usize::from(shard)];
        let (sends, orders) = (broker.take_sends(), broker.take_orders());
        moved |= !sends.is_empty() || !orders.is_empty();
        let told = self.facts.as_ref().map_or(0, Vec::len);
        for connection in sends {
            self.send_output(shard, connection);
        }
        for order in orders {
            self.carry_out(shard, order);
        }
        self.sort_given(told);
        let letters_waiting = self.shards[usize::from(shard)].trays().letters_waiting();
        self.is_congested[usize::from(shard)] = letters_waiting > 0;
        moved
    }

    /// Orders what was given since fact `from` by the age of the connections: a client's last bytes on its old one were
    /// written before the first on its new one, whatever the order in which they were taken.
    fn sort_given(&mut self, from: usize) {
        let (Some(facts), wires) = (&mut self.facts, &self.wires) else { return };
        facts[from..].sort_by_key(|fact| match fact.what {
            What::Given { wire, .. } => wires[wire.0].rank,
            _ => 0,
        });
    }

    fn post_letters(&mut self, from: ShardId) -> bool {
        let mut moved = false;
        for to in 0..self.setup.shard_count {
            let trays = self.shards[usize::from(from)].trays();
            while let Some(bundle) = trays.take_bundle(to) {
                assert!(to != from, "a shard writes no letter to itself");
                if let Err(bundle) = self.mailboxes.post(from, to, bundle, &mut self.saboteur) {
                    trays.return_bundle(to, bundle);
                    break;
                }
                moved = true;
            }
        }
        self.tell_under_way(from);
        self.tell_posted(from);
        moved
    }

    /// Tells a shard how many bytes of its letters wait in mailboxes.
    fn tell_under_way(&mut self, from: ShardId) {
        let bytes = self.mailboxes.bytes_from(from);
        self.shards[usize::from(from)].trays().set_bytes_under_way(bytes);
    }

    /// Tells how many letters the shard has ever posted, those that still wait in its trays included.
    fn tell_posted(&mut self, shard: ShardId) {
        let trays = self.shards[usize::from(shard)].trays();
        let waiting = (0..self.setup.shard_count).map(|to| trays.letters_waiting_for(to) as u64);
        let counts =
            self.mailboxes.posted(shard).iter().zip(waiting).map(|(posted, waiting)| posted + waiting);
        let counts = counts.collect();
        self.tell(What::Posted { shard, counts });
    }

    fn send_output(&mut self, shard: ShardId, connection: ConnectionId) {
        let output = self.shards[usize::from(shard)].take_output(connection);
        let Some(&id) = self.owned[usize::from(shard)].get(&connection) else { return };
        let wire = &mut self.wires[id.0];
        let is_behind = wire.owes_drained | std::mem::take(&mut wire.was_behind);
        let has_waited = is_behind || self.is_congested[usize::from(shard)];
        let pace = if has_waited { Pace::Behind } else { Pace::AtOnce };
        self.put(id, output.outbox, pace);
        let wire = &mut self.wires[id.0];
        let is_behind = wire.to_client.len() > self.weather.send_buffer_bytes;
        wire.owes_drained |= is_behind || output.wants_drained == WantsDrained::Yes;
        if is_behind {
            self.shards[usize::from(shard)].stalled(connection);
        }
    }

    /// Puts bytes on the way to the client.
    fn put(&mut self, id: WireId, outbox: Outbox, pace: Pace) {
        let mut bytes = Vec::with_capacity(outbox.len_bytes());
        for chunk in outbox.into_chunks() {
            match chunk {
                Chunk::Bytes(part) => bytes.extend_from_slice(&part),
                Chunk::Payload(message) => bytes.extend_from_slice(message.payload()),
            }
        }
        self.digest.add(id.0 as u64);
        self.digest.add(self.now.as_ms());
        self.digest.add_bytes(&bytes);
        let bytes = self.saboteur.output(bytes);
        self.wires[id.0].to_client.extend(&bytes);
        if !bytes.is_empty() {
            self.tell(What::Given { wire: id, bytes, pace });
        }
    }

    fn carry_out(&mut self, shard: ShardId, order: Order) {
        match order {
            Order::Close(connection) => {
                let outbox = self.shards[usize::from(shard)].take_last_output(connection);
                let Some(id) = self.owned[usize::from(shard)].remove(&connection) else { return };
                self.put(id, outbox, Pace::Behind);
                self.wires[id.0].place = Place::Closed;
            }
            Order::HandOff(handoff) => self.hand_off(shard, *handoff),
            Order::Pause(connection) => self.set_paused(shard, connection, true),
            Order::Resume(connection) => self.set_paused(shard, connection, false),
        }
    }

    fn hand_off(&mut self, shard: ShardId, handoff: HandOff) {
        let HandOff { connection, to, bytes, .. } = handoff;
        assert!(to != shard, "a connection is handed to another shard");
        let Some(wire) = self.owned[usize::from(shard)].remove(&connection) else { return };
        self.wires[wire.0].place = Place::Travelling;
        self.adoptions[usize::from(to)].push_back(Adoption { wire, bytes });
    }

    fn set_paused(&mut self, shard: ShardId, connection: ConnectionId, is_paused: bool) {
        if let Some(id) = self.owned[usize::from(shard)].get(&connection) {
            self.wires[id.0].is_paused = is_paused;
        }
    }
}
