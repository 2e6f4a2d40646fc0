//! What both engines work on: sockets, listeners, lists of things to look at, deadlines, counts.
//!
//! Owns that state and its small transitions. Must never know how an engine talks to the kernel.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::alarms::{Alarms, Limit};
use crate::busy_poll::BusyPoll;
use crate::handler::{Closed, Handler};
use crate::listener::ListenerId;
use crate::options::Options;
use crate::socket::{Flags, SocketId, Sockets, Stage};
use crate::spares::Spares;
use crate::stats::Stats;
use crate::wake::Sleeper;

/// One listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    /// Being accepted from.
    pub(crate) armed: bool,
    /// Left alone for a moment because the kernel refused to accept.
    pub(crate) resting: bool,
}

/// Whether received bytes and accepted connections are handed out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reads {
    Flowing,
    Held,
}

/// The state of one network ring, whatever its engine.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) sockets: Sockets,
    pub(crate) listeners: Vec<Option<Listener>>,
    pub(crate) reads: Reads,
    /// Sockets whose queue is looked at in the coming turn.
    pub(crate) dirty: Vec<SocketId>,
    /// Sockets whose stage may have come to its end.
    pub(crate) finishing: Vec<SocketId>,
    /// Sockets that may have bytes to deliver without asking the kernel to report them again.
    pub(crate) ready: VecDeque<SocketId>,
    pub(crate) alarms: Alarms,
    pub(crate) sleeper: Sleeper,
    pub(crate) spares: Rc<Spares>,
    pub(crate) stats: Stats,
    /// The handler was called, or work is left: the turn must not block.
    pub(crate) busy: bool,
    busy_poll: BusyPoll,
    accept_rest: Duration,
}

impl State {
    pub(crate) fn new(options: &Options) -> io::Result<State> {
        let spares = Rc::new(Spares::new(options.spare_buffers_max, options.spare_buffer_bytes_max));
        Ok(State {
            sockets: Sockets::new(options.sockets_max, Rc::clone(&spares)),
            listeners: Vec::new(),
            reads: Reads::Flowing,
            dirty: Vec::new(),
            finishing: Vec::new(),
            ready: VecDeque::new(),
            alarms: Alarms::default(),
            sleeper: Sleeper::new()?,
            spares,
            stats: Stats::default(),
            busy: false,
            busy_poll: BusyPoll::new(Duration::from_micros(options.busy_poll_us.into())),
            accept_rest: Duration::from_millis(options.accept_rest_ms.into()),
        })
    }

    pub(crate) fn held(&self) -> bool {
        self.reads == Reads::Held
    }

    /// Whether [`State::look_out`] would look.
    pub(crate) fn may_look_out(&self) -> bool {
        self.busy_poll.is_wanted(self.work_done())
    }

    /// Before sleeping: looks for work for as long as the caller wished. `news` looks whether the kernel has any.
    pub(crate) fn look_out<E>(&mut self, mut news: impl FnMut() -> Result<bool, E>) -> Result<bool, E> {
        let (done, until, sleeper) = (self.work_done(), self.alarms.next(), &self.sleeper);
        let found = self.busy_poll.look(done, until, || Ok(sleeper.is_notified() || news()?))?;
        self.stats.busy_polls += 1;
        self.stats.busy_polls_found += u64::from(found);
        Ok(found)
    }

    fn work_done(&self) -> u64 {
        self.stats.completions + self.stats.woken
    }

    pub(crate) fn listener(&mut self, id: ListenerId) -> Option<&mut Listener> {
        self.listeners.get_mut(id.0 as usize)?.as_mut()
    }

    /// Has the queue of a socket looked at in the coming turn.
    pub(crate) fn mark_dirty(&mut self, id: SocketId) {
        if let Some(socket) = self.sockets.get_mut(id)
            && socket.flags.newly_set(Flags::DIRTY)
        {
            self.dirty.push(id);
        }
    }

    /// Has the bytes of a socket delivered in the coming turn.
    pub(crate) fn mark_ready(&mut self, id: SocketId) {
        if let Some(socket) = self.sockets.get_mut(id)
            && socket.flags.newly_set(Flags::READY)
        {
            self.ready.push_back(id);
        }
    }

    /// Has the stage of a socket looked at before the turn is over.
    pub(crate) fn touch(&mut self, id: SocketId) {
        if let Some(socket) = self.sockets.get_mut(id)
            && socket.flags.newly_set(Flags::FINISHING)
        {
            self.finishing.push(id);
        }
    }

    /// As [`State::touch`], if the stage can have come to its end because something in flight has ended.
    pub(crate) fn touch_if_leaving(&mut self, id: SocketId) {
        if self.sockets.get(id).is_some_and(|socket| socket.stage != Stage::Open) {
            self.touch(id);
        }
    }

    pub(crate) fn enter_stage(&mut self, id: SocketId, stage: Stage) {
        if let Some(socket) = self.sockets.get_mut(id) {
            socket.stage = stage;
            self.touch(id);
        }
    }

    /// The stream of a socket has ended and all its bytes are delivered.
    pub(crate) fn stream_ended(&mut self, id: SocketId, why: Closed) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        socket.flags.set(Flags::ENDED);
        if !socket.flags.any(Flags::SEND_FAILED) {
            socket.end = why;
        }
        let why = socket.end;
        match socket.stage {
            Stage::Connecting | Stage::Open => self.enter_stage(id, Stage::Closing(why)),
            Stage::Draining if why != Closed::Eof => self.enter_stage(id, Stage::Closing(Closed::ByUs)),
            _ => self.touch(id),
        }
    }

    /// Takes in an accepted connection.
    pub(crate) fn introduce(&mut self, fd: OwnedFd) -> io::Result<SocketId> {
        if let Ok(id) = self.sockets.insert(fd, Stage::Open) {
            self.stats.accepted += 1;
            return Ok(id);
        }
        self.stats.accept_refused += 1;
        Err(io::ErrorKind::QuotaExceeded.into())
    }

    /// A connection attempt is decided.
    pub(crate) fn connect_ended(&mut self, id: SocketId, result: io::Result<()>, handler: &mut impl Handler) {
        match &result {
            Ok(()) => {
                self.stats.connected += 1;
                self.enter_stage(id, Stage::Open);
                self.mark_dirty(id);
            }
            Err(error) => {
                let why = Closed::from_errno(error.raw_os_error().unwrap_or(libc::EIO));
                self.enter_stage(id, Stage::Closing(why));
            }
        }
        handler.connected(id, result);
    }

    /// Everything queued has left. Says so if asked to, or if a stall was reported.
    pub(crate) fn queue_drained(&mut self, id: SocketId, handler: &mut impl Handler) {
        let Some(socket) = self.sockets.get_mut(id) else { return };
        if socket.stage == Stage::Open {
            if socket.flags.any(Flags::STALLED | Flags::WANTS_DRAINED) {
                socket.flags.clear(Flags::STALLED | Flags::WANTS_DRAINED);
                handler.drained(id);
            }
        } else {
            self.touch(id);
        }
    }

    /// The receiver could not take everything at once.
    pub(crate) fn send_stalled(&mut self, id: SocketId, handler: &mut impl Handler) {
        self.stats.sends_partial += 1;
        if let Some(socket) = self.sockets.get_mut(id)
            && socket.flags.newly_set(Flags::STALLED)
            && socket.stage == Stage::Open
        {
            handler.stalled(id);
        }
    }

    /// The kernel refused to accept: reports it and lets the listener rest.
    pub(crate) fn accept_failed(&mut self, id: ListenerId, error: io::Error, handler: &mut impl Handler) {
        self.stats.accept_failed += 1;
        if let Some(listener) = self.listener(id) {
            listener.resting = true;
            self.alarms.add(Instant::now() + self.accept_rest, Limit::Rest(id));
        }
        handler.accept_failed(id, error);
    }
}
