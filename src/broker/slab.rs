//! Values by small number: slots that are used again, each with a generation so that an old number finds nothing.
//!
//! Owns the slots. Must never know what is in them.

use std::num::NonZeroU32;

use crate::pages::Pages;

/// Number of a slot and the generation it had when the value was put in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotId {
    index: u32,
    generation: Generation,
}

/// How often a slot was used, and never zero: a number that may be absent takes no more room than one.
type Generation = NonZeroU32;

impl SlotId {
    /// The slot's number. Unique among the values present at one time.
    pub fn index(self) -> u32 {
        self.index
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: Generation,
    value: Option<T>,
}

/// Values in slots.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Pages<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { slots: Pages::default(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> SlotId {
        if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            slot.value = Some(value);
            return SlotId { index, generation: slot.generation };
        }
        let index = self.slots.push(Slot { generation: Generation::MIN, value: Some(value) });
        SlotId { index: u32::try_from(index).expect("fewer than 2^32 slots"), generation: Generation::MIN }
    }

    pub(crate) fn remove(&mut self, id: SlotId) -> Option<T> {
        let slot = self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.checked_add(1).unwrap_or(Generation::MIN);
        self.free.push(id.index);
        Some(value)
    }

    pub(crate) fn get(&self, id: SlotId) -> Option<&T> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.generation == id.generation { slot.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> Option<&mut T> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.generation == id.generation { slot.value.as_mut() } else { None }
    }

    /// The value now in slot `index`, whatever its generation.
    pub(crate) fn at(&mut self, index: u32) -> Option<&mut T> {
        self.slots.get_mut(index as usize)?.value.as_mut()
    }

    /// As [`Slab::at`], to look at only.
    pub(crate) fn peek(&self, index: u32) -> Option<&T> {
        self.slots.get(index as usize)?.value.as_ref()
    }

    /// The full number of the value now in slot `index`.
    pub(crate) fn id_at(&self, index: u32) -> Option<SlotId> {
        let slot = self.slots.get(index as usize)?;
        slot.value.as_ref().map(|_| SlotId { index, generation: slot.generation })
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Numbers of all values, ascending.
    pub(crate) fn ids(&self) -> Vec<SlotId> {
        (0..self.slots.len() as u32).filter_map(|index| self.id_at(index)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_number_finds_nothing_after_its_slot_was_used_again() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        assert_eq!(slab.remove(a), Some("a"));
        let b = slab.insert("b");
        assert_eq!(a.index(), b.index());
        assert_eq!((slab.get(a), slab.get(b)), (None, Some(&"b")));
        assert_eq!(slab.remove(a), None);
        assert_eq!((slab.len(), slab.ids()), (1, vec![b]));
    }
}
