//! Accepting over io_uring: one entry per listener lasts until the kernel ends it.
//!
//! Owns nothing: these are methods of the engine. Must never know what becomes of the sockets.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use io_uring::{opcode, types};

use super::Uring;
use crate::handler::Handler;
use crate::listener::{ListenerId, is_passing};
use crate::operation::Operation;
use crate::state::State;

impl Uring {
    /// Accepts if the listener is neither resting nor held, else stops.
    pub(super) fn adjust_accept(&mut self, state: &mut State, id: ListenerId) {
        let held = state.held();
        let Some(listener) = state.listener(id) else { return };
        let wanted = !held && !listener.resting;
        if wanted && !listener.armed {
            listener.armed = true;
            // After a failure the kernel never sees the entry.
            self.accepting += usize::from(!self.ring.has_failed());
            let entry = opcode::AcceptMulti::new(types::Fd(listener.socket.as_raw_fd()));
            self.push(entry.flags(libc::SOCK_CLOEXEC).build(), Operation::Accept(id));
        } else if !wanted {
            self.stop_accepting(state, id);
        }
    }

    pub(super) fn stop_accepting(&mut self, state: &mut State, id: ListenerId) {
        if state.listener(id).is_some_and(|listener| listener.armed) {
            self.cancel(Operation::Accept(id));
        }
    }

    /// A connection has come, or accepting has ended.
    pub(super) fn accepted(
        &mut self,
        state: &mut State,
        id: ListenerId,
        (result, more): (i32, bool),
        handler: &mut impl Handler,
    ) {
        self.accepting -= usize::from(!more);
        if let Some(listener) = state.listener(id) {
            listener.armed = more;
        }
        match result {
            0.. => {
                // SAFETY: a new descriptor that the kernel made for us.
                let fd = unsafe { OwnedFd::from_raw_fd(result) };
                if state.held() {
                    self.held_accepts.push_back((id, fd));
                } else {
                    self.introduce(state, id, fd, handler);
                }
            }
            _ if -result == libc::ECANCELED || is_passing(-result) => {}
            _ => state.accept_failed(id, io::Error::from_raw_os_error(-result), handler),
        }
        if !more {
            self.adjust_accept(state, id);
        }
    }

    fn introduce(
        &mut self,
        state: &mut State,
        listener: ListenerId,
        fd: OwnedFd,
        handler: &mut impl Handler,
    ) {
        match state.introduce(fd) {
            Ok(id) => handler.accepted(listener, id),
            Err(error) => handler.accept_failed(listener, error),
        }
    }

    /// Reports the connections that came while reads were held.
    pub(super) fn introduce_held(&mut self, state: &mut State, handler: &mut impl Handler) {
        while !state.held()
            && let Some((listener, fd)) = self.held_accepts.pop_front()
        {
            self.introduce(state, listener, fd, handler);
            state.busy = true;
        }
    }
}
