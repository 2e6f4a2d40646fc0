//! What both engines promise, proved over both: `on_both_engines!` makes a test of each function for epoll, and two for
//! io_uring, with and without a table of files of the ring's own.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use crate::{
    BindOptions, Close, Closed, Engine, Handler, ListenerId, Network, Options, Segment, SocketId, Wait, bind,
};

mod accepting;
mod appending;
mod closing;
mod direct;
mod disorder;
mod failing;
mod hosted;
mod moving;
mod receiving;
mod sending;
mod waiting;

/// Makes a test for each engine of each function that takes an engine.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod io_uring {
            $(#[test] fn $name() { super::$name(crate::Engine::IoUring); })*
        }
        mod io_uring_without_table {
            $(#[test] fn $name() {
                crate::tests::DIRECT_MAX.set(0);
                super::$name(crate::Engine::IoUring);
            })*
        }
        mod epoll {
            $(#[test] fn $name() { super::$name(crate::Engine::Epoll); })*
        }
    };
}
use on_both_engines;

thread_local! {
    /// Places in the tables of this thread's rings.
    static DIRECT_MAX: Cell<u32> = const { Cell::new(256) };
}

/// No test waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a handler was told.
#[derive(Debug)]
enum Seen {
    Accepted(SocketId),
    Connected(SocketId, io::Result<()>),
    Data(SocketId, Vec<u8>),
    Stalled(SocketId),
    Drained(SocketId),
    Closed(SocketId, Closed),
    Detached(SocketId, OwnedFd),
    Woken,
    Alarm,
    Appended(crate::Appended),
    AcceptFailed(io::Error),
}

/// Writes down what it is told.
#[derive(Default)]
struct Recorder(Vec<Seen>);

impl Handler for Recorder {
    fn accepted(&mut self, _: ListenerId, id: SocketId) {
        self.0.push(Seen::Accepted(id));
    }
    fn connected(&mut self, id: SocketId, result: io::Result<()>) {
        self.0.push(Seen::Connected(id, result));
    }
    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        self.0.push(Seen::Data(id, bytes.to_vec()));
    }
    fn stalled(&mut self, id: SocketId) {
        self.0.push(Seen::Stalled(id));
    }
    fn drained(&mut self, id: SocketId) {
        self.0.push(Seen::Drained(id));
    }
    fn closed(&mut self, id: SocketId, why: Closed) {
        self.0.push(Seen::Closed(id, why));
    }
    fn detached(&mut self, id: SocketId, fd: OwnedFd) {
        self.0.push(Seen::Detached(id, fd));
    }
    fn woken(&mut self) {
        self.0.push(Seen::Woken);
    }
    fn alarm(&mut self) {
        self.0.push(Seen::Alarm);
    }
    fn appended(&mut self, appended: crate::Appended) {
        self.0.push(Seen::Appended(appended));
    }
    fn accept_failed(&mut self, _: ListenerId, error: io::Error) {
        self.0.push(Seen::AcceptFailed(error));
    }
}

/// A network with one listener on loopback and all it has reported.
struct Rig {
    net: Network,
    listener: ListenerId,
    addr: SocketAddr,
    seen: Vec<Seen>,
}

impl Rig {
    fn new(engine: Engine) -> Rig {
        Rig::with(&Options { engine, ..small() })
    }

    fn with(options: &Options) -> Rig {
        let mut net = Network::open(options).unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap(), &BindOptions::default()).unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = net.listen(listener).unwrap();
        Rig { net, listener, addr, seen: Vec::new() }
    }

    /// One turn; adds what it reported to `seen`.
    fn turn(&mut self, wait: Wait) {
        let mut recorder = Recorder::default();
        self.net.turn(wait, &mut recorder).unwrap();
        self.seen.append(&mut recorder.0);
    }

    /// Turns until `done` finds what it looks for among everything seen, or patience ends.
    fn until<T>(&mut self, what: &str, mut done: impl FnMut(&mut Rig) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = done(self) {
                return found;
            }
            assert!(Instant::now() < end, "{what} did not come; seen: {:?}", self.seen);
            // Wakes the turn should the test hang; `seen` is rid of it below.
            self.net.set_alarm(Some(end));
            self.turn(Wait::ForOne);
            self.net.set_alarm(None);
            self.seen.retain(|seen| !matches!(seen, Seen::Alarm));
        }
    }

    /// Turns a few times without waiting, for what must not happen. The kernel delivers on loopback inside the peer's
    /// own system call, so that what could come has come.
    fn settle(&mut self) {
        (0..5).for_each(|_| self.turn(Wait::No));
    }

    /// A client and its accepted socket.
    fn client(&mut self) -> (TcpStream, SocketId) {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let id = self.until("accepted", |rig| {
            let at = rig.seen.iter().position(|seen| matches!(seen, Seen::Accepted(_)))?;
            let Seen::Accepted(id) = rig.seen.remove(at) else { unreachable!() };
            Some(id)
        });
        (stream, id)
    }

    /// A client and its accepted socket, which is read.
    fn reading_client(&mut self) -> (TcpStream, SocketId) {
        let (stream, id) = self.client();
        self.net.receive(id);
        (stream, id)
    }

    fn send(&mut self, id: SocketId, bytes: &[u8]) {
        self.net.send_queue(id).unwrap().push_slice(bytes);
        self.net.send(id);
    }

    /// All bytes received on a socket so far.
    fn received(&self, id: SocketId) -> Vec<u8> {
        let data = self.seen.iter().filter_map(|seen| match seen {
            Seen::Data(from, bytes) if *from == id => Some(bytes.as_slice()),
            _ => None,
        });
        data.flatten().copied().collect()
    }

    fn until_received(&mut self, id: SocketId, bytes: &[u8]) {
        self.until("data", |rig| (rig.received(id).len() >= bytes.len()).then_some(()));
        assert!(self.received(id) == bytes, "bytes arrive whole and in order");
    }

    fn why_closed(&self, id: SocketId) -> Option<Closed> {
        let closed = self.seen.iter().filter_map(|seen| match seen {
            Seen::Closed(which, why) if *which == id => Some(*why),
            _ => None,
        });
        let closed: Vec<_> = closed.collect();
        assert!(closed.len() <= 1, "closed is reported once");
        closed.first().copied()
    }

    fn until_closed(&mut self, id: SocketId) -> Closed {
        self.until("closed", |rig| rig.why_closed(id))
    }

    fn count(&self, which: impl Fn(&Seen) -> bool) -> usize {
        self.seen.iter().filter(|seen| which(seen)).count()
    }
}

/// Options that exhaust nothing and cost little.
fn small() -> Options {
    let direct_max = DIRECT_MAX.get();
    Options {
        sq_entries: 64,
        cq_entries: 256,
        buffers: 16,
        buffer_bytes: 4096,
        direct_max,
        ..Options::default()
    }
}

/// Bytes that differ from place to place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 251 % 256) as u8).collect()
}

fn read_to_end(mut stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).map(|_| all)
}
