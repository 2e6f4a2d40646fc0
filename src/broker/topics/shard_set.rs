//! Sets of shards, and a way to keep very many of them in four bytes each.
//!
//! Owns the bits. Must never know what a shard is in a set for.

use std::num::NonZeroU32;

/// Most shards that a process may have.
pub const SHARDS_MAX: u16 = 128;

/// A set of shards, each below [`SHARDS_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ShardSet([u64; 2]);

impl ShardSet {
    /// No shard.
    pub const EMPTY: ShardSet = ShardSet([0; 2]);

    /// Only this shard.
    pub fn single(shard: u16) -> ShardSet {
        let mut set = ShardSet::EMPTY;
        set.insert(shard);
        set
    }

    /// Puts a shard in.
    pub fn insert(&mut self, shard: u16) {
        assert!(shard < SHARDS_MAX, "a shard's number is below {SHARDS_MAX}");
        self.0[usize::from(shard / 64)] |= 1 << (shard % 64);
    }

    /// Takes a shard out.
    pub fn remove(&mut self, shard: u16) {
        assert!(shard < SHARDS_MAX, "a shard's number is below {SHARDS_MAX}");
        self.0[usize::from(shard / 64)] &= !(1 << (shard % 64));
    }

    /// Whether the shard is in.
    pub fn contains(self, shard: u16) -> bool {
        shard < SHARDS_MAX && self.0[usize::from(shard / 64)] & (1 << (shard % 64)) != 0
    }

    /// All shards of both sets.
    #[must_use]
    pub fn union(self, other: ShardSet) -> ShardSet {
        ShardSet([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    /// Number of shards.
    pub fn len(self) -> usize {
        (self.0[0].count_ones() + self.0[1].count_ones()) as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self == ShardSet::EMPTY
    }

    /// The shards, ascending.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (half, base) = if rest[0] != 0 { (&mut rest[0], 0) } else { (&mut rest[1], 64) };
            let shard = half.trailing_zeros() as u16;
            // Takes the lowest bit out.
            *half &= half.checked_sub(1)?;
            Some(base + shard)
        })
    }
}

impl FromIterator<u16> for ShardSet {
    fn from_iter<I: IntoIterator<Item = u16>>(shards: I) -> ShardSet {
        let mut set = ShardSet::EMPTY;
        shards.into_iter().for_each(|shard| set.insert(shard));
        set
    }
}

/// A set of at least one shard in four bytes: the shard itself plus one, or a place in [`ShardSets`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PackedSet(NonZeroU32);

impl PackedSet {
    pub(super) fn single(shard: u16) -> PackedSet {
        assert!(shard < SHARDS_MAX, "a shard's number is below {SHARDS_MAX}");
        PackedSet(NonZeroU32::MIN.saturating_add(u32::from(shard)))
    }

    fn at_place(place: u32) -> PackedSet {
        PackedSet(NonZeroU32::MIN.saturating_add(u32::from(SHARDS_MAX) + place))
    }

    fn unpack(self) -> Packed {
        let number = self.0.get() - 1;
        match number.checked_sub(u32::from(SHARDS_MAX)) {
            None => Packed::Single(number as u16),
            Some(place) => Packed::Place(place as usize),
        }
    }
}

enum Packed {
    Single(u16),
    Place(usize),
}

/// Room for the packed sets of more than one shard. A packed set has one owner and changes only through these
/// functions, which consume it.
#[derive(Debug, Default)]
pub(super) struct ShardSets {
    sets: Vec<ShardSet>,
    free: Vec<u32>,
}

impl ShardSets {
    pub(super) fn get(&self, set: PackedSet) -> ShardSet {
        match set.unpack() {
            Packed::Single(shard) => ShardSet::single(shard),
            Packed::Place(place) => self.sets[place],
        }
    }

    /// The set and one more shard.
    pub(super) fn with(&mut self, set: PackedSet, shard: u16) -> PackedSet {
        match set.unpack() {
            Packed::Single(only) if only == shard => set,
            Packed::Single(only) => self.add(ShardSet::from_iter([only, shard])),
            Packed::Place(place) => {
                self.sets[place].insert(shard);
                set
            }
        }
    }

    /// The set without a shard. None: nothing is left.
    pub(super) fn without(&mut self, set: PackedSet, shard: u16) -> Option<PackedSet> {
        match set.unpack() {
            Packed::Single(only) => (only != shard).then_some(set),
            Packed::Place(place) => {
                self.sets[place].remove(shard);
                let rest = self.sets[place];
                if rest.len() > 1 {
                    return Some(set);
                }
                self.free.push(place as u32);
                rest.iter().next().map(PackedSet::single)
            }
        }
    }

    fn add(&mut self, set: ShardSet) -> PackedSet {
        if let Some(place) = self.free.pop() {
            self.sets[place as usize] = set;
            return PackedSet::at_place(place);
        }
        self.sets.push(set);
        PackedSet::at_place(u32::try_from(self.sets.len() - 1).expect("fewer than 2^32 sets"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_shard_set_is_a_set(ops in prop::collection::vec((any::<bool>(), 0..SHARDS_MAX), 0..200)) {
            let (mut set, mut model) = (ShardSet::EMPTY, BTreeSet::new());
            for (is_insert, shard) in ops {
                if is_insert {
                    set.insert(shard);
                    model.insert(shard);
                } else {
                    set.remove(shard);
                    model.remove(&shard);
                }
                prop_assert_eq!(set.contains(shard), is_insert);
            }
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!((set.len(), set.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(model.into_iter().collect::<ShardSet>(), set);
        }

        #[test]
        fn packed_sets_do_not_disturb_each_other(
            ops in prop::collection::vec((0usize..6, any::<bool>(), 0u16..5), 0..200),
        ) {
            let mut room = ShardSets::default();
            let mut packed: [Option<PackedSet>; 6] = [None; 6];
            let mut model: [BTreeSet<u16>; 6] = Default::default();
            for (which, is_insert, shard) in ops {
                if is_insert {
                    model[which].insert(shard);
                    packed[which] = Some(match packed[which] {
                        Some(set) => room.with(set, shard),
                        None => PackedSet::single(shard),
                    });
                } else {
                    model[which].remove(&shard);
                    packed[which] = packed[which].and_then(|set| room.without(set, shard));
                }
                for (set, model) in packed.iter().zip(&model) {
                    let shards: BTreeSet<u16> = set.map(|set| room.get(set)).unwrap_or_default().iter().collect();
                    prop_assert_eq!(&shards, model);
                }
            }
            let in_use = model.iter().filter(|set| set.len() > 1).count();
            prop_assert_eq!(room.sets.len() - room.free.len(), in_use);
        }
    }
}
