//! Receiving over io_uring: arming, delivering, keeping back, running out of buffers.
//!
//! Owns nothing: these are methods of the engine. Must never know sending.

use io_uring::{cqueue, opcode, squeue};

use super::Uring;
use super::direct::Target;
use crate::buffers::GROUP;
use crate::finish::Poller;
use crate::handler::{Closed, Handler};
use crate::listener::shut_down;
use crate::operation::Operation;
use crate::socket::{Flags, Kept, Reading, SocketId, Stage};
use crate::state::State;

impl Uring {
    /// Arms a receive that is wanted, or stops a continuous one that is not.
    pub(super) fn adjust_receive(&mut self, state: &mut State, id: SocketId) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        let wanted = socket.wants_data() || socket.stage == Stage::Lingering;
        let continuous = socket.reading == Reading::Continuous || socket.stage == Stage::Lingering;
        if socket.flags.any(Flags::READ_ACTIVE) {
            // A single receive under way on a paused socket may end by itself; what it brings is kept.
            let paused = socket.stage == Stage::Open && !wanted && socket.flags.any(Flags::READ_MULTISHOT);
            let leaving = socket.stage == Stage::Detaching;
            if (paused || leaving) && socket.flags.newly_set(Flags::READ_CANCELLED) {
                self.cancel(Operation::Receive(id));
            }
        } else if wanted && !socket.flags.any(Flags::ENDED | Flags::STARVED) {
            let target = Target::of(id, socket);
            socket.flags.set(Flags::READ_ACTIVE);
            socket.flags.clear(Flags::READ_MULTISHOT);
            let entry = if continuous {
                socket.flags.set(Flags::READ_MULTISHOT);
                opcode::RecvMulti::new(target.number, GROUP).build()
            } else {
                let entry = opcode::Recv::new(target.number, std::ptr::null_mut(), 0).buf_group(GROUP);
                entry.build().flags(squeue::Flags::BUFFER_SELECT)
            };
            // SAFETY: the kernel writes to the provided buffers only, and these outlive every receive.
            unsafe { self.push_lending(entry.flags(target.flags), Operation::Receive(id)) };
            if continuous {
                self.enlist(state, id);
            }
        }
    }

    /// A receive has brought bytes, or has ended.
    pub(super) fn received(
        &mut self,
        state: &mut State,
        id: SocketId,
        completion: &cqueue::Entry,
        handler: &mut impl Handler,
    ) {
        let result = completion.result();
        let buffer = cqueue::buffer_select(completion.flags());
        if let Some(buffer) = buffer {
            self.buffers().take(buffer);
        }
        let ended = !cqueue::more(completion.flags());
        if ended {
            self.returned();
        }
        let Some(socket) = state.sockets.get_mut(id) else {
            state.stats.completions_late += 1;
            return buffer.into_iter().for_each(|buffer| self.buffers().recycle(buffer));
        };
        if ended {
            socket.flags.clear(Flags::READ_ACTIVE | Flags::READ_CANCELLED);
        }
        match (result, buffer) {
            (1.., Some(buffer)) => self.received_bytes(state, id, (buffer, result as u32), handler),
            (_, Some(buffer)) => self.buffers().recycle(buffer),
            _ => {}
        }
        if result <= 0 {
            self.receive_ended(state, id, result);
        }
        if ended {
            state.touch_if_leaving(id);
            self.adjust_receive(state, id);
        }
    }

    fn received_bytes(
        &mut self,
        state: &mut State,
        id: SocketId,
        (buffer, len): (u16, u32),
        handler: &mut impl Handler,
    ) {
        let held = state.held();
        let Some(socket) = state.sockets.get_mut(id) else { return };
        state.stats.receives += 1;
        state.stats.received_bytes += u64::from(len);
        let deliver = (socket.wants_data() && !held) || socket.stage == Stage::Detaching;
        if deliver && socket.kept.is_empty() {
            if socket.reading == Reading::Once {
                socket.reading = Reading::Off;
            }
            handler.data(id, self.buffers().bytes(buffer, len));
        } else if held && !socket.discards() {
            self.buffers().keep(&mut socket.kept, buffer, len);
            return state.mark_ready(id);
        } else if !socket.discards() {
            self.copy_out(&mut socket.kept, buffer, len);
        }
        self.buffers().recycle(buffer);
    }

    fn copy_out(&mut self, kept: &mut Kept, buffer: u16, len: u32) {
        let bytes = self.buffers().bytes(buffer, len);
        kept.copied.get_or_insert_default().extend_from_slice(bytes);
    }

    fn receive_ended(&mut self, state: &mut State, id: SocketId, result: i32) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        let why = match -result {
            0 => Closed::Eof,
            libc::ENOBUFS => {
                state.stats.buffers_exhausted += 1;
                if socket.flags.newly_set(Flags::STARVED) {
                    self.starved.push_back(id);
                }
                return;
            }
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => return,
            errno => Closed::from_errno(errno),
        };
        if socket.kept.is_empty() || socket.discards() {
            state.stream_ended(id, why);
        } else {
            // The bytes before the end come first; whoever delivers them ends the stream.
            socket.flags.set(Flags::ENDED);
            if !socket.flags.any(Flags::SEND_FAILED) {
                socket.end = why;
            }
        }
    }

    /// Arms the sockets that waited for a buffer: as many as there are buffers, the longest waiting first. The kernel
    /// reports the lack of a buffer before it looks for bytes, so that those armed may well leave buffers to the others:
    /// the turn must not block before all had their chance.
    pub(super) fn feed_starved(&mut self, state: &mut State) {
        let mut chances = self.buffers().free_count();
        while chances > 0
            && let Some(id) = self.starved.pop_front()
        {
            if let Some(socket) = state.sockets.get_mut(id) {
                socket.flags.clear(Flags::STARVED);
                self.adjust_receive(state, id);
                chances -= 1;
            }
            state.busy |= chances == 0 && !self.starved.is_empty();
        }
    }

    /// Delivers what was kept back on sockets that want it now.
    pub(super) fn deliver_ready(&mut self, state: &mut State, handler: &mut impl Handler) {
        while !state.held()
            && let Some(id) = state.ready.pop_front()
        {
            let Some(socket) = state.sockets.get_mut(id) else { continue };
            socket.flags.clear(Flags::READY);
            if socket.kept.is_empty() {
                continue;
            }
            if socket.wants_data() {
                self.deliver_all_kept(state, id, handler);
                self.end_after_kept(state, id);
            } else {
                self.copy_chain(state, id);
            }
        }
    }

    /// Ends the stream of a socket if its end was waiting for its bytes.
    fn end_after_kept(&mut self, state: &mut State, id: SocketId) {
        if let Some(socket) = state.sockets.get(id)
            && socket.flags.any(Flags::ENDED)
        {
            state.stream_ended(id, socket.end);
        } else {
            self.adjust_receive(state, id);
        }
    }

    pub(super) fn deliver_all_kept(&mut self, state: &mut State, id: SocketId, handler: &mut impl Handler) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        state.busy |= !socket.kept.is_empty();
        if let Some(mut copied) = socket.kept.copied.take() {
            handler.data(id, &mut copied);
        }
        while let Some((buffer, len)) = self.buffers().unkeep(&mut socket.kept) {
            handler.data(id, self.buffers().bytes(buffer, len));
            self.buffers().recycle(buffer);
        }
        if socket.reading == Reading::Once {
            socket.reading = Reading::Off;
        }
    }

    /// Reads flow again, but this socket is paused: frees its buffers for the others.
    fn copy_chain(&mut self, state: &mut State, id: SocketId) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        while let Some((buffer, len)) = self.buffers().unkeep(&mut socket.kept) {
            self.copy_out(&mut socket.kept, buffer, len);
            self.buffers().recycle(buffer);
        }
    }

    pub(super) fn discard_all_kept(&mut self, state: &mut State, id: SocketId) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        socket.kept.copied = None;
        while let Some((buffer, _)) = self.buffers().unkeep(&mut socket.kept) {
            self.buffers().recycle(buffer);
        }
    }

    /// Nothing more can be sent. Bytes that were received before are still delivered if the user is reading: the
    /// receive under way then finds the end.
    pub(super) fn end_by_send(&mut self, state: &mut State, id: SocketId, why: Closed) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        let still_reading = socket.stage == Stage::Open
            && (socket.flags.any(Flags::READ_ACTIVE | Flags::STARVED) || !socket.kept.is_empty())
            && !socket.flags.any(Flags::PAUSED);
        if still_reading {
            socket.end = why;
            socket.flags.set(Flags::SEND_FAILED);
            self.end_both_sides(state, id);
        } else {
            self.discard_all_kept(state, id);
            state.stream_ended(id, why);
        }
        self.adjust(state, id);
    }

    /// Ends the stream in both directions, as soon as the socket has a descriptor.
    pub(super) fn end_both_sides(&mut self, state: &mut State, id: SocketId) {
        if self.recall(state, id)
            && let Some(socket) = state.sockets.get(id)
        {
            shut_down(socket.raw_fd(), libc::SHUT_RDWR);
        }
    }
}
