//! UNSUBSCRIBE: filters removed by their exact text [MQTT-3.10.4-1], and one UNSUBACK.

use ringmq_protocol::{Filter, Packet, Properties, Reason, Unsuback, Unsubscribe};
use smallvec::SmallVec;

use crate::cause::{Cause, Ending};
use crate::handlers::{announce, fullness, subscribe};
use crate::shard::Shard;
use crate::slab::SlotId;

/// Takes an UNSUBSCRIBE. What is under way is finished [MQTT-3.10.4-3]; nothing new is queued.
pub(crate) fn unsubscribe(shard: &mut Shard, id: SlotId, packet: &Unsubscribe<'_>) -> Result<(), Ending> {
    subscribe::check_form(packet.filters.iter())?;
    let Some((session, _)) = shard.clients.session_of(id) else { return Ok(()) };
    let max = shard.setup.limits.filters_per_packet_max;
    let served = packet.filters.iter().take(max).map(|filter| remove(shard, session, filter).as_byte());
    let mut codes: SmallVec<[u8; 8]> = served.collect();
    fullness::subscriptions_changed(shard, session);
    // UNSUBACK has no code for a used-up quota (0x97); the closest it has is "implementation specific".
    codes.resize(packet.filters.len(), Reason::ImplementationSpecificError.as_byte());
    let unsuback = Packet::Unsuback(Unsuback {
        packet_id: packet.packet_id,
        properties: Properties::EMPTY,
        codes: &codes,
    });
    let Some(connection) = shard.clients.connections.get(id) else { return Ok(()) };
    if unsuback.encoded_len(connection.agreed.version) > connection.agreed.packet_bytes_max as usize {
        let what = "UNSUBACK exceeds the client's maximum packet size";
        return Err(Ending { cause: Cause::PacketTooLarge, what });
    }
    shard.clients.write(id, |out, version| unsuback.encode(version, out));
    Ok(())
}

fn remove(shard: &mut Shard, session: SlotId, text: &str) -> Reason {
    let Some(filter) = Filter::parse(text) else { return Reason::TopicFilterInvalid };
    match filter.share {
        Some(share) => remove_shared(shard, session, share, filter.filter),
        None => remove_plain(shard, session, filter.filter),
    }
}

fn remove_plain(shard: &mut Shard, session_id: SlotId, filter: &str) -> Reason {
    let Some(removed) = shard.topics.subscriptions.remove(filter, session_id.index()) else {
        return Reason::NoSubscriptionExisted;
    };
    if let Some(session) = shard.clients.sessions.get_mut(session_id) {
        session.remove_filter(removed.id);
        if let Some(outgoing) = session.outgoing_if_any() {
            outgoing.reads.cancel(filter);
        }
        if let Some(connection) = session.connection {
            shard.announced.cancel_reads(connection, filter);
        }
    }
    shard.setup.subscriptions.give_back();
    announce::closed(shard, removed.closes_route);
    Reason::Success
}

fn remove_shared(shard: &mut Shard, session_id: SlotId, share: &str, filter: &str) -> Reason {
    let group = shard.topics.groups.find(share, filter);
    let removed = group.and_then(|group| {
        let update = shard.topics.groups.remove_member(group, session_id.index())?;
        Some((group, update))
    });
    let Some((group, update)) = removed else { return Reason::NoSubscriptionExisted };
    if let Some(session) = shard.clients.sessions.get_mut(session_id) {
        session.remove_group(group, &update.name);
    }
    shard.setup.subscriptions.give_back();
    announce::group(shard, &update);
    Reason::Success
}
