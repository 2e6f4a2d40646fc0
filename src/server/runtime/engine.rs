//! Which engine drives the sockets: all shards the same, found out by opening their networks.
//!
//! Owns the choice. Must never know listeners or shards.
//!
//! Nothing is predicted: whether a kernel counts the memory of rings, and what else their user has locked, shows only when
//! they are opened. The networks that were opened to find out are the ones that serve.

use std::time::{Duration, Instant};

use ringmq_ring::{Engine, OpenError, Options, Remote, locked_bytes, locked_bytes_max};
use tracing::warn;

use super::launch::StartError;
use super::shard_thread::{Opening, Refusal, ShardThread};
use crate::config::{self, Config};

/// How long locked memory is waited for where there is enough for this broker alone: the kernel gives back what the rings
/// of a process held a little after the process has ended, and a broker is often started in its place.
const LOCKED_MEMORY_WAIT: Duration = Duration::from_secs(1);

/// The options of each network.
pub(crate) fn options(config: &Config, engine: Engine) -> Options {
    Options {
        engine,
        buffers: config.network.receive_buffers,
        buffer_bytes: config.network.receive_buffer_bytes,
        direct_max: config.network.direct_descriptors,
        busy_poll_us: config.network.busy_poll_us,
        ..Options::default()
    }
}

/// Has each thread open its network with the engine of the configuration: automatic is io_uring if every shard gets its
/// ring, else epoll for all of them. Tells the engine, and what wakes each shard.
///
/// # Errors
/// What the kernel refused, why it probably does, and the remedy.
pub(crate) fn open_networks(
    config: &Config,
    threads: &[ShardThread],
) -> Result<(Engine, Vec<Remote>), StartError> {
    let first = match config.network.engine {
        config::Engine::Auto | config::Engine::IoUring => Engine::IoUring,
        config::Engine::Epoll => Engine::Epoll,
    };
    match open_all(config, threads, first) {
        Err(Refusal::Open(error)) if config.network.engine == config::Engine::Auto => {
            warn!("{error} Using epoll instead.");
            let remotes = open_all(config, threads, Engine::Epoll)?;
            Ok((Engine::Epoll, remotes))
        }
        outcome => Ok((first, outcome?)),
    }
}

fn open_all(config: &Config, threads: &[ShardThread], engine: Engine) -> Result<Vec<Remote>, Refusal> {
    let (options, count) = (options(config, engine), threads.len() as u64);
    let fits = count * locked_bytes(&options) <= locked_bytes_max();
    let now = Instant::now();
    let until = if fits { now + LOCKED_MEMORY_WAIT } else { now };
    for thread in threads {
        thread.open(Opening { options: options.clone(), until });
    }
    // Every answer is taken, so that none is left for a second try.
    let answers: Vec<_> = threads.iter().map(ShardThread::opened).collect();
    let counted = |refusal| match refusal {
        Refusal::Open(error) => Refusal::Open(error.of_networks(count, &options)),
        other => other,
    };
    answers.into_iter().collect::<Result<_, _>>().map_err(counted)
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> StartError {
        StartError::new(error.to_string())
    }
}

impl From<Refusal> for StartError {
    fn from(refusal: Refusal) -> StartError {
        match refusal {
            Refusal::Open(error) => error.into(),
            Refusal::Other(error) => error,
        }
    }
}
