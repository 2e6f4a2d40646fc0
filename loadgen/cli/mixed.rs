//! The options of the mixed workload.
//!
//! Owns their names, defaults and help. Must never know how clients and rate are divided.

use clap::Args;

use crate::clock::Nanos;

use super::values;

/// How much of everything.
#[derive(Args, Debug)]
pub(crate) struct MixedArgs {
    /// Clients of all kinds together; half of them are idle.
    #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(7..=16_000_000))]
    pub(crate) clients: u32,
    /// Messages per second of all kinds together: nine in ten are readings at QoS 0, nearly all others calls at QoS 2, and one in
    /// 441 is news for everyone at QoS 1.
    #[arg(short, long, value_parser = values::rate, default_value = "1000")]
    pub(crate) rate: f64,
    /// How long to publish and measure, after the warm-up.
    #[arg(short, long, default_value = "10s", value_parser = values::span)]
    pub(crate) duration: Nanos,
    /// How long to publish before measuring; what is lost then counts all the same.
    #[arg(long, default_value = "1s", value_parser = values::span)]
    pub(crate) warm_up: Nanos,
    /// Give up on what is still missing after this long without any progress.
    #[arg(long, default_value = "5s", value_parser = values::span)]
    pub(crate) drain: Nanos,
}
