//! The trays: what a batch of verbs leaves for the shell to do.
//!
//! Owns the lists. Must never know how they are emptied. The shell posts letters first. An acknowledgement leaves only
//! when the letters of what it acknowledges are in their mailboxes, so that whatever its client does next, on any
//! shard, comes after them.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::bundle::Bundle;
use crate::letter::Letter;
use crate::note::Note;
use crate::outbox::Outbox;
use crate::policy::BacklogFull;
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

/// Bytes for one connection.
#[derive(Debug)]
pub struct Output {
    /// What to send.
    pub outbox: Outbox,
    /// Whether [`crate::Shard::drained`] must be called once it is sent, even if that is at once.
    pub wants_drained: WantsDrained,
}

/// Whether a shard waits for the network to take the bytes it gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WantsDrained {
    /// It has more for this connection.
    Yes,
    /// It has not.
    No,
}

/// Something that waits until letters are in their mailboxes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// The bytes of a connection.
    Send(ConnectionId),
    /// The close of a connection, with its last bytes.
    Close(ConnectionId),
}

/// Deliveries that a session's full backlog dropped, for the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The session's client identifier.
    pub client_id: Box<str>,
    /// Deliveries dropped since the last line about this session.
    pub count: u64,
    /// Which ones.
    pub when_full: BacklogFull,
    /// The limit that left no room, by its name in [`crate::limits::Limits`].
    pub limit: &'static str,
}

/// What is waiting for the shell.
#[derive(Debug, Default)]
pub struct Trays {
    /// Connections with bytes to send, each once.
    pub(crate) sends: Vec<ConnectionId>,
    /// What to do with sockets.
    pub(crate) orders: Vec<Order>,
    /// What to log.
    pub notes: Vec<Note>,
    /// What must not leave before a letter, in the order of the letters' numbers.
    held: VecDeque<(u64, Held)>,
    /// What to log of full backlogs.
    pub dropped: Vec<Dropped>,
    /// Letters, by receiving shard: the last bundle is the one that is being filled.
    letters: Vec<VecDeque<Bundle>>,
    /// What each shard is to be told that is known here, once all letters before are on their way: who then looks for a
    /// message that these letters brought finds it.
    known: Vec<Option<u64>>,
    bundle_letters_max: usize,
    /// Emptied bundles. What comes in from other shards goes out to them again.
    spares: Vec<Bundle>,
    letters_waiting: usize,
    letters_posted: u64,
    /// Bytes of the letters not yet taken.
    bytes_waiting: usize,
    /// Bytes of the letters that were taken and not yet read, as the shell last said.
    bytes_under_way: usize,
}

/// How many emptied bundles are kept.
const SPARES_MAX: usize = 16;

impl Trays {
    pub(crate) fn new(shard_count: u16, bundle_letters_max: usize) -> Trays {
        let letters = (0..shard_count).map(|_| VecDeque::new()).collect();
        let known = vec![None; usize::from(shard_count)];
        Trays { letters, known, bundle_letters_max, ..Trays::default() }
    }

    pub(crate) fn post(&mut self, to: ShardId, letter: Letter) {
        self.post_with(to, |bundle| {
            bundle.count_shared(letter.shared_bytes());
            letter
        });
    }

    /// Tells a shard, behind all letters to any shard, that all route and group letters up to `number` are known here.
    pub(crate) fn post_known(&mut self, to: ShardId, number: u64) {
        let known = &mut self.known[usize::from(to)];
        self.letters_waiting += usize::from(known.is_none());
        *known = Some(number);
    }

    /// Posts the letter that `write` makes, which may enclose something for it in the bundle.
    pub(crate) fn post_with(&mut self, to: ShardId, write: impl FnOnce(&mut Bundle) -> Letter) {
        self.letters_waiting += 1;
        self.letters_posted += 1;
        let Trays { letters, spares, bundle_letters_max, .. } = self;
        let bundles = &mut letters[usize::from(to)];
        if bundles.back().is_none_or(|last| last.is_full(*bundle_letters_max)) {
            let mut bundle = spares.pop().unwrap_or_default();
            bundle.first_number = self.letters_posted;
            bundles.push_back(bundle);
        }
        let bundle = bundles.back_mut().expect("there is one to be filled");
        let before = bundle.size_bytes();
        let letter = write(bundle);
        bundle.push(letter);
        self.bytes_waiting += bundle.size_bytes() - before;
    }

    /// Takes the next letters for `to`. While [`Trays::letters_waiting`] is not 0 afterwards, there may be more of them when
    /// those for other shards are taken.
    pub fn take_bundle(&mut self, to: ShardId) -> Option<Bundle> {
        if let Some(number) = self.known[usize::from(to)]
            && self.letters.iter().all(VecDeque::is_empty)
        {
            self.known[usize::from(to)] = None;
            self.letters_waiting -= 1;
            self.post(to, Letter::RoutesKnown(number));
        }
        let bundle = self.letters[usize::from(to)].pop_front()?;
        self.letters_waiting -= bundle.len();
        self.bytes_waiting -= bundle.size_bytes();
        Some(bundle)
    }

    /// Puts a bundle back that did not fit into the mailbox.
    pub fn return_bundle(&mut self, to: ShardId, bundle: Bundle) {
        self.letters_waiting += bundle.len();
        self.bytes_waiting += bundle.size_bytes();
        self.letters[usize::from(to)].push_front(bundle);
    }

    /// Lets something wait until every letter written so far is in its mailbox.
    pub(crate) fn hold(&mut self, held: Held) {
        self.held.push_back((self.letters_posted, held));
    }

    /// Whether something waits for letters.
    pub(crate) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes what waits for no letter any more.
    pub(crate) fn take_released(&mut self) -> impl Iterator<Item = Held> + use<> {
        let waiting = self.letters.iter().filter_map(VecDeque::front);
        let first_waiting = waiting.map(|bundle| bundle.first_number).min().unwrap_or(u64::MAX);
        let count = self.held.partition_point(|(number, _)| *number < first_waiting);
        let released: Vec<Held> = self.held.drain(..count).map(|(_, held)| held).collect();
        released.into_iter()
    }

    /// Takes a bundle whose letters are read.
    pub(crate) fn recycle(&mut self, bundle: Bundle) {
        if self.spares.len() < SPARES_MAX {
            self.spares.push(bundle.emptied());
        }
    }

    /// Letters for one shard that are not yet taken, but for what it is to be told behind all others.
    pub fn letters_waiting_for(&self, to: ShardId) -> usize {
        self.letters[usize::from(to)].iter().map(Bundle::len).sum()
    }

    /// Letters not yet taken, for all shards together.
    pub fn letters_waiting(&self) -> usize {
        self.letters_waiting
    }

    /// Tells how many bytes of bundles that were taken are not yet read by their receivers.
    pub fn set_bytes_under_way(&mut self, bytes: usize) {
        self.bytes_under_way = bytes;
    }

    /// Bytes of the letters not yet taken, for all shards together.
    pub fn bytes_waiting(&self) -> usize {
        self.bytes_waiting
    }

    /// Bytes of all letters that no receiver has read. They count as messages that this shard holds.
    pub(crate) fn letter_bytes(&self) -> usize {
        self.bytes_waiting + self.bytes_under_way
    }

    /// Letters ever posted.
    pub(crate) fn letters_posted(&self) -> u64 {
        self.letters_posted
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        let is_waiting = self.letters_waiting > 0 || self.is_holding();
        let is_told = self.notes.is_empty() && self.dropped.is_empty();
        self.sends.is_empty() && self.orders.is_empty() && is_told && !is_waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::MemoryState;

    /// The one letter of the next bundle.
    fn take(trays: &mut Trays, to: ShardId) -> Option<Letter> {
        trays.take_bundle(to).map(|mut bundle| bundle.open().0.next().expect("a bundle is not empty"))
    }

    #[test]
    fn what_is_known_is_told_behind_all_letters() {
        let mut trays = Trays::new(3, 1);
        trays.post_known(0, 7);
        trays.post(1, Letter::Memory(MemoryState::Full));
        trays.post_known(0, 8);
        assert_eq!((trays.letters_waiting(), trays.letters_waiting_for(0)), (2, 0));
        assert!(take(&mut trays, 0).is_none(), "the letter to 1 is not on its way");
        let bundle = trays.take_bundle(1).expect("there is one");
        trays.return_bundle(1, bundle);
        assert!(take(&mut trays, 0).is_none(), "it did not fit into the mailbox");
        assert!(take(&mut trays, 1).is_some());
        assert!(matches!(take(&mut trays, 0), Some(Letter::RoutesKnown(8))));
        assert!(trays.is_empty());
    }

    #[test]
    fn letters_are_counted_until_they_are_read() {
        let mut trays = Trays::new(2, 8);
        for _ in 0..2 {
            trays.post(1, Letter::Memory(MemoryState::Full));
        }
        let bytes = 2 * size_of::<Letter>();
        assert_eq!((trays.bytes_waiting(), trays.letter_bytes()), (bytes, bytes));
        let bundle = trays.take_bundle(1).expect("there is one");
        assert_eq!((trays.bytes_waiting(), trays.letter_bytes()), (0, 0));
        trays.return_bundle(1, bundle);
        assert_eq!((trays.bytes_waiting(), trays.letter_bytes()), (bytes, bytes));
        trays.take_bundle(1);
        for under_way in [bytes, bytes / 2, 0] {
            trays.set_bytes_under_way(under_way);
            assert_eq!((trays.bytes_waiting(), trays.letter_bytes()), (0, under_way));
        }
    }
}
