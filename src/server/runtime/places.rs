//! Places that all shards share: how many sessions and subscriptions there are, over all of them.
//!
//! Owns the counts, touched once for each session and subscription that comes or goes. Must never know what takes a place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ringmq_broker::places::Places;

use crate::config::Limits;

/// One end of a count that several threads share.
#[derive(Clone, Debug)]
pub(crate) struct SharedPlaces(Arc<Count>);

#[derive(Debug)]
struct Count {
    taken: AtomicU32,
    max: u32,
}

impl SharedPlaces {
    fn new(max: u32) -> SharedPlaces {
        SharedPlaces(Arc::new(Count { taken: AtomicU32::new(0), max }))
    }
}

impl Places for SharedPlaces {
    fn try_take(&mut self) -> bool {
        let one_more = |taken| (taken < self.0.max).then(|| taken + 1);
        // A count says nothing of other memory, so no order is needed.
        self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn give_back(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The counts of a broker.
#[derive(Clone, Debug)]
pub(crate) struct AllPlaces {
    pub(crate) sessions: SharedPlaces,
    pub(crate) subscriptions: SharedPlaces,
}

impl AllPlaces {
    pub(crate) fn new(limits: &Limits) -> AllPlaces {
        AllPlaces {
            sessions: SharedPlaces::new(limits.sessions_max),
            subscriptions: SharedPlaces::new(limits.subscriptions_max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never one too many, never one too few, whoever comes first.
    #[test]
    fn threads_share_exactly_so_many_places() {
        const MAX: u32 = 10;
        let places = SharedPlaces::new(MAX);
        for _ in 0..100 {
            let taken: Vec<u32> = std::thread::scope(|scope| {
                let take =
                    |mut places: SharedPlaces| move || (0..MAX).map(|_| u32::from(places.try_take())).sum();
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(take(places.clone()))).collect();
                threads.into_iter().map(|thread| thread.join().expect("it only counts")).collect()
            });
            assert_eq!(taken.iter().sum::<u32>(), MAX);
            (0..MAX).for_each(|_| places.clone().give_back());
        }
    }
}
