//! An acceptable CONNECT at its home: takeover, clean start, a session old or new, CONNACK, and what waited.

use std::num::NonZeroU16;

use ringmq_protocol::{Connect, Version};

use crate::cause::{Cause, Ending};
use crate::connection::{Agreed, ProblemInformation, Stage};
use crate::handlers::{connack, connect, end, refill, session_end, shared, trace, will};
use crate::policy::ListenerPolicy;
use crate::session::{Expiry, Session};
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::topics::{InboundAliases, OutboundAliases, Presence};

/// Whether the client finds the state it left [MQTT-3.2.2-3].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    Present,
    New,
}

/// Attaches connection `id` to the session of its client.
pub(crate) fn attach(shard: &mut Shard, id: SlotId, packet: &Connect<'_>) {
    let assigned = packet.client_id.is_empty().then(|| shard.identifiers.next());
    let client_id = assigned.as_deref().unwrap_or(packet.client_id);
    let policy = shard.policy(listener_of(shard, id));
    let expiry = granted_expiry(packet, policy);
    let keep_alive_s = granted_keep_alive_s(packet, policy);
    let granted = connack::Granted { expiry, keep_alive_s, assigned_client_id: assigned.as_deref() };
    let Some(properties) = connack::properties(policy, packet, &granted) else {
        let what = "CONNACK exceeds the client's maximum packet size";
        return end::connection(shard, id, Ending { cause: Cause::PacketTooLarge, what });
    };
    let old = shard.clients.sessions.find(client_id);
    if let Err(ending) = take_room(shard, old, packet) {
        return connect::refuse(shard, id, packet.version, ending, connect::packet_limit(packet));
    }
    end_replaced(shard, old, packet);
    let (session, found) = find_or_make(shard, client_id, packet.clean_start, expiry);
    agree(shard, id, session, packet, keep_alive_s);
    will::keep(shard, session, packet);
    shared::set_presence(shard, session, Presence::Connected);
    shard.clients.counters.connects_accepted += 1;
    trace::connected(shard, id, packet, found);
    connack::connack(shard, id, found, &properties);
    refill::resume(shard, session);
}

fn listener_of(shard: &Shard, id: SlotId) -> u16 {
    shard.clients.connections.get(id).map_or(0, |connection| connection.listener)
}

/// Takes room for what this CONNECT brings, in place of what it replaces: session `old` and its will. Nothing is ended
/// yet, so that a CONNECT that is refused leaves everything as it was.
fn take_room(shard: &mut Shard, old: Option<SlotId>, packet: &Connect<'_>) -> Result<(), Ending> {
    let clients = &shard.clients;
    let old_will = old.and_then(|old| clients.sessions.get(old)?.will.as_ref());
    let kept_bytes = clients.will_bytes - old_will.map_or(0, |will| will.content.size_bytes());
    if kept_bytes + will::size_bytes(packet) > shard.setup.limits.will_bytes_max {
        return Err(Ending { cause: Cause::QuotaExceeded, what: "the server has no room for another will" });
    }
    if old.is_none() && !shard.setup.sessions.try_take() {
        let what = "the server has no room for another session";
        return Err(Ending { cause: Cause::QuotaExceeded, what });
    }
    Ok(())
}

/// Ends what this CONNECT replaces [MQTT-3.1.4-3, MQTT-3.1.2-4]. The place of a session that ends is that of the new one.
fn end_replaced(shard: &mut Shard, old: Option<SlotId>, packet: &Connect<'_>) {
    let Some(old) = old else { return };
    shard.replaced = Some(old);
    if let Some(connection) = shard.clients.sessions.get(old).and_then(|session| session.connection) {
        end::connection(shard, connection, Cause::TakenOver);
    }
    if packet.clean_start {
        session_end::end(shard, old);
    }
    shard.replaced = None;
}

fn find_or_make(shard: &mut Shard, client_id: &str, clean_start: bool, expiry: Expiry) -> (SlotId, Found) {
    let sessions = &mut shard.clients.sessions;
    if let Some(id) = sessions.find(client_id) {
        debug_assert!(!clean_start, "clean start has ended the old session");
        return (id, Found::Present);
    }
    (sessions.insert(Session::new(client_id, expiry)), Found::New)
}

/// Session expiry within the ceiling. CleanSession of 3.x stands for at once (1) and for the longest (0).
fn granted_expiry(packet: &Connect<'_>, policy: &ListenerPolicy) -> Expiry {
    let asked_s = match packet.version {
        Version::V5 => packet.properties.session_expiry_s().unwrap_or(0),
        Version::V31 | Version::V311 if packet.clean_start => 0,
        Version::V31 | Version::V311 => u32::MAX,
    };
    Expiry::from_s(asked_s.min(policy.session_expiry_max_s))
}

/// Keep alive within the ceiling. Only a 5.0 client can be told another value than its own [MQTT-3.2.2-22].
fn granted_keep_alive_s(packet: &Connect<'_>, policy: &ListenerPolicy) -> u16 {
    let (asked_s, max_s) = (packet.keep_alive_s, policy.keep_alive_max_s);
    let too_long = max_s > 0 && (asked_s == 0 || asked_s > max_s);
    if too_long && packet.version.is_v5() { max_s } else { asked_s }
}

/// Writes down what holds for this connection and ties it to the session.
fn agree(shard: &mut Shard, id: SlotId, session_id: SlotId, packet: &Connect<'_>, keep_alive_s: u16) {
    let listener = listener_of(shard, id);
    let policy = &shard.setup.listeners[usize::from(listener)];
    let expiry = granted_expiry(packet, policy);
    let clients = &mut shard.clients;
    if let Some(session) = clients.sessions.get_mut(session_id) {
        session.connection = Some(id);
        session.set_expiry(expiry);
        session.backlog_full = policy.backlog_full;
        session.received.resume();
        clients.unsettled.extend(session.is_full().then_some(session_id.index()));
        for timer in [session.expiry_timer.take(), session.will_timer.take()].into_iter().flatten() {
            clients.deadlines.cancel(timer);
        }
    }
    let Some(connection) = clients.connections.get_mut(id) else { return };
    let properties = &packet.properties;
    let inflight_max = NonZeroU16::new(policy.inflight_max).unwrap_or(NonZeroU16::MIN);
    let problem_information = match properties.request_problem_information() {
        Some(false) => ProblemInformation::OnlyWhereAlwaysAllowed,
        _ => ProblemInformation::Everywhere,
    };
    connection.agreed = Agreed {
        version: packet.version,
        role: connect::role_of(packet),
        packet_bytes_max: connect::packet_limit(packet),
        window: properties.receive_maximum().map_or(inflight_max, |asked| asked.min(inflight_max)),
        problem_information,
        keep_alive_s,
    };
    if packet.version.is_v5() {
        let outbound_max = properties.topic_alias_maximum().unwrap_or(0).min(policy.topic_alias_outbound_max);
        connection.inbound_aliases = InboundAliases::new(policy.topic_alias_max);
        connection.outbound_aliases = OutboundAliases::new(outbound_max);
    }
    connection.stage = Stage::Connected;
    connection.session = Some(session_id);
    // Whatever may hold back the last bytes of the connection before holds back the first of this one as well.
    connection.flow.behind_letters = true;
    clients.counters.handshakes -= 1;
    crate::handlers::timers::watch(clients, id);
}
