//! Bytes from the broker: through TLS to the client, and its news to whom they concern.
//!
//! Owns that way. Must never know what is published next.

use crate::client::News;
use crate::clock::Nanos;
use crate::fault::Fault;
use crate::workload::Role;

use super::Bench;
use super::crowd::{Life, Peer};
use super::flow::Flow;
use super::pinger::Pinger;
use super::tally::Tally;

/// What a client has reached with the bytes of one turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reached {
    Nothing,
    Connected,
    Subscribed,
}

/// Takes the news of one client.
struct Ear<'a> {
    role: Role,
    now: Nanos,
    tally: &'a mut Tally,
    flow: Option<&'a mut Flow>,
    pinger: &'a mut Pinger,
    reached: Reached,
}

impl Ear<'_> {
    fn hear(&mut self, news: News<'_>) {
        match news {
            News::Message(payload) => self.hear_message(payload),
            News::Acknowledged(intended) => {
                self.tally.note_acknowledged(intended, self.now);
                self.hear_end_of_publish();
            }
            News::Rejected(reason) => {
                self.tally.note_rejected(reason, self.now);
                self.hear_end_of_publish();
            }
            News::Connected { keep_alive_s } => {
                self.reached = Reached::Connected;
                if let Some(keep_alive_s) = keep_alive_s {
                    self.pinger.tighten(keep_alive_s, self.now);
                }
            }
            News::Subscribed => self.reached = Reached::Subscribed,
            News::Repeated => self.tally.repeated += 1,
            News::Pong => self.tally.pongs += 1,
        }
    }

    fn hear_message(&mut self, payload: &[u8]) {
        let Role::Subscriber(subscriber) = self.role else { return self.tally.ledger.record_stray() };
        if let (Some(publisher), Some(flow)) =
            (self.tally.note_message(subscriber, payload, self.now), &mut self.flow)
        {
            flow.note_delivered(publisher, self.now);
        }
    }

    fn hear_end_of_publish(&mut self) {
        if let (Role::Publisher(publisher), Some(flow)) = (self.role, &mut self.flow) {
            flow.note_acknowledged(publisher, self.now);
        }
    }
}

impl Bench {
    /// Takes bytes from the broker.
    ///
    /// # Errors
    /// Why the connection is of no further use.
    pub(super) fn hear(&mut self, number: u32, bytes: &[u8], now: Nanos) -> Result<(), Fault> {
        let mut ear = Ear {
            role: self.plan.workload.role(number),
            now,
            tally: &mut self.tally,
            flow: self.flow.as_mut(),
            pinger: &mut self.pinger,
            reached: Reached::Nothing,
        };
        let Peer { client, tls, .. } = self.crowd.peer_mut(number);
        let (terms, out) = (&self.plan.terms, self.outbox.buffer());
        let heard = match tls {
            None => client.receive(terms, bytes, out, |news| ear.hear(news)),
            Some(tls) => {
                let was_handshaking = tls.is_handshaking();
                let heard = tls.receive(bytes, &mut self.desk.plain, |plain| {
                    client.receive(terms, plain, out, |news| ear.hear(news))
                });
                if was_handshaking && !tls.is_handshaking() {
                    client.connect(terms, self.desk.client_id(&self.plan.workload, number), out);
                }
                heard
            }
        };
        let reached = ear.reached;
        match self.crowd.peer(number).tls {
            // The handshake, or an alert, may have something to say.
            Some(_) => self.outbox.touch(number),
            None => self.outbox.commit(number),
        }
        heard?;
        self.reach(number, reached, now);
        Ok(())
    }

    fn reach(&mut self, number: u32, reached: Reached, now: Nanos) {
        let role = self.plan.workload.role(number);
        match (reached, role) {
            (Reached::Nothing, _) => {}
            (Reached::Connected, Role::Subscriber(subscriber)) if self.is_subscribed => {
                self.subscribe(number, subscriber);
            }
            (Reached::Connected | Reached::Subscribed, _) => self.become_ready(number, now),
        }
    }

    fn become_ready(&mut self, number: u32, now: Nanos) {
        let peer = self.crowd.peer_mut(number);
        if peer.life == Life::Dialling {
            peer.life = Life::Ready;
            self.tally.note_connected(peer.began, now);
            self.dialer.end();
        }
    }
}
