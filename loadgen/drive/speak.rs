//! Bytes for the broker: connecting, subscribing, publishing, pinging, leaving.
//!
//! Owns the order of what is said. Must never know why something is said now.

use std::io;

use ringmq_ring::{Close, Network, Segment, SocketId};

use crate::client::{Client, Origin, Unfinished};
use crate::clock::Nanos;
use crate::fault::Fault;
use crate::tls::TlsClient;
use crate::workload::{Group, Subscribing};

use super::Bench;
use super::crowd::{Life, Peer};
use super::proxy::put_header;
use super::replies::Sending;
use super::steps::Phase;

/// Bytes that one publisher writes in one turn, before others have theirs.
const PUBLISHER_BYTES_PER_TURN: usize = 64 << 10;

/// Bytes that are written in one turn, before they are sent.
const BYTES_PER_TURN: usize = 4 << 20;

/// Time for DISCONNECT to reach the broker and for its answer, the end of the stream.
const LINGER_MS: u32 = 1000;

impl Bench {
    /// Begins the connections whose time has come.
    pub(super) fn dial(&mut self, net: &mut Network, now: Nanos) {
        while let Some(number) = self.dialer.begin(now) {
            self.crowd.set_life(number, Life::Dialling);
            self.crowd.peer_mut(number).began = now;
            match net.connect(self.plan.dialling.to, self.plan.dialling.source(number)) {
                Ok(socket) => self.crowd.attach(number, socket),
                Err(error) => self.fail(number, &Fault::Dial(error), now),
            }
        }
    }

    /// Begins the probes whose time has come.
    pub(super) fn probe(&mut self, net: &mut Network, now: Nanos) {
        if !matches!(self.phase, Phase::Stage(_)) {
            return;
        }
        for at in 0..self.probers.len() {
            while let Some(number) = self.probers[at].begin(now, &mut self.tally.probes) {
                self.crowd.peer_mut(number).began = now;
                match net.connect(self.plan.dialling.to, self.plan.dialling.source(number)) {
                    Ok(socket) => self.crowd.attach(number, socket),
                    Err(error) => self.end_probe(number, Err(error)),
                }
            }
        }
    }

    /// Ends a probe, whose connection stands or could not be made.
    pub(super) fn end_probe(&mut self, number: u32, result: io::Result<()>) {
        let now = self.clock.now();
        match result {
            Ok(()) => {
                self.tally.probes.made += 1;
                self.tally.probes.time.record(now - self.crowd.peer(number).began);
            }
            Err(error) => self.tally.note_failed_probe(&error),
        }
        let socket = self.crowd.detach(number);
        self.doomed.extend(socket.map(|socket| (socket, Close::Now)));
        self.probers.iter_mut().for_each(|prober| prober.end(number));
    }

    /// Says the first word on a connection that stands.
    ///
    /// # Errors
    /// TLS allows no connection.
    pub(super) fn greet(&mut self, number: u32) -> Result<(), Fault> {
        let workload = &self.plan.workload;
        let Group { terms, proxy, .. } = workload.group(number);
        let proxy = *proxy;
        let peer = self.crowd.peer_mut(number);
        if workload.is_publisher(number) {
            peer.client.open_outflow(terms);
        }
        match &self.plan.dialling.tls {
            Some(target) => {
                let mut preface = Vec::new();
                put_header(proxy, number, self.plan.dialling.to, &mut preface);
                peer.tls = Some(Box::new(TlsClient::new(target, preface)?));
                self.outbox.touch(number);
            }
            None => {
                put_header(proxy, number, self.plan.dialling.to, self.outbox.buffer());
                let identity = self.desk.identity(workload, number);
                peer.client.connect(terms, identity, self.outbox.buffer());
                self.outbox.commit(number);
            }
        }
        Ok(())
    }

    /// Subscribes to what a client is to receive. False if that is nothing.
    pub(super) fn subscribe(&mut self, number: u32, when: Subscribing) -> bool {
        let workload = &self.plan.workload;
        let mut filters = workload.filters(number, when);
        if when == Subscribing::OnConnect && self.is_subscribed {
            filters.extend(workload.filters(number, Subscribing::Late));
        }
        if filters.is_empty() {
            return false;
        }
        let terms = &workload.group(number).terms;
        self.crowd.peer_mut(number).client.subscribe(terms, &filters, self.outbox.buffer());
        self.outbox.commit(number);
        true
    }

    /// Sends again what a session that goes on has under way.
    pub(super) fn resend(&mut self, number: u32) {
        let Bench { plan, crowd, desk, outbox, tally, .. } = self;
        let workload = &plan.workload;
        let terms = &workload.group(number).terms;
        let out = outbox.buffer();
        for unfinished in crowd.peer(number).client.unfinished() {
            match unfinished {
                Unfinished::Release(id) => Client::release_again(terms, id, out),
                Unfinished::Publish(id, origin) => {
                    let Some(lane) = workload.lane_of(origin.sender) else { continue };
                    tally.lanes[lane].resent += 1;
                    Client::publish_again(terms, id, desk.write(workload, lane, origin), out);
                }
            }
        }
        outbox.commit(number);
    }

    /// Pings with the clients whose turn it is.
    pub(super) fn ping(&mut self, now: Nanos) {
        for at in 0..self.pingers.len() {
            while let Some(number) = self.pingers[at].take_due(now) {
                self.ping_with(number);
            }
        }
    }

    pub(super) fn ping_with(&mut self, number: u32) {
        if self.crowd.peer(number).life == Life::Ready {
            self.tally.pings += 1;
            Client::ping(&self.plan.workload.group(number).terms, self.outbox.buffer());
            self.outbox.commit(number);
        }
    }

    /// Notes that a client has room for more.
    pub(super) fn note_room(&mut self, number: u32) {
        for (lane, pacer) in self.plan.workload.lanes.iter().zip(&mut self.pacers) {
            if lane.publishers.contains(&number) {
                pacer.list(number - lane.publishers.start);
            }
        }
    }

    /// Publishes what may leave now.
    pub(super) fn publish(&mut self, now: Nanos) {
        let is_silent = now >= self.silent_from || self.broken.is_some();
        for lane in 0..self.pacers.len() {
            self.pacers[lane].advance(now);
            if !is_silent {
                self.publish_on(lane, now);
            }
        }
        self.reply(now);
    }

    /// Answers the requests that have come, as far as windows and sockets have room.
    fn reply(&mut self, now: Nanos) {
        let Bench { replies, crowd, outbox, plan, .. } = self;
        replies.send(|reply| {
            let Peer { client, life, is_stalled, .. } = crowd.peer_mut(reply.client);
            let lane = &plan.workload.lanes[reply.lane];
            match life {
                Life::Ready if *is_stalled || !client.may_publish(lane.publish_qos) => Sending::Later,
                Life::Ready if outbox.buffer().len() >= BYTES_PER_TURN => Sending::Later,
                Life::Ready => {
                    let terms = &plan.workload.group(reply.client).terms;
                    client.publish(terms, reply.publication(lane.publish_qos, now), outbox.buffer());
                    outbox.commit(reply.client);
                    Sending::Done
                }
                _ => Sending::Done,
            }
        });
    }

    fn publish_on(&mut self, lane: usize, now: Nanos) {
        let mut listed = std::mem::take(&mut self.desk.listed);
        self.pacers[lane].take_listed(&mut listed);
        for &publisher in &listed {
            if self.outbox.buffer().len() < BYTES_PER_TURN {
                self.publish_with(lane, publisher, now);
            } else {
                self.pacers[lane].list(publisher);
            }
        }
        self.desk.listed = listed;
    }

    /// Publishes with one publisher until it has no more, has no room, or has had its share of this turn.
    fn publish_with(&mut self, at: usize, publisher: u32, now: Nanos) {
        let Bench { pacers, desk, crowd, outbox, plan, tally, .. } = self;
        let (pacer, workload) = (&mut pacers[at], &plan.workload);
        let lane = &workload.lanes[at];
        let number = lane.publishers.start + publisher;
        let Peer { client, life: Life::Ready, is_stalled: false, .. } = crowd.peer_mut(number) else {
            return;
        };
        let (qos, sender) = (desk.qos(at), lane.sender(publisher));
        let terms = &workload.group(number).terms;
        let out = outbox.buffer();
        let start = out.len();
        while client.may_publish(qos)
            && let Some((sequence, intended)) = pacer.next_message(publisher, now)
        {
            if out.len() - start >= PUBLISHER_BYTES_PER_TURN {
                pacer.list(publisher);
                break;
            }
            let origin = Origin { sender, sequence, intended, sent: now };
            let publication = desk.write(workload, at, origin);
            tally.sent_bytes += publication.payload.len() as u64;
            client.publish(terms, publication, out);
            pacer.note_sent(publisher);
        }
        outbox.commit(number);
    }

    /// Says DISCONNECT; the connection is closed once that is on its way.
    pub(super) fn leave(&mut self, number: u32) {
        match self.crowd.peer(number).life {
            Life::Ready => {
                self.crowd.set_life(number, Life::Leaving);
                let terms = &self.plan.workload.group(number).terms;
                Client::disconnect(terms, self.outbox.buffer());
                self.outbox.commit(number);
                self.leaving.push(number);
            }
            Life::Dialling => {
                self.crowd.set_life(number, Life::Gone);
                self.dialer.end();
                self.doomed.extend(self.crowd.peer(number).socket.map(|socket| (socket, Close::Now)));
            }
            Life::Ahead | Life::Away | Life::Probe => self.crowd.set_life(number, Life::Gone),
            Life::Leaving | Life::Gone => {}
        }
    }

    /// Gives everything written in this turn to the network, and closes what is to be closed.
    pub(super) fn flush(&mut self, net: &mut Network) {
        let Bench { outbox, crowd, leaving, doomed, .. } = self;
        outbox.drain(|number, bytes| {
            let Peer { tls, socket: Some(socket), .. } = crowd.peer_mut(number) else { return };
            match tls {
                None => push_slice(net, *socket, bytes),
                Some(tls) => push_encrypted(net, *socket, |wire| tls.send(bytes, wire)),
            }
        });
        for number in leaving.drain(..) {
            let Peer { tls, socket: Some(socket), .. } = crowd.peer_mut(number) else { continue };
            if let Some(tls) = tls {
                push_encrypted(net, *socket, |wire| tls.close(wire));
            }
            net.close(*socket, Close::AfterDrain { linger_ms: LINGER_MS });
        }
        for (socket, how) in doomed.drain(..) {
            net.close(socket, how);
        }
    }
}

fn push_slice(net: &mut Network, socket: SocketId, bytes: &[u8]) {
    if let Some(queue) = net.send_queue(socket) {
        queue.push_slice(bytes);
        net.send(socket);
    }
}

fn push_encrypted(net: &mut Network, socket: SocketId, write: impl FnOnce(&mut Vec<u8>)) {
    let mut wire = net.spare_buffer();
    write(&mut wire);
    match net.send_queue(socket) {
        Some(queue) if !wire.is_empty() => {
            queue.push(Segment::Bytes(wire));
            net.send(socket);
        }
        _ => net.return_buffer(wire),
    }
}
