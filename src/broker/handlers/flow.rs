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
    let waits = flow.hungry || flow.paused || flow.grace.is_some();
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
    connection.flow.hungry = false;
    if !connection.outbox.is_empty() && !connection.flow.in_tray {
        connection.flow.in_tray = true;
        clients.trays.sends.push(id);
    }
    let is_low = connection.outbox.len_bytes() < clients.limits.send_queue_high_water();
    clients.end_grace(id);
    if is_low {
        clients.relieved(id);
    }
    if let Some((session, _)) = shard.clients.session_of(id) {
        refill::refill(shard, session);
    }
}

/// The grace of a slow receiver has passed and its queue has not drained once: its connection ends.
#[cold]
pub(crate) fn grace_over(shard: &mut Shard, id: SlotId) {
    let Some(connection) = shard.clients.connections.get_mut(id) else { return };
    // None: the connection has ended in the same tick.
    if connection.flow.grace.take().is_some() {
        let what = "the client does not read what it is sent";
        end::connection(shard, id, Ending { cause: Cause::SlowConsumer, what });
    }
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::{Disconnect, Packet, PacketId, PacketType, Properties, Reason, Version};

    use super::*;
    use crate::clients::Timer;
    use crate::letter::{Letter, MemoryState};
    use crate::limits::Limits;
    use crate::setup::Setup;
    use crate::testing::{connect, open, setup};
    use crate::time::Time;

    const GRACE_MS: u64 = 5000;

    fn shard() -> Shard {
        let limits = Limits { slow_consumer_grace_ms: GRACE_MS, ..Limits::default() };
        Shard::new(Setup { shard_count: 2, limits, ..setup() }, Time::ZERO)
    }

    /// The graces that end within an hour.
    fn graces(shard: &mut Shard) -> usize {
        let mut due = Vec::new();
        shard.clients.deadlines.expire(Time::from_ms(3_600_000), &mut due);
        due.into_iter().filter(|timer| matches!(timer, Timer::SlowConsumer(_))).count()
    }

    #[test]
    fn a_connection_has_one_grace_timer_at_most() {
        let mut shard = shard();
        let id = open(&mut shard);
        for ms in 0..1000 {
            shard.drained(Time::from_ms(ms), id);
            shard.clients.overflow(id);
            shard.clients.begin_grace(id);
        }
        assert_eq!(graces(&mut shard), 1);
    }

    #[test]
    fn the_grace_timer_goes_when_the_queue_drains_and_when_the_connection_ends() {
        for end in
            [Shard::drained, |shard: &mut Shard, now, id| shard.hang_up(now, id, Cause::ConnectionLost)]
        {
            let mut shard = shard();
            let id = open(&mut shard);
            shard.clients.overflow(id);
            end(&mut shard, Time::from_ms(10), id);
            assert_eq!(graces(&mut shard), 0);
        }
    }

    #[test]
    fn the_grace_runs_from_the_last_time_the_queue_filled_up() {
        let mut shard = shard();
        let id = open(&mut shard);
        shard.clients.overflow(id);
        shard.drained(Time::from_ms(GRACE_MS - 1), id);
        shard.clients.overflow(id);
        let full_at = GRACE_MS - 1;
        shard.tick(Time::from_ms(full_at + GRACE_MS - 1));
        assert_eq!(shard.counters().ended_by(Cause::SlowConsumer), 0);
        shard.tick(Time::from_ms(full_at + GRACE_MS));
        assert_eq!(shard.counters().ended_by(Cause::SlowConsumer), 1);
    }

    /// What a client sends, the bytes that answer it left in the tray.
    fn send(shard: &mut Shard, id: SlotId, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(Version::V5, &mut bytes);
        shard.receive(Time::ZERO, id, &bytes);
    }

    /// A letter for the other shard, which waits until it is taken.
    fn post(shard: &mut Shard) {
        shard.clients.trays.post(1, Letter::Memory(MemoryState::Free));
    }

    /// The connections of which bytes leave, in that order.
    fn leave(shard: &mut Shard) -> Vec<SlotId> {
        let sends = shard.take_sends();
        let closed = shard.take_orders().into_iter().filter_map(|order| match order {
            Order::Close(id) => Some(id),
            _ => None,
        });
        let closed: Vec<SlotId> = closed.collect();
        closed.into_iter().chain(sends).collect()
    }

    /// A shard and a client of it whose connection is behind. The network has not taken an acknowledgement, though the
    /// letter before it is in its mailbox.
    fn behind(client_id: &str) -> (Shard, SlotId) {
        let mut shard = shard();
        let id = open(&mut shard);
        send(&mut shard, id, &Packet::Connect(connect(Version::V5, client_id)));
        assert_eq!(leave(&mut shard), [id]);
        take_output(&mut shard, id);
        shard.stalled(id);
        post(&mut shard);
        shard.clients.acknowledge(id, PacketType::Puback, PacketId::MIN, Reason::Success);
        shard.trays().take_bundle(1).expect("the letter waits");
        assert_eq!(leave(&mut shard), []);
        (shard, id)
    }

    #[test]
    fn the_last_bytes_of_an_old_connection_leave_before_the_first_of_a_new_one() {
        let seeds = shard().setup.seeds;
        let client_id = (0..100).map(|n| n.to_string()).find(|id| seeds.home(id, 2) == 0);
        let client_id = client_id.as_deref().expect("one of them is at home here");
        let goodbye =
            Packet::Disconnect(Disconnect { reason: Reason::Success, properties: Properties::EMPTY });
        for goodbye in [None, Some(goodbye)] {
            let (mut shard, old) = behind(client_id);
            goodbye.into_iter().for_each(|goodbye| send(&mut shard, old, &goodbye));
            let new = open(&mut shard);
            send(&mut shard, new, &Packet::Connect(connect(Version::V5, client_id)));
            post(&mut shard);
            let mut left = leave(&mut shard);
            shard.trays().take_bundle(1).expect("the letter waits");
            left.extend(leave(&mut shard));
            assert_eq!(left, [old, new]);
        }
    }
}
