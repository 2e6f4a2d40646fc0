//! Publishes that are not yet taken: a subscriber's backlog is full, and their clients cannot be told.
//!
//! Owns the packets, as they came, and whose turn is next. Must never know why they are held.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::slab::SlotId;

/// Whole PUBLISH packets of one connection, in order.
#[derive(Debug)]
struct Packets {
    connection: SlotId,
    bytes: Vec<u8>,
}

/// The publishes held of all connections.
#[derive(Debug)]
pub(crate) struct Held {
    packets: HashTable<Packets>,
    /// Connections in the order in which they are tried. One that is gone may still be in here.
    queue: VecDeque<SlotId>,
    /// Whether a timer is set for trying them again.
    pub(crate) is_timer_set: bool,
    hasher: FixedState,
}

impl Held {
    pub(crate) fn new(hasher: FixedState) -> Held {
        Held { packets: HashTable::new(), queue: VecDeque::new(), is_timer_set: false, hasher }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Holds one more packet of a connection, behind those that are held. Returns the bytes now held of it.
    pub(crate) fn push(&mut self, connection: SlotId, packet: &[u8]) -> usize {
        let hash = self.hasher.hash_one(connection);
        if let Some(held) = self.packets.find_mut(hash, |held| held.connection == connection) {
            held.bytes.extend_from_slice(packet);
            return held.bytes.len();
        }
        self.queue.push_back(connection);
        self.put(connection, packet.to_vec());
        packet.len()
    }

    /// Takes the connection to be tried next, with its packets.
    pub(crate) fn pop(&mut self) -> Option<(SlotId, Vec<u8>)> {
        loop {
            let connection = self.queue.pop_front()?;
            if let Some(bytes) = self.take(connection) {
                return Some((connection, bytes));
            }
        }
    }

    /// Puts back what must wait on, behind all others.
    pub(crate) fn push_back(&mut self, connection: SlotId, bytes: Vec<u8>) {
        self.queue.push_back(connection);
        self.put(connection, bytes);
    }

    /// Connections with packets.
    pub(crate) fn len(&self) -> usize {
        self.packets.len()
    }

    /// Takes all packets of a connection, which has ended.
    pub(crate) fn remove(&mut self, connection: SlotId) -> Option<Vec<u8>> {
        let bytes = self.take(connection)?;
        if self.queue.len() > 2 * self.packets.len() + 16 {
            let Held { packets, queue, hasher, .. } = self;
            queue.retain(|id| packets.find(hasher.hash_one(id), |held| held.connection == *id).is_some());
        }
        Some(bytes)
    }

    fn put(&mut self, connection: SlotId, bytes: Vec<u8>) {
        let Held { packets, hasher, .. } = self;
        let hash_of = |held: &Packets| hasher.hash_one(held.connection);
        packets.insert_unique(hasher.hash_one(connection), Packets { connection, bytes }, hash_of);
    }

    fn take(&mut self, connection: SlotId) -> Option<Vec<u8>> {
        let hash = self.hasher.hash_one(connection);
        let entry = self.packets.find_entry(hash, |held| held.connection == connection).ok()?;
        Some(entry.remove().0.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;

    #[test]
    fn connections_take_turns_and_keep_the_order_of_their_packets() {
        let mut slab = Slab::default();
        let [a, b, c] = [(); 3].map(|()| slab.insert(()));
        let mut held = Held::new(FixedState::with_seed(1));
        assert_eq!((held.push(a, b"1"), held.push(b, b"2"), held.push(a, b"34")), (1, 1, 3));
        held.push(c, b"5");
        assert_eq!(held.pop(), Some((a, b"134".to_vec())));
        held.push_back(a, b"34".to_vec());
        assert_eq!(held.remove(b), Some(b"2".to_vec()));
        assert_eq!((held.len(), held.remove(b)), (2, None));
        assert_eq!(held.pop(), Some((c, b"5".to_vec())));
        assert_eq!(held.pop(), Some((a, b"34".to_vec())));
        assert!(held.pop().is_none() && held.is_empty());
    }

    #[test]
    fn connections_that_came_and_went_leave_nothing() {
        let mut slab = Slab::default();
        let mut held = Held::new(FixedState::with_seed(1));
        for _ in 0..1000 {
            let id = slab.insert(());
            held.push(id, b"x");
            held.remove(id);
            slab.remove(id);
        }
        assert!(held.queue.len() <= 17, "{}", held.queue.len());
    }
}
