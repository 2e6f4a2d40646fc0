//! Threads, mailboxes, time and signals: what carries the shards.

pub(crate) mod banner;
pub(crate) mod census;
pub(crate) mod clock;
pub(crate) mod connection_log;
pub(crate) mod cores;
pub(crate) mod descriptors;
pub(crate) mod engine;
pub(crate) mod launch;
pub(crate) mod listen;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod mailbox;
pub(crate) mod places;
pub(crate) mod setup;
pub(crate) mod shard_thread;
pub(crate) mod signals;
