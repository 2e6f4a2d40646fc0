//! The start and the stop: networks and shards on threads of their own, listeners, and a clean end.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::SystemTime;

use ringmq_broker::seed::{Seeds, ShardId};
use ringmq_broker::{Setup, Shard};
use ringmq_ring::{Engine, Network, OpenError, Options, Remote, preflight, run, run_hosted, spawn_executor};
use tracing::{error, info, warn};

use super::census::Census;
use super::clock::Clock;
use super::cores::{Placement, place};
use super::descriptors;
use super::listen::{self, Bound};
use super::mailbox::Mailboxes;
use super::places::AllPlaces;
use super::setup::setup;
use super::signals::StopSignals;
use crate::config::{self, Config};
use crate::net::material::{self, Material, Materials};
use crate::net::pump::{Port, Pump, PumpSetup};

/// Why the broker did not start, ready to be shown.
pub(crate) struct StartError(String);

impl std::fmt::Display for StartError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

fn fail(error: impl std::fmt::Display) -> StartError {
    StartError(error.to_string())
}

/// Runs the broker until it is told to stop.
pub(crate) fn run_broker(config: &Config) -> Result<(), StartError> {
    let mut signals = StopSignals::catch().map_err(fail)?;
    let materials = material::prepare(config, SystemTime::now()).map_err(|errors| fail(lines(&errors)))?;
    descriptors::raise_limit();
    let placement = place(config.general.shards);
    let shard_count = placement.cpus.len() as u16;
    let engine = choose_engine(config)?;
    let direct = descriptors::direct(&options(config, engine));
    descriptors::compare(config, placement.cpus.len(), direct);
    let bound = match listen::open(config, shard_count, &mut || signals.has_arrived()) {
        Err(_) if signals.has_arrived() => {
            info!("stopped before all ports were free");
            return Ok(());
        }
        outcome => outcome.map_err(fail)?,
    };
    announce(config, &materials);
    let census = Arc::new(Census::new(config));
    let launch =
        Launch { config, engine, census: census.clone(), ports: ports(config, &materials.listeners) };
    let shards = launch.start(&placement, bound, &signals.handle())?;
    info!(shards = shard_count, ?engine, direct_descriptors = direct, "ready");
    let signal = signals.wait();
    info!("stopping{}", signal.map(|name| format!(" on {name}")).unwrap_or_default());
    census.stop();
    shards.stop()?;
    info!("stopped");
    // Without a signal it was a shard that ended the wait: whoever supervises the process must see a failure.
    signal.map(|_| ()).ok_or_else(|| StartError("a shard ended by itself; see the log above".into()))
}

fn lines(errors: &[impl std::fmt::Display]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\nringmq: ")
}

/// The engine of the configuration; automatic is io_uring where the kernel allows it.
fn choose_engine(config: &Config) -> Result<Engine, StartError> {
    match config.network.engine {
        config::Engine::Epoll => Ok(Engine::Epoll),
        config::Engine::IoUring => preflight(Engine::IoUring).map(|()| Engine::IoUring).map_err(fail),
        config::Engine::Auto => match preflight(Engine::IoUring) {
            Ok(()) => Ok(Engine::IoUring),
            Err(error) => {
                warn!("{error}; using epoll instead");
                Ok(Engine::Epoll)
            }
        },
    }
}

fn options(config: &Config, engine: Engine) -> Options {
    Options {
        engine,
        buffers: config.network.receive_buffers,
        buffer_bytes: config.network.receive_buffer_bytes,
        direct_max: config.network.direct_descriptors,
        busy_poll_us: config.network.busy_poll_us,
        ..Options::default()
    }
}

/// Tells how clients can reach and trust this broker.
fn announce(config: &Config, materials: &Materials) {
    for notice in &materials.notices {
        info!("{notice}");
    }
    let mut told = Vec::new();
    for material in materials.listeners.iter().flatten() {
        if told.contains(&&material.fingerprint) {
            continue;
        }
        info!("certificate SHA-256 fingerprint {}", material.fingerprint);
        if let Some(ca) = &material.ca {
            info!("clients can trust it with the CA file {}", ca.display());
        }
        told.push(&material.fingerprint);
    }
    if let Some(hint) = config.listen_hint() {
        info!("{hint}");
    }
}

fn ports(config: &Config, material: &[Option<Material>]) -> Vec<Port> {
    let ports = config.listeners.iter().zip(material);
    let port = |(listener, material): (&config::Listener, &Option<Material>)| Port {
        transport: listener.url.transport,
        tls: material.as_ref().map(|material| material.config.clone()),
    };
    ports.map(port).collect()
}

/// What all shards are started with.
struct Launch<'a> {
    config: &'a Config,
    engine: Engine,
    census: Arc<Census>,
    ports: Vec<Port>,
}

/// The running shards.
struct Shards {
    threads: Vec<Thread>,
    remotes: Vec<Remote>,
}

enum Thread {
    Hosted(ringmq_ring::Executor),
    Plain(thread::JoinHandle<()>),
}

/// What goes to the thread of one shard.
struct Errand {
    setup: Setup,
    options: Options,
    clock: Clock,
    census: Arc<Census>,
    ports: Vec<Port>,
    listeners: Vec<(u16, TcpListener)>,
    close_linger_ms: u32,
    stop_timeout_ms: u32,
    mailboxes: Arc<Mailboxes>,
    exchange: Exchange,
}

/// How the threads learn each other's remotes: each tells its own and waits for all.
struct Exchange {
    told: mpsc::Sender<Result<(ShardId, Remote), OpenError>>,
    all: mpsc::Receiver<Vec<Remote>>,
    /// Ends the wait for signals, should a shard end by itself.
    signals: signal_hook::iterator::Handle,
    started: Arc<Barrier>,
}

impl Launch<'_> {
    fn start(
        &self,
        placement: &Placement,
        bound: Vec<Bound>,
        signals: &signal_hook::iterator::Handle,
    ) -> Result<Shards, StartError> {
        let shard_count = placement.cpus.len() as u16;
        let seeds = draw_seeds();
        let clock = Clock::start();
        let mailboxes = Arc::new(Mailboxes::new(shard_count));
        let places = AllPlaces::new(&self.config.limits);
        let mut listeners = by_shard(bound, shard_count);
        let (told, tellings) = mpsc::channel();
        let started = Arc::new(Barrier::new(usize::from(shard_count) + 1));
        let (mut threads, mut answers) = (Vec::new(), Vec::new());
        for (shard, &cpu) in (0..shard_count).zip(&placement.cpus) {
            let (answer, all) = mpsc::channel();
            answers.push(answer);
            let exchange =
                Exchange { told: told.clone(), all, signals: signals.clone(), started: started.clone() };
            let errand = Errand {
                setup: setup(self.config, shard, shard_count, seeds, &places),
                options: options(self.config, self.engine),
                clock,
                census: self.census.clone(),
                ports: self.ports.clone(),
                listeners: std::mem::take(&mut listeners[usize::from(shard)]),
                close_linger_ms: self.config.network.close_linger_ms,
                stop_timeout_ms: self.config.general.stop_timeout_ms,
                mailboxes: mailboxes.clone(),
                exchange,
            };
            threads.push(self.spawn(errand, shard, cpu).map_err(fail)?);
        }
        drop(told);
        let mut remotes: Vec<(ShardId, Remote)> = Vec::new();
        for _ in 0..shard_count {
            let telling = tellings.recv().map_err(|_| StartError("a shard ended while it started".into()))?;
            remotes.push(telling.map_err(fail)?);
        }
        remotes.sort_by_key(|&(shard, _)| shard);
        let remotes: Vec<Remote> = remotes.into_iter().map(|(_, remote)| remote).collect();
        for answer in answers {
            answer.send(remotes.clone()).map_err(|_| StartError("a shard ended while it started".into()))?;
        }
        started.wait();
        Ok(Shards { threads, remotes })
    }

    fn spawn(&self, errand: Errand, shard: ShardId, cpu: Option<usize>) -> io::Result<Thread> {
        let name = format!("shard-{shard}");
        match self.engine {
            Engine::IoUring => spawn_executor(cpu, &name, move || serve_hosted(errand)).map(Thread::Hosted),
            Engine::Epoll => {
                let body = move || {
                    if let Some(id) = cpu {
                        core_affinity::set_for_current(core_affinity::CoreId { id });
                    }
                    serve_plain(errand);
                };
                thread::Builder::new().name(name).spawn(body).map(Thread::Plain)
            }
        }
    }
}

impl Shards {
    /// Wakes all shards, which see that they are to stop, and waits for them.
    fn stop(self) -> Result<(), StartError> {
        self.remotes.iter().for_each(Remote::wake);
        for thread in self.threads {
            match thread {
                Thread::Hosted(executor) => executor.join().map_err(fail)?,
                Thread::Plain(thread) => {
                    thread.join().map_err(|_| StartError("a shard panicked".into()))?;
                }
            }
        }
        Ok(())
    }
}

fn by_shard(bound: Vec<Bound>, shard_count: u16) -> Vec<Vec<(u16, TcpListener)>> {
    let mut listeners: Vec<Vec<(u16, TcpListener)>> = (0..shard_count).map(|_| Vec::new()).collect();
    for bound in bound {
        for (of_shard, socket) in listeners.iter_mut().zip(bound.sockets) {
            of_shard.push((bound.listener, socket));
        }
    }
    listeners
}

/// Secrets of this run of the process.
fn draw_seeds() -> Seeds {
    let draw = || {
        let mut bytes = [0; 8];
        aws_lc_rs::rand::fill(&mut bytes).expect("the operating system has random numbers");
        u64::from_ne_bytes(bytes)
    };
    Seeds { hash: draw(), identity: [draw(), draw()] }
}

async fn serve_hosted(errand: Errand) {
    let signals = errand.exchange.signals.clone();
    if let Some((mut net, mut pump)) = prepare(errand)
        && let Err(error) = run_hosted(&mut net, &mut pump).await
    {
        error!(%error, "the network of a shard failed");
    }
    signals.close();
}

fn serve_plain(errand: Errand) {
    let signals = errand.exchange.signals.clone();
    if let Some((mut net, mut pump)) = prepare(errand)
        && let Err(error) = run(&mut net, &mut pump)
    {
        error!(%error, "the network of a shard failed");
    }
    signals.close();
}

/// Opens the network on the shard's own thread and makes its pump. `None` if the start was given up.
fn prepare(errand: Errand) -> Option<(Network, Pump)> {
    let Exchange { told, all, started, .. } = errand.exchange;
    let own = errand.setup.shard;
    let mut net = match Network::open(&errand.options) {
        Ok(net) => net,
        Err(error) => {
            let _ = told.send(Err(error));
            return None;
        }
    };
    told.send(Ok((own, net.remote()))).ok()?;
    drop(told);
    let remotes = all.recv().ok()?;
    let mut pump = Pump::new(PumpSetup {
        shard: Shard::new(errand.setup, errand.clock.now()),
        mailbox: errand.mailboxes.end(own, remotes),
        clock: errand.clock,
        census: errand.census,
        ports: errand.ports,
        close_linger_ms: errand.close_linger_ms,
        stop_timeout_ms: errand.stop_timeout_ms,
    });
    for (number, socket) in errand.listeners {
        match net.listen(socket) {
            Ok(id) => pump.serve(id, number),
            Err(error) => error!(%error, "a listener could not be watched"),
        }
    }
    started.wait();
    Some((net, pump))
}
