//! Commands about scenarios that are written down.
//!
//! Owns their names and help. Must never read a file.

use clap::Args;

use crate::clock::Nanos;

use super::{TargetArgs, VersionArg, values};

/// A scenario and what is changed about it.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// A file, or the name of a preset (`ringmq-bench presets` lists them).
    pub(crate) scenario: String,
    /// Run a fraction: so many times the clients, rates and messages.
    #[arg(long)]
    pub(crate) scale: Option<f64>,
    /// Measure, or hold, for so long in all instead of as the scenario says; warm-ups stay.
    #[arg(short, long, value_parser = values::span)]
    pub(crate) duration: Option<Nanos>,
    /// Let all clients speak this version of the protocol, instead of those of the scenario.
    #[arg(long = "mqtt", value_enum)]
    pub(crate) version: Option<VersionArg>,
    /// Change a value: seed=7, flows.NAME.qos=2, clients.NAME.count=50, stages.2.span=10s. Repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print the scenario with every default filled in, and do not run it.
    #[arg(long)]
    pub(crate) print: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// Which preset to show.
#[derive(Args, Debug)]
pub(crate) struct PresetsArgs {
    /// Print this one as a file to start from; without it, list all.
    pub(crate) name: Option<String>,
}
