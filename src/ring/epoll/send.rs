//! Sending with the epoll engine: at once, and on from where it stopped when the kernel has room again.
//!
//! Owns nothing: these are methods of the engine. Must never know receiving.

use std::io;
use std::os::fd::RawFd;

use super::Epoll;
use crate::finish::Poller;
use crate::handler::{Closed, Handler};
use crate::listener::shut_down;
use crate::send_queue::SendQueue;
use crate::socket::{Flags, SocketId, Stage};
use crate::state::State;

/// Segments of one send.
const SEGMENTS_MAX: usize = 64;

impl Epoll {
    /// Sends what is marked, as far as the kernel has room.
    pub(super) fn flush(&mut self, state: &mut State, handler: &mut impl Handler) {
        let mut dirty = std::mem::take(&mut state.dirty);
        for id in dirty.drain(..) {
            self.flush_socket(state, id, handler);
        }
        state.dirty = dirty;
    }

    fn flush_socket(&mut self, state: &mut State, id: SocketId, handler: &mut impl Handler) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        socket.flags.clear(Flags::DIRTY);
        if socket.flags.any(Flags::SEND_FAILED) {
            return socket.queue.clear();
        }
        if socket.flags.any(Flags::SEND_ACTIVE)
            || matches!(socket.stage, Stage::Connecting | Stage::Closing(_))
        {
            return;
        }
        while socket.queue.has_waiting() {
            state.stats.sends += 1;
            state.stats.system_calls += 1;
            match send(socket.raw_fd(), &socket.queue) {
                Ok(sent_bytes) => {
                    state.stats.sent_bytes += sent_bytes as u64;
                    socket.queue.advance(sent_bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    socket.flags.set(Flags::SEND_ACTIVE);
                    state.busy = true;
                    return state.send_stalled(id, handler);
                }
                Err(error) => return self.send_failed(state, id, &error),
            }
        }
        state.busy |= socket.flags.any(Flags::STALLED | Flags::WANTS_DRAINED);
        state.queue_drained(id, handler);
    }

    /// Nothing more can be sent. Bytes that were received before are still delivered if the user is reading.
    fn send_failed(&mut self, state: &mut State, id: SocketId, error: &io::Error) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        socket.queue.clear();
        let why = Closed::from_errno(error.raw_os_error().unwrap_or(libc::EIO));
        if socket.wants_data() {
            socket.end = why;
            socket.flags.set(Flags::SEND_FAILED | Flags::READ_ACTIVE | Flags::HUNG_UP);
            shut_down(socket.raw_fd(), libc::SHUT_RDWR);
            self.adjust(state, id);
        } else {
            state.stream_ended(id, why);
        }
    }
}

/// Sends what the kernel takes at once.
fn send(fd: RawFd, queue: &SendQueue) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let mut vectors = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; SEGMENTS_MAX];
    let mut count = 0;
    for (vector, slice) in vectors.iter_mut().zip(queue.slices()) {
        *vector = libc::iovec { iov_base: slice.as_ptr().cast_mut().cast(), iov_len: slice.len() };
        count += 1;
    }
    let result = if count == 1 {
        // SAFETY: the vector describes a slice of the queue, which is borrowed for the call.
        unsafe { libc::send(fd, vectors[0].iov_base, vectors[0].iov_len, flags) }
    } else {
        // SAFETY: a msghdr of zeros has no name, no vectors and no control data.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = vectors.as_mut_ptr();
        header.msg_iovlen = count;
        // SAFETY: the vectors describe slices of the queue, which is borrowed for the call.
        unsafe { libc::sendmsg(fd, &raw const header, flags) }
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as usize) }
}
