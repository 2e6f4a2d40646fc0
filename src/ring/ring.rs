//! The io_uring pair: submission and completion queue of one thread.
//!
//! Owns the kernel's ring and entries that did not fit. Must never know what an entry is for.
//!
//! SINGLE_ISSUER and DEFER_TASKRUN: only this thread enters the ring, and the kernel completes work only while it does.
//! Two traps come with that. poll(2) on such a ring's own descriptor does not wake (a registered eventfd does). And one
//! enter runs a bounded number of deferred work items (20 at the time of writing); what is left over raises neither flag
//! nor eventfd, so that only an enter that yields nothing proves that nothing is there.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};

use io_uring::{IoUring, cqueue, squeue, types};

use crate::listener::checked;
use crate::options::Options;

const ENTER_GETEVENTS: u32 = 1;
const ENTER_REGISTERED_RING: u32 = 1 << 4;
const REGISTER_RING_FDS: u32 = 20;
const UNREGISTER_RING_FDS: u32 = 21;

/// `struct io_uring_rsrc_update` of the kernel.
#[repr(C)]
struct RingFdUpdate {
    offset: u32,
    reserved: u32,
    data: u64,
}

/// What a ring says once an enter has failed.
pub(crate) const FAILED: &str = "an earlier turn has failed";

/// Completions copied out at a time.
const BATCH: usize = 64;

/// One thread's pair of queues.
pub(crate) struct Ring {
    io: IoUring,
    /// The ring's place in the thread's table of registered rings, which spares each enter a descriptor look-up.
    registered: Option<u32>,
    /// Entries for which the submission queue had no room, oldest first.
    backlog: VecDeque<squeue::Entry>,
    enters: u64,
    /// Nobody knows any more which entries the kernel has, nor whether what the others point to is still there.
    has_failed: bool,
}

impl Ring {
    /// Sets up the queues with the flags the engine is built on.
    ///
    /// # Errors
    /// As io_uring_setup(2).
    pub(crate) fn open(options: &Options) -> io::Result<Ring> {
        let io = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_taskrun_flag()
            .setup_submit_all()
            .setup_cqsize(options.cq_entries.max(options.sq_entries))
            .build(options.sq_entries)?;
        let registered = register_ring_fd(io.as_raw_fd());
        Ok(Ring { io, registered, backlog: VecDeque::new(), enters: 0, has_failed: false })
    }

    pub(crate) fn io(&self) -> &IoUring {
        &self.io
    }

    /// System calls made so far.
    pub(crate) fn enter_count(&self) -> u64 {
        self.enters
    }

    /// Queues an entry for the next enter.
    ///
    /// # Safety
    /// What the entry points to must stay where it is, unchanged, until the entry's completion; if the kernel copies it
    /// (paths of fixed size, time specifications, message headers), until [`Ring::enter`] has returned with success. After
    /// an enter that failed nothing is submitted any more, so that the obligation ends with it.
    pub(crate) unsafe fn push(&mut self, entry: squeue::Entry) {
        if self.has_failed {
            return;
        }
        if !self.backlog.is_empty() || !self.try_push(&entry) {
            // A full queue: let the kernel have it now. A failure is met again, and reported, by the coming enter.
            let _ = self.enter(0, 0);
            if !self.backlog.is_empty() || !self.try_push(&entry) {
                self.backlog.push_back(entry);
            }
        }
    }

    /// Whether the next entries will be submitted together; makes room for them if it can.
    pub(crate) fn has_room_for(&mut self, entries: usize) -> bool {
        let room = |ring: &mut Ring| {
            let queue = ring.io.submission();
            queue.capacity() - queue.len() >= entries
        };
        if !room(self) {
            // A failure is met again, and reported, by the coming enter.
            let _ = self.enter(0, 0);
        }
        self.backlog.is_empty() && room(self)
    }

    fn try_push(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: whoever called `push` vouches for the entry.
        unsafe { self.io.submission().push(entry).is_ok() }
    }

    fn refill(&mut self) {
        while let Some(entry) = self.backlog.pop_front() {
            if !self.try_push(&entry) {
                self.backlog.push_front(entry);
                return;
            }
        }
    }

    /// Submits, runs deferred work, and waits until `wait` completions are there.
    ///
    /// # Errors
    /// As io_uring_enter(2), except that an interrupted or postponed call is no error: see [`Ring::all_submitted`].
    pub(crate) fn submit_and_wait(&mut self, wait: u32) -> io::Result<()> {
        self.refill();
        let wait = if self.backlog.is_empty() { wait } else { 0 };
        self.enter(wait, ENTER_GETEVENTS)
    }

    /// Submits only. Sends that must not wait are decided when this returns.
    pub(crate) fn submit(&mut self) -> io::Result<()> {
        self.refill();
        self.enter(0, 0)
    }

    fn enter(&mut self, wait: u32, flags: u32) -> io::Result<()> {
        let to_submit = self.io.submission().len() as u32;
        self.enter_with(to_submit, wait, flags)
    }

    /// Refuses all that would be submitted from now on.
    pub(crate) fn give_up(&mut self) {
        self.has_failed = true;
    }

    /// Whether an enter has failed, and with it the ring.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Runs deferred work without submitting, also after a failure: what the kernel has must come back.
    ///
    /// # Errors
    /// As io_uring_enter(2).
    pub(crate) fn drain(&mut self) -> io::Result<()> {
        self.enter_with(0, 0, ENTER_GETEVENTS)
    }

    fn enter_with(&mut self, to_submit: u32, wait: u32, flags: u32) -> io::Result<()> {
        if self.has_failed && to_submit > 0 {
            return Err(io::Error::other(FAILED));
        }
        let (fd, flags) = match self.registered {
            Some(index) => (index as RawFd, flags | ENTER_REGISTERED_RING),
            None => (self.io.as_raw_fd(), flags),
        };
        self.enters += 1;
        let no_signals = std::ptr::null::<libc::sigset_t>();
        // SAFETY: the ring is open; what the entries point to is vouched for by whoever pushed them.
        let result = unsafe {
            libc::syscall(libc::SYS_io_uring_enter, fd, to_submit, wait, flags, no_signals, 0usize)
        };
        match checked(result as i32) {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // A signal; the kernel is short of memory; completions must be taken first. All pass.
                Some(libc::EINTR | libc::EAGAIN | libc::EBUSY) => Ok(()),
                _ => {
                    self.has_failed = true;
                    Err(error)
                }
            },
        }
    }

    /// Whether the kernel has taken every entry pushed so far.
    pub(crate) fn all_submitted(&mut self) -> bool {
        self.backlog.is_empty() && self.io.submission().is_empty()
    }

    /// Whether completions are there, or deferred work that may yield some. What an earlier enter left over shows in
    /// neither: it is proof of nothing unless the last enter yielded nothing.
    pub(crate) fn has_news(&mut self) -> bool {
        self.io.submission().taskrun() || !self.io.completion().is_empty()
    }

    /// Whether completions wait in the kernel because the completion queue was full.
    pub(crate) fn overflowed(&mut self) -> bool {
        self.io.submission().cq_overflow()
    }

    /// Moves up to a batch of completions to the end of `into` and returns their number.
    pub(crate) fn reap(&mut self, into: &mut Vec<cqueue::Entry>) -> usize {
        let mut batch = [const { MaybeUninit::uninit() }; BATCH];
        let taken = self.io.completion().fill(&mut batch);
        into.extend_from_slice(taken);
        taken.len()
    }

    /// Has completions counted by an eventfd, while enabled; to begin with it is not.
    ///
    /// # Errors
    /// As io_uring_register(2).
    pub(crate) fn register_eventfd(&mut self, fd: RawFd) -> io::Result<()> {
        self.disable_eventfd();
        match self.io.submitter().register_eventfd(fd) {
            // Left behind by an earlier host of the same ring.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                self.io.submitter().unregister_eventfd()?;
                self.io.submitter().register_eventfd(fd)
            }
            result => result,
        }
    }

    pub(crate) fn enable_eventfd(&mut self) {
        self.io.completion().enable_eventfd();
    }

    pub(crate) fn disable_eventfd(&mut self) {
        self.io.completion().disable_eventfd();
    }

    /// Cancels everything the kernel has, waiting no longer than a second. Completions follow with the next enter.
    pub(crate) fn cancel_all(&self) {
        let second = types::Timespec::new().sec(1);
        // Nothing to cancel is an error to the kernel and welcome here.
        let _ = self.io.submitter().register_sync_cancel(Some(second), types::CancelBuilder::any().all());
    }
}

#[cfg(test)]
impl Ring {
    /// Makes every enter fail, until [`Ring::mend`] is given what this returns.
    pub(crate) fn break_down(&mut self) -> Option<u32> {
        self.registered.replace(u32::MAX)
    }

    pub(crate) fn mend(&mut self, registered: Option<u32>) {
        self.registered = registered;
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if let Some(index) = self.registered {
            unregister_ring_fd(self.io.as_raw_fd(), index);
        }
    }
}

fn register_ring_fd(fd: RawFd) -> Option<u32> {
    let mut update = RingFdUpdate { offset: u32::MAX, reserved: 0, data: fd as u64 };
    // SAFETY: the argument is one update that lives through the call. Without the registration all works, only slower.
    let result =
        unsafe { libc::syscall(libc::SYS_io_uring_register, fd, REGISTER_RING_FDS, &raw mut update, 1) };
    (result == 1).then_some(update.offset)
}

/// Must happen before the descriptor is closed: the thread's table would keep the ring alive until the thread ends.
fn unregister_ring_fd(fd: RawFd, index: u32) {
    let mut update = RingFdUpdate { offset: index, reserved: 0, data: 0 };
    // SAFETY: the argument is one update that lives through the call.
    unsafe { libc::syscall(libc::SYS_io_uring_register, fd, UNREGISTER_RING_FDS, &raw mut update, 1) };
}
