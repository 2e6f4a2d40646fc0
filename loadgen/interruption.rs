//! SIGINT and SIGTERM: the first one ends a run in order, the second one the process.
//!
//! Owns the one thread that waits for them. Must never know what it interrupts.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringmq_ring::Remote;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::view;

/// What the waiting thread shares with the runs, once it has been started.
static WATCH: Mutex<Option<Watch>> = Mutex::new(None);

struct Watch {
    has_come: Arc<AtomicBool>,
    /// The network to wake: that of the latest run, if there is one.
    network: Option<Remote>,
}

/// Has a network woken when a signal comes. Returns the flag that tells of it; it is the same for all runs of the process.
///
/// # Errors
/// The kernel allows no handler or no thread.
pub(crate) fn watch(network: Remote) -> io::Result<Arc<AtomicBool>> {
    let has_come = watch_alone()?;
    if let Some(watch) = &mut *lock() {
        watch.network = Some(network);
    }
    Ok(has_come)
}

/// Has signals noted, where there is no network to wake. Returns the flag that tells of them.
///
/// # Errors
/// The kernel allows no handler or no thread.
pub(crate) fn watch_alone() -> io::Result<Arc<AtomicBool>> {
    let mut watch = lock();
    if let Some(watch) = &*watch {
        return Ok(Arc::clone(&watch.has_come));
    }
    let has_come = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    *watch = Some(Watch { has_come: Arc::clone(&has_come), network: None });
    let flag = Arc::clone(&has_come);
    let wait = move || {
        for signal in signals.forever() {
            if flag.swap(true, Ordering::Relaxed) {
                view::leave_screen();
                std::process::exit(128 + signal);
            }
            if let Some(network) = lock().as_ref().and_then(|watch| watch.network.clone()) {
                network.wake();
            }
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait)?;
    Ok(has_come)
}

/// Whether a signal has come.
pub(crate) fn has_come() -> bool {
    lock().as_ref().is_some_and(|watch| watch.has_come.load(Ordering::Relaxed))
}

fn lock() -> MutexGuard<'static, Option<Watch>> {
    // Nothing can be half done behind this lock.
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}
