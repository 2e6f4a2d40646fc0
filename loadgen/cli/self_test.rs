//! Commands that need no broker.
//!
//! Owns their names, defaults and help. Must never run anything.

use std::net::SocketAddr;

use clap::Args;

/// How thorough the self-test is.
#[derive(Args, Debug)]
pub(crate) struct SelfTestArgs {
    /// Seconds to send and receive messages.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Connections to make and to hold.
    #[arg(short = 'n', long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(crate) connections: u32,
    /// Print the figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the sink listens.
#[derive(Args, Debug)]
pub(crate) struct SinkArgs {
    /// Address and port; port 0 for any.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Use epoll instead of io_uring.
    #[arg(long)]
    pub(crate) epoll: bool,
}
