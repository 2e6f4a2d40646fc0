//! Options of the two workloads for topics of the user's own: publishing alone, and listening alone.
//!
//! Owns their names, defaults and help. Must never judge how they fit together.

use clap::Args;

use crate::clock::Nanos;

use super::values;

/// Clients that publish while nobody of the run listens.
#[derive(Args, Debug)]
pub(crate) struct PubArgs {
    /// Clients that publish.
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) clients: u32,
    /// Ask the broker to retain the messages.
    #[arg(long)]
    pub(crate) retain: bool,
}

/// Clients that listen to what others publish.
#[derive(Args, Debug)]
pub(crate) struct SubArgs {
    /// Clients that subscribe.
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) clients: u32,
    /// A topic filter, with the places {run} and {client}: fleet/+/temp, $share/GROUP/fleet/#, fleet/{client}/set. Repeatable.
    #[arg(short = 't', long = "topic", value_name = "FILTER", required = true)]
    pub(crate) filters: Vec<String>,
    /// Quality of service of the subscriptions, 0 to 2.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// How long to listen and measure.
    #[arg(short, long, default_value = "10s", value_parser = values::span, conflicts_with = "messages")]
    pub(crate) duration: Nanos,
    /// Listen until so many messages have come in all instead.
    #[arg(short, long, value_parser = clap::value_parser!(u64).range(1..=4_000_000_000))]
    pub(crate) messages: Option<u64>,
}
