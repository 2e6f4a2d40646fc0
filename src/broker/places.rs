//! Places of which all shards together have a number: for sessions, for subscriptions.
//!
//! Owns the question, and the answer for a shard that shares with nobody. Must never know how shards share: each is given
//! its end of the common count in [`crate::Setup`], and takes and gives back one place at a time.

use std::fmt::Debug;

/// One shard's end of a count.
pub trait Places: Debug + Send {
    /// Takes a place. False: all are taken, and none is now.
    fn try_take(&mut self) -> bool;

    /// Gives back a place that was taken.
    fn give_back(&mut self);
}

/// Places that are one shard's alone.
#[derive(Debug)]
pub struct OwnPlaces {
    taken: u32,
    max: u32,
}

impl OwnPlaces {
    /// So many places, all free.
    pub fn new(max: u32) -> OwnPlaces {
        OwnPlaces { taken: 0, max }
    }

    /// More places than can be taken.
    pub fn unbounded() -> Box<dyn Places> {
        Box::new(OwnPlaces::new(u32::MAX))
    }
}

impl Places for OwnPlaces {
    fn try_take(&mut self) -> bool {
        let is_free = self.taken < self.max;
        self.taken += u32::from(is_free);
        is_free
    }

    fn give_back(&mut self) {
        self.taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_can_be_taken_again_once_it_is_back() {
        let mut places = OwnPlaces::new(2);
        assert_eq!([places.try_take(), places.try_take(), places.try_take()], [true, true, false]);
        places.give_back();
        assert_eq!([places.try_take(), places.try_take()], [true, false]);
    }
}
