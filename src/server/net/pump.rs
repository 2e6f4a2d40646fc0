//! The pump: what the network reports becomes verbs of the shard, and the trays become work for the network.
//!
//! Owns the shard of its thread and the wires. Its whole duty is: take what a turn brought, call verbs, empty the
//! trays, repeat. Must never know what MQTT means.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use ringmq_broker::connection::{Arrival, Opening};
use ringmq_broker::seed::ShardId;
use ringmq_broker::trays::ConnectionId;
use ringmq_broker::{Reading, Refused, Shard, Time};
use ringmq_ring::{Close, Closed, Driver, Handler, ListenerId, Network, Next, SocketId};
use rustls::ServerConfig;

use super::handoff::Handoff;
use super::receive::{self, Step};
use super::tls::TlsFailure;
use super::trays::{self, Posted};
use super::wire::{Layer, Leaving, ReadMode, Wire, Wires};
use crate::config::Transport;
use crate::runtime::census::Census;
use crate::runtime::clock::Clock;
use crate::runtime::connection_log::ConnectionLog;
use crate::runtime::load::{Begun, Load};
use crate::runtime::mailbox::{Batch, Mailbox};
use ringmq_broker::cause::Cause;

/// Batches taken out of the mailbox in one turn, so that sockets get their share.
const BATCHES_PER_TURN_MAX: usize = 64;

/// What a listener of this thread is.
#[derive(Clone)]
pub(crate) struct Port {
    /// The listener's name, for the log.
    pub(crate) name: Arc<str>,
    pub(crate) transport: Transport,
    /// For TLS listeners.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// The life of the pump: `Serving -> Stopping`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Everyone was told; the last bytes may still go out until then.
    Stopping {
        until: Instant,
    },
}

/// What a pump is made from.
pub(crate) struct PumpSetup {
    pub(crate) shard: Shard,
    pub(crate) mailbox: Mailbox,
    pub(crate) clock: Clock,
    pub(crate) census: Arc<Census>,
    /// By the listener's number in the configuration.
    pub(crate) ports: Vec<Port>,
    pub(crate) close_linger_ms: u32,
    pub(crate) stop_timeout_ms: u32,
}

/// One shard and its wires.
pub(crate) struct Pump {
    pub(crate) shard: Shard,
    pub(crate) wires: Wires,
    pub(crate) mailbox: Mailbox,
    pub(crate) setup: Fixed,
    /// Listeners of the network, by its number.
    listening: Vec<(ListenerId, u16)>,
    /// Sockets that were accepted in this turn.
    accepted: Vec<(u16, SocketId)>,
    /// Sockets that received something in this turn and are read stepwise.
    pub(crate) stepped: Vec<SocketId>,
    /// Bytes that TLS wants to send, by socket.
    pub(crate) tls_output: Vec<(SocketId, Vec<u8>)>,
    /// Sockets that are to be closed without a word.
    pub(crate) to_close: Vec<SocketId>,
    /// Sockets whose peer has ended its TLS stream.
    pub(crate) peer_closed: Vec<SocketId>,
    /// Connections that came home in this turn.
    arrived: Vec<Handoff>,
    /// Connections that left and whose home had no room in its mailbox yet.
    departing: Vec<(ShardId, Box<Handoff>)>,
    pub(crate) plaintext: Vec<u8>,
    pub(crate) log: ConnectionLog,
    load: Load,
    phase: Phase,
}

/// What does not change while the pump runs.
pub(crate) struct Fixed {
    pub(crate) clock: Clock,
    pub(crate) census: Arc<Census>,
    pub(crate) ports: Vec<Port>,
    pub(crate) close_linger_ms: u32,
    stop_timeout_ms: u32,
}

impl Pump {
    pub(crate) fn new(setup: PumpSetup) -> Pump {
        let names = setup.ports.iter().map(|port| port.name.clone()).collect();
        Pump {
            log: ConnectionLog::new(names),
            shard: setup.shard,
            wires: Wires::default(),
            mailbox: setup.mailbox,
            setup: Fixed {
                clock: setup.clock,
                census: setup.census,
                ports: setup.ports,
                close_linger_ms: setup.close_linger_ms,
                stop_timeout_ms: setup.stop_timeout_ms,
            },
            listening: Vec::new(),
            accepted: Vec::new(),
            stepped: Vec::new(),
            tls_output: Vec::new(),
            to_close: Vec::new(),
            peer_closed: Vec::new(),
            arrived: Vec::new(),
            departing: Vec::new(),
            plaintext: Vec::new(),
            load: Load::start(),
            phase: Phase::Serving,
        }
    }

    /// Serves the listener `id` of the network as listener `number` of the configuration.
    pub(crate) fn serve(&mut self, id: ListenerId, number: u16) {
        self.listening.push((id, number));
    }

    fn now(&self) -> Time {
        self.setup.clock.now()
    }

    /// Opens the connections of this turn and begins to read them.
    fn open_accepted(&mut self, net: &mut Network) {
        for (listener, socket) in std::mem::take(&mut self.accepted) {
            let Some(peer) = net.peer(socket).filter(|_| self.phase == Phase::Serving) else {
                self.shard.report_unread();
                net.close(socket, Close::Now);
                continue;
            };
            let room = self.setup.census.enter(listener);
            let opening = Opening { listener, peer, arrival: Arrival::Accepted, room };
            let now = self.now();
            match self.shard.open(now, opening) {
                Ok(connection) => {
                    let layer = Layer::Sniffing(None);
                    let mode = ReadMode::Stepwise;
                    self.wires.insert(Wire { socket, connection, layer, listener, mode, room });
                    net.receive_once(socket);
                }
                Err(Refused(cause)) => {
                    self.log.refused(peer, listener, cause);
                    self.setup.census.leave(listener);
                    net.close(socket, Close::Reset);
                }
            }
        }
    }

    /// Takes over the connections whose home this is.
    fn adopt_arrived(&mut self, net: &mut Network) {
        for handoff in std::mem::take(&mut self.arrived) {
            let Handoff { fd, mut tls, bytes, listener, peer, room } = handoff;
            let adopted = if self.phase == Phase::Serving { net.adopt(fd) } else { Err(fd) };
            let Ok(socket) = adopted else {
                self.lost(listener, peer);
                continue;
            };
            if tls.as_mut().is_some_and(|tls| receive::has_ended(tls)) {
                self.peer_closed.push(socket);
            }
            let now = self.now();
            let opening = Opening { listener, peer, arrival: Arrival::HandedOff, room };
            let Ok(connection) = self.shard.open(now, opening) else {
                self.setup.census.leave(listener);
                net.close(socket, Close::Reset);
                continue;
            };
            if let Some(subject) = tls.as_ref().and_then(|tls| tls.subject()) {
                self.shard.identify(connection, &subject);
            }
            let layer = tls.map_or(Layer::Plain, Layer::Tls);
            let mode = ReadMode::Stepwise;
            self.wires.insert(Wire { socket, connection, layer, listener, mode, room });
            self.shard.receive(now, connection, &bytes);
            self.stepped.push(socket);
        }
    }

    /// Reads the sockets of this turn on, as their connections now stand.
    fn read_on(&mut self, net: &mut Network) {
        for socket in std::mem::take(&mut self.stepped) {
            let Some(wire) = self.wires.get(socket) else { continue };
            match self.shard.reading(wire.connection) {
                Reading::Once => net.receive_once(socket),
                Reading::Continuous if wire.mode == ReadMode::Stepwise => {
                    wire.mode = ReadMode::Continuous;
                    net.receive(socket);
                }
                Reading::Continuous | Reading::None => {}
            }
        }
    }

    /// Handles letters and homecomings, a bounded number; tells whether there may be more.
    fn empty_inbox(&mut self) -> Next {
        if self.take_batches(BATCHES_PER_TURN_MAX) < BATCHES_PER_TURN_MAX { Next::Wait } else { Next::Again }
    }

    /// Handles the letters that are in the mailbox now. What a client sends, or that it leaves, may follow from an
    /// acknowledgement that another shard gave, and the letters of that were posted before: they come first.
    fn take_letters_before_bytes(&mut self) {
        let waiting = self.mailbox.len();
        if waiting > 0 {
            self.take_batches(waiting);
        }
    }

    /// Handles at most so many batches of the mailbox; tells how many there were.
    fn take_batches(&mut self, batches_max: usize) -> usize {
        for taken in 0..batches_max {
            let Some(posted) = self.mailbox.take() else { return taken };
            match posted.batch {
                Batch::Letters(bundle) => {
                    let (now, bytes) = (self.now(), bundle.size_bytes());
                    self.shard.deliver(now, posted.from, bundle);
                    self.mailbox.note_read(posted.from, bytes);
                }
                Batch::Handoff(handoff) => self.arrived.push(*handoff),
            }
        }
        batches_max
    }

    fn send_off_departing(&mut self) {
        let departing = std::mem::take(&mut self.departing);
        for (to, handoff) in departing {
            self.depart(to, handoff);
        }
    }

    fn depart(&mut self, to: ShardId, handoff: Box<Handoff>) {
        if let Err(Batch::Handoff(handoff)) = self.mailbox.post(to, Batch::Handoff(handoff)) {
            self.departing.push((to, handoff));
        }
    }

    /// The first work of a turn finds out first how much of the mail is read by now.
    fn begin_work(&mut self) {
        if self.load.begin() == Begun::Now {
            trays::count_letters(self);
        }
    }

    /// Calls `tick` when it is due and sets the alarm for the next time.
    fn keep_time(&mut self, net: &mut Network) {
        let now = self.now();
        if self.shard.deadline().is_some_and(|deadline| deadline <= now) {
            self.shard.tick(now);
        }
        if let Some(permille) = self.load.report() {
            self.shard.report_load(permille);
        }
        let next = self.shard.deadline().and_then(|deadline| self.setup.clock.instant(deadline));
        let until = match self.phase {
            Phase::Serving => next,
            Phase::Stopping { until } => Some(next.map_or(until, |next| next.min(until))),
        };
        net.set_alarm(until);
    }

    /// Begins to stop, once asked to.
    fn heed_stop(&mut self, net: &mut Network) {
        if self.phase != Phase::Serving || !self.setup.census.is_stopping() {
            return;
        }
        for (id, _) in self.listening.drain(..) {
            net.stop_listening(id);
        }
        let now = self.now();
        self.shard.shut_down(now);
        let timeout = std::time::Duration::from_millis(self.setup.stop_timeout_ms.into());
        self.phase = Phase::Stopping { until: Instant::now() + timeout };
    }

    fn is_done(&self, net: &Network) -> bool {
        match self.phase {
            Phase::Serving => false,
            Phase::Stopping { until } => net.stats().sockets == 0 || Instant::now() >= until,
        }
    }

    /// A connection ended on its way to its home.
    fn lost(&mut self, listener: u16, peer: SocketAddr) {
        self.setup.census.leave(listener);
        self.shard.report_lost();
        self.log.lost(peer, listener);
    }

    /// The connection behind a socket has nothing more to say or to hear.
    pub(crate) fn hang_up(&mut self, connection: ConnectionId, cause: Cause) {
        let now = self.now();
        self.shard.hang_up(now, connection, cause);
    }
}

impl Handler for Pump {
    fn accepted(&mut self, listener: ListenerId, id: SocketId) {
        let number = self.listening.iter().find(|(held, _)| *held == listener).map(|&(_, number)| number);
        match number {
            Some(number) => self.accepted.push((number, id)),
            None => {
                self.shard.report_unread();
                self.to_close.push(id);
            }
        }
    }

    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        self.begin_work();
        self.take_letters_before_bytes();
        if receive::bytes(self, id, bytes) == Step::AskAgain {
            self.stepped.push(id);
        }
    }

    fn stalled(&mut self, id: SocketId) {
        if let Some(wire) = self.wires.get(id) {
            self.shard.stalled(wire.connection);
        }
    }

    fn drained(&mut self, id: SocketId) {
        let now = self.now();
        if let Some(wire) = self.wires.get(id) {
            self.shard.drained(now, wire.connection);
        }
    }

    fn closed(&mut self, id: SocketId, why: Closed) {
        self.take_letters_before_bytes();
        let Some(wire) = self.wires.remove(id) else { return };
        if let Layer::Leaving(leaving) = &wire.layer {
            return self.lost(wire.listener, leaving.peer);
        }
        self.setup.census.leave(wire.listener);
        let cause = match why {
            Closed::Eof => Cause::ConnectionLost,
            Closed::Reset | Closed::Error(_) => Cause::ConnectionReset,
            Closed::ByUs => return,
        };
        if let (Layer::Tls(tls), Some(peer)) = (&wire.layer, self.shard.peer(wire.connection))
            && !tls.is_established()
        {
            self.log.tls_failed(peer, wire.listener, &TlsFailure::Abandoned);
        }
        self.hang_up(wire.connection, cause);
    }

    fn detached(&mut self, id: SocketId, fd: OwnedFd) {
        let Some(wire) = self.wires.remove(id) else { return };
        let Layer::Leaving(leaving) = wire.layer else {
            self.setup.census.leave(wire.listener);
            return;
        };
        let Wire { listener, room, .. } = wire;
        let Leaving { peer, to, bytes, tls } = *leaving;
        self.depart(to, Box::new(Handoff { fd, tls, bytes, listener, peer, room }));
    }

    fn woken(&mut self) {}

    fn alarm(&mut self) {}

    fn accept_failed(&mut self, _: ListenerId, error: io::Error) {
        if error.kind() == io::ErrorKind::QuotaExceeded {
            self.shard.report_unread();
        }
        self.log.accept_failed(&error);
    }
}

impl Driver for Pump {
    fn after_turn(&mut self, net: &mut Network) -> Next {
        self.begin_work();
        self.heed_stop(net);
        let inbox = self.empty_inbox();
        // Before any connection is opened: an open may use the slot of one that an order in the trays still names.
        trays::empty(self, net);
        self.open_accepted(net);
        self.adopt_arrived(net);
        self.keep_time(net);
        trays::empty(self, net);
        self.read_on(net);
        // What the last orders caused. What is left after that found a full mailbox, whose owner wakes this thread.
        let late = trays::post_letters(self);
        self.send_off_departing();
        self.mailbox.wake_receivers();
        if self.shard.is_congested() {
            net.hold_reads();
        } else {
            net.release_reads();
        }
        if self.is_done(net) {
            return Next::Stop;
        }
        self.load.end();
        // What was held back behind letters that are posted by now leaves in the coming turn.
        if late == Posted::Some { Next::Again } else { inbox }
    }
}
