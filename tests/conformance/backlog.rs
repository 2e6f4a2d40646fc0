//! Full backlogs: what is dropped, for whom, and what an operator sees of it.

use ringmq_broker::policy::BacklogFull;
use ringmq_broker::trays::Dropped;

use crate::client::Client;
use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::{Connect, Publish, Version, first};

proofs! {
    the_newest_are_dropped_by_default: "rule:backlog-newest", "311:MQTT-3.1.2-5";
    the_oldest_are_dropped_where_that_is_configured: "rule:backlog-oldest", "311:MQTT-3.1.2-5";
    the_listener_of_the_last_connection_decides: "rule:backlog-of-each-listener";
    a_backlog_that_refuses_loses_nothing_acknowledged: "rule:backlog-refuses";
    before_5_a_refused_publish_waits: "rule:backlog-refuses-before-5", "311:MQTT-4.3.2-2";
    a_line_a_minute_says_what_was_dropped: "rule:backlog-newest";
}

/// A session that is away and wants `t`, with room for three.
fn absent(t: &Trial, when_full: BacklogFull) {
    t.limits(|limits| limits.backlog_count_max = 3);
    t.offers(|policy| policy.backlog_full = when_full);
    let mut away = t.connect(Connect::new("away").kept());
    away.subscribe("t", 2);
    away.disconnect();
}

fn publish(from: &mut Client, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let qos = 1 + (number % 2) as u8;
        assert_eq!(from.publish(Publish::new("t", number.to_string()).qos(qos)), 0, "{number}");
    }
}

/// What the session finds when its client is back.
fn found(t: &Trial) -> Vec<String> {
    t.connect(Connect::new("away").kept()).take_texts()
}

fn the_newest_are_dropped_by_default(t: &Trial) {
    absent(t, BacklogFull::DropNewest);
    publish(&mut t.client("p"), 0..8);
    assert_eq!(found(t), ["0", "1", "2"]);
    let counters = t.counters();
    assert_eq!((counters.dropped_backlog, counters.dropped_backlog_oldest), (5, 0));
}

fn the_oldest_are_dropped_where_that_is_configured(t: &Trial) {
    absent(t, BacklogFull::DropOldest);
    publish(&mut t.client("p"), 0..8);
    assert_eq!(found(t), ["5", "6", "7"]);
    let counters = t.counters();
    assert_eq!((counters.dropped_backlog, counters.dropped_backlog_oldest), (0, 5));
}

fn the_listener_of_the_last_connection_decides(t: &Trial) {
    t.set_up(|setup| {
        setup.listeners.push(setup.listeners[0].clone());
        setup.listeners[1].backlog_full = BacklogFull::DropOldest;
    });
    absent(t, BacklogFull::DropNewest);
    let mut p = t.client("p");
    publish(&mut p, 0..4);
    let mut away = t.connect_through(1, Connect::new("away").kept());
    assert_eq!(away.take_texts(), ["0", "1", "2"]);
    away.disconnect();
    publish(&mut p, 4..8);
    assert_eq!(found(t), ["5", "6", "7"], "that of the subscriber, whatever the publisher's");
}

fn a_backlog_that_refuses_loses_nothing_acknowledged(t: &Trial) {
    absent(t, BacklogFull::Refuse);
    let mut p = t.client("p");
    let codes: Vec<u8> = (0..6).map(|n| p.publish(Publish::new("t", n.to_string()).qos(1 + n % 2))).collect();
    assert_eq!(codes, [0, 0, 0, 0x97, 0x97, 0x97]);
    assert_eq!(p.publish(Publish::new("t", "qos 0")), 0);
    assert_eq!(p.publish(Publish::new("other", "x").qos(1)), 0x10, "only who has no room is spared");
    let counters = t.counters();
    assert_eq!((counters.refused_backlog, counters.publish_refused, counters.dropped_backlog), (3, 3, 0));
    assert_eq!(found(t), ["0", "1", "2"]);
    assert_eq!(p.publish(Publish::new("t", "again").qos(1)), 0, "there is room again");
}

fn before_5_a_refused_publish_waits(t: &Trial) {
    absent(t, BacklogFull::Refuse);
    let mut p = t.client_of(Version::V311, "p");
    for n in 0..3 {
        p.publish(Publish::new("t", n.to_string()).qos(1));
    }
    p.send(Publish::new("t", "3").qos(1).id(77));
    p.expect_alive();
    p.expect_silence();
    assert_eq!(t.counters().publish_held, 1);
    assert_eq!(found(t), ["0", "1", "2"]);
    t.wait_ms(1);
    assert_eq!(p.take_ack(first::PUBACK, 77).code, 0);
}

fn a_line_a_minute_says_what_was_dropped(t: &Trial) {
    absent(t, BacklogFull::DropNewest);
    let mut p = t.client("p");
    publish(&mut p, 0..8);
    t.wait_s(59);
    publish(&mut p, 8..10);
    t.wait_s(1);
    publish(&mut p, 10..13);
    let lines: Vec<Dropped> = t.stage().borrow_mut().world.take_dropped();
    let line = |count| Dropped {
        client_id: "away".into(),
        count,
        when_full: BacklogFull::DropNewest,
        limit: "backlog_count_max",
    };
    assert_eq!(lines, [line(1), line(7)], "the first drop, and all until a minute later");
}
