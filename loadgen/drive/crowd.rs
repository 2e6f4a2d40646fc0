//! The connections of a run: each client with its socket and what lies between them.
//!
//! Owns the way from a socket to its client. Must never know what a run does.

use ringmq_ring::SocketId;

use crate::client::Client;
use crate::clock::Nanos;
use crate::tls::TlsClient;

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// Not begun.
    Ahead,
    /// On its way: TCP, TLS, CONNECT, SUBSCRIBE.
    Dialling,
    /// Of use.
    Ready,
    /// Ended although it was meant to go on, or cut: it will be made again.
    Away,
    /// Knows no MQTT: connects and closes, again and again.
    Probe,
    /// We have said DISCONNECT.
    Leaving,
    /// Ended, failed or about to be closed.
    Gone,
}

/// One client and its connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) tls: Option<Box<TlsClient>>,
    pub(crate) socket: Option<SocketId>,
    /// Written by [`Crowd::set_life`] alone.
    pub(crate) life: Life,
    /// The broker takes nothing at the moment.
    pub(crate) is_stalled: bool,
    /// When the connection was begun.
    pub(crate) began: Nanos,
    /// Since when it has been away, for a connection that is made again.
    pub(crate) away_since: Option<Nanos>,
    /// Attempts to make it again that have failed in a row.
    pub(crate) attempts: u8,
}

/// All clients.
#[derive(Debug)]
pub(crate) struct Crowd {
    peers: Vec<Peer>,
    by_socket: Vec<u32>,
    open: u32,
    ready: u32,
    /// The fewest that were ready since the last look.
    ready_least: u32,
}

impl Crowd {
    pub(crate) fn new(clients: u32) -> Crowd {
        let peer = |_| Peer {
            client: Client::new(),
            tls: None,
            socket: None,
            life: Life::Ahead,
            is_stalled: false,
            began: 0,
            away_since: None,
            attempts: 0,
        };
        Crowd {
            peers: (0..clients).map(peer).collect(),
            by_socket: Vec::new(),
            open: 0,
            ready: 0,
            ready_least: 0,
        }
    }

    pub(crate) fn peer(&self, number: u32) -> &Peer {
        &self.peers[number as usize]
    }

    pub(crate) fn peer_mut(&mut self, number: u32) -> &mut Peer {
        &mut self.peers[number as usize]
    }

    /// Moves a client on in its life.
    pub(crate) fn set_life(&mut self, number: u32, life: Life) {
        let before = std::mem::replace(&mut self.peer_mut(number).life, life);
        self.ready -= u32::from(before == Life::Ready);
        self.ready += u32::from(life == Life::Ready);
        self.ready_least = self.ready_least.min(self.ready);
    }

    /// Clients that are connected and, where they are to, have subscribed.
    pub(crate) fn ready(&self) -> u32 {
        self.ready
    }

    /// The fewest of them since this was last asked.
    pub(crate) fn take_ready_least(&mut self) -> u32 {
        std::mem::replace(&mut self.ready_least, self.ready)
    }

    /// Whether a client has never been connected.
    pub(crate) fn is_ahead(&self, number: u32) -> bool {
        self.peer(number).life == Life::Ahead
    }

    /// Numbers of all clients.
    pub(crate) fn numbers(&self) -> std::ops::Range<u32> {
        0..self.peers.len() as u32
    }

    /// Sockets that have not been reported closed.
    pub(crate) fn open(&self) -> u32 {
        self.open
    }

    /// Notes that a client has a socket.
    pub(crate) fn attach(&mut self, number: u32, socket: SocketId) {
        let index = socket.index() as usize;
        if self.by_socket.len() <= index {
            self.by_socket.resize(index + 1, u32::MAX);
        }
        self.by_socket[index] = number;
        self.peers[number as usize].socket = Some(socket);
        self.open += 1;
    }

    /// The client of a socket.
    pub(crate) fn find(&self, socket: SocketId) -> Option<u32> {
        let number = *self.by_socket.get(socket.index() as usize)?;
        (self.peers.get(number as usize)?.socket == Some(socket)).then_some(number)
    }

    /// Notes that a client has no socket any more. Returns the one it had.
    pub(crate) fn detach(&mut self, number: u32) -> Option<SocketId> {
        let peer = &mut self.peers[number as usize];
        let socket = peer.socket.take()?;
        peer.tls = None;
        peer.is_stalled = false;
        self.open -= 1;
        Some(socket)
    }
}
