//! The form of a PUBLISH for one receiver: copied from what others got, or encoded for this one.
//!
//! Owns the choice, and how the bytes get into the send queue. Must never know who receives what, nor when.

use foldhash::fast::FixedState;
use ringmq_protocol::{Delivery as Head, PACKET_BYTES_MAX, PacketId, Qos};

use crate::clients::Clients;
use crate::connection::Connection;
use crate::counters::Counters;
use crate::front::{Front, Likeness};
use crate::handlers::write::{Waiting, note_bytes};
use crate::limits::Limits;
use crate::message::{Message, Parts, Retain};
use crate::publication::Publication;
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::{AliasUse, Fingerprint};
use crate::trays::Trays;

/// What may differ between the receivers of one message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    pub(crate) qos: Qos,
    /// RETAIN as this receiver must see it.
    pub(crate) retain: Retain,
    pub(crate) identifiers: &'a [u32],
}

impl<'a> Look<'a> {
    /// The encoded form but for alias and packet identifier. What is left of the expiry is what the receiver may
    /// still wait [MQTT-3.3.2-6].
    pub(crate) fn head(self, parts: &Parts<'a>, now: Time) -> Head<'a> {
        Head {
            qos: self.qos,
            dup: false,
            retain: self.retain == Retain::Yes,
            topic: parts.topic,
            packet_id: (self.qos > Qos::AtMostOnce).then_some(PacketId::MAX),
            topic_alias: None,
            message_expiry_s: parts.expires.map(|expires| left_s(expires, now)),
            subscription_ids: self.identifiers,
            passed_on: parts.passed_on,
            payload_len: parts.payload.len(),
        }
    }
}

/// Whole seconds that have not passed yet: what was received less the whole seconds spent here.
fn left_s(expires: Time, now: Time) -> u32 {
    u32::try_from(expires.since_ms(now).div_ceil(1000)).unwrap_or(u32::MAX)
}

/// How the packet comes about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form<'a> {
    /// From the front that is prepared.
    Common,
    /// For this receiver alone. Its packet identifier is a placeholder.
    Own(Head<'a>),
}

/// What stands behind the front.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'a> {
    pub(crate) payload: &'a [u8],
    /// The message, where a large payload can be kept by reference.
    pub(crate) message: Option<&'a Message>,
}

impl<'a> Form<'a> {
    /// The form for a receiver of a publication: common, unless aliases or identifiers make it the receiver's own.
    pub(crate) fn of(
        publication: &Publication<'a>,
        look: Look<'a>,
        now: Time,
        connection: &Connection,
        front: &mut Front,
    ) -> Form<'a> {
        if !look.identifiers.is_empty() || connection.outbound_aliases.is_enabled() {
            return Form::Own(look.head(&publication.parts, now));
        }
        let version = connection.agreed.version;
        let likeness = Likeness { version, qos: look.qos, retain: look.retain };
        let parts = &publication.parts;
        front.prepare(publication.serial, likeness, parts, || look.head(parts, now));
        Form::Common
    }

    /// Bytes of the whole packet, or none if that is more than the receiver takes [MQTT-3.1.2-24]. Without an alias: with
    /// one it may be larger, but then it is sent without.
    pub(crate) fn len_within_max(
        &self,
        front: &Front,
        payload_len: usize,
        connection: &Connection,
    ) -> Option<usize> {
        let len = match self {
            Form::Common => front.len() + payload_len,
            Form::Own(head) => head.encoded_len(connection.agreed.version),
        };
        (len <= connection.agreed.packet_bytes_max as usize).then_some(len)
    }
}

/// What else than the connection takes part in sending to it.
pub(crate) struct Tools<'a> {
    pub(crate) spares: &'a mut Vec<Vec<u8>>,
    pub(crate) front: &'a Front,
    pub(crate) hasher: &'a FixedState,
    pub(crate) trays: &'a mut Trays,
    pub(crate) limits: &'a Limits,
    pub(crate) counters: &'a mut Counters,
}

/// Writes a PUBLISH into the send queue of connection `id`. There is a packet identifier exactly with QoS 1 and 2.
#[inline(always)] // For each delivery, by callers that have the connection at hand.
pub(crate) fn write(
    (id, connection): (SlotId, &mut Connection),
    form: Form<'_>,
    packet_id: Option<PacketId>,
    body: Body<'_>,
    tools: Tools<'_>,
) -> Waiting {
    let Tools { spares, front, hasher, trays, limits, counters } = tools;
    Clients::provide_buffer(spares, &mut connection.outbox);
    match form {
        Form::Common => {
            let out = connection.outbox.room_for(front.len(), body.payload.len());
            front.write(packet_id, out);
        }
        Form::Own(head) => {
            if !write_own(connection, Head { packet_id, ..head }, hasher) {
                counters.dropped_too_large += 1;
                return Waiting::WithinBounds;
            }
        }
    }
    connection.outbox.push_payload(body.payload, body.message);
    note_bytes(connection, id, trays, limits)
}

/// Writes the front of a receiver of its own; if the packet turns out larger than any can be, nothing, and tells so.
fn write_own(connection: &mut Connection, head: Head<'_>, hasher: &FixedState) -> bool {
    let head = with_alias(connection, head, hasher);
    head.encode_head(connection.agreed.version, connection.outbox.bytes()).is_ok()
}

impl Clients {
    /// As [`write()`], for the rarer callers.
    pub(crate) fn send(&mut self, id: SlotId, form: Form<'_>, packet_id: Option<PacketId>, body: Body<'_>) {
        let Clients { connections, spares, front, hasher, trays, limits, counters, .. } = self;
        let Some(connection) = connections.get_mut(id) else { return };
        let tools = Tools { spares, front, hasher, trays, limits, counters };
        if write((id, connection), form, packet_id, body, tools) == Waiting::TooMuch {
            self.overflow(id);
        }
    }
}

/// Uses the receiver's alias for the topic, if it allows any.
fn with_alias<'a>(connection: &mut Connection, mut head: Head<'a>, hasher: &FixedState) -> Head<'a> {
    if connection.outbound_aliases.is_enabled() && may_take_alias(connection, &head) {
        match connection.outbound_aliases.assign(head.topic, Fingerprint::of(head.topic, hasher)) {
            AliasUse::None => {}
            AliasUse::New(alias) => head.topic_alias = Some(alias),
            AliasUse::Known(alias) => (head.topic, head.topic_alias) = ("", Some(alias)),
        }
    }
    head
}

/// Whether the packet stays within the client's maximum with a new alias, which it then must carry.
fn may_take_alias(connection: &Connection, head: &Head<'_>) -> bool {
    /// The property, and what two length fields may grow by.
    const ALIAS_BYTES_MAX: usize = 5;
    let max = connection.agreed.packet_bytes_max as usize;
    // Nearly all are far below the largest packet that there can be; their length need not be computed.
    let rough_len = head.payload_len + head.passed_on.len() + 5 * head.subscription_ids.len();
    let is_far_below = max == PACKET_BYTES_MAX && rough_len < PACKET_BYTES_MAX / 2;
    is_far_below || head.encoded_len(connection.agreed.version) + ALIAS_BYTES_MAX <= max
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::{BODY_BYTES_MAX, Connect, Property, PropertyBuf, Version};

    use crate::policy::ListenerPolicy;
    use crate::shard::Shard;
    use crate::testing::{client, connect, shard, subscribe};
    use crate::time::Time;
    use crate::trays::ConnectionId;

    use super::*;

    /// A subscriber of `t`.
    fn subscriber(shard: &mut Shard, qos: Qos, connect: Connect<'_>) -> ConnectionId {
        let id = client(shard, connect);
        subscribe(shard, id, "t", qos, connect.version);
        id
    }

    /// Bytes that wait for a client.
    fn waiting(shard: &mut Shard, id: ConnectionId) -> usize {
        shard.take_output(id).outbox.len_bytes()
    }

    /// The largest PUBLISH of 3.1.1 grows for receivers of 5.0, by their properties: it is dropped for them alone.
    #[test]
    fn the_largest_packet_is_dropped_for_whom_it_would_grow() {
        let policy =
            ListenerPolicy { packet_bytes_max: PACKET_BYTES_MAX as u32, ..ListenerPolicy::default() };
        let mut shard = shard(policy);
        let publisher = client(&mut shard, connect(Version::V311, "publisher"));
        let old = subscriber(&mut shard, Qos::AtMostOnce, connect(Version::V311, "old"));
        let mut aliases = PropertyBuf::new();
        aliases.push(Property::TopicAliasMaximum(5));
        let with_aliases = Connect { properties: aliases.as_properties(), ..connect(Version::V5, "aliases") };
        let new = [
            subscriber(&mut shard, Qos::AtMostOnce, connect(Version::V5, "new")),
            subscriber(&mut shard, Qos::AtMostOnce, with_aliases),
        ];
        for first_byte in [0x30, 0x32] {
            let mut packet = vec![0; PACKET_BYTES_MAX];
            packet[..8].copy_from_slice(&[first_byte, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, b't']);
            packet[9] = 1;
            shard.receive(Time::ZERO, publisher, &packet);
            drop(packet);
            let len = waiting(&mut shard, old);
            assert!((BODY_BYTES_MAX - 2..=PACKET_BYTES_MAX).contains(&len), "{len}");
            // At QoS 1 it came with two bytes that a copy at QoS 0 has not: one of them is the property length.
            let (grows, expected) = if first_byte == 0x30 { (2, 0) } else { (0, 1) };
            for id in new {
                assert_eq!(usize::from(waiting(&mut shard, id) > 0), expected, "{first_byte:#x}");
            }
            assert_eq!(std::mem::take(&mut shard.clients.counters.dropped_too_large), grows);
        }
    }
}
