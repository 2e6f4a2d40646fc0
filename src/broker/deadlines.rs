//! Everything that is to happen at a time: a hierarchical timer wheel.
//!
//! Owns the deadlines and their order. Must never know what they are for, nor read a clock: `expire` is told the
//! time. Level 0 has a slot for each of the next 64 ms, and each further level has slots 64 times as wide. A deadline
//! lies in the level of the highest 6-bit digit in which it differs from the wheel's present, and moves down
//! when the present reaches its slot. Entering and leaving cost a list operation, whatever the number of deadlines.

use std::num::NonZeroU32;

use crate::pages::Pages;
use crate::time::Time;

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Enough digits for all 64 bits, so that no time is too far.
const LEVELS: usize = 64_usize.div_ceil(DIGIT_BITS as usize);
/// No entry. Also ends every list.
const NONE: u32 = u32::MAX;

/// A deadline that was set. One that has fired or was cancelled finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TimerId {
    index: u32,
    /// That of a timer in use: odd, so never zero.
    generation: NonZeroU32,
}

#[derive(Debug)]
struct Timer<K> {
    at: u64,
    key: K,
    previous: u32,
    /// The next in the slot; of a free entry: the next free one.
    next: u32,
    /// Odd while in use.
    generation: u32,
}

/// Entries of one slot, in the order they came.
#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

#[derive(Debug)]
struct Level {
    /// Bit `n`: slot `n` is not empty.
    occupied: u64,
    slots: [List; SLOTS],
}

/// A slot that holds entries, and when the wheel must look at it.
#[derive(Debug, Clone, Copy)]
struct Due {
    level: usize,
    slot: usize,
    at: u64,
}

/// Deadlines with a key each.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    /// Everything due at this time or earlier has fired.
    present: u64,
    levels: Box<[Level; LEVELS]>,
    timers: Pages<Timer<K>>,
    free: u32,
}

impl<K: Copy> Default for Deadlines<K> {
    fn default() -> Deadlines<K> {
        Deadlines::new()
    }
}

impl<K: Copy> Deadlines<K> {
    /// No deadlines.
    pub(crate) fn new() -> Deadlines<K> {
        let level = || Level { occupied: 0, slots: [List { first: NONE, last: NONE }; SLOTS] };
        let levels = Box::new(std::array::from_fn(|_| level()));
        Deadlines { present: 0, levels, timers: Pages::default(), free: NONE }
    }

    /// Sets a deadline. One that is past already counts as due at the `now` of the last `expire`, and fires with
    /// the next.
    pub(crate) fn insert(&mut self, at: Time, key: K) -> TimerId {
        let at = at.as_ms().max(self.present);
        let index = self.add_timer(at, key);
        self.append(index);
        let generation = NonZeroU32::new(self.timers[index as usize].generation);
        TimerId { index, generation: generation.expect("it is odd while the timer is in use") }
    }

    /// Takes a deadline back; returns its key. None: it has fired or was cancelled.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<K> {
        let timer =
            self.timers.get(id.index as usize).filter(|timer| timer.generation == id.generation.get())?;
        let key = timer.key;
        self.unlink(id.index);
        self.release(id.index);
        Some(key)
    }

    /// When to call `expire` next. Never later than the earliest deadline; it may be earlier, if that one is far,
    /// and `expire` then moves the deadline down a level, so each one causes a handful of such calls at most.
    pub(crate) fn next(&self) -> Option<Time> {
        self.next_due().map(|due| Time::from_ms(due.at))
    }

    /// Appends the keys of all deadlines at `now` or earlier, by time, those of one time in the order they were
    /// set. `now` must not go back.
    pub(crate) fn expire(&mut self, now: Time, due: &mut Vec<K>) {
        let now = now.as_ms().max(self.present);
        while let Some(slot) = self.next_due().filter(|slot| slot.at <= now) {
            self.present = slot.at;
            if slot.level == 0 {
                self.fire(slot, due);
            } else {
                self.move_down(slot);
            }
        }
        self.present = now;
    }

    /// The slot to look at next: the first of the lowest level that holds any, because everything in a level is
    /// due before everything in the levels above.
    fn next_due(&self) -> Option<Due> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let slot = self.levels[level].occupied.trailing_zeros() as usize;
        let shift = DIGIT_BITS * level as u32;
        // The digits above the slot's are those of the present; the digits below are zero.
        let above = self.present >> shift >> DIGIT_BITS << DIGIT_BITS;
        Some(Due { level, slot, at: (above | slot as u64) << shift })
    }

    fn fire(&mut self, from: Due, due: &mut Vec<K>) {
        let mut index = self.take_list(from);
        while index != NONE {
            let timer = &self.timers[index as usize];
            let next = timer.next;
            due.push(timer.key);
            self.release(index);
            index = next;
        }
    }

    fn move_down(&mut self, from: Due) {
        let mut index = self.take_list(from);
        while index != NONE {
            let next = self.timers[index as usize].next;
            self.append(index);
            index = next;
        }
    }

    fn take_list(&mut self, from: Due) -> u32 {
        let level = &mut self.levels[from.level];
        level.occupied &= !(1 << from.slot);
        std::mem::replace(&mut level.slots[from.slot], List { first: NONE, last: NONE }).first
    }

    /// Level and slot of a time, seen from the present. Stays the same until the present reaches the slot, so it
    /// need not be stored.
    fn place_of(&self, at: u64) -> (usize, usize) {
        let highest_difference = 63 - ((at ^ self.present) | 1).leading_zeros();
        let level = highest_difference / DIGIT_BITS;
        let slot = (at >> (DIGIT_BITS * level)) as usize % SLOTS;
        (level as usize, slot)
    }

    fn append(&mut self, index: u32) {
        let (level, slot) = self.place_of(self.timers[index as usize].at);
        let level = &mut self.levels[level];
        level.occupied |= 1 << slot;
        let list = &mut level.slots[slot];
        let last = std::mem::replace(&mut list.last, index);
        if last == NONE {
            list.first = index;
        } else {
            self.timers[last as usize].next = index;
        }
        let timer = &mut self.timers[index as usize];
        (timer.previous, timer.next) = (last, NONE);
    }

    fn unlink(&mut self, index: u32) {
        let Timer { at, previous, next, .. } = self.timers[index as usize];
        let (level, slot) = self.place_of(at);
        let level = &mut self.levels[level];
        let list = &mut level.slots[slot];
        match previous {
            NONE => list.first = next,
            previous => self.timers[previous as usize].next = next,
        }
        match next {
            NONE => list.last = previous,
            next => self.timers[next as usize].previous = previous,
        }
        if list.first == NONE {
            level.occupied &= !(1 << slot);
        }
    }

    fn add_timer(&mut self, at: u64, key: K) -> u32 {
        let Some(timer) = self.timers.get_mut(self.free as usize) else {
            let index = self.timers.push(Timer { at, key, previous: NONE, next: NONE, generation: 1 });
            let index = u32::try_from(index).ok().filter(|index| *index != NONE);
            return index.expect("fewer than 2^32 - 1 deadlines");
        };
        let index = std::mem::replace(&mut self.free, timer.next);
        let generation = timer.generation.wrapping_add(1);
        *timer = Timer { at, key, previous: NONE, next: NONE, generation };
        index
    }

    fn release(&mut self, index: u32) {
        let timer = &mut self.timers[index as usize];
        timer.generation = timer.generation.wrapping_add(1);
        timer.next = self.free;
        self.free = index;
    }
}

#[cfg(test)]
mod tests;
