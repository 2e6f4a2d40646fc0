//! How many files the process may have open, each connection being one.

use tracing::{info, warn};

use crate::config::Config;

/// Raises the soft limit of open files to the hard one and says so if that still is less than `connections_max`.
pub(crate) fn raise_limit(config: &Config) {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) if limit < u64::from(config.limits.connections_max) => info!(
            "at most {limit} open files, so fewer connections than limits.connections_max ({}): raise LimitNOFILE \
             (systemd) or ulimit -Hn",
            config.limits.connections_max
        ),
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit of open files could not be raised"),
    }
}
