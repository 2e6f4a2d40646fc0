//! The end of a connection: what the client is told, what becomes of its session, what is counted.

use ringmq_protocol::{Disconnect, Packet, Properties, Property, PropertyBuf, Reason, Version};

use crate::cause::{Cause, Ending, WillFate};
use crate::clients::Timer;
use crate::connection::{Connection, Stage};
use crate::handlers::{session_end, shared, trace, will};
use crate::outbox::Outbox;
use crate::session::Expiry;
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::topics::{InboundAliases, OutboundAliases, Presence};
use crate::trays::Order;

/// Ends a connection from this side: DISCONNECT where the client can be told [MQTT-3.14.0-1], then close.
pub(crate) fn connection(shard: &mut Shard, id: SlotId, ending: impl Into<Ending>) {
    let ending = ending.into();
    let Some(connection) = shard.clients.connections.get(id) else { return };
    match connection.stage {
        Stage::Closing => return,
        Stage::Connected if connection.agreed.version.is_v5() => tell(shard, id, ending),
        Stage::Connected | Stage::AwaitingConnect => {}
    }
    trace::last_sent(shard, id);
    conclude(shard, id, ending);
    shard.clients.trays.orders.push(Order::Close(id));
}

/// Ends a connection that has said goodbye itself: nothing is left to tell.
pub(crate) fn silently(shard: &mut Shard, id: SlotId, cause: Cause) {
    trace::last_sent(shard, id);
    conclude(shard, id, cause.into());
    shard.clients.trays.orders.push(Order::Close(id));
}

/// The network ended it, or the shell will: nothing more can be said.
pub(crate) fn hung_up(shard: &mut Shard, id: SlotId, cause: Cause) {
    let Some(connection) = shard.clients.connections.get(id) else { return };
    if connection.stage != Stage::Closing {
        conclude(shard, id, cause.into());
    }
    forget(shard, id);
}

/// A connection leaves for its home: it is not counted as ended, and nothing of it stays.
pub(crate) fn let_go(shard: &mut Shard, id: SlotId) {
    shard.clients.counters.handshakes -= 1;
    cancel_timers(shard, id);
    forget(shard, id);
}

/// Takes the last bytes of a connection and forgets it.
pub(crate) fn forget(shard: &mut Shard, id: SlotId) -> Outbox {
    let clients = &mut shard.clients;
    let Some(mut connection) = clients.connections.remove(id) else { return Outbox::default() };
    clients.counters.connections -= 1;
    clients.partial_bytes -= connection.partial_len();
    clients.counters.bytes_sent += connection.outbox.len_bytes() as u64;
    std::mem::take(&mut connection.outbox)
}

/// DISCONNECT with the reason, and a reason string if it fits [MQTT-3.14.2-3].
fn tell(shard: &mut Shard, id: SlotId, ending: Ending) {
    let Some(reason) = ending.cause.row().reason else { return };
    let Some(connection) = shard.clients.connections.get(id) else { return };
    let limit = connection.agreed.packet_bytes_max as usize;
    let mut properties = PropertyBuf::default();
    let what = if ending.what.is_empty() { ending.cause.row().name } else { ending.what };
    properties.push(Property::ReasonString(what));
    let explained = disconnect_packet(reason, properties.as_properties());
    let bare = disconnect_packet(reason, Properties::EMPTY);
    let fitting = [explained, bare].into_iter().find(|packet| packet.encoded_len(Version::V5) <= limit);
    if let Some(packet) = fitting {
        shard.clients.write(id, |out, version| packet.encode(version, out));
    }
}

fn disconnect_packet(reason: Reason, properties: Properties<'_>) -> Packet<'_> {
    Packet::Disconnect(Disconnect { reason, properties })
}

/// Everything but the bytes: counted, noted, timers gone, session detached. The connection is closing afterwards.
fn conclude(shard: &mut Shard, id: SlotId, ending: Ending) {
    cancel_timers(shard, id);
    trace::ended(shard, id, ending);
    let clients = &mut shard.clients;
    clients.counters.ended[ending.cause as usize] += 1;
    let Some(connection) = clients.connections.get_mut(id) else { return };
    if connection.stage == Stage::AwaitingConnect {
        clients.counters.handshakes -= 1;
    }
    connection.stage = Stage::Closing;
    clients.partial_bytes -= connection.partial_len();
    if connection.flow.holds {
        clients.partial_bytes -= clients.held.remove(id).map_or(0, |packets| packets.len());
    }
    release(connection);
    if let Some(session) = connection.session.take() {
        detach(shard, session, ending.cause.row().will);
    }
}

fn release(connection: &mut Connection) {
    connection.take_partial();
    connection.inbound_aliases = InboundAliases::new(0);
    connection.outbound_aliases = OutboundAliases::new(0);
}

fn cancel_timers(shard: &mut Shard, id: SlotId) {
    let clients = &mut shard.clients;
    let Some(connection) = clients.connections.get_mut(id) else { return };
    if let Some(timer) = connection.timer.take() {
        clients.deadlines.cancel(timer);
    }
    if let Some(timer) = connection.flow.grace.take() {
        clients.deadlines.cancel(timer);
    }
}

/// The session has lost its connection: it ends now, later or never [MQTT-4.1.0-2], and its will with it.
fn detach(shard: &mut Shard, session_id: SlotId, fate: WillFate) {
    let now = shard.clients.now;
    let Some(session) = shard.clients.sessions.get_mut(session_id) else { return };
    session.connection = None;
    session.release_if_idle();
    let expiry = session.expiry();
    // First of all, so that its own will is given to a member of the group that is there.
    shared::set_presence(shard, session_id, Presence::Offline);
    will::settle(shard, session_id, fate);
    match expiry {
        Expiry::AtOnce => session_end::end(shard, session_id),
        Expiry::After(s) => {
            let timer = shard.clients.deadlines.insert(now.plus_s(s), Timer::SessionEnd(session_id));
            if let Some(session) = shard.clients.sessions.get_mut(session_id) {
                session.expiry_timer = Some(timer);
            }
        }
        Expiry::Never => {}
    }
}
