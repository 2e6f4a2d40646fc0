//! What a shard is made from: all that it is told at its start.
//!
//! Owns the list. Must never know what a shard makes of it, nor where it comes from.

use crate::cause::Level;
use crate::journal::Durability;
use crate::limits::Limits;
use crate::places::Places;
use crate::policy::{BrokerPolicy, ListenerPolicy};
use crate::seed::{Seeds, ShardId};

/// What a shard is made from.
#[derive(Debug)]
pub struct Setup {
    /// Which shard this is.
    pub shard: ShardId,
    /// How many there are, 1 to 128.
    pub shard_count: u16,
    /// Equal on all shards.
    pub seeds: Seeds,
    /// Bounds of this shard.
    pub limits: Limits,
    /// Places for sessions, shared by all shards.
    pub sessions: Box<dyn Places>,
    /// Places for subscriptions, shared by all shards.
    pub subscriptions: Box<dyn Places>,
    /// What holds whatever the listener.
    pub broker: BrokerPolicy,
    /// What each listener offers, by the index that [`crate::connection::Opening::listener`] gives.
    pub listeners: Vec<ListenerPolicy>,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// What is below this level leaves no [`crate::note::Note`].
    pub notes: Level,
}
