//! The command line as it is typed.
//!
//! Owns names, defaults and help of the options. Must never judge how they fit together: that is `plan`.

mod agent;
mod judge;
mod mixed;
mod output;
mod preset;
mod self_test;
#[cfg(test)]
mod tests;
pub(crate) mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::clock::Nanos;
use crate::scenario::{OnLoss, Pace, Payload, Proxy, Session};
use crate::search::Bound;
use values::{BrokerUrl, Source};

pub(crate) use agent::AgentArgs;
pub(crate) use judge::{CompareArgs, JudgeArgs, LeashArgs, ShowArgs, VerifyArgs, VersusArgs};
pub(crate) use mixed::MixedArgs;
pub(crate) use output::{OutputArgs, ViewArg};
pub(crate) use preset::{PresetsArgs, RunArgs};
pub(crate) use self_test::{SelfTestArgs, SinkArgs};

/// Version, revision and day, as the build script found them.
const VERSION: &str = env!("RINGMQ_VERSION");

/// Loads an MQTT broker and tells the truth about it.
///
/// Exit codes: 0 all well; 1 a check failed (a message lost at QoS 1 or 2, duplicated at QoS 2, out of order, a connection
/// refused or ended); 2 wrong usage; 3 an invalid run (the generator itself was the bottleneck, was interrupted, or lost an
/// agent); 4 results that could not be written.
#[derive(Parser, Debug)]
#[command(name = "ringmq-bench", version = VERSION, max_term_width = 110)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    #[command(flatten)]
    Load(Box<WorkloadArgs>),
    /// Run a scenario: a file or a preset.
    Run(Box<RunArgs>),
    /// List the presets, or print one of them.
    Presets(PresetsArgs),
    /// Do a part of a run when a controller says so (--agents). Whoever reaches the port can make this machine send load.
    Agent(AgentArgs),
    /// Show what this tool itself can do, against a sink that does next to nothing.
    SelfTest(SelfTestArgs),
    /// Answer MQTT as cheaply as can be, for self-test.
    #[command(hide = true)]
    Sink(SinkArgs),
    #[command(flatten)]
    Judge(JudgeArgs),
}

/// What load to make.
#[derive(Subcommand, Debug)]
pub(crate) enum WorkloadArgs {
    /// Many publishers, few subscribers of everything.
    FanIn {
        /// Publishers, each with a topic of its own.
        #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        publishers: u32,
        /// Subscribers; each receives every message.
        #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
        subscribers: u32,
        #[command(flatten)]
        traffic: TrafficArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Few publishers, many subscribers of everything.
    FanOut {
        /// Publishers, each with a topic of its own.
        #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        publishers: u32,
        /// Subscribers; each receives every message.
        #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
        subscribers: u32,
        #[command(flatten)]
        traffic: TrafficArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Publishers and subscribers in pairs, one topic each.
    Pairs {
        /// Pairs.
        #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        pairs: u32,
        #[command(flatten)]
        traffic: TrafficArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Subscribers that share one subscription.
    Shared {
        /// Publishers, each with a topic of its own.
        #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        publishers: u32,
        /// Members of the group; each message is for one of them.
        #[arg(short, long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        subscribers: u32,
        /// Name of the group, as in $share/GROUP/...
        #[arg(long, default_value = "bench")]
        group: String,
        #[command(flatten)]
        traffic: TrafficArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Set retained messages, then subscribe and receive them all. Latency counts from the SUBSCRIBE.
    Retained {
        /// Retained messages, one per topic.
        #[arg(short, long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
        topics: u32,
        /// Publishers that set them.
        #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        publishers: u32,
        /// Subscribers; each receives every message.
        #[arg(short, long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        subscribers: u32,
        #[command(flatten)]
        message: MessageArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Requests and their answers: latency is the whole way there and back.
    RequestResponse {
        /// Clients that ask.
        #[arg(short = 'p', long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        requesters: u32,
        /// Clients that answer; several share the requests.
        #[arg(short = 's', long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        responders: u32,
        #[command(flatten)]
        traffic: TrafficArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Pairs whose connections are all reset at once, in the middle of the time: how long until they are back.
    Reconnect {
        /// Pairs.
        #[arg(short, long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        pairs: u32,
        /// The share of the connections that is reset, 0 to 1.
        #[arg(long, default_value_t = 1.0)]
        share: f64,
        /// Who is not back after this long has failed.
        #[arg(long, default_value = "1m", value_parser = values::span)]
        within: Nanos,
        #[command(flatten)]
        traffic: TrafficArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Readings to services, calls between pairs, news for everyone and idle clients, all at once.
    Mixed {
        #[command(flatten)]
        mixed: MixedArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Open connections as fast as allowed and close them once all stand. Latency counts from the first packet to CONNACK.
    Connect {
        /// Connections.
        #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
        connections: u32,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Open connections and hold them.
    Idle {
        /// Connections.
        #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
        connections: u32,
        /// How long to hold them.
        #[arg(long, default_value = "10s", value_parser = values::span)]
        hold: Nanos,
        #[command(flatten)]
        common: CommonArgs,
    },
}

/// What is told of --topic. clap takes `{n}` for the end of a line, unless an escape sequence stands in it: this one changes
/// nothing at a terminal, and clap leaves it out elsewhere.
const TOPIC_HELP: &str = "The topic, with the places {run}, {client} (number of the publisher, or of the addressee) and \
    {\x1b[mn} (number of the message): fleet/{client}/{\x1b[mn}. Without it, PREFIX/{run}/{client}";

/// The messages.
#[derive(Args, Debug)]
pub(crate) struct MessageArgs {
    /// Quality of service, 0 to 2, of publishing and subscribing.
    #[arg(short, long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) qos: u8,
    /// Quality of service of the subscriptions, if it differs.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) subscribe_qos: Option<u8>,
    /// Bytes of a payload, of which the first 16 carry sender, sequence and time: 64, or any size of a range as 64..1024, or
    /// the contents of a file as @FILE.
    #[arg(long, default_value = "64")]
    pub(crate) payload: Payload,
    /// The topic of a message.
    #[arg(long, help = TOPIC_HELP, conflicts_with_all = ["topic_prefix", "topic_depth"])]
    pub(crate) topic: Option<String>,
    /// Publishes at QoS 1 and 2 that one publisher has unacknowledged at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) inflight: u16,
    /// Give up on what is still missing after this long without any progress.
    #[arg(long, default_value = "5s", value_parser = values::span)]
    pub(crate) drain: Nanos,
}

/// How the messages flow.
#[derive(Args, Debug)]
pub(crate) struct TrafficArgs {
    #[command(flatten)]
    pub(crate) message: MessageArgs,
    /// Open loop (default, at 1,000): messages per second of all publishers together, on an absolute schedule.
    #[arg(short, long, value_parser = values::rate, conflicts_with_all = ["window", "steps", "bursts"])]
    pub(crate) rate: Option<f64>,
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
    /// How long to publish and measure, after the warm-up.
    #[arg(short, long, default_value = "10s", value_parser = values::span, conflicts_with = "messages")]
    pub(crate) duration: Nanos,
    /// Publish this many messages in all instead.
    #[arg(short, long, value_parser = clap::value_parser!(u64).range(1..=4_000_000_000))]
    pub(crate) messages: Option<u64>,
    /// How long to publish before measuring; what is lost then counts all the same.
    #[arg(long, default_value = "1s", value_parser = values::span, conflicts_with = "messages")]
    pub(crate) warm_up: Nanos,
}

/// The protocol level to speak.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum VersionArg {
    /// MQTT 3.1.1.
    #[value(name = "3.1.1")]
    V311,
    /// MQTT 5.0.
    #[value(name = "5")]
    V5,
}

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

/// Options of every workload.
#[derive(Args, Debug)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// What the clients of a workload have in common: part of its scenario.
#[derive(Args, Debug)]
pub(crate) struct ClientArgs {
    /// Protocol version.
    #[arg(long = "mqtt", value_enum, default_value = "5")]
    pub(crate) version: VersionArg,
    /// Keep alive in seconds; 0 for none.
    #[arg(long, default_value_t = 300)]
    pub(crate) keep_alive: u16,
    /// What the broker keeps of a client between connections.
    #[arg(long, value_enum, default_value = "clean")]
    pub(crate) session: Session,
    /// Seconds that a persistent session outlives its connection. MQTT 5.0 only.
    #[arg(long, default_value_t = 3600)]
    pub(crate) session_expiry: u32,
    /// What becomes of the run when a connection ends that was meant to go on.
    #[arg(long, value_enum, default_value = "reconnect")]
    pub(crate) on_loss: OnLoss,
    /// User name of the clients; {client} is the number of each.
    #[arg(long)]
    pub(crate) username: Option<String>,
    /// Password of the clients; {client} is the number of each.
    #[arg(long)]
    pub(crate) password: Option<String>,
    /// A file with a line USER,PASSWORD for each client. With fewer lines than clients they are used in turn.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["username", "password"])]
    pub(crate) credentials: Option<String>,
    /// Begin every connection with a header of the PROXY protocol that names an address in 10.0.0.0/8.
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) proxy: Proxy,
    /// First level of all topics; the second is the number of the run.
    #[arg(long, default_value = "bench")]
    pub(crate) topic_prefix: String,
    /// Levels of all topics.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(3..=100))]
    pub(crate) topic_depth: u32,
    /// Connections to begin per second. Without it: as fast as --connect-inflight allows.
    #[arg(long, value_parser = values::rate)]
    pub(crate) connect_rate: Option<f64>,
    /// Connections being made at a time.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connect_inflight: u32,
    /// Time for one connection until CONNACK and SUBACK.
    #[arg(long, default_value = "10s", value_parser = values::span)]
    pub(crate) connect_timeout: Nanos,
    /// Where all chance comes from.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Where a scenario is run, and what becomes of its results: no part of the scenario.
#[derive(Args, Debug)]
pub(crate) struct TargetArgs {
    /// The broker: tcp://HOST:PORT or tls://HOST:PORT; mqtt:// and mqtts:// mean the same. A bare HOST:PORT is tcp://, and
    /// without a port it is 1883, with TLS 8883.
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
    /// The run is invalid if more than 1 % of the messages are looked at later than this after they are due.
    #[arg(long, default_value = "10ms", value_parser = values::span)]
    pub(crate) lag_max: Nanos,
    /// How to ask the kernel.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) engine: EngineArg,
}

impl WorkloadArgs {
    /// The options that are no part of the scenario.
    pub(crate) fn target(&self) -> &TargetArgs {
        match self {
            WorkloadArgs::FanIn { common, .. }
            | WorkloadArgs::FanOut { common, .. }
            | WorkloadArgs::Pairs { common, .. }
            | WorkloadArgs::Shared { common, .. }
            | WorkloadArgs::Retained { common, .. }
            | WorkloadArgs::RequestResponse { common, .. }
            | WorkloadArgs::Reconnect { common, .. }
            | WorkloadArgs::Mixed { common, .. }
            | WorkloadArgs::Connect { common, .. }
            | WorkloadArgs::Idle { common, .. } => &common.target,
        }
    }
}
