//! Sockets as a hostile peer uses them: small buffers, resets, and how a connection ended. Must never know MQTT.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

/// Longest wait for anything that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// A close that must be quick, on a machine that may be busy.
pub(crate) const QUICK: Duration = Duration::from_millis(1500);

/// How the peer ended a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// In order.
    Eof,
    /// Without delivering what was under way.
    Reset,
}

/// A connection with bounded waits.
pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    prepare(
        TcpStream::connect_timeout(&to, PATIENCE).unwrap_or_else(|error| panic!("connect to {to}: {error}")),
    )
}

/// A connection whose peer can have few bytes under way: the smallest buffer the kernel grants.
pub(crate) fn connect_narrow(to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(1).expect("the kernel takes its own minimum instead");
    socket.connect_timeout(&to.into(), PATIENCE).unwrap_or_else(|error| panic!("connect to {to}: {error}"));
    prepare(socket.into())
}

/// Lets the peer of a narrow connection have more under way from now on. Through the smallest buffer the kernel passes what
/// waits in front of it at a few kilobytes a second, if it has to probe the window each time.
pub(crate) fn widen(stream: &TcpStream) {
    SockRef::from(stream).set_recv_buffer_size(1 << 20).expect("the kernel takes its own maximum instead");
}

fn prepare(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).expect("a TCP socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
    stream
}

/// Closes with a reset instead of in order.
pub(crate) fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a TCP socket");
    drop(stream);
}

/// Reads until the peer ends the connection; tells what came and how it ended.
///
/// # Panics
/// If the connection is still there after `limit`.
pub(crate) fn read_to_end(stream: &mut TcpStream, limit: Duration) -> (Vec<u8>, End) {
    let until = Instant::now() + limit;
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).expect("not zero");
        match stream.read(&mut chunk) {
            Ok(0) => return (received, End::Eof),
            Ok(length) => received.extend_from_slice(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (received, End::Reset),
            Err(error) => panic!("not closed within {limit:?} ({error}); received {received:02x?}"),
        }
    }
}

/// Writes for as long as the peer takes bytes; tells how many it took. It is over when nothing was taken for `pause`
/// or `total` bytes were.
pub(crate) fn write_until_stuck(
    stream: &mut TcpStream,
    bytes: &[u8],
    pause: Duration,
    total: usize,
) -> usize {
    stream.set_write_timeout(Some(pause)).expect("not zero");
    let mut written = 0;
    while written < total {
        // Whole units only matter to who goes on writing: the place in `bytes` goes on where it stopped.
        match stream.write(&bytes[written % bytes.len()..]) {
            Ok(length) => written += length,
            Err(error) if is_timeout(&error) => break,
            Err(error) => panic!("after {written} bytes: {error}"),
        }
    }
    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
    written
}

/// Whether a bounded wait of a socket ran out.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
