//! Where hashes and names come from: secrets that the shell drew once, handed in at the start.
//!
//! Owns the seeded hasher and the maker of client identifiers. Must never draw randomness itself: with the same
//! seeds and inputs a shard gives the same trays, byte for byte.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// Index of a shard, 0-based.
pub type ShardId = u16;

/// Secrets of one process, equal on all its shards. A client that cannot guess them cannot aim at one shard, fill
/// one hash bucket or guess another client's assigned identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeds {
    /// Seeds every hash table and the choice of the home shard.
    pub hash: u64,
    /// Keys the identifiers that the server assigns.
    pub identity: [u64; 2],
}

impl Seeds {
    /// The hasher of this process.
    pub fn hasher(&self) -> FixedState {
        FixedState::with_seed(self.hash)
    }

    /// Hash of a client identifier, topic or other name.
    pub fn hash_of(&self, name: &str) -> u64 {
        self.hasher().hash_one(name)
    }

    /// The shard that owns the session of `client_id`.
    ///
    /// ```
    /// use ringmq_broker::seed::Seeds;
    ///
    /// let seeds = Seeds { hash: 7, identity: [1, 2] };
    /// let home = seeds.home("sensor-7", 4);
    /// assert!(home < 4 && home == seeds.home("sensor-7", 4), "the same on every shard");
    /// assert_eq!(seeds.home("sensor-7", 1), 0);
    /// ```
    pub fn home(&self, client_id: &str, shard_count: u16) -> ShardId {
        shard_of(self.hash_of(client_id), shard_count)
    }
}

/// The shard that a hash falls to. Multiplies instead of dividing, so the high bits decide.
pub fn shard_of(hash: u64, shard_count: u16) -> ShardId {
    ((u128::from(hash) * u128::from(shard_count)) >> 64) as ShardId
}

/// Makes client identifiers for clients that sent none [MQTT-3.1.3-6].
#[derive(Debug)]
pub(crate) struct Identifiers {
    seeds: Seeds,
    shard: ShardId,
    shard_count: u16,
    made: u64,
}

impl Identifiers {
    pub(crate) fn new(seeds: Seeds, shard: ShardId, shard_count: u16) -> Identifiers {
        Identifiers { seeds, shard, shard_count, made: 0 }
    }

    /// The next identifier whose home is this very shard, so that an anonymous client is never handed off.
    pub(crate) fn next(&mut self) -> String {
        loop {
            let id = format!("auto-{:016x}{:016x}", self.draw(0), self.draw(1));
            self.made += 1;
            if self.seeds.home(&id, self.shard_count) == self.shard {
                return id;
            }
        }
    }

    /// Keyed SipHash of the counter: unpredictable without the key, unlike the table hasher.
    fn draw(&self, half: u64) -> u64 {
        let mut hasher = std::collections::hash_map::DefaultHasher::new();
        hasher.write_u64(self.seeds.identity[0]);
        hasher.write_u64(self.seeds.identity[1]);
        hasher.write_u16(self.shard);
        hasher.write_u64(self.made);
        hasher.write_u64(half);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: Seeds = Seeds { hash: 7, identity: [1, 2] };

    /// [MQTT-3.1.3-6] every identifier is new, and at home where it was made.
    #[test]
    fn identifiers_are_unique_and_at_home() {
        let mut seen = std::collections::HashSet::new();
        for shard in 0..3 {
            let mut identifiers = Identifiers::new(SEEDS, shard, 3);
            for _ in 0..100 {
                let id = identifiers.next();
                assert_eq!(SEEDS.home(&id, 3), shard);
                assert!(seen.insert(id));
            }
        }
    }

    #[test]
    fn homes_are_spread_evenly() {
        let mut counts = [0u32; 4];
        for n in 0..4000 {
            counts[usize::from(SEEDS.home(&format!("client-{n}"), 4))] += 1;
        }
        assert!(counts.iter().all(|&c| (850..1150).contains(&c)), "{counts:?}");
    }
}
