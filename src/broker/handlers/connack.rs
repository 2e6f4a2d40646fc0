//! CONNACK: what was agreed, announced in full [MQTT-3.1.4-5].

use ringmq_protocol::{Connack, Connect, Packet, Property, PropertyBuf, Qos, Reason};

use crate::handlers::attach::Found;
use crate::handlers::connect::packet_limit;
use crate::policy::ListenerPolicy;
use crate::session::Expiry;
use crate::shard::Shard;
use crate::slab::SlotId;

/// What the CONNECT was granted.
pub(crate) struct Granted<'a> {
    pub(crate) expiry: Expiry,
    pub(crate) keep_alive_s: u16,
    pub(crate) assigned_client_id: Option<&'a str>,
}

/// The properties of the CONNACK that accepts `packet`; `None` if it would exceed the client's maximum packet size
/// [MQTT-3.1.2-24], which must be known before anything is done for a CONNECT that cannot be answered.
pub(crate) fn properties(
    policy: &ListenerPolicy,
    packet: &Connect<'_>,
    granted: &Granted<'_>,
) -> Option<PropertyBuf> {
    let mut properties = PropertyBuf::default();
    if packet.version.is_v5() {
        session_properties(&mut properties, packet, granted);
        announce(&mut properties, policy);
        response_information(&mut properties, packet, granted, policy);
    }
    let len = accepting(Found::New, &properties).encoded_len(packet.version);
    (len <= packet_limit(packet) as usize).then_some(properties)
}

/// Accepts the CONNECT on connection `id`.
pub(crate) fn connack(shard: &mut Shard, id: SlotId, found: Found, properties: &PropertyBuf) {
    let packet = accepting(found, properties);
    shard.clients.write(id, |out, version| packet.encode(version, out));
}

fn accepting(found: Found, properties: &PropertyBuf) -> Packet<'_> {
    Packet::Connack(Connack {
        session_present: found == Found::Present,
        reason: Reason::Success,
        properties: properties.as_properties(),
    })
}

/// What differs from what the client asked for.
fn session_properties(properties: &mut PropertyBuf, packet: &Connect<'_>, granted: &Granted<'_>) {
    if packet.properties.session_expiry_s().unwrap_or(0) != granted.expiry.as_s() {
        properties.push(Property::SessionExpiry(granted.expiry.as_s()));
    }
    if let Some(client_id) = granted.assigned_client_id {
        properties.push(Property::AssignedClientId(client_id));
    }
    if packet.keep_alive_s != granted.keep_alive_s {
        properties.push(Property::ServerKeepAlive(granted.keep_alive_s));
    }
}

/// What the listener offers, where it differs from what the standard takes for granted.
fn announce(properties: &mut PropertyBuf, policy: &ListenerPolicy) {
    if policy.receive_max < u16::MAX {
        properties.push(Property::ReceiveMaximum(policy.receive_max));
    }
    match policy.qos_max {
        Qos::ExactlyOnce => {}
        lower => {
            properties.push(Property::MaximumQos(lower.bits()));
        }
    }
    if !policy.retain_available {
        properties.push(Property::RetainAvailable(0));
    }
    properties.push(Property::MaximumPacketSize(policy.packet_bytes_max));
    if policy.topic_alias_max > 0 {
        properties.push(Property::TopicAliasMaximum(policy.topic_alias_max));
    }
    if !policy.wildcard_available {
        properties.push(Property::WildcardSubscriptionAvailable(0));
    }
    if !policy.subscription_identifiers_available {
        properties.push(Property::SubscriptionIdAvailable(0));
    }
    if !policy.shared_available {
        properties.push(Property::SharedSubscriptionAvailable(0));
    }
}

/// A topic prefix of the client's own, if it asked for one and the listener has any to give [MQTT-3.1.2-28]. None where it
/// does not fit into a string.
fn response_information(
    properties: &mut PropertyBuf,
    packet: &Connect<'_>,
    granted: &Granted<'_>,
    policy: &ListenerPolicy,
) {
    let asked = packet.properties.request_response_information() == Some(true);
    if asked && !policy.response_information.is_empty() {
        let client_id = granted.assigned_client_id.unwrap_or(packet.client_id);
        let text = format!("{}{client_id}", policy.response_information);
        let information = Property::ResponseInformation(&text);
        if information.fits() {
            properties.push(information);
        }
    }
}
