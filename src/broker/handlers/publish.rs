//! PUBLISH from a client: checked, handed out, acknowledged.

use std::mem;

use ringmq_protocol::{
    Ack, Packet, PacketId, PacketType, Property, PropertyBuf, Publish, Qos, Reason, Version, level_count,
};

use crate::access::{self, Role, Verdict};
use crate::cause::{Cause, Ending};
use crate::connection::ProblemInformation;
use crate::handlers::fan_out::{self, Reach};
use crate::handlers::fullness;
use crate::handlers::publish_ack_kind;
use crate::journal::Acknowledge;
use crate::message::{Parts, Retain};
use crate::policy::ListenerPolicy;
use crate::publication::{Publication, Publisher};
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::topics::ShareStrategy;

/// Where a PUBLISH comes from.
#[derive(Clone, Copy)]
struct Origin {
    connection: SlotId,
    session: SlotId,
    listener: u16,
    version: Version,
}

impl Origin {
    fn of(shard: &Shard, id: SlotId) -> Option<Origin> {
        let connection = shard.clients.connections.get(id)?;
        let (session, listener) = (connection.session?, connection.listener);
        Some(Origin { connection: id, session, listener, version: connection.agreed.version })
    }
}

/// Whether a PUBLISH is done with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Taken {
    /// It is, be it by a refusal.
    Yes,
    /// A receiver has no room, and the client cannot be told: it must be held and come again.
    NotYet,
}

/// Takes a PUBLISH that just came.
#[inline]
pub(crate) fn publish(shard: &mut Shard, id: SlotId, packet: &Publish<'_>) -> Result<Taken, Ending> {
    count(shard, packet.qos);
    again(shard, id, packet)
}

/// Takes a PUBLISH that is counted already: it was held.
#[inline]
pub(crate) fn again(shard: &mut Shard, id: SlotId, packet: &Publish<'_>) -> Result<Taken, Ending> {
    match Origin::of(shard, id) {
        Some(origin) => take(shard, origin, packet),
        None => Ok(Taken::Yes),
    }
}

#[inline(always)]
fn take(shard: &mut Shard, origin: Origin, packet: &Publish<'_>) -> Result<Taken, Ending> {
    check_offered(shard.policy(origin.listener), packet)?;
    let alias = packet.properties.topic_alias();
    if packet.properties.subscription_id().is_some() {
        return Err(Ending {
            cause: Cause::ProtocolError,
            what: "a client may not send a subscription identifier",
        });
    }
    let Some(alias) = alias else { return to_topic(shard, origin, packet, packet.topic) };
    to_alias(shard, origin, packet, alias.get())
}

/// A PUBLISH that sets or uses a topic alias.
#[inline(never)]
fn to_alias(shard: &mut Shard, from: Origin, packet: &Publish<'_>, alias: u16) -> Result<Taken, Ending> {
    let mut topic = mem::take(&mut shard.scratch.topic);
    let outcome = resolve(shard, from.connection, alias, packet.topic, &mut topic);
    let outcome = outcome.and_then(|()| {
        // A packet that sets an alias names its topic, which is looked up already.
        if shard.scratch.known.is_none() {
            shard.scratch.known = shard.topics.known.take(topic.as_bytes());
        }
        to_topic(shard, from, packet, &topic)
    });
    topic.clear();
    shard.scratch.topic = topic;
    outcome
}

/// Counts a PUBLISH that came.
#[inline]
pub(crate) fn count(shard: &mut Shard, qos: Qos) {
    let counters = &mut shard.clients.counters;
    match qos {
        Qos::AtMostOnce => counters.publish_received_qos0 += 1,
        Qos::AtLeastOnce => counters.publish_received_qos1 += 1,
        Qos::ExactlyOnce => counters.publish_received_qos2 += 1,
    }
}

/// Keeps within what CONNACK announced [MQTT-3.2.2-11, MQTT-3.2.2-14].
fn check_offered(policy: &ListenerPolicy, packet: &Publish<'_>) -> Result<(), Ending> {
    if packet.qos > policy.qos_max {
        return Err(Ending { cause: Cause::QosNotSupported, what: "QoS above the announced maximum" });
    }
    if packet.retain && !policy.retain_available {
        return Err(Ending { cause: Cause::RetainNotSupported, what: "retained messages are not served" });
    }
    Ok(())
}

/// Sets or looks up a topic alias [MQTT-3.3.2-7 to 12].
fn resolve(shard: &mut Shard, id: SlotId, alias: u16, named: &str, topic: &mut String) -> Result<(), Ending> {
    let Some(connection) = shard.clients.connections.get_mut(id) else { return Ok(()) };
    if named.is_empty() {
        if alias > shard.setup.listeners[usize::from(connection.listener)].topic_alias_max {
            return Err(Ending { cause: Cause::TopicAliasInvalid, what: "topic alias above the maximum" });
        }
        let known = connection.inbound_aliases.get(alias);
        topic.push_str(known.ok_or(Ending { cause: Cause::ProtocolError, what: "unknown topic alias" })?);
        return Ok(());
    }
    let out_of_range = Ending { cause: Cause::TopicAliasInvalid, what: "topic alias above the maximum" };
    connection.inbound_aliases.set(alias, named).map_err(|_| out_of_range)?;
    topic.push_str(named);
    Ok(())
}

/// The PUBLISH with its full topic.
fn to_topic(shard: &mut Shard, from: Origin, packet: &Publish<'_>, topic: &str) -> Result<Taken, Ending> {
    let id = from.connection;
    if let Some(packet_id) = packet.packet_id {
        match repeat_or_new(shard, from, packet.qos, packet_id)? {
            Exchange::New => {}
            Exchange::Repeat => {
                acknowledge(shard, id, packet.qos, packet_id, Reason::Success);
                return Ok(Taken::Yes);
            }
            Exchange::Busy => {
                acknowledge(shard, id, packet.qos, packet_id, Reason::PacketIdentifierInUse);
                return Ok(Taken::Yes);
            }
        }
    }
    if let Err(refusal) = check(shard, from, packet, topic) {
        return refuse(shard, from, packet, refusal).map(|()| Taken::Yes);
    }
    if let Some(packet_id) = packet.packet_id
        && fullness::refuses(shard, from.session, topic)
    {
        return Ok(refuse_for_backlog(shard, from, packet.qos, packet_id));
    }
    if packet.qos == Qos::ExactlyOnce {
        note_received(shard, from, packet);
    }
    if shard.scratch.known.is_none() {
        shard.topics.known.see(topic);
    }
    let publisher = Publisher { session: Some(from.session.index()), hash: client_hash(shard, from.session) };
    let serial = shard.clients.next_serial();
    let reach = with_parts(shard, packet, topic, |shard, parts| {
        let known = shard.scratch.known.take();
        let mut publication = Publication::new(parts, publisher, serial).knowing(known);
        let reach = fan_out::publish(shard, &mut publication);
        shard.scratch.known = publication.known;
        reach
    });
    let Some(packet_id) = packet.packet_id else { return Ok(Taken::Yes) };
    let reason = accepted(shard.policy(from.listener), reach);
    match shard.setup.durability.acknowledge() {
        Acknowledge::Now => acknowledge(shard, id, packet.qos, packet_id, reason),
    }
    Ok(Taken::Yes)
}

/// Notes the identifier of a QoS 2 publish until its PUBREL comes [MQTT-4.3.3-10].
fn note_received(shard: &mut Shard, from: Origin, packet: &Publish<'_>) {
    if let (Some(packet_id), Some(session)) = (packet.packet_id, shard.clients.sessions.get_mut(from.session))
    {
        session.received.insert(packet_id);
    }
}

/// Hash of the client identifier, if anything asks for it.
fn client_hash(shard: &Shard, session: SlotId) -> u64 {
    if shard.setup.broker.share_strategy != ShareStrategy::HashPublisher
        || shard.topics.shared_routes.is_empty()
    {
        return 0;
    }
    shard.clients.sessions.get(session).map_or(0, |session| shard.setup.seeds.hash_of(&session.client_id))
}

/// Calls `then` with the parts of the message: what concerns only this connection is left out.
fn with_parts<T>(
    shard: &mut Shard,
    packet: &Publish<'_>,
    topic: &str,
    then: impl FnOnce(&mut Shard, Parts<'_>) -> T,
) -> T {
    let mut passed_on = mem::take(&mut shard.scratch.properties);
    let mut expires = None;
    if !packet.properties.is_empty() {
        packet.properties.passed_on(&mut passed_on);
        expires = packet.properties.message_expiry_s().map(|s| shard.clients.now.plus_s(s));
    }
    let retain = if packet.retain { Retain::Yes } else { Retain::No };
    let parts =
        Parts { topic, passed_on: &passed_on, payload: packet.payload, qos: packet.qos, retain, expires };
    let result = then(shard, parts);
    passed_on.clear();
    shard.scratch.properties = passed_on;
    result
}

/// What a packet identifier means when it comes in.
enum Exchange {
    New,
    /// QoS 2 before PUBREL: acknowledged again, not forwarded again [MQTT-4.3.3-10].
    Repeat,
    /// In use by an exchange of another kind.
    Busy,
}

/// Any new publish takes one from the client's quota [MQTT-3.3.4-7]; at QoS 1 only while it is handled here, since it is
/// acknowledged at once.
fn repeat_or_new(shard: &mut Shard, from: Origin, qos: Qos, packet_id: PacketId) -> Result<Exchange, Ending> {
    let receive_max = usize::from(shard.policy(from.listener).receive_max);
    let is_v5 = from.version.is_v5();
    let Some(session) = shard.clients.sessions.get_mut(from.session) else { return Ok(Exchange::Repeat) };
    if session.received.is_empty() {
        return Ok(Exchange::New);
    }
    if session.received.contains(packet_id) {
        return Ok(match qos {
            Qos::ExactlyOnce => {
                session.received.insert(packet_id);
                Exchange::Repeat
            }
            _ if is_v5 => Exchange::Busy,
            // A 3.x acknowledgement cannot say so; the message is taken rather than lost.
            _ => Exchange::New,
        });
    }
    if is_v5 && session.received.open_count() >= receive_max {
        let what = "more open publishes than the receive maximum";
        return Err(Ending { cause: Cause::ReceiveMaximumExceeded, what });
    }
    Ok(Exchange::New)
}

/// What a well-formed PUBLISH may be refused for. A refusal is told in the acknowledgement.
fn check(shard: &Shard, from: Origin, packet: &Publish<'_>, topic: &str) -> Result<(), Refusal> {
    let policy = shard.policy(from.listener);
    let limits = &shard.setup.limits;
    let known = &shard.scratch.known;
    let levels = known.as_ref().map_or_else(|| level_count(topic), |known| known.level_count());
    if topic.len() > limits.topic_bytes_max || levels > limits.topic_levels_max {
        return Err(Refusal { cause: Cause::TopicNameInvalid, what: "topic name above the limits" });
    }
    if access::is_special(topic) && !may_publish_special(shard, from, topic) {
        return Err(Refusal { cause: Cause::NotAuthorized, what: "the topic is the server's" });
    }
    let bytes = topic.len() + packet.properties.as_bytes().len() + packet.payload.len();
    if !shard.clients.has_memory_for(bytes) {
        return Err(Refusal { cause: Cause::QuotaExceeded, what: "memory for messages is used up" });
    }
    if policy.payload_format_check && packet.properties.payload_format() == Some(1) {
        let is_text = std::str::from_utf8(packet.payload).is_ok();
        return if is_text {
            Ok(())
        } else {
            Err(Refusal { cause: Cause::PayloadFormatInvalid, what: "payload is not UTF-8" })
        };
    }
    Ok(())
}

#[cold]
fn may_publish_special(shard: &Shard, from: Origin, topic: &str) -> bool {
    let connection = shard.clients.connections.get(from.connection);
    let role = connection.map_or(Role::Client, |connection| connection.agreed.role);
    access::may_publish(topic, role, shard.policy(from.listener)) == Verdict::Allowed
}

/// Why a PUBLISH is not taken.
#[derive(Clone, Copy)]
struct Refusal {
    cause: Cause,
    what: &'static str,
}

/// A receiver has no room. A 3.x client cannot be told: its publish waits until there is.
#[cold]
fn refuse_for_backlog(shard: &mut Shard, from: Origin, qos: Qos, packet_id: PacketId) -> Taken {
    if !from.version.is_v5() {
        return Taken::NotYet;
    }
    shard.clients.counters.publish_refused += 1;
    shard.clients.counters.refused_backlog += 1;
    let what = "the backlog of a subscriber is full";
    explain(shard, from.connection, qos, packet_id, Reason::QuotaExceeded, what);
    Taken::Yes
}

/// Tells the client: in the acknowledgement at QoS 1 and 2. A 3.x acknowledgement has no room for a refusal. There
/// a publish that is not authorized is acknowledged and dropped [MQTT-3.3.5-2 of 3.1.1]; every other refusal ends the
/// connection, as an acknowledgement would promise what is not kept [MQTT-4.5.0-1 of 3.1.1].
#[cold]
fn refuse(shard: &mut Shard, from: Origin, packet: &Publish<'_>, refusal: Refusal) -> Result<(), Ending> {
    let id = from.connection;
    shard.clients.counters.publish_refused += 1;
    let ending = Ending { cause: refusal.cause, what: refusal.what };
    let is_lack = refusal.cause == Cause::QuotaExceeded;
    match (packet.packet_id, from.version.is_v5()) {
        (None, _) => {
            shard.clients.counters.dropped_memory += u64::from(is_lack);
            Ok(())
        }
        (Some(packet_id), true) => {
            let reason = refusal.cause.row().reason.unwrap_or(Reason::UnspecifiedError);
            explain(shard, id, packet.qos, packet_id, reason, refusal.what);
            Ok(())
        }
        (Some(_), false) if refusal.cause != Cause::NotAuthorized => Err(ending),
        (Some(packet_id), false) => {
            if packet.qos == Qos::ExactlyOnce {
                note_received(shard, from, packet);
            }
            acknowledge(shard, id, packet.qos, packet_id, Reason::Success);
            Ok(())
        }
    }
}

/// An acknowledgement with a reason string, where it is allowed and fits [MQTT-3.1.2-29, MQTT-3.4.2-2].
fn explain(shard: &mut Shard, id: SlotId, qos: Qos, packet_id: PacketId, reason: Reason, what: &str) {
    let (Some(kind), Some(connection)) = (publish_ack_kind(qos), shard.clients.connections.get(id)) else {
        return;
    };
    let agreed = connection.agreed;
    let mut properties = PropertyBuf::default();
    properties.push(Property::ReasonString(what));
    let ack = Ack { packet_id, reason, properties: properties.as_properties() };
    let packet = if kind == PacketType::Puback { Packet::Puback(ack) } else { Packet::Pubrec(ack) };
    let fits = packet.encoded_len(agreed.version) <= agreed.packet_bytes_max as usize;
    if fits && agreed.problem_information == ProblemInformation::Everywhere {
        shard.clients.write(id, |out, version| packet.encode(version, out));
    } else {
        shard.clients.write_ack(id, kind, packet_id, reason);
    }
}

/// The reason of an accepted publish.
fn accepted(policy: &ListenerPolicy, reach: Reach) -> Reason {
    if reach == Reach::Nobody && policy.no_matching_reason {
        return Reason::NoMatchingSubscribers;
    }
    Reason::Success
}

fn acknowledge(shard: &mut Shard, id: SlotId, qos: Qos, packet_id: PacketId, reason: Reason) {
    if let Some(kind) = publish_ack_kind(qos) {
        shard.clients.acknowledge(id, kind, packet_id, reason);
    }
}
