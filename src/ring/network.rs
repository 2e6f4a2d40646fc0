//! The public interface: sockets by number, one value per thread.
//!
//! Owns the state and the engine, and translates what the user asks into stages and marks. Must never know which engine
//! it is, except to make one.

use std::io;
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::alarms::Limit;
use crate::append::Append;
use crate::epoll::Epoll;
use crate::finish::Poller;
use crate::handler::{Close, Closed, Handler, Wait};
use crate::listener::{End, ListenerId, address, start_connect};
use crate::options::{Engine, Options};
use crate::probe::OpenError;
use crate::send_queue::SendQueue;
use crate::socket::{Flags, Reading, Socket, SocketId, Stage};
use crate::state::{Listener, Reads, State};
use crate::stats::Stats;
use crate::uring::Uring;
use crate::wake::Remote;

/// The sockets of one thread. It stays on the thread that opened it.
///
/// A [`SocketId`] whose socket has ended meanwhile may be given to any method: nothing happens.
pub struct Network {
    pub(crate) state: State,
    pub(crate) poller: AnyPoller,
    /// The kernel ties an io_uring to the thread that made it.
    _not_send: PhantomData<*mut ()>,
}

/// The engine in use.
pub(crate) enum AnyPoller {
    Uring(Box<Uring>),
    Epoll(Box<Epoll>),
}

/// Calls the same method of whichever engine it is, with the state as first argument.
macro_rules! poller {
    ($net:expr, $method:ident $(, $argument:expr)*) => {
        match &mut $net.poller {
            AnyPoller::Uring(poller) => poller.$method(&mut $net.state $(, $argument)*),
            AnyPoller::Epoll(poller) => poller.$method(&mut $net.state $(, $argument)*),
        }
    };
}

impl Network {
    /// Opens a network with no sockets, for the calling thread.
    ///
    /// # Errors
    /// What the kernel refused, the likely cause and the remedy, ready to be shown to an operator.
    pub fn open(options: &Options) -> Result<Network, OpenError> {
        let options = options.in_range();
        let state = State::new(&options).map_err(|error| OpenError::new("eventfd", error))?;
        let poller = match options.engine {
            Engine::IoUring => AnyPoller::Uring(Box::new(Uring::open(&options, &state)?)),
            Engine::Epoll => AnyPoller::Epoll(Box::new(Epoll::open(&options, &state)?)),
        };
        Ok(Network { state, poller, _not_send: PhantomData })
    }

    /// The engine in use.
    pub fn engine(&self) -> Engine {
        match self.poller {
            AnyPoller::Uring(_) => Engine::IoUring,
            AnyPoller::Epoll(_) => Engine::Epoll,
        }
    }

    /// Something that wakes this network from any thread.
    pub fn remote(&self) -> Remote {
        self.state.sleeper.remote()
    }

    /// Starts accepting connections.
    ///
    /// # Errors
    /// The kernel's refusal to configure or watch the listener.
    pub fn listen(&mut self, listener: TcpListener) -> io::Result<ListenerId> {
        let id = ListenerId(self.state.listeners.len() as u32);
        self.state.listeners.push(Some(Listener { socket: listener, armed: false, resting: false }));
        poller!(self, attach_listener, id).inspect_err(|_| self.state.listeners[id.0 as usize] = None)?;
        poller!(self, adjust_listener, id);
        Ok(id)
    }

    /// Stops accepting and closes the listener, in the coming turn at the latest, or when the network is dropped.
    /// Connections accepted before may still be reported.
    pub fn stop_listening(&mut self, id: ListenerId) {
        if self.state.listener(id).is_none() {
            return;
        }
        poller!(self, detach_listener, id);
        self.state.listeners[id.0 as usize] = None;
    }

    /// Adds a connected socket that comes from elsewhere. Reading has not started.
    ///
    /// # Errors
    /// The descriptor back, when `sockets_max` is reached or the kernel refuses to watch it.
    pub fn adopt(&mut self, fd: OwnedFd) -> Result<SocketId, OwnedFd> {
        let id = self.state.sockets.insert(fd, Stage::Open)?;
        match poller!(self, attach, id) {
            Ok(()) => Ok(id),
            Err(_) => match self.state.sockets.remove(id).map(Socket::into_fd) {
                Some(fd) => Err(fd),
                None => unreachable!("the socket was inserted above"),
            },
        }
    }

    /// Begins to connect, from the address `from` or one of the kernel's choice. [`Handler::connected`] tells the outcome.
    ///
    /// # Errors
    /// What is known at once: no descriptors, no such address, `QuotaExceeded` when `sockets_max` is reached.
    pub fn connect(&mut self, to: SocketAddr, from: Option<SocketAddr>) -> io::Result<SocketId> {
        let fd = start_connect(to, from)?;
        let full = |_| io::Error::from(io::ErrorKind::QuotaExceeded);
        let id = self.state.sockets.insert(fd, Stage::Connecting).map_err(full)?;
        match poller!(self, attach, id) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.state.sockets.remove(id);
                Err(error)
            }
        }
    }

    /// Reads once: after one call of [`Handler::data`] reading is off again. Has no effect while reading is on.
    pub fn receive_once(&mut self, id: SocketId) {
        self.set_reading(id, Reading::Once);
    }

    /// Reads from now on. With io_uring the socket moves into the ring's own table of files, if that has a place for it.
    pub fn receive(&mut self, id: SocketId) {
        self.set_reading(id, Reading::Continuous);
    }

    fn set_reading(&mut self, id: SocketId, reading: Reading) {
        if let Some(socket) = self.state.sockets.get_mut(id)
            && (socket.reading == Reading::Off || reading == Reading::Continuous)
        {
            socket.reading = reading;
            poller!(self, adjust, id);
        }
    }

    /// No more [`Handler::data`] for this socket until [`Network::resume`]. What has been received is kept, in order; the
    /// kernel's window then holds the peer back. The end of the stream is reported after what was received before it.
    pub fn pause(&mut self, id: SocketId) {
        if let Some(socket) = self.state.sockets.get_mut(id)
            && socket.flags.newly_set(Flags::PAUSED)
        {
            poller!(self, adjust, id);
        }
    }

    /// Takes back [`Network::pause`].
    pub fn resume(&mut self, id: SocketId) {
        if let Some(socket) = self.state.sockets.get_mut(id)
            && socket.flags.any(Flags::PAUSED)
        {
            socket.flags.clear(Flags::PAUSED);
            self.state.mark_ready(id);
            poller!(self, adjust, id);
        }
    }

    /// No more [`Handler::data`] and [`Handler::accepted`] for any socket until [`Network::release_reads`]. What has been
    /// received is kept, in order; when the buffers have run out the kernel holds the peers back.
    pub fn hold_reads(&mut self) {
        self.set_reads(Reads::Held);
    }

    /// Takes back [`Network::hold_reads`].
    pub fn release_reads(&mut self) {
        self.set_reads(Reads::Flowing);
    }

    fn set_reads(&mut self, reads: Reads) {
        if self.state.reads != reads {
            self.state.reads = reads;
            poller!(self, reads_changed);
        }
    }

    /// Where to put bytes for a socket; call [`Network::send`] afterwards. None once the socket is closed or being closed.
    pub fn send_queue(&mut self, id: SocketId) -> Option<&mut SendQueue> {
        let socket = self.state.sockets.get_mut(id)?;
        matches!(socket.stage, Stage::Connecting | Stage::Open).then_some(&mut socket.queue)
    }

    /// Sends what is queued, in the coming turn.
    pub fn send(&mut self, id: SocketId) {
        self.state.mark_dirty(id);
    }

    /// Asks for one [`Handler::drained`] when the queue is empty, also if it is already.
    pub fn notify_drained(&mut self, id: SocketId) {
        if let Some(socket) = self.state.sockets.get_mut(id) {
            socket.flags.set(Flags::WANTS_DRAINED);
            self.state.mark_dirty(id);
        }
    }

    /// Closes a socket. [`Handler::closed`] follows, with [`Closed::ByUs`], unless the socket ended by itself before.
    pub fn close(&mut self, id: SocketId, how: Close) {
        let Some(socket) = self.state.sockets.get_mut(id) else { return };
        match (socket.stage, how) {
            (Stage::Closing(_), _) | (Stage::Draining | Stage::Lingering, Close::AfterDrain { .. }) => {}
            (Stage::Open | Stage::Detaching, Close::AfterDrain { linger_ms }) => {
                // What a detach has asked to stop is not all there will be: the peer's end is read.
                socket.flags.clear(Flags::CANCELLED);
                self.state.enter_stage(id, Stage::Draining);
                self.state.mark_dirty(id);
                let limit = Duration::from_millis(linger_ms.into());
                self.state.alarms.add(Instant::now() + limit, Limit::Linger(id));
            }
            (_, Close::Reset) => {
                socket.flags.set(Flags::RESET);
                self.state.enter_stage(id, Stage::Closing(Closed::ByUs));
            }
            (_, _) => self.state.enter_stage(id, Stage::Closing(Closed::ByUs)),
        }
    }

    /// Asks for the descriptor back, to hand the connection to another thread. What is queued is sent first, and what was
    /// received is delivered first, paused or not; then [`Handler::detached`] is called, or [`Handler::closed`] if the
    /// connection ended before.
    pub fn detach(&mut self, id: SocketId) {
        if let Some(socket) = self.state.sockets.get(id)
            && socket.stage == Stage::Open
        {
            self.state.mark_dirty(id);
            self.state.enter_stage(id, Stage::Detaching);
        }
    }

    /// Address of the peer, also of one that has reset the connection. Asks the kernel, which knows it only before
    /// [`Network::receive`]: a direct descriptor (see [`Options::direct_max`]) has none.
    pub fn peer(&self, id: SocketId) -> Option<SocketAddr> {
        address(self.state.sockets.get(id)?.plain_fd()?, End::Peer)
    }

    /// Our address of the connection; as [`Network::peer`].
    pub fn local(&self, id: SocketId) -> Option<SocketAddr> {
        address(self.state.sockets.get(id)?.plain_fd()?, End::Local)
    }

    /// How many sockets can live in the ring's own table; 0 if there is none.
    pub fn direct_max(&self) -> u32 {
        match &self.poller {
            AnyPoller::Uring(uring) => uring.direct_max(),
            AnyPoller::Epoll(_) => 0,
        }
    }

    /// Our address of a listener. Asks the kernel.
    pub fn listener_addr(&self, id: ListenerId) -> Option<SocketAddr> {
        self.state.listeners.get(id.0 as usize)?.as_ref()?.socket.local_addr().ok()
    }

    /// Writes to a file without blocking, in the coming turn. [`Handler::appended`] tells the outcome. Several appends may
    /// end in any order.
    ///
    /// # Errors
    /// The append back, if it needs a thread (epoll engine, first call only) that cannot be made.
    pub fn append(&mut self, append: Append) -> Result<(), Append> {
        match &mut self.poller {
            AnyPoller::Uring(uring) => {
                uring.append(append);
                Ok(())
            }
            AnyPoller::Epoll(epoll) => epoll.append(&self.state, append),
        }
    }

    /// Sets the one alarm, replacing the earlier one; [`Handler::alarm`] is called at `at` or soon after, never before.
    /// Moving the alarm to a later time, or setting the same time again, costs nothing.
    pub fn set_alarm(&mut self, at: Option<Instant>) {
        self.state.alarms.set_caller(at);
    }

    /// Submits what was asked for, waits if allowed to and nothing has happened yet, and reports all that happened.
    ///
    /// # Errors
    /// The kernel's refusal to enter the ring or to poll; the network is unusable afterwards.
    pub fn turn(&mut self, wait: Wait, handler: &mut impl Handler) -> io::Result<()> {
        self.state.stats.turns += 1;
        poller!(self, turn, wait, handler)
    }

    /// An empty buffer for [`crate::Segment::Bytes`], used before if there is one.
    pub fn spare_buffer(&mut self) -> Vec<u8> {
        self.state.spares.take()
    }

    /// Gives back a buffer that was not sent after all.
    pub fn return_buffer(&mut self, buffer: Vec<u8>) {
        self.state.spares.give(buffer);
    }

    /// Changes whenever a turn has done anything.
    pub(crate) fn activity(&self) -> (u64, u64) {
        (
            self.state.stats.completions + self.state.stats.woken,
            u64::from(self.state.busy) * self.state.stats.turns,
        )
    }

    /// Counts since the network was opened.
    pub fn stats(&self) -> Stats {
        Stats { sockets: self.state.sockets.count().into(), ..self.state.stats }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let AnyPoller::Uring(uring) = &mut self.poller {
            uring.shut_down(&mut self.state);
        }
    }
}
