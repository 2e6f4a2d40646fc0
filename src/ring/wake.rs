//! Waking a network's thread from another thread.
//!
//! Owns what rings for a thread that sleeps, and asks its flag whether it does. Must never know what the wake is about.

mod flag;

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, OnceLock};

use crate::listener::checked;
use flag::Flag;
pub(crate) use flag::Sleep;

#[derive(Debug)]
struct Bell {
    flag: Flag,
    eventfd: OwnedFd,
    /// Read by glommio while the thread sleeps in it. A wake goes there directly: where an eventfd rings the eventfd of a
    /// ring, kernels are known that pass on the first time only.
    of_glommio: OnceLock<OwnedFd>,
}

/// Wakes one [`crate::Network`] from any thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Bell>);

impl Remote {
    /// Makes the network's thread call [`crate::Handler::woken`] soon. What was written before this call is visible
    /// to the thread then. Many calls before that are one; a call while the thread works makes no system call.
    pub fn wake(&self) {
        match self.0.flag.notify() {
            Some(Sleep::Network) => ring(&self.0.eventfd),
            Some(Sleep::Glommio) => self.0.of_glommio.get().into_iter().for_each(ring),
            None => {}
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
        Ok(Sleeper(Arc::new(Bell { flag: Flag::new(), eventfd, of_glommio: OnceLock::new() })))
    }

    pub(crate) fn remote(&self) -> Remote {
        Remote(Arc::clone(&self.0))
    }

    /// Readable after a wake that found the thread asleep in its network.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.0.eventfd.as_raw_fd()
    }

    /// Readable after a wake that found the thread asleep in glommio; made by the first call, which comes before that.
    ///
    /// # Errors
    /// As eventfd(2).
    pub(crate) fn raw_fd_of_glommio(&self) -> io::Result<RawFd> {
        if self.0.of_glommio.get().is_none() {
            // Only this thread sets it.
            let _ = self.0.of_glommio.set(eventfd(0)?);
        }
        let eventfd = self.0.of_glommio.get().expect("it was set above");
        Ok(eventfd.as_raw_fd())
    }

    /// Announces that the thread may block. False if it must not, because it was woken.
    pub(crate) fn fall_asleep(&self, sleep: Sleep) -> bool {
        self.0.flag.fall_asleep(sleep)
    }

    /// Whether the thread was woken since it last noticed. It has noticed nothing yet: [`Sleeper::wake_up`] does.
    pub(crate) fn is_notified(&self) -> bool {
        self.0.flag.is_notified()
    }

    /// Announces that the thread works again, and says whether it was woken since the last time.
    pub(crate) fn wake_up(&self) -> bool {
        self.0.flag.wake_up()
    }
}

#[cfg(test)]
#[cfg(not(ringmq_loom))]
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
        assert!(sleeper.fall_asleep(Sleep::Network));
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
        assert!(!sleeper.fall_asleep(Sleep::Network));
        assert!(sleeper.wake_up());
        assert_eq!(counter(&sleeper), 0);
        assert!(sleeper.fall_asleep(Sleep::Network));
        assert!(!sleeper.wake_up());
    }
}
