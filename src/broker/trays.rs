//! The trays: what a batch of verbs leaves for the shell to do.
//!
//! Owns the lists. Must never know how they are emptied. The shell empties letters first, so that a letter is in
//! its mailbox before the acknowledgement of what caused it is on the wire.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::cause::Ending;
use crate::letter::Letter;
use crate::seed::ShardId;
use crate::slab::SlotId;

/// A connection of this shard. Never used again, even when its slot is.
pub type ConnectionId = SlotId;

/// Something the shell must do with a socket. Orders for one connection are in the order in which they must be
/// carried out, and after the bytes in its send queue.
#[derive(Debug, PartialEq, Eq)]
pub enum Order {
    /// Send what [`crate::Shard::take_last_output`] gives, then close. The connection is unknown afterwards.
    Close(ConnectionId),
    /// Move the socket to its home shard and give that shard these bytes first. Unknown here afterwards.
    HandOff(Box<HandOff>),
    /// Stop reading this socket.
    Pause(ConnectionId),
    /// Read this socket again.
    Resume(ConnectionId),
}

/// A connection on its way to its home shard.
#[derive(Debug, PartialEq, Eq)]
pub struct HandOff {
    /// The connection, as this shard knew it.
    pub connection: ConnectionId,
    /// The other end.
    pub peer: SocketAddr,
    /// The home of its client identifier.
    pub to: ShardId,
    /// The CONNECT and everything received behind it.
    pub bytes: Vec<u8>,
}

/// The end of a connection, for the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Note {
    /// The other end.
    pub peer: SocketAddr,
    /// Its client identifier, once known.
    pub client_id: Option<Box<str>>,
    /// Why it ended.
    pub ending: Ending,
}

/// What is waiting for the shell.
#[derive(Debug, Default)]
pub struct Trays {
    /// Connections with bytes to send, each once.
    pub sends: Vec<ConnectionId>,
    /// Letters, by receiving shard.
    pub letters: Vec<VecDeque<Letter>>,
    /// What to do with sockets.
    pub orders: Vec<Order>,
    /// What to log.
    pub notes: Vec<Note>,
    letters_waiting: usize,
    letters_posted: u64,
}

impl Trays {
    pub(crate) fn new(shard_count: u16) -> Trays {
        Trays { letters: (0..shard_count).map(|_| VecDeque::new()).collect(), ..Trays::default() }
    }

    pub(crate) fn post(&mut self, to: ShardId, letter: Letter) {
        self.letters_waiting += 1;
        self.letters_posted += 1;
        self.letters[usize::from(to)].push_back(letter);
    }

    /// Takes the next letter for `to`.
    pub fn take_letter(&mut self, to: ShardId) -> Option<Letter> {
        let letter = self.letters[usize::from(to)].pop_front()?;
        self.letters_waiting -= 1;
        Some(letter)
    }

    /// Puts a letter back that did not fit into the mailbox.
    pub fn return_letter(&mut self, to: ShardId, letter: Letter) {
        self.letters_waiting += 1;
        self.letters[usize::from(to)].push_front(letter);
    }

    /// Letters not yet taken, for all shards together.
    pub fn letters_waiting(&self) -> usize {
        self.letters_waiting
    }

    /// Letters ever posted.
    pub(crate) fn letters_posted(&self) -> u64 {
        self.letters_posted
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty() && self.orders.is_empty() && self.notes.is_empty() && self.letters_waiting == 0
    }
}
