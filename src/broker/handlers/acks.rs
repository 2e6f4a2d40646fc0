//! PUBACK, PUBREC, PUBREL and PUBCOMP from a client.

use ringmq_protocol::{Ack, PacketId, PacketType, Reason, Version};

use crate::cause::{Cause, Ending};
use crate::handlers::{is_refusal, refill};
use crate::session::inflight::WrongKind;
use crate::shard::Shard;
use crate::slab::SlotId;

/// The client has a QoS 1 message, or refuses it; either way the exchange is over [MQTT-4.4.0-2]. One for an
/// unknown identifier is ignored, one for a QoS 2 exchange ends the connection.
pub(crate) fn puback(shard: &mut Shard, id: SlotId, ack: &Ack<'_>) -> Result<(), Ending> {
    check_reason(ack, PacketType::Puback)?;
    let Some((session_id, session)) = shard.clients.session_of(id) else { return Ok(()) };
    let Some(outgoing) = session.outgoing_if_any() else { return Ok(()) };
    match outgoing.inflight.puback(ack.packet_id) {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(WrongKind) => return wrong_kind(shard, id).map(|_| ()),
    }
    let has_waiting = outgoing.has_waiting();
    shard.clients.counters.dropped_by_client += u64::from(is_refusal(ack.reason));
    if has_waiting {
        refill::refill(shard, session_id);
    }
    Ok(())
}

/// The client has these QoS 1 messages: a client acknowledges together what one read brought it. Returns how many were
/// taken: none while something waits to be sent, as then each of them may begin an exchange, with an identifier that
/// the next could mean; and none from one of the wrong kind on, which is judged by itself.
#[inline(always)]
pub(crate) fn pubacks(shard: &mut Shard, id: SlotId, row: impl Iterator<Item = PacketId>) -> usize {
    let Some((_, session)) = shard.clients.session_of(id) else { return 0 };
    let Some(outgoing) = session.outgoing_if_any().filter(|outgoing| !outgoing.has_waiting()) else {
        return 0;
    };
    let mut count = 0;
    for packet_id in row {
        if outgoing.inflight.puback(packet_id).is_err() {
            break;
        }
        count += 1;
    }
    count
}

/// The client has a QoS 2 message: PUBREL [MQTT-4.3.3-4]. Or it refuses it: the exchange is over [MQTT-4.4.0-2].
pub(crate) fn pubrec(shard: &mut Shard, id: SlotId, ack: &Ack<'_>) -> Result<(), Ending> {
    check_reason(ack, PacketType::Pubrec)?;
    let Some((session_id, session)) = shard.clients.session_of(id) else { return Ok(()) };
    let inflight = session.outgoing_if_any().map(|outgoing| &mut outgoing.inflight);
    if is_refusal(ack.reason) {
        let outcome = inflight.map_or(Ok(false), |inflight| inflight.refuse(ack.packet_id));
        if outcome.or_else(|WrongKind| wrong_kind(shard, id))? {
            shard.clients.counters.dropped_by_client += 1;
            refill::refill(shard, session_id);
        }
        return Ok(());
    }
    let outcome = inflight.map_or(Ok(false), |inflight| inflight.pubrec(ack.packet_id));
    let is_known = outcome.or_else(|WrongKind| wrong_kind(shard, id))?;
    let reason = if is_known { Reason::Success } else { Reason::PacketIdentifierNotFound };
    shard.clients.write_ack(id, PacketType::Pubrel, ack.packet_id, reason);
    Ok(())
}

/// The client knows that its QoS 2 message is taken: the identifier is free again [MQTT-4.3.3-11].
pub(crate) fn pubrel(shard: &mut Shard, id: SlotId, ack: &Ack<'_>) -> Result<(), Ending> {
    check_reason(ack, PacketType::Pubrel)?;
    let Some((_, session)) = shard.clients.session_of(id) else { return Ok(()) };
    let was_open = session.received.remove(ack.packet_id);
    let reason = if was_open { Reason::Success } else { Reason::PacketIdentifierNotFound };
    shard.clients.write_ack(id, PacketType::Pubcomp, ack.packet_id, reason);
    Ok(())
}

/// A QoS 2 exchange is over. One for an unknown identifier is ignored: the quota must not grow [MQTT-4.9.0-1].
pub(crate) fn pubcomp(shard: &mut Shard, id: SlotId, ack: &Ack<'_>) -> Result<(), Ending> {
    check_reason(ack, PacketType::Pubcomp)?;
    let Some((session_id, session)) = shard.clients.session_of(id) else { return Ok(()) };
    let Some(outgoing) = session.outgoing_if_any() else { return Ok(()) };
    let outcome = outgoing.inflight.pubcomp(ack.packet_id);
    if outcome.or_else(|WrongKind| wrong_kind(shard, id))? {
        refill::refill(shard, session_id);
    }
    Ok(())
}

/// What an acknowledgement of the wrong kind amounts to. It does not fit the state of its exchange, which is a protocol
/// error (section 1.2 of 5.0) and a violation before [MQTT-4.8.0-1 of 3.1.1]. But clients of 3.1 repeat on a live
/// connection, so that a second answer may meet the next exchange of its identifier: there it is one for nothing.
#[cold]
fn wrong_kind(shard: &Shard, id: SlotId) -> Result<bool, Ending> {
    let connection = shard.clients.connections.get(id);
    if connection.is_some_and(|connection| connection.agreed.version == Version::V31) {
        return Ok(false);
    }
    let what = "an acknowledgement of the wrong kind for its exchange";
    Err(Ending { cause: Cause::ProtocolError, what })
}

/// [MQTT-3.4.2-1] and its like: the reason is one that a client may give in this packet.
fn check_reason(ack: &Ack<'_>, kind: PacketType) -> Result<(), Ending> {
    if ack.reason == Reason::Success || ack.reason.client_may_send(kind) {
        return Ok(());
    }
    Err(Ending { cause: Cause::ProtocolError, what: "a client may not give this reason" })
}
