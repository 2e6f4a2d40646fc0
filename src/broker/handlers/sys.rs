//! The broker about itself: `$SYS` topics. Each shard tells its figures to shard 0, which publishes their sum.

use std::collections::BTreeMap;

use ringmq_protocol::Qos;

use crate::clients::Timer;
use crate::counters::{Counters, Kind};
use crate::handlers::fan_out;
use crate::letter::{Figures, Letter};
use crate::message::{Parts, Retain};
use crate::publication::{Publication, Publisher};
use crate::seed::ShardId;
use crate::shard::Shard;
use crate::time::Time;

/// The last figures of each shard, and what was last published.
#[derive(Debug)]
pub(crate) struct Figured {
    pub(crate) load_permille: u16,
    shards: Vec<Option<Figures>>,
    published: BTreeMap<String, String>,
    started: Time,
}

impl Figured {
    pub(crate) fn new(shard_count: u16, now: Time) -> Figured {
        let shards = (0..shard_count).map(|_| None).collect();
        Figured { load_permille: 0, shards, published: BTreeMap::new(), started: now }
    }
}

/// Sets the timer of the first round, if `$SYS` is on.
pub(crate) fn start(shard: &mut Shard) {
    let interval_s = shard.setup.broker.sys_interval_s;
    if interval_s > 0 {
        shard.clients.deadlines.insert(shard.clients.now.plus_s(interval_s), Timer::Sys);
    }
}

/// A round is due: tell the figures, or publish them.
#[cold]
pub(crate) fn round(shard: &mut Shard) {
    start(shard);
    let figures = Figures {
        counters: counters(shard),
        load_permille: shard.figures.load_permille,
        at: shard.clients.now,
    };
    if shard.setup.shard != 0 {
        shard.clients.trays.post(0, Letter::Figures(Box::new(figures)));
        return;
    }
    shard.figures.shards[0] = Some(figures);
    publish_changes(shard);
}

/// The figures of another shard.
pub(crate) fn figures(shard: &mut Shard, from: ShardId, figures: Figures) {
    shard.figures.shards[usize::from(from)] = Some(figures);
}

/// What this shard counted, with its gauges read now.
pub(crate) fn counters(shard: &Shard) -> Counters {
    let mut counters = shard.clients.counters.clone();
    counters.sessions = shard.clients.sessions.len() as u64;
    counters.subscriptions =
        (shard.topics.subscriptions.subscription_count() + shard.topics.groups.member_count()) as u64;
    counters.retained = shard.topics.retained.count() as u64;
    counters.retained_bytes = shard.topics.retained.bytes() as u64;
    counters.message_bytes = shard.clients.message_bytes() as u64;
    counters.letters_posted = shard.clients.trays.letters_posted();
    counters
}

/// Publishes every topic whose value is new, retained, so that a subscriber sees all values at once.
fn publish_changes(shard: &mut Shard) {
    for (topic, value) in topics(shard) {
        if shard.figures.published.get(&topic) == Some(&value) {
            continue;
        }
        let parts = Parts {
            topic: &topic,
            passed_on: &[],
            payload: value.as_bytes(),
            qos: Qos::AtMostOnce,
            retain: Retain::Yes,
            expires: None,
        };
        let serial = shard.clients.next_serial();
        fan_out::hand_out(shard, &mut Publication::new(parts, Publisher::default(), serial));
        shard.figures.published.insert(topic, value);
    }
}

fn topics(shard: &Shard) -> Vec<(String, String)> {
    let mut sum = Counters::default();
    let mut topics = Vec::new();
    for (number, figures) in shard.figures.shards.iter().enumerate() {
        let Some(figures) = figures else { continue };
        sum.add(&figures.counters);
        topics.push((format!("$SYS/broker/load/shard/{number}"), permille(figures.load_permille)));
    }
    let uptime_s = shard.clients.now.since_ms(shard.figures.started) / 1000;
    let mut put = |topic: &str, value: String| topics.push((format!("$SYS/broker/{topic}"), value));
    put("version", shard.setup.broker.version.clone());
    put("uptime", format!("{uptime_s} seconds"));
    put("clients/connected", (sum.connections - sum.handshakes).to_string());
    put("clients/total", sum.sessions.to_string());
    let received = [sum.publish_received_qos0, sum.publish_received_qos1, sum.publish_received_qos2];
    put("messages/received", received.iter().sum::<u64>().to_string());
    let sent = [sum.publish_sent_qos0, sum.publish_sent_qos1, sum.publish_sent_qos2];
    put("messages/sent", sent.iter().sum::<u64>().to_string());
    put("bytes/received", sum.bytes_received.to_string());
    put("bytes/sent", sum.bytes_sent.to_string());
    put("subscriptions/count", sum.subscriptions.to_string());
    put("retained messages/count", sum.retained.to_string());
    sum.for_each(|name, kind, value| match kind {
        Kind::Counter => put(&format!("counters/{name}"), value.to_string()),
        Kind::Gauge => put(&format!("gauges/{name}"), value.to_string()),
        Kind::Ended => put(&format!("ended/{name}"), value.to_string()),
    });
    topics
}

fn permille(load: u16) -> String {
    format!("{}.{:03}", load / 1000, load % 1000)
}
