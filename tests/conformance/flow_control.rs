//! Send quotas: how many QoS 1 and 2 messages may be open at a time, in both directions.

use ringmq_broker::cause::Cause;

use crate::client::Client;
use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{Properties, RECEIVE_MAXIMUM, SESSION_EXPIRY};
use crate::wire::{Connect, Encode, PINGREQ, Packet, Publish, Version, ack, ack_with, first};

proofs! {
    open_messages_stay_within_the_receive_maximum: "5:MQTT-3.3.4-9", "5:MQTT-4.9.0-1", "5:MQTT-4.9.0-2";
    a_qos_2_exchange_holds_its_place_until_pubcomp: "5:MQTT-4.9.0-2", "5:MQTT-3.3.4-9";
    acknowledgements_in_one_piece_count_each: "5:MQTT-4.9.0-2", "5:MQTT-2.2.1-3";
    acknowledgements_mean_the_same_together_and_one_by_one: "5:MQTT-4.9.0-2";
    other_packets_flow_at_quota_0: "5:MQTT-3.3.4-10", "5:MQTT-4.9.0-3";
    the_quota_never_grows_above_its_start: "rule:quota-never-grows", "error:PUBCOMP-4.3.3-1";
    the_quota_starts_anew_on_each_connection: "rule:quota-starts-anew";
    a_client_beyond_the_receive_maximum_is_disconnected: "5:MQTT-3.3.4-7", "error:PUBLISH-3.3.4-3";
    answered_publishes_do_not_count: "5:MQTT-3.3.4-7";
    a_qos_1_publish_counts_like_any_other: "5:MQTT-3.3.4-7", "error:PUBLISH-3.3.4-3";
    what_an_earlier_connection_left_open_does_not_count: "rule:quota-starts-anew", "5:MQTT-3.3.4-7";
    who_reads_everything_is_not_slow: "rule:one-burst-is-not-slow";
    before_5_there_is_no_receive_maximum: "rule:no-quota-before-5";
    before_5_the_server_has_a_window_of_its_own: "rule:window-before-5";
}

/// A receiver of `t` with a quota, and ten messages for it.
fn with_quota(t: &Trial, quota: u16, qos: u8) -> Client {
    receiver(t, with_receive_maximum("a", quota), "t", qos)
}

fn with_receive_maximum(name: &str, quota: u16) -> Connect {
    Connect::new(name).with(SESSION_EXPIRY, 3600_u32).with(RECEIVE_MAXIMUM, quota)
}

/// A receiver of a topic, and ten messages for it.
fn receiver(t: &Trial, connect: Connect, topic: &str, qos: u8) -> Client {
    let mut a = t.connect(connect);
    a.subscribe(topic, 2);
    let mut b = t.client("b");
    for n in 0..10 {
        b.publish(Publish::new(topic, n.to_string()).qos(qos));
    }
    a
}

fn open_messages_stay_within_the_receive_maximum(t: &Trial) {
    for quota in [1, 2, 7] {
        let mut a = with_quota(t, quota, 1);
        let mut open: Vec<_> = (0..quota).map(|_| a.take()).collect();
        a.expect_silence();
        for n in quota..10 {
            let message = open.remove(0);
            a.acknowledge(&message);
            let next = a.take();
            assert_eq!(next.text(), n.to_string());
            open.push(next);
            a.expect_silence();
        }
    }
}

fn a_qos_2_exchange_holds_its_place_until_pubcomp(t: &Trial) {
    let mut a = with_quota(t, 1, 2);
    let message = a.take();
    a.send(ack(first::PUBREC, message.id));
    a.take_ack(first::PUBREL, message.id);
    a.expect_silence();
    a.send(ack(first::PUBCOMP, message.id));
    assert_eq!(a.take().text(), "1");
    a.expect_silence();
}

/// A client acknowledges together what one read brought it, in short and long form.
fn acknowledgements_in_one_piece_count_each(t: &Trial) {
    let mut a = with_quota(t, 4, 1);
    let open: Vec<_> = (0..4).map(|_| a.take()).collect();
    let plain = |id| ack(first::PUBACK, id);
    let long = ack_with(first::PUBACK, open[1].id, 0, &Properties::none());
    a.send([plain(open[0].id), plain(999), long, plain(open[2].id), PINGREQ.to_vec()].concat());
    let texts: Vec<_> = (0..3).map(|_| a.take().text().to_owned()).collect();
    assert_eq!(texts, ["4", "5", "6"]);
    assert_eq!(a.next(), Packet::Pingresp);
    a.expect_silence();
    a.offends([plain(998), plain(0)].concat(), 0x82, Cause::ProtocolError);
}

/// Twice the same one, and some for messages that are not sent again yet on a new connection: what the first of them lets
/// out may have the identifier of the next.
fn acknowledgements_mean_the_same_together_and_one_by_one(t: &Trial) {
    for (quota, ids) in [(1, vec![1, 1]), (2, vec![1, 1]), (1, vec![1, 2, 3]), (2, vec![2, 1, 2, 3])] {
        let [together, one_by_one] = [true, false].map(|together| {
            let name = format!("{quota}/{ids:?}/{together}");
            let connect = |quota| with_receive_maximum(&name, quota).resuming();
            let mut a = receiver(t, connect(3), &name, 1);
            (0..3).for_each(|_| drop(a.take()));
            a.vanish();
            let mut a = t.connect(connect(quota));
            let acks = ids.iter().map(|id| ack(first::PUBACK, *id));
            if together {
                a.send(acks.collect::<Vec<_>>().concat());
            } else {
                for ack in acks {
                    a.send(ack);
                }
            }
            let mut messages = Vec::new();
            while let Some(Packet::Publish(message)) = a.poll() {
                messages.push((message.text().to_owned(), message.id, message.dup));
            }
            messages
        });
        assert_eq!(together, one_by_one, "{quota} {ids:?}");
    }
}

fn other_packets_flow_at_quota_0(t: &Trial) {
    let mut a = with_quota(t, 1, 1);
    a.take();
    a.expect_silence();
    a.expect_alive();
    assert_eq!(a.subscribe("other", 1), 1);
    assert_eq!(a.unsubscribe("other").codes, [0]);
    assert!(a.publish(Publish::new("elsewhere", "x").qos(1)) < 0x80);
    assert!(a.publish(Publish::new("elsewhere", "x").qos(2)) < 0x80);
    t.client("c").publish(Publish::new("t", "at QoS 0"));
    a.receives("t", "at QoS 0");
    a.expect_silence();
}

fn the_quota_never_grows_above_its_start(t: &Trial) {
    let mut a = with_quota(t, 2, 1);
    let (one, two) = (a.take(), a.take());
    for id in (1..=20).filter(|&id| id != one.id && id != two.id) {
        a.send(ack(first::PUBACK, id)).send(ack(first::PUBCOMP, id));
    }
    a.expect_silence();
    a.acknowledge(&one);
    let next = a.take();
    assert_eq!(next.text(), "2");
    for id in (1..=20).filter(|&id| id != two.id && id != next.id) {
        a.send(ack(first::PUBACK, id));
    }
    a.expect_silence();
}

fn the_quota_starts_anew_on_each_connection(t: &Trial) {
    let mut a = with_quota(t, 5, 1);
    let sent: Vec<_> = (0..5).map(|_| a.take()).collect();
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept().with(RECEIVE_MAXIMUM, 2_u16));
    for n in [0, 1] {
        let again = a.take();
        assert_eq!((again.id, again.dup), (sent[n].id, true));
    }
    a.expect_silence();
    for (n, earlier) in sent.iter().enumerate() {
        a.acknowledge(earlier);
        assert_eq!(a.take().text(), (n + 2).to_string());
        a.expect_silence();
    }
}

fn a_client_beyond_the_receive_maximum_is_disconnected(t: &Trial) {
    t.offers(|policy| policy.receive_max = 3);
    let mut watcher = t.client("watcher");
    watcher.subscribe("t", 0);
    let mut a = t.client("a");
    for id in 1..=3 {
        a.send(Publish::new("t", id.to_string()).qos(2).id(id));
        assert_eq!(a.take_ack(first::PUBREC, id).code, 0);
    }
    a.offends(Publish::new("t", "4").qos(2).id(4), 0x93, Cause::ReceiveMaximumExceeded);
    assert_eq!(watcher.take_texts(), ["1", "2", "3"]);
}

fn answered_publishes_do_not_count(t: &Trial) {
    t.offers(|policy| policy.receive_max = 2);
    let mut a = t.client("a");
    let all: Vec<u8> =
        (1..=100).flat_map(|id| Publish::new("t", "x").qos(1).id(id).encode(Version::V5)).chain(PINGREQ).collect();
    a.send(all);
    for id in 1..=100 {
        a.take_ack(first::PUBACK, id);
    }
    for _ in 0..10 {
        a.publish(Publish::new("t", "x").qos(2));
    }
    a.next();
    a.expect_silence();
}

fn a_qos_1_publish_counts_like_any_other(t: &Trial) {
    t.offers(|policy| policy.receive_max = 2);
    let mut a = t.client("a");
    for id in 1..=2 {
        a.send(Publish::new("t", "x").qos(2).id(id));
        a.take_ack(first::PUBREC, id);
    }
    a.send(Publish::new("t", "QoS 0 takes no quota"));
    a.expect_alive();
    a.offends(Publish::new("t", "x").qos(1).id(3), 0x93, Cause::ReceiveMaximumExceeded);
}

/// The client's quota starts anew on each connection; a PUBREL takes none, a repeated PUBLISH does.
fn what_an_earlier_connection_left_open_does_not_count(t: &Trial) {
    t.offers(|policy| policy.receive_max = 2);
    let open = |a: &mut Client, id: u16| {
        a.send(Publish::new("t", "x").qos(2).id(id));
        assert!(a.take_ack(first::PUBREC, id).code < 0x80);
    };
    let mut a = t.connect(Connect::new("a").kept());
    open(&mut a, 1);
    open(&mut a, 2);
    a.vanish();
    let mut a = t.connect(Connect::new("a").kept());
    open(&mut a, 3);
    a.send(Publish::new("t", "x").qos(2).id(1).dup());
    assert!(a.take_ack(first::PUBREC, 1).code < 0x80);
    for id in 1..=3 {
        a.send(ack(first::PUBREL, id));
        assert_eq!(a.take_ack(first::PUBCOMP, id).code, 0);
    }
    open(&mut a, 4);
    open(&mut a, 5);
    a.offends(Publish::new("t", "x").qos(2).id(6), 0x93, Cause::ReceiveMaximumExceeded);
}

fn before_5_there_is_no_receive_maximum(t: &Trial) {
    t.offers(|policy| policy.receive_max = 3);
    let mut a = t.client_of(Version::V311, "a");
    for id in 1..=20 {
        a.send(Publish::new("t", "x").qos(2).id(id));
        a.take_ack(first::PUBREC, id);
    }
    a.expect_alive();
}

fn before_5_the_server_has_a_window_of_its_own(t: &Trial) {
    t.offers(|policy| policy.inflight_max = 4);
    let mut a = t.client_of(Version::V311, "a");
    a.subscribe("t", 1);
    let mut b = t.client("b");
    for n in 0..10 {
        b.publish(Publish::new("t", n.to_string()).qos(1));
    }
    let open: Vec<_> = (0..4).map(|_| a.take()).collect();
    a.expect_silence();
    for message in &open {
        a.acknowledge(message);
    }
    assert_eq!(a.take_texts(), ["4", "5", "6", "7", "8", "9"]);
}

/// One burst above the send queue is dropped in part; the client reads all that it gets.
fn who_reads_everything_is_not_slow(t: &Trial) {
    t.limits(|limits| (limits.send_queue_bytes_max, limits.slow_consumer_grace_ms) = (64 << 10, 2000));
    let mut a = t.client("a");
    a.subscribe("t", 0);
    let mut b = t.client("b");
    let message = Publish::new("t", [7; 1000]).encode(t.version());
    b.send(message.repeat(100));
    let mut count = 0;
    while a.poll().is_some() {
        count += 1;
    }
    assert!((1..=100).contains(&count));
    for _ in 0..30 {
        t.wait_ms(100);
        b.send(&message[..]);
        assert!(a.poll().is_some(), "it is still there");
    }
    assert_eq!(t.ended_by(Cause::SlowConsumer), 0);
}
