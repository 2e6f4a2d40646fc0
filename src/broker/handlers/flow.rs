//! Between the send queues and the network: taking bytes, slow receivers, and going on when they have caught up.

use std::mem;

use crate::cause::{Cause, Ending};
use crate::handlers::{end, refill};
use crate::outbox::Outbox;
use crate::shard::{Output, Shard, WantsDrained};
use crate::slab::SlotId;

/// Takes what waits for a connection. While the network is behind nothing is taken, so that what waits is counted.
pub(crate) fn take_output(shard: &mut Shard, id: SlotId) -> Output {
    let clients = &mut shard.clients;
    let Some(connection) = clients.connections.get_mut(id) else {
        return Output { outbox: Outbox::default(), wants_drained: WantsDrained::No };
    };
    connection.flow.in_tray = false;
    let outbox = mem::take(&mut connection.outbox);
    clients.counters.bytes_sent += outbox.len_bytes() as u64;
    let flow = &connection.flow;
    let waits = flow.hungry || flow.paused || flow.over_since.is_some();
    Output { outbox, wants_drained: if waits { WantsDrained::Yes } else { WantsDrained::No } }
}

/// The network is behind: what comes from now on waits here.
pub(crate) fn stalled(shard: &mut Shard, id: SlotId) {
    if let Some(connection) = shard.clients.connections.get_mut(id) {
        connection.flow.stalled = true;
    }
}

/// The network has taken everything it was given.
pub(crate) fn drained(shard: &mut Shard, id: SlotId) {
    let clients = &mut shard.clients;
    let Some(connection) = clients.connections.get_mut(id) else { return };
    connection.flow.stalled = false;
    connection.flow.over_since = None;
    connection.flow.hungry = false;
    if !connection.outbox.is_empty() && !connection.flow.in_tray {
        connection.flow.in_tray = true;
        clients.trays.sends.push(id);
    }
    if connection.outbox.len_bytes() < clients.limits.send_queue_high_water() {
        clients.relieved(id);
    }
    if let Some((session, _)) = shard.clients.session_of(id) {
        refill::refill(shard, session);
    }
}

/// The grace of a slow receiver is over: if it never caught up, its connection ends.
pub(crate) fn grace_over(shard: &mut Shard, id: SlotId) {
    let Some(connection) = shard.clients.connections.get(id) else { return };
    let Some(since) = connection.flow.over_since else { return };
    let end_at = since.plus_ms(shard.setup.limits.slow_consumer_grace_ms);
    if end_at <= shard.clients.now {
        let what = "the client does not read what it is sent";
        end::connection(shard, id, Ending { cause: Cause::SlowConsumer, what });
    }
}
