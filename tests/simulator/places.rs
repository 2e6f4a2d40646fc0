//! Places that the shards of a world share, as a broker's shards do.
//!
//! Owns the counts. Shards take their turns in one thread, so who gets the last place is the same in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ringmq_broker::counters::Counters;
use ringmq_broker::places::Places;

use super::setup::WorldSetup;

/// One shard's end of a common count.
#[derive(Clone, Debug)]
struct CommonPlaces {
    taken: Arc<AtomicU32>,
    max: u32,
}

impl Places for CommonPlaces {
    fn try_take(&mut self) -> bool {
        let is_free = self.taken.load(Ordering::Relaxed) < self.max;
        self.taken.fetch_add(is_free.into(), Ordering::Relaxed);
        is_free
    }

    fn give_back(&mut self) {
        let taken = self.taken.fetch_sub(1, Ordering::Relaxed);
        assert!(taken > 0, "a place is given back that was never taken");
    }
}

/// All counts of a world.
pub(crate) struct AllPlaces {
    sessions: CommonPlaces,
    subscriptions: CommonPlaces,
}

impl AllPlaces {
    /// All places free.
    pub(crate) fn new(setup: &WorldSetup) -> AllPlaces {
        let free = |max| CommonPlaces { taken: Arc::default(), max };
        AllPlaces { sessions: free(setup.sessions_max), subscriptions: free(setup.subscriptions_max) }
    }

    /// What is there has a place each, and no place is lost.
    ///
    /// # Panics
    /// If it is not so.
    pub(crate) fn assert_taken(&self, counters: &Counters) {
        for (places, count) in
            [(&self.sessions, counters.sessions), (&self.subscriptions, counters.subscriptions)]
        {
            assert_eq!(
                u64::from(places.taken.load(Ordering::Relaxed)),
                count,
                "places are taken by what is there"
            );
        }
    }

    /// A shard's end of the places for sessions.
    pub(crate) fn sessions(&self) -> Box<dyn Places> {
        Box::new(self.sessions.clone())
    }

    /// A shard's end of the places for subscriptions.
    pub(crate) fn subscriptions(&self) -> Box<dyn Places> {
        Box::new(self.subscriptions.clone())
    }
}
