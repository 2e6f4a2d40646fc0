//! The trays of the shard, emptied: letters into mailboxes first, then bytes into sockets, then orders.

use std::rc::Rc;

use ringmq_broker::WantsDrained;
use ringmq_broker::cause::Cause;
use ringmq_broker::message::Message;
use ringmq_broker::outbox::{Chunk, Outbox};
use ringmq_broker::trays::{ConnectionId, HandOff, Order};
use ringmq_ring::{Close, Network, Segment, SendQueue, SocketId};

use super::pump::Pump;
use super::tls::TlsFailure;
use super::wire::{Layer, Leaving};
use crate::runtime::mailbox::Batch;

/// Empties all trays.
pub(crate) fn empty(pump: &mut Pump, net: &mut Network) {
    post_letters(pump);
    for (socket, bytes) in std::mem::take(&mut pump.tls_output) {
        push(net, socket, Segment::Bytes(bytes));
    }
    let sends = pump.shard.take_sends();
    for &connection in &sends {
        send(pump, net, connection);
    }
    pump.shard.recycle_sends(sends);
    for order in pump.shard.take_orders() {
        carry_out(pump, net, order);
    }
    for socket in std::mem::take(&mut pump.peer_closed) {
        answer_goodbye(pump, net, socket);
    }
    for socket in std::mem::take(&mut pump.to_close) {
        net.close(socket, Close::AfterDrain { linger_ms: pump.setup.close_linger_ms });
    }
    for note in std::mem::take(&mut pump.shard.trays().notes) {
        pump.log.note(&note);
    }
    for dropped in std::mem::take(&mut pump.shard.trays().dropped) {
        pump.log.dropped(&dropped);
    }
}

/// Whether letters have gone into mailboxes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Posted {
    None,
    Some,
}

/// Posts letters in bundles. What does not fit goes back to the front of its tray.
pub(super) fn post_letters(pump: &mut Pump) -> Posted {
    let mut posted = Posted::None;
    // Once more for what goes out behind all others.
    for _ in 0..2 {
        if pump.shard.trays().letters_waiting() > 0 && post_to_each(pump) == Posted::Some {
            posted = Posted::Some;
        }
    }
    posted
}

fn post_to_each(pump: &mut Pump) -> Posted {
    let mut posted = Posted::None;
    let trays = pump.shard.trays();
    for to in 0..pump.mailbox.shard_count() {
        while let Some(bundle) = trays.take_bundle(to) {
            if let Err(Batch::Letters(bundle)) = pump.mailbox.post(to, Batch::Letters(bundle)) {
                trays.return_bundle(to, bundle);
                break;
            }
            posted = Posted::Some;
        }
    }
    count_letters(pump);
    posted
}

/// Tells the shard how many bytes of its letters are under way: they count as messages that it holds.
pub(crate) fn count_letters(pump: &mut Pump) {
    if pump.mailbox.shard_count() > 1 {
        pump.shard.trays().set_bytes_under_way(pump.mailbox.bytes_under_way());
    }
}

/// Gives the network what waits for a connection.
fn send(pump: &mut Pump, net: &mut Network, connection: ConnectionId) {
    let output = pump.shard.take_output(connection);
    let Some(wire) = pump.wires.of(connection) else { return };
    let socket = wire.socket;
    let written = write(&mut wire.layer, net, socket, output.outbox);
    if let Err(failure) = written {
        return fail(pump, net, connection, &failure);
    }
    if output.wants_drained == WantsDrained::Yes {
        net.notify_drained(socket);
    }
    pump.shard.recycle(net.spare_buffer());
}

/// A TLS stream that can encrypt no more, for one because its keys are used up, ends its connection.
fn fail(pump: &mut Pump, net: &mut Network, connection: ConnectionId, failure: &TlsFailure) {
    let Some(wire) = pump.wires.of(connection) else { return };
    let (socket, listener) = (wire.socket, wire.listener);
    wire.layer = Layer::Closing;
    if let Some(peer) = pump.shard.peer(connection) {
        pump.log.tls_failed(peer, listener, failure);
    }
    pump.hang_up(connection, Cause::TlsFailed);
    net.close(socket, Close::AfterDrain { linger_ms: pump.setup.close_linger_ms });
}

/// Encrypts if need be and queues.
fn write(layer: &mut Layer, net: &mut Network, socket: SocketId, outbox: Outbox) -> Result<(), TlsFailure> {
    match layer {
        Layer::Plain => {
            match outbox.into_bytes() {
                Ok(bytes) => push_to(net.send_queue(socket), Segment::Bytes(bytes)),
                Err(outbox) => {
                    outbox.into_chunks().for_each(|chunk| push_to(net.send_queue(socket), segment(chunk)));
                }
            }
            net.send(socket);
        }
        Layer::Tls(tls) => {
            let mut records = net.spare_buffer();
            let chunks: Vec<Chunk> = outbox.into_chunks().collect();
            let slices: Vec<&[u8]> = chunks.iter().map(chunk_bytes).collect();
            let sent = tls.send(&slices, &mut records);
            // Also after a failure: what the peer must be told of it is in there.
            push(net, socket, Segment::Bytes(records));
            return sent;
        }
        Layer::Sniffing(_) | Layer::Leaving(_) | Layer::Closing => {}
    }
    Ok(())
}

fn chunk_bytes(chunk: &Chunk) -> &[u8] {
    match chunk {
        Chunk::Bytes(bytes) => bytes,
        Chunk::Payload(message) => message.payload(),
    }
}

fn segment(chunk: Chunk) -> Segment {
    match chunk {
        Chunk::Bytes(bytes) => Segment::Bytes(bytes),
        Chunk::Payload(message) => Segment::Shared(Rc::<Message>::new(message)),
    }
}

fn push_to(queue: Option<&mut SendQueue>, segment: Segment) {
    if let Some(queue) = queue {
        queue.push(segment);
    }
}

fn push(net: &mut Network, socket: SocketId, segment: Segment) {
    push_to(net.send_queue(socket), segment);
    net.send(socket);
}

fn carry_out(pump: &mut Pump, net: &mut Network, order: Order) {
    match order {
        Order::Close(connection) => close(pump, net, connection),
        Order::HandOff(handoff) => hand_off(pump, net, *handoff),
        Order::Pause(connection) => {
            if let Some(wire) = pump.wires.of(connection) {
                net.pause(wire.socket);
            }
        }
        Order::Resume(connection) => {
            if let Some(wire) = pump.wires.of(connection) {
                net.resume(wire.socket);
            }
        }
    }
}

fn close(pump: &mut Pump, net: &mut Network, connection: ConnectionId) {
    let peer = pump.shard.peer(connection);
    let last = pump.shard.take_last_output(connection);
    let Some(wire) = pump.wires.of(connection) else { return };
    let socket = wire.socket;
    if let (Layer::Tls(tls), Some(peer)) = (&wire.layer, peer)
        && !tls.is_established()
        && !pump.setup.census.is_stopping()
    {
        pump.log.tls_failed(peer, wire.listener, &TlsFailure::TimedOut);
    }
    if !last.is_empty() {
        // It ends either way.
        let _ = write(&mut wire.layer, net, socket, last);
    }
    if let Layer::Tls(tls) = &mut wire.layer {
        let mut goodbye = net.spare_buffer();
        tls.close(&mut goodbye);
        push(net, socket, Segment::Bytes(goodbye));
    }
    wire.layer = Layer::Closing;
    net.close(socket, Close::AfterDrain { linger_ms: pump.setup.close_linger_ms });
}

/// The peer has ended its TLS stream; everything that it had sent before is answered by now. One on its way home is
/// ended there.
fn answer_goodbye(pump: &mut Pump, net: &mut Network, socket: SocketId) {
    let Some(wire) = pump.wires.get(socket) else { return };
    let Layer::Tls(tls) = &mut wire.layer else { return };
    let mut goodbye = net.spare_buffer();
    tls.close(&mut goodbye);
    let connection = wire.connection;
    wire.layer = Layer::Closing;
    push(net, socket, Segment::Bytes(goodbye));
    net.close(socket, Close::AfterDrain { linger_ms: pump.setup.close_linger_ms });
    pump.hang_up(connection, Cause::ConnectionLost);
}

fn hand_off(pump: &mut Pump, net: &mut Network, handoff: HandOff) {
    let Some(wire) = pump.wires.of(handoff.connection) else { return };
    let tls = match std::mem::replace(&mut wire.layer, Layer::Closing) {
        Layer::Tls(tls) => Some(tls),
        _ => None,
    };
    let HandOff { peer, to, bytes, .. } = handoff;
    wire.layer = Layer::Leaving(Box::new(Leaving { peer, to, bytes, tls }));
    net.detach(wire.socket);
}
