//! How many files the process may have open, and how many connections that allows.

use ringmq_ring::{Engine, Options, direct_descriptors};
use tracing::{info, warn};

/// Raises the soft limit of open files to the hard one.
pub(crate) fn raise_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        warn!(%error, "the limit of open files could not be raised");
    }
}

/// Connections of each shard that take no descriptor of the process.
pub(crate) fn direct(options: &Options) -> u32 {
    if options.engine == Engine::Epoll || options.direct_max == 0 {
        return 0;
    }
    direct_descriptors(options).unwrap_or_else(|error| {
        info!("{error}");
        0
    })
}

/// How many connections there are descriptors for: those of the process, and the direct ones of each shard.
pub(crate) fn connections(shards: usize, direct: u32) -> u64 {
    let files = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    files.saturating_add(shards as u64 * u64::from(direct))
}
