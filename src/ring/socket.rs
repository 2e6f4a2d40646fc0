//! One socket, and the table of all sockets of a network ring.
//!
//! Owns descriptors, the stage of each socket's life and the numbers that name sockets. Must never know how an engine
//! talks to the kernel.
//!
//! The life of a socket:
//! ```text
//! Connecting ──► Open ──close(AfterDrain)──► Draining ──all sent, FIN──► Lingering ──► Closing ──► closed()
//!     │           ├──detach──► Detaching ──nothing in flight──► detached()                ▲
//!     └───────────┴── close(Now), end of stream, error, time limit ────────────────────────┘
//! ```

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use crate::handler::Closed;
use crate::send_queue::SendQueue;
use crate::spares::Spares;

/// Names a socket of one [`crate::Network`]. Void once the socket is closed or detached: a later socket in the same
/// slot has another generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId {
    index: u32,
    generation: u32,
}

impl SocketId {
    /// The slot's number: small, and unique among the sockets of one network at one time.
    pub fn index(self) -> u32 {
        self.index
    }

    /// Slot and generation as one number.
    pub fn as_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// The reverse of [`SocketId::as_u64`].
    pub(crate) fn from_u64(bits: u64) -> SocketId {
        SocketId { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// Where a socket is in its life; see the diagram above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// An outgoing connection is being made.
    Connecting,
    /// In use.
    Open,
    /// Ours is the last word, and it is still being sent.
    Draining,
    /// All is sent; the peer has not ended its side yet.
    Lingering,
    /// Ends as soon as nothing is in flight.
    Closing(Closed),
    /// Is given away as soon as nothing is in flight or queued.
    Detaching,
}

/// What the user wants read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reading {
    Off,
    Once,
    Continuous,
}

/// A set of yes-or-no facts about one socket.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Flags(u32);

impl Flags {
    /// The user paused reading.
    pub(crate) const PAUSED: u32 = 1;
    /// The user asked to send; the queue is looked at in the next turn.
    pub(crate) const DIRTY: u32 = 1 << 1;
    /// The user wants to hear when the queue is empty.
    pub(crate) const WANTS_DRAINED: u32 = 1 << 2;
    /// The receiver was too slow for the last send.
    pub(crate) const STALLED: u32 = 1 << 3;
    /// In the list of sockets that may be finished.
    pub(crate) const FINISHING: u32 = 1 << 4;
    /// In the list of sockets whose bytes can be delivered now.
    pub(crate) const READY: u32 = 1 << 5;
    /// Close with a reset.
    pub(crate) const RESET: u32 = 1 << 6;
    /// The peer has ended its stream, or the connection failed; `Socket::end` says which.
    pub(crate) const ENDED: u32 = 1 << 7;
    /// io_uring: a receive is in flight. epoll: bytes may be waiting in the kernel.
    pub(crate) const READ_ACTIVE: u32 = 1 << 8;
    /// io_uring: the receive in flight is continuous.
    pub(crate) const READ_MULTISHOT: u32 = 1 << 9;
    /// io_uring: the receive in flight has been asked to stop.
    pub(crate) const READ_CANCELLED: u32 = 1 << 10;
    /// io_uring: waits for a receive buffer.
    pub(crate) const STARVED: u32 = 1 << 11;
    /// io_uring: a send is decided in the coming system call.
    pub(crate) const SEND_INLINE: u32 = 1 << 12;
    /// io_uring: a send is in flight for as long as the receiver takes. epoll: the kernel has no room for more.
    pub(crate) const SEND_ACTIVE: u32 = 1 << 13;
    /// io_uring: a connection attempt is being watched.
    pub(crate) const CONNECT_ACTIVE: u32 = 1 << 14;
    /// io_uring: what was in flight at the end has been asked to stop.
    pub(crate) const CANCELLED: u32 = 1 << 15;
    /// A send failed: nothing more can be sent, but bytes received before are still to be delivered.
    pub(crate) const SEND_FAILED: u32 = 1 << 16;
    /// epoll: the kernel has reported the end of the stream; reading on will find it.
    pub(crate) const HUNG_UP: u32 = 1 << 17;
    /// io_uring: the coming system call puts the socket into the ring's table.
    pub(crate) const ENLISTING: u32 = 1 << 18;
    /// io_uring: the kernel makes a descriptor for a socket in the ring's table.
    pub(crate) const RECALLING: u32 = 1 << 19;
    /// io_uring: the ring's table has no place for the socket; it keeps its descriptor.
    pub(crate) const UNLISTED: u32 = 1 << 20;

    /// Whether any of `bits` is set.
    pub(crate) fn any(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    pub(crate) fn set(&mut self, bits: u32) {
        self.0 |= bits;
    }

    pub(crate) fn clear(&mut self, bits: u32) {
        self.0 &= !bits;
    }

    /// Sets `bits` and says whether they were not all set before.
    pub(crate) fn newly_set(&mut self, bits: u32) -> bool {
        let newly = self.0 & bits != bits;
        self.0 |= bits;
        newly
    }
}

/// No receive buffer.
pub(crate) const NO_BUFFER: u16 = u16::MAX;

/// Received bytes that are not delivered yet.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Of a paused socket: copied out of the receive buffers, so that a socket that is paused for long keeps none from
    /// the others. Older than what the chain holds.
    #[allow(clippy::box_collection)] // One word instead of three while there is nothing: nearly always.
    pub(crate) copied: Option<Box<Vec<u8>>>,
    /// While reads are held: a chain of receive buffers, so that the buffers run out and the kernel holds the peers back.
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Kept {
    pub(crate) const NONE: Kept = Kept { copied: None, first: NO_BUFFER, last: NO_BUFFER };

    pub(crate) fn is_empty(&self) -> bool {
        self.first == NO_BUFFER && self.copied.is_none()
    }
}

/// One socket. Idle it is this struct and nothing else.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) queue: SendQueue,
    /// What the kernel is sending while the receiver is slow: must not move or change.
    pub(crate) ahead: Option<Box<SendQueue>>,
    /// None while the socket lives in the ring's own table of files.
    fd: Option<OwnedFd>,
    pub(crate) stage: Stage,
    /// Why the stream ended, valid with `Flags::ENDED` or `Flags::SEND_FAILED`.
    pub(crate) end: Closed,
    pub(crate) kept: Kept,
    pub(crate) flags: Flags,
    pub(crate) reading: Reading,
}

impl Socket {
    fn new(fd: OwnedFd, stage: Stage, spares: Rc<Spares>) -> Socket {
        Socket {
            queue: SendQueue::new(spares),
            ahead: None,
            fd: Some(fd),
            stage,
            end: Closed::Eof,
            kept: Kept::NONE,
            flags: Flags::default(),
            reading: Reading::Off,
        }
    }

    /// The descriptor, of a socket that is not in the ring's table.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.plain_fd().expect("who needs the descriptor has asked for it with `Poller::recall`")
    }

    /// The descriptor, unless the socket is in the ring's table.
    pub(crate) fn plain_fd(&self) -> Option<RawFd> {
        self.fd.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Where the kernel can read the descriptor until the socket is removed.
    pub(crate) fn fd_place(&self) -> Option<*const RawFd> {
        // An `OwnedFd` is stored as its number: it is transparent.
        self.fd.as_ref().map(|fd| std::ptr::from_ref(fd).cast())
    }

    /// Gives up the descriptor for a place in the ring's table.
    pub(crate) fn give_up_fd(&mut self) -> Option<OwnedFd> {
        self.fd.take()
    }

    /// The socket has a descriptor again.
    pub(crate) fn regain_fd(&mut self, fd: OwnedFd) {
        self.fd = Some(fd);
    }

    pub(crate) fn into_fd(self) -> OwnedFd {
        self.fd.expect("who takes the descriptor has asked for it with `Poller::recall`")
    }

    /// What the kernel may still be reading.
    pub(crate) fn into_ahead(self) -> Option<Box<SendQueue>> {
        self.ahead
    }

    /// Whether everything queued has been taken by the kernel.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.ahead.is_none()
    }

    /// Whether bytes that arrive are thrown away, because we have ended the conversation.
    pub(crate) fn discards(&self) -> bool {
        matches!(self.stage, Stage::Draining | Stage::Lingering | Stage::Closing(_))
    }

    /// Whether the user, at this moment, wants bytes delivered.
    pub(crate) fn wants_data(&self) -> bool {
        self.stage == Stage::Open && self.reading != Reading::Off && !self.flags.any(Flags::PAUSED)
    }
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    socket: Option<Socket>,
}

/// Slots are allocated this many at a time, so that growing never moves a socket nor doubles the memory.
const CHUNK: usize = 256;

/// All sockets of a network ring.
#[derive(Debug)]
pub(crate) struct Sockets {
    chunks: Vec<Box<[Slot]>>,
    free: Vec<u32>,
    count_max: u32,
    count: u32,
    spares: Rc<Spares>,
}

impl Sockets {
    pub(crate) fn new(count_max: u32, spares: Rc<Spares>) -> Sockets {
        Sockets { chunks: Vec::new(), free: Vec::new(), count_max, count: 0, spares }
    }

    /// Adds a socket.
    ///
    /// # Errors
    /// The descriptor back, when the table is full.
    pub(crate) fn insert(&mut self, fd: OwnedFd, stage: Stage) -> Result<SocketId, OwnedFd> {
        if self.count == self.count_max {
            return Err(fd);
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None => self.grow(),
        };
        self.count += 1;
        let slot = &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK];
        slot.socket = Some(Socket::new(fd, stage, Rc::clone(&self.spares)));
        Ok(SocketId { index, generation: slot.generation })
    }

    /// Adds a chunk of slots and returns the first of them.
    fn grow(&mut self) -> u32 {
        let first = (self.chunks.len() * CHUNK) as u32;
        self.chunks.push((0..CHUNK).map(|_| Slot { generation: 0, socket: None }).collect());
        self.free.extend((first + 1..first + CHUNK as u32).rev());
        first
    }

    pub(crate) fn remove(&mut self, id: SocketId) -> Option<Socket> {
        let slot = self.slot_mut(id)?;
        let socket = slot.socket.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        self.count -= 1;
        Some(socket)
    }

    fn slot_mut(&mut self, id: SocketId) -> Option<&mut Slot> {
        let slot = self.chunks.get_mut(id.index as usize / CHUNK)?.get_mut(id.index as usize % CHUNK)?;
        (slot.generation == id.generation).then_some(slot)
    }

    pub(crate) fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.slot_mut(id)?.socket.as_mut()
    }

    pub(crate) fn get(&self, id: SocketId) -> Option<&Socket> {
        let slot = self.chunks.get(id.index as usize / CHUNK)?.get(id.index as usize % CHUNK)?;
        if slot.generation == id.generation { slot.socket.as_ref() } else { None }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Empties the table.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Socket> {
        let chunks = std::mem::take(&mut self.chunks);
        chunks.into_iter().flat_map(<[Slot]>::into_vec).filter_map(|slot| slot.socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(count_max: u32) -> Sockets {
        Sockets::new(count_max, Rc::new(Spares::new(0, 0)))
    }

    fn fd() -> OwnedFd {
        OwnedFd::from(std::fs::File::open("/dev/null").unwrap())
    }

    #[test]
    fn an_idle_socket_is_small() {
        assert!(size_of::<Slot>() <= 128, "an idle socket takes {} bytes", size_of::<Slot>());
    }

    #[test]
    fn a_reused_slot_has_another_generation_and_the_old_id_finds_nothing() {
        let mut sockets = table(10);
        let old = sockets.insert(fd(), Stage::Open).unwrap();
        assert!(sockets.remove(old).is_some());
        let new = sockets.insert(fd(), Stage::Open).unwrap();
        assert_eq!(old.index(), new.index());
        assert_ne!(old.as_u64(), new.as_u64());
        assert_eq!(SocketId::from_u64(new.as_u64()), new);
        assert!(
            sockets.get(old).is_none() && sockets.get_mut(old).is_none() && sockets.remove(old).is_none()
        );
        assert!(sockets.get(new).is_some());
    }

    #[test]
    fn a_full_table_gives_the_descriptor_back() {
        let mut sockets = table(1);
        assert!(sockets.insert(fd(), Stage::Open).is_ok());
        let ours = fd();
        let raw = ours.as_raw_fd();
        assert_eq!(sockets.insert(ours, Stage::Open).unwrap_err().as_raw_fd(), raw);
    }

    #[test]
    fn the_table_grows_by_chunks_and_hands_out_each_slot_once() {
        let mut sockets = table(CHUNK as u32 + 1);
        let ids: Vec<_> = (0..=CHUNK).map(|_| sockets.insert(fd(), Stage::Open).unwrap()).collect();
        let mut indexes: Vec<_> = ids.iter().map(|id| id.index()).collect();
        indexes.sort_unstable();
        assert_eq!(indexes, (0..=CHUNK as u32).collect::<Vec<_>>());
        assert_eq!(sockets.count(), CHUNK as u32 + 1);
        assert_eq!(sockets.drain().count(), CHUNK + 1);
    }
}
