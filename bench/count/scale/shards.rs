//! One to 64 shards: letters, posts and work per message, with clients wherever their names put them.
//!
//! All shards run in this one thread, in turns: every publisher with its home on a shard is read, then the shard's trays are
//! emptied. A post is a batch of letters from one shard to one other in one turn: what costs a mailbox operation, and a
//! wake-up if the other sleeps. Docs: docs/PERFORMANCE.md.

use ringmq_protocol::Qos;

use super::median_ns;
use crate::crowd::{Crowd, Homes, Plan, Shape};
use crate::meter::Pass;

const PASSES: usize = 7;

const BASE: Plan = Plan {
    shape: Shape::Pairs,
    homes: Homes::One,
    publishers: 256,
    subscribers: 256,
    qos: Qos::AtMostOnce,
    window: 1,
    payload_bytes: 64,
};

pub(super) fn run() {
    let plans = [
        ("256 pairs, window 1", BASE),
        ("256 pairs, window 64", Plan { window: 64, ..BASE }),
        ("256 pairs QoS 1, window 32", Plan { qos: Qos::AtLeastOnce, window: 32, ..BASE }),
        ("fan-in, 256 -> 1, window 64", Plan { shape: Shape::Everyone, subscribers: 1, window: 64, ..BASE }),
        (
            "fan-out, 1 -> 1,024, window 16",
            Plan { shape: Shape::Everyone, publishers: 1, subscribers: 1024, window: 16, ..BASE },
        ),
        (
            "shared QoS 1, 256 -> 64, window 32",
            Plan { shape: Shape::Shared, subscribers: 64, qos: Qos::AtLeastOnce, window: 32, ..BASE },
        ),
    ];
    for (name, plan) in plans {
        println!("\n{name}");
        println!(
            "{:>7} {:>16} {:>19} {:>17} {:>16} {:>13}",
            "shards", "routing letters", "letters/message", "posts/message", "ns/delivery", "work"
        );
        let mut alone_ns = None;
        for shards in [1, 2, 4, 8, 16, 32, 64] {
            row(Plan { homes: Homes::Spread(shards), ..plan }, shards, &mut alone_ns);
        }
    }
}

fn row(plan: Plan, shards: u16, alone_ns: &mut Option<f64>) {
    let mut crowd = Crowd::new(plan);
    let routing = crowd.desk.letters;
    let (letters, posts) = (crowd.desk.letters, crowd.desk.posts);
    let deliveries = crowd.round(Pass::WarmUp);
    assert_eq!(deliveries, crowd.deliveries(), "every message arrives, however many shards there are");
    let messages = crowd.messages() as f64;
    let letters = (crowd.desk.letters - letters) as f64 / messages;
    let posts = (crowd.desk.posts - posts) as f64 / messages;
    let ns = median_ns(PASSES, deliveries, || {
        crowd.round(Pass::WarmUp);
    });
    let alone = *alone_ns.get_or_insert(ns);
    println!("{shards:>7} {routing:>16} {letters:>19.2} {posts:>17.3} {ns:>16.0} {:>12.2}x", ns / alone);
}
