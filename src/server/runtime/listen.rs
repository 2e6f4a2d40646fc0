//! Listening sockets: one for each address and shard, so that the kernel spreads connections over the cores.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};
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
    url: ListenUrl,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// The host is a name that stands for no address.
    Unknown(io::Error),
    /// Another listener of this broker has the address.
    Ours(io::Error, String),
    Refused(io::Error),
}

impl std::fmt::Display for ListenError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ListenError { url, why } = self;
        write!(out, "cannot listen on {url}: ")?;
        match why {
            Why::Unknown(error) => write!(
                out,
                "the host name {} cannot be resolved: {error} (check its spelling, /etc/hosts and the name servers)",
                url.host
            ),
            Why::Ours(error, other) => write!(
                out,
                "{error} (the listener {other} of this broker has it: remove one of the two, or choose another port)"
            ),
            Why::Refused(error) => write!(out, "{error} ({})", remedy(error)),
        }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there: stop it, or choose another port",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose a higher port or grant it"
        }
        io::ErrorKind::AddrNotAvailable => "this host has no such address: see `ip address`",
        _ => match error.raw_os_error() {
            Some(libc::EAFNOSUPPORT) => "this host has no addresses of that family: see `ip address`",
            Some(libc::EMFILE | libc::ENFILE) => {
                "no file descriptors are left: raise LimitNOFILE (systemd) or `ulimit -n`"
            }
            _ => "the kernel gives no other reason",
        },
    }
}

/// One address to listen on.
struct Place<'a> {
    /// The listener's number in the configuration.
    number: u16,
    listener: &'a Listener,
    address: SocketAddr,
}

/// Opens all listeners for `shard_count` shards. While it waits for an address it asks `is_stopping` whether to give up.
///
/// # Errors
/// The first listener that cannot be opened, and why. A default one is left out on a host without its address family, and
/// so is one of several addresses of a name.
pub(crate) fn open(
    config: &Config,
    shard_count: u16,
    is_stopping: &mut dyn FnMut() -> bool,
) -> Result<Vec<Bound>, ListenError> {
    let places = resolve(config)?;
    let mut bound: Vec<Bound> = Vec::new();
    let mut patience = Patience { until: None, ours: Vec::new(), is_stopping };
    let mut left_out = Vec::new();
    for place in &places {
        let Place { number, listener, address } = *place;
        let options = bind_options(config, &places, place);
        match open_address(address, &options, shard_count, &mut patience) {
            Ok((address, sockets)) => {
                patience.ours.push((address, listener.url.to_string()));
                tell(listener, address);
                bound.push(Bound { listener: number, sockets });
            }
            Err(error) if may_skip(&places, place, &error) => {
                info!("not listening on {}: {error}", shown(listener, address));
                left_out.push((place, error));
            }
            Err(error) => return Err(patience.refused(place, error)),
        }
    }
    // One that was asked for is left out nowhere or in part, never as a whole.
    let serves = |number| bound.iter().any(|bound| bound.listener == number);
    let given = |place: &Place<'_>| place.listener.origin == Origin::Given;
    match left_out.into_iter().find(|(place, _)| given(place) && !serves(place.number)) {
        Some((place, error)) => Err(patience.refused(place, error)),
        None => Ok(bound),
    }
}

/// Every address that the hosts of the listeners stand for.
fn resolve(config: &Config) -> Result<Vec<Place<'_>>, ListenError> {
    let mut places = Vec::new();
    for (number, listener) in (0..).zip(&config.listeners) {
        let addresses = listener
            .url
            .addresses()
            .map_err(|error| ListenError { url: listener.url.clone(), why: Why::Unknown(error) })?;
        places.extend(addresses.into_iter().map(|address| Place { number, listener, address }));
    }
    Ok(places)
}

fn bind_options(config: &Config, places: &[Place<'_>], place: &Place<'_>) -> BindOptions {
    BindOptions {
        backlog: config.network.accept_backlog,
        no_delay: config.network.tcp_nodelay,
        v6_only: is_v6_only(places, place),
        ..BindOptions::default()
    }
}

/// Whether a listener on all addresses takes IPv6 only: it was asked to, or another one has its port for IPv4.
fn is_v6_only(places: &[Place<'_>], place: &Place<'_>) -> bool {
    if place.listener.ipv6_only || place.address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        return place.listener.ipv6_only;
    }
    let port = place.address.port();
    let other = places.iter().find(|other| other.address.is_ipv4() && other.address.port() == port);
    if let Some(other) = other.filter(|_| port != 0) {
        info!("{} takes IPv6 only: {} has its port for IPv4", place.listener.url, other.listener.url);
        return true;
    }
    false
}

/// Tells where a listener listens, with its name if it was given one.
fn tell(listener: &Listener, address: SocketAddr) {
    let url = shown(listener, address);
    let name = Some(listener.name.as_str()).filter(|name| *name != listener.url.to_string());
    info!(%url, name, "listening");
}

/// Each listener with the addresses that it has.
pub(crate) fn addresses<'a>(
    config: &'a Config,
    bound: &'a [Bound],
) -> impl Iterator<Item = (&'a Listener, SocketAddr)> {
    let address = |bound: &Bound| bound.sockets.first()?.local_addr().ok();
    bound.iter().filter_map(move |one| Some((&config.listeners[usize::from(one.listener)], address(one)?)))
}

fn shown(listener: &Listener, address: SocketAddr) -> ListenUrl {
    ListenUrl { transport: listener.url.transport, host: address.ip().to_string(), port: address.port() }
}

/// A default listener is left out on a host without its address family, and so is one of several addresses of a name.
fn may_skip(places: &[Place<'_>], place: &Place<'_>, error: &io::Error) -> bool {
    let lacks_family = matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT));
    let has_others = places.iter().filter(|other| other.number == place.number).count() > 1;
    lacks_family && (place.listener.origin == Origin::Default || has_others)
}

/// The address, with a port if any was asked for, and a socket for each shard.
fn open_address(
    address: SocketAddr,
    options: &BindOptions,
    shard_count: u16,
    patience: &mut Patience<'_>,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    // Sockets that share a port would let a second broker slip in beside a first one; one that does not finds out.
    let alone = BindOptions { reuse_port: false, ..options.clone() };
    let first = bind_once_free(address, &alone, patience)?;
    if shard_count > 1 {
        share_port(&first)?;
    }
    let address = first.local_addr()?;
    let others = (1..shard_count).map(|_| bind(address, options));
    let sockets: io::Result<_> = std::iter::once(Ok(first)).chain(others).collect();
    Ok((address, sockets?))
}

/// How long addresses may still be in use by a process that has ended: the kernel takes an io_uring apart, and with it
/// the sockets it was at work on, a little after the process was killed. A broker that is started in its place would not
/// find them free.
const ADDRESS_WAIT: Duration = Duration::from_secs(2);

/// How often it is tried meanwhile.
const ADDRESS_PROBE: Duration = Duration::from_millis(5);

/// How long a start waits for addresses that are in use.
struct Patience<'a> {
    /// Set when the first one is found in use: they share the time.
    until: Option<Instant>,
    /// What this process has itself, and for which url; what else wants it would wait in vain.
    ours: Vec<(SocketAddr, String)>,
    is_stopping: &'a mut dyn FnMut() -> bool,
}

impl Patience<'_> {
    /// Whether to try again, after a while that has passed by then.
    fn has_more_for(&mut self, address: SocketAddr) -> bool {
        if self.of_ours(address).is_some() || (self.is_stopping)() {
            return false;
        }
        let until = *self.until.get_or_insert_with(|| {
            info!("{address} is in use: waiting {} s for it", ADDRESS_WAIT.as_secs());
            Instant::now() + ADDRESS_WAIT
        });
        thread::sleep(ADDRESS_PROBE);
        Instant::now() < until
    }

    /// The url of ours that leaves no room for an address.
    fn of_ours(&self, address: SocketAddr) -> Option<&String> {
        self.ours.iter().find(|(ours, _)| overlap(*ours, address)).map(|(_, url)| url)
    }

    fn refused(&self, place: &Place<'_>, error: io::Error) -> ListenError {
        let ours = self.of_ours(place.address).filter(|_| error.kind() == io::ErrorKind::AddrInUse);
        let why = match ours {
            Some(url) => Why::Ours(error, url.clone()),
            None => Why::Refused(error),
        };
        ListenError { url: place.listener.url.clone(), why }
    }
}

/// Whether no two sockets can have both addresses: one port, and one address or all of them. `[::]` leaves the addresses
/// of IPv4 to whoever names one: see [`is_v6_only`].
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let one_is_all = one.ip().is_unspecified() || other.ip().is_unspecified() || one.ip() == other.ip();
    one.port() == other.port() && one.is_ipv4() == other.is_ipv4() && one_is_all
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_overlap_where_one_is_all_of_them() {
        for (one, other, expected) in [
            ("0.0.0.0:1", "127.0.0.1:1", true),
            ("127.0.0.1:1", "127.0.0.1:1", true),
            ("[::]:1", "[::1]:1", true),
            ("[::]:1", "127.0.0.1:1", false),
            ("0.0.0.0:1", "[::1]:1", false),
            ("127.0.0.1:1", "127.0.0.2:1", false),
            ("0.0.0.0:1", "0.0.0.0:2", false),
        ] {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }
}
