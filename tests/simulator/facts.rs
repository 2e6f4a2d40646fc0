//! What happened at the broker's border, in the exact order in which it happened.
//!
//! Owns the record. Must never judge it: that is the oracle's.

use ringmq_broker::cause::Cause;
use ringmq_broker::seed::ShardId;

use super::wire::WireId;

/// Something that happened, and when.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The time, in milliseconds.
    pub at_ms: u64,
    /// What it was.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// A shard was told the time, because a deadline had come.
    Ticked(ShardId),
    /// The home shard of a wire was given bytes. What a shard reads before it hands the wire on is told when the
    /// home has it.
    Handled {
        /// The wire.
        wire: WireId,
        /// The bytes, in any chunking.
        bytes: Vec<u8>,
    },
    /// A shard gave bytes for a client: whole packets.
    Given {
        /// The wire.
        wire: WireId,
        /// The packets.
        bytes: Vec<u8>,
        /// Whether the network was behind, so that they may have waited.
        pace: Pace,
    },
    /// A shard had posted so many letters to each other shard when its trays were emptied.
    Posted {
        /// The sender.
        shard: ShardId,
        /// Letters ever posted, by receiver.
        counts: Vec<u64>,
    },
    /// A shard took the next letter of another.
    Taken {
        /// The sender.
        from: ShardId,
        /// The receiver.
        to: ShardId,
    },
    /// A connection ended at the broker.
    Ended {
        /// The wire.
        wire: WireId,
        /// Why.
        cause: Cause,
    },
}

/// Whether bytes for a client went out at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// They did.
    AtOnce,
    /// They may have waited for the network.
    Behind,
}
