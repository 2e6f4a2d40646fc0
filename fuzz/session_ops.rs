//! Several clients of a broker of one to three shards, and what each of them may be sent whatever they do.
//!
//! Owns the steps and the course of a run. `peer` judges what a client is sent; the broker, its network and its
//! clock are the simulator's. Must never know the inside of a shard.

use arbitrary::Arbitrary;
use ringmq_broker::cause::Cause;
use ringmq_broker::counters::Kind;
use ringmq_broker::limits::Limits;
use ringmq_broker::policy::{ListenerPolicy, Overlapping};
use ringmq_broker::topics::ShareStrategy;
use ringmq_tests::simulator::wire::ClientEnd;
use ringmq_tests::simulator::{Weather, World, WorldSetup};

use crate::janitor;

mod ledger;
mod peer;
mod request;

use ledger::Ledger;
use peer::Peer;
pub use request::{Request, Terms};

const CLIENTS: usize = 4;
/// Longest session expiry granted, and so the longest that anything is left of a client.
const EXPIRY_MAX_S: u32 = 1000;

/// What the broker and its network are like.
#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    shards: u8,
    seed: u8,
    room: Room,
    weather: Rough,
    letters: Letters,
    is_each_copied: bool,
    strategy: u8,
}

/// How much the broker takes.
#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Wide,
    Narrow,
}

/// How bytes and letters travel.
#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, Debug)]
enum Rough {
    Calm,
    Rough,
}

/// How many letters may be under way.
#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, Debug)]
enum Letters {
    Many,
    Few,
}

/// One thing that happens.
#[derive(Arbitrary, Debug)]
enum Step {
    /// A client connects anew, whatever it was doing.
    Connect {
        who: u8,
        shard: u8,
        terms: Terms,
    },
    /// A client sends a packet.
    Send {
        who: u8,
        request: Request,
    },
    /// A client answers what it was sent, oldest first.
    Answer {
        who: u8,
        count: u8,
    },
    /// A client sends bytes that may be no packet. From here on nobody knows what was asked for.
    Junk {
        who: u8,
        bytes: [u8; 4],
    },
    /// A client goes without a word.
    Leave {
        who: u8,
        how: Leaving,
    },
    /// A client reads no more, or again.
    Stick {
        who: u8,
    },
    Unstick {
        who: u8,
    },
    /// The broker ends a client.
    Expel {
        who: u8,
    },
    /// Everything comes to rest, or moves only a little.
    Settle,
    Turn,
    Wait {
        s: u8,
    },
    WaitLong {
        s: u16,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Leaving {
    Finished,
    Reset,
    Vanished,
}

/// A run.
#[derive(Arbitrary, Debug)]
pub struct Input {
    shape: Shape,
    is_repeated: bool,
    steps: Vec<Step>,
}

/// Plays a run, and again if it is to be repeated.
///
/// # Panics
/// If a client is sent what it may not be sent, if anything is left at the end, or if the second run differs.
pub fn check(input: &Input) {
    let digest = play(input);
    if input.is_repeated {
        assert_eq!(digest, play(input), "the same seed and inputs");
    }
}

fn play(input: &Input) -> u64 {
    let mut run = Run::new(input.shape);
    for step in &input.steps {
        run.take(step);
        run.look();
    }
    run.wind_up();
    run.world.digest()
}

struct Run {
    world: World,
    peers: Vec<Peer>,
    ledger: Ledger,
}

impl Run {
    fn new(shape: Shape) -> Run {
        let mut world = World::calm(setup(shape));
        if shape.weather == Rough::Rough {
            world.set_weather(Weather::ROUGH);
        }
        let peers = (0..CLIENTS).map(|number| Peer::new(format!("client {number}"))).collect();
        Run { world, peers, ledger: Ledger::default() }
    }

    fn take(&mut self, step: &Step) {
        let world = &mut self.world;
        match *step {
            Step::Connect { who, shard, ref terms } => {
                let wire = world.connect_at(u16::from(shard) % world.setup().shard_count);
                let peer = &mut self.peers[number(who)];
                let bytes = peer.connect(wire, terms, &mut self.ledger);
                world.send(wire, &bytes);
            }
            Step::Send { who, ref request } => self.send(who, |peer, ledger| peer.ask(request, ledger)),
            Step::Answer { who, count } => self.send(who, |peer, _| peer.answer(count)),
            Step::Junk { who, bytes } => {
                self.ledger.is_known = false;
                self.send(who, |_, _| bytes.to_vec());
            }
            Step::Leave { who, how } => self.leave(who, how),
            Step::Stick { who } => self.on_wire(who, World::stick),
            Step::Unstick { who } => self.on_wire(who, World::unstick),
            Step::Expel { who } => {
                self.on_wire(who, |world, wire| world.disconnect(wire, Cause::AdministrativeAction));
            }
            Step::Settle => world.settle(),
            Step::Turn => {
                world.step();
            }
            Step::Wait { s } => world.advance_ms(u64::from(s) * 1000),
            Step::WaitLong { s } => world.advance_ms(u64::from(s) * 1000),
        }
    }

    fn send(&mut self, who: u8, bytes: impl FnOnce(&mut Peer, &mut Ledger) -> Vec<u8>) {
        let peer = &mut self.peers[number(who)];
        if let Some(wire) = peer.wire() {
            self.world.send(wire, &bytes(peer, &mut self.ledger));
        }
    }

    fn on_wire(&mut self, who: u8, act: impl FnOnce(&mut World, ringmq_tests::simulator::WireId)) {
        if let Some(wire) = self.peers[number(who)].wire() {
            act(&mut self.world, wire);
        }
    }

    fn leave(&mut self, who: u8, how: Leaving) {
        let how = match how {
            Leaving::Finished => ClientEnd::Finished,
            Leaving::Reset => ClientEnd::Reset,
            Leaving::Vanished => ClientEnd::Vanished,
        };
        self.on_wire(who, |world, wire| world.end(wire, how));
        self.peers[number(who)].leave();
    }

    /// Every client looks at what it was sent.
    fn look(&mut self) {
        for peer in &mut self.peers {
            if let Some(wire) = peer.wire() {
                let bytes = self.world.received(wire);
                peer.look(&bytes, &self.ledger);
                if self.world.is_closed(wire) {
                    peer.closed();
                }
            }
        }
    }

    /// The broker stops, every session runs out, what was retained is erased: then nothing may be left.
    fn wind_up(&mut self) {
        self.world.set_weather(Weather::CALM);
        for who in 0..CLIENTS as u8 {
            self.on_wire(who, World::unstick);
        }
        self.world.settle();
        self.look();
        self.world.shut_down();
        self.world.settle();
        self.look();
        self.world.advance_ms(u64::from(EXPIRY_MAX_S + 1) * 1000);
        let wire = self.world.connect();
        self.world.send(wire, &janitor::questions());
        self.world.settle();
        let erasures = janitor::erasures(&self.world.received(wire));
        self.world.send(wire, &erasures);
        self.world.settle();
        self.world.hang_up(wire);
        self.world.settle();
        self.assert_empty();
    }

    fn assert_empty(&mut self) {
        assert!(self.world.is_letterless());
        let counters = self.world.counters();
        counters.for_each(|name, kind, value| {
            assert!(kind != Kind::Gauge || value == 0, "{name} is {value} at the end");
        });
        assert_eq!(counters.letters_posted, counters.letters_received);
        assert_eq!(counters.connections_opened, counters.handoffs + counters.ended.iter().sum::<u64>());
    }
}

fn number(who: u8) -> usize {
    usize::from(who) % CLIENTS
}

fn setup(shape: Shape) -> WorldSetup {
    let mut setup = WorldSetup::new(1 + u16::from(shape.shards % 3));
    setup.seed = u64::from(shape.seed);
    setup.broker.overlapping = if shape.is_each_copied { Overlapping::Each } else { Overlapping::Once };
    setup.broker.share_strategy = strategy(shape.strategy);
    setup.listeners[0].session_expiry_max_s = EXPIRY_MAX_S;
    if shape.room == Room::Narrow {
        setup.limits = narrow_limits();
        (setup.sessions_max, setup.subscriptions_max) = (3, 5);
        narrow(&mut setup.listeners[0]);
    }
    if shape.letters == Letters::Few {
        setup.mailbox_max = 2;
        setup.limits.letters_waiting_max = 1;
    }
    setup
}

fn strategy(number: u8) -> ShareStrategy {
    match number % 6 {
        0 => ShareStrategy::RoundRobin,
        1 => ShareStrategy::Sticky,
        2 => ShareStrategy::LeastBacklog,
        3 => ShareStrategy::HashPublisher,
        4 => ShareStrategy::HashTopic,
        _ => ShareStrategy::LocalFirst,
    }
}

fn narrow_limits() -> Limits {
    Limits {
        handshakes_max: 3,
        subscriptions_per_session_max: 3,
        filters_per_packet_max: 2,
        backlog_count_max: 3,
        backlog_bytes_max: 4000,
        send_queue_bytes_max: 600,
        slow_consumer_grace_ms: 3000,
        retained_count_max: 2,
        retained_bytes_max: 2000,
        will_bytes_max: 300,
        message_bytes_max: 40_000,
        ..Limits::default()
    }
}

fn narrow(policy: &mut ListenerPolicy) {
    policy.receive_max = 2;
    policy.inflight_max = 2;
    policy.topic_alias_max = 2;
    policy.topic_alias_outbound_max = 1;
    policy.keep_alive_max_s = 30;
}
