//! Commands that read reports instead of making load.
//!
//! Owns their names and help. Must never read a file.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do with reports.
#[derive(Subcommand, Debug)]
pub(crate) enum JudgeArgs {
    /// Show a report again, or turn it into a table or a page.
    Show(ShowArgs),
}

/// A report and its other forms.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// A report written with --report.
    pub(crate) report: PathBuf,
    /// Write its time series as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write it as a page with plots, which any browser opens without a network.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}
