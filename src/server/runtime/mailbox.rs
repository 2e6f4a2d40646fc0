//! From shard to shard: bundles of letters and connections on their way home, through one bounded queue for each
//! receiver.
//!
//! Owns the queues and counts the bytes in them. What does not fit stays with the sender, in order; nothing is dropped. The
//! sender may sleep then: the receiver wakes it when there is room. Must never know what a letter says.

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
    /// Bytes of letters that may be under way to one shard.
    bytes_max: u64,
    /// Bytes of letters ever posted, by receiver.
    posted_bytes: Vec<u64>,
    /// Bytes of letters ever read here, by sender.
    read_bytes: Vec<u64>,
    /// What every shard has read, for the senders.
    read: Arc<[ReadBytes]>,
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

/// Bytes that one shard has read of another's letters, ever. Written by the reader alone, on a cache line of its own.
#[repr(align(128))]
#[derive(Default)]
struct ReadBytes(AtomicU64);

/// The queues of all shards, before their threads have a way to be woken.
pub(crate) struct Mailboxes {
    senders: Vec<Sender<Posted>>,
    receivers: Vec<Receiver<Posted>>,
    waiting: Arc<[Waiting]>,
    bytes_max: u64,
    /// For each reader, by sender.
    read: Arc<[ReadBytes]>,
}

impl Mailboxes {
    /// Mailboxes that take `bytes_max` bytes of letters from each shard.
    pub(crate) fn new(shard_count: u16, bytes_max: u64) -> Mailboxes {
        Mailboxes::with_room(shard_count, BATCHES_MAX, bytes_max)
    }

    fn with_room(shard_count: u16, batches_max: usize, bytes_max: u64) -> Mailboxes {
        let (senders, receivers) = (0..shard_count).map(|_| bounded(batches_max)).unzip();
        let waiting = (0..shard_count).map(|_| Waiting::default()).collect();
        let pairs = usize::from(shard_count) * usize::from(shard_count);
        let read = (0..pairs).map(|_| ReadBytes::default()).collect();
        Mailboxes { senders, receivers, waiting, bytes_max, read }
    }

    /// The end of shard `own`; `remotes` wake the shards, by number.
    pub(crate) fn end(&self, own: ShardId, remotes: Vec<Remote>) -> Mailbox {
        Mailbox {
            own,
            inbox: self.receivers[usize::from(own)].clone(),
            outboxes: self.senders.clone(),
            to_wake: vec![false; self.senders.len()],
            remotes,
            waiting: self.waiting.clone(),
            has_taken: false,
            bytes_max: self.bytes_max,
            posted_bytes: vec![0; self.senders.len()],
            read_bytes: vec![0; self.senders.len()],
            read: self.read.clone(),
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

    /// Letters of `bytes` that came from a shard are read.
    pub(crate) fn note_read(&mut self, from: ShardId, bytes: usize) {
        self.read_bytes[usize::from(from)] += bytes as u64;
        let read = self.read_bytes[usize::from(from)];
        self.read[self.pair(self.own, from)].0.store(read, Ordering::Relaxed);
    }

    /// Bytes of letters that this shard posted and that are not yet read, as far as it is known here.
    pub(crate) fn bytes_under_way(&self) -> usize {
        (0..self.shard_count()).map(|to| self.bytes_under_way_to(to)).sum::<u64>() as usize
    }

    fn bytes_under_way_to(&self, to: ShardId) -> u64 {
        self.posted_bytes[usize::from(to)] - self.read[self.pair(to, self.own)].0.load(Ordering::Relaxed)
    }

    fn pair(&self, reader: ShardId, sender: ShardId) -> usize {
        usize::from(reader) * self.outboxes.len() + usize::from(sender)
    }

    /// Posts a batch, or gives it back if the mailbox is full, in number or in bytes; this shard is woken when there is
    /// room. Letters that are more than fit into a mailbox are taken when there are no others under way.
    pub(crate) fn post(&mut self, to: ShardId, batch: Batch) -> Result<(), Batch> {
        // A full mailbox, too, is one whose owner must be awake.
        self.to_wake[usize::from(to)] = true;
        let Err(refused) = self.try_post(to, batch) else { return Ok(()) };
        self.waiting[usize::from(to)].announce(self.own);
        self.try_post(to, refused)
    }

    fn try_post(&mut self, to: ShardId, batch: Batch) -> Result<(), Batch> {
        let bytes = match &batch {
            Batch::Letters(bundle) => bundle.size_bytes() as u64,
            Batch::Handoff(_) => 0,
        };
        let under_way = self.bytes_under_way_to(to);
        if bytes > 0 && under_way > 0 && under_way + bytes > self.bytes_max {
            return Err(batch);
        }
        match self.outboxes[usize::from(to)].try_send(Posted { from: self.own, batch }) {
            Ok(()) => {
                self.posted_bytes[usize::from(to)] += bytes;
                Ok(())
            }
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

    use ringmq_broker::cause::Level;
    use ringmq_broker::journal::Durability;
    use ringmq_broker::limits::Limits;
    use ringmq_broker::places::OwnPlaces;
    use ringmq_broker::policy::BrokerPolicy;
    use ringmq_broker::seed::Seeds;
    use ringmq_broker::{Setup, Shard, Time};
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
        let mailboxes = Mailboxes::with_room(2, batches_max, u64::MAX);
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

    /// The ends of two shards, whose threads nobody waits for.
    fn ends(bytes_max: u64) -> [Mailbox; 2] {
        let mailboxes = Mailboxes::new(2, bytes_max);
        [0, 1].map(|own| mailboxes.end(own, Vec::new()))
    }

    /// The figures of a shard, for shard 0.
    fn figures() -> Bundle {
        let setup = Setup {
            shard: 1,
            shard_count: 2,
            seeds: Seeds { hash: 1, identity: [2, 3] },
            limits: Limits::default(),
            sessions: OwnPlaces::unbounded(),
            subscriptions: OwnPlaces::unbounded(),
            broker: BrokerPolicy::default(),
            listeners: Vec::new(),
            durability: Durability::Memory,
            notes: Level::Warn,
        };
        let mut shard = Shard::new(setup, Time::ZERO);
        shard.tick(Time::from_ms(10_000));
        shard.trays().take_bundle(0).expect("a round of $SYS is due")
    }

    fn post(mailbox: &mut Mailbox) -> bool {
        mailbox.post(0, Batch::Letters(figures())).is_ok()
    }

    #[test]
    fn letters_are_under_way_until_they_are_read() {
        let bytes = figures().size_bytes();
        let [mut reader, mut sender] = ends(u64::MAX);
        assert!(post(&mut sender) && post(&mut sender));
        assert_eq!(sender.bytes_under_way(), 2 * bytes);
        assert!(reader.take().is_some());
        assert_eq!(sender.bytes_under_way(), 2 * bytes, "it is taken, not read");
        reader.note_read(1, bytes);
        assert_eq!(sender.bytes_under_way(), bytes);
        assert_eq!(reader.bytes_under_way(), 0);
    }

    #[test]
    fn a_mailbox_is_full_in_bytes() {
        let bytes = figures().size_bytes();
        let [mut reader, mut sender] = ends(2 * bytes as u64);
        assert!(post(&mut sender) && post(&mut sender));
        assert!(!post(&mut sender));
        assert_eq!(sender.bytes_under_way(), 2 * bytes, "what was given back is not under way");
        reader.note_read(1, bytes);
        assert!(post(&mut sender));
    }

    #[test]
    fn letters_larger_than_a_mailbox_go_one_at_a_time() {
        let [mut reader, mut sender] = ends(1);
        assert!(post(&mut sender));
        assert!(!post(&mut sender));
        reader.note_read(1, figures().size_bytes());
        assert!(post(&mut sender));
    }
}
