//! The short form of a filter or topic: 32 bits that stand for its text between shards and inside hash tables.
//!
//! Owns the choice of hash. Must never know what a table stores under it.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// Hash of a filter or topic name. Equal on all shards, because all hash with the same seed.
///
/// Two names share a fingerprint once in 4 billion pairs. Whoever decides by fingerprint alone must be able to bear
/// that: a route does (one needless letter), a subscription does not and compares the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fingerprint(u32);

impl Fingerprint {
    /// The fingerprint of a whole filter or topic name.
    pub fn of(text: &str, hasher: &FixedState) -> Fingerprint {
        Fingerprint::of_bytes(text.as_bytes(), hasher)
    }

    /// The fingerprint of a text that may yet turn out not to be one.
    pub(super) fn of_bytes(bytes: &[u8], hasher: &FixedState) -> Fingerprint {
        let mut state = hasher.build_hasher();
        state.write(bytes);
        let hash = state.finish();
        Fingerprint((hash ^ (hash >> 32)) as u32)
    }

    /// The fingerprint of the same text in the place that `number` names, such as a level below that trie node.
    pub(super) fn below(self, number: u32) -> Fingerprint {
        Fingerprint(self.0 ^ number.wrapping_mul(0x9E37_79B1))
    }

    /// The number, for a letter or record.
    pub fn as_u32(self) -> u32 {
        self.0
    }

    /// The fingerprint with this number.
    pub fn from_u32(number: u32) -> Fingerprint {
        Fingerprint(number)
    }

    /// The hash that a table uses for an entry of this fingerprint. A table that stores fingerprints thus grows
    /// without touching the names it indexes.
    pub(super) fn spread(self) -> u64 {
        spread(self.0)
    }
}

/// Spreads 32 bits over 64, as a table needs both ends of a hash. Also good for small consecutive numbers.
pub(super) fn spread(number: u32) -> u64 {
    u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Whether a filter that is valid holds `+` or `#`. Without one it matches only the topic of the same text.
pub fn is_wildcard(filter: &str) -> bool {
    filter.bytes().any(|byte| byte == b'+' || byte == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs with one fingerprint among `count` names: about count^2 / 2^33, as for a random function.
    #[test]
    fn fingerprints_of_similar_names_collide_no_more_than_random_ones() {
        let hasher = FixedState::with_seed(11);
        let count = 200_000u64;
        let mut all: Vec<u32> = (0..count)
            .map(|n| Fingerprint::of(&format!("plant/{}/dev{n}/temp", n % 7), &hasher).as_u32())
            .collect();
        all.sort_unstable();
        let pairs = all.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert!(pairs < 20, "{pairs} pairs, expected about 5");
    }

    /// [MQTT-4.7.3-4] nothing is folded or trimmed.
    #[test]
    fn different_texts_have_different_fingerprints() {
        let hasher = FixedState::with_seed(3);
        let names = ["a", "A", "a/", "/a", "a//b", "a/b", "a ", "", "\u{0}", "aa", "aaa"];
        for (i, x) in names.iter().enumerate() {
            for y in &names[i + 1..] {
                assert_ne!(Fingerprint::of(x, &hasher), Fingerprint::of(y, &hasher), "{x:?} {y:?}");
            }
        }
    }

    #[test]
    fn wildcards_are_seen() {
        for (filter, expected) in
            [("a/b", false), ("+", true), ("a/#", true), ("$SYS/x", false), ("a/+/b", true)]
        {
            assert_eq!(is_wildcard(filter), expected, "{filter}");
        }
    }
}
