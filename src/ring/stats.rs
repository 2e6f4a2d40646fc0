//! What one network ring has counted so far.
//!
//! Owns plain numbers. Must never know who reads them.

/// Counts since the network was opened. Each grows only, unless it says otherwise.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Stats {
    /// Turns taken.
    pub turns: u64,
    /// System calls that submitted, polled, received or sent; not those of opening, closing and configuring sockets.
    pub system_calls: u64,
    /// Completions (io_uring) or readiness reports (epoll) handled.
    pub completions: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once because `sockets_max` was reached.
    pub accept_refused: u64,
    /// Times the kernel refused to accept.
    pub accept_failed: u64,
    /// Outgoing connections that came to stand.
    pub connected: u64,
    /// Sockets ended.
    pub closed: u64,
    /// Sockets given away with `detach`.
    pub detached: u64,
    /// Sockets at this moment. Goes up and down.
    pub sockets: u64,
    /// Sockets in the ring's own table of files at this moment. Goes up and down.
    pub direct: u64,
    /// Sockets that kept their descriptor because the ring's table had no place for them.
    pub direct_refused: u64,
    /// Sockets that were given a descriptor again, to be detached or ended in order.
    pub direct_recalled: u64,
    /// Times the kernel had no descriptor for such a socket.
    pub direct_recalls_failed: u64,
    /// Receives that brought bytes.
    pub receives: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Send operations.
    pub sends: u64,
    /// Bytes the kernel took.
    pub sent_bytes: u64,
    /// Sends that the kernel could not take whole at once.
    pub sends_partial: u64,
    /// Times a socket found no receive buffer left.
    pub buffers_exhausted: u64,
    /// Times completions had to wait inside the kernel because the completion queue was full.
    pub completions_overflowed: u64,
    /// Completions of sockets that had already ended. Always 0 if this crate is right.
    pub completions_late: u64,
    /// Times it was looked for work before sleeping (`busy_poll_us`).
    pub busy_polls: u64,
    /// Times that found some.
    pub busy_polls_found: u64,
    /// Times [`crate::Remote::wake`] was noticed; several calls may count as one.
    pub woken: u64,
}
