//! Bytes of one connection: cut into packets, handed to the handlers, the rest kept.
//!
//! Owns the loop over a byte stream. Must never know what a packet means.

use ringmq_protocol::{Header, Packet};

use crate::cause::{Cause, Ending};
use crate::connection::{Cut, Stage};
use crate::handlers::{self, connect, end};
use crate::shard::Shard;
use crate::slab::SlotId;

/// Takes bytes that came in on connection `id`.
pub(crate) fn bytes(shard: &mut Shard, id: SlotId, input: &[u8]) {
    let clients = &mut shard.clients;
    let Some(connection) = clients.connections.get_mut(id) else { return };
    if connection.stage == Stage::Closing {
        return;
    }
    connection.heard = clients.now;
    clients.counters.bytes_received += input.len() as u64;
    if connection.has_partial() {
        clients.partial_bytes -= connection.partial_len();
        let mut whole = connection.take_partial();
        whole.extend_from_slice(input);
        packets(shard, id, &whole);
    } else {
        packets(shard, id, input);
    }
}

/// Handles every whole packet and keeps what is left.
fn packets(shard: &mut Shard, id: SlotId, bytes: &[u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let Some(connection) = shard.clients.connections.get(id) else { return };
        if connection.stage == Stage::Closing {
            return;
        }
        let mut packet_bytes_max = shard.policy(connection.listener).packet_bytes_max;
        if connection.stage == Stage::AwaitingConnect {
            packet_bytes_max = packet_bytes_max.min(shard.setup.limits.connect_bytes_max);
        }
        match connection.cut(rest, packet_bytes_max) {
            Ok(Cut::Packet(header)) => {
                packet(shard, id, &header, rest);
                at += header.total_len();
            }
            Ok(Cut::Incomplete) => return keep(shard, id, rest),
            Err(ending) => return end::connection(shard, id, ending),
        }
    }
}

/// Handles the packet that `rest` begins with.
fn packet(shard: &mut Shard, id: SlotId, header: &Header, rest: &[u8]) {
    shard.clients.counters.packets_received += 1;
    let Some(connection) = shard.clients.connections.get(id) else { return };
    if connection.stage == Stage::AwaitingConnect {
        return connect::connect(shard, id, header, rest);
    }
    let body = &rest[header.header_len..header.total_len()];
    let outcome = match Packet::decode(header, body, connection.agreed.version) {
        Ok(packet) => handlers::packet(shard, id, &packet),
        Err(error) => Err(error.into()),
    };
    if let Err(ending) = outcome {
        end::connection(shard, id, ending);
    }
}

/// Keeps the beginning of a packet, as long as memory for messages allows.
fn keep(shard: &mut Shard, id: SlotId, rest: &[u8]) {
    let clients = &mut shard.clients;
    if !clients.has_memory_for(rest.len()) {
        let what = "no memory left for a packet of this size";
        return end::connection(shard, id, Ending { cause: Cause::QuotaExceeded, what });
    }
    if let Some(connection) = clients.connections.get_mut(id) {
        connection.keep_partial(rest);
        clients.partial_bytes += rest.len();
    }
}
