//! The start and the stop: networks and shards on threads of their own, listeners, and a clean end.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ringmq_broker::seed::Seeds;
use ringmq_ring::{Engine, Remote};
use tracing::info;

use super::banner;
use super::census::Census;
use super::clock::Clock;
use super::cores::{Placement, place};
use super::descriptors;
use super::engine::{open_networks, options};
use super::listen::{self, Bound};
use super::mailbox::Mailboxes;
use super::places::AllPlaces;
use super::setup::setup;
use super::shard_thread::{Errand, ShardThread};
use super::signals::{StopSignals, WaitHandle};
use crate::config::{self, Config, Word};
use crate::net::material::{self, Material};
use crate::net::pump::Port;

/// How often the broker looks again whether its certificates are valid.
const DAY: Duration = Duration::from_secs(86_400);

/// Why the broker did not start, ready to be shown.
#[derive(Debug)]
pub(crate) struct StartError(String);

impl StartError {
    pub(crate) fn new(text: String) -> StartError {
        StartError(text)
    }
}

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
    let mut signals =
        StopSignals::catch().map_err(|error| fail(format!("signals cannot be caught: {error}")))?;
    banner::begin(config);
    let materials = material::prepare(config, SystemTime::now()).map_err(|errors| fail(lines(&errors)))?;
    descriptors::raise_limit();
    let placement = place(config.general.shards);
    let shard_count = placement.cpus.len() as u16;
    let threads = start_threads(&placement, &signals.handle())?;
    let (engine, remotes) = open_networks(config, &threads)?;
    let direct = descriptors::direct(&options(config, engine));
    banner::limits(config, descriptors::connections(placement.cpus.len(), direct));
    let bound = match listen::open(config, shard_count, &mut || signals.has_arrived()) {
        Err(_) if signals.has_arrived() => {
            info!("stopped before all ports were free");
            return Ok(());
        }
        outcome => outcome.map_err(fail)?,
    };
    banner::certificates(&materials);
    banner::reach(config, listen::addresses(config, &bound));
    let census = Arc::new(Census::new(config));
    let launch = Launch { config, census: census.clone(), ports: ports(config, &materials.listeners) };
    let shards = launch.start(threads, remotes, bound)?;
    info!(shards = shard_count, engine = %word_of(engine), direct_descriptors = direct, "ready");
    let signal = signals.wait(DAY, || banner::warn_of_certificates(&materials));
    info!("stopping{}", signal.map(|name| format!(" on {name}")).unwrap_or_default());
    census.stop();
    shards.stop()?;
    info!("stopped");
    // Without a signal it was a shard that ended the wait: whoever supervises the process must see a failure.
    signal.map(|_| ()).ok_or_else(|| StartError("a shard ended by itself; see the log above".into()))
}

fn lines(errors: &[impl std::fmt::Display]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// As the configuration spells it.
fn word_of(engine: Engine) -> &'static str {
    match engine {
        Engine::IoUring => config::Engine::IoUring.word(),
        Engine::Epoll => config::Engine::Epoll.word(),
    }
}

fn ports(config: &Config, material: &[Option<Material>]) -> Vec<Port> {
    let ports = config.listeners.iter().zip(material);
    let port = |(listener, material): (&config::Listener, &Option<Material>)| Port {
        name: listener.name.as_str().into(),
        transport: listener.url.transport,
        tls: material.as_ref().map(|material| material.config.clone()),
    };
    ports.map(port).collect()
}

fn start_threads(placement: &Placement, signals: &WaitHandle) -> Result<Vec<ShardThread>, StartError> {
    let numbered = (0..).zip(&placement.cpus);
    numbered.map(|(shard, &cpu)| ShardThread::start(shard, cpu, signals.clone())).collect()
}

/// What all shards are started with.
struct Launch<'a> {
    config: &'a Config,
    census: Arc<Census>,
    ports: Vec<Port>,
}

impl Launch<'_> {
    /// Gives each shard its listeners, and lets them serve when all are ready to.
    fn start(
        &self,
        threads: Vec<ShardThread>,
        remotes: Vec<Remote>,
        bound: Vec<Bound>,
    ) -> Result<Shards, StartError> {
        let shard_count = threads.len() as u16;
        let seeds = draw_seeds();
        let clock = Clock::start();
        let mailboxes = Mailboxes::new(shard_count, self.config.limits.mailbox_bytes_max);
        let places = AllPlaces::new(&self.config.limits);
        for ((shard, thread), listeners) in (0..).zip(&threads).zip(by_shard(bound, shard_count)) {
            thread.prepare(Errand {
                setup: setup(self.config, shard, shard_count, seeds, &places),
                clock,
                mailbox: mailboxes.end(shard, remotes.clone()),
                census: self.census.clone(),
                ports: self.ports.clone(),
                listeners,
                close_linger_ms: self.config.network.close_linger_ms,
                stop_timeout_ms: self.config.general.stop_timeout_ms,
            });
        }
        for thread in &threads {
            thread.prepared()?;
        }
        threads.iter().for_each(ShardThread::serve);
        Ok(Shards { threads, remotes })
    }
}

/// The running shards.
struct Shards {
    threads: Vec<ShardThread>,
    remotes: Vec<Remote>,
}

impl Shards {
    /// Wakes all shards, which see that they are to stop, and waits for them.
    fn stop(self) -> Result<(), StartError> {
        self.remotes.iter().for_each(Remote::wake);
        self.threads.into_iter().try_for_each(ShardThread::join)
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
