//! Connections that come and go, and the time that passes for those that stay.

use ringmq_broker::Time;
use ringmq_protocol::{Packet, PacketType, Qos};

use super::{Bench, Prepared};
use crate::desk::{Client, Desk};
use crate::packets;

pub(super) const BENCHES: &[Bench] = &[
    Bench::short("connect/clean", "connection", || connecting(Subscribes::No)),
    Bench::short("connect/one_subscription", "connection", || connecting(Subscribes::Once)),
    Bench::short("timers/ping_10k", "ping", ping),
];

/// Whether the clients subscribe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subscribes {
    No,
    Once,
}

/// Clients come, subscribe and disconnect, beside 1,000 that stay.
fn connecting(subscribes: Subscribes) -> Prepared {
    let count = 200;
    let mut desk = Desk::new(1);
    for number in 0..1000 {
        desk.connect(&format!("stays{number}"), 60);
    }
    let names: Vec<String> = (0..count).map(|number| format!("comes{number}")).collect();
    let connects: Vec<Vec<u8>> = names.iter().map(|name| packets::connect(name, 60)).collect();
    let subscribe_to = |number| packets::subscribe(&[&packets::topic(number)], Qos::AtMostOnce);
    let subscriptions: Vec<Vec<u8>> = (0..count).map(subscribe_to).collect();
    Prepared::new(count as u64, move |pass| {
        let before = desk.shards[0].counters().connects_accepted;
        pass.count(|| {
            let mut clients: Vec<Client> = Vec::with_capacity(count);
            for ((name, connect), subscribe) in names.iter().zip(&connects).zip(&subscriptions) {
                let client = desk.open(name);
                desk.receive(client, connect);
                desk.settle();
                if subscribes == Subscribes::Once {
                    desk.receive(client, subscribe);
                    desk.settle();
                }
                clients.push(client);
            }
            for client in clients {
                desk.receive(client, &[(PacketType::Disconnect as u8) << 4, 0]);
                desk.settle();
            }
        });
        desk.forget_given();
        desk.shards[0].counters().connects_accepted - before
    })
}

const CLIENTS: usize = 10_000;

/// Clients with a keep alive of 30 s each send PINGREQ every 40 s, while time goes by in steps of 16 ms: so each has its
/// deadline met once in a pass, and moved.
fn ping() -> Prepared {
    let (mut desk, clients) = keeping_alive();
    let pingreq = packets::encoded(&Packet::Pingreq);
    Prepared::new(CLIENTS as u64, move |pass| {
        let mut answers = 0;
        for step in clients.chunks(4) {
            pass.count(|| {
                desk.advance_to(desk.now.plus_ms(16));
                step.iter().for_each(|&client| desk.receive(client, &pingreq));
                desk.settle();
            });
            answers += desk.given.len() as u64;
            desk.forget_given();
        }
        answers
    })
}

fn keeping_alive() -> (Desk, Vec<Client>) {
    let mut desk = Desk::new(1);
    let clients = (0..CLIENTS)
        .map(|number| {
            desk.now = Time::from_ms(number as u64 * 2);
            desk.connect(&format!("client{number}"), 30)
        })
        .collect();
    (desk, clients)
}
