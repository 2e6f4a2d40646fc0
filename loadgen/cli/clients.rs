//! Options of clients: part of the scenario of a workload.
//!
//! Owns their names, defaults and help. Must never judge how they fit together.

use clap::{Args, ValueEnum};

use crate::clock::Nanos;
use crate::scenario::{OnLoss, Proxy, Session};

use super::values;

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

/// What the clients of a workload have in common: part of its scenario.
#[derive(Args, Debug)]
#[command(next_help_heading = "Clients")]
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
    /// What client identifiers begin with; the number of the client follows, after a letter for its group if there are several.
    /// Without it, they are new for each run.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) client_id_prefix: Option<String>,
    /// Give every client a will with this topic, which may hold {client}. The broker publishes it when a connection is cut.
    #[arg(long, value_name = "TOPIC")]
    pub(crate) will_topic: Option<String>,
    /// Payload of the wills.
    #[arg(long, value_name = "TEXT", default_value = "", requires = "will_topic")]
    pub(crate) will_payload: String,
    /// Quality of service of the wills.
    #[arg(long, default_value_t = 0, requires = "will_topic", value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) will_qos: u8,
    /// Ask the broker to retain the wills.
    #[arg(long, requires = "will_topic")]
    pub(crate) will_retain: bool,
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
