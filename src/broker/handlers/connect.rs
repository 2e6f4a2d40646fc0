//! CONNECT: is it acceptable, and is this the home of the client? If so the session is attached, else the
//! connection is handed to its home with everything it sent.

use std::net::SocketAddr;

use ringmq_protocol::{
    Connack, Connect, Header, Packet, Properties, Property, PropertyBuf, Reason, Version, Will,
    is_valid_topic, level_count,
};

use crate::access::{self, Role, Verdict};
use crate::cause::{Cause, Ending};
use crate::connection::{Arrival, PACKET_LIMIT, Room};
use crate::handlers::{attach, end};
use crate::policy::ListenerPolicy;
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::trays::{HandOff, Order};

/// A whole CONNECT is at the beginning of `rest`.
pub(crate) fn connect(shard: &mut Shard, id: SlotId, header: &Header, rest: &[u8]) {
    let body = &rest[header.header_len..header.total_len()];
    let packet = match Packet::decode(header, body, Version::V5) {
        Ok(Packet::Connect(connect)) => connect,
        Ok(_) => return end::connection(shard, id, Cause::NotConnect),
        Err(error) => return refuse_undecoded(shard, id, body, error.into()),
    };
    if let Err(ending) = check(shard, id, &packet) {
        return refuse(shard, id, packet.version, ending, packet_limit(&packet));
    }
    let home = shard.setup.seeds.home(packet.client_id, shard.setup.shard_count);
    let Some(connection) = shard.clients.connections.get(id) else { return };
    let at_home =
        packet.client_id.is_empty() || home == shard.setup.shard || connection.arrival == Arrival::HandedOff;
    if at_home {
        attach::attach(shard, id, &packet);
    } else {
        let peer = SocketAddr::from(&connection.peer);
        end::let_go(shard, id);
        shard.clients.counters.handoffs += 1;
        let handoff = HandOff { connection: id, peer, to: home, bytes: rest.to_vec() };
        shard.clients.trays.orders.push(Order::HandOff(Box::new(handoff)));
    }
}

/// What the server may refuse in a CONNECT that is well formed [MQTT-3.1.4-2].
fn check(shard: &Shard, id: SlotId, connect: &Connect<'_>) -> Result<(), Ending> {
    let Some(connection) = shard.clients.connections.get(id) else {
        return Err(Cause::ConnectionLost.into());
    };
    let policy = shard.policy(connection.listener);
    if connect.version == Version::V31 && !policy.v31_allowed {
        return Err(Ending { cause: Cause::UnsupportedVersion, what: "MQTT 3.1 is not served" });
    }
    if connect.is_bridge && !policy.bridge_allowed {
        return Err(Ending { cause: Cause::UnsupportedVersion, what: "bridges are not served" });
    }
    if connection.room == Room::Full {
        return Err(Ending {
            cause: Cause::ServerFull,
            what: "the server has no room for another connection",
        });
    }
    check_client_id(connect, policy)?;
    if connect.properties.authentication_method().is_some() {
        let what = "no authentication method is configured";
        return Err(Ending { cause: Cause::BadAuthenticationMethod, what });
    }
    connect.will.as_ref().map_or(Ok(()), |will| check_will(will, role_of(connect), policy, shard))
}

/// What the client says that it is.
pub(crate) fn role_of(connect: &Connect<'_>) -> Role {
    if connect.is_bridge { Role::Bridge } else { Role::Client }
}

fn check_client_id(connect: &Connect<'_>, policy: &ListenerPolicy) -> Result<(), Ending> {
    let refused = |what| Err(Ending { cause: Cause::ClientIdRefused, what });
    if connect.client_id.len() > policy.client_id_bytes_max {
        return refused("client identifier too long");
    }
    if !connect.client_id.is_empty() {
        return Ok(());
    }
    match connect.version {
        _ if !policy.zero_length_client_id => refused("a client identifier is required"),
        Version::V31 => refused("a client identifier is required"),
        // [MQTT-3.1.3-7 of 3.1.1]
        Version::V311 if !connect.clean_start => refused("an empty client identifier needs CleanSession 1"),
        Version::V311 | Version::V5 => Ok(()),
    }
}

fn check_will(will: &Will<'_>, role: Role, policy: &ListenerPolicy, shard: &Shard) -> Result<(), Ending> {
    if will.qos > policy.qos_max {
        return Err(Ending { cause: Cause::QosNotSupported, what: "will QoS above the maximum" });
    }
    if will.retain && !policy.retain_available {
        return Err(Ending { cause: Cause::RetainNotSupported, what: "retained messages are not served" });
    }
    let limits = &shard.setup.limits;
    let fits =
        will.topic.len() <= limits.topic_bytes_max && level_count(will.topic) <= limits.topic_levels_max;
    if !is_valid_topic(will.topic) || !fits {
        return Err(Ending { cause: Cause::TopicNameInvalid, what: "will topic not accepted" });
    }
    if access::may_publish(will.topic, role, policy) == Verdict::Refused {
        return Err(Ending { cause: Cause::NotAuthorized, what: "will topic is the server's" });
    }
    let claims_text = will.properties.payload_format() == Some(1);
    if policy.payload_format_check && claims_text && std::str::from_utf8(will.payload).is_err() {
        return Err(Ending { cause: Cause::PayloadFormatInvalid, what: "will payload is not UTF-8" });
    }
    Ok(())
}

/// The client's maximum packet size, which is never above that of the protocol.
pub(crate) fn packet_limit(connect: &Connect<'_>) -> u32 {
    connect.properties.maximum_packet_size().map_or(PACKET_LIMIT, |max| max.min(PACKET_LIMIT))
}

/// Answers a CONNECT that cannot be decoded, in a layout that its sender can read; without a word if there is none.
fn refuse_undecoded(shard: &mut Shard, id: SlotId, body: &[u8], ending: Ending) {
    match Connect::refusal_version(body) {
        Some(version) => refuse(shard, id, version, ending, PACKET_LIMIT),
        None => {
            shard.clients.counters.connects_refused += 1;
            end::connection(shard, id, ending);
        }
    }
}

/// Refuses with CONNACK where the version has a code for it, then closes [MQTT-3.2.2-7]. A malformed CONNECT of 3.x
/// is closed without one [MQTT-3.1.4-1 of 3.1.1].
pub(crate) fn refuse(shard: &mut Shard, id: SlotId, version: Version, ending: Ending, packet_bytes_max: u32) {
    shard.clients.counters.connects_refused += 1;
    let reason =
        ending.cause.row().reason.filter(|reason| version.is_v5() || reason.as_311_connack().is_some());
    if let Some(reason) = reason {
        if let Some(connection) = shard.clients.connections.get_mut(id) {
            connection.agreed.version = version;
        }
        write_refusal(shard, id, reason, ending.what, packet_bytes_max);
    }
    end::connection(shard, id, ending);
}

fn write_refusal(shard: &mut Shard, id: SlotId, reason: Reason, what: &str, packet_bytes_max: u32) {
    let mut properties = PropertyBuf::default();
    if !what.is_empty() {
        properties.push(Property::ReasonString(what));
    }
    shard.clients.write(id, |out, version| {
        let with = Connack { session_present: false, reason, properties: properties.as_properties() };
        let without = Connack { session_present: false, reason, properties: Properties::EMPTY };
        // [MQTT-3.2.2-19] the reason string goes before the limit does.
        for connack in [with, without] {
            let packet = Packet::Connack(connack);
            if packet.encoded_len(version) <= packet_bytes_max as usize {
                packet.encode(version, out);
                break;
            }
        }
    });
}
