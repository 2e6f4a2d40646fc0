//! Sending over io_uring: at once where the kernel can, slowly where the receiver is slow.
//!
//! Owns the gather lists of one enter. Must never know receiving.
//!
//! The usual send carries DONTWAIT and WAITALL and reports success to nobody: the kernel decides it inside the enter that
//! submits it, either all bytes were taken or a completion says how many. So when an enter has submitted everything and
//! its completions are handled, every send without a completion has succeeded, and its buffers are free again. Only what
//! fell short is moved out of the queue and sent again without DONTWAIT; that memory then stays put until the kernel is
//! done with it.

use std::io;

use io_uring::{opcode, squeue};

use super::Uring;
use super::direct::Target;
use crate::handler::{Closed, Handler};
use crate::operation::Operation;
use crate::send_queue::SendQueue;
use crate::socket::{Flags, SocketId, Stage};
use crate::state::State;

/// Segments of one send.
const SEGMENTS_MAX: usize = 64;
/// Bytes of one send; the kernel's own limit is just below 2 GiB.
const BYTES_MAX: usize = 1 << 30;
/// Sends with several segments between two submissions, and segments of all of them.
const HEADERS_MAX: usize = 256;
const VECTORS_MAX: usize = 2048;

/// Lists of segments that the kernel reads while it submits.
pub(super) struct Gather {
    vectors: [libc::iovec; VECTORS_MAX],
    headers: [libc::msghdr; HEADERS_MAX],
    vectors_used: usize,
    headers_used: usize,
}

impl Gather {
    pub(super) fn new() -> Gather {
        // SAFETY: a msghdr of zeros has no name, no vectors and no control data.
        let header: libc::msghdr = unsafe { std::mem::zeroed() };
        let vector = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        Gather {
            vectors: [vector; VECTORS_MAX],
            headers: [header; HEADERS_MAX],
            vectors_used: 0,
            headers_used: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.headers_used == HEADERS_MAX || self.vectors_used + SEGMENTS_MAX > VECTORS_MAX
    }

    /// Forgets all lists: the kernel has copied them.
    pub(super) fn clear(&mut self) {
        self.vectors_used = 0;
        self.headers_used = 0;
    }

    /// Lists the segments of `queue` and returns the header and the number of bytes listed.
    fn list(&mut self, queue: &SendQueue) -> (*const libc::msghdr, usize) {
        assert!(!self.is_full(), "the lists are submitted before they are full");
        let start = self.vectors_used;
        let mut bytes = 0;
        for slice in queue.slices().take(SEGMENTS_MAX) {
            let len = slice.len().min(BYTES_MAX - bytes);
            self.vectors[self.vectors_used] =
                libc::iovec { iov_base: slice.as_ptr().cast_mut().cast(), iov_len: len };
            self.vectors_used += 1;
            bytes += len;
        }
        let header = &mut self.headers[self.headers_used];
        self.headers_used += 1;
        header.msg_iov = &raw mut self.vectors[start];
        header.msg_iovlen = self.vectors_used - start;
        (&raw const *header, bytes)
    }
}

/// A send of what waits in `queue`, and the number of bytes it covers.
fn send_entry(target: Target, queue: &SendQueue, gather: &mut Gather, flags: i32) -> (squeue::Entry, usize) {
    let flags = flags | libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
    if queue.segment_count() == 1
        && let Some(slice) = queue.slices().next()
    {
        let len = slice.len().min(BYTES_MAX);
        let send = opcode::Send::new(target.number, slice.as_ptr(), len as u32).flags(flags).build();
        return (send.flags(target.flags), len);
    }
    let (header, bytes) = gather.list(queue);
    let send = opcode::SendMsg::new(target.number, header).flags(flags as u32).build();
    (send.flags(target.flags), bytes)
}

impl Uring {
    /// Makes sends of what is marked.
    pub(super) fn flush(&mut self, state: &mut State, handler: &mut impl Handler) -> io::Result<()> {
        let mut dirty = std::mem::take(&mut state.dirty);
        for id in dirty.drain(..) {
            if self.gather.is_full() {
                self.submit_all()?;
            }
            self.flush_socket(state, id, handler);
        }
        state.dirty = dirty;
        Ok(())
    }

    /// Lets the kernel decide the sends made so far, so that their lists can be used again.
    fn submit_all(&mut self) -> io::Result<()> {
        self.ring.submit()?;
        if self.ring.all_submitted() {
            self.gather.clear();
            return Ok(());
        }
        Err(io::Error::other("the kernel does not take the submission queue"))
    }

    fn flush_socket(&mut self, state: &mut State, id: SocketId, handler: &mut impl Handler) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        socket.flags.clear(Flags::DIRTY);
        if socket.flags.any(Flags::SEND_FAILED | Flags::ENDED) && socket.stage != Stage::Draining {
            return socket.queue.clear();
        }
        // A send under way goes on by itself; a connection that does not stand yet is marked again when it does.
        if socket.flags.any(Flags::SEND_ACTIVE)
            || matches!(socket.stage, Stage::Connecting | Stage::Closing(_))
        {
            return;
        }
        if !socket.queue.has_waiting() {
            state.busy |= socket.flags.any(Flags::WANTS_DRAINED);
            return state.queue_drained(id, handler);
        }
        let target = Target::of(id, socket);
        let (entry, bytes) = send_entry(target, &socket.queue, &mut self.gather, libc::MSG_DONTWAIT);
        socket.flags.set(Flags::SEND_INLINE);
        // Somebody waits for the outcome, or there is more than one send can take: hear of it before blocking.
        let heard = bytes < socket.queue.len_bytes();
        state.busy |= heard || socket.flags.any(Flags::WANTS_DRAINED) || socket.stage != Stage::Open;
        state.stats.sends += 1;
        self.inline.push((id, bytes));
        // The queue is not touched until this turn has settled the send; the turn ends with an error otherwise.
        self.push(entry.flags(squeue::Flags::SKIP_SUCCESS), Operation::Send(id));
    }

    /// The kernel did not take all bytes of an inline send: `result` bytes, or none and an errno.
    pub(super) fn send_fell_short(
        &mut self,
        state: &mut State,
        id: SocketId,
        result: i32,
        handler: &mut impl Handler,
    ) {
        let Some(socket) = state.sockets.get_mut(id) else {
            state.stats.completions_late += 1;
            return;
        };
        socket.flags.clear(Flags::SEND_INLINE);
        match result {
            0.. => state.stats.sent_bytes += result as u64,
            _ if matches!(-result, libc::EAGAIN | libc::EINTR) => {}
            _ => return self.send_failed(state, id, -result),
        }
        socket.queue.advance(result.max(0) as usize);
        if matches!(socket.stage, Stage::Closing(_)) {
            return state.touch(id);
        }
        socket.ahead = Some(Box::new(socket.queue.split_off_waiting()));
        self.send_slowly(state, id);
        state.send_stalled(id, handler);
    }

    /// Sends what was moved out of the queue for as long as it takes.
    fn send_slowly(&mut self, state: &mut State, id: SocketId) {
        if self.gather.is_full() && self.submit_all().is_err() {
            // Met again and reported by the coming enter; the connection is lost.
            return self.send_failed(state, id, libc::ENOBUFS);
        }
        let Some(socket) = state.sockets.get_mut(id) else { return };
        let target = Target::of(id, socket);
        let Some(ahead) = &socket.ahead else { return };
        let (entry, _) = send_entry(target, ahead, &mut self.gather, 0);
        socket.flags.set(Flags::SEND_ACTIVE);
        state.stats.sends += 1;
        // SAFETY: the segments stay in their box, unchanged, until the completion; the socket is not removed before.
        unsafe { self.push_lending(entry, Operation::SendSlowly(id)) };
    }

    /// A slow send has ended.
    pub(super) fn sent_slowly(
        &mut self,
        state: &mut State,
        id: SocketId,
        result: i32,
        handler: &mut impl Handler,
    ) {
        self.returned();
        let Some(socket) = state.sockets.get_mut(id) else {
            state.stats.completions_late += 1;
            return;
        };
        socket.flags.clear(Flags::SEND_ACTIVE);
        let sent_bytes = result.max(0) as usize;
        state.stats.sent_bytes += sent_bytes as u64;
        if let Some(ahead) = &mut socket.ahead {
            ahead.advance(sent_bytes);
            socket.queue.set_ahead(ahead.len_bytes());
            if ahead.is_empty() {
                socket.ahead = None;
            }
        }
        if matches!(socket.stage, Stage::Closing(_)) {
            socket.ahead = None;
            return state.touch(id);
        }
        match result {
            0.. => self.continue_slowly(state, id, handler),
            _ if matches!(-result, libc::ECANCELED | libc::EAGAIN | libc::EINTR) => {
                self.send_slowly(state, id);
            }
            _ => self.send_failed(state, id, -result),
        }
    }

    fn continue_slowly(&mut self, state: &mut State, id: SocketId, handler: &mut impl Handler) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        if socket.ahead.is_some() {
            self.send_slowly(state, id);
        } else if socket.queue.has_waiting() {
            state.mark_dirty(id);
            state.busy = true;
        } else {
            state.queue_drained(id, handler);
        }
    }

    fn send_failed(&mut self, state: &mut State, id: SocketId, errno: i32) {
        if let Some(socket) = state.sockets.get_mut(id) {
            socket.queue.clear();
            socket.queue.set_ahead(0);
            socket.ahead = None;
            self.end_by_send(state, id, Closed::from_errno(errno));
        }
    }

    /// Every send of this enter that nothing was heard of has succeeded.
    pub(super) fn settle(&mut self, state: &mut State, handler: &mut impl Handler) {
        let mut inline = std::mem::take(&mut self.inline);
        for (id, bytes) in inline.drain(..) {
            let Some(socket) = state.sockets.get_mut(id) else { continue };
            if !socket.flags.any(Flags::SEND_INLINE) {
                continue;
            }
            socket.flags.clear(Flags::SEND_INLINE);
            socket.queue.advance(bytes);
            state.stats.sent_bytes += bytes as u64;
            if socket.queue.has_waiting() {
                state.mark_dirty(id);
            } else {
                state.queue_drained(id, handler);
            }
        }
        self.inline = inline;
    }
}
