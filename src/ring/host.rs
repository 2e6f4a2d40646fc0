//! glommio on a network's thread, for tasks that await it: the only file that knows glommio.
//!
//! Owns the executor, which is started with the first such task, and the hand-over between two things that both want to
//! block: the network ring and glommio's reactor. Must never know what the tasks do.
//!
//! A thread without tasks is a plain one: the executor takes three rings of its own. Once started it stays until the loop
//! ends. While nobody awaits glommio, the thread blocks in the network ring, and glommio's tasks run when the loop yields.
//! While somebody does (who then holds a [`Guest`]), the ring is entered without waiting, glommio's reactor is given a pass
//! every 200 us, and when the network is quiet the thread sleeps in glommio, to be woken through the ring's eventfd.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::time::{Duration, Instant};

use glommio::io::BufferedFile;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement};

use crate::handler::{Driver, Next, Wait};
use crate::network::{AnyPoller, Network};
use crate::ring::Ring;
use crate::wake::Sleep;

/// How long glommio's reactor may go without a pass while somebody waits for it.
const REACTOR_PASS_MAX: Duration = Duration::from_micros(200);

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static GUESTS: Cell<usize> = const { Cell::new(0) };
    static INVITED: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
}

/// Held while awaiting anything of glommio (a file, a timer, a blocking call), so that the network loop lets glommio's
/// reactor run. Whoever forgets it waits until the network happens to be busy.
#[derive(Debug)]
pub struct Guest(PhantomData<*mut ()>);

impl Guest {
    /// Announces one more guest on this thread.
    #[must_use = "the guest stays for as long as this value lives"]
    pub fn enter() -> Guest {
        GUESTS.set(GUESTS.get() + 1);
        Guest(PhantomData)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        GUESTS.set(GUESTS.get() - 1);
    }
}

/// Has a task run on this thread beside the loop of [`run_with_guests`], from the end of the current turn on. It may use
/// glommio. It does not go on once the loop has ended; without an executor it is dropped, see [`Driver::guests_refused`].
pub fn invite(task: impl Future<Output = ()> + 'static) {
    INVITED.with_borrow_mut(|invited| invited.push(Box::pin(task)));
}

fn take_invited() -> Vec<Task> {
    INVITED.take()
}

fn has_invited() -> bool {
    INVITED.with_borrow(|invited| !invited.is_empty())
}

/// Turns until the driver stops, as [`crate::run`], and shares the thread with the tasks given to [`invite`]: the first of
/// them starts an executor. Until then a turn costs what it costs without one.
///
/// # Errors
/// As [`crate::run`].
pub fn run_with_guests(net: &mut Network, driver: &mut impl Driver) -> io::Result<()> {
    let mut wait = Wait::No;
    loop {
        net.turn(wait, driver)?;
        wait = match driver.after_turn(net) {
            Next::Wait => Wait::ForOne,
            Next::Again => Wait::No,
            Next::Stop => return Ok(()),
        };
        if has_invited() {
            match start_executor(net) {
                Ok(executor) => return executor.run(share(net, driver)),
                Err(error) => {
                    drop(take_invited());
                    driver.guests_refused(&error);
                }
            }
        }
    }
}

/// An executor for the calling thread.
fn start_executor(net: &Network) -> io::Result<LocalExecutor> {
    if let AnyPoller::Epoll(_) = net.poller {
        // There is no ring whose eventfd could wake the thread out of glommio.
        return Err(io::ErrorKind::Unsupported.into());
    }
    LocalExecutorBuilder::new(Placement::Unbound)
        // The default reserves and registers 10 MiB per executor, for direct reads that we do not make.
        .io_memory(64 << 10)
        // glommio parks with runnable tasks if its preempt timer has already fired; the loop yields by itself.
        .preempt_timer(Duration::from_secs(3600))
        .make()
        .map_err(|error| io::Error::other(error.to_string()))
}

/// The loop as a task of the executor.
async fn share(net: &mut Network, driver: &mut impl Driver) -> io::Result<()> {
    let mut sharing: Option<Sharing> = None;
    let mut wait = Wait::No;
    loop {
        for task in take_invited() {
            glommio::spawn_local(task).detach();
        }
        // Tasks that are new, or woken by the last turn, run now; without a reactor pass this is no system call.
        glommio::executor().yield_now().await;
        if has_invited() {
            wait = Wait::No;
        }
        let sharing_now = GUESTS.get() > 0;
        if sharing_now && sharing.is_none() {
            sharing = Some(Sharing::open(net).await?);
        }
        match &mut sharing {
            Some(sharing) if sharing_now => sharing.turn(net, driver, wait).await?,
            _ => net.turn(wait, driver)?,
        }
        wait = match driver.after_turn(net) {
            Next::Wait => Wait::ForOne,
            Next::Again => Wait::No,
            Next::Stop => return Ok(()),
        };
    }
}

/// What it takes to wait for the ring and for glommio at the same time.
struct Sharing {
    /// The eventfd that wakes ring, and the ring too while it is enabled. poll(2) on the ring's own descriptor would not do:
    /// it does not wake with DEFER_TASKRUN.
    bell: BufferedFile,
    /// A file that can always be read at once: reading it is one pass of the reactor.
    zero: BufferedFile,
    last_pass: Instant,
}

impl Sharing {
    async fn open(net: &mut Network) -> io::Result<Sharing> {
        let _guest = Guest::enter();
        let zero = BufferedFile::open("/dev/zero").await.map_err(io::Error::from)?;
        let bell = BufferedFile::open("/dev/zero").await.map_err(io::Error::from)?;
        let eventfd = net.state.sleeper.raw_fd_of_glommio()?;
        // glommio opens files by path only and an eventfd has none, so the eventfd takes the place of the file.
        // SAFETY: both descriptors are open and ours; the old file behind the second is closed by the call.
        crate::listener::checked(unsafe { libc::dup3(eventfd, bell.as_raw_fd(), libc::O_CLOEXEC) })?;
        ring(net).register_eventfd(bell.as_raw_fd())?;
        Ok(Sharing { bell, zero, last_pass: Instant::now() })
    }

    /// One turn that lets glommio's reactor run: now and then while the network is busy, at length when it is quiet.
    async fn turn(&mut self, net: &mut Network, driver: &mut impl Driver, wait: Wait) -> io::Result<()> {
        let before = net.activity();
        net.turn(Wait::No, driver)?;
        if net.activity() != before || wait == Wait::No {
            if self.last_pass.elapsed() >= REACTOR_PASS_MAX {
                self.pass().await?;
            }
            return Ok(());
        }
        self.sleep(net, driver).await
    }

    async fn pass(&mut self) -> io::Result<()> {
        self.zero.read_at(0, 1).await.map_err(io::Error::from)?;
        self.last_pass = Instant::now();
        Ok(())
    }

    /// Sleeps in glommio until the ring has something to say.
    async fn sleep(&mut self, net: &mut Network, driver: &mut impl Driver) -> io::Result<()> {
        ring(net).enable_eventfd();
        // Deferred work can be left over with neither flag nor eventfd raised, and may have come before the eventfd was
        // enabled: only a turn that yields nothing after arming proves that the next thing will ring.
        let before = net.activity();
        net.turn(Wait::No, driver)?;
        if net.activity() == before && net.state.sleeper.fall_asleep(Sleep::Glommio) {
            let rung = self.bell.read_at(0, 8).await;
            if net.state.sleeper.wake_up() {
                net.state.stats.woken += 1;
                driver.woken();
            }
            rung.map_err(io::Error::from)?;
        }
        ring(net).disable_eventfd();
        self.last_pass = Instant::now();
        Ok(())
    }
}

fn ring(net: &mut Network) -> &mut Ring {
    match &mut net.poller {
        AnyPoller::Uring(uring) => uring.ring(),
        AnyPoller::Epoll(_) => unreachable!("only an io_uring network is hosted"),
    }
}
