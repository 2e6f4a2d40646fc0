//! Order: per publisher, topic and QoS, messages arrive as they were sent.

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::RECEIVE_MAXIMUM;
use crate::wire::{Connect, Encode, Publish, Version, ack, first};

proofs! {
    messages_arrive_in_order: "5:MQTT-4.6.0-5", "5:MQTT-4.6.0-6", "311:MQTT-4.6.0-5", "311:MQTT-4.6.0-6";
    order_holds_across_a_reconnect: "5:MQTT-4.6.0-5", "311:MQTT-4.6.0-6";
    acknowledgements_are_in_order: "rule:acknowledgements-in-order", "311:MQTT-4.6.0-6";
    releases_follow_the_order_of_pubrec: "rule:releases-in-order", "311:MQTT-4.6.0-6";
}

const COUNT: u16 = 1000;

fn texts(count: u16) -> Vec<String> {
    (1..=count).map(|n| n.to_string()).collect()
}

/// Numbered messages in one write.
fn burst(version: Version, count: u16, qos: u8) -> Vec<u8> {
    (1..=count).flat_map(|n| Publish::new("t", n.to_string()).qos(qos).id(n).encode(version)).collect()
}

fn messages_arrive_in_order(t: &Trial) {
    for qos in 0..=2 {
        let (mut a, mut b) = (t.client("a"), t.connect(Connect::new("b").with(RECEIVE_MAXIMUM, 10_u16)));
        b.subscribe("+", qos);
        a.send(burst(t.version(), COUNT, qos));
        assert_eq!(b.take_texts(), texts(COUNT));
    }
}

fn order_holds_across_a_reconnect(t: &Trial) {
    let connect = || Connect::new("b").kept().with(RECEIVE_MAXIMUM, 5_u16);
    let mut b = t.connect(connect());
    b.subscribe("t", 1);
    let mut a = t.client("a");
    a.send(burst(t.version(), 50, 1));
    let mut got = Vec::new();
    for _ in 0..20 {
        for _ in 0..3 {
            let Some(crate::wire::Packet::Publish(message)) = b.poll() else { break };
            b.acknowledge(&message);
            got.push(message.text().to_string());
        }
        b.vanish();
        b = t.connect(connect());
    }
    b.expect_silence();
    assert_eq!(got, texts(50));
}

fn acknowledgements_are_in_order(t: &Trial) {
    let mut a = t.client("a");
    for (qos, kind) in [(1, first::PUBACK), (2, first::PUBREC)] {
        a.send(burst(t.version(), 100, qos));
        for id in 1..=100 {
            let crate::wire::Packet::Ack(ack) = a.next() else { panic!("an acknowledgement") };
            assert_eq!((ack.first, ack.id), (kind, id));
        }
    }
}

fn releases_follow_the_order_of_pubrec(t: &Trial) {
    let (mut a, mut b) = (t.client("a"), t.client("b"));
    b.subscribe("t", 2);
    for n in 0..10 {
        a.publish(Publish::new("t", n.to_string()).qos(2));
    }
    let messages: Vec<_> = (0..10).map(|_| b.take()).collect();
    let all: Vec<u8> = messages.iter().flat_map(|message| ack(first::PUBREC, message.id)).collect();
    b.send(all);
    for message in messages {
        let crate::wire::Packet::Ack(ack) = b.next() else { panic!("PUBREL") };
        assert_eq!((ack.first, ack.id), (first::PUBREL, message.id));
    }
}
