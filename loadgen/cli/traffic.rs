//! Options of messages and of how they flow.
//!
//! Owns their names, defaults and help. Must never judge how they fit together.

use clap::Args;

use crate::clock::Nanos;
use crate::scenario::{Pace, Payload};

use super::values;

/// What is told of --topic. clap takes `{n}` for the end of a line, unless an escape sequence stands in it: this one changes
/// nothing at a terminal, and clap leaves it out elsewhere.
const TOPIC_HELP: &str = "The topic, with the places {run}, {client} (number of the publisher, or of the addressee) and \
    {\x1b[mn} (number of the message): fleet/{client}/{\x1b[mn}. Without it, PREFIX/{run}/{client}";

/// The messages.
#[derive(Args, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct MessageArgs {
    /// Quality of service, 0 to 2, of publishing and subscribing.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Quality of service of the subscriptions, if it differs.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) subscribe_qos: Option<u8>,
    /// Bytes of a payload, of which the first 16 carry sender, sequence and time: 64, 1KiB, or any size of a range as 64..1KiB, or
    /// the contents of a file as @FILE.
    #[arg(long, default_value = "64")]
    pub(crate) payload: Payload,
    /// The topic of a message.
    #[arg(long, help = TOPIC_HELP, conflicts_with_all = ["topic_prefix", "topic_depth"])]
    pub(crate) topic: Option<String>,
    /// A user property of every message, as NAME=VALUE. Repeatable. MQTT 5.0 only.
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::pair)]
    pub(crate) user_property: Vec<(String, String)>,
    /// Publishes at QoS 1 and 2 that one publisher has unacknowledged at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) inflight: u16,
    /// Give up on what is still missing after this long without any progress.
    #[arg(long, default_value = "5s", value_parser = values::span)]
    pub(crate) drain: Nanos,
}

/// How the messages flow.
#[derive(Args, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct TrafficArgs {
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    /// Open loop (default, at 1,000): messages per second of all publishers together, on an absolute schedule.
    #[arg(short, long, value_parser = values::rate, conflicts_with_all = ["window", "steps", "bursts"])]
    pub(crate) rate: Option<f64>,
    /// The rate by client instead: each publisher has a message every so long, all of them evenly spread: 10s.
    #[arg(long, value_name = "SPAN", value_parser = values::span, conflicts_with_all = ["rate", "window", "steps", "bursts"])]
    pub(crate) every: Option<Nanos>,
    /// Let the messages of --rate arrive at random, with exponentially distributed gaps, instead of evenly.
    #[arg(long, conflicts_with_all = ["window", "steps", "bursts"])]
    pub(crate) poisson: bool,
    /// Open loop with one rate after the other: 1k:10s,5k:10s. The last one stays.
    #[arg(long, value_parser = values::steps, conflicts_with_all = ["window", "bursts"])]
    pub(crate) steps: Option<Pace>,
    /// Open loop with so many messages at the same instant, again and again: 500:10s.
    #[arg(long, value_parser = values::bursts, conflicts_with = "window")]
    pub(crate) bursts: Option<Pace>,
    /// Closed loop instead: messages of one publisher that are on their way to their subscribers at a time.
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) window: Option<u32>,
    /// How long to publish and measure, after the warm-up. Without it 10s, or as long as the steps last.
    #[arg(short, long, value_parser = values::span, conflicts_with = "messages")]
    pub(crate) duration: Option<Nanos>,
    /// Publish this many messages in all instead.
    #[arg(short, long, value_parser = clap::value_parser!(u64).range(1..=4_000_000_000))]
    pub(crate) messages: Option<u64>,
    /// How long to publish before measuring; what is lost then counts all the same. Without it 1s, with --steps 0s.
    #[arg(long, value_parser = values::span, conflicts_with = "messages")]
    pub(crate) warm_up: Option<Nanos>,
}
