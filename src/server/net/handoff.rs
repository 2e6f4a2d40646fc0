//! A connection on its way from the core that accepted it to the home of its client.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use ringmq_broker::connection::Room;

use super::tls::TlsStream;

/// All there is of a connection: the first core keeps nothing.
pub(crate) struct Handoff {
    pub(crate) fd: OwnedFd,
    /// Its TLS state, on a TLS listener.
    pub(crate) tls: Option<Box<TlsStream>>,
    /// The CONNECT and everything behind it, decrypted.
    pub(crate) bytes: Vec<u8>,
    pub(crate) listener: u16,
    pub(crate) peer: SocketAddr,
    pub(crate) room: Room,
}
