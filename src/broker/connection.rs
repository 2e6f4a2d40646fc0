//! One byte stream: framing, what its CONNECT agreed, and what waits to be sent on it.
//!
//! Owns all that dies with the socket. Must never know sessions, topics or what a packet means.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use ringmq_protocol::{Header, PACKET_BYTES_MAX, PacketType, Version};

use crate::access::Role;
use crate::address::Address;
use crate::cause::{Cause, Ending};
use crate::deadlines::TimerId;
use crate::outbox::Outbox;
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::{InboundAliases, OutboundAliases};

/// Where a connection is in its life: `AwaitingConnect -> Connected -> Closing`, or straight to `Closing`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Opened; no whole CONNECT yet.
    AwaitingConnect,
    /// At home, with a session.
    Connected,
    /// Nothing is read any more; the last bytes wait to be sent.
    Closing,
}

/// How the connection reached this shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// Accepted here; its home is not known yet.
    Accepted,
    /// Handed over by the shard that accepted it: this one is its home.
    HandedOff,
}

/// Whether the process has room for this connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// Below `connections_max`.
    Free,
    /// At `connections_max`: its CONNECT is answered with server busy (0x89).
    Full,
}

/// What the shell knows of a new connection.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Index of the listener in [`crate::Setup::listeners`].
    pub listener: u16,
    /// The other end.
    pub peer: SocketAddr,
    /// Whether it comes from another shard.
    pub arrival: Arrival,
    /// Whether it is one too many.
    pub room: Room,
}

/// The largest packet that the protocol knows, in bytes.
pub(crate) const PACKET_LIMIT: u32 = PACKET_BYTES_MAX as u32;

/// What the CONNECT agreed for this connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreed {
    pub(crate) version: Version,
    pub(crate) role: Role,
    /// The client's maximum packet size in bytes, at most [`PACKET_LIMIT`].
    pub(crate) packet_bytes_max: u32,
    /// QoS 1 and 2 messages under way to the client at once: its receive maximum within our own cap.
    pub(crate) window: NonZeroU16,
    /// Request Problem Information: whether acks may carry reason strings [MQTT-3.1.2-29].
    pub(crate) problem_information: ProblemInformation,
    /// Keep alive in force, in seconds; 0 is off.
    pub(crate) keep_alive_s: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ProblemInformation {
    Everywhere,
    OnlyWhereAlwaysAllowed,
}

impl Default for Agreed {
    fn default() -> Agreed {
        Agreed {
            version: Version::V5,
            role: Role::Client,
            packet_bytes_max: PACKET_LIMIT,
            window: NonZeroU16::MAX,
            problem_information: ProblemInformation::Everywhere,
            keep_alive_s: 0,
        }
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) stage: Stage,
    pub(crate) arrival: Arrival,
    pub(crate) room: Room,
    pub(crate) flow: Flow,
    pub(crate) listener: u16,
    pub(crate) agreed: Agreed,
    /// The session, once connected.
    pub(crate) session: Option<SlotId>,
    /// When bytes last came in.
    pub(crate) heard: Time,
    pub(crate) timer: Option<TimerId>,
    pub(crate) outbox: Outbox,
    pub(crate) inbound_aliases: InboundAliases,
    pub(crate) outbound_aliases: OutboundAliases,
    pub(crate) peer: Address,
    /// The verified subject of the client's certificate.
    pub(crate) subject: Option<Box<str>>,
    /// The beginning of a packet whose rest has not come yet. No heap memory while there is none.
    #[allow(clippy::box_collection)] // One word instead of three: nearly always there is none.
    partial: Option<Box<Vec<u8>>>,
}

/// Where bytes stand between this shard and the socket.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Flow {
    /// In the tray of connections with bytes to send.
    pub(crate) in_tray: bool,
    /// The network has not yet taken what it was given.
    pub(crate) stalled: bool,
    /// The socket is not read because too much waits to be sent.
    pub(crate) paused: bool,
    /// Ends the connection, unless its send queue drains first. Set while the queue takes no more.
    pub(crate) grace: Option<TimerId>,
    /// The session has more to send once the queue drains.
    pub(crate) hungry: bool,
    /// The unsent bytes must not leave before letters that wait: an acknowledgement is among them that was written with
    /// such, or the CONNACK, which does not overtake the client's connection before.
    pub(crate) behind_letters: bool,
    /// It is held back until such letters are in their mailboxes.
    pub(crate) is_held: bool,
    /// Publishes of it are held: later ones must not overtake them.
    pub(crate) holds: bool,
    /// The socket is not read because so many are held.
    pub(crate) holds_much: bool,
}

impl Flow {
    /// Whether the socket is read.
    pub(crate) fn is_read(&self) -> bool {
        !self.paused && !self.holds_much
    }
}

/// What the next bytes hold.
#[derive(Debug)]
pub(crate) enum Cut {
    /// A whole packet, of this many bytes in all.
    Packet(Header),
    /// Not yet.
    Incomplete,
}

impl Connection {
    pub(crate) fn new(opening: Opening, now: Time) -> Connection {
        Connection {
            stage: Stage::AwaitingConnect,
            arrival: opening.arrival,
            room: opening.room,
            flow: Flow::default(),
            listener: opening.listener,
            agreed: Agreed::default(),
            session: None,
            heard: now,
            timer: None,
            outbox: Outbox::default(),
            inbound_aliases: InboundAliases::new(0),
            outbound_aliases: OutboundAliases::new(0),
            peer: opening.peer.into(),
            subject: None,
            partial: None,
        }
    }

    /// Cuts the next packet off `bytes`, judging it by its header as early as possible.
    #[inline(always)] // Once for each packet.
    pub(crate) fn cut(&self, bytes: &[u8], packet_bytes_max: u32) -> Result<Cut, Ending> {
        let Some(header) = Header::read(bytes)? else { return Ok(Cut::Incomplete) };
        if self.stage == Stage::AwaitingConnect && header.kind != PacketType::Connect {
            return Err(Ending { cause: Cause::NotConnect, what: "the first packet is not CONNECT" });
        }
        if self.stage == Stage::Connected {
            header.check(self.agreed.version)?;
        }
        if header.total_len() > packet_bytes_max as usize {
            return Err(Ending { cause: Cause::PacketTooLarge, what: "packet above the server's maximum" });
        }
        Ok(if header.total_len() <= bytes.len() { Cut::Packet(header) } else { Cut::Incomplete })
    }

    /// Keeps the beginning of a packet for later, without the room of a much larger packet before it.
    pub(crate) fn keep_partial(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() > 4 * bytes.len().max(1024) {
            bytes.shrink_to_fit();
        }
        self.partial = Some(Box::new(bytes));
    }

    /// Takes the kept beginning, leaving none.
    pub(crate) fn take_partial(&mut self) -> Vec<u8> {
        self.partial.take().map_or_else(Vec::new, |bytes| *bytes)
    }

    /// Bytes kept of a packet that has begun.
    pub(crate) fn partial_len(&self) -> usize {
        self.partial.as_ref().map_or(0, |bytes| bytes.len())
    }

    /// Silence that ends the connection: one and a half times the keep alive [MQTT-3.1.2-22].
    pub(crate) fn keep_alive_ms(&self) -> Option<u64> {
        let s = self.agreed.keep_alive_s;
        (s > 0).then(|| u64::from(s) * 1500)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million idle connections: the figure is promised, so it is watched.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection>() <= 168, "{}", size_of::<Connection>());
    }
}
