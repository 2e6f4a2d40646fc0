//! Notes for the log of what comes and goes: both ends of a connection, and every packet where `trace` asks for them.
//!
//! Owns how a packet becomes a note. Nothing here runs for a packet unless the shard traces.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use ringmq_protocol::{Connect, Header, Packet, PacketType, Publish, Version};

use crate::cause::{Ending, Level};
use crate::connection::{Arrival, Stage};
use crate::handlers::attach::Found;
use crate::note::{Client, Connected, Direction, Ended, Note, PacketSeen, PublishSeen};
use crate::outbox::Outbox;
use crate::shard::Shard;
use crate::slab::SlotId;

/// Whether a shard leaves notes of this level.
pub(crate) fn has(shard: &Shard, level: Level) -> bool {
    level as u8 >= shard.setup.notes as u8
}

/// Notes that a client was accepted.
pub(crate) fn connected(shard: &mut Shard, id: SlotId, packet: &Connect<'_>, found: Found) {
    if has(shard, Level::Debug)
        && let Some(client) = client(shard, id)
        && let Some(connection) = shard.clients.connections.get(id)
    {
        let connected = Connected {
            client,
            version: packet.version,
            clean_start: packet.clean_start,
            keep_alive_s: connection.agreed.keep_alive_s,
            session_present: found == Found::Present,
            subject: connection.subject.clone(),
        };
        shard.clients.trays.notes.push(Note::Connected(Box::new(connected)));
    }
    if (packet.user_name.is_some() || packet.password.is_some()) && !shard.clients.told_credentials {
        shard.clients.told_credentials = true;
        let note = client(shard, id).map(Note::CredentialsIgnored);
        shard.clients.trays.notes.extend(note);
    }
}

/// Notes that a connection ended.
pub(crate) fn ended(shard: &mut Shard, id: SlotId, ending: Ending) {
    if has(shard, ending.cause.row().level)
        && let Some(client) = client(shard, id)
    {
        shard.clients.trays.notes.push(Note::Ended(Ended { client, ending }));
    }
}

/// Notes a whole packet that came in, unless its connection heeds it no more. A CONNECT that was handed over was noted
/// where it came in.
pub(crate) fn received(shard: &mut Shard, id: SlotId, header: &Header, packet: &[u8]) {
    let Some(connection) = shard.clients.connections.get(id) else { return };
    let is_noted = connection.arrival == Arrival::HandedOff && connection.stage == Stage::AwaitingConnect;
    if connection.stage != Stage::Closing && !is_noted {
        note(shard, id, Direction::Received, header, &packet[header.header_len..]);
    }
}

/// Notes the packets that go out.
pub(crate) fn sent(shard: &mut Shard, id: SlotId, outbox: &Outbox) {
    for run in outbox.runs() {
        let mut rest = run;
        while let Ok(Some(header)) = Header::read(rest) {
            // A large payload is not in the run, whose last packet is then shorter than it says.
            let end = header.total_len().min(rest.len());
            note(shard, id, Direction::Sent, &header, &rest[header.header_len..end]);
            rest = &rest[end..];
        }
    }
}

/// Notes what still waits for a connection that ends, while it is known who that is.
pub(crate) fn last_sent(shard: &mut Shard, id: SlotId) {
    if !has(shard, Level::Trace) {
        return;
    }
    let Some(connection) = shard.clients.connections.get_mut(id) else { return };
    let outbox = std::mem::take(&mut connection.outbox);
    sent(shard, id, &outbox);
    if let Some(connection) = shard.clients.connections.get_mut(id) {
        connection.outbox = outbox;
    }
}

fn client(shard: &mut Shard, id: SlotId) -> Option<Client> {
    let clients = &mut shard.clients;
    let client_id = clients.session_of(id).map(|(_, session)| session.client_id.clone());
    let connection = clients.connections.get(id)?;
    Some(Client { peer: SocketAddr::from(&connection.peer), listener: connection.listener, client_id })
}

fn note(shard: &mut Shard, id: SlotId, direction: Direction, header: &Header, body: &[u8]) {
    let Some(client) = client(shard, id) else { return };
    let version = shard.clients.connections.get(id).map_or(Version::V5, |known| known.agreed.version);
    let mut seen = PacketSeen {
        direction,
        client,
        kind: header.kind,
        size_bytes: header.total_len(),
        packet_id: None,
        topic: None,
        publish: None,
        reason: None,
    };
    let header = Header { body_len: body.len(), ..*header };
    // What cannot be read is noted by its header: the end of the connection tells what is wrong with it.
    if header.kind == PacketType::Publish {
        if let Ok(publish) = Publish::decode(&header, body, version, None) {
            describe_publish(&mut seen, &publish);
        }
    } else if let Ok(packet) = Packet::decode(&header, body, version) {
        describe(&mut seen, &packet);
    }
    shard.clients.trays.notes.push(Note::Packet(Box::new(seen)));
}

fn describe_publish(seen: &mut PacketSeen, publish: &Publish<'_>) {
    seen.packet_id = publish.packet_id;
    seen.topic = Some(publish.topic.into());
    seen.publish = Some(PublishSeen {
        qos: publish.qos,
        dup: publish.dup,
        retain: publish.retain,
        topic_alias: publish.properties.topic_alias().map(NonZeroU16::get),
    });
}

fn describe(seen: &mut PacketSeen, packet: &Packet<'_>) {
    match packet {
        Packet::Connect(connect) => seen.client.client_id = Some(connect.client_id.into()),
        Packet::Connack(connack) => seen.reason = Some(connack.reason),
        Packet::Publish(publish) => describe_publish(seen, publish),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            (seen.packet_id, seen.reason) = (Some(ack.packet_id), Some(ack.reason));
        }
        Packet::Subscribe(subscribe) => {
            seen.packet_id = Some(subscribe.packet_id);
            seen.topic = Some(joined(subscribe.filters.iter().map(|(filter, _)| filter)));
        }
        Packet::Suback(suback) => seen.packet_id = Some(suback.packet_id),
        Packet::Unsubscribe(unsubscribe) => {
            seen.packet_id = Some(unsubscribe.packet_id);
            seen.topic = Some(joined(unsubscribe.filters.iter()));
        }
        Packet::Unsuback(unsuback) => seen.packet_id = Some(unsuback.packet_id),
        Packet::Disconnect(disconnect) => seen.reason = Some(disconnect.reason),
        Packet::Auth(auth) => seen.reason = Some(auth.reason),
        Packet::Pingreq | Packet::Pingresp => {}
    }
}

fn joined<'a>(filters: impl Iterator<Item = &'a str>) -> Box<str> {
    filters.collect::<Vec<_>>().join(",").into()
}

#[cfg(test)]
mod tests;
