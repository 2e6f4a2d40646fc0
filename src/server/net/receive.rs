//! Bytes of a socket on their way to the shard: told apart, decrypted, handed in.

use ringmq_broker::cause::Cause;
use ringmq_ring::SocketId;

use super::pump::Pump;
use super::sniff::{self, PortKind, Verdict};
use super::tls::{Received, TlsStream};
use super::wire::{Layer, ReadMode};
use crate::config::Transport;
use crate::runtime::connection_log::Handshake;

/// What the socket needs after a piece of data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// It is read continuously, or no more.
    GoOn,
    /// It is read stepwise: whether it is read again is decided when the turn is over.
    AskAgain,
}

/// Takes bytes of a socket.
pub(crate) fn bytes(pump: &mut Pump, id: SocketId, bytes: &mut [u8]) -> Step {
    let Some(wire) = pump.wires.get(id) else { return Step::GoOn };
    let step = if wire.mode == ReadMode::Stepwise { Step::AskAgain } else { Step::GoOn };
    match &mut wire.layer {
        Layer::Plain => {
            let connection = wire.connection;
            let now = pump.setup.clock.now();
            pump.shard.receive(now, connection, bytes);
        }
        Layer::Tls(_) => decrypt(pump, id, bytes),
        Layer::Sniffing(prefix) => {
            let mut prefix = prefix.take();
            match &mut prefix {
                None => told_apart(pump, id, bytes),
                Some(prefix) => {
                    prefix.extend_from_slice(bytes);
                    told_apart(pump, id, prefix);
                }
            }
        }
        Layer::Leaving(leaving) => leaving.bytes.extend_from_slice(bytes),
        Layer::Closing => {}
    }
    step
}

/// Looks at the first bytes of a connection and takes it to its layer.
fn told_apart(pump: &mut Pump, id: SocketId, first: &mut [u8]) {
    let Some(wire) = pump.wires.get(id) else { return };
    let port = &pump.setup.ports[usize::from(wire.listener)];
    let kind = match port.transport {
        Transport::Tcp => PortKind::Plain,
        Transport::Tls => PortKind::Tls,
    };
    match sniff::sniff(kind, first) {
        Verdict::NeedMore => wire.layer = Layer::Sniffing(Some(Box::new(first.to_vec()))),
        Verdict::Mqtt => {
            wire.layer = Layer::Plain;
            bytes(pump, id, first);
        }
        Verdict::Tls => match port.tls.clone().map(TlsStream::new) {
            Some(Ok(tls)) => {
                wire.layer = Layer::Tls(Box::new(tls));
                bytes(pump, id, first);
            }
            Some(Err(failure)) => {
                let (connection, listener) = (wire.connection, wire.listener);
                if let Some(peer) = pump.shard.peer(connection) {
                    pump.log.tls_failed(peer, listener, &failure);
                }
                give_up(pump, id, Cause::TlsFailed);
            }
            None => give_up(pump, id, Cause::TlsFailed),
        },
        Verdict::Wrong(wrong) => give_up(pump, id, wrong.cause()),
    }
}

/// Not for us: counted, logged and closed, without a word beyond what is already in the send queue.
fn give_up(pump: &mut Pump, id: SocketId, cause: Cause) {
    let Some(wire) = pump.wires.get(id) else { return };
    wire.layer = Layer::Closing;
    let connection = wire.connection;
    pump.to_close.push(id);
    pump.hang_up(connection, cause);
}

fn decrypt(pump: &mut Pump, id: SocketId, bytes: &mut [u8]) {
    let mut plaintext = std::mem::take(&mut pump.plaintext);
    let mut output = Vec::new();
    let Some(wire) = pump.wires.get(id) else { return };
    let Layer::Tls(tls) = &mut wire.layer else { return };
    let was_established = tls.is_established();
    let outcome = tls.receive(bytes, &mut output, |piece| plaintext.extend_from_slice(piece));
    let (connection, listener) = (wire.connection, wire.listener);
    let subject = if was_established || !tls.is_established() { None } else { tls.subject() };
    if let Ok(Received::HandshakeDone) = outcome {
        let alpn = tls.alpn().map(String::from_utf8_lossy);
        let handshake = Handshake {
            version: tls.version(),
            cipher: tls.cipher(),
            alpn: alpn.as_deref(),
            resumed: tls.is_resumed(),
            subject: subject.as_deref(),
        };
        pump.log.handshake_done(pump.shard.peer(connection), listener, &handshake);
    }
    if !output.is_empty() {
        pump.tls_output.push((id, output));
    }
    if let Some(subject) = subject {
        pump.shard.identify(connection, &subject);
    }
    let now = pump.setup.clock.now();
    // What a failing record came behind is not acted upon late: it was complete before.
    if !plaintext.is_empty() {
        pump.shard.receive(now, connection, &plaintext);
    }
    match outcome {
        Ok(Received::Handshaking | Received::HandshakeDone | Received::Established) => {}
        // It may still be answered; see `trays::empty`.
        Ok(Received::PeerClosed) => pump.peer_closed.push(id),
        Err(failure) => {
            if let Some(peer) = pump.shard.peer(connection) {
                pump.log.tls_failed(peer, listener, &failure);
            }
            give_up(pump, id, Cause::TlsFailed);
        }
    }
    plaintext.clear();
    pump.plaintext = plaintext;
}

/// Whether the peer ended its TLS stream behind its CONNECT, before the connection came home.
pub(super) fn has_ended(tls: &mut TlsStream) -> bool {
    matches!(tls.receive(&mut [], &mut Vec::new(), |_| {}), Ok(Received::PeerClosed))
}
