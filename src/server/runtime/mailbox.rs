//! From shard to shard: bundles of letters and connections on their way home, through one bounded queue for each
//! receiver.
//!
//! Owns the queues. What does not fit stays with the sender, in order; nothing is dropped. The sender may sleep then: the
//! receiver wakes it when there is room. Must never know what a letter says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

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
    /// Who waits for room, by mailbox.
    waiting: Arc<[Waiting]>,
    /// Whether there is more room in our mailbox since those who wait for it were last woken.
    has_taken: bool,
}

/// The shards that found a mailbox full: a bit for each.
///
/// A sender first sets its bit and then tries again, a receiver first takes and then looks for bits. So either the sender
/// finds the room, or the receiver finds the bit, and no wake is lost.
#[derive(Default)]
struct Waiting([AtomicU64; SHARDS_MAX / 64]);

/// As many as `shards` may be.
const SHARDS_MAX: usize = 128;

impl Waiting {
    fn announce(&self, shard: ShardId) {
        let shard = usize::from(shard);
        self.0[shard / 64].fetch_or(1 << (shard % 64), Ordering::Relaxed);
        // Between the bit and the second try; its counterpart is between taking and looking.
        fence(Ordering::SeqCst);
    }

    /// Calls `each` with every shard that waits, and forgets it.
    fn take(&self, mut each: impl FnMut(usize)) {
        fence(Ordering::SeqCst);
        for (word, at) in self.0.iter().zip((0..).step_by(64)) {
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::Relaxed);
            while bits != 0 {
                each(at + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }
}

/// The queues of all shards, before their threads have a way to be woken.
pub(crate) struct Mailboxes {
    senders: Vec<Sender<Posted>>,
    receivers: Vec<Receiver<Posted>>,
    waiting: Arc<[Waiting]>,
}

impl Mailboxes {
    pub(crate) fn new(shard_count: u16) -> Mailboxes {
        Mailboxes::with_room(shard_count, BATCHES_MAX)
    }

    fn with_room(shard_count: u16, batches_max: usize) -> Mailboxes {
        let (senders, receivers) = (0..shard_count).map(|_| bounded(batches_max)).unzip();
        let waiting = (0..shard_count).map(|_| Waiting::default()).collect();
        Mailboxes { senders, receivers, waiting }
    }

    /// The end of shard `own`; `remotes` wake the shards, by number.
    pub(crate) fn end(&self, own: ShardId, remotes: Vec<Remote>) -> Mailbox {
        Mailbox {
            own,
            inbox: self.receivers[usize::from(own)].clone(),
            outboxes: self.senders.clone(),
            to_wake: vec![false; remotes.len()],
            remotes,
            waiting: self.waiting.clone(),
            has_taken: false,
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
    pub(crate) fn take(&mut self) -> Option<Posted> {
        let posted = self.inbox.try_recv().ok()?;
        self.has_taken = true;
        Some(posted)
    }

    /// Posts a batch, or gives it back if the mailbox is full; this shard is woken when there is room.
    pub(crate) fn post(&mut self, to: ShardId, batch: Batch) -> Result<(), Batch> {
        let to = usize::from(to);
        // A full mailbox, too, is one whose owner must be awake.
        self.to_wake[to] = true;
        let Err(refused) = self.outboxes[to].try_send(Posted { from: self.own, batch }) else {
            return Ok(());
        };
        self.waiting[to].announce(self.own);
        match self.outboxes[to].try_send(refused.into_inner()) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(posted) | TrySendError::Disconnected(posted)) => Err(posted.batch),
        }
    }

    /// Wakes every shard that was posted to, or that waits for what room there is now, each once.
    pub(crate) fn wake_receivers(&mut self) {
        if std::mem::take(&mut self.has_taken) {
            let to_wake = &mut self.to_wake;
            self.waiting[usize::from(self.own)].take(|shard| to_wake[shard] = true);
        }
        for (to_wake, remote) in self.to_wake.iter_mut().zip(&self.remotes) {
            if std::mem::take(to_wake) {
                remote.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::thread;
    use std::time::{Duration, Instant};

    use ringmq_ring::{Closed, Engine, Handler, ListenerId, Network, Options, SocketId, Wait};

    use super::*;

    /// Longer than any wait of these tests, should a wake be lost.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Quiet;

    impl Handler for Quiet {
        fn accepted(&mut self, _: ListenerId, _: SocketId) {}
        fn data(&mut self, _: SocketId, _: &mut [u8]) {}
        fn stalled(&mut self, _: SocketId) {}
        fn drained(&mut self, _: SocketId) {}
        fn closed(&mut self, _: SocketId, _: Closed) {}
        fn detached(&mut self, _: SocketId, _: OwnedFd) {}
        fn woken(&mut self) {}
        fn alarm(&mut self) {
            panic!("a wake was lost");
        }
    }

    fn network() -> Network {
        let mut net = Network::open(&Options { engine: Engine::Epoll, ..Options::default() }).unwrap();
        net.set_alarm(Some(Instant::now() + PATIENCE));
        net
    }

    fn letters() -> Batch {
        Batch::Letters(Bundle::default())
    }

    /// Runs a thread for each shard, which is given its network and its end of the mailboxes.
    fn on_threads(batches_max: usize, body: fn(ShardId, Network, Mailbox) -> u64) -> Vec<u64> {
        let mailboxes = Mailboxes::with_room(2, batches_max);
        let (remotes, threads): (Vec<_>, Vec<_>) = (0..2)
            .map(|shard| {
                let (told, remote) = bounded(1);
                let (give, end) = bounded(1);
                let thread = thread::spawn(move || {
                    let net = network();
                    told.send(net.remote()).unwrap();
                    body(shard, net, end.recv().unwrap())
                });
                (remote.recv().unwrap(), (thread, give))
            })
            .unzip();
        let (threads, gives): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
        for (shard, give) in (0..).zip(gives) {
            give.send(mailboxes.end(shard, remotes.clone())).unwrap();
        }
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }

    /// Shard 0 posts as much as there is room for and shard 1 takes a batch each turn; both sleep whenever they may. Tells
    /// how often the shard turned.
    fn one_way<const BATCHES: u64, const PAUSE_US: u64>(
        own: ShardId,
        mut net: Network,
        mut mailbox: Mailbox,
    ) -> u64 {
        let mut left = BATCHES;
        while left > 0 {
            let before = left;
            if own == 0 {
                while left > 0 && mailbox.post(1, letters()).is_ok() {
                    left -= 1;
                }
            } else {
                left -= u64::from(mailbox.take().is_some());
                // Time in which a sender that does not sleep would turn very often.
                thread::sleep(Duration::from_micros(PAUSE_US));
            }
            mailbox.wake_receivers();
            let may_sleep = left > 0 && (own == 0 || left == before);
            net.turn(if may_sleep { Wait::ForOne } else { Wait::No }, &mut Quiet).unwrap();
        }
        net.stats().turns
    }

    #[test]
    fn who_waits_for_room_is_always_woken() {
        on_threads(1, one_way::<200_000, 0>);
    }

    /// A wake for each batch that is taken, at the most, however slow the receiver is.
    #[test]
    fn a_sender_sleeps_while_the_mailbox_is_full() {
        let turns = on_threads(4, one_way::<1000, 50>);
        assert!(turns[0] <= turns[1] + 1, "{turns:?}");
    }
}
