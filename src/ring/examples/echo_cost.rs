//! What an echoed message costs the serving thread: CPU microseconds and system calls per message.
//!
//! `echo_cost ENGINE CONNECTIONS WINDOW RATE` with ENGINE one of `io_uring`, `hosted`, `epoll`; each connection keeps WINDOW
//! messages of 64 bytes under way; RATE messages a second in all, 0 for as fast as they come back. The server runs
//! on CPU 0 and the load, a process of its own, on CPU 1.

use std::error::Error;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ringmq_ring::{
    BindOptions, Closed, Driver, Engine, Handler, ListenerId, Network, Next, Options, Segment, SocketId,
    bind, invite, run, run_with_guests,
};

const MESSAGE_BYTES: usize = 64;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);

type Failure = Box<dyn Error + Send + Sync>;

/// Echoes until its last client has gone, and measures itself in between.
#[derive(Default)]
struct Server {
    accepted: Vec<SocketId>,
    echoes: Vec<(SocketId, Vec<u8>)>,
    spares: Vec<Vec<u8>>,
    messages: u64,
    open_count: usize,
    gone: bool,
    alarm: bool,
    begun: Option<Reading>,
    report: Option<String>,
}

/// The meters at one moment.
#[derive(Clone, Copy)]
struct Reading {
    cpu: Duration,
    messages: u64,
    system_calls: u64,
}

impl Reading {
    fn take(net: &Network, messages: u64) -> Reading {
        let mut usage = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the time is written to the place given.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut usage) };
        let cpu = Duration::new(usage.tv_sec as u64, usage.tv_nsec as u32);
        Reading { cpu, messages, system_calls: net.stats().system_calls }
    }

    fn report(self, until: Reading) -> String {
        let messages = (until.messages - self.messages) as f64;
        let cpu_us = (until.cpu - self.cpu).as_secs_f64() * 1e6;
        let calls = (until.system_calls - self.system_calls) as f64;
        let rate = messages / MEASURED.as_secs_f64();
        let (cost, calls) = (cpu_us / messages, calls / messages);
        format!("{rate:9.0} messages/s  {cost:7.3} us CPU/message  {calls:6.3} system calls/message")
    }
}

impl Handler for Server {
    fn accepted(&mut self, _: ListenerId, id: SocketId) {
        self.accepted.push(id);
    }
    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        self.messages += (bytes.len() / MESSAGE_BYTES) as u64;
        let mut echo = self.spares.pop().unwrap_or_default();
        echo.extend_from_slice(bytes);
        self.echoes.push((id, echo));
    }
    fn stalled(&mut self, _: SocketId) {}
    fn drained(&mut self, _: SocketId) {}
    fn closed(&mut self, _: SocketId, _: Closed) {
        self.open_count -= 1;
        self.gone = self.open_count == 0;
    }
    fn detached(&mut self, _: SocketId, _: OwnedFd) {}
    fn woken(&mut self) {}
    fn alarm(&mut self) {
        self.alarm = true;
    }
}

impl Driver for Server {
    fn after_turn(&mut self, net: &mut Network) -> Next {
        for id in self.accepted.drain(..) {
            self.open_count += 1;
            net.receive(id);
            if self.open_count == 1 {
                net.set_alarm(Some(Instant::now() + WARM_UP));
            }
        }
        for (id, echo) in self.echoes.drain(..) {
            if let Some(queue) = net.send_queue(id) {
                queue.push(Segment::Bytes(echo));
                net.send(id);
            }
            self.spares.push(net.spare_buffer());
        }
        if std::mem::take(&mut self.alarm) {
            let now = Reading::take(net, self.messages);
            match self.begun.replace(now) {
                None => net.set_alarm(Some(Instant::now() + MEASURED)),
                Some(begun) => self.report = Some(begun.report(now)),
            }
        }
        if self.gone { Next::Stop } else { Next::Wait }
    }
}

/// Keeps a window of messages under way on every connection.
struct Load {
    ids: Vec<SocketId>,
    connected: usize,
    /// Bytes come back per connection since the last full message.
    parts: Vec<usize>,
    /// Messages to send, as places in `ids`.
    due: Vec<usize>,
    window: usize,
    per_ms: usize,
    next: usize,
    tick: Instant,
    end: Instant,
    alarm: bool,
}

impl Handler for Load {
    fn accepted(&mut self, _: ListenerId, _: SocketId) {}
    fn connected(&mut self, _: SocketId, result: std::io::Result<()>) {
        result.expect("the server is there");
        self.connected += 1;
    }
    fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
        let at = id.index() as usize;
        self.parts[at] += bytes.len();
        while self.parts[at] >= MESSAGE_BYTES {
            self.parts[at] -= MESSAGE_BYTES;
            if self.per_ms == 0 {
                self.due.push(at);
            }
        }
    }
    fn stalled(&mut self, _: SocketId) {}
    fn drained(&mut self, _: SocketId) {}
    fn closed(&mut self, _: SocketId, _: Closed) {}
    fn detached(&mut self, _: SocketId, _: OwnedFd) {}
    fn woken(&mut self) {}
    fn alarm(&mut self) {
        self.alarm = true;
    }
}

impl Driver for Load {
    fn after_turn(&mut self, net: &mut Network) -> Next {
        let now = Instant::now();
        if self.connected == self.ids.len() && self.next == 0 && self.per_ms == 0 {
            self.next = 1;
            self.due.extend((0..self.ids.len() * self.window).map(|at| at % self.ids.len()));
        }
        while self.per_ms > 0 && self.connected == self.ids.len() && now >= self.tick {
            self.tick += Duration::from_millis(1);
            for _ in 0..self.per_ms {
                self.due.push(self.next % self.ids.len());
                self.next += 1;
            }
        }
        for at in self.due.drain(..) {
            if let Some(queue) = net.send_queue(self.ids[at]) {
                queue.push_slice(&[7; MESSAGE_BYTES]);
                net.send(self.ids[at]);
            }
        }
        net.set_alarm(Some(if self.per_ms > 0 { self.tick } else { self.end }));
        if now < self.end { Next::Wait } else { Next::Stop }
    }
}

fn load(to: SocketAddr, connections: usize, window: usize, rate: usize) -> Result<(), Failure> {
    pin(1);
    let mut net = Network::open(&Options { engine: Engine::Epoll, ..Options::default() })?;
    let ids = (0..connections).map(|_| net.connect(to, None)).collect::<Result<Vec<_>, _>>()?;
    ids.iter().for_each(|id| net.receive(*id));
    let now = Instant::now();
    let mut load = Load {
        parts: vec![0; ids.len()],
        ids,
        connected: 0,
        due: Vec::new(),
        window,
        per_ms: rate.div_ceil(1000),
        next: 0,
        tick: now,
        end: now + WARM_UP + MEASURED + Duration::from_millis(500),
        alarm: false,
    };
    Ok(run(&mut net, &mut load)?)
}

fn pin(cpu: usize) {
    // SAFETY: a cpu_set_t of zeros is the empty set; it lives through the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
}

fn open(engine: Engine) -> Result<(Network, SocketAddr), Failure> {
    let mut net = Network::open(&Options { engine, ..Options::default() })?;
    let listener = bind("127.0.0.1:0".parse()?, &BindOptions::default())?;
    let addr = listener.local_addr()?;
    net.listen(listener)?;
    Ok((net, addr))
}

fn start_load(addr: SocketAddr, arguments: &[String]) -> Result<std::process::Child, Failure> {
    let child = std::process::Command::new(std::env::current_exe()?)
        .arg("load")
        .arg(addr.to_string())
        .args(arguments)
        .spawn();
    Ok(child?)
}

fn serve(engine: Engine, arguments: &[String]) -> Result<String, Failure> {
    pin(0);
    let (mut net, addr) = open(engine)?;
    let mut child = start_load(addr, arguments)?;
    let mut server = Server::default();
    run(&mut net, &mut server)?;
    child.wait()?;
    server.report.ok_or_else(|| "the load ended too soon".into())
}

/// With an executor on the same thread, started by a task that ends at once.
fn serve_hosted(arguments: &[String]) -> Result<String, Failure> {
    pin(0);
    let (mut net, addr) = open(Engine::IoUring)?;
    let mut child = start_load(addr, arguments)?;
    let mut server = Server::default();
    invite(async {});
    run_with_guests(&mut net, &mut server)?;
    child.wait()?;
    server.report.ok_or_else(|| "the load ended too soon".into())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> Result<usize, Failure> {
        Ok(arguments.get(at).ok_or("see the source for usage")?.parse()?)
    };
    let report = match arguments.first().map(String::as_str) {
        Some("load") => return load(arguments[1].parse()?, number(2)?, number(3)?, number(4)?),
        Some("io_uring") => serve(Engine::IoUring, &arguments[1..])?,
        Some("epoll") => serve(Engine::Epoll, &arguments[1..])?,
        Some("hosted") => serve_hosted(&arguments[1..])?,
        _ => return Err("echo_cost io_uring|hosted|epoll CONNECTIONS WINDOW RATE".into()),
    };
    println!("{:9} {report}", arguments[0]);
    Ok(())
}
