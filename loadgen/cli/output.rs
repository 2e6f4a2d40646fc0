//! Options that say what becomes of the results.
//!
//! Owns their names, defaults and help. Must never write anything.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::clock::Nanos;

use super::values;

/// What is shown while a run goes on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum ViewArg {
    /// The live view if standard error is a terminal, else plain lines.
    Auto,
    /// A line for each interval.
    Plain,
    /// Nothing.
    Off,
}

/// What becomes of the results.
#[derive(Clone, Args, Debug)]
pub(crate) struct OutputArgs {
    /// Print the report as JSON instead of text.
    #[arg(long, help_heading = "Results")]
    pub(crate) json: bool,
    /// Write the report as JSON to a file.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) report: Option<PathBuf>,
    /// Write what happened in each interval to a file.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) csv: Option<PathBuf>,
    /// Write a report with plots to a file, which any browser opens without a network.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) html: Option<PathBuf>,
    /// Write the percentiles of the latency to a file, as a table that plotters of HdrHistogram read; of connecting, if no messages are
    /// sent.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(crate) hgrm: Option<PathBuf>,
    /// What the run is called on its page, instead of its workload and broker.
    #[arg(long, value_name = "TEXT", help_heading = "Results")]
    pub(crate) title: Option<String>,
    /// What to show on standard error while the run goes on.
    #[arg(long, value_enum, default_value = "auto", help_heading = "Results")]
    pub(crate) view: ViewArg,
    /// The same as --view off.
    #[arg(long, help_heading = "Results")]
    pub(crate) quiet: bool,
    /// Length of one interval of the time series. Without it, it follows the length of the run, from 20 ms to 1 s.
    #[arg(long, value_parser = values::interval, help_heading = "Results")]
    pub(crate) interval: Option<Nanos>,
    /// Serve the figures at http://HOST:PORT/metrics for Prometheus while the run goes on.
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Results")]
    pub(crate) prometheus: Option<SocketAddr>,
}
