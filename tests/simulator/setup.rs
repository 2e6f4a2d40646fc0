//! What a world is made from, and how rough its network is.
//!
//! Owns the numbers. Must never know what they lead to.

use ringmq_broker::cause::Level;
use ringmq_broker::journal::Durability;
use ringmq_broker::limits::Limits;
use ringmq_broker::policy::{BrokerPolicy, ListenerPolicy};
use ringmq_broker::seed::{Seeds, ShardId};

use super::places::AllPlaces;
use super::sabotage::Sabotage;

/// What a world is made from.
#[derive(Clone, Debug)]
pub struct WorldSetup {
    /// Shards, 1 to 128.
    pub shard_count: u16,
    /// Seeds the hashes of the broker and the chance of the world.
    pub seed: u64,
    /// Bounds of each shard.
    pub limits: Limits,
    /// What holds whatever the listener.
    pub broker: BrokerPolicy,
    /// What each listener offers; `connect` uses the first.
    pub listeners: Vec<ListenerPolicy>,
    /// Letters that fit into the mailbox from one shard to another.
    pub mailbox_max: usize,
    /// Sessions at one time, over all shards.
    pub sessions_max: u32,
    /// Subscriptions at one time, over all shards.
    pub subscriptions_max: u32,
    /// Bytes of letters that fit into it.
    pub mailbox_bytes_max: usize,
    /// Connections at one time; one more is told that the server is full.
    pub connections_max: usize,
    /// What is broken on purpose.
    pub sabotage: Sabotage,
}

impl WorldSetup {
    /// Default limits and policies, one listener, no `$SYS`, room for everything.
    pub fn new(shard_count: u16) -> WorldSetup {
        WorldSetup {
            shard_count,
            seed: 1,
            limits: Limits::default(),
            broker: BrokerPolicy { sys_interval_s: 0, ..BrokerPolicy::default() },
            listeners: vec![ListenerPolicy::default()],
            mailbox_max: 1024,
            sessions_max: u32::MAX,
            subscriptions_max: u32::MAX,
            mailbox_bytes_max: usize::MAX,
            connections_max: usize::MAX,
            sabotage: Sabotage::None,
        }
    }

    /// The setup of one shard.
    pub(crate) fn of_shard(&self, shard: ShardId, places: &AllPlaces) -> ringmq_broker::Setup {
        ringmq_broker::Setup {
            shard,
            shard_count: self.shard_count,
            seeds: self.seeds(),
            limits: self.limits.clone(),
            sessions: places.sessions(),
            subscriptions: places.subscriptions(),
            broker: self.broker.clone(),
            listeners: self.listeners.clone(),
            durability: Durability::Memory,
            notes: Level::Debug,
        }
    }

    /// The secrets of the process, drawn from the seed.
    pub fn seeds(&self) -> Seeds {
        Seeds { hash: self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), identity: [self.seed, !self.seed] }
    }
}

/// How rough the network and the scheduling are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Percentage of what is ready that waits for a later turn.
    pub hold_percent: u32,
    /// Bytes that a shard reads from one socket at a time, at least 1.
    pub read_bytes_max: usize,
    /// Bytes that the network carries to a client at a time, at least 1.
    pub carry_bytes_max: usize,
    /// Bytes that the network takes for a client before it is behind.
    pub send_buffer_bytes: usize,
}

impl Weather {
    /// Everything at once and in full.
    pub const CALM: Weather = Weather {
        hold_percent: 0,
        read_bytes_max: usize::MAX,
        carry_bytes_max: usize::MAX,
        send_buffer_bytes: usize::MAX,
    };

    /// Small pieces, late.
    pub const ROUGH: Weather =
        Weather { hold_percent: 40, read_bytes_max: 60, carry_bytes_max: 60, send_buffer_bytes: 200 };
}
