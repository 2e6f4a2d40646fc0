//! Commands that read reports instead of making load.
//!
//! Owns their names and help. Must never read a file.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::clock::Nanos;
use crate::judge::ROUNDS_MAX;

use super::{TargetArgs, values};

/// What to do with reports.
#[derive(Subcommand, Debug)]
pub(crate) enum JudgeArgs {
    /// Show a report again, or turn it into a table or a page.
    #[command(
        after_help = "Examples:\n  ringmq-bench show run.json\n  ringmq-bench show run.json --html run.html --hgrm run.hgrm"
    )]
    Show(ShowArgs),
    /// Say what differs between two reports of the same load, and how sure that is.
    ///
    /// Exit codes: 0 B is not shown to be worse than A; 1 it is; 2 nothing to compare; 3 one of the runs was not valid.
    #[command(
        after_help = "Examples:\n  ringmq-bench compare before.json after.json\n  ringmq-bench compare before.json after.json --threshold 0.02"
    )]
    Compare(CompareArgs),
    /// Run the scenario of a report again, here, and say whether its figures hold.
    ///
    /// Exit codes: 0 all inside their intervals; 1 one is outside; 2 wrong usage, or nothing to verify; 3 one of the runs was
    /// not valid, or they are too short to tell; 4 the results could not be written.
    #[command(after_help = "Examples:\n  ringmq-bench verify run.json --broker tcp://127.0.0.1:1883")]
    Verify(Box<VerifyArgs>),
    /// Start two brokers in turn, load them alike, and say what differs.
    ///
    /// Exit codes: 0 some figure could be decided; 1 a broker failed a check; 2 wrong usage, or a broker did not start; 3 too
    /// few valid rounds, or nothing could be decided; 4 the report could not be written.
    #[command(
        after_help = "Examples:\n  ringmq-bench versus --a 'mosquitto -p {port}' --b 'ringmq --listen tcp://127.0.0.1:{port}' -- pairs -p 100 --rate 10k -d 5s\n  ringmq-bench versus --a 'old -p {port}' --b 'new -p {port}' --scenario p2p-1k --rounds 10 --report vs.json"
    )]
    Versus(VersusArgs),
    /// Become a program that ends with the process that started it, for versus.
    #[command(hide = true)]
    Leash(LeashArgs),
}

/// A report and its other forms.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// A report written with --report, of a run or of versus.
    pub(crate) report: PathBuf,
    /// Write its time series as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Write it as a page with plots, which any browser opens without a network.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write its percentiles as a table that plotters of HdrHistogram read.
    #[arg(long, value_name = "FILE")]
    pub(crate) hgrm: Option<PathBuf>,
    /// What the page is called.
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
}

/// Two reports.
#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// A report written with --report.
    pub(crate) a: PathBuf,
    /// Another one.
    pub(crate) b: PathBuf,
    /// The smallest effect that counts: 0.05 for 5 %. "No difference" is told only if the whole interval is below it.
    #[arg(long, default_value_t = 0.05, value_parser = values::share)]
    pub(crate) threshold: f64,
    /// Write what differs as a page with plots, which any browser opens without a network.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// What the page is called.
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
}

/// A report and a broker.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The report of the run to be repeated.
    #[arg(value_name = "REPORT")]
    pub(crate) original: PathBuf,
    /// How far a figure may be off beyond what the intervals allow: 0.1 for 10 %.
    #[arg(long, default_value_t = 0.1, value_parser = values::share)]
    pub(crate) tolerance: f64,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// Two brokers and a load.
#[derive(Args, Debug)]
pub(crate) struct VersusArgs {
    /// Command that starts broker A; {port} stands for the port to listen on at 127.0.0.1.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) a: String,
    /// Command that starts broker B.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) b: String,
    /// The load: a scenario file or the name of a preset, as for `run`.
    #[arg(long)]
    pub(crate) scenario: Option<String>,
    /// Or a workload and its options as on the command line, without a broker: -- fan-in -p 100 --window 64
    #[arg(last = true, value_name = "WORKLOAD")]
    pub(crate) load: Vec<String>,
    /// Rounds of each broker.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROUNDS_MAX)))]
    pub(crate) rounds: u32,
    /// The smallest effect that counts: 0.05 for 5 %. "No difference" is told only if the whole interval is below it.
    #[arg(long, default_value_t = 0.05, value_parser = values::share)]
    pub(crate) threshold: f64,
    /// CPUs of the broker: a list such as 0-2,5, auto (all but the last) or none.
    #[arg(long, default_value = "auto", value_name = "CPUS")]
    pub(crate) pin_broker: String,
    /// CPUs of the load: a list, auto (the last) or none.
    #[arg(long, default_value = "auto", value_name = "CPUS")]
    pub(crate) pin_load: String,
    /// Time for a broker to listen.
    #[arg(long, default_value = "10s", value_parser = values::span)]
    pub(crate) start_timeout: Nanos,
    /// Time for a broker to come to rest after that.
    #[arg(long, default_value = "300ms", value_parser = values::span)]
    pub(crate) settle: Nanos,
    /// Write all rounds and the verdict as JSON to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Write what differs as a page with plots, which any browser opens without a network.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// What the page is called.
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
}

/// A program and who must be there for it.
#[derive(Args, Debug)]
pub(crate) struct LeashArgs {
    /// The process that starts it.
    #[arg(long)]
    pub(crate) parent: i32,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub(crate) words: Vec<String>,
}
