//! From shard to shard: bundles of letters and connections on their way home, through one bounded queue for each
//! receiver.
//!
//! Owns the queues. What does not fit stays with the sender, in order; nothing is dropped. Must never know what a
//! letter says.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use ringmq_broker::bundle::Bundle;
use ringmq_broker::seed::ShardId;
use ringmq_ring::Remote;

use crate::net::handoff::Handoff;

/// Batches that may wait in one mailbox.
const BATCHES_MAX: usize = 1024;

/// What one shard posts to another at a time.
pub(crate) enum Batch {
    /// Letters.
    Letters(Bundle),
    /// A connection whose home is the receiver.
    Handoff(Box<Handoff>),
}

/// A batch and who posted it.
pub(crate) struct Posted {
    pub(crate) from: ShardId,
    pub(crate) batch: Batch,
}

/// One shard's end of all mailboxes.
pub(crate) struct Mailbox {
    own: ShardId,
    inbox: Receiver<Posted>,
    outboxes: Vec<Sender<Posted>>,
    remotes: Vec<Remote>,
    /// Shards that were posted to since they were last woken.
    to_wake: Vec<bool>,
}

/// The queues of all shards, before their threads have a way to be woken.
pub(crate) struct Mailboxes {
    senders: Vec<Sender<Posted>>,
    receivers: Vec<Receiver<Posted>>,
}

impl Mailboxes {
    pub(crate) fn new(shard_count: u16) -> Mailboxes {
        let (senders, receivers) = (0..shard_count).map(|_| bounded(BATCHES_MAX)).unzip();
        Mailboxes { senders, receivers }
    }

    /// The end of shard `own`; `remotes` wake the shards, by number.
    pub(crate) fn end(&self, own: ShardId, remotes: Vec<Remote>) -> Mailbox {
        Mailbox {
            own,
            inbox: self.receivers[usize::from(own)].clone(),
            outboxes: self.senders.clone(),
            to_wake: vec![false; remotes.len()],
            remotes,
        }
    }
}

impl Mailbox {
    /// Number of shards.
    pub(crate) fn shard_count(&self) -> ShardId {
        self.outboxes.len() as ShardId
    }

    /// Number of batches that came in and were not taken.
    pub(crate) fn len(&self) -> usize {
        self.inbox.len()
    }

    /// The next batch that came in.
    pub(crate) fn take(&self) -> Option<Posted> {
        self.inbox.try_recv().ok()
    }

    /// Posts a batch, or gives it back if the mailbox is full.
    pub(crate) fn post(&mut self, to: ShardId, batch: Batch) -> Result<(), Batch> {
        match self.outboxes[usize::from(to)].try_send(Posted { from: self.own, batch }) {
            Ok(()) => {
                self.to_wake[usize::from(to)] = true;
                Ok(())
            }
            Err(TrySendError::Full(posted) | TrySendError::Disconnected(posted)) => {
                // A full mailbox is one whose owner must be awake.
                self.to_wake[usize::from(to)] = true;
                Err(posted.batch)
            }
        }
    }

    /// Wakes every shard that was posted to, each once.
    pub(crate) fn wake_receivers(&mut self) {
        for (to_wake, remote) in self.to_wake.iter_mut().zip(&self.remotes) {
            if std::mem::take(to_wake) {
                remote.wake();
            }
        }
    }
}
