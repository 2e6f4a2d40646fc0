//! Writing to a file from the thread of a network without blocking it.
//!
//! Owns what an append is, and the thread that does appends where there is no io_uring. Must never know what is written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, mpsc};
use std::thread;

use crate::wake::Remote;

/// Whether an append is complete when the kernel has the bytes, or when the disk has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// The kernel has the bytes: they survive the process.
    Written,
    /// fdatasync(2) has returned: they survive the machine.
    Synced,
}

/// Bytes to be written to a file.
#[derive(Debug)]
pub struct Append {
    /// The file, open for writing, without O_APPEND and O_DIRECT.
    pub file: Arc<File>,
    /// What to write.
    pub bytes: Vec<u8>,
    /// Where to, in bytes from the start of the file.
    pub offset: u64,
    /// When it is complete.
    pub durability: Durability,
    /// Comes back with the outcome.
    pub ticket: u64,
}

/// An append that is over: its ticket, its buffer, emptied for reuse, and the outcome.
#[derive(Debug)]
pub struct Appended {
    /// As in [`Append::ticket`].
    pub ticket: u64,
    /// The buffer of [`Append::bytes`], emptied.
    pub buffer: Vec<u8>,
    /// After an error the bytes may be in the file in part, and what was not synced before may be lost.
    pub result: io::Result<()>,
}

impl Append {
    /// The append is over.
    pub(crate) fn over(mut self, result: io::Result<()>) -> Appended {
        self.bytes.clear();
        Appended { ticket: self.ticket, buffer: self.bytes, result }
    }

    fn perform(self) -> Appended {
        let written = self.file.write_all_at(&self.bytes, self.offset);
        let result = match self.durability {
            Durability::Written => written,
            Durability::Synced => written.and_then(|()| self.file.sync_data()),
        };
        self.over(result)
    }
}

/// A thread that does appends, one after the other.
#[derive(Debug)]
pub(crate) struct Scribe {
    /// None only while the scribe is being dropped.
    orders: Option<mpsc::Sender<Append>>,
    outcomes: mpsc::Receiver<Appended>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Scribe {
    /// Starts the thread. It wakes `remote` after each append.
    pub(crate) fn start(remote: Remote) -> io::Result<Scribe> {
        let (orders, ordered) = mpsc::channel::<Append>();
        let (tell, outcomes) = mpsc::channel();
        let body = move || {
            for append in ordered {
                if tell.send(append.perform()).is_err() {
                    return;
                }
                remote.wake();
            }
        };
        let thread = thread::Builder::new().name("scribe".into()).spawn(body)?;
        Ok(Scribe { orders: Some(orders), outcomes, thread: Some(thread) })
    }

    /// Has an append done.
    pub(crate) fn order(&self, append: Append) {
        let sent = self.orders.as_ref().map(|orders| orders.send(append));
        assert!(matches!(sent, Some(Ok(()))), "the scribe ends only when it is dropped");
    }

    /// An append that is over.
    pub(crate) fn outcome(&self) -> Option<Appended> {
        self.outcomes.try_recv().ok()
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        // What was ordered is still done.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
