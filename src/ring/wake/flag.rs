//! The flag between a thread that sleeps and those that wake it: it spares most wakes a system call.
//!
//! Owns the flag. Must never know what rings.
//!
//! The thread is AWAKE while it works, asleep from just before it may block until after, and NOTIFIED once somebody woke
//! it and it has not noticed yet. Whoever found it asleep rings, nobody else. Every change is a read-modify-write of the
//! one flag, so a wake before, during or after falling asleep is seen: either the thread's step to sleep fails, or the
//! caller finds it asleep. `scripts/loom.sh` tries all orders of these steps.

#[cfg(all(test, ringmq_loom))]
use loom::sync::atomic::{AtomicU32, Ordering};
#[cfg(not(all(test, ringmq_loom)))]
use std::sync::atomic::{AtomicU32, Ordering};

const AWAKE: u32 = 0;
const NOTIFIED: u32 = 1;
const IN_NETWORK: u32 = 2;
const IN_GLOMMIO: u32 = 3;

/// What a thread sleeps in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sleep {
    /// Its ring, or its epoll.
    Network,
    /// The reactor of glommio.
    Glommio,
}

#[derive(Debug)]
pub(super) struct Flag(AtomicU32);

impl Flag {
    pub(super) fn new() -> Flag {
        Flag(AtomicU32::new(AWAKE))
    }

    /// Wakes the thread. What it sleeps in is told to the one caller who must ring for that.
    pub(super) fn notify(&self) -> Option<Sleep> {
        match self.0.swap(NOTIFIED, Ordering::AcqRel) {
            IN_NETWORK => Some(Sleep::Network),
            IN_GLOMMIO => Some(Sleep::Glommio),
            _ => None,
        }
    }

    /// Announces that the thread may block. False if it must not, because it was woken.
    pub(super) fn fall_asleep(&self, sleep: Sleep) -> bool {
        let asleep = match sleep {
            Sleep::Network => IN_NETWORK,
            Sleep::Glommio => IN_GLOMMIO,
        };
        self.0.compare_exchange(AWAKE, asleep, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether the thread was woken since it last noticed. It has noticed nothing yet: [`Flag::wake_up`] does.
    pub(super) fn is_notified(&self) -> bool {
        self.0.load(Ordering::Acquire) == NOTIFIED
    }

    /// Announces that the thread works again, and says whether it was woken since the last time.
    pub(super) fn wake_up(&self) -> bool {
        // The load spares the usual turn, which was neither asleep nor woken, a locked instruction.
        self.0.load(Ordering::Relaxed) != AWAKE && self.0.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }
}

/// All orders of the steps of some threads, tried by loom.
#[cfg(test)]
#[cfg(ringmq_loom)]
mod orders {
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    use super::*;

    /// A thread that sleeps, and a letter from each of those that wake it.
    struct Scene {
        flag: Flag,
        letters: [AtomicU32; 2],
        /// Rings that were not heard yet: what an eventfd counts.
        rings: Mutex<u32>,
        rung: Condvar,
    }

    impl Scene {
        fn new() -> Arc<Scene> {
            let letters = [AtomicU32::new(0), AtomicU32::new(0)];
            Arc::new(Scene { flag: Flag::new(), letters, rings: Mutex::new(0), rung: Condvar::new() })
        }

        /// Leaves the next letter of one sender and wakes the thread.
        fn send(&self, sender: usize, letter: u32) {
            // Relaxed: that the letter is seen after the wake must come from the flag alone.
            self.letters[sender].store(letter, Ordering::Relaxed);
            if self.flag.notify().is_some() {
                *self.rings.lock().unwrap() += 1;
                self.rung.notify_one();
            }
        }

        fn has_all(&self, expected: [u32; 2]) -> bool {
            self.letters.iter().zip(expected).all(|(letter, last)| letter.load(Ordering::Relaxed) == last)
        }

        /// Sleeps if it may, until it is rung for.
        fn sleep(&self, sleep: Sleep) {
            if self.flag.fall_asleep(sleep) {
                let mut rings = self.rings.lock().unwrap();
                while *rings == 0 {
                    rings = self.rung.wait(rings).unwrap();
                }
                *rings = 0;
            }
        }

        /// Works through letters until the last ones are there. Sleeps for good, which loom reports, if a wake is lost.
        fn live(&self, expected: [u32; 2]) {
            loop {
                self.flag.wake_up();
                if self.has_all(expected) {
                    return;
                }
                self.sleep(Sleep::Network);
            }
        }
    }

    #[test]
    fn two_wakers_lose_no_wake() {
        loom::model(|| {
            let scene = Scene::new();
            let senders: Vec<_> = [0, 1]
                .map(|sender| {
                    let scene = Arc::clone(&scene);
                    thread::spawn(move || scene.send(sender, 1))
                })
                .into();
            scene.live([1, 1]);
            senders.into_iter().for_each(|sender| sender.join().unwrap());
        });
    }

    #[test]
    fn a_waker_that_comes_again_loses_no_wake() {
        loom::model(|| {
            let scene = Scene::new();
            let sender = {
                let scene = Arc::clone(&scene);
                thread::spawn(move || {
                    scene.send(0, 1);
                    scene.send(0, 2);
                })
            };
            scene.live([2, 0]);
            sender.join().unwrap();
        });
    }

    /// A thread that looks out before it sleeps sees the wake and what was left with it.
    #[test]
    fn what_was_left_before_a_wake_is_there_when_the_wake_is_noticed() {
        loom::model(|| {
            let scene = Scene::new();
            let sender = {
                let scene = Arc::clone(&scene);
                thread::spawn(move || scene.send(0, 1))
            };
            if scene.flag.is_notified() {
                assert!(scene.has_all([1, 0]), "seen by who looks");
            }
            if scene.flag.wake_up() {
                assert!(scene.has_all([1, 0]), "seen by who wakes up");
            }
            scene.live([1, 0]);
            sender.join().unwrap();
        });
    }
}
