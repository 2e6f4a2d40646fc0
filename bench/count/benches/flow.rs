//! Messages through shards: from the bytes of publishers to the bytes for subscribers, acknowledgements included.

use ringmq_broker::seed::ShardId;
use ringmq_protocol::Qos;

use super::{Bench, Prepared};
use crate::crowd::{Crowd, Homes, Plan, Shape};
use crate::desk::Desk;
use crate::packets;

pub(super) const BENCHES: &[Bench] = &[
    Bench::short("fan_out/1", "delivery", || rounds(Plan { subscribers: 1, ..FAN_OUT })),
    Bench::short("fan_out/10", "delivery", || rounds(Plan { subscribers: 10, ..FAN_OUT })),
    Bench::short("fan_out/100", "delivery", || rounds(Plan { subscribers: 100, ..FAN_OUT })),
    Bench::short("fan_out/1000", "delivery", || rounds(Plan { subscribers: 1000, ..FAN_OUT })),
    Bench::short("fan_out/1000_window_16", "delivery", || {
        rounds(Plan { subscribers: 1000, window: 16, ..FAN_OUT })
    }),
    Bench::short("fan_out/100_qos1", "delivery", || {
        rounds(Plan { subscribers: 100, qos: Qos::AtLeastOnce, ..FAN_OUT })
    }),
    Bench::short("fan_in/100_window_64", "delivery", || rounds(FAN_IN)),
    Bench::short("fan_in/100_window_16_1k", "delivery", || {
        rounds(Plan { window: 16, payload_bytes: 1024, ..FAN_IN })
    }),
    Bench::short("fan_in/qos1_100_to_10", "delivery", || {
        rounds(Plan { subscribers: 10, qos: Qos::AtLeastOnce, window: 32, ..FAN_IN })
    }),
    Bench::short("fan_in/qos1_fleet", "delivery", || {
        rounds(Plan { publishers: 500, subscribers: 10, qos: Qos::AtLeastOnce, window: 1, ..FAN_IN })
    }),
    Bench::short("pairs/qos0_window_1", "delivery", || rounds(Plan { window: 1, ..PAIRS })),
    Bench::short("pairs/qos0_window_64", "delivery", || rounds(PAIRS)),
    Bench::short("pairs/qos1_window_32", "delivery", || {
        rounds(Plan { qos: Qos::AtLeastOnce, window: 32, ..PAIRS })
    }),
    Bench::short("pairs/qos2_window_32", "delivery", || {
        rounds(Plan { qos: Qos::ExactlyOnce, window: 32, ..PAIRS })
    }),
    Bench::short("shared/qos1_100_to_8", "delivery", || {
        rounds(Plan { shape: Shape::Shared, subscribers: 8, qos: Qos::AtLeastOnce, window: 32, ..FAN_IN })
    }),
    Bench::short("letter/qos0_window_1", "delivery", || {
        rounds(Plan { homes: Homes::Apart, window: 1, ..PAIRS })
    }),
    Bench::short("letter/qos0_window_64", "delivery", || rounds(Plan { homes: Homes::Apart, ..PAIRS })),
    Bench::short("letter/qos1_window_32", "delivery", || {
        rounds(Plan { homes: Homes::Apart, qos: Qos::AtLeastOnce, window: 32, ..PAIRS })
    }),
    Bench::short("letter/fan_out_100", "delivery", || {
        rounds(Plan { homes: Homes::Apart, subscribers: 100, ..FAN_OUT })
    }),
    Bench::short("retained/10k", "delivery", retained),
    Bench::short("retained/publish_one_shard", "delivery", || keeping(0, 0)),
    Bench::short("retained/publish_kept_here", "delivery", || keeping(1, 0)),
    Bench::short("retained/publish_kept_there", "delivery", || keeping(1, 1)),
    Bench::short("retained/publish_kept_on_a_third", "delivery", || keeping(1, 2)),
    Bench::short("retained/publish_kept_elsewhere", "delivery", || keeping(0, 2)),
    Bench::short("unmatched/window_64", "message", unmatched),
];

const FAN_OUT: Plan = Plan {
    shape: Shape::Everyone,
    homes: Homes::One,
    publishers: 1,
    subscribers: 1,
    qos: Qos::AtMostOnce,
    window: 1,
    payload_bytes: 64,
};

const FAN_IN: Plan = Plan { publishers: 100, window: 64, ..FAN_OUT };

const PAIRS: Plan = Plan { shape: Shape::Pairs, subscribers: 100, ..FAN_IN };

/// Deliveries in one pass at least, so that the fixed costs of a pass do not show.
const DELIVERIES_MIN: u64 = 1000;

fn rounds(plan: Plan) -> Prepared {
    let mut crowd = Crowd::new(plan);
    let rounds = DELIVERIES_MIN.div_ceil(crowd.deliveries());
    let units = rounds * crowd.deliveries();
    Prepared::new(units, move |pass| (0..rounds).map(|_| crowd.round(pass)).sum())
}

/// Publishes with RETAIN 1 by clients of shard 0 to clients of shard `subscribers`; shard `kept` keeps the messages.
fn keeping(subscribers: ShardId, kept: ShardId) -> Prepared {
    let homes = Homes::Retained { subscribers, kept };
    rounds(Plan { homes, qos: Qos::AtLeastOnce, window: 32, ..PAIRS })
}

/// A subscriber comes to 10,000 retained messages.
fn retained() -> Prepared {
    let count = 10_000;
    let mut desk = Desk::new(1);
    let publisher = desk.connect("publisher", 0);
    for number in 0..count {
        let topic = packets::topic(number);
        desk.receive(publisher, &packets::publish_retained(&topic, Qos::AtMostOnce, 0, &[0x5A; 64]));
    }
    let subscriber = desk.connect("subscriber", 0);
    let subscribe = packets::subscribe(&["#"], Qos::AtMostOnce);
    let suback_bytes = 6;
    let bytes: usize =
        (0..count).map(|n| packets::publish(&packets::topic(n), Qos::AtMostOnce, 0, &[0x5A; 64]).len()).sum();
    Prepared::new(count as u64, move |pass| {
        pass.count(|| {
            desk.receive(subscriber, &subscribe);
            desk.settle();
        });
        let given = desk.given_bytes();
        desk.forget_given();
        if given == bytes as u64 + suback_bytes { count as u64 } else { 0 }
    })
}

/// Messages that nobody wants.
fn unmatched() -> Prepared {
    let mut desk = Desk::new(1);
    let publisher = desk.connect("publisher", 0);
    let other = desk.connect("other", 0);
    desk.subscribe(other, &["another/topic", "others/+"], Qos::AtMostOnce);
    let batch = packets::publish(&packets::topic(1), Qos::AtMostOnce, 0, &[0x5A; 64]).repeat(64);
    Prepared::new(640, move |pass| {
        let before = desk.shards[0].counters().publish_unmatched;
        pass.count(|| (0..10).for_each(|_| desk.receive(publisher, &batch)));
        desk.shards[0].counters().publish_unmatched - before
    })
}
