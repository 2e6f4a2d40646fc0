//! Publishes of 3.x clients that have no room: held as they came, and taken once there is room. They are not acknowledged
//! before; the end of their connection gives them up. Everything else that a client sends is handled meanwhile, so that
//! it can take its own messages, and is known to be there.

use ringmq_protocol::Header;

use crate::cause::{Cause, Ending};
use crate::clients::Timer;
use crate::connection::Stage;
use crate::handlers::publish::Taken;
use crate::handlers::{end, receive};
use crate::shard::Shard;
use crate::slab::SlotId;

/// A connection of which more bytes are held is not read.
const BYTES_EACH_MAX: usize = 64 << 10;

/// Connections that are tried before others get their turn.
const TRIES_MAX: usize = 256;

/// How long a try is put off, in milliseconds.
const PAUSE_MS: u64 = 1;

/// Holds a PUBLISH, behind those that are held of its connection.
pub(crate) fn hold(shard: &mut Shard, id: SlotId, packet: &[u8]) -> Result<(), Ending> {
    let clients = &mut shard.clients;
    clients.counters.publish_held += 1;
    clients.partial_bytes += packet.len();
    let bytes = clients.held.push(id, packet);
    clients.set_read(id, |flow| {
        flow.holds = true;
        flow.holds_much = bytes > BYTES_EACH_MAX;
    });
    if clients.partial_bytes > clients.limits.message_bytes_max {
        let what = "no memory left for a publish that must wait";
        return Err(Ending { cause: Cause::QuotaExceeded, what });
    }
    Ok(())
}

/// There may be room: what is held is tried again, soon but not now, as a letter must not cause others.
pub(crate) fn wake(shard: &mut Shard) {
    let clients = &mut shard.clients;
    if !clients.held.is_empty() && !clients.held.is_timer_set {
        clients.held.is_timer_set = true;
        clients.deadlines.insert(clients.now.plus_ms(PAUSE_MS), Timer::HeldPublishes);
    }
}

/// Tries connections in turn, each once.
#[cold]
pub(crate) fn go_on(shard: &mut Shard) {
    shard.clients.held.is_timer_set = false;
    let count = shard.clients.held.len();
    for _ in 0..count.min(TRIES_MAX) {
        let Some((id, packets)) = shard.clients.held.pop() else { return };
        shard.clients.partial_bytes -= packets.len();
        let taken = take(shard, id, &packets);
        keep(shard, id, &packets[taken..]);
    }
    if count > TRIES_MAX {
        wake(shard);
    }
}

/// Takes packets until one must wait; gives the bytes that are done with.
fn take(shard: &mut Shard, id: SlotId, packets: &[u8]) -> usize {
    let mut at = 0;
    while let Ok(Some(header)) = Header::read(&packets[at..]) {
        let Some(connection) = shard.clients.connections.get(id) else { return packets.len() };
        if connection.stage == Stage::Closing {
            return packets.len();
        }
        let version = connection.agreed.version;
        let body = &packets[at + header.header_len..at + header.total_len()];
        match receive::publish_again(shard, id, &header, body, version) {
            Ok(Taken::Yes) => at += header.total_len(),
            Ok(Taken::NotYet) => return at,
            Err(ending) => {
                end::connection(shard, id, ending);
                return packets.len();
            }
        }
    }
    at
}

/// Keeps what must wait on; without any the connection is as others are.
fn keep(shard: &mut Shard, id: SlotId, rest: &[u8]) {
    let clients = &mut shard.clients;
    if !rest.is_empty() {
        clients.partial_bytes += rest.len();
        clients.held.push_back(id, rest.to_vec());
    }
    clients.set_read(id, |flow| {
        flow.holds = !rest.is_empty();
        flow.holds_much = rest.len() > BYTES_EACH_MAX;
    });
}
