//! Everything at once: seeded disorder on connections of a network with itself, then calm.
//!
//! What is proved: every byte arrives once, in order, on the connection it was sent on; a socket's end is reported once;
//! after the disorder everything drains.

use std::collections::BTreeMap;

use super::*;
use crate::socket::Stage;

on_both_engines!(bytes_keep_their_order_through_disorder);

/// One end of a connection.
#[derive(Default)]
struct Side {
    id: Option<SocketId>,
    other: usize,
    /// Names the stream that this side sends.
    key: u64,
    sent: u64,
    received: u64,
    paused: bool,
}

/// A small generator of numbers (xorshift), so that a seed gives the same disorder each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

struct World {
    rig: Rig,
    sides: Vec<Side>,
    by_id: BTreeMap<SocketId, usize>,
    dice: Dice,
}

fn byte_at(key: u64, at: u64) -> u8 {
    (key.wrapping_mul(131) + at + at / 249) as u8
}

impl World {
    fn new(engine: Engine, seed: u64) -> World {
        let options =
            Options { engine, sq_entries: 8, cq_entries: 16, buffers: 4, buffer_bytes: 512, ..small() };
        World {
            rig: Rig::with(&options),
            sides: Vec::new(),
            by_id: BTreeMap::new(),
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        }
    }

    fn connect(&mut self) {
        let here = self.rig.net.connect(self.rig.addr, None).unwrap();
        let there = self.rig.until("accepted", |rig| {
            rig.seen.iter().find_map(|seen| if let Seen::Accepted(id) = seen { Some(*id) } else { None })
        });
        self.rig.seen.retain(|seen| !matches!(seen, Seen::Accepted(_)));
        for id in [here, there] {
            let at = self.sides.len();
            let side = Side { id: Some(id), other: at ^ 1, key: at as u64, ..Side::default() };
            self.sides.push(side);
            self.by_id.insert(id, at);
            self.rig.net.receive(id);
        }
    }

    /// Takes in what was reported, checking every byte.
    fn digest(&mut self) {
        for seen in std::mem::take(&mut self.rig.seen) {
            match seen {
                Seen::Data(id, bytes) => {
                    let at = self.by_id[&id];
                    assert!(!self.sides[at].paused, "data while paused");
                    let (key, from) = (self.sides[self.sides[at].other].key, self.sides[at].received);
                    for (offset, byte) in bytes.iter().enumerate() {
                        assert_eq!(*byte, byte_at(key, from + offset as u64), "a byte out of place");
                    }
                    self.sides[at].received += bytes.len() as u64;
                }
                Seen::Closed(id, _) => {
                    let at =
                        self.by_id.remove(&id).expect("an end is reported once, for a socket that was known");
                    self.sides[at].id = None;
                }
                Seen::Detached(id, fd) => {
                    let at = self.by_id.remove(&id).expect("a known socket");
                    let id = self.rig.net.adopt(fd).unwrap();
                    self.sides[at].id = Some(id);
                    self.sides[at].paused = false;
                    self.by_id.insert(id, at);
                    self.rig.net.receive(id);
                }
                Seen::Accepted(id) => panic!("{id:?} was not connected by the test"),
                _ => {}
            }
        }
    }

    fn send(&mut self, at: usize, len: u64) {
        let side = &mut self.sides[at];
        let Some(queue) = side.id.and_then(|id| self.rig.net.send_queue(id)) else { return };
        let bytes: Vec<u8> =
            (side.sent..side.sent + len).map(|position| byte_at(side.key, position)).collect();
        side.sent += len;
        match self.dice.roll(3) {
            0 => queue.push_slice(&bytes),
            1 => queue.push(Segment::Bytes(bytes)),
            _ => queue.push(Segment::Shared(std::rc::Rc::new(bytes))),
        }
        if let Some(id) = side.id {
            self.rig.net.send(id);
        }
    }

    fn disturb(&mut self) {
        let at = self.dice.roll(self.sides.len() as u64) as usize;
        let Some(id) = self.sides[at].id else { return };
        let net = &mut self.rig.net;
        match self.dice.roll(100) {
            0..40 => {
                let len = 1 + self.dice.roll(3000);
                self.send(at, len);
            }
            40..42 => self.send(at, 1 << 20),
            42..52 => {
                net.pause(id);
                // A socket that is being detached delivers what it has, paused or not.
                self.sides[at].paused =
                    net.state.sockets.get(id).is_some_and(|socket| socket.stage == Stage::Open);
            }
            52..70 => {
                net.resume(id);
                self.sides[at].paused = false;
            }
            70..74 => net.hold_reads(),
            74..80 => net.release_reads(),
            80..84 => {
                // Bytes received before are delivered first, paused or not.
                net.detach(id);
                self.sides[at].paused = false;
            }
            84..86 => net.notify_drained(id),
            _ => {}
        }
    }

    fn close_some(&mut self) {
        let at = self.dice.roll(self.sides.len() as u64) as usize;
        let Some(id) = self.sides[at].id else { return };
        let how = match self.dice.roll(3) {
            0 => Close::Now,
            1 => Close::Reset,
            _ => Close::AfterDrain { linger_ms: self.dice.roll(20) as u32 },
        };
        self.rig.net.close(id, how);
    }

    fn calm(&mut self) {
        self.rig.net.release_reads();
        for side in &mut self.sides {
            side.paused = false;
            side.id.into_iter().for_each(|id| self.rig.net.resume(id));
        }
    }

    fn until(&mut self, what: &str, done: impl Fn(&World) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < end, "{what} did not come");
            self.rig.net.set_alarm(Some(end));
            self.rig.turn(Wait::ForOne);
            self.digest();
        }
    }

    fn all_arrived(&self) -> bool {
        let open = |side: &&Side| side.id.is_some() && self.sides[side.other].id.is_some();
        self.sides.iter().filter(open).all(|side| side.received == self.sides[side.other].sent)
    }
}

fn bytes_keep_their_order_through_disorder(engine: Engine) {
    let seeds = std::env::var("RINGMQ_RING_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(10);
    for seed in 1..=seeds {
        let mut world = World::new(engine, seed);
        (0..6).for_each(|_| world.connect());
        for round in 0..600 {
            world.disturb();
            if world.dice.roll(2) == 0 {
                world.rig.turn(Wait::No);
                world.digest();
            }
            if round > 400 && world.dice.roll(40) == 0 {
                world.close_some();
            }
        }
        world.calm();
        world.until("calm", World::all_arrived);
        for side in &world.sides {
            side.id.into_iter().for_each(|id| world.rig.net.close(id, Close::AfterDrain { linger_ms: 50 }));
        }
        world.until("the end of all", |world| world.by_id.is_empty());
        let stats = world.rig.net.stats();
        assert_eq!((stats.sockets, stats.direct, stats.completions_late), (0, 0, 0), "seed {seed}");
    }
}
