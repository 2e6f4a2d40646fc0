//! The epoll engine: the same meaning as io_uring, for hosts that forbid it.
//!
//! Owns the epoll descriptor and one receive buffer for all sockets. Must never know what the bytes mean.
//!
//! Sockets are watched once, edge-triggered; `READ_ACTIVE` remembers that bytes may be waiting in the kernel and
//! `SEND_ACTIVE` that it has no room. A paused or held socket is simply not read, so nothing is ever kept back here.
//! Sending is in `epoll/send`.

mod send;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use crate::append::{Append, Scribe};
use crate::finish::{Poller, finish, ring_alarms};
use crate::handler::{Closed, Handler, Wait};
use crate::listener::{ListenerId, checked, is_passing, take_error};
use crate::operation::Operation;
use crate::options::Options;
use crate::probe::OpenError;
use crate::socket::{Flags, Reading, SocketId, Stage};
use crate::state::State;
use crate::wake::Sleep;

/// Reports taken per system call.
const REPORTS_MAX: usize = 1024;
/// Connections accepted per listener and turn, so that a flood of them does not keep the sockets waiting.
const ACCEPTS_MAX: usize = 64;

const READABLE: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
const HUNG_UP: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
const WRITABLE: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// The epoll engine of one thread.
pub(crate) struct Epoll {
    epoll: OwnedFd,
    reports: Vec<libc::epoll_event>,
    buffer: Box<[u8]>,
    /// Sockets with bytes that may be delivered when reads flow again.
    held: Vec<SocketId>,
    /// Does appends; started by the first.
    scribe: Option<Scribe>,
}

impl Epoll {
    pub(crate) fn open(options: &Options, state: &State) -> Result<Epoll, OpenError> {
        // SAFETY: epoll_create1 takes no pointers.
        let fd = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) });
        let fd = fd.map_err(|error| OpenError::new("epoll_create1", error))?;
        let engine = Epoll {
            // SAFETY: the descriptor is new and ours alone.
            epoll: unsafe { OwnedFd::from_raw_fd(fd) },
            reports: Vec::with_capacity(REPORTS_MAX),
            buffer: vec![0; options.buffer_bytes as usize * 8].into_boxed_slice(),
            held: Vec::new(),
            scribe: None,
        };
        engine
            .control(
                libc::EPOLL_CTL_ADD,
                state.sleeper.raw_fd(),
                libc::EPOLLIN | libc::EPOLLET,
                Operation::Bell,
            )
            .map_err(|error| OpenError::new("epoll_ctl", error))?;
        Ok(engine)
    }

    /// Has the scribe do an append.
    pub(crate) fn append(&mut self, state: &State, append: Append) -> Result<(), Append> {
        if self.scribe.is_none() {
            self.scribe = Scribe::start(state.sleeper.remote()).ok();
        }
        let Some(scribe) = &self.scribe else { return Err(append) };
        scribe.order(append);
        Ok(())
    }

    fn report_appends(&mut self, handler: &mut impl Handler) {
        while let Some(appended) = self.scribe.as_ref().and_then(Scribe::outcome) {
            handler.appended(appended);
        }
    }

    fn control(&self, what: i32, fd: RawFd, interest: i32, operation: Operation) -> io::Result<()> {
        let mut wish = libc::epoll_event { events: interest as u32, u64: operation.encode() };
        // SAFETY: the wish lives through the call.
        checked(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &raw mut wish) }).map(drop)
    }

    /// Collects reports, blocking until the next deadline if allowed to.
    fn poll(&mut self, state: &mut State, wait: Wait) -> io::Result<()> {
        let may_block = wait == Wait::ForOne && !state.busy && state.ready.is_empty();
        if !(may_block && self.look_out(state)?) {
            let may_block = may_block && state.sleeper.fall_asleep(Sleep::Network);
            state.stats.system_calls += 1;
            self.wait(if may_block { state.alarms.next().map_or(-1, ms_until) } else { 0 })?;
        }
        state.stats.completions += self.reports.len() as u64;
        Ok(())
    }

    /// Before it sleeps, looks for reports for as long as the caller wished. Whether there is something to do.
    fn look_out(&mut self, state: &mut State) -> io::Result<bool> {
        if !state.may_look_out() {
            return Ok(false);
        }
        let mut looks = 0;
        let found = state.look_out(|| {
            looks += 1;
            self.wait(0).map(|()| !self.reports.is_empty())
        })?;
        state.stats.system_calls += looks;
        Ok(found)
    }

    /// Collects reports, waiting for the first at most `time_out_ms`; -1 for as long as it takes.
    fn wait(&mut self, time_out_ms: i32) -> io::Result<()> {
        // A handler that panicked has taken the list with it.
        self.reports.clear();
        self.reports.reserve(REPORTS_MAX);
        let (room, reports) = (REPORTS_MAX as i32, self.reports.as_mut_ptr());
        // SAFETY: the vector has room for that many reports; the kernel says how many it wrote.
        let count = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), reports, room, time_out_ms) };
        let count = match checked(count) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            other => other? as usize,
        };
        // SAFETY: the kernel has written the first `count` reports.
        unsafe { self.reports.set_len(count) };
        Ok(())
    }

    fn handle_reports(&mut self, state: &mut State, handler: &mut impl Handler) {
        let mut reports = std::mem::take(&mut self.reports);
        for report in reports.drain(..) {
            match Operation::decode(report.u64) {
                Operation::Accept(id) => self.accept(state, id, handler),
                Operation::Receive(id) => self.socket_changed(state, id, report.events, handler),
                _ => {}
            }
        }
        self.reports = reports;
    }

    fn socket_changed(&mut self, state: &mut State, id: SocketId, events: u32, handler: &mut impl Handler) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        if socket.stage == Stage::Connecting && events & WRITABLE != 0 {
            let outcome = take_error(socket.raw_fd());
            state.connect_ended(id, outcome, handler);
        }
        let Some(socket) = state.sockets.get_mut(id) else { return };
        if events & HUNG_UP != 0 {
            socket.flags.set(Flags::HUNG_UP);
        }
        if events & WRITABLE != 0 && socket.flags.any(Flags::SEND_ACTIVE) {
            socket.flags.clear(Flags::SEND_ACTIVE);
            state.mark_dirty(id);
        }
        if events & READABLE != 0
            && let Some(socket) = state.sockets.get_mut(id)
        {
            socket.flags.set(Flags::READ_ACTIVE);
            self.adjust(state, id);
        }
    }

    fn accept(&mut self, state: &mut State, listener: ListenerId, handler: &mut impl Handler) {
        for _ in 0..ACCEPTS_MAX {
            let Some(listening) = state.listener(listener).filter(|listening| listening.armed) else {
                return;
            };
            let fd = listening.socket.as_raw_fd();
            state.stats.system_calls += 1;
            // SAFETY: no address is asked for.
            let result =
                unsafe { libc::accept4(fd, std::ptr::null_mut(), std::ptr::null_mut(), libc::SOCK_CLOEXEC) };
            match checked(result) {
                Ok(fd) => {
                    // SAFETY: a new descriptor that the kernel made for us.
                    self.introduce(state, listener, unsafe { OwnedFd::from_raw_fd(fd) }, handler);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_passing(error.raw_os_error().unwrap_or(0)) => {}
                Err(error) => {
                    state.accept_failed(listener, error, handler);
                    return self.adjust_listener(state, listener);
                }
            }
        }
    }

    fn introduce(
        &mut self,
        state: &mut State,
        listener: ListenerId,
        fd: OwnedFd,
        handler: &mut impl Handler,
    ) {
        let introduced = state.introduce(fd).and_then(|id| {
            let attached = self.attach(state, id).inspect_err(|_| drop(state.sockets.remove(id)));
            attached.map(|()| id)
        });
        match introduced {
            Ok(id) => handler.accepted(listener, id),
            Err(error) => handler.accept_failed(listener, error),
        }
    }

    /// Reads each ready socket once; one that has more is read again in the next turn.
    fn read_ready(&mut self, state: &mut State, handler: &mut impl Handler) {
        for _ in 0..state.ready.len() {
            let Some(id) = state.ready.pop_front() else { return };
            self.read(state, id, handler);
        }
    }

    fn read(&mut self, state: &mut State, id: SocketId, handler: &mut impl Handler) {
        let held = state.held();
        let Some(socket) = state.sockets.get_mut(id) else { return };
        socket.flags.clear(Flags::READY);
        let discards = socket.discards();
        if !socket.flags.any(Flags::READ_ACTIVE) || !(discards || socket.wants_data()) {
            return;
        }
        if held && !discards {
            // Still marked as ready, so that it is listed once.
            socket.flags.set(Flags::READY);
            return self.held.push(id);
        }
        state.stats.system_calls += 1;
        let (start, room) = (self.buffer.as_mut_ptr(), self.buffer.len());
        // SAFETY: the kernel writes at most `room` bytes to the buffer.
        let result = unsafe { libc::recv(socket.raw_fd(), start.cast(), room, libc::MSG_DONTWAIT) };
        if result <= 0 {
            let error = io::Error::last_os_error();
            return self.read_nothing(state, id, (result < 0).then_some(error));
        }
        let len = result as usize;
        // A short read has emptied the kernel's queue, and what comes later is a new edge; an end already reported is not.
        let more = len == room || socket.flags.any(Flags::HUNG_UP);
        if !more {
            socket.flags.clear(Flags::READ_ACTIVE);
        }
        if socket.reading == Reading::Once {
            socket.reading = Reading::Off;
        }
        if more {
            self.adjust(state, id);
        }
        if !discards {
            state.stats.receives += 1;
            state.stats.received_bytes += len as u64;
            handler.data(id, &mut self.buffer[..len]);
        }
    }

    fn read_nothing(&mut self, state: &mut State, id: SocketId, error: Option<io::Error>) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        match error.map(|error| error.raw_os_error().unwrap_or(libc::EIO)) {
            Some(libc::EAGAIN) => socket.flags.clear(Flags::READ_ACTIVE),
            Some(libc::EINTR) => self.adjust(state, id),
            Some(errno) => state.stream_ended(id, Closed::from_errno(errno)),
            None => state.stream_ended(id, Closed::Eof),
        }
    }
}

/// Milliseconds from now to `at`, rounded up so that no alarm is early.
fn ms_until(at: Instant) -> i32 {
    let left = at.saturating_duration_since(Instant::now()) + Duration::from_nanos(999_999);
    i32::try_from(left.as_millis()).unwrap_or(i32::MAX)
}

impl Poller for Epoll {
    fn attach(&mut self, state: &mut State, id: SocketId) -> io::Result<()> {
        let Some(socket) = state.sockets.get(id) else { return Ok(()) };
        let interest = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        self.control(libc::EPOLL_CTL_ADD, socket.raw_fd(), interest, Operation::Receive(id))
    }

    fn adjust(&mut self, state: &mut State, id: SocketId) {
        if let Some(socket) = state.sockets.get(id)
            && socket.flags.any(Flags::READ_ACTIVE)
            && !socket.flags.any(Flags::ENDED)
            && (socket.wants_data() || socket.discards())
        {
            state.mark_ready(id);
        }
    }

    fn attach_listener(&mut self, state: &mut State, id: ListenerId) -> io::Result<()> {
        let Some(listener) = state.listener(id) else { return Ok(()) };
        listener.socket.set_nonblocking(true)?;
        self.control(libc::EPOLL_CTL_ADD, listener.socket.as_raw_fd(), 0, Operation::Accept(id))
    }

    fn detach_listener(&mut self, _state: &mut State, _id: ListenerId) {
        // Closing the only descriptor of a socket ends its watch.
    }

    fn adjust_listener(&mut self, state: &mut State, id: ListenerId) {
        let held = state.held();
        let Some(listener) = state.listener(id) else { return };
        let wanted = !held && !listener.resting;
        if wanted != listener.armed {
            listener.armed = wanted;
            let interest = if wanted { libc::EPOLLIN } else { 0 };
            let fd = listener.socket.as_raw_fd();
            let changed = self.control(libc::EPOLL_CTL_MOD, fd, interest, Operation::Accept(id));
            assert!(changed.is_ok(), "changing a watch that exists cannot fail: {changed:?}");
        }
    }

    fn quiesce(&mut self, _state: &mut State, _id: SocketId) -> bool {
        true
    }

    fn deliver_kept(&mut self, _state: &mut State, _id: SocketId, _handler: &mut impl Handler) {}

    fn discard_kept(&mut self, _state: &mut State, _id: SocketId) {}

    fn forget(&mut self, state: &mut State, id: SocketId) {
        if let Some(socket) = state.sockets.get(id) {
            // The descriptor lives on, and would be reported on for as long as it does.
            let _ = self.control(libc::EPOLL_CTL_DEL, socket.raw_fd(), 0, Operation::Ignored);
        }
    }

    fn reads_changed(&mut self, state: &mut State) {
        for index in 0..state.listeners.len() {
            self.adjust_listener(state, ListenerId(index as u32));
        }
        if !state.held() {
            state.ready.extend(self.held.drain(..));
        }
    }

    fn turn(&mut self, state: &mut State, wait: Wait, handler: &mut impl Handler) -> io::Result<()> {
        state.busy = false;
        finish(state, self, handler);
        self.flush(state, handler);
        finish(state, self, handler);
        let result = self.poll(state, wait);
        if state.sleeper.wake_up() {
            state.stats.woken += 1;
            handler.woken();
        }
        result?;
        self.report_appends(handler);
        self.handle_reports(state, handler);
        self.flush(state, handler);
        self.read_ready(state, handler);
        ring_alarms(state, self, handler);
        finish(state, self, handler);
        Ok(())
    }
}
