//! Direct descriptors: sockets in the ring's own table of files instead of that of the process.
//!
//! Owns the size of the table and the list of sockets on their way into it. Must never know sending and receiving.
//!
//! A socket that is read continuously is here to stay, and takes the place in the table that has the number of its slot.
//! In the enter that puts it there its entries still name the descriptor; when the enter is settled the descriptor is
//! closed, and from then on entries name the place. A place is cleared when nothing of its socket is in flight, and
//! before its slot has a successor, so no entry can mean the wrong socket. What only a system call can do (half a close, a
//! reset, a hand-over to another thread) needs a descriptor: the kernel makes one anew, and the place is cleared.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use io_uring::{IoUring, opcode, squeue, types};

use super::Uring;
use crate::handler::Closed;
use crate::operation::Operation;
use crate::options::Options;
use crate::probe::{direct_files, direct_max};
use crate::socket::{Flags, Socket, SocketId, Stage};
use crate::state::State;

/// How an entry of the ring names a socket.
#[derive(Clone, Copy)]
pub(super) struct Target {
    /// The descriptor, or the place in the table if the flags say so.
    pub(super) number: types::Fd,
    pub(super) flags: squeue::Flags,
}

impl Target {
    pub(super) fn of(id: SocketId, socket: &Socket) -> Target {
        match socket.plain_fd() {
            Some(fd) => Target { number: types::Fd(fd), flags: squeue::Flags::empty() },
            None => Target { number: types::Fd(place(id) as RawFd), flags: squeue::Flags::FIXED_FILE },
        }
    }
}

fn place(id: SocketId) -> u32 {
    id.index()
}

/// The table of one ring.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// Places; 0 if there is no table.
    places: u32,
    /// Sockets that the coming enter puts into the table.
    enlisting: Vec<SocketId>,
    /// Entries wait that clear places.
    struck: bool,
}

impl Direct {
    /// Makes the table, if it is wanted and the kernel has what it takes.
    pub(super) fn open(ring: &IoUring, options: &Options) -> Direct {
        let places = direct_max(options);
        let made =
            places > 0 && direct_files().is_ok() && ring.submitter().register_files_sparse(places).is_ok();
        Direct { places: if made { places } else { 0 }, ..Direct::default() }
    }

    /// Whether the coming enter puts sockets into the table.
    pub(super) fn is_enlisting(&self) -> bool {
        !self.enlisting.is_empty()
    }
}

impl Uring {
    pub(crate) fn direct_max(&self) -> u32 {
        self.direct.places
    }

    /// Believes in a larger table than the kernel has.
    #[cfg(test)]
    pub(crate) fn pretend_places(&mut self, places: u32) {
        self.direct.places = places;
    }

    /// Has the coming enter put a socket that is here to stay into the table.
    pub(super) fn enlist(&mut self, state: &mut State, id: SocketId) {
        let Some(socket) = state.sockets.get_mut(id) else { return };
        let Some(fd) = socket.fd_place() else { return };
        if self.direct.places == 0
            || socket.stage != Stage::Open
            || socket.flags.any(Flags::ENLISTING | Flags::UNLISTED)
        {
            return;
        }
        if place(id) >= self.direct.places {
            socket.flags.set(Flags::UNLISTED);
            state.stats.direct_refused += 1;
            return;
        }
        socket.flags.set(Flags::ENLISTING);
        self.direct.enlisting.push(id);
        let entry = opcode::FilesUpdate::new(fd, 1).offset(place(id) as i32).build();
        // The descriptor stays where it is until the socket is removed, which is not before this is settled.
        self.push(entry.flags(squeue::Flags::SKIP_SUCCESS), Operation::Enlist(id));
    }

    /// What was queued has been submitted: every socket is in the table whose failure is not among the completions. Its
    /// descriptor is closed, so this comes before any entry is made that would name it.
    pub(super) fn settle_enlisted(&mut self, state: &mut State) {
        self.direct.struck = false;
        if self.direct.enlisting.is_empty() {
            return;
        }
        for completion in &self.completions {
            if let Operation::Enlist(id) = Operation::decode(completion.user_data())
                && let Some(socket) = state.sockets.get_mut(id)
            {
                // No memory for a place. The socket keeps its descriptor.
                socket.flags.clear(Flags::ENLISTING);
                socket.flags.set(Flags::UNLISTED);
                state.stats.direct_refused += 1;
                state.touch_if_leaving(id);
            }
        }
        for id in self.direct.enlisting.drain(..) {
            let Some(socket) = state.sockets.get_mut(id) else { continue };
            if socket.flags.any(Flags::ENLISTING) {
                socket.flags.clear(Flags::ENLISTING);
                drop(socket.give_up_fd());
                state.stats.direct += 1;
                state.touch_if_leaving(id);
            }
        }
    }

    /// Has the kernel make a descriptor for a socket in the table. True if it has one.
    pub(super) fn recall_descriptor(&mut self, state: &mut State, id: SocketId) -> bool {
        let Some(socket) = state.sockets.get_mut(id) else { return true };
        if socket.plain_fd().is_some() {
            return true;
        }
        if socket.flags.newly_set(Flags::RECALLING) {
            let entry = opcode::FixedFdInstall::new(types::Fixed(place(id)), 0).build();
            self.push(entry, Operation::Recall(id));
        }
        false
    }

    /// The kernel has made a descriptor, or has none left.
    pub(super) fn recalled(&mut self, state: &mut State, id: SocketId, result: i32) {
        // SAFETY: a new descriptor that the kernel made for us.
        let fd = (result >= 0).then(|| unsafe { OwnedFd::from_raw_fd(result) });
        let Some(socket) = state.sockets.get_mut(id) else {
            state.stats.completions_late += 1;
            return;
        };
        socket.flags.clear(Flags::RECALLING);
        let Some(fd) = fd else { return self.go_without_descriptor(state, id, -result) };
        self.clear_place(state, id);
        let Some(socket) = state.sockets.get_mut(id) else { return };
        socket.regain_fd(fd);
        // It is about to end, so that the table is not for it any more.
        socket.flags.set(Flags::UNLISTED);
        state.stats.direct_recalled += 1;
        if socket.stage == Stage::Open && socket.flags.any(Flags::SEND_FAILED) {
            self.end_both_sides(state, id);
        }
        state.touch_if_leaving(id);
    }

    /// No descriptor is to be had: what is left is to close the socket, which takes none. Everything queued was sent.
    fn go_without_descriptor(&mut self, state: &mut State, id: SocketId, errno: i32) {
        state.stats.direct_recalls_failed += 1;
        let Some(socket) = state.sockets.get_mut(id) else { return };
        // A reset is left out, too.
        socket.flags.clear(Flags::RESET);
        match socket.stage {
            Stage::Draining | Stage::Lingering => state.enter_stage(id, Stage::Closing(Closed::ByUs)),
            Stage::Detaching => state.enter_stage(id, Stage::Closing(Closed::Error(errno))),
            Stage::Open | Stage::Connecting => {
                let why = socket.end;
                self.discard_all_kept(state, id);
                state.stream_ended(id, why);
            }
            Stage::Closing(_) => state.touch(id),
        }
    }

    /// Clears the place of a socket that is about to be removed, which closes the connection.
    pub(super) fn strike_out(&mut self, state: &mut State, id: SocketId) {
        if state.sockets.get(id).is_some_and(|socket| socket.plain_fd().is_none()) {
            self.clear_place(state, id);
        }
    }

    fn clear_place(&mut self, state: &mut State, id: SocketId) {
        let entry = opcode::Close::new(types::Fixed(place(id))).build();
        self.push(entry.flags(squeue::Flags::SKIP_SUCCESS), Operation::Ignored);
        self.direct.struck = true;
        state.stats.direct -= 1;
    }

    /// Submits what clears places, so that a socket that was reported as closed is closed when the turn is over.
    pub(super) fn close_struck(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.direct.struck) { self.ring.submit() } else { Ok(()) }
    }
}
