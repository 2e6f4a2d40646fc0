//! SUBACK: one code per filter, sent once every core knows the subscriptions; then their retained messages.

use std::sync::Arc;

use ringmq_protocol::{Packet, PacketId, Properties, Suback};
use smallvec::SmallVec;

use crate::cause::{Cause, Ending};
use crate::handlers::{end, refill, retained};
use crate::letter::RetainedFor;
use crate::shard::Shard;
use crate::slab::SlotId;

/// An answer that waits for the other shards.
#[derive(Debug)]
pub(crate) struct PendingSuback {
    /// Number of the last letter that must be known everywhere first.
    pub(crate) after: u64,
    pub(crate) connection: SlotId,
    pub(crate) packet_id: PacketId,
    /// One per filter, in order [MQTT-3.9.3-1].
    pub(crate) codes: SmallVec<[u8; 8]>,
    /// Subscriptions whose retained messages must follow.
    pub(crate) reads: SmallVec<[(Arc<str>, RetainedFor); 1]>,
}

/// Answers a SUBSCRIBE, now or when every shard knows what it added.
pub(crate) fn answer(shard: &mut Shard, pending: PendingSuback) {
    if shard.announced.is_settled() {
        send(shard, pending);
    } else {
        shard.announced.wait(pending);
    }
}

/// Sends the answer, if its connection is still there, and begins the reads of retained messages.
pub(crate) fn send(shard: &mut Shard, pending: PendingSuback) {
    let Some((session_id, _)) = shard.clients.session_of(pending.connection) else { return };
    let Some(connection) = shard.clients.connections.get(pending.connection) else { return };
    let (version, limit) = (connection.agreed.version, connection.agreed.packet_bytes_max);
    let packet = Packet::Suback(Suback {
        packet_id: pending.packet_id,
        properties: Properties::EMPTY,
        codes: &pending.codes,
    });
    if packet.encoded_len(version) > limit as usize {
        let what = "SUBACK exceeds the client's maximum packet size";
        return end::connection(shard, pending.connection, Ending { cause: Cause::PacketTooLarge, what });
    }
    shard.clients.write(pending.connection, |out, version| packet.encode(version, out));
    for (filter, receiver) in pending.reads {
        retained::begin_read(shard, session_id, filter, receiver);
    }
    refill::refill(shard, session_id);
}
