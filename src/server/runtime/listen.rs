//! Listening sockets: one for each address and shard, so that the kernel spreads connections over the cores.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use ringmq_ring::{BindOptions, bind};
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

/// Opens all listeners for `shard_count` shards.
pub(crate) fn open(config: &Config, shard_count: u16) -> Result<Vec<Bound>, ListenError> {
    let mut bound = Vec::new();
    for (number, listener) in config.listeners.iter().enumerate() {
        let url = listener.url.to_string();
        let fail = |error| ListenError { url: url.clone(), error };
        for address in listener.url.addresses().map_err(fail)? {
            match open_address(config, address, shard_count) {
                Ok(sockets) => {
                    let address = sockets[0].local_addr().map_err(fail)?;
                    let (transport, host, port) =
                        (listener.url.transport, address.ip().to_string(), address.port());
                    info!("listening on {}", ListenUrl { transport, host, port });
                    bound.push(Bound { listener: number as u16, sockets });
                }
                Err(error) if may_skip(listener, &error) => info!("not listening on {url}: {error}"),
                Err(error) => return Err(fail(error)),
            }
        }
    }
    Ok(bound)
}

/// A default listener is left out on a host without its address family; one that was asked for never is.
fn may_skip(listener: &Listener, error: &io::Error) -> bool {
    let lacks_family = matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT));
    listener.origin == Origin::Default && lacks_family
}

fn open_address(config: &Config, address: SocketAddr, shard_count: u16) -> io::Result<Vec<TcpListener>> {
    let options = |reuse_port| BindOptions {
        backlog: config.network.accept_backlog,
        reuse_port,
        no_delay: config.network.tcp_nodelay,
        ..BindOptions::default()
    };
    if address.port() != 0 {
        // Sockets that share a port would let a second broker slip in beside a first one; one that does not finds out.
        drop(bind_once_free(address, &options(false))?);
    }
    let first = bind(address, &options(shard_count > 1))?;
    let address = first.local_addr()?;
    let others = (1..shard_count).map(|_| bind(address, &options(true)));
    std::iter::once(Ok(first)).chain(others).collect()
}

/// How long an address may still be in use by a process that has ended: the kernel takes an io_uring apart, and with it
/// the sockets it was at work on, a little after the process is gone. A broker that is started in its place would not
/// find them free.
const ADDRESS_WAIT: Duration = Duration::from_secs(2);

/// How often it is tried meanwhile.
const ADDRESS_PROBE: Duration = Duration::from_millis(5);

fn bind_once_free(address: SocketAddr, options: &BindOptions) -> io::Result<TcpListener> {
    let mut waits_until = None;
    loop {
        let result = bind(address, options);
        if !matches!(&result, Err(error) if error.kind() == io::ErrorKind::AddrInUse) {
            return result;
        }
        let until = *waits_until.get_or_insert_with(|| {
            info!("{address} is in use: waiting {} s for it", ADDRESS_WAIT.as_secs());
            Instant::now() + ADDRESS_WAIT
        });
        if Instant::now() >= until {
            return result;
        }
        thread::sleep(ADDRESS_PROBE);
    }
}
