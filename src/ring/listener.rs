//! Binding, and the raw sockets of accepted and outgoing connections.
//!
//! Owns the set of listeners and the few socket system calls outside the engines. Must never know an engine.

use std::io;
use std::mem;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Names a listener of one [`crate::Network`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId(pub(crate) u32);

/// How to bind a listener.
#[derive(Clone, Debug)]
pub struct BindOptions {
    /// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
    pub backlog: u32,
    /// Lets several listeners share the address, with the kernel spreading connections over them (SO_REUSEPORT).
    pub reuse_port: bool,
    /// An IPv6 listener takes no IPv4 connections.
    pub v6_only: bool,
    /// Accepted sockets send small packets at once (TCP_NODELAY, inherited from the listener).
    pub no_delay: bool,
}

impl Default for BindOptions {
    fn default() -> BindOptions {
        BindOptions { backlog: 4096, reuse_port: true, v6_only: true, no_delay: true }
    }
}

/// Binds and listens.
///
/// # Errors
/// Those of socket(2), setsockopt(2), bind(2) and listen(2).
pub fn bind(addr: SocketAddr, options: &BindOptions) -> io::Result<TcpListener> {
    let fd = stream_socket(addr, 0)?;
    set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if options.reuse_port {
        set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    }
    if addr.is_ipv6() {
        set_option(&fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, i32::from(options.v6_only))?;
    }
    if options.no_delay {
        set_option(&fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    }
    let raw = RawAddress::from(addr);
    // SAFETY: `raw` is a socket address of the stated length.
    checked(unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), raw.len()) })?;
    let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
    // SAFETY: listen takes no pointers.
    checked(unsafe { libc::listen(fd.as_raw_fd(), backlog) })?;
    Ok(TcpListener::from(fd))
}

/// Lets further listeners that are bound with [`BindOptions::reuse_port`] share the address of one that was bound without:
/// so the first of them finds out whether anybody else has it.
///
/// # Errors
/// Those of setsockopt(2).
pub fn share_port(listener: &TcpListener) -> io::Result<()> {
    set_option(listener, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)
}

/// A socket that has begun to connect, without waiting for the outcome.
///
/// # Errors
/// Those of socket(2), bind(2) and connect(2) that are known at once.
pub(crate) fn start_connect(to: SocketAddr, from: Option<SocketAddr>) -> io::Result<OwnedFd> {
    let fd = stream_socket(to, libc::SOCK_NONBLOCK)?;
    set_option(&fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if let Some(from) = from {
        // Lets one source address have as many ports per destination as there are ports.
        set_option(&fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
        let raw = RawAddress::from(from);
        // SAFETY: `raw` is a socket address of the stated length.
        checked(unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), raw.len()) })?;
    }
    let raw = RawAddress::from(to);
    // SAFETY: `raw` is a socket address of the stated length.
    match checked(unsafe { libc::connect(fd.as_raw_fd(), raw.as_ptr(), raw.len()) }) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(fd),
    }
}

fn stream_socket(addr: SocketAddr, flags: i32) -> io::Result<OwnedFd> {
    let family = if addr.is_ipv6() { libc::AF_INET6 } else { libc::AF_INET };
    // SAFETY: socket takes no pointers.
    let fd = checked(unsafe { libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC | flags, 0) })?;
    // SAFETY: the descriptor is new and ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn set_option(fd: &impl AsRawFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let (value, len) = (&raw const value, size_of::<i32>() as libc::socklen_t);
    // SAFETY: the value is an int that lives through the call.
    checked(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.cast(), len) }).map(drop)
}

/// The error pending on a socket: the outcome of a connection attempt.
pub(crate) fn take_error(fd: RawFd) -> io::Result<()> {
    let mut errno = 0i32;
    let mut len = size_of::<i32>() as libc::socklen_t;
    let out = (&raw mut errno).cast();
    // SAFETY: `out` is an int and `len` its size; both live through the call.
    checked(unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, out, &raw mut len) })?;
    if errno == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(errno)) }
}

/// Makes calls on a descriptor block, as io_uring needs it: with O_NONBLOCK a receive fails instead of waiting inside the
/// kernel. (epoll does not mind: its calls say DONTWAIT.)
pub(crate) fn set_blocking(fd: RawFd) -> io::Result<()> {
    // SAFETY: F_GETFL takes no pointers.
    let flags = checked(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    if flags & libc::O_NONBLOCK != 0 {
        // SAFETY: F_SETFL takes no pointers.
        checked(unsafe { libc::fcntl(fd, libc::F_SETFL, flags & !libc::O_NONBLOCK) })?;
    }
    Ok(())
}

/// Makes the coming close send a reset instead of ending the stream in order.
pub(crate) fn close_with_reset(fd: RawFd) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (value, len) = (&raw const linger, size_of::<libc::linger>() as libc::socklen_t);
    // SAFETY: the value is a `linger` that lives through the call. A failure leaves an ordinary close.
    unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, value.cast(), len) };
}

/// Whether an errno of accept concerns one connection, which is gone, and not the listener.
pub(crate) fn is_passing(errno: i32) -> bool {
    matches!(errno, libc::ECONNABORTED | libc::EPROTO | libc::EINTR | libc::EAGAIN)
}

/// Ends our side of the stream, or both sides.
pub(crate) fn shut_down(fd: RawFd, how: i32) {
    // SAFETY: shutdown takes no pointers. It fails only if the connection is gone, which is what is wanted.
    unsafe { libc::shutdown(fd, how) };
}

/// Which end of a connection.
#[derive(Clone, Copy)]
pub(crate) enum End {
    Local,
    Peer,
}

/// The address of one end of a connection.
pub(crate) fn address(fd: RawFd, end: End) -> Option<SocketAddr> {
    // SAFETY: a sockaddr_storage of zeros is a valid value (AF_UNSPEC).
    let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
    let mut len = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    let out = (&raw mut storage).cast();
    // SAFETY: `out` has room for `len` bytes, and both live through the call.
    let result = unsafe {
        match end {
            End::Local => libc::getsockname(fd, out, &raw mut len),
            End::Peer => libc::getpeername(fd, out, &raw mut len),
        }
    };
    match (checked(result), end) {
        (Ok(_), _) => decode_address(&storage),
        (Err(_), End::Peer) => former_peer(fd),
        (Err(_), End::Local) => None,
    }
}

/// The address of the peer of a connection that is over: getpeername(2) does not tell it any more, but the socket knows.
fn former_peer(fd: RawFd) -> Option<SocketAddr> {
    // The kernel wants no more room than the address takes, which depends on its family.
    [size_of::<libc::sockaddr_in6>(), size_of::<libc::sockaddr_in>()].into_iter().find_map(|len| {
        // SAFETY: a sockaddr_storage of zeros is a valid value (AF_UNSPEC).
        let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
        let (out, mut len) = ((&raw mut storage).cast(), len as libc::socklen_t);
        // SAFETY: `out` has room for `len` bytes, and both live through the call.
        let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_PEERNAME, out, &raw mut len) };
        checked(result).ok().and_then(|_| decode_address(&storage))
    })
}

fn decode_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that the storage holds a sockaddr_in.
            let raw: libc::sockaddr_in = unsafe { mem::transmute_copy(storage) };
            let ip = u32::from_be(raw.sin_addr.s_addr).into();
            Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_be(raw.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that the storage holds a sockaddr_in6.
            let raw: libc::sockaddr_in6 = unsafe { mem::transmute_copy(storage) };
            let (ip, port) = (Ipv6Addr::from(raw.sin6_addr.s6_addr), u16::from_be(raw.sin6_port));
            // A connection over IPv4 to a listener of both families.
            Some(match ip.to_ipv4_mapped() {
                Some(ip) => SocketAddr::V4(SocketAddrV4::new(ip, port)),
                None => SocketAddr::V6(SocketAddrV6::new(ip, port, raw.sin6_flowinfo, raw.sin6_scope_id)),
            })
        }
        _ => None,
    }
}

/// A socket address in the kernel's form.
enum RawAddress {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
}

impl From<SocketAddr> for RawAddress {
    fn from(addr: SocketAddr) -> RawAddress {
        match addr {
            SocketAddr::V4(addr) => RawAddress::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: addr.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from(*addr.ip()).to_be() },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(addr) => RawAddress::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: addr.port().to_be(),
                sin6_flowinfo: addr.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: addr.ip().octets() },
                sin6_scope_id: addr.scope_id(),
            }),
        }
    }
}

impl RawAddress {
    fn as_ptr(&self) -> *const libc::sockaddr {
        match self {
            RawAddress::V4(raw) => (&raw const *raw).cast(),
            RawAddress::V6(raw) => (&raw const *raw).cast(),
        }
    }

    fn len(&self) -> libc::socklen_t {
        let len = match self {
            RawAddress::V4(_) => size_of::<libc::sockaddr_in>(),
            RawAddress::V6(_) => size_of::<libc::sockaddr_in6>(),
        };
        len as libc::socklen_t
    }
}

/// The result of a system call that reports failure as -1.
pub(crate) fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_share_a_port_only_if_both_ask_for_it() {
        let shared = BindOptions::default();
        let first = bind("127.0.0.1:0".parse().unwrap(), &shared).unwrap();
        let addr = first.local_addr().unwrap();
        assert!(bind(addr, &shared).is_ok());
        let alone = BindOptions { reuse_port: false, ..BindOptions::default() };
        assert_eq!(bind(addr, &alone).unwrap_err().raw_os_error(), Some(libc::EADDRINUSE));
    }

    /// The first alone has found out that nobody else listens; then others join it, and the kernel serves them all.
    #[test]
    fn a_port_that_was_free_can_be_shared_afterwards() {
        let alone = BindOptions { reuse_port: false, ..BindOptions::default() };
        let first = bind("127.0.0.1:0".parse().unwrap(), &alone).unwrap();
        let addr = first.local_addr().unwrap();
        assert!(bind(addr, &BindOptions::default()).is_err(), "it is not shared yet");
        share_port(&first).unwrap();
        let second = bind(addr, &BindOptions::default()).unwrap();
        assert_eq!(bind(addr, &alone).unwrap_err().raw_os_error(), Some(libc::EADDRINUSE));
        let _clients = [(); 64].map(|()| std::net::TcpStream::connect(addr).unwrap());
        for listener in [first, second] {
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_ok(), "64 connections leave none without");
        }
    }

    #[test]
    fn addresses_of_both_families_survive_the_kernel() {
        for addr in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = bind(addr.parse().unwrap(), &BindOptions::default()) else {
                assert!(addr.starts_with('['), "IPv4 loopback is always there");
                continue;
            };
            let expected = listener.local_addr().unwrap();
            assert_eq!(address(listener.as_raw_fd(), End::Local), Some(expected));
            assert_eq!(address(listener.as_raw_fd(), End::Peer), None);
        }
    }
}
