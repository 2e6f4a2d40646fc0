//! What the network reports, and what is done after each of its turns.
//!
//! Owns the order of a turn, and that there is none before the zero of the run. Must never know what a stage is.

use std::io;
use std::os::fd::OwnedFd;

use ringmq_ring::{Closed, Driver, Handler, ListenerId, Network, Next, SocketId};

use crate::fault::Fault;

use super::Bench;
use super::crowd::Life;
use super::pacer::Pacer;
use super::steps::Phase;

impl Handler for Bench {
    fn accepted(&mut self, _: ListenerId, _: SocketId) {
        unreachable!("nothing listens");
    }

    fn connected(&mut self, id: SocketId, result: io::Result<()>) {
        let Some(number) = self.crowd.find(id) else { return };
        if self.crowd.peer(number).life == Life::Probe {
            return self.end_probe(number, result);
        }
        match result.map_err(Fault::Dial).and_then(|()| self.greet(number)) {
            Ok(()) => self.fresh.push(id),
            Err(fault) => self.fail(number, &fault, self.clock.now()),
        }
    }

    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        let Some(number) = self.crowd.find(id) else { return };
        let now = self.clock.now();
        if let Err(fault) = self.hear(number, bytes, now) {
            self.fail(number, &fault, now);
        }
    }

    fn stalled(&mut self, id: SocketId) {
        if let Some(number) = self.crowd.find(id) {
            self.crowd.peer_mut(number).is_stalled = true;
        }
    }

    fn drained(&mut self, id: SocketId) {
        if let Some(number) = self.crowd.find(id) {
            self.crowd.peer_mut(number).is_stalled = false;
            self.note_room(number);
        }
    }

    fn closed(&mut self, id: SocketId, why: Closed) {
        let Some(number) = self.crowd.find(id) else { return };
        match self.crowd.peer(number).life {
            Life::Probe => self.end_probe(number, Err(io::ErrorKind::ConnectionReset.into())),
            Life::Leaving | Life::Gone => {
                self.crowd.detach(number);
                self.crowd.set_life(number, Life::Gone);
            }
            _ => self.fail(number, &self.ending(number, why), self.clock.now()),
        }
    }

    fn detached(&mut self, _: SocketId, _: OwnedFd) {
        unreachable!("no socket is asked back");
    }

    fn woken(&mut self) {}

    fn alarm(&mut self) {}
}

impl Driver for Bench {
    fn after_turn(&mut self, net: &mut Network) -> Next {
        if !self.clock.has_begun() {
            net.set_alarm(Some(self.clock.instant(0)));
            return Next::Wait;
        }
        let now = self.clock.now();
        self.note_turn(now);
        for id in self.fresh.drain(..) {
            net.receive(id);
        }
        self.tick(now);
        self.run_stages(now);
        self.dial(net, now);
        self.probe(net, now);
        self.ping(now);
        self.publish(now);
        self.flush(net);
        if self.phase == Phase::Over {
            return Next::Stop;
        }
        net.set_alarm(Some(self.clock.instant(self.next_alarm(now))));
        match self.pacers.iter().any(Pacer::has_listed) {
            true => Next::Again,
            false => Next::Wait,
        }
    }
}
