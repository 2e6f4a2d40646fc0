//! Waking a network's thread from another thread.
//!
//! Owns the eventfd and the flag that spares most system calls. Must never know what the wake is about.
//!
//! The flag has three values. The thread is AWAKE while it works, SLEEPING from just before it may block until after,
//! and NOTIFIED once somebody called `wake` and it has not noticed yet. A caller writes to the eventfd only if it was
//! the one who found it SLEEPING. Every change is a read-modify-write of the one flag, so a wake before, during or after
//! falling asleep is seen: either the thread's step to SLEEPING fails, or the caller finds it SLEEPING.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::listener::checked;

const AWAKE: u32 = 0;
const SLEEPING: u32 = 1;
const NOTIFIED: u32 = 2;

#[derive(Debug)]
struct Bell {
    state: AtomicU32,
    eventfd: OwnedFd,
}

/// Wakes one [`crate::Network`] from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Bell>);

impl Remote {
    /// Makes the network's thread call [`crate::Handler::woken`] soon. What was written before this call is visible
    /// to the thread then. Many calls before that are one; a call while the thread works makes no system call.
    pub fn wake(&self) {
        if self.0.state.swap(NOTIFIED, Ordering::AcqRel) == SLEEPING {
            ring(&self.0.eventfd);
        }
    }
}

fn ring(eventfd: &OwnedFd) {
    let one = 1u64;
    // SAFETY: eight bytes are read from `one`. The write can fail only if the counter is full, and then it is readable.
    unsafe { libc::write(eventfd.as_raw_fd(), (&raw const one).cast(), 8) };
}

/// A new eventfd with a counter of 0.
pub(crate) fn eventfd(flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: eventfd takes no pointers.
    let fd = checked(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | flags) })?;
    // SAFETY: the descriptor is new and ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The sleeper's side of the bell.
#[derive(Debug)]
pub(crate) struct Sleeper(Arc<Bell>);

impl Sleeper {
    pub(crate) fn new() -> io::Result<Sleeper> {
        let eventfd = eventfd(libc::EFD_NONBLOCK)?;
        Ok(Sleeper(Arc::new(Bell { state: AtomicU32::new(AWAKE), eventfd })))
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote(Arc::clone(&self.0))
    }

    /// Readable after a wake that found the thread asleep.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.0.eventfd.as_raw_fd()
    }

    /// Announces that the thread may block. False if it must not, because it was woken.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.0.state.compare_exchange(AWAKE, SLEEPING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the thread was woken since it last noticed. It has noticed nothing yet: [`Sleeper::wake_up`] does.
    pub(crate) fn is_notified(&self) -> bool {
        self.0.state.load(Ordering::Acquire) == NOTIFIED
    }

    /// Announces that the thread works again, and says whether it was woken since the last time.
    pub(crate) fn wake_up(&self) -> bool {
        // The load spares the usual turn, which was neither asleep nor woken, a locked instruction.
        self.0.state.load(Ordering::Relaxed) != AWAKE
            && self.0.state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(sleeper: &Sleeper) -> u64 {
        let mut count = 0u64;
        // SAFETY: at most eight bytes are written to `count`.
        unsafe { libc::read(sleeper.raw_fd(), (&raw mut count).cast(), 8) };
        count
    }

    #[test]
    fn only_the_first_wake_of_a_sleeper_costs_a_system_call() {
        let sleeper = Sleeper::new().unwrap();
        let remote = sleeper.remote();
        assert!(sleeper.fall_asleep());
        for _ in 0..3 {
            remote.wake();
        }
        assert_eq!(counter(&sleeper), 1);
        assert!(sleeper.wake_up());
        assert!(!sleeper.wake_up());
    }

    #[test]
    fn a_wake_just_before_sleeping_prevents_the_sleep() {
        let sleeper = Sleeper::new().unwrap();
        sleeper.remote().wake();
        assert!(!sleeper.fall_asleep());
        assert!(sleeper.wake_up());
        assert_eq!(counter(&sleeper), 0);
        assert!(sleeper.fall_asleep());
        assert!(!sleeper.wake_up());
    }
}
