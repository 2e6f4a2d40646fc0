//! What the shell knows of one socket: which connection of the shard it is, and what its bytes go through.
//!
//! Owns the TLS state and the bytes that are too few to tell the protocol. Must never know MQTT.

use std::net::SocketAddr;

use ringmq_broker::connection::Room;
use ringmq_broker::pages::Pages;
use ringmq_broker::seed::ShardId;
use ringmq_broker::trays::ConnectionId;
use ringmq_ring::SocketId;

use super::tls::TlsStream;

/// What happens to the bytes of a socket.
pub(crate) enum Layer {
    /// Nothing came yet that tells the protocol; these bytes came.
    #[allow(clippy::box_collection)] // One word instead of three: a wire is small.
    Sniffing(Option<Box<Vec<u8>>>),
    /// MQTT as it is.
    Plain,
    /// MQTT inside TLS.
    Tls(Box<TlsStream>),
    /// On its way to its home, with what that must be given first.
    Leaving(Box<Leaving>),
    /// Closing: what comes is not looked at.
    Closing,
}

/// A socket that was asked back from the network.
pub(crate) struct Leaving {
    pub(crate) peer: SocketAddr,
    pub(crate) to: ShardId,
    pub(crate) bytes: Vec<u8>,
    pub(crate) tls: Option<Box<TlsStream>>,
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
}

/// The wires of one shard, found by socket or by connection.
#[derive(Default)]
pub(crate) struct Wires {
    by_socket: Pages<Option<Wire>>,
    /// The place in `by_socket` of each connection's wire. Which of two that used one place in turn, the wire tells.
    by_connection: Pages<u32>,
}

impl Wires {
    pub(crate) fn insert(&mut self, wire: Wire) {
        let (socket, connection) = (wire.socket, wire.connection);
        put(&mut self.by_connection, connection.index(), socket.index());
        put(&mut self.by_socket, socket.index(), Some(wire));
    }

    pub(crate) fn get(&mut self, socket: SocketId) -> Option<&mut Wire> {
        let slot = self.by_socket.get_mut(socket.index() as usize)?.as_mut()?;
        (slot.socket == socket).then_some(slot)
    }

    /// The wire of a connection.
    pub(crate) fn of(&mut self, connection: ConnectionId) -> Option<&mut Wire> {
        let index = *self.by_connection.get(connection.index() as usize)?;
        let wire = self.by_socket.get_mut(index as usize)?.as_mut()?;
        (wire.connection == connection).then_some(wire)
    }

    pub(crate) fn remove(&mut self, socket: SocketId) -> Option<Wire> {
        let slot = self.by_socket.get_mut(socket.index() as usize)?;
        if slot.as_ref()?.socket != socket {
            return None;
        }
        slot.take()
    }
}

fn put<T: Default>(slots: &mut Pages<T>, index: u32, value: T) {
    let index = index as usize;
    while slots.len() <= index {
        slots.push(T::default());
    }
    slots[index] = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million idle connections: the figure is promised, so it is watched.
    #[test]
    fn an_idle_wire_is_small() {
        assert!(size_of::<Option<Wire>>() <= 40, "{}", size_of::<Option<Wire>>());
    }
}
