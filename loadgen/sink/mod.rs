//! The null sink: a responder that speaks just enough MQTT to keep clients content, as cheaply as can be.
//!
//! Owns its connections and who subscribes to what, on one thread. It shows what the generator itself can do, and serves its
//! tests. It keeps no session, retains nothing, checks nothing, and delivers at QoS 0, which its SUBACK says. Must never be
//! taken for a broker.

mod peer;
mod routes;
#[cfg(test)]
pub(crate) mod tests;

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringmq_protocol::{Header, Publish, Qos, Version};
use ringmq_ring::{
    BindOptions, Close, Closed, Driver, Engine, Handler, ListenerId, Network, Next, Options, SocketId, bind,
};

use crate::output;

use peer::{Peer, Wish};
use routes::Routes;

/// The null sink.
pub(crate) struct Sink {
    /// By index of the socket.
    peers: Vec<Option<Peer>>,
    routes: Routes,
    /// Bytes to be sent at the end of this turn, by the peers that are in `dirty`.
    dirty: Vec<SocketId>,
    doomed: Vec<SocketId>,
    fresh: Vec<SocketId>,
    stopped: Arc<AtomicBool>,
}

/// A network that listens.
///
/// # Errors
/// What the kernel refuses.
pub(crate) fn open(at: SocketAddr, engine: Engine) -> Result<(Network, SocketAddr), String> {
    let mut network =
        Network::open(&Options { engine, ..Options::default() }).map_err(|error| error.to_string())?;
    let listener = bind(at, &BindOptions::default()).map_err(|error| format!("{at}: {error}"))?;
    let id = network.listen(listener).map_err(|error| format!("{at}: {error}"))?;
    let address = network.listener_addr(id).ok_or("the listener has no address")?;
    Ok((network, address))
}

impl Sink {
    /// A sink that stops, when woken, once the flag is set.
    pub(crate) fn new(stopped: Arc<AtomicBool>) -> Sink {
        Sink {
            peers: Vec::new(),
            routes: Routes::default(),
            dirty: Vec::new(),
            doomed: Vec::new(),
            fresh: Vec::new(),
            stopped,
        }
    }

    fn peer(&mut self, id: SocketId) -> Option<&mut Peer> {
        self.peers.get_mut(id.index() as usize)?.as_mut().filter(|peer| peer.socket == id)
    }

    /// Takes one packet of a peer.
    fn take(&mut self, id: SocketId, header: &Header, body: &[u8]) -> Option<()> {
        match self.peer(id)?.take(header, body)? {
            Wish::Nothing => {}
            Wish::Route(publish) => self.route(&publish),
            Wish::Subscribe(filters) => {
                for filter in filters {
                    self.routes.add(filter, id);
                }
            }
        }
        self.mark(id);
        Some(())
    }

    fn mark(&mut self, id: SocketId) {
        if let Some(peer) = self.peer(id)
            && !peer.out.is_empty()
            && !peer.is_dirty
        {
            peer.is_dirty = true;
            self.dirty.push(id);
        }
    }

    fn route(&mut self, publish: &Publish<'_>) {
        let Sink { peers, routes, dirty, .. } = self;
        routes.each(publish.topic, |id| {
            let peer = peers.get_mut(id.index() as usize).and_then(Option::as_mut);
            if let Some(peer) = peer.filter(|peer| peer.socket == id) {
                peer.deliver(&Publish {
                    dup: false,
                    qos: Qos::AtMostOnce,
                    retain: false,
                    packet_id: None,
                    ..*publish
                });
                if !peer.is_dirty {
                    peer.is_dirty = true;
                    dirty.push(id);
                }
            }
        });
    }

    fn drop_peer(&mut self, id: SocketId) {
        if self.peer(id).is_some() {
            self.peers[id.index() as usize] = None;
            self.routes.remove(id);
        }
    }
}

impl Handler for Sink {
    fn accepted(&mut self, _: ListenerId, id: SocketId) {
        let index = id.index() as usize;
        if self.peers.len() <= index {
            self.peers.resize_with(index + 1, || None);
        }
        self.peers[index] = Some(Peer::new(id, Version::V5));
        self.fresh.push(id);
    }

    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        let Some(mut partial) = self.peer(id).map(|peer| std::mem::take(&mut peer.partial)) else { return };
        let whole = if partial.is_empty() {
            &*bytes
        } else {
            partial.extend_from_slice(bytes);
            &partial
        };
        let mut taken = 0;
        while let Ok(Some(header)) = Header::read(&whole[taken..])
            && let Some(body) = whole.get(taken + header.header_len..taken + header.total_len())
        {
            if self.take(id, &header, body).is_none() {
                self.doomed.push(id);
                return;
            }
            taken += header.total_len();
        }
        let rest = whole[taken..].to_vec();
        if let Some(peer) = self.peer(id) {
            peer.partial = rest;
        }
    }

    fn stalled(&mut self, _: SocketId) {}

    fn drained(&mut self, _: SocketId) {}

    fn closed(&mut self, id: SocketId, _: Closed) {
        self.drop_peer(id);
    }

    fn detached(&mut self, _: SocketId, _: OwnedFd) {
        unreachable!("no socket is asked back");
    }

    fn woken(&mut self) {}

    fn alarm(&mut self) {}

    fn accept_failed(&mut self, _: ListenerId, error: io::Error) {
        output::complain(&format!("ringmq-bench: the sink cannot accept: {error}"));
    }
}

impl Driver for Sink {
    fn after_turn(&mut self, net: &mut Network) -> Next {
        for id in self.fresh.drain(..) {
            net.receive(id);
        }
        for id in std::mem::take(&mut self.dirty) {
            let Some(peer) = self.peer(id) else { continue };
            peer.is_dirty = false;
            if let Some(queue) = net.send_queue(id) {
                queue.push_slice(&peer.out);
                net.send(id);
            }
            peer.out.clear();
            // An idle peer owns no buffer.
            peer.out.shrink_to(KEPT_BYTES);
        }
        for id in std::mem::take(&mut self.doomed) {
            self.drop_peer(id);
            net.close(id, Close::Now);
        }
        if self.stopped.load(Ordering::Relaxed) { Next::Stop } else { Next::Wait }
    }
}

/// What a peer keeps of its buffer between turns.
const KEPT_BYTES: usize = 64 << 10;
