//! What a turn tells its caller, and the plain loop around it.
//!
//! Owns the vocabulary between the network and its user. Must never know an engine.

use std::io;
use std::os::fd::OwnedFd;

use crate::append::Appended;
use crate::listener::ListenerId;
use crate::network::Network;
use crate::socket::SocketId;

/// Whether a turn may block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Until something happens.
    ForOne,
    /// Not at all.
    No,
}

/// How to close a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Close {
    /// Send what is queued, then end the stream and wait for the peer to end its own, discarding what it still sends,
    /// so that no reset overtakes the last bytes. All of it within `linger_ms` milliseconds, else as [`Close::Now`].
    AfterDrain {
        /// Time allowed, in milliseconds.
        linger_ms: u32,
    },
    /// At once; what is queued is dropped.
    Now,
    /// At once and with a reset, so that neither side keeps the connection in memory.
    Reset,
}

/// Why a socket has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// The peer ended its stream.
    Eof,
    /// The peer reset the connection, or was sent to after it had closed (ECONNRESET, EPIPE).
    Reset,
    /// Any other error of the kernel, as an errno: ETIMEDOUT, EHOSTUNREACH, ...
    Error(i32),
    /// [`Network::close`] was called.
    ByUs,
}

impl Closed {
    /// The reason behind an errno of a send or receive.
    pub(crate) fn from_errno(errno: i32) -> Closed {
        match errno {
            libc::ECONNRESET | libc::EPIPE => Closed::Reset,
            other => Closed::Error(other),
        }
    }
}

/// Receives what happened during a turn.
pub trait Handler {
    /// A connection was accepted. Reading has not started.
    fn accepted(&mut self, listener: ListenerId, id: SocketId);
    /// An outgoing connection stands, or could not be made; in the latter case [`Handler::closed`] follows.
    fn connected(&mut self, id: SocketId, result: io::Result<()>) {
        let _ = (id, result);
    }
    /// Bytes were received. They may be changed in place and are gone when the call returns.
    fn data(&mut self, id: SocketId, bytes: &mut [u8]);
    /// A send could not be finished at once: the receiver is slow. [`Handler::drained`] follows when all is out.
    fn stalled(&mut self, id: SocketId);
    /// The queue is empty again, after a stall or after [`Network::notify_drained`].
    fn drained(&mut self, id: SocketId);
    /// The socket has ended and its id is void. Called exactly once for every socket that was not detached.
    fn closed(&mut self, id: SocketId, why: Closed);
    /// A socket asked back with [`Network::detach`]; its id is void.
    fn detached(&mut self, id: SocketId, fd: OwnedFd);
    /// [`crate::Remote::wake`] was called, once or several times.
    fn woken(&mut self);
    /// The alarm set by [`Network::set_alarm`] is due. It is unset now.
    fn alarm(&mut self);
    /// An append asked for with [`Network::append`] is over.
    fn appended(&mut self, appended: Appended) {
        drop(appended);
    }
    /// The kernel refused to accept: out of descriptors or memory, then the listener rests for a moment by itself; or
    /// `QuotaExceeded`, when `sockets_max` is reached and the connection was closed at once.
    fn accept_failed(&mut self, listener: ListenerId, error: io::Error) {
        let _ = (listener, error);
    }
}

/// What the loop does after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Wait for something to happen.
    Wait,
    /// More work is ready: do not block.
    Again,
    /// Leave the loop.
    Stop,
}

/// What a loop drives: a handler with one step after each turn.
pub trait Driver: Handler {
    /// Acts on what the handler noted during the turn: sends, closes, starts reading. Also called once before
    /// anything has happened.
    fn after_turn(&mut self, net: &mut Network) -> Next;
    /// The executor for tasks given to [`crate::invite`] could not be started, and they were dropped. The next task tries
    /// again.
    fn guests_refused(&mut self, error: &io::Error) {
        let _ = error;
    }
}

/// Turns until the driver stops: the plain loop, without a host.
///
/// # Errors
/// The kernel's refusal to enter the ring or to poll; the network is unusable afterwards.
pub fn run(net: &mut Network, driver: &mut impl Driver) -> io::Result<()> {
    let mut wait = Wait::No;
    loop {
        net.turn(wait, driver)?;
        wait = match driver.after_turn(net) {
            Next::Wait => Wait::ForOne,
            Next::Again => Wait::No,
            Next::Stop => return Ok(()),
        };
    }
}
