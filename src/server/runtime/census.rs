//! How many connections there are, over all shards: the one figure that shards share, touched once per connection.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ringmq_broker::connection::Room;

use crate::config::Config;

/// Counts of open connections and whether the process is to stop.
#[derive(Debug)]
pub(crate) struct Census {
    all: AtomicU32,
    all_max: u32,
    by_listener: Vec<(AtomicU32, u32)>,
    stopping: AtomicBool,
}

impl Census {
    pub(crate) fn new(config: &Config) -> Census {
        let listeners = config.listeners.iter();
        Census {
            all: AtomicU32::new(0),
            all_max: config.limits.connections_max,
            by_listener: listeners.map(|listener| (AtomicU32::new(0), listener.connections_max)).collect(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Counts a connection in and tells whether it is within `connections_max`.
    pub(crate) fn enter(&self, listener: u16) -> Room {
        let (count, max) = &self.by_listener[usize::from(listener)];
        let of_listener = count.fetch_add(1, Ordering::Relaxed);
        let of_all = self.all.fetch_add(1, Ordering::Relaxed);
        if of_listener >= *max || of_all >= self.all_max { Room::Full } else { Room::Free }
    }

    /// Counts a connection out.
    pub(crate) fn leave(&self, listener: u16) {
        self.by_listener[usize::from(listener)].0.fetch_sub(1, Ordering::Relaxed);
        self.all.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asks every shard to stop. Wake them afterwards.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the shards are to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
