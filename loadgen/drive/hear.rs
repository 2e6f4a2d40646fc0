//! Bytes from the broker: through TLS to the client, and its news to whom they concern.
//!
//! Owns that way. Must never know what is published next.

use ringmq_protocol::Publish;

use crate::client::{News, Origin};
use crate::clock::Nanos;
use crate::fault::Fault;
use crate::workload::{Subscribing, Workload};

use super::Bench;
use super::crowd::{Life, Peer};
use super::pacer::Pacer;
use super::pinger::Pinger;
use super::replies::Replies;
use super::tally::Tally;

/// What a client has reached with the bytes of one turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reached {
    Nothing,
    /// CONNACK, and whether the session of before goes on.
    Connected {
        session_present: bool,
    },
    Subscribed,
}

/// Takes the news of one client.
struct Ear<'a> {
    client: u32,
    now: Nanos,
    workload: &'a Workload,
    tally: &'a mut Tally,
    pacers: &'a mut [Pacer],
    pinger: &'a mut Pinger,
    replies: &'a mut Replies,
    reached: Reached,
}

impl Ear<'_> {
    fn hear(&mut self, news: News<'_>) {
        match news {
            News::Message(publish) => self.hear_message(&publish),
            News::Acknowledged(origin) => {
                if let Some(lane) = self.hear_end_of_publish(origin) {
                    self.tally.note_acknowledged(lane, origin.intended, self.now);
                }
            }
            News::Rejected(origin, reason) => {
                if let Some(lane) = self.hear_end_of_publish(origin) {
                    self.tally.note_rejected(lane, reason, self.now);
                }
            }
            News::Connected { keep_alive_s, session_present } => {
                self.reached = Reached::Connected { session_present };
                if let Some(keep_alive_s) = keep_alive_s {
                    self.pinger.tighten(keep_alive_s, self.now);
                }
            }
            News::Subscribed => self.reached = Reached::Subscribed,
            News::Repeated => self.tally.repeated += 1,
            News::Pong => self.tally.pongs += 1,
        }
    }

    fn hear_message(&mut self, publish: &Publish<'_>) {
        if self.workload.lanes.iter().any(|lane| lane.responders.contains(&self.client)) {
            match self.replies.take(self.workload, self.client, publish) {
                Some(()) => self.tally.last_progress = self.now,
                None => self.tally.note_stray_request(),
            }
            return;
        }
        let noted = self.tally.note_message(self.workload, self.client, publish.payload, self.now);
        if let Some((lane, publisher)) = noted
            && let Some(number) = self.workload.lanes[lane].local(publisher)
        {
            self.pacers[lane].note_delivered(number, self.now);
        }
    }

    fn hear_end_of_publish(&mut self, origin: Origin) -> Option<usize> {
        let lane = self.workload.lane_of(origin.sender)?;
        let publishers = &self.workload.lanes[lane];
        let number = publishers.local(publishers.publisher_of(origin.sender))?;
        self.pacers[lane].note_acknowledged(number, self.now);
        // A window that is shared by several lanes has room for all of them.
        for (lane, pacer) in self.workload.lanes.iter().zip(&mut *self.pacers) {
            if lane.publishers.contains(&self.client) {
                pacer.list(self.client - lane.publishers.start);
            }
        }
        Some(lane)
    }
}

impl Bench {
    /// Takes bytes from the broker.
    ///
    /// # Errors
    /// Why the connection is of no further use.
    pub(super) fn hear(&mut self, number: u32, bytes: &[u8], now: Nanos) -> Result<(), Fault> {
        let workload = &self.plan.workload;
        let group = workload.group_number(number);
        let mut ear = Ear {
            client: number,
            now,
            workload,
            tally: &mut self.tally,
            pacers: &mut self.pacers,
            pinger: &mut self.pingers[group],
            replies: &mut self.replies,
            reached: Reached::Nothing,
        };
        let Peer { client, tls, .. } = self.crowd.peer_mut(number);
        let (terms, out) = (&workload.groups[group].terms, self.outbox.buffer());
        let heard = match tls {
            None => client.receive(terms, bytes, out, |news| ear.hear(news)),
            Some(tls) => {
                let was_handshaking = tls.is_handshaking();
                let heard = tls.receive(bytes, &mut self.desk.plain, |plain| {
                    client.receive(terms, plain, out, |news| ear.hear(news))
                });
                if was_handshaking && !tls.is_handshaking() {
                    client.connect(terms, self.desk.identity(workload, number), out);
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
        match reached {
            Reached::Nothing => {}
            Reached::Connected { session_present: true } => {
                self.resend(number);
                self.become_ready(number, now);
            }
            Reached::Connected { session_present: false } => {
                self.begin_session(number, now);
                if !self.subscribe(number, Subscribing::OnConnect) {
                    self.become_ready(number, now);
                }
            }
            Reached::Subscribed => self.become_ready(number, now),
        }
    }

    /// A session begins anew. If one should have gone on, what it had under way is given up.
    fn begin_session(&mut self, number: u32, now: Nanos) {
        let Bench { plan, crowd, tally, pacers, .. } = self;
        let peer = crowd.peer_mut(number);
        if peer.away_since.is_some() && plan.workload.group(number).terms.session_expiry_s.is_some() {
            tally.recovery.sessions_lost += 1;
        }
        peer.client.lose_session(|origin| abandon(&plan.workload, tally, pacers, origin, now));
    }

    fn become_ready(&mut self, number: u32, now: Nanos) {
        let peer = self.crowd.peer_mut(number);
        if peer.life != Life::Dialling {
            return;
        }
        peer.attempts = 0;
        let (began, away_since) = (peer.began, peer.away_since.take());
        self.crowd.set_life(number, Life::Ready);
        self.dialer.end();
        match away_since {
            None => self.tally.note_connected(began, now),
            Some(since) => {
                self.away -= 1;
                self.tally.note_recovered(since, now);
                self.note_room(number);
            }
        }
    }
}

/// Notes a publish that went with its session.
pub(super) fn abandon(
    workload: &Workload,
    tally: &mut Tally,
    pacers: &mut [Pacer],
    origin: Origin,
    now: Nanos,
) {
    let Some(at) = workload.lane_of(origin.sender) else { return };
    let lane = &workload.lanes[at];
    let publisher = lane.publisher_of(origin.sender);
    if let Some(number) = lane.local(publisher) {
        tally.lanes[at].note_abandoned(publisher, origin.sequence);
        pacers[at].note_acknowledged(number, now);
    }
}
