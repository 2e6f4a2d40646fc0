//! Listening sockets: one for each address and shard, so that the kernel spreads connections over the cores.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use ringmq_ring::{BindOptions, bind, share_port};
use tracing::info;

use crate::config::{Config, ListenUrl, Listener, Origin};

/// The sockets of one listener on one address.
pub(crate) struct Bound {
    /// The listener's number in the configuration.
    pub(crate) listener: u16,
    /// One for each shard.
    pub(crate) sockets: Vec<TcpListener>,
}

/// Why a listener could not be opened.
#[derive(Debug)]
pub(crate) struct ListenError {
    url: String,
    error: io::Error,
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let remedy = match self.error.kind() {
            io::ErrorKind::AddrInUse => "another process listens there: stop it, or choose another port",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose a higher port or grant it"
            }
            io::ErrorKind::AddrNotAvailable => "this host has no such address: see `ip address`",
            _ => "see the kernel's reason",
        };
        write!(out, "cannot listen on {}: {} ({remedy})", self.url, self.error)
    }
}

/// Opens all listeners for `shard_count` shards. While it waits for an address it asks `is_stopping` whether to give up.
pub(crate) fn open(
    config: &Config,
    shard_count: u16,
    is_stopping: &mut dyn FnMut() -> bool,
) -> Result<Vec<Bound>, ListenError> {
    let mut bound: Vec<Bound> = Vec::new();
    let mut patience = Patience { until: None, ports: Vec::new(), is_stopping };
    for (number, listener) in config.listeners.iter().enumerate() {
        let url = listener.url.to_string();
        let fail = |error| ListenError { url: url.clone(), error };
        for address in listener.url.addresses().map_err(fail)? {
            match open_address(config, address, shard_count, &mut patience) {
                Ok(sockets) => {
                    let address = sockets[0].local_addr().map_err(fail)?;
                    patience.ports.push(address.port());
                    let (transport, host, port) =
                        (listener.url.transport, address.ip().to_string(), address.port());
                    tell(listener, &ListenUrl { transport, host, port });
                    bound.push(Bound { listener: number as u16, sockets });
                }
                Err(error) if may_skip(listener, &error) => info!("not listening on {url}: {error}"),
                Err(error) => return Err(fail(error)),
            }
        }
    }
    Ok(bound)
}

/// Tells where a listener listens, with its name if it was given one.
fn tell(listener: &Listener, url: &ListenUrl) {
    match listener.name == listener.url.to_string() {
        true => info!("listening on {url}"),
        false => info!(name = listener.name, "listening on {url}"),
    }
}

/// A default listener is left out on a host without its address family; one that was asked for never is.
fn may_skip(listener: &Listener, error: &io::Error) -> bool {
    let lacks_family = matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT));
    listener.origin == Origin::Default && lacks_family
}

fn open_address(
    config: &Config,
    address: SocketAddr,
    shard_count: u16,
    patience: &mut Patience<'_>,
) -> io::Result<Vec<TcpListener>> {
    let options = |reuse_port| BindOptions {
        backlog: config.network.accept_backlog,
        reuse_port,
        no_delay: config.network.tcp_nodelay,
        ..BindOptions::default()
    };
    // Sockets that share a port would let a second broker slip in beside a first one; one that does not finds out.
    let first = bind_once_free(address, &options(false), patience)?;
    if shard_count > 1 {
        share_port(&first)?;
    }
    let address = first.local_addr()?;
    let others = (1..shard_count).map(|_| bind(address, &options(true)));
    std::iter::once(Ok(first)).chain(others).collect()
}

/// How long addresses may still be in use by a process that has ended: the kernel takes an io_uring apart, and with it
/// the sockets it was at work on, a little after the process is gone. A broker that is started in its place would not
/// find them free.
const ADDRESS_WAIT: Duration = Duration::from_secs(2);

/// How often it is tried meanwhile.
const ADDRESS_PROBE: Duration = Duration::from_millis(5);

/// How long a start waits for addresses that are in use.
struct Patience<'a> {
    /// Set when the first one is found in use: they share the time.
    until: Option<Instant>,
    /// Ports that this process has itself; what else wants them would wait in vain.
    ports: Vec<u16>,
    is_stopping: &'a mut dyn FnMut() -> bool,
}

impl Patience<'_> {
    /// Whether to try again, after a while that has passed by then.
    fn has_more_for(&mut self, address: SocketAddr) -> bool {
        if self.ports.contains(&address.port()) || (self.is_stopping)() {
            return false;
        }
        let until = *self.until.get_or_insert_with(|| {
            info!("{address} is in use: waiting {} s for it", ADDRESS_WAIT.as_secs());
            Instant::now() + ADDRESS_WAIT
        });
        thread::sleep(ADDRESS_PROBE);
        Instant::now() < until
    }
}

fn bind_once_free(
    address: SocketAddr,
    options: &BindOptions,
    patience: &mut Patience<'_>,
) -> io::Result<TcpListener> {
    loop {
        match bind(address, options) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && patience.has_more_for(address) => {}
            outcome => return outcome,
        }
    }
}
