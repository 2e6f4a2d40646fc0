//! The first lines of the log: what runs, with which files and limits, where it listens, how clients can trust it, and
//! what an operator should think about.
//!
//! Owns these lines. Must never decide anything.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::{info, warn};

use crate::cli::VERSION;
use crate::config::{ClientAuth, Config, Listener, Origin, Transport};
use crate::net::material::Materials;

/// Who this is: the version with its revision, the process, and its files by their whole paths.
pub(crate) fn begin(config: &Config) {
    let file = config.file.as_deref().map(whole);
    info!(
        version = VERSION,
        pid = std::process::id(),
        config = file.as_deref().map_or_else(|| "none, defaults and flags".into(), Path::to_string_lossy).as_ref(),
        data_dir = %whole(&config.general.data_dir).display(),
        "starting"
    );
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The limits that are met first, `connections` being how many descriptors there are for them. That they are fewer than
/// `limits.connections_max` worries only who has set it.
pub(crate) fn limits(config: &Config, connections: u64) {
    let limits = &config.limits;
    let asked = u64::from(limits.connections_max);
    if connections < asked && config.connections_max_origin == Origin::Given {
        warn!(
            connections,
            "limits.connections_max is {asked}, but the open files that this process may have are enough for {connections} \
             connections only: raise LimitNOFILE (systemd) or ulimit -Hn, or set network.direct_descriptors"
        );
    }
    info!(
        connections = connections.min(asked),
        sessions = limits.sessions_max,
        message_bytes = limits.message_bytes_max,
        retained_bytes = limits.retained_bytes_max,
        backlog_count = limits.backlog_count_max,
        "limits"
    );
}

/// How clients can trust this broker.
pub(crate) fn certificates(materials: &Materials) {
    for notice in &materials.notices {
        info!("{notice}");
    }
    warn_of_certificates(materials);
    let mut told = Vec::new();
    for material in materials.listeners.iter().flatten() {
        if told.contains(&&material.fingerprint) {
            continue;
        }
        // With the file, if any, that clients need to trust it.
        let ca_file = material.ca.as_ref().map(|file| file.display().to_string());
        info!(sha256 = material.fingerprint, ca_file, "server certificate");
        told.push(&material.fingerprint);
    }
}

/// What clients object to now, or will soon. Told at the start and once a day.
pub(crate) fn warn_of_certificates(materials: &Materials) {
    for warning in materials.warnings(SystemTime::now()) {
        warn!("{warning}");
    }
}

/// Who can reach it: others where they should be able to and cannot, or nobody asked who they are.
pub(crate) fn reach<'a>(config: &Config, bound: impl Iterator<Item = (&'a Listener, SocketAddr)>) {
    if let Some(hint) = config.listen_hint() {
        info!("{hint}");
    }
    let open: Vec<String> = bound
        .filter(|(listener, address)| is_open(listener, *address))
        .map(|(listener, address)| format!("{}://{address}", listener.url.transport))
        .collect();
    if !open.is_empty() {
        warn!(
            listeners = open.join(", "),
            "whoever reaches these listeners may connect as anybody, and publish and read everything: ringmq has no \
             passwords yet; keep them behind a firewall, or ask for certificates with tls.client_ca"
        );
    }
}

/// Whether other hosts can come in without showing a certificate.
fn is_open(listener: &Listener, address: SocketAddr) -> bool {
    let shows = listener.url.transport == Transport::Tls && listener.tls.client_auth == ClientAuth::Required;
    !address.ip().to_canonical().is_loopback() && !shows
}
