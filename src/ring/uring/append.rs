//! Appending over io_uring: a write and a linked fdatasync.
//!
//! Owns the bytes while the kernel writes them. Must never know sockets.

use std::io;
use std::os::fd::AsRawFd;

use io_uring::{opcode, squeue, types};

use super::Uring;
use crate::append::{Append, Durability};
use crate::handler::Handler;
use crate::operation::Operation;

/// Bytes of one write; the kernel's own limit is just below 2 GiB.
const BYTES_MAX: usize = 1 << 30;

/// An append under way.
#[derive(Debug)]
struct Entry {
    append: Append,
    written: usize,
    /// Entries of the ring that have not completed: the write, the sync, or both.
    pending: u32,
    synced: bool,
    error: Option<i32>,
}

/// The appends under way, by number.
#[derive(Debug, Default)]
pub(super) struct Appends {
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
}

impl Appends {
    fn insert(&mut self, append: Append) -> u32 {
        let synced = append.durability == Durability::Written;
        let entry = Entry { append, written: 0, pending: 0, synced, error: None };
        if let Some(number) = self.free.pop() {
            self.entries[number as usize] = Some(entry);
            return number;
        }
        self.entries.push(Some(entry));
        self.entries.len() as u32 - 1
    }

    fn get_mut(&mut self, number: u32) -> &mut Entry {
        let entry = self.entries.get_mut(number as usize).and_then(Option::as_mut);
        entry.expect("an append is forgotten only when nothing of it is pending")
    }

    fn remove(&mut self, number: u32) -> Entry {
        self.free.push(number);
        let entry = self.entries.get_mut(number as usize).and_then(Option::take);
        entry.expect("an append is forgotten once")
    }
}

impl Uring {
    /// Begins an append.
    pub(crate) fn append(&mut self, append: Append) {
        let number = self.appends.insert(append);
        self.write_on(number);
    }

    /// Writes what is not written yet. If a sync follows, the two are linked, so that it costs no turn between them; a
    /// link ends where a submission ends, hence the room for both.
    fn write_on(&mut self, number: u32) {
        let room = self.ring.has_room_for(2);
        let entry = self.appends.get_mut(number);
        let fd = types::Fd(entry.append.file.as_raw_fd());
        let rest = &entry.append.bytes[entry.written..];
        let len = rest.len().min(BYTES_MAX);
        let write = opcode::Write::new(fd, rest.as_ptr(), len as u32)
            .offset(entry.append.offset + entry.written as u64)
            .build();
        let linked = room && !entry.synced && len == rest.len();
        entry.pending += 1;
        let flags = if linked { squeue::Flags::IO_LINK } else { squeue::Flags::empty() };
        // SAFETY: the bytes stay in their entry, unchanged, until the completion, and the file with them.
        unsafe { self.push_lending(write.flags(flags), Operation::Write(number)) };
        if linked {
            self.sync(number);
        }
    }

    fn sync(&mut self, number: u32) {
        let entry = self.appends.get_mut(number);
        entry.pending += 1;
        let fd = types::Fd(entry.append.file.as_raw_fd());
        let sync = opcode::Fsync::new(fd).flags(types::FsyncFlags::DATASYNC).build();
        self.push(sync, Operation::Sync(number));
    }

    /// A write has ended.
    pub(super) fn wrote(&mut self, number: u32, result: i32, handler: &mut impl Handler) {
        self.returned();
        let entry = self.appends.get_mut(number);
        entry.pending -= 1;
        match result {
            1.. => entry.written += result as usize,
            // A write of nothing makes no progress: the disk takes no more.
            0 if entry.written < entry.append.bytes.len() => entry.error = Some(libc::ENOSPC),
            0 => {}
            _ if matches!(-result, libc::EINTR | libc::EAGAIN) => {}
            _ => entry.error = Some(-result),
        }
        self.append_on(number, handler);
    }

    /// A sync has ended. One that was linked to a write that fell short was cancelled by that and comes again.
    pub(super) fn synced(&mut self, number: u32, result: i32, handler: &mut impl Handler) {
        let entry = self.appends.get_mut(number);
        entry.pending -= 1;
        match -result {
            0 => entry.synced = true,
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => {}
            errno => entry.error = Some(errno),
        }
        self.append_on(number, handler);
    }

    /// Takes an append on when nothing of it is pending.
    fn append_on(&mut self, number: u32, handler: &mut impl Handler) {
        let entry = self.appends.get_mut(number);
        if entry.pending > 0 {
            return;
        }
        if let Some(errno) = entry.error {
            let entry = self.appends.remove(number);
            handler.appended(entry.append.over(Err(io::Error::from_raw_os_error(errno))));
        } else if entry.written < entry.append.bytes.len() {
            self.write_on(number);
        } else if !entry.synced {
            self.sync(number);
        } else {
            let entry = self.appends.remove(number);
            handler.appended(entry.append.over(Ok(())));
        }
    }
}
