//! Connections, sessions and wills, from beginning to end.
//!
//! Owns when each ends and what follows from it. Must never know packets other than CONNECT and DISCONNECT.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ringmq_broker::cause::{Cause, WillFate};
use ringmq_protocol::{Connect, Version};

use super::model::{Connection, KeptWill, Session, SessionIndex};
use super::{Complaint, Oracle, refusal};
use crate::simulator::messages::Messages;
use crate::simulator::wire::WireId;

impl Oracle {
    /// A CONNECT is handled at the home of its client.
    pub(super) fn connect(
        &mut self,
        wire: WireId,
        connect: &Connect<'_>,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        let expiry_s = self.granted_expiry_s(connect);
        if let Some(&old) = self.living.get(connect.client_id) {
            if let Some(connection) = self.sessions[old].wire {
                self.close(connection, Cause::TakenOver, messages);
            }
            if connect.clean_start && !self.sessions[old].is_over {
                self.end_session(old, messages);
            }
        }
        let (session, expects_present) = match self.living.get(connect.client_id) {
            Some(&session) => (session, true),
            None => (self.new_session(connect.client_id), false),
        };
        self.tally.connects += 1;
        self.attach(session, wire, connect, messages)?;
        self.sessions[session].expiry_s = expiry_s;
        let connection = self.new_connection(session, connect, expects_present);
        self.sides.entry(wire).or_default().connection = Some(connection);
        Ok(())
    }

    fn granted_expiry_s(&self, connect: &Connect<'_>) -> u32 {
        let asked_s = match connect.version {
            Version::V5 => connect.properties.session_expiry_s().unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
        asked_s.min(self.policy.session_expiry_max_s)
    }

    fn new_session(&mut self, client: &str) -> SessionIndex {
        let index = self.sessions.len();
        self.sessions.push(Session {
            client: client.to_owned(),
            shard: self.seeds.home(client, self.shard_count),
            wire: None,
            expiry_s: 0,
            expires_ms: None,
            is_over: false,
            subscriptions: Vec::new(),
            memberships: Vec::new(),
            will: None,
            exchanges: BTreeMap::new(),
            received: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            reads: Vec::new(),
            attached: self.moment,
            connections: 0,
            packet_bytes_min: u32::MAX,
            last_given: BTreeMap::new(),
            newest_given: BTreeMap::new(),
            replaced_at: BTreeMap::new(),
        });
        self.living.insert(client.to_owned(), index);
        index
    }

    /// Ties a session to its new connection. A will that waited is forgotten [MQTT-3.1.3-9].
    fn attach(
        &mut self,
        index: SessionIndex,
        wire: WireId,
        connect: &Connect<'_>,
        messages: &Messages,
    ) -> Result<(), Complaint> {
        let session = &mut self.sessions[index];
        session.wire = Some(wire);
        session.expires_ms = None;
        session.attached = self.moment;
        session.connections += 1;
        let limit = connect.properties.maximum_packet_size().unwrap_or(u32::MAX);
        session.packet_bytes_min = session.packet_bytes_min.min(limit);
        session.will = None;
        if let Some(will) = &connect.will {
            let found = messages.find(will.topic, will.payload);
            let message = *found.last().ok_or("a will that nobody made")?;
            let delay_s = will.properties.will_delay_s().unwrap_or(0);
            session.will = Some(KeptWill { message, delay_s, due_ms: None });
        }
        Ok(())
    }

    fn new_connection(
        &self,
        session: SessionIndex,
        connect: &Connect<'_>,
        expects_present: bool,
    ) -> Connection {
        let properties = &connect.properties;
        let receive_max = properties.receive_maximum().map_or(u16::MAX, std::num::NonZero::get);
        Connection {
            session,
            version: connect.version,
            window: receive_max.min(self.policy.inflight_max),
            packet_bytes_max: properties.maximum_packet_size().unwrap_or(u32::MAX),
            alias_max: properties.topic_alias_maximum().unwrap_or(0),
            keep_alive_s: connect.keep_alive_s,
            expects_present,
            has_connack: false,
            heard_ms: self.now_ms,
            ended: None,
            is_told: false,
            topics_in: BTreeMap::new(),
            topics_out: BTreeMap::new(),
            open: BTreeSet::new(),
            acks: VecDeque::new(),
            subscribes: BTreeMap::new(),
            unsubscribes: BTreeSet::new(),
            pings: 0,
            last_repeat: None,
        }
    }

    /// A connection ends, and its session with it or later.
    pub(super) fn close(&mut self, wire: WireId, cause: Cause, messages: &Messages) {
        let Some(connection) = self.sides.get_mut(&wire).and_then(|side| side.connection.as_mut()) else {
            return;
        };
        connection.ended = Some(cause);
        let index = connection.session;
        let unanswered = refusal::unanswered(connection);
        self.doubt_unanswered(index, &unanswered);
        let session = &mut self.sessions[index];
        if session.wire != Some(wire) {
            return;
        }
        session.wire = None;
        self.settle_will(index, cause.row().will, messages);
        let session = &mut self.sessions[index];
        match session.expiry_s {
            0 => self.end_session(index, messages),
            u32::MAX => {}
            s => session.expires_ms = Some(self.now_ms + u64::from(s) * 1000),
        }
    }

    /// A will is forgotten, published now, or later but not after the end of the session [MQTT-3.1.3-9].
    fn settle_will(&mut self, index: SessionIndex, fate: WillFate, messages: &Messages) {
        let session = &mut self.sessions[index];
        let Some(will) = &mut session.will else { return };
        let wait_s = will.delay_s.min(session.expiry_s);
        match (fate, wait_s) {
            (WillFate::Removed, _) => session.will = None,
            (WillFate::Published, 0) => self.publish_will(index, messages),
            (WillFate::Published, s) => will.due_ms = Some(self.now_ms + u64::from(s) * 1000),
        }
    }

    fn publish_will(&mut self, index: SessionIndex, messages: &Messages) {
        let session = &mut self.sessions[index];
        let Some(will) = session.will.take() else { return };
        let shard = session.shard;
        self.tally.wills += 1;
        self.publish(will.message, shard, messages);
    }

    /// A session ends: its will is published now at the latest [MQTT-3.1.2-10].
    fn end_session(&mut self, index: SessionIndex, messages: &Messages) {
        self.publish_will(index, messages);
        let moment = self.moment;
        let session = &mut self.sessions[index];
        session.is_over = true;
        session.expires_ms = None;
        session.subscriptions.clear();
        session.memberships.iter_mut().for_each(|membership| {
            membership.to.get_or_insert(moment);
        });
        self.living.remove(&session.client);
    }

    /// A shard was told the time: what was due on it has happened, in the order of time.
    pub(super) fn ticked(&mut self, shard: u16, messages: &Messages) {
        let now_ms = self.now_ms;
        let is_due = |at: Option<u64>| at.is_some_and(|at| at <= now_ms);
        let here: Vec<SessionIndex> =
            self.living.values().copied().filter(|&index| self.sessions[index].shard == shard).collect();
        for index in here {
            if is_due(self.sessions[index].will.and_then(|will| will.due_ms)) {
                self.publish_will(index, messages);
            }
            if is_due(self.sessions[index].expires_ms) {
                self.tally.expired += 1;
                self.end_session(index, messages);
            }
        }
    }

    /// The broker has ended a connection.
    pub(super) fn ended(&mut self, wire: WireId, cause: Cause, messages: &Messages) -> Result<(), Complaint> {
        let Some(connection) = self.sides.get(&wire).and_then(|side| side.connection.as_ref()) else {
            return Ok(());
        };
        match connection.ended {
            Some(expected) if expected != cause => {
                return Err(format!("a connection ended for {cause:?}, not for {expected:?}"));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        self.check_cause(connection, cause)?;
        self.close(wire, cause, messages);
        Ok(())
    }

    fn check_cause(&self, connection: &Connection, cause: Cause) -> Result<(), Complaint> {
        let client = &self.sessions[connection.session].client;
        match cause {
            Cause::ConnectionLost | Cause::ConnectionReset | Cause::AdministrativeAction => Ok(()),
            Cause::SlowConsumer if self.grace_ms > 0 && !self.has_long_queues => Ok(()),
            Cause::KeepAliveTimeout => {
                let silent_ms = self.now_ms - connection.heard_ms;
                let limit_ms = u64::from(connection.keep_alive_s) * 1500;
                match limit_ms > 0 && silent_ms >= limit_ms {
                    true => Ok(()),
                    false => {
                        Err(format!("{client} timed out after {silent_ms} ms of silence, not {limit_ms} ms"))
                    }
                }
            }
            _ => Err(format!("{client}, which keeps the rules, was disconnected for {cause:?}")),
        }
    }
}
