//! Sending what waited: repeats after a reconnect first, then the backlog, then retained messages, as far as the
//! send quota and the send queue allow.

use ringmq_protocol::{PacketId, PacketType, Reason};

use crate::clients::Clients;
use crate::connection::Stage;
use crate::handlers::deliver::{self, Repeated};
use crate::handlers::retained;
use crate::session::Delivery;
use crate::session::inflight::Step;
use crate::shard::Shard;
use crate::slab::SlotId;

/// Retained topics that are looked at for a session before others get their turn: a client may ask for a thousand filters
/// over a million topics in one packet.
const LOOKED_AT_MAX: usize = 64 << 10;

/// A session has a new connection: everything under way is sent again [MQTT-4.4.0-1], then what waited.
pub(crate) fn resume(shard: &mut Shard, session_id: SlotId) {
    if let Some(outgoing) =
        shard.clients.sessions.get_mut(session_id).and_then(|session| session.outgoing_if_any())
    {
        outgoing.inflight.resume();
    }
    refill(shard, session_id);
}

/// Sends as much as may be sent now.
pub(crate) fn refill(shard: &mut Shard, session_id: SlotId) {
    let Some(session) = shard.clients.sessions.get_mut(session_id) else { return };
    let Some(connection) = session.connection else { return };
    if !session.outgoing_if_any().is_some_and(|outgoing| outgoing.has_waiting()) {
        return;
    }
    let mut looked_at = 0;
    while has_room(&mut shard.clients, connection) {
        let progress = match next(&mut shard.clients, session_id, connection) {
            Next::Repeat => repeat(&mut shard.clients, session_id, connection),
            Next::Waiting(delivery) => first(shard, session_id, connection, delivery),
            Next::Retained(allowed) => retained::send_next(shard, session_id, allowed),
            Next::Nothing => Progress::None,
        };
        match progress {
            Progress::Made => {}
            Progress::Looked(topics) => {
                looked_at += topics;
                if looked_at > LOOKED_AT_MAX {
                    return retained::pause(shard, session_id);
                }
            }
            Progress::None => return,
        }
    }
}

/// Whether a step of sending did anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    Made,
    /// So many retained topics were looked at.
    Looked(usize),
    None,
}

enum Next {
    Repeat,
    Waiting(Delivery),
    Retained(Allowed),
    Nothing,
}

/// Whether the send queue takes more; if not, the connection is noted as hungry and goes on once it drains.
fn has_room(clients: &mut Clients, id: SlotId) -> bool {
    let high_water = clients.limits.send_queue_high_water();
    let Some(connection) = clients.connections.get_mut(id) else { return false };
    let has_room = connection.outbox.len_bytes() < high_water;
    connection.flow.hungry = !has_room;
    has_room && connection.stage == Stage::Connected
}

fn next(clients: &mut Clients, session_id: SlotId, connection: SlotId) -> Next {
    let Some(window) = deliver::window_of(clients, connection) else { return Next::Nothing };
    let Some(session) = clients.sessions.get_mut(session_id) else { return Next::Nothing };
    let Some(outgoing) = session.outgoing_if_any() else { return Next::Nothing };
    let has_quota = outgoing.has_quota(window);
    match outgoing.inflight.peek_resend() {
        // PUBREL takes no quota [MQTT-4.9.0-3].
        Some(Step::Pubrel) => return Next::Repeat,
        Some(Step::Publish(_)) if outgoing.may_repeat(window) => return Next::Repeat,
        Some(_) | None => {}
    }
    let is_behind = outgoing.inflight.has_resend() || !has_quota;
    if !is_behind && let Some(delivery) = outgoing.backlog.pop() {
        if outgoing.full.is_some() {
            clients.unsettled.push(session_id.index());
        }
        return Next::Waiting(delivery);
    }
    match outgoing.reads.is_empty() {
        true => Next::Nothing,
        false => Next::Retained(if is_behind { Allowed::OnlyQos0 } else { Allowed::AnyQos }),
    }
}

/// Which retained messages may be sent: an exhausted quota holds up only QoS 1 and 2 [MQTT-3.3.4-10].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Allowed {
    AnyQos,
    OnlyQos0,
}

/// Sends the next exchange of an earlier connection again, under its old identifier.
fn repeat(clients: &mut Clients, session_id: SlotId, connection: SlotId) -> Progress {
    let Some(session) = clients.sessions.get_mut(session_id) else { return Progress::None };
    let Some((packet_id, step)) = session.outgoing().inflight.next_resend() else { return Progress::None };
    let Step::Publish(delivery) = step else {
        clients.write_ack(connection, PacketType::Pubrel, packet_id, Reason::Success);
        return Progress::Made;
    };
    // A clone of pointers: the session stays borrowed no longer than this.
    let delivery = delivery.clone();
    if deliver::repeat(clients, connection, &delivery, packet_id) == Repeated::TooLarge {
        drop_repeat(clients, session_id, packet_id);
    }
    Progress::Made
}

/// The new connection takes smaller packets than the old one: the message counts as delivered [MQTT-3.1.2-25].
fn drop_repeat(clients: &mut Clients, session_id: SlotId, packet_id: PacketId) {
    clients.counters.dropped_too_large += 1;
    if let Some(session) = clients.sessions.get_mut(session_id) {
        session.outgoing().inflight.abandon(packet_id);
    }
}

/// Sends a message from the backlog for the first time, unless its time is over.
fn first(shard: &mut Shard, session_id: SlotId, connection: SlotId, delivery: Delivery) -> Progress {
    let clients = &mut shard.clients;
    if delivery.is_expired(clients.now) {
        clients.counters.dropped_expired += 1;
        return Progress::Made;
    }
    deliver::open(clients, connection, session_id.index(), delivery);
    Progress::Made
}
