//! One message to one session: sent at once, kept until it can be, or dropped and counted.

use std::num::NonZeroU16;

use ringmq_protocol::{Delivery as Head, PacketId, Qos};

use crate::clients::Clients;
use crate::connection::{Connection, Stage};
use crate::counters::Counters;
use crate::front::Front;
use crate::handlers::backlog;
use crate::handlers::form::{self, Body, Form, Look, Tools};
use crate::handlers::write::Waiting;
use crate::letter::RetainedFor;
use crate::message::{Message, Retain};
use crate::outbox::SPLICE_BYTES_MIN;
use crate::publication::{Publication, Publisher};
use crate::session::backlog::GivenUp;
use crate::session::reads::Reads;
use crate::session::{Delivery, Identifiers, Session};
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::GroupId;

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
    if session.is_reading() {
        return while_reading(clients, to, publication);
    }
    let connection = session.connection;
    hand_over(clients, connection, to, publication);
}

/// The session is being sent retained messages, and one that is older than this message must not come after it. If this
/// message replaces it, it is not sent at all; else it goes first, if it waits in the page at hand [MQTT-4.6.0-6].
#[cold]
fn while_reading(clients: &mut Clients, to: &Receiver<'_>, publication: &mut Publication<'_>) {
    let topic = publication.parts.topic;
    let replaces = publication.parts.retain == Retain::Yes;
    if !replaces
        && let Some((copy, receiver)) = reads_of(clients, to).and_then(|reads| reads.take_copy(topic))
    {
        retained(clients, to.session, &copy, receiver);
    }
    let dropped = clients.counters.dropped_by_receivers();
    hand_over_apart(clients, to, publication);
    let is_taken = clients.counters.dropped_by_receivers() == dropped;
    if replaces
        && is_taken
        && let Some(reads) = reads_of(clients, to)
    {
        reads.take_copy(topic);
        reads.note_newer(topic);
    }
}

fn reads_of<'a>(clients: &'a mut Clients, to: &Receiver<'_>) -> Option<&'a mut Reads> {
    Some(&mut clients.sessions.at(to.session)?.outgoing_if_any()?.reads)
}

/// A retained message to its new subscriber, with RETAIN 1 [MQTT-3.3.1-8 of 3.1.1].
pub(crate) fn retained(clients: &mut Clients, session: u32, message: &Message, receiver: RetainedFor) {
    if has_expired(clients, message.expires()) {
        return;
    }
    let identifier = [receiver.identifier];
    let to = Receiver {
        session,
        qos: receiver.options.qos(),
        retain: Retain::Yes,
        identifiers: if receiver.identifier == 0 { &[] } else { &identifier },
        group: None,
    };
    let serial = clients.next_serial();
    hand_over_apart(clients, &to, &mut Publication::of_message(message, Publisher::default(), serial));
}

/// For the rare callers, so that the usual one has a copy of its own.
fn hand_over_apart(clients: &mut Clients, to: &Receiver<'_>, publication: &mut Publication<'_>) {
    let Some(session) = clients.sessions.at(to.session) else { return };
    let connection = session.connection;
    hand_over(clients, connection, to, publication);
}

/// Hands a message to a session that is on this connection, if any.
#[inline(always)]
fn hand_over(
    clients: &mut Clients,
    connection: Option<SlotId>,
    to: &Receiver<'_>,
    publication: &mut Publication<'_>,
) {
    let qos = to.qos.min(publication.parts.qos);
    match (qos, connection) {
        (Qos::AtMostOnce, Some(connection)) => at_most_once(clients, connection, to, publication),
        (Qos::AtMostOnce, None) => clients.counters.dropped_offline += 1,
        (Qos::AtLeastOnce | Qos::ExactlyOnce, connection) => {
            acknowledged(clients, connection, &Receiver { qos, ..*to }, publication);
        }
    }
}

/// Whether a message's time was over before it got this far [MQTT-3.3.2-5]; counted if so. The moment itself is in time, so
/// that an interval of 0 reaches who is there on every shard.
pub(crate) fn has_expired(clients: &mut Clients, expires: Option<Time>) -> bool {
    let has_expired = expires.is_some_and(|expires| expires < clients.now);
    clients.counters.dropped_expired += u64::from(has_expired);
    has_expired
}

/// QoS 0: into the send queue, or dropped when that is full.
fn at_most_once(clients: &mut Clients, id: SlotId, to: &Receiver<'_>, publication: &mut Publication<'_>) {
    let payload = publication.parts.payload;
    if payload.len() >= SPLICE_BYTES_MIN {
        // One copy for all receivers, instead of one in each send queue.
        publication.message(&clients.meter);
    }
    let look = Look { qos: Qos::AtMostOnce, retain: to.retain, identifiers: to.identifiers };
    let Clients { connections, spares, front, hasher, trays, limits, counters, .. } = clients;
    let Some(connection) = connections.get_mut(id) else { return };
    let form = Form::of(publication, look, clients.now, connection, front);
    let Some(len) = form.len_within_max(front, payload.len(), connection) else {
        counters.dropped_too_large += 1;
        return;
    };
    if connection.outbox.len_bytes() + len > limits.send_queue_bytes_max && !connection.outbox.is_empty() {
        counters.dropped_send_queue += 1;
        return clients.begin_grace(id);
    }
    counters.publish_sent_qos0 += 1;
    let body = Body { payload, message: publication.kept() };
    let tools = Tools { spares, front, hasher, trays, limits, counters };
    if form::write((id, connection), form, None, body, tools) == Waiting::TooMuch {
        clients.overflow(id);
    }
}

/// QoS 1 and 2: sent at once if order, send quota and send queue allow it; else it waits.
fn acknowledged(
    clients: &mut Clients,
    connection: Option<SlotId>,
    to: &Receiver<'_>,
    publication: &mut Publication<'_>,
) {
    let message = publication.message(&clients.meter).clone();
    let identifiers = Identifiers::from_slice(to.identifiers);
    let delivery = Delivery { message, qos: to.qos, retain: to.retain, identifiers, group: to.group };
    let high_water = clients.limits.send_queue_high_water();
    let Clients { connections, sessions, spares, front, hasher, trays, limits, counters, .. } = clients;
    let Some(session) = sessions.at(to.session) else { return };
    let found = connection.and_then(|id| Some((id, connections.get_mut(id)?)));
    let (id, connection) = match found {
        Some((id, connection)) if may_send_at_once(connection, session, high_water) => (id, connection),
        found => {
            let given_up = backlog::push(session, delivery, limits, clients.now);
            let behind =
                found.and_then(|(id, connection)| waits_behind(connection, high_water).then_some(id));
            return note_waiting(clients, to.session, behind, given_up);
        }
    };
    let look = Look { qos: to.qos, retain: to.retain, identifiers: to.identifiers };
    let form = Form::of(publication, look, clients.now, connection, front);
    let Some(packet_id) = begin(connection, session, front, counters, delivery, &form) else { return };
    let body = Body { payload: publication.parts.payload, message: publication.kept() };
    let tools = Tools { spares, front, hasher, trays, limits, counters };
    if form::write((id, connection), form, Some(packet_id), body, tools) == Waiting::TooMuch {
        clients.overflow(id);
    }
}

/// Whether a new QoS 1 or 2 message may go out now: its order, the send quota and the send queue allow it.
#[inline(always)]
fn may_send_at_once(connection: &Connection, session: &mut Session, high_water: usize) -> bool {
    let has_room = connection.outbox.len_bytes() < high_water && connection.stage == Stage::Connected;
    has_room && session.outgoing().may_send_at_once(connection.agreed.window)
}

/// Begins the exchange of a QoS 1 or 2 message that has waited.
pub(crate) fn open(clients: &mut Clients, id: SlotId, session: u32, delivery: Delivery) {
    // Clones of a pointer: the delivery moves into the session.
    let (message, identifiers) = (delivery.message.clone(), delivery.identifiers.clone());
    let look = Look { qos: delivery.qos, retain: delivery.retain, identifiers: identifiers.as_slice() };
    let form = Form::Own(look.head(&message.parts(), clients.now));
    let Clients { connections, sessions, front, counters, .. } = clients;
    let (Some(connection), Some(session)) = (connections.get(id), sessions.at(session)) else { return };
    if let Some(packet_id) = begin(connection, session, front, counters, delivery, &form) {
        let body = Body { payload: message.payload(), message: Some(&message) };
        clients.send(id, form, Some(packet_id), body);
    }
}

/// Begins a QoS 1 or 2 exchange [MQTT-4.3.2-1]; its PUBLISH must be sent now. None: the client takes no packet of this
/// size.
fn begin(
    connection: &Connection,
    session: &mut Session,
    front: &Front,
    counters: &mut Counters,
    delivery: Delivery,
    form: &Form<'_>,
) -> Option<PacketId> {
    if form.len_within_max(front, delivery.message.payload().len(), connection).is_none() {
        // [MQTT-3.1.2-25] dropped as if it had been delivered: no exchange, no repeat.
        counters.dropped_too_large += 1;
        return None;
    }
    count(counters, delivery.qos);
    Some(session.outgoing().inflight.open(delivery))
}

fn count(counters: &mut Counters, qos: Qos) {
    match qos {
        Qos::AtMostOnce => counters.publish_sent_qos0 += 1,
        Qos::AtLeastOnce => counters.publish_sent_qos1 += 1,
        Qos::ExactlyOnce => counters.publish_sent_qos2 += 1,
    }
}

/// Sends a QoS 1 or 2 message of an earlier connection again, with DUP [MQTT-3.3.1-1].
pub(crate) fn repeat(
    clients: &mut Clients,
    id: SlotId,
    delivery: &Delivery,
    packet_id: PacketId,
) -> Repeated {
    let Some(connection) = clients.connections.get(id) else { return Repeated::Sent };
    let look =
        Look { qos: delivery.qos, retain: delivery.retain, identifiers: delivery.identifiers.as_slice() };
    let parts = delivery.message.parts();
    let form = Form::Own(Head { dup: true, ..look.head(&parts, clients.now) });
    if form.len_within_max(&clients.front, parts.payload.len(), connection).is_none() {
        return Repeated::TooLarge;
    }
    count(&mut clients.counters, delivery.qos);
    let body = Body { payload: parts.payload, message: Some(&delivery.message) };
    clients.send(id, form, Some(packet_id), body);
    Repeated::Sent
}

/// What became of a message to be sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeated {
    Sent,
    /// The new connection takes smaller packets than the old one [MQTT-3.1.2-24].
    TooLarge,
}

/// Notes that a delivery waits for a connection; tells whether its send queue does not drain either.
#[inline(always)]
fn waits_behind(connection: &mut Connection, high_water: usize) -> bool {
    connection.flow.hungry = true;
    connection.flow.stalled && connection.outbox.len_bytes() >= high_water
}

/// A delivery has been put into the backlog of a session: counts what that cost, and begins the grace of a connection that
/// is behind.
#[inline(always)]
fn note_waiting(clients: &mut Clients, session: u32, behind: Option<SlotId>, cost: Option<GivenUp>) {
    if let Some(cost) = cost {
        backlog::account(clients, session, cost);
    }
    if let Some(id) = behind {
        clients.begin_grace(id);
    }
}

/// The window of a connection.
pub(crate) fn window_of(clients: &Clients, id: SlotId) -> Option<NonZeroU16> {
    clients.connections.get(id).map(|connection| connection.agreed.window)
}
