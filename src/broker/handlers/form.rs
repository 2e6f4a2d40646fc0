//! The form of a PUBLISH for one receiver: copied from what others got, or encoded for this one.
//!
//! Owns the choice, and how the bytes get into the send queue. Must never know who receives what, nor when.

use foldhash::fast::FixedState;
use ringmq_protocol::{Delivery as Head, PacketId, Qos};

use crate::clients::{Clients, Waiting, note_bytes};
use crate::connection::Connection;
use crate::front::{Front, Likeness};
use crate::message::{Message, Parts, Retain};
use crate::publication::Publication;
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::{AliasUse, Fingerprint};

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

impl Clients {
    /// Writes a PUBLISH into the send queue of a connection. There is a packet identifier exactly with QoS 1 and 2.
    pub(crate) fn send(&mut self, id: SlotId, form: Form<'_>, packet_id: Option<PacketId>, body: Body<'_>) {
        let Clients { connections, spares, front, hasher, trays, limits, .. } = self;
        let Some(connection) = connections.get_mut(id) else { return };
        Clients::provide_buffer(spares, &mut connection.outbox);
        match form {
            Form::Common => {
                let out = connection.outbox.room_for(front.len(), body.payload.len());
                front.write(packet_id, out);
            }
            Form::Own(head) => {
                let head = with_alias(connection, Head { packet_id, ..head }, hasher);
                head.encode_head(connection.agreed.version, connection.outbox.bytes());
            }
        }
        connection.outbox.push_payload(body.payload, body.message);
        if note_bytes(connection, id, trays, limits) == Waiting::TooMuch {
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
    let max = connection.agreed.packet_bytes_max;
    max == u32::MAX || head.encoded_len(connection.agreed.version) + ALIAS_BYTES_MAX <= max as usize
}
