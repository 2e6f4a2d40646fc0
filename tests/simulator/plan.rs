//! What a seed stands for: a setup, clients, and a list of operations.
//!
//! Owns the dice. The operations do not depend on the number of shards, so that one plan can be tried with any.

mod causal;

use ringmq_broker::policy::{BacklogFull, Overlapping};
use ringmq_broker::topics::ShareStrategy;
use ringmq_protocol::{Qos, Reason, RetainHandling, SubscribeOptions, Version};

use super::client::Answers;
use super::messages::Extras;
use super::op::{Content, Op, Wish};
use super::random::Random;
use super::setup::{Weather, WorldSetup};
use super::wire::ClientEnd;

const TOPICS: [&str; 9] =
    ["a", "a/b", "a/c", "a/b/c", "b", "b/c", "b/x", "d/e/f", "long/topic/of/many/levels"];
const FILTERS: [&str; 16] = [
    "a",
    "a/b",
    "a/c",
    "a/b/c",
    "b",
    "b/c",
    "d/e/f",
    "#",
    "+",
    "a/#",
    "a/+",
    "+/b",
    "+/+/c",
    "b/#",
    "+/c/#",
    "long/+/of/#",
];
const SHARED: [&str; 5] = ["$share/g/a/#", "$share/g/b", "$share/h/a/b", "$share/g/+", "$share/h/a/b/c"];

/// What a seed stands for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// What the world is made from.
    pub setup: WorldSetup,
    /// What each client speaks.
    pub versions: Vec<Version>,
    /// What happens.
    pub ops: Vec<Op>,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(seed: u64, shard_count: u16) -> Plan {
        if causal::is_for(seed) {
            causal::plan(seed, shard_count)
        } else {
            Plan::of_all_kinds(seed, shard_count)
        }
    }

    /// A plan in which anything may happen.
    fn of_all_kinds(seed: u64, shard_count: u16) -> Plan {
        let mut random = Random::new(seed, 2);
        let clients = random.between(2, 7);
        let versions =
            (0..clients).map(|_| *random.pick(&[Version::V5, Version::V5, Version::V311, Version::V31]));
        let versions: Vec<Version> = versions.collect();
        let setup = setup(seed, shard_count, &mut random);
        let refuses = setup.listeners[0].backlog_full == BacklogFull::Refuse;
        // Only 5.0 can be told.
        let versions = if refuses { vec![Version::V5; clients] } else { versions };
        let ops = random.between(30, 150);
        let mut dice = Dice::new(random, clients);
        dice.retains = !refuses;
        let mut all = vec![Op::Weather(dice.weather())];
        all.extend((0..clients).map(|client| Op::Connect(client, dice.shard(), dice.wish())));
        for _ in 0..ops {
            all.push(dice.op());
            all.push(Op::Turns(dice.turns()));
        }
        Plan { seed, setup, versions, ops: all }
    }
}

fn setup(seed: u64, shard_count: u16, random: &mut Random) -> WorldSetup {
    let mut setup = WorldSetup::new(shard_count);
    setup.seed = seed;
    setup.mailbox_max = *random.pick(&[1, 2, 5, 1000]);
    setup.mailbox_bytes_max = *random.pick(&[100, 1000, usize::MAX]);
    setup.limits.letter_bytes_waiting_max = setup.mailbox_bytes_max;
    setup.limits.letters_waiting_max = *random.pick(&[0, 3, 4096]);
    setup.limits.bundle_letters_max = *random.pick(&[1, 1, 2, 1024]);
    setup.limits.send_queue_bytes_max = *random.pick(&[300, 2000, 2 << 20]);
    setup.limits.slow_consumer_grace_ms = *random.pick(&[0, 2000, 30_000]);
    setup.limits.retained_looked_at_max = *random.pick(&[1, 3, 16 << 10]);
    setup.broker.overlapping = *random.pick(&[Overlapping::Once, Overlapping::Once, Overlapping::Each]);
    setup.broker.share_strategy = *random.pick(&[
        ShareStrategy::RoundRobin,
        ShareStrategy::Sticky,
        ShareStrategy::LeastBacklog,
        ShareStrategy::HashPublisher,
        ShareStrategy::HashTopic,
        ShareStrategy::LocalFirst,
    ]);
    setup.broker.sys_interval_s = *random.pick(&[0, 0, 10]);
    let listener = &mut setup.listeners[0];
    listener.receive_max = *random.pick(&[1, 3, 1024]);
    listener.inflight_max = *random.pick(&[1, 4, 1024]);
    listener.topic_alias_max = *random.pick(&[0, 2, 32]);
    listener.topic_alias_outbound_max = *random.pick(&[0, 2, 32]);
    if random.chance(25) {
        listener.backlog_full = BacklogFull::Refuse;
        setup.limits.backlog_count_max = *random.pick(&[0, 1, 3, 10]);
    }
    setup
}

/// Draws operations.
struct Dice {
    random: Random,
    clients: usize,
    /// Fewer topics and filters meet more often.
    topics: usize,
    shared_percent: u32,
    /// Whether anything is retained.
    retains: bool,
}

impl Dice {
    fn new(mut random: Random, clients: usize) -> Dice {
        let topics = *random.pick(&[2, 4, TOPICS.len()]);
        let shared_percent = *random.pick(&[10, 25, 60]);
        Dice { random, clients, topics, shared_percent, retains: true }
    }

    fn op(&mut self) -> Op {
        let client = self.random.below(self.clients);
        match self.random.below(100) {
            0..12 => Op::Connect(client, self.shard(), self.wish()),
            12..50 => Op::Publish(client, self.content()),
            50..64 => self.subscribe(client),
            64..69 => Op::Unsubscribe(client, vec![self.filter()]),
            69..73 => self.disconnect(client),
            73..79 => self.cut(client),
            79..83 => Op::Answer(client, *self.random.pick(&[Answers::Now, Answers::Held])),
            83..85 => Op::Stick(client),
            85..87 => Op::Unstick(client),
            87..89 => Op::Ping(client),
            89 => Op::Expel(client),
            90..92 => Op::Weather(self.weather()),
            92..98 => Op::Pass(*self.random.pick(&[1, 20, 700, 1000, 3000, 20_000, 100_000, 4_000_000])),
            _ => Op::Calm,
        }
    }

    fn shard(&mut self) -> u16 {
        u16::try_from(self.random.below(128)).unwrap_or(0)
    }

    fn turns(&mut self) -> usize {
        *self.random.pick(&[0, 0, 1, 2, 5, 20])
    }

    fn weather(&mut self) -> Weather {
        let hold_percent = *self.random.pick(&[0, 10, 40, 80]);
        let sizes = [1, 7, 60, usize::MAX];
        Weather {
            hold_percent,
            read_bytes_max: *self.random.pick(&sizes),
            carry_bytes_max: *self.random.pick(&sizes),
            send_buffer_bytes: *self.random.pick(&[10, 200, usize::MAX, usize::MAX]),
        }
    }

    fn wish(&mut self) -> Wish {
        let random = &mut self.random;
        let clean_start = random.chance(25);
        let expiry_s = *random.pick(&[0, 2, 60, 3600, 86_400, u32::MAX]);
        let keep_alive_s = *random.pick(&[0, 0, 5, 60]);
        let receive_max = *random.pick(&[None, None, Some(1), Some(3)]);
        let packet_bytes_max = *random.pick(&[None, None, None, Some(150)]);
        let alias_max = *random.pick(&[0, 0, 2, 10]);
        let will = random.chance(40).then(|| {
            let delay_s = *self.random.pick(&[0, 0, 1, 10, 1000]);
            (Content { payload_bytes: 10, ..self.content() }, delay_s)
        });
        Wish { clean_start, expiry_s, keep_alive_s, receive_max, packet_bytes_max, alias_max, will }
    }

    fn content(&mut self) -> Content {
        let topics = self.topics;
        let random = &mut self.random;
        let retain = random.chance(20) && self.retains;
        let size = *random.pick(&[1, 1, 1, 30, 300, 20_000]);
        Content {
            topic: random.pick::<&'static str>(&TOPICS[..topics]),
            qos: self.qos(),
            retain,
            expiry_s: *self.random.pick(&[None, None, None, Some(1), Some(15), Some(5000)]),
            payload_bytes: if retain && self.random.chance(20) { 0 } else { size },
            extras: *self.random.pick(&[Extras::None, Extras::None, Extras::Some]),
        }
    }

    fn qos(&mut self) -> Qos {
        *self.random.pick(&[Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce, Qos::ExactlyOnce])
    }

    fn filter(&mut self) -> &'static str {
        if self.random.chance(self.shared_percent) {
            self.random.pick::<&'static str>(&SHARED)
        } else {
            self.random.pick::<&str>(&FILTERS)
        }
    }

    fn subscribe(&mut self, client: usize) -> Op {
        let count = *self.random.pick(&[1, 1, 1, 2, 3]);
        let filters = (0..count).map(|_| {
            let filter = self.filter();
            (filter, self.options(filter))
        });
        let filters = filters.collect();
        let identifier = *self.random.pick(&[0, 0, 1, 7, 200]);
        Op::Subscribe(client, filters, identifier)
    }

    fn options(&mut self, filter: &str) -> SubscribeOptions {
        SubscribeOptions {
            qos: self.qos(),
            no_local: self.random.chance(20) && !filter.starts_with('$'),
            retain_as_published: self.random.chance(30),
            retain_handling: *self.random.pick(&[
                RetainHandling::Always,
                RetainHandling::IfNew,
                RetainHandling::Never,
            ]),
        }
    }

    fn disconnect(&mut self, client: usize) -> Op {
        let reason = *self.random.pick(&[Reason::Success, Reason::Success, Reason::DisconnectWithWill]);
        let expiry_s = *self.random.pick(&[None, None, Some(0), Some(5), Some(1000)]);
        Op::Disconnect(client, reason, expiry_s)
    }

    fn cut(&mut self, client: usize) -> Op {
        let how = *self.random.pick(&[ClientEnd::Finished, ClientEnd::Reset, ClientEnd::Vanished]);
        let percent = *self.random.pick(&[0, 50, 100]);
        Op::Cut(client, how, percent)
    }
}
