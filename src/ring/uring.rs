//! The io_uring engine: one enter per turn.
//!
//! Owns the ring, the receive buffers and everything the kernel may still touch. Must never know what the bytes mean.
//!
//! A turn: deliver what was kept back, finish what was closed, turn marks into entries, enter the ring once (submit, run
//! deferred work, perhaps wait), hand out completions, settle the sends of this enter, finish again, ring the alarms.
//!
//! | file | subject |
//! | --- | --- |
//! | `uring` | the turn, the time-out, the end |
//! | `uring/enter` | submitting, looking out, sleeping, collecting |
//! | `uring/append` | writing to files |
//! | `uring/direct` | sockets in the ring's own table of files |
//! | `uring/accept` | accepting, and connections held back |
//! | `uring/receive` | receiving, keeping back, running out of buffers |
//! | `uring/send` | sending at once, and slowly when the receiver is slow |

mod accept;
mod append;
mod direct;
mod enter;
mod receive;
mod send;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use io_uring::{cqueue, opcode, squeue, types};

use crate::buffers::Buffers;
use crate::finish::{Poller, finish, ring_alarms};
use crate::handler::{Handler, Wait};
use crate::listener::{ListenerId, set_blocking, take_error};
use crate::operation::Operation;
use crate::options::Options;
use crate::probe::{OpenError, check_ring};
use crate::ring::{FAILED, Ring};
use crate::socket::{Flags, Socket, SocketId, Stage};
use crate::state::State;
use append::Appends;
use direct::Direct;
use send::Gather;

/// The io_uring engine of one thread.
pub(crate) struct Uring {
    ring: Ring,
    /// None only while the engine is being dropped.
    buffers: Option<Buffers>,
    gather: Box<Gather>,
    /// Sends that the current enter decides, with their bytes.
    inline: Vec<(SocketId, usize)>,
    /// Sockets that found no receive buffer, in the order in which they did.
    starved: VecDeque<SocketId>,
    /// Connections accepted while reads are held.
    held_accepts: VecDeque<(ListenerId, OwnedFd)>,
    time_out: TimeOut,
    bell_armed: bool,
    appends: Appends,
    direct: Direct,
    /// Completions of the current turn.
    completions: Vec<cqueue::Entry>,
    /// Entries in flight that point to memory of ours for longer than one enter.
    lent: usize,
    /// Accepts in flight: each keeps its listener open.
    accepting: usize,
}

/// The one time-out of the ring.
#[derive(Default)]
struct TimeOut {
    /// Read by the kernel while it submits the entry; boxed with the engine so that it stays where it is.
    spec: types::Timespec,
    armed: Option<Instant>,
    fired: bool,
}

impl Uring {
    pub(crate) fn open(options: &Options, _state: &State) -> Result<Uring, OpenError> {
        let ring = Ring::open(options).map_err(|error| OpenError::new("io_uring_setup", error))?;
        check_ring(ring.io())?;
        let direct = Direct::open(ring.io(), options);
        let buffers = Buffers::new(options.buffers, options.buffer_bytes);
        let buffers = buffers.map_err(|error| OpenError::new("mmap", error))?;
        // SAFETY: dropping the engine ends all receives before the buffers go; if it cannot, it leaks them.
        unsafe { buffers.register(&ring.io().submitter()) }
            .map_err(|error| OpenError::new("io_uring_register (provided buffers)", error))?;
        Ok(Uring {
            ring,
            buffers: Some(buffers),
            gather: Box::new(Gather::new()),
            inline: Vec::new(),
            starved: VecDeque::new(),
            held_accepts: VecDeque::new(),
            time_out: TimeOut::default(),
            bell_armed: false,
            appends: Appends::default(),
            direct,
            completions: Vec::new(),
            lent: 0,
            accepting: 0,
        })
    }

    pub(crate) fn ring(&mut self) -> &mut Ring {
        &mut self.ring
    }

    /// Whether an enter has failed, or the turn was left before its sends were settled, by a handler that panicked.
    fn has_failed(&self) -> bool {
        self.ring.has_failed() || !self.inline.is_empty()
    }

    fn buffers(&mut self) -> &mut Buffers {
        self.buffers.as_mut().expect("the engine has its buffers until it is dropped")
    }

    /// Queues an entry that points to nothing, or to something the kernel copies while it submits.
    fn push(&mut self, entry: squeue::Entry, operation: Operation) {
        // SAFETY: the entry has no pointers, or only ones to the gather lists, the time specification and queues that
        // wait for the settling of this turn. All of them stay where they are, unchanged, until all is submitted.
        // After an enter that fails the ring submits nothing more.
        unsafe { self.ring.push(entry.user_data(operation.encode())) };
    }

    /// Queues an entry that points to memory of ours until it completes.
    ///
    /// # Safety
    /// As [`Ring::push`]. The completion without F_MORE is counted by [`Uring::returned`].
    unsafe fn push_lending(&mut self, entry: squeue::Entry, operation: Operation) {
        // After a failure the kernel never sees the entry.
        self.lent += usize::from(!self.ring.has_failed());
        // SAFETY: passed on to the caller.
        unsafe { self.ring.push(entry.user_data(operation.encode())) };
    }

    fn returned(&mut self) {
        self.lent -= 1;
    }

    fn cancel(&mut self, operation: Operation) {
        // Only the failure would be reported: what was to be cancelled has just ended by itself.
        let entry = opcode::AsyncCancel::new(operation.encode()).build();
        self.push(entry.flags(squeue::Flags::SKIP_SUCCESS), Operation::Ignored);
    }

    fn arm_bell(&mut self, state: &State) {
        if !self.bell_armed {
            // Multishot, so that one entry lasts; the counter is never read, each ring is an edge.
            let entry =
                opcode::PollAdd::new(types::Fd(state.sleeper.raw_fd()), libc::POLLIN as u32).multi(true);
            self.push(entry.build(), Operation::Bell);
            self.bell_armed = true;
        }
    }

    /// Arms the time-out for the earliest deadline. A later deadline than armed costs one early wake-up, not an entry.
    fn arm_time_out(&mut self, state: &State) {
        let Some(at) = state.alarms.next() else { return };
        if self.time_out.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        self.time_out.spec = at.saturating_duration_since(Instant::now()).into();
        let spec = &raw const self.time_out.spec;
        if self.time_out.armed.is_none() {
            self.push(opcode::Timeout::new(spec).build(), Operation::Alarm);
        } else {
            // If it fires before it is changed, its completion finds the alarm not due and it is armed anew.
            let entry = opcode::TimeoutUpdate::new(Operation::Alarm.encode(), spec).build();
            self.push(entry.flags(squeue::Flags::SKIP_SUCCESS), Operation::Ignored);
        }
        self.time_out.armed = Some(at);
    }

    fn handle_completions(&mut self, state: &mut State, handler: &mut impl Handler) {
        let mut completions = std::mem::take(&mut self.completions);
        state.stats.completions += completions.len() as u64;
        for completion in completions.drain(..) {
            let operation = Operation::decode(completion.user_data());
            let more = cqueue::more(completion.flags());
            match operation {
                Operation::Receive(id) => self.received(state, id, &completion, handler),
                Operation::Send(id) => self.send_fell_short(state, id, completion.result(), handler),
                Operation::SendSlowly(id) => self.sent_slowly(state, id, completion.result(), handler),
                Operation::Accept(id) => self.accepted(state, id, (completion.result(), more), handler),
                Operation::Connect(id) => self.connect_ended(state, id, completion.result(), handler),
                Operation::Alarm => self.time_out = TimeOut { fired: true, ..TimeOut::default() },
                Operation::Bell => self.bell_armed = more,
                Operation::Write(number) => self.wrote(number, completion.result(), handler),
                Operation::Sync(number) => self.synced(number, completion.result(), handler),
                Operation::Recall(id) => self.recalled(state, id, completion.result()),
                Operation::Enlist(_) | Operation::Ignored => {}
            }
        }
        self.completions = completions;
    }

    fn connect_ended(&mut self, state: &mut State, id: SocketId, result: i32, handler: &mut impl Handler) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        socket.flags.clear(Flags::CONNECT_ACTIVE);
        if socket.stage != Stage::Connecting {
            return state.touch(id);
        }
        let fd = socket.raw_fd();
        let outcome = if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { take_error(fd) };
        state.connect_ended(id, outcome.and_then(|()| set_blocking(fd)), handler);
        self.adjust(state, id);
    }
}

/// What of a socket can be in flight.
const IN_FLIGHT: u32 = Flags::READ_ACTIVE
    | Flags::SEND_INLINE
    | Flags::SEND_ACTIVE
    | Flags::CONNECT_ACTIVE
    | Flags::ENLISTING
    | Flags::RECALLING;

impl Poller for Uring {
    fn attach(&mut self, state: &mut State, id: SocketId) -> io::Result<()> {
        let Some(socket) = state.sockets.get_mut(id) else { return Ok(()) };
        let fd = socket.raw_fd();
        if socket.stage != Stage::Connecting {
            return set_blocking(fd);
        }
        socket.flags.set(Flags::CONNECT_ACTIVE);
        let entry = opcode::PollAdd::new(types::Fd(fd), libc::POLLOUT as u32).build();
        self.push(entry, Operation::Connect(id));
        Ok(())
    }

    fn adjust(&mut self, state: &mut State, id: SocketId) {
        self.adjust_receive(state, id);
    }

    fn attach_listener(&mut self, state: &mut State, id: ListenerId) -> io::Result<()> {
        state.listener(id).map_or(Ok(()), |listener| listener.socket.set_nonblocking(false))
    }

    fn detach_listener(&mut self, state: &mut State, id: ListenerId) {
        self.stop_accepting(state, id);
    }

    fn adjust_listener(&mut self, state: &mut State, id: ListenerId) {
        self.adjust_accept(state, id);
    }

    fn recall(&mut self, state: &mut State, id: SocketId) -> bool {
        self.recall_descriptor(state, id)
    }

    fn strike(&mut self, state: &mut State, id: SocketId) {
        self.strike_out(state, id);
    }

    fn quiesce(&mut self, state: &mut State, id: SocketId) -> bool {
        let Some(socket) = state.sockets.get_mut(id) else { return true };
        if !socket.flags.any(IN_FLIGHT) {
            return true;
        }
        let flags = socket.flags;
        // Settled by the coming enter, without a completion to wake it.
        state.busy |= flags.any(Flags::ENLISTING);
        if socket.flags.newly_set(Flags::CANCELLED) {
            for (active, operation) in [
                (Flags::READ_ACTIVE, Operation::Receive(id)),
                (Flags::SEND_ACTIVE, Operation::SendSlowly(id)),
                (Flags::CONNECT_ACTIVE, Operation::Connect(id)),
            ] {
                if flags.any(active) {
                    self.cancel(operation);
                }
            }
        }
        false
    }

    fn deliver_kept(&mut self, state: &mut State, id: SocketId, handler: &mut impl Handler) {
        self.deliver_all_kept(state, id, handler);
    }

    fn discard_kept(&mut self, state: &mut State, id: SocketId) {
        self.discard_all_kept(state, id);
    }

    fn forget(&mut self, _state: &mut State, _id: SocketId) {}

    fn reads_changed(&mut self, state: &mut State) {
        for index in 0..state.listeners.len() {
            self.adjust_listener(state, ListenerId(index as u32));
        }
    }

    fn turn(&mut self, state: &mut State, wait: Wait, handler: &mut impl Handler) -> io::Result<()> {
        if self.has_failed() {
            return Err(io::Error::other(FAILED));
        }
        state.busy = false;
        self.introduce_held(state, handler);
        self.deliver_ready(state, handler);
        finish(state, self, handler);
        self.feed_starved(state);
        self.flush(state, handler)?;
        self.arm_bell(state);
        self.arm_time_out(state);
        // Their descriptors are closed once the enter is settled: not only when something happens.
        state.busy |= self.direct.is_enlisting();
        let result = self.enter(state, wait);
        if state.sleeper.wake_up() {
            state.stats.woken += 1;
            handler.woken();
        }
        result?;
        self.gather.clear();
        self.settle_enlisted(state);
        self.handle_completions(state, handler);
        self.settle(state, handler);
        if std::mem::take(&mut self.time_out.fired) {
            ring_alarms(state, self, handler);
        }
        finish(state, self, handler);
        self.close_struck()
    }
}

impl Uring {
    /// Ends everything in flight, so that no port outlives the network. Memory that the kernel does not give back within a
    /// bounded time is leaked: better than that it writes to what belongs to somebody else by then.
    pub(crate) fn shut_down(&mut self, state: &mut State) {
        if !self.has_failed() {
            // What was asked for and never submitted can only end by itself after it has begun.
            let _ = self.ring.submit();
        }
        self.ring.cancel_all();
        for _ in 0..DROP_ENTERS_MAX {
            if self.lent + self.accepting == 0 || self.ring.drain().is_err() {
                break;
            }
            if !self.collect_last() {
                // A write that a kernel thread has begun goes on to its end.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if self.lent > 0 {
            std::mem::forget((self.buffers.take(), std::mem::take(&mut self.appends)));
            state.sockets.drain().filter_map(Socket::into_ahead).for_each(std::mem::forget);
        }
    }

    /// Takes completions, counting only what gives back memory or a listener. False if there were none.
    fn collect_last(&mut self) -> bool {
        let mut any = false;
        while self.ring.reap(&mut self.completions) > 0 {
            any = true;
        }
        for completion in self.completions.drain(..) {
            let operation = Operation::decode(completion.user_data());
            if let Operation::Accept(_) | Operation::Recall(_) = operation
                && completion.result() >= 0
            {
                // SAFETY: a new descriptor that the kernel made for us, and that nobody wants any more.
                drop(unsafe { OwnedFd::from_raw_fd(completion.result()) });
            }
            if cqueue::more(completion.flags()) {
                continue;
            }
            match operation {
                Operation::Receive(_) | Operation::SendSlowly(_) | Operation::Write(_) => self.lent -= 1,
                Operation::Accept(_) => self.accepting -= 1,
                _ => {}
            }
        }
        any
    }
}

/// Enters that dropping a network spends on collecting what was cancelled.
const DROP_ENTERS_MAX: u32 = 1000;
