//! The command line as it is typed.
//!
//! Owns names, defaults and help of the options. Must never judge how they fit together: that is `plan`.

mod agent;
mod clients;
mod judge;
mod mixed;
mod output;
mod own;
mod preset;
mod self_test;
mod target;
#[cfg(test)]
mod tests;
mod traffic;
pub(crate) mod values;

use clap::{Args, Parser, Subcommand};

use crate::clock::Nanos;

pub(crate) use agent::AgentArgs;
pub(crate) use clients::{ClientArgs, VersionArg};
pub(crate) use judge::{CompareArgs, JudgeArgs, LeashArgs, ShowArgs, VerifyArgs, VersusArgs};
pub(crate) use mixed::MixedArgs;
pub(crate) use output::{OutputArgs, ViewArg};
pub(crate) use own::{PubArgs, SubArgs};
pub(crate) use preset::{PresetsArgs, RunArgs};
pub(crate) use self_test::{SelfTestArgs, SinkArgs};
pub(crate) use target::{EngineArg, TargetArgs};
pub(crate) use traffic::{MessageArgs, TrafficArgs};

/// Version, revision and day, as the build script found them.
const VERSION: &str = env!("RINGMQ_VERSION");

/// Loads an MQTT broker and tells the truth about it.
///
/// Exit codes: 0 all well; 1 a check failed (a message lost at QoS 1 or 2, duplicated at QoS 2, out of order, a connection
/// refused or ended, a threshold crossed); 2 wrong usage, or no client could connect; 3 an invalid run (the generator itself
/// was the bottleneck, was interrupted, or lost an agent); 4 results that could not be written.
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
    #[command(
        after_help = "Examples:\n  ringmq-bench run fanout-5-1k --duration 20s --report run.json\n  ringmq-bench run p2p-1k --scale 0.2 --set flows.messages.qos=2\n  ringmq-bench run mixed --print > mine.toml\n  ringmq-bench run mine.toml --broker tls://broker.example:8883 --ca ca.pem"
    )]
    Run(Box<RunArgs>),
    /// List the presets, or print one of them.
    #[command(
        after_help = "Examples:\n  ringmq-bench presets\n  ringmq-bench presets reconnect-storm > mine.toml"
    )]
    Presets(PresetsArgs),
    /// Do a part of a run when a controller says so (--agents). Whoever reaches the port can make this machine send load.
    #[command(
        after_help = "Examples:\n  ringmq-bench agent --listen 10.0.0.5:7883\n  ringmq-bench pairs -p 2000 --rate 100k --agents 10.0.0.5:7883,10.0.0.6:7883"
    )]
    Agent(AgentArgs),
    /// Show what this tool itself can do, against a sink that does next to nothing.
    #[command(
        after_help = "Examples:\n  ringmq-bench self-test\n  ringmq-bench self-test --seconds 10 -n 20000 --json"
    )]
    SelfTest(SelfTestArgs),
    /// Answer MQTT as cheaply as can be, for self-test.
    #[command(hide = true)]
    Sink(SinkArgs),
    #[command(flatten)]
    Judge(Box<JudgeArgs>),
}

/// What load to make.
#[derive(Subcommand, Debug)]
pub(crate) enum WorkloadArgs {
    /// Many publishers, few subscribers of everything.
    #[command(
        after_help = "Examples:\n  ringmq-bench fan-in -p 1000 --rate 20k -d 30s --broker tcp://127.0.0.1:1883 --html run.html\n  ringmq-bench fan-in -p 100 -s 4 --window 64 -q 0 --payload 1KiB"
    )]
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
    #[command(
        after_help = "Examples:\n  ringmq-bench fan-out -s 1000 --rate 50 -d 1m\n  ringmq-bench fan-out -p 5 -s 200 --window 16 -q 0"
    )]
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
    #[command(
        after_help = "Examples:\n  ringmq-bench pairs -p 100 --rate 10k -d 30s --fail-if 'p99>5ms'\n  ringmq-bench pairs -p 100 --steps 1k:10s,5k:10s,10k:10s --broker-pid $PID\n  ringmq-bench pairs -p 100 --rate 10k -d 5s --find-rate 'p99<20ms'"
    )]
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
    #[command(after_help = "Examples:\n  ringmq-bench shared -p 500 -s 8 --group ingest --rate 20k -d 1m")]
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
    #[command(after_help = "Examples:\n  ringmq-bench retained -t 100000 -s 5")]
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
    #[command(after_help = "Examples:\n  ringmq-bench request-response -p 200 -s 4 --rate 2k --poisson")]
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
    #[command(
        after_help = "Examples:\n  ringmq-bench reconnect -p 1000 --session persistent --rate 2k -d 20s"
    )]
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
    #[command(after_help = "Examples:\n  ringmq-bench mixed -n 5000 --rate 4k -d 2m")]
    Mixed {
        #[command(flatten)]
        mixed: MixedArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Publish to topics of your own, while nobody of this run listens. Payloads are what you say, without a stamp.
    #[command(
        after_help = "Examples:\n  ringmq-bench pub -n 500 --topic 'fleet/{client}/temp' --every 10s --retain --payload @reading.json -d 5m"
    )]
    Pub {
        #[command(flatten)]
        own: PubArgs,
        #[command(flatten)]
        traffic: TrafficArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Subscribe to topics of your own and count what comes, whoever publishes it.
    #[command(
        after_help = "Examples:\n  ringmq-bench sub -n 4 -t '$share/ingest/fleet/+/temp' -t 'alarms/#' -d 5m\n  ringmq-bench sub -t 'fleet/#' -m 10000"
    )]
    Sub {
        #[command(flatten)]
        own: SubArgs,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Open connections as fast as allowed and close them once all stand. Latency counts from the first packet to CONNACK.
    #[command(after_help = "Examples:\n  ringmq-bench connect -n 10000 --connect-rate 2k --broker-pid $PID")]
    Connect {
        /// Connections.
        #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=16_000_000))]
        connections: u32,
        #[command(flatten)]
        common: CommonArgs,
    },
    /// Open connections and hold them.
    #[command(after_help = "Examples:\n  ringmq-bench idle -n 50000 --hold 1m --broker-pid $PID")]
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

/// Options of every workload.
#[derive(Args, Debug)]
pub(crate) struct CommonArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
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
            | WorkloadArgs::Pub { common, .. }
            | WorkloadArgs::Sub { common, .. }
            | WorkloadArgs::Connect { common, .. }
            | WorkloadArgs::Idle { common, .. } => &common.target,
        }
    }
}
