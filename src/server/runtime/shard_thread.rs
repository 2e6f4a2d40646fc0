//! The thread of one shard: it opens its network, makes its pump and serves, each when the main thread says so.
//!
//! Owns the thread and the talk with it. Must never know what the other threads do.

use std::net::TcpListener;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ringmq_broker::seed::ShardId;
use ringmq_broker::{Setup, Shard};
use ringmq_ring::{Network, OpenError, Options, Remote, run_with_guests};
use tracing::{error, info, warn};

use super::census::Census;
use super::clock::Clock;
use super::launch::StartError;
use super::mailbox::Mailbox;
use super::signals::WaitHandle;
use crate::net::pump::{Port, Pump, PumpSetup};

/// The time between two tries to open a network while locked memory lacks.
const OPEN_PROBE: Duration = Duration::from_millis(5);

/// What a thread is told, in this order; [`Order::Open`] may come again. When nobody can tell it anything more it ends.
enum Order {
    Open(Opening),
    Prepare(Box<Errand>),
    Serve,
}

/// How to open a network.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) options: Options,
    /// Until when to try again while locked memory lacks.
    pub(crate) until: Instant,
}

/// What a shard is made from, and what it serves.
pub(crate) struct Errand {
    pub(crate) setup: Setup,
    pub(crate) clock: Clock,
    pub(crate) mailbox: Mailbox,
    pub(crate) census: Arc<Census>,
    pub(crate) ports: Vec<Port>,
    /// Each with its number in the configuration.
    pub(crate) listeners: Vec<(u16, TcpListener)>,
    pub(crate) close_linger_ms: u32,
    pub(crate) stop_timeout_ms: u32,
}

/// What a thread answers to an order, if it has done it.
enum Done {
    Opened(Remote),
    Prepared,
}

/// Why it has not.
pub(crate) enum Refusal {
    /// The kernel refused the network.
    Open(OpenError),
    /// Anything else.
    Other(StartError),
}

/// The main thread's end of the thread of a shard.
pub(crate) struct ShardThread {
    shard: ShardId,
    orders: mpsc::Sender<Order>,
    answers: mpsc::Receiver<Result<Done, Refusal>>,
    thread: thread::JoinHandle<()>,
}

impl ShardThread {
    /// Starts the thread, on the core `cpu` if there is one for it. `signals` is closed when it has ended.
    ///
    /// # Errors
    /// The kernel's refusal to make a thread.
    pub(crate) fn start(
        shard: ShardId,
        cpu: Option<usize>,
        signals: WaitHandle,
    ) -> Result<ShardThread, StartError> {
        let (orders, incoming) = mpsc::channel();
        let (outgoing, answers) = mpsc::channel();
        let body = move || {
            pin(shard, cpu);
            live(shard, &incoming, &outgoing);
            signals.close();
        };
        let thread = thread::Builder::new().name(format!("shard-{shard}")).spawn(body).map_err(|error| {
            StartError::new(format!(
                "the thread of shard {shard} cannot be made: {error}. Likely cause: the limit of threads is reached. \
                 Remedy: raise it (TasksMax= of the service, --pids-limit of the container, `ulimit -u`), or run fewer \
                 shards"
            ))
        })?;
        Ok(ShardThread { shard, orders, answers, thread })
    }

    /// Has it open a network, in place of one that it may have.
    pub(crate) fn open(&self, opening: Opening) {
        self.tell(Order::Open(opening));
    }

    /// Waits for the network.
    pub(crate) fn opened(&self) -> Result<Remote, Refusal> {
        match self.answer()? {
            Done::Opened(remote) => Ok(remote),
            Done::Prepared => unreachable!("answers come in the order of the orders"),
        }
    }

    /// Has it make its shard and watch its listeners.
    pub(crate) fn prepare(&self, errand: Errand) {
        self.tell(Order::Prepare(Box::new(errand)));
    }

    /// Waits until it is ready to serve.
    pub(crate) fn prepared(&self) -> Result<(), Refusal> {
        self.answer().map(|_| ())
    }

    /// Has it serve until it is stopped.
    pub(crate) fn serve(&self) {
        self.tell(Order::Serve);
    }

    /// Waits for its end.
    pub(crate) fn join(self) -> Result<(), StartError> {
        let shard = self.shard;
        self.thread.join().map_err(|_| StartError::new(format!("shard {shard} panicked; see above")))
    }

    fn tell(&self, order: Order) {
        // A thread that has ended shows when it is asked for its answer, or joined.
        let _ = self.orders.send(order);
    }

    fn answer(&self) -> Result<Done, Refusal> {
        let ended = || Refusal::Other(StartError::new(format!("shard {} panicked; see above", self.shard)));
        self.answers.recv().map_err(|_| ended())?
    }
}

fn pin(shard: ShardId, cpu: Option<usize>) {
    if let Some(id) = cpu
        && !core_affinity::set_for_current(core_affinity::CoreId { id })
    {
        warn!("shard {shard} could not be pinned to core {id}");
    }
}

/// The life of the thread. It ends early if the main thread gives up.
fn live(shard: ShardId, orders: &mpsc::Receiver<Order>, answers: &mpsc::Sender<Result<Done, Refusal>>) {
    let mut net = None;
    let mut pump = None;
    loop {
        let answer = match orders.recv() {
            Ok(Order::Open(opening)) => {
                net = None;
                open(shard, &opening).map(|opened| Done::Opened(net.insert(opened).remote()))
            }
            Ok(Order::Prepare(errand)) => match &mut net {
                Some(net) => prepare(net, *errand).map(|made| {
                    pump = Some(made);
                    Done::Prepared
                }),
                None => return,
            },
            Ok(Order::Serve) => break,
            Err(_) => return,
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
    if let (Some(net), Some(pump)) = (&mut net, &mut pump)
        && let Err(error) = run_with_guests(net, pump)
    {
        error!(%error, "the network of a shard failed");
    }
}

fn open(shard: ShardId, opening: &Opening) -> Result<Network, Refusal> {
    let mut is_first = true;
    loop {
        match Network::open(&opening.options) {
            Err(error) if error.is_short_of_locked_memory() && Instant::now() < opening.until => {
                if std::mem::take(&mut is_first) {
                    info!("shard {shard} waits for locked memory that other processes of this user hold");
                }
                thread::sleep(OPEN_PROBE);
            }
            outcome => return outcome.map_err(Refusal::Open),
        }
    }
}

/// Makes the pump of the shard and has the network watch its listeners.
fn prepare(net: &mut Network, errand: Errand) -> Result<Pump, Refusal> {
    let mut pump = Pump::new(PumpSetup {
        shard: Shard::new(errand.setup, errand.clock.now()),
        mailbox: errand.mailbox,
        clock: errand.clock,
        census: errand.census,
        ports: errand.ports,
        close_linger_ms: errand.close_linger_ms,
        stop_timeout_ms: errand.stop_timeout_ms,
    });
    for (number, socket) in errand.listeners {
        let id = net.listen(socket).map_err(|error| {
            Refusal::Other(StartError::new(format!(
                "a listener cannot be watched: {error}. Likely cause: the limit of descriptors, or of watches of epoll \
                 (fs.epoll.max_user_watches), is reached"
            )))
        })?;
        pump.serve(id, number);
    }
    Ok(pump)
}
