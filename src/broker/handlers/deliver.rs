//! One message to one session: sent at once, kept until it can be, or dropped and counted.

use std::num::NonZeroU16;

use ringmq_protocol::{Delivery as Head, PacketId, Qos};

use crate::clients::Clients;
use crate::connection::{Connection, Stage};
use crate::message::{Message, Parts, Retain};
use crate::outbox::SPLICE_BYTES_MIN;
use crate::publication::Publication;
use crate::session::backlog::{BacklogLimits, Queued};
use crate::session::{Delivery, Identifiers};
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::{AliasUse, Fingerprint, GroupId};

/// Who gets a message, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver<'a> {
    /// Slot of the session.
    pub(crate) session: u32,
    /// Granted QoS.
    pub(crate) qos: Qos,
    /// RETAIN as this receiver must see it.
    pub(crate) retain: Retain,
    pub(crate) identifiers: &'a [u32],
    /// The shared group it was picked for.
    pub(crate) group: Option<GroupId>,
}

/// Hands a message to one session.
pub(crate) fn deliver(clients: &mut Clients, to: &Receiver<'_>, publication: &mut Publication<'_>) {
    let Some(session) = clients.sessions.at(to.session) else { return };
    let qos = to.qos.min(publication.parts.qos);
    let connection = session.connection;
    if qos == Qos::AtMostOnce {
        return match connection {
            Some(connection) => at_most_once(clients, connection, to, publication),
            None => clients.counters.dropped_offline += 1,
        };
    }
    let delivery = Delivery {
        message: publication.message(&clients.meter).clone(),
        qos,
        retain: to.retain,
        identifiers: Identifiers::from_slice(to.identifiers),
        group: to.group,
    };
    match connection.filter(|&connection| may_send_at_once(clients, connection, to.session)) {
        Some(connection) => open(clients, connection, to.session, delivery, publication.fingerprint),
        None => wait(clients, to.session, delivery),
    }
}

/// QoS 0: into the send queue, or dropped when that is full.
fn at_most_once(clients: &mut Clients, id: SlotId, to: &Receiver<'_>, publication: &mut Publication<'_>) {
    if publication.parts.payload.len() >= SPLICE_BYTES_MIN {
        // One copy for all receivers, instead of one in each send queue.
        publication.message(&clients.meter);
    }
    let queue_max = clients.limits.send_queue_bytes_max;
    let now = clients.now;
    let Some((connection, spares)) = clients.connection_and_spares(id) else { return };
    let head = head_of(&publication.parts, Qos::AtMostOnce, to.retain, to.identifiers, now);
    match fits(connection, &head) {
        Fits::Never => clients.counters.dropped_too_large += 1,
        Fits::AtSize(size)
            if connection.outbox.len_bytes() + size > queue_max && !connection.outbox.is_empty() =>
        {
            clients.counters.dropped_send_queue += 1;
            clients.begin_grace(id);
        }
        Fits::AtSize(_) => {
            Clients::provide_buffer(spares, &mut connection.outbox);
            encode(connection, head, publication.fingerprint, publication.parts.payload, publication.kept());
            clients.counters.publish_sent_qos0 += 1;
            clients.wrote(id);
        }
    }
}

/// Whether a new QoS 1 or 2 message may go out now: its order, the send quota and the send queue allow it.
fn may_send_at_once(clients: &mut Clients, id: SlotId, session: u32) -> bool {
    let high_water = clients.limits.send_queue_high_water();
    let Some(connection) = clients.connections.get(id) else { return false };
    let window = connection.agreed.window;
    let has_room = connection.outbox.len_bytes() < high_water && connection.stage == Stage::Connected;
    has_room
        && clients.sessions.at(session).is_some_and(|session| session.outgoing().may_send_at_once(window))
}

/// Begins a QoS 1 or 2 exchange [MQTT-4.3.2-1].
pub(crate) fn open(clients: &mut Clients, id: SlotId, session: u32, delivery: Delivery, topic: Fingerprint) {
    let now = clients.now;
    let Some(connection) = clients.connections.get(id) else { return };
    let parts = delivery.message.parts();
    let head = head_of(&parts, delivery.qos, delivery.retain, delivery.identifiers.as_slice(), now);
    if fits(connection, &head) == Fits::Never {
        // [MQTT-3.1.2-25] dropped as if it had been delivered: no exchange, no repeat.
        clients.counters.dropped_too_large += 1;
        return;
    }
    let message = delivery.message.clone();
    let identifiers = delivery.identifiers.clone();
    let (qos, retain) = (delivery.qos, delivery.retain);
    let Some(session) = clients.sessions.at(session) else { return };
    let packet_id = session.outgoing().inflight.open(delivery);
    let sending = Sending { message: &message, qos, retain, identifiers: identifiers.as_slice(), topic };
    send(clients, id, &sending, Transmission::First(packet_id));
}

/// A QoS 1 or 2 message that is being sent.
#[derive(Clone, Copy)]
pub(crate) struct Sending<'a> {
    pub(crate) message: &'a Message,
    pub(crate) qos: Qos,
    pub(crate) retain: Retain,
    pub(crate) identifiers: &'a [u32],
    pub(crate) topic: Fingerprint,
}

/// Which time a message is sent, with its packet identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transmission {
    /// DUP 0 [MQTT-4.3.2-2].
    First(PacketId),
    /// DUP 1 [MQTT-3.3.1-1].
    Repeat(PacketId),
}

/// Encodes a QoS 1 or 2 PUBLISH into the send queue.
pub(crate) fn send(clients: &mut Clients, id: SlotId, sending: &Sending<'_>, transmission: Transmission) {
    let now = clients.now;
    let Some((connection, spares)) = clients.connection_and_spares(id) else { return };
    let parts = sending.message.parts();
    let mut head = head_of(&parts, sending.qos, sending.retain, sending.identifiers, now);
    (head.dup, head.packet_id) = match transmission {
        Transmission::First(packet_id) => (false, Some(packet_id)),
        Transmission::Repeat(packet_id) => (true, Some(packet_id)),
    };
    Clients::provide_buffer(spares, &mut connection.outbox);
    encode(connection, head, sending.topic, parts.payload, Some(sending.message));
    match sending.qos {
        Qos::ExactlyOnce => clients.counters.publish_sent_qos2 += 1,
        _ => clients.counters.publish_sent_qos1 += 1,
    }
    clients.wrote(id);
}

/// Puts a delivery into the backlog, within its bounds.
pub(crate) fn wait(clients: &mut Clients, session: u32, delivery: Delivery) {
    let limits = BacklogLimits {
        count_max: clients.limits.backlog_count_max,
        bytes_max: clients.limits.backlog_bytes_max,
    };
    let Some(session) = clients.sessions.at(session) else { return };
    let backlog = &mut session.outgoing().backlog;
    let queued = backlog.push(delivery, limits, clients.now, &mut clients.counters.dropped_expired);
    if queued == Queued::Full {
        clients.counters.dropped_backlog += 1;
    }
    let Some(id) = session.connection else { return };
    let Some(connection) = clients.connections.get_mut(id) else { return };
    connection.flow.hungry = true;
    if connection.flow.stalled && connection.outbox.len_bytes() >= clients.limits.send_queue_high_water() {
        clients.begin_grace(id);
    }
}

/// Whether a message is too large for the client on this connection.
pub(crate) fn exceeds_limit(clients: &Clients, id: SlotId, sending: &Sending<'_>) -> bool {
    let Some(connection) = clients.connections.get(id) else { return false };
    let parts = sending.message.parts();
    fits(connection, &head_of(&parts, sending.qos, sending.retain, sending.identifiers, clients.now))
        == Fits::Never
}

/// Whether a packet is within the client's maximum packet size [MQTT-3.1.2-24].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fits {
    AtSize(usize),
    Never,
}

/// Judges a packet by its size without an alias: with one it may be larger, but then it is sent without.
fn fits(connection: &Connection, head: &Head<'_>) -> Fits {
    let has_room_for_id = head.packet_id.is_some() || head.qos == Qos::AtMostOnce;
    let size = head.encoded_len(connection.agreed.version) + if has_room_for_id { 0 } else { 2 };
    if size <= connection.agreed.packet_bytes_max as usize { Fits::AtSize(size) } else { Fits::Never }
}

/// The encoded form but for alias and packet identifier. What is left of the expiry is what the receiver may still
/// wait [MQTT-3.3.2-6].
fn head_of<'a>(
    parts: &Parts<'a>,
    qos: Qos,
    retain: Retain,
    subscription_ids: &'a [u32],
    now: Time,
) -> Head<'a> {
    Head {
        qos,
        dup: false,
        retain: retain == Retain::Yes,
        topic: parts.topic,
        packet_id: None,
        topic_alias: None,
        message_expiry_s: parts.expires.map(|expires| left_s(expires, now)),
        subscription_ids,
        passed_on: parts.passed_on,
        payload_len: parts.payload.len(),
    }
}

/// Whole seconds that have not passed yet: what was received less the whole seconds spent here.
fn left_s(expires: Time, now: Time) -> u32 {
    u32::try_from(expires.since_ms(now).div_ceil(1000)).unwrap_or(u32::MAX)
}

fn encode(
    connection: &mut Connection,
    mut head: Head<'_>,
    topic: Fingerprint,
    payload: &[u8],
    message: Option<&Message>,
) {
    let version = connection.agreed.version;
    if connection.outbound_aliases.is_enabled() && may_take_alias(connection, &head) {
        match connection.outbound_aliases.assign(head.topic, topic) {
            AliasUse::None => {}
            AliasUse::New(alias) => head.topic_alias = Some(alias),
            AliasUse::Known(alias) => (head.topic, head.topic_alias) = ("", Some(alias)),
        }
    }
    head.encode_head(version, connection.outbox.bytes());
    connection.outbox.push_payload(payload, message);
}

/// Whether the packet stays within the client's maximum with a new alias, which it then must carry.
fn may_take_alias(connection: &Connection, head: &Head<'_>) -> bool {
    /// The property, and what two length fields may grow by.
    const ALIAS_BYTES_MAX: usize = 5;
    let max = connection.agreed.packet_bytes_max;
    max == u32::MAX || head.encoded_len(connection.agreed.version) + ALIAS_BYTES_MAX <= max as usize
}

/// The window of a connection.
pub(crate) fn window_of(clients: &Clients, id: SlotId) -> Option<NonZeroU16> {
    clients.connections.get(id).map(|connection| connection.agreed.window)
}
