//! A plan about order across clients: what a client saw acknowledged comes before whatever another then publishes.
//!
//! Owns what such a plan is made of: clients that all want everything and publish on the same topics one right after the
//! other, so that nearly every message follows from one on another shard. Must never publish what may be refused.

use ringmq_broker::limits::Limits;
use ringmq_broker::policy::BacklogFull;
use ringmq_protocol::{Qos, SubscribeOptions, Version};

use super::{Dice, Plan, setup};
use crate::simulator::messages::Extras;
use crate::simulator::op::{Content, Op, Wish};
use crate::simulator::random::Random;

/// Of so many seeds one has such a plan.
const EVERY: u64 = 8;

/// Which one of them.
const PLACE: u64 = 5;

const TOPICS: [&str; 2] = ["a/b", "b/c"];

/// Whether a seed has such a plan.
pub(super) fn is_for(seed: u64) -> bool {
    seed % EVERY == PLACE
}

/// The plan of a seed.
pub(super) fn plan(seed: u64, shard_count: u16) -> Plan {
    let mut random = Random::new(seed, 3);
    let clients = random.between(3, 7);
    let versions = (0..clients).map(|_| *random.pick(&[Version::V5, Version::V311])).collect();
    let mut setup = setup(seed, shard_count, &mut random);
    // A message that is refused or dropped follows nothing.
    setup.limits.backlog_count_max = Limits::default().backlog_count_max;
    setup.listeners[0].backlog_full = BacklogFull::DropNewest;
    let rounds = random.between(10, 30);
    let mut dice = Dice::new(random, clients);
    let mut ops: Vec<Op> = (0..clients).map(|client| connect(&mut dice, client)).collect();
    ops.push(Op::Turns(20));
    ops.extend((0..clients).map(|client| subscribe(&mut dice, client)));
    ops.push(Op::Calm);
    for _ in 0..rounds {
        round(&mut dice, &mut ops);
    }
    Plan { seed, setup, versions, ops }
}

/// Connects, or takes its own session over.
fn connect(dice: &mut Dice, client: usize) -> Op {
    let wish = Wish {
        clean_start: false,
        expiry_s: 3600,
        keep_alive_s: 0,
        receive_max: *dice.random.pick(&[None, None, Some(3)]),
        packet_bytes_max: None,
        alias_max: *dice.random.pick(&[0, 2]),
        will: None,
    };
    Op::Connect(client, dice.shard(), wish)
}

fn subscribe(dice: &mut Dice, client: usize) -> Op {
    let qos = *dice.random.pick(&[Qos::AtLeastOnce, Qos::ExactlyOnce]);
    Op::Subscribe(client, vec![("#", SubscribeOptions { qos, ..SubscribeOptions::default() })], 0)
}

/// Some clients publish on one topic, each as soon as the one before may have been answered.
fn round(dice: &mut Dice, ops: &mut Vec<Op>) {
    if dice.random.chance(40) {
        ops.push(Op::Weather(dice.weather()));
    }
    if dice.random.chance(10) {
        let client = dice.random.below(dice.clients);
        ops.push(connect(dice, client));
    }
    let content = Content {
        topic: dice.random.pick::<&'static str>(&TOPICS),
        qos: *dice.random.pick(&[Qos::AtLeastOnce, Qos::ExactlyOnce]),
        retain: false,
        expiry_s: None,
        payload_bytes: *dice.random.pick(&[1, 1, 300]),
        extras: Extras::None,
    };
    let mut publishers: Vec<usize> = (0..dice.clients).collect();
    dice.random.shuffle(&mut publishers);
    publishers.truncate(dice.random.between(2, dice.clients));
    for client in publishers {
        ops.push(Op::Publish(client, content.clone()));
        ops.push(Op::Turns(*dice.random.pick(&[0, 1, 1, 2])));
    }
    ops.push(Op::Turns(dice.turns()));
}
