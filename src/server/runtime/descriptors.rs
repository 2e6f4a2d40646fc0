//! How many files the process may have open, and how many connections that allows.

use ringmq_ring::{Engine, Options, direct_descriptors};
use tracing::{info, warn};

use crate::config::Config;

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

/// Says so if all that the shards can hold is less than `connections_max`.
pub(crate) fn compare(config: &Config, shards: usize, direct: u32) {
    let files = rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    let most = files.saturating_add(shards as u64 * u64::from(direct));
    if most < u64::from(config.limits.connections_max) {
        info!(
            "at most {files} open files and {direct} direct descriptors for each of {shards} shards, so fewer connections \
             than limits.connections_max ({}): raise LimitNOFILE (systemd) or ulimit -Hn, or use more shards",
            config.limits.connections_max
        );
    }
}
