//! What lies between one client and its shard: bytes under way in both directions, and how it may end.
//!
//! Owns the bytes under way. Must never know a packet.

use std::collections::VecDeque;

use ringmq_broker::seed::ShardId;
use ringmq_broker::trays::ConnectionId;

/// Number of a wire, in the order in which wires were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WireId(pub usize);

/// Where the broker's end of a wire is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// With this shard, under this name.
    At(ShardId, ConnectionId),
    /// Between two shards.
    Travelling,
    /// Closed; what is under way to the client still arrives.
    Closed,
}

/// How the client's end of a wire is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientEnd {
    /// The client is there.
    Open,
    /// The client has closed it in order: what it sent arrives first.
    Finished,
    /// The wire broke, and the broker will be told.
    Reset,
    /// The client is gone and nobody tells the broker.
    Vanished,
}

/// One wire.
#[derive(Debug)]
pub(crate) struct Wire {
    /// The listener that it came through.
    pub(crate) listener: u16,
    pub(crate) place: Place,
    pub(crate) end: ClientEnd,
    /// Sent by the client, not yet read by a shard.
    pub(crate) to_broker: VecDeque<u8>,
    /// Given by a shard, not yet with the client.
    pub(crate) to_client: VecDeque<u8>,
    /// With the client, not yet looked at.
    pub(crate) arrived: Vec<u8>,
    /// The shard does not want to read.
    pub(crate) is_paused: bool,
    /// The client does not read.
    pub(crate) is_stuck: bool,
    /// The shard waits to hear that everything was taken.
    pub(crate) owes_drained: bool,
    /// The network was behind, so what is given next has waited.
    pub(crate) was_behind: bool,
    /// Read before the home of the client was known.
    pub(crate) unhandled: Vec<u8>,
    /// Place among all wires in the order in which their CONNECTs were handled; 0 before.
    pub(crate) rank: u64,
}

impl Wire {
    /// A wire that no shard has opened yet.
    pub(crate) fn new(listener: u16) -> Wire {
        Wire {
            listener,
            place: Place::Travelling,
            end: ClientEnd::Open,
            to_broker: VecDeque::new(),
            to_client: VecDeque::new(),
            arrived: Vec::new(),
            is_paused: false,
            is_stuck: false,
            owes_drained: false,
            was_behind: false,
            unhandled: Vec::new(),
            rank: 0,
        }
    }

    /// Moves up to `bytes_max` bytes on to the client; tells whether any moved.
    pub(crate) fn carry(&mut self, bytes_max: usize) -> bool {
        if self.end != ClientEnd::Open {
            let moved = !self.to_client.is_empty() && self.end != ClientEnd::Vanished;
            if moved {
                self.to_client.clear();
            }
            return moved;
        }
        let count = if self.is_stuck { 0 } else { self.to_client.len().min(bytes_max) };
        self.arrived.extend(self.to_client.drain(..count));
        count > 0
    }

    /// Whether the client can see that the broker has closed it.
    pub(crate) fn is_closed_to_client(&self) -> bool {
        self.place == Place::Closed && self.to_client.is_empty()
    }
}
