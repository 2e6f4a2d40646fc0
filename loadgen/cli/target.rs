//! Options of where a scenario is run, and of what it is judged by: no part of the scenario.
//!
//! Owns their names, defaults and help. Must never connect.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::clock::Nanos;
use crate::report::Threshold;
use crate::search::Bound;

use super::OutputArgs;
use super::values::{self, BrokerUrl, Source};

/// How the generator asks the kernel.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum EngineArg {
    /// io_uring where the kernel allows it, else epoll.
    Auto,
    /// io_uring or nothing.
    Uring,
    /// epoll.
    Epoll,
}

/// Where a scenario is run, and what becomes of its results: no part of the scenario.
#[derive(Args, Debug)]
#[command(next_help_heading = "Broker, and what the run is judged by")]
pub(crate) struct TargetArgs {
    /// The broker: tcp://HOST:PORT or tls://HOST:PORT; mqtt:// and mqtts:// mean the same, and HOST:PORT is tcp.
    #[arg(short, long, default_value = "tcp://127.0.0.1:1883")]
    pub(crate) broker: BrokerUrl,
    /// Addresses to connect from, used in turn: an IPv4 address or a network such as 127.1.0.0/16. Repeatable. Without it, more
    /// than 1,000 connections to 127.0.0.0/8 come from as many addresses of it as make 1,000 each.
    #[arg(long)]
    pub(crate) source: Vec<Source>,
    /// PEM file of certificates to trust.
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
    /// Trust any certificate.
    #[arg(long, conflicts_with = "ca")]
    pub(crate) insecure: bool,
    /// PEM file of our own certificate.
    #[arg(long, requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// PEM file of our own key.
    #[arg(long, requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Resume TLS sessions instead of a whole handshake for each connection.
    #[arg(long)]
    pub(crate) tls_resume: bool,
    /// Sample CPU and memory of this process. Repeatable.
    #[arg(long)]
    pub(crate) broker_pid: Vec<u32>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Let agents at these addresses do the run, each a part of it (`ringmq-bench agent` on each machine).
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    pub(crate) agents: Vec<String>,
    /// Find the highest rate at which a figure of the latency stays within a bound: p99<5ms. The rates of the scenario are
    /// where the search begins.
    #[arg(long, value_name = "BOUND")]
    pub(crate) find_rate: Option<Bound>,
    /// Fail the run if a figure crosses a threshold: 'p99>5ms', 'rate<9.5k', 'lost>0', 'connect.p99>1s', 'cpu>20us'. Repeatable. The
    /// figures: p50 p90 p99 p99.9 p99.99 max mean of the latency, or with service., ack., connect. or recovery. before them; rate and
    /// sent per second; lost, duplicated, out-of-order, faults; connect-rate; cpu per message delivered, connect-cpu, connect-memory
    /// (with --broker-pid).
    #[arg(long, value_name = "THRESHOLD")]
    pub(crate) fail_if: Vec<Threshold>,
    /// The run is invalid if more than 1 % of the messages are sent more than this behind schedule.
    #[arg(long, default_value = "10ms", value_parser = values::span)]
    pub(crate) lag_max: Nanos,
    /// How to ask the kernel.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) engine: EngineArg,
}
