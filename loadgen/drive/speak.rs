//! Bytes for the broker: connecting, subscribing, publishing, pinging, leaving.
//!
//! Owns the scratch memory for writing packets. Must never know why something is said now.

use ringmq_protocol::Qos;
use ringmq_ring::{Close, Network, Segment, SocketId};

use crate::client::{Client, Publication};
use crate::clock::Nanos;
use crate::fault::Fault;
use crate::plan::{Plan, Step};
use crate::stamp::Stamp;
use crate::tls::TlsClient;
use crate::workload::{Role, Shape, Workload};

use super::Bench;
use super::crowd::{Life, Peer};

/// Bytes that one publisher writes in one turn, before others have theirs.
const PUBLISHER_BYTES_PER_TURN: usize = 64 << 10;

/// Bytes that are written in one turn, before they are sent.
const BYTES_PER_TURN: usize = 4 << 20;

/// Time for DISCONNECT to reach the broker and for its answer, the end of the stream.
const LINGER_MS: u32 = 1000;

/// What is published at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Writing {
    /// The messages of the plan.
    Load,
    /// Empty retained messages, which remove those that were set [MQTT-3.3.1-6].
    Clearing,
}

/// Writes messages, and owns the scratch memory for it.
pub(super) struct Desk {
    pub(super) writing: Writing,
    qos: Qos,
    is_retaining: bool,
    /// The payload of the next message: a stamp and filling.
    payload: Vec<u8>,
    /// The topic of each publisher; empty if it changes with each message.
    topics: Vec<Box<str>>,
    topic: String,
    client_id: String,
    /// Publishers to look at.
    listed: Vec<u32>,
    /// Plain bytes of a TLS record.
    pub(super) plain: Vec<u8>,
    /// Nothing due is published any more from then on.
    pub(super) silent_from: Nanos,
}

impl Desk {
    pub(super) fn new(plan: &Plan) -> Desk {
        let workload = &plan.workload;
        let mut topic = String::new();
        let fixed = if workload.shape == Shape::Retained { 0 } else { workload.publishers };
        let topics = (0..fixed)
            .map(|publisher| {
                workload.write_topic(publisher, 0, &mut topic);
                topic.as_str().into()
            })
            .collect();
        Desk {
            writing: Writing::Load,
            qos: plan.traffic.publish_qos,
            is_retaining: workload.shape == Shape::Retained,
            payload: (0..plan.traffic.payload_bytes).map(|at| b'a' + (at % 26) as u8).collect(),
            topics,
            topic,
            client_id: String::new(),
            listed: Vec::new(),
            plain: Vec::new(),
            silent_from: Nanos::MAX,
        }
    }

    /// The identifier of a client.
    pub(super) fn client_id(&mut self, workload: &Workload, number: u32) -> &str {
        workload.write_client_id(number, &mut self.client_id);
        &self.client_id
    }

    /// The quality at which is published.
    fn qos(&self) -> Qos {
        match self.writing {
            Writing::Load => self.qos,
            Writing::Clearing => Qos::AtMostOnce,
        }
    }

    /// The message that a stamp is for.
    fn write(&mut self, workload: &Workload, stamp: &Stamp) -> Publication<'_> {
        let topic = match self.topics.get(stamp.sender as usize) {
            Some(topic) => topic,
            None => {
                workload.write_topic(stamp.sender, stamp.sequence, &mut self.topic);
                &*self.topic
            }
        };
        let payload = match self.writing {
            Writing::Clearing => &[][..],
            Writing::Load => {
                stamp.write(&mut self.payload);
                &self.payload
            }
        };
        let (qos, retain) = (if payload.is_empty() { Qos::AtMostOnce } else { self.qos }, self.is_retaining);
        Publication { topic, payload, qos, retain, intended: stamp.intended }
    }
}

impl Bench {
    /// Begins the connections whose time has come.
    pub(super) fn dial(&mut self, net: &mut Network, now: Nanos) {
        if self.current_step() != Some(Step::Connect) {
            return;
        }
        while let Some(number) = self.dialer.begin(now) {
            let peer = self.crowd.peer_mut(number);
            peer.life = Life::Dialling;
            peer.began = now;
            match net.connect(self.plan.dialling.to, self.plan.dialling.source(number)) {
                Ok(socket) => self.crowd.attach(number, socket),
                Err(error) => self.fail(number, &Fault::Dial(error)),
            }
        }
    }

    /// Says the first word on a connection that stands.
    ///
    /// # Errors
    /// TLS allows no connection.
    pub(super) fn greet(&mut self, number: u32) -> Result<(), Fault> {
        let workload = &self.plan.workload;
        let peer = self.crowd.peer_mut(number);
        if matches!(workload.role(number), Role::Publisher(_)) {
            peer.client.open_outflow(&self.plan.terms);
        }
        match &self.plan.dialling.tls {
            Some(target) => {
                peer.tls = Some(Box::new(TlsClient::new(target)?));
                self.outbox.touch(number);
            }
            None => {
                let client_id = self.desk.client_id(workload, number);
                peer.client.connect(&self.plan.terms, client_id, self.outbox.buffer());
                self.outbox.commit(number);
            }
        }
        Ok(())
    }

    pub(super) fn subscribe(&mut self, number: u32, subscriber: u32) {
        let filter = self.plan.workload.filter(subscriber);
        let qos = self.plan.traffic.subscribe_qos;
        let client = &mut self.crowd.peer_mut(number).client;
        client.subscribe(&self.plan.terms, &filter, qos, self.outbox.buffer());
        self.outbox.commit(number);
    }

    /// Pings with the clients whose turn it is.
    pub(super) fn ping(&mut self, now: Nanos) {
        while let Some(number) = self.pinger.take_due(now) {
            self.ping_with(number);
        }
    }

    pub(super) fn ping_with(&mut self, number: u32) {
        if self.crowd.peer(number).life == Life::Ready {
            self.tally.pings += 1;
            Client::ping(&self.plan.terms, self.outbox.buffer());
            self.outbox.commit(number);
        }
    }

    /// Notes that a client has room for more.
    pub(super) fn note_room(&mut self, number: u32) {
        if let (Role::Publisher(publisher), Some(flow)) = (self.plan.workload.role(number), &mut self.flow) {
            flow.list(publisher);
        }
    }

    /// Publishes what may leave now.
    pub(super) fn publish(&mut self, now: Nanos) {
        let Some(flow) = &mut self.flow else { return };
        flow.advance(now);
        if now >= self.desk.silent_from || self.broken.is_some() {
            return;
        }
        let mut listed = std::mem::take(&mut self.desk.listed);
        flow.take_listed(&mut listed);
        for &publisher in &listed {
            if self.outbox.buffer().len() < BYTES_PER_TURN {
                self.publish_with(publisher, now);
            } else {
                self.note_room(publisher);
            }
        }
        self.desk.listed = listed;
    }

    /// Publishes with one publisher until it has no more, has no room, or has had its share of this turn.
    fn publish_with(&mut self, publisher: u32, now: Nanos) {
        let Bench { flow: Some(flow), desk, crowd, outbox, plan, .. } = self else { return };
        let Peer { client, life: Life::Ready, is_stalled: false, .. } = crowd.peer_mut(publisher) else {
            return;
        };
        let (qos, run_tag) = (desk.qos(), plan.workload.run as u8);
        let out = outbox.buffer();
        let start = out.len();
        while client.may_publish(qos)
            && let Some((sequence, intended)) = flow.next_message(publisher, now)
        {
            if out.len() - start >= PUBLISHER_BYTES_PER_TURN {
                flow.list(publisher);
                break;
            }
            let stamp = Stamp { run_tag, sender: publisher, sequence, intended, lateness: now - intended };
            client.publish(&plan.terms, desk.write(&plan.workload, &stamp), out);
            flow.note_sent(publisher);
        }
        outbox.commit(publisher);
    }

    /// Says DISCONNECT; the connection is closed once that is on its way.
    pub(super) fn leave(&mut self, number: u32) {
        let peer = self.crowd.peer_mut(number);
        match peer.life {
            Life::Ready => {
                peer.life = Life::Leaving;
                Client::disconnect(&self.plan.terms, self.outbox.buffer());
                self.outbox.commit(number);
                self.leaving.push(number);
            }
            Life::Dialling => {
                peer.life = Life::Gone;
                self.dialer.end();
                self.doomed.extend(peer.socket);
            }
            Life::Ahead | Life::Leaving | Life::Gone => {}
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
        for socket in doomed.drain(..) {
            net.close(socket, Close::Now);
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
