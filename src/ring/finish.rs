//! Closing and detaching, step by step, for both engines.
//!
//! Owns the transitions between the late stages of a socket's life. Must never know how an engine talks to the kernel:
//! it asks a [`Poller`].

use std::io;
use std::time::Instant;

use crate::alarms::Limit;
use crate::handler::{Closed, Handler, Wait};
use crate::listener::{ListenerId, close_with_reset, shut_down};
use crate::socket::{Flags, Socket, SocketId, Stage};
use crate::state::State;

/// What an engine can do.
pub(crate) trait Poller {
    /// Prepares a new socket, or one that begins to connect.
    fn attach(&mut self, state: &mut State, id: SocketId) -> io::Result<()>;
    /// Brings receiving in line with the socket's stage and what its user wants.
    fn adjust(&mut self, state: &mut State, id: SocketId);
    /// Prepares a new listener.
    fn attach_listener(&mut self, state: &mut State, id: ListenerId) -> io::Result<()>;
    /// Stops accepting for good; the listener is about to be closed.
    fn detach_listener(&mut self, state: &mut State, id: ListenerId);
    /// Brings accepting in line with the listener's state and whether reads are held.
    fn adjust_listener(&mut self, state: &mut State, id: ListenerId);
    /// Asks for a descriptor of the socket that system calls take. True when it has one. Otherwise the socket is touched
    /// when it has; where none is to be had, it goes on to the end that is left to it.
    fn recall(&mut self, _state: &mut State, _id: SocketId) -> bool {
        true
    }
    /// Gives up the socket's place in a table of the engine's, if it has one; it is about to be removed.
    fn strike(&mut self, _state: &mut State, _id: SocketId) {}
    /// Asks everything in flight to stop. True when nothing is.
    fn quiesce(&mut self, state: &mut State, id: SocketId) -> bool;
    /// Hands over received bytes that were kept back.
    fn deliver_kept(&mut self, state: &mut State, id: SocketId, handler: &mut impl Handler);
    /// Forgets received bytes that were kept back.
    fn discard_kept(&mut self, state: &mut State, id: SocketId);
    /// Stops watching a socket whose descriptor lives on elsewhere.
    fn forget(&mut self, state: &mut State, id: SocketId);
    /// Reads have been held, or flow again.
    fn reads_changed(&mut self, state: &mut State);
    /// One turn.
    fn turn(&mut self, state: &mut State, wait: Wait, handler: &mut impl Handler) -> io::Result<()>;
}

/// Takes each touched socket as far as it can go now.
pub(crate) fn finish(state: &mut State, poller: &mut impl Poller, handler: &mut impl Handler) {
    let mut next = 0;
    // A step may touch further sockets, or the same one again.
    while let Some(id) = state.finishing.get(next).copied() {
        next += 1;
        let Some(socket) = state.sockets.get_mut(id) else { continue };
        socket.flags.clear(Flags::FINISHING);
        match socket.stage {
            Stage::Connecting | Stage::Open => {}
            Stage::Draining => end_our_side(state, poller, id),
            Stage::Lingering => end_if_peer_ended(state, id),
            Stage::Closing(why) => close(state, poller, handler, (id, why)),
            Stage::Detaching => detach(state, poller, handler, id),
        }
    }
    state.finishing.clear();
}

fn end_our_side(state: &mut State, poller: &mut impl Poller, id: SocketId) {
    poller.discard_kept(state, id);
    if !state.sockets.get(id).is_some_and(Socket::is_drained) || !poller.recall(state, id) {
        return;
    }
    let Some(socket) = state.sockets.get(id) else { return };
    shut_down(socket.raw_fd(), libc::SHUT_WR);
    state.enter_stage(id, Stage::Lingering);
    poller.adjust(state, id);
}

fn end_if_peer_ended(state: &mut State, id: SocketId) {
    if state.sockets.get(id).is_some_and(|socket| socket.flags.any(Flags::ENDED)) {
        state.enter_stage(id, Stage::Closing(Closed::ByUs));
    }
}

fn close(
    state: &mut State,
    poller: &mut impl Poller,
    handler: &mut impl Handler,
    (id, why): (SocketId, Closed),
) {
    if !poller.quiesce(state, id) {
        return;
    }
    poller.discard_kept(state, id);
    let Some(socket) = state.sockets.get(id) else { return };
    if socket.flags.any(Flags::RESET) && !poller.recall(state, id) {
        return;
    }
    poller.strike(state, id);
    let Some(mut socket) = state.sockets.remove(id) else { return };
    socket.queue.clear();
    if socket.flags.any(Flags::RESET) {
        close_with_reset(socket.raw_fd());
    }
    drop(socket);
    state.stats.closed += 1;
    state.busy = true;
    handler.closed(id, why);
}

fn detach(state: &mut State, poller: &mut impl Poller, handler: &mut impl Handler, id: SocketId) {
    poller.deliver_kept(state, id, handler);
    // Reading stops at once; what is left in the kernel is for the next owner.
    poller.adjust(state, id);
    let Some(socket) = state.sockets.get(id) else { return };
    if socket.flags.any(Flags::ENDED) {
        let why = socket.end;
        return state.enter_stage(id, Stage::Closing(why));
    }
    if !socket.is_drained() || !poller.quiesce(state, id) || !poller.recall(state, id) {
        return;
    }
    poller.forget(state, id);
    let Some(socket) = state.sockets.remove(id) else { return };
    state.stats.detached += 1;
    state.busy = true;
    handler.detached(id, socket.into_fd());
}

/// Acts on every deadline that has passed.
pub(crate) fn ring_alarms(state: &mut State, poller: &mut impl Poller, handler: &mut impl Handler) {
    if state.alarms.next().is_none() {
        return;
    }
    let now = Instant::now();
    while let Some(limit) = state.alarms.take_limit(now) {
        match limit {
            Limit::Rest(listener) => {
                if let Some(rested) = state.listener(listener) {
                    rested.resting = false;
                    poller.adjust_listener(state, listener);
                }
            }
            Limit::Linger(id) => {
                let stage = state.sockets.get(id).map(|socket| socket.stage);
                if let Some(Stage::Draining | Stage::Lingering) = stage {
                    state.enter_stage(id, Stage::Closing(Closed::ByUs));
                }
            }
        }
    }
    if state.alarms.take_caller(now) {
        handler.alarm();
    }
}
