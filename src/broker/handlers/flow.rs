//! Between the send queues and the network: taking bytes, slow receivers, and going on when they have caught up.

use std::mem;

use crate::cause::{Cause, Ending, Level};
use crate::clients::Clients;
use crate::connection::Stage;
use crate::handlers::{end, refill, trace};
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::trays::{Held, Order, Output, WantsDrained};

/// Takes what waits for a connection. While the network is behind nothing is taken, so that what waits is counted.
pub(crate) fn take_output(shard: &mut Shard, id: SlotId) -> Output {
    let clients = &mut shard.clients;
    let Some(connection) = clients.connections.get_mut(id) else {
        return Output { outbox: Outbox::default(), wants_drained: WantsDrained::No };
    };
    connection.flow.in_tray = false;
    connection.flow.behind_letters = false;
    let outbox = mem::take(&mut connection.outbox);
    clients.counters.bytes_sent += outbox.len_bytes() as u64;
    let flow = &connection.flow;
    let waits = flow.hungry || flow.paused || flow.over_since.is_some();
    // What a closing connection is still sent was noted with its end.
    if shard.setup.notes == Level::Trace && connection.stage != Stage::Closing {
        trace::sent(shard, id, &outbox);
    }
    Output { outbox, wants_drained: if waits { WantsDrained::Yes } else { WantsDrained::No } }
}

/// Takes the connections whose bytes may leave. Those with acknowledgements of what letters carry come later, once these
/// letters are in their mailboxes.
pub(crate) fn take_sends(shard: &mut Shard) -> Vec<SlotId> {
    let clients = &mut shard.clients;
    if clients.trays.letters_waiting() > 0 {
        hold_back(clients);
    }
    let mut sends = mem::take(&mut clients.trays.sends);
    if clients.trays.is_holding() {
        release(clients, &mut sends);
    }
    sends
}

/// Holds back what must not leave before letters that still wait. Closes come first: a client's last bytes on an old
/// connection stay before its first on a new one.
fn hold_back(clients: &mut Clients) {
    let mut orders = mem::take(&mut clients.trays.orders);
    orders.retain(|order| !matches!(*order, Order::Close(id) if hold(clients, Held::Close(id))));
    clients.trays.orders = orders;
    let mut sends = mem::take(&mut clients.trays.sends);
    sends.retain(|&id| !hold(clients, Held::Send(id)));
    clients.trays.sends = sends;
}

/// Holds something back if it must not leave before letters that still wait; tells whether it did.
fn hold(clients: &mut Clients, held: Held) -> bool {
    let (Held::Send(id) | Held::Close(id)) = held;
    let Some(connection) = clients.connections.get_mut(id) else { return false };
    let flow = &mut connection.flow;
    let is_held = flow.is_held;
    if !flow.behind_letters && !is_held {
        return false;
    }
    (flow.behind_letters, flow.is_held) = (false, true);
    // Bytes of a connection whose close is held leave with that.
    if !is_held || matches!(held, Held::Close(_)) {
        clients.trays.hold(held);
    }
    true
}

/// Adds what is held no longer. What a connection acknowledged meanwhile may have letters of its own to wait for.
fn release(clients: &mut Clients, sends: &mut Vec<SlotId>) {
    for released in clients.trays.take_released() {
        let (Held::Send(id) | Held::Close(id)) = released;
        let Some(connection) = clients.connections.get_mut(id) else { continue };
        connection.flow.is_held = false;
        match released {
            // Its close is held as well, and takes all bytes.
            Held::Send(_) if connection.stage == Stage::Closing => connection.flow.is_held = true,
            Held::Send(_) if clients.trays.letters_waiting() > 0 && hold(clients, released) => {}
            Held::Send(_) => sends.push(id),
            Held::Close(_) => clients.trays.orders.push(Order::Close(id)),
        }
    }
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
