//! What the shell knows of one socket: which connection of the shard it is, and what its bytes go through.
//!
//! Owns the TLS state and the bytes that are too few to tell the protocol. Must never know MQTT.

use std::net::SocketAddr;

use ringmq_broker::connection::Room;
use ringmq_broker::seed::ShardId;
use ringmq_broker::trays::ConnectionId;
use ringmq_ring::SocketId;

use super::tls::TlsStream;

/// What happens to the bytes of a socket.
pub(crate) enum Layer {
    /// Nothing came yet that tells the protocol; these bytes came.
    Sniffing(Vec<u8>),
    /// MQTT as it is.
    Plain,
    /// MQTT inside TLS.
    Tls(TlsStream),
    /// On its way to its home, with what that must be given first.
    Leaving(Box<Leaving>),
    /// Closing: what comes is not looked at.
    Closing,
}

/// A socket that was asked back from the network.
pub(crate) struct Leaving {
    pub(crate) to: ShardId,
    pub(crate) bytes: Vec<u8>,
    pub(crate) tls: Option<TlsStream>,
}

/// How a socket is read at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ReadMode {
    /// Not, or once.
    Stepwise,
    /// Without end.
    Continuous,
}

/// One socket.
pub(crate) struct Wire {
    pub(crate) socket: SocketId,
    pub(crate) connection: ConnectionId,
    pub(crate) layer: Layer,
    pub(crate) listener: u16,
    pub(crate) mode: ReadMode,
    pub(crate) room: Room,
    pub(crate) peer: SocketAddr,
}

/// The wires of one shard, found by socket or by connection.
#[derive(Default)]
pub(crate) struct Wires {
    by_socket: Vec<Option<Wire>>,
    by_connection: Vec<Option<SocketId>>,
}

impl Wires {
    pub(crate) fn insert(&mut self, wire: Wire) {
        let (socket, connection) = (wire.socket, wire.connection);
        put(&mut self.by_connection, connection.index(), Some(socket));
        put(&mut self.by_socket, socket.index(), Some(wire));
    }

    pub(crate) fn get(&mut self, socket: SocketId) -> Option<&mut Wire> {
        let slot = self.by_socket.get_mut(socket.index() as usize)?.as_mut()?;
        (slot.socket == socket).then_some(slot)
    }

    /// The wire of a connection.
    pub(crate) fn of(&mut self, connection: ConnectionId) -> Option<&mut Wire> {
        let socket = (*self.by_connection.get(connection.index() as usize)?)?;
        self.get(socket).filter(|wire| wire.connection == connection)
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<Wire> {
        let slot = self.by_socket.get_mut(socket.index() as usize)?;
        if slot.as_ref()?.socket != socket {
            return None;
        }
        let wire = slot.take()?;
        let index = wire.connection.index() as usize;
        if self.by_connection[index] == Some(socket) {
            self.by_connection[index] = None;
        }
        Some(wire)
    }
}

fn put<T>(slots: &mut Vec<Option<T>>, index: u32, value: Option<T>) {
    let index = index as usize;
    if slots.len() <= index {
        slots.resize_with(index + 1, || None);
    }
    slots[index] = value;
}
