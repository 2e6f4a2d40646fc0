//! Bytes of one connection: cut into packets, handed to the handlers, the rest kept.
//!
//! Owns the loop over a byte stream. Must never know what a packet means.

use ringmq_protocol::{Ack, Header, Packet, PacketType, Publish, Version, plain_puback};

use crate::cause::{Cause, Ending, Level};
use crate::connection::{Cut, Stage};
use crate::handlers::publish::{self, Taken};
use crate::handlers::{self, acks, connect, end, held, trace};
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
    let mut kept = connection.take_partial();
    if kept.is_empty() {
        let taken = packets(shard, id, input);
        keep(shard, id, Rest::Borrowed(&input[taken..]));
    } else {
        clients.partial_bytes -= kept.len();
        kept.extend_from_slice(input);
        let taken = packets(shard, id, &kept);
        kept.drain(..taken);
        keep(shard, id, Rest::Owned(kept));
    }
}

/// Handles every whole packet; gives the number of bytes that are done with.
fn packets(shard: &mut Shard, id: SlotId, bytes: &[u8]) -> usize {
    if shard.setup.notes == Level::Trace { traced(shard, id, bytes) } else { untraced(shard, id, bytes) }
}

/// The same, one packet at a time with a note of each before it is handled.
#[cold]
fn traced(shard: &mut Shard, id: SlotId, bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Ok(Some(header)) = Header::read(rest)
        && let Some((packet, behind)) = rest.split_at_checked(header.total_len())
    {
        trace::received(shard, id, &header, packet);
        handle(shard, id, packet);
        rest = behind;
    }
    bytes.len() - rest.len() + handle(shard, id, rest)
}

fn handle(shard: &mut Shard, id: SlotId, bytes: &[u8]) -> usize {
    untraced(shard, id, bytes)
}

// Inlined where nothing is traced: each packet passes here.
#[inline(always)]
fn untraced(shard: &mut Shard, id: SlotId, bytes: &[u8]) -> usize {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let Some(connection) = shard.clients.connections.get(id) else { return bytes.len() };
        if connection.stage == Stage::Closing {
            return bytes.len();
        }
        let mut packet_bytes_max = shard.policy(connection.listener).packet_bytes_max;
        if connection.stage == Stage::AwaitingConnect {
            packet_bytes_max = packet_bytes_max.min(shard.setup.limits.connect_bytes_max);
        }
        let from = Sender { id, stage: connection.stage, version: connection.agreed.version };
        match connection.cut(rest, packet_bytes_max) {
            Ok(Cut::Packet(header)) => at += packet_or_row(shard, from, &header, rest),
            Ok(Cut::Incomplete) => return at,
            Err(ending) => {
                end::connection(shard, id, ending);
                return bytes.len();
            }
        }
    }
    at
}

/// Who a packet comes from.
#[derive(Clone, Copy)]
struct Sender {
    id: SlotId,
    stage: Stage,
    version: Version,
}

/// Handles the packet that `rest` begins with, or several if they can be taken together. Returns their bytes.
#[inline(always)]
fn packet_or_row(shard: &mut Shard, from: Sender, header: &Header, rest: &[u8]) -> usize {
    if header.kind == PacketType::Puback {
        let row_len = pubacks(shard, from.id, rest);
        if row_len > 0 {
            return row_len;
        }
    }
    packet(shard, from, header, rest);
    header.total_len()
}

/// Handles the PUBACKs in their shortest form that `rest` begins with, if they can be taken together. Returns their bytes.
#[inline(always)]
fn pubacks(shard: &mut Shard, id: SlotId, rest: &[u8]) -> usize {
    let (packets, _) = rest.as_chunks::<4>();
    let count = acks::pubacks(shard, id, packets.iter().map_while(|packet| plain_puback(*packet)));
    shard.clients.counters.packets_received += count as u64;
    packets[..count].as_flattened().len()
}

/// Handles the packet that `rest` begins with.
fn packet(shard: &mut Shard, from: Sender, header: &Header, rest: &[u8]) {
    shard.clients.counters.packets_received += 1;
    let Sender { id, stage, version } = from;
    if stage == Stage::AwaitingConnect {
        return connect::connect(shard, id, header, rest);
    }
    let body = &rest[header.header_len..header.total_len()];
    // What comes most is decoded as what it is, without the detour over a packet of any kind.
    let outcome = match header.kind {
        PacketType::Publish => publish_or_hold(shard, from, header, rest),
        PacketType::Puback => match Ack::decode(header, body, version) {
            Ok(ack) => acks::puback(shard, id, &ack),
            Err(error) => Err(error.into()),
        },
        _ => match Packet::decode(header, body, version) {
            Ok(packet) => handlers::packet(shard, id, &packet),
            Err(error) => Err(error.into()),
        },
    };
    if let Err(ending) = outcome {
        end::connection(shard, id, ending);
    }
}

/// A PUBLISH that `rest` begins with. QoS 1 and 2 may have to wait, behind those of the same connection that do.
#[inline(always)]
fn publish_or_hold(shard: &mut Shard, from: Sender, header: &Header, rest: &[u8]) -> Result<(), Ending> {
    let packet = &rest[..header.total_len()];
    // Only what is held makes others wait.
    if header.flags & 0b0110 != 0 && !shard.clients.held.is_empty() && holds(shard, from.id) {
        if let Some(qos) = header.qos() {
            publish::count(shard, qos);
        }
        return held::hold(shard, from.id, packet);
    }
    match decoded(shard, from, header, &packet[header.header_len..], publish::publish)? {
        Taken::Yes => Ok(()),
        Taken::NotYet => held::hold(shard, from.id, packet),
    }
}

#[cold]
fn holds(shard: &Shard, id: SlotId) -> bool {
    shard.clients.connections.get(id).is_some_and(|connection| connection.flow.holds)
}

/// A PUBLISH that was held.
pub(crate) fn publish_again(
    shard: &mut Shard,
    id: SlotId,
    header: &Header,
    body: &[u8],
    version: Version,
) -> Result<Taken, Ending> {
    let from = Sender { id, stage: Stage::Connected, version };
    decoded(shard, from, header, body, publish::again)
}

/// A PUBLISH, whose topic is often one that is known.
#[inline(always)]
fn decoded(
    shard: &mut Shard,
    from: Sender,
    header: &Header,
    body: &[u8],
    then: impl FnOnce(&mut Shard, SlotId, &Publish<'_>) -> Result<Taken, Ending>,
) -> Result<Taken, Ending> {
    let known = Publish::peek_topic(body).and_then(|topic| shard.topics.known.take(topic));
    let text = known.as_ref().map(|topic| topic.text());
    shard.scratch.known = known;
    let outcome = match Publish::decode(header, body, from.version, text.as_deref()) {
        Ok(packet) => then(shard, from.id, &packet),
        Err(error) => Err(error.into()),
    };
    if let Some(known) = shard.scratch.known.take() {
        shard.topics.known.put_back(known);
    }
    outcome
}

/// The beginning of a packet whose rest has not come yet.
enum Rest<'a> {
    /// Of the bytes that just came in.
    Borrowed(&'a [u8]),
    /// Kept before: kept again without a copy, so that a packet in many small pieces costs no more than one in few.
    Owned(Vec<u8>),
}

/// Keeps the beginning of a packet. All beginnings together have a bound of their own, so that messages which fill
/// the memory do not cut off everyone whose packet happens to come in two pieces.
fn keep(shard: &mut Shard, id: SlotId, rest: Rest<'_>) {
    let clients = &mut shard.clients;
    let Some(connection) =
        clients.connections.get_mut(id).filter(|connection| connection.stage != Stage::Closing)
    else {
        return;
    };
    let len = match rest {
        Rest::Borrowed(bytes) => bytes.len(),
        Rest::Owned(ref bytes) => bytes.len(),
    };
    if len == 0 {
        return;
    }
    match rest {
        Rest::Borrowed(bytes) => connection.keep_partial(bytes.to_vec()),
        Rest::Owned(bytes) => connection.keep_partial(bytes),
    }
    clients.partial_bytes += len;
    if clients.partial_bytes > clients.limits.message_bytes_max {
        let what = "no memory left for a packet of this size";
        end::connection(shard, id, Ending { cause: Cause::QuotaExceeded, what });
    }
}
