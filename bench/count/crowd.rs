//! Publishers and subscribers at a desk, and rounds of messages between them.
//!
//! Owns who they are and what they answer. Must never know what is counted, beyond handing the work to the pass.

use ringmq_broker::seed::ShardId;
use ringmq_protocol::{Header, Packet, PacketType, Qos};

use crate::desk::{Client, Desk};
use crate::meter::Pass;
use crate::packets::{self, VERSION};

/// Who subscribes to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Each subscriber receives everything.
    Everyone,
    /// Subscriber `n` receives what publisher `n` sends.
    Pairs,
    /// Each message is for one of the subscribers.
    Shared,
}

/// Where the clients live.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Homes {
    /// All on the one shard there is.
    One,
    /// Two shards: publishers on one, subscribers on the other.
    Apart,
    /// That many shards; the names of the clients decide.
    Spread(u16),
    /// Three shards and publishes with RETAIN 1: publishers on shard 0, subscribers and the kept messages on these.
    Retained { subscribers: ShardId, kept: ShardId },
}

/// What a round is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) shape: Shape,
    pub(crate) homes: Homes,
    pub(crate) publishers: usize,
    pub(crate) subscribers: usize,
    pub(crate) qos: Qos,
    /// Messages that a publisher sends at once.
    pub(crate) window: u16,
    pub(crate) payload_bytes: usize,
}

/// The clients of a plan.
pub(crate) struct Crowd {
    pub(crate) desk: Desk,
    plan: Plan,
    publishers: Vec<Client>,
    /// What each publisher sends in a round.
    batches: Vec<Vec<u8>>,
}

/// What a client has to say to what it received.
#[derive(Default)]
struct Answers {
    deliveries: u64,
    /// By client.
    bytes: Vec<(Client, Vec<u8>)>,
}

impl Plan {
    /// Messages of one round.
    fn messages(&self) -> u64 {
        self.publishers as u64 * u64::from(self.window)
    }

    /// Deliveries of one round.
    fn deliveries(&self) -> u64 {
        let sent = self.messages();
        if self.shape == Shape::Everyone { sent * self.subscribers as u64 } else { sent }
    }
}

impl Crowd {
    /// Everybody connected and subscribed.
    pub(crate) fn new(plan: Plan) -> Crowd {
        let mut desk = Desk::new(match plan.homes {
            Homes::One => 1,
            Homes::Apart => 2,
            Homes::Spread(shards) => shards,
            Homes::Retained { .. } => 3,
        });
        for number in 0..plan.subscribers {
            let client = connect(&mut desk, 's', number, subscribers_home(plan.homes));
            desk.subscribe(client, &[&filter(&plan, &desk, number)], plan.qos);
        }
        let publishers: Vec<Client> = (0..plan.publishers)
            .map(|number| connect(&mut desk, 'p', number, publishers_home(plan.homes)))
            .collect();
        let batches = (0..plan.publishers).map(|number| batch(&plan, &desk, number)).collect();
        Crowd { desk, plan, publishers, batches }
    }

    /// One round: every publisher sends its window, and everything is answered until nobody has anything to say.
    /// Returns the number of deliveries.
    pub(crate) fn round(&mut self, pass: Pass) -> u64 {
        let Crowd { desk, publishers, batches, .. } = self;
        pass.count(|| {
            for (&publisher, batch) in publishers.iter().zip(batches.iter()) {
                desk.receive(publisher, batch);
            }
            desk.settle();
        });
        let mut deliveries = 0;
        loop {
            let answers = answers_to(&self.desk);
            self.desk.forget_given();
            deliveries += answers.deliveries;
            if answers.bytes.is_empty() {
                return deliveries;
            }
            let desk = &mut self.desk;
            pass.count(|| {
                answers.bytes.iter().for_each(|(client, bytes)| desk.receive(*client, bytes));
                desk.settle();
            });
        }
    }

    /// Messages of one round.
    pub(crate) fn messages(&self) -> u64 {
        self.plan.messages()
    }

    /// Deliveries of one round.
    pub(crate) fn deliveries(&self) -> u64 {
        self.plan.deliveries()
    }
}

fn publishers_home(homes: Homes) -> Option<ShardId> {
    matches!(homes, Homes::Apart | Homes::Retained { .. }).then_some(0)
}

fn subscribers_home(homes: Homes) -> Option<ShardId> {
    match homes {
        Homes::One | Homes::Spread(_) => None,
        Homes::Apart => Some(1),
        Homes::Retained { subscribers, .. } => Some(subscribers),
    }
}

/// Connects client `number` of a kind, under a name whose home is `shard` if one is wanted.
fn connect(desk: &mut Desk, kind: char, number: usize, shard: Option<ShardId>) -> Client {
    let names = (0..).map(|attempt: u32| format!("rb0a1b2c3d{kind}{number}x{attempt}"));
    let at_home = |name: &String| shard.is_none_or(|shard| desk.home(name) == shard);
    let name = names.into_iter().find(at_home).expect("some name has its home on each shard");
    desk.connect(&name, 0)
}

fn filter(plan: &Plan, desk: &Desk, number: usize) -> String {
    match plan.shape {
        Shape::Everyone => packets::ALL_TOPICS.to_owned(),
        Shape::Pairs => topic(plan, desk, number),
        Shape::Shared => format!("$share/bench/{}", packets::ALL_TOPICS),
    }
}

/// The topic of publisher `number`; where it matters, one whose retained message is kept on the shard of the plan.
fn topic(plan: &Plan, desk: &Desk, number: usize) -> String {
    let Homes::Retained { kept, .. } = plan.homes else { return packets::topic(number) };
    let mut names = (number..).step_by(plan.publishers).map(packets::topic);
    names.find(|name| desk.home(name) == kept).expect("some name has its home on each shard")
}

fn batch(plan: &Plan, desk: &Desk, publisher: usize) -> Vec<u8> {
    let (topic, payload) = (topic(plan, desk, publisher), vec![0x5A; plan.payload_bytes]);
    let retain = matches!(plan.homes, Homes::Retained { .. });
    let publish = |id| match retain {
        true => packets::publish_retained(&topic, plan.qos, id, &payload),
        false => packets::publish(&topic, plan.qos, id, &payload),
    };
    (1..=plan.window).flat_map(publish).collect()
}

/// What the clients say to what they were given.
fn answers_to(desk: &Desk) -> Answers {
    let mut answers = Answers::default();
    for given in &desk.given {
        let mut bytes = Vec::new();
        let mut rest = &given.bytes[..];
        while let Ok(Some(header)) = Header::read(rest) {
            let body = &rest[header.header_len..header.total_len()];
            let packet = Packet::decode(&header, body, VERSION).expect("a broker sends what can be decoded");
            answers.deliveries += u64::from(matches!(packet, Packet::Publish(_)));
            put_answer(&packet, &mut bytes);
            rest = &rest[header.total_len()..];
        }
        if !bytes.is_empty() {
            answers.bytes.push((given.client, bytes));
        }
    }
    answers
}

fn put_answer(packet: &Packet<'_>, out: &mut Vec<u8>) {
    match packet {
        Packet::Publish(publish) => {
            let Some(id) = publish.packet_id else { return };
            let exactly_once = publish.qos == Qos::ExactlyOnce;
            packets::put_ack(if exactly_once { PacketType::Pubrec } else { PacketType::Puback }, id, out);
        }
        Packet::Pubrec(ack) => packets::put_ack(PacketType::Pubrel, ack.packet_id, out),
        Packet::Pubrel(ack) => packets::put_ack(PacketType::Pubcomp, ack.packet_id, out),
        _ => {}
    }
}
