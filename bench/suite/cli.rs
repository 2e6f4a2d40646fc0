//! The command line.
//!
//! Owns names, defaults and help of the options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::broker::Program;

/// Runs ringmq beside other brokers and writes down what came out.
#[derive(Parser, Debug)]
#[command(name = "ringmq-suite", version, max_term_width = 110)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the rounds that are missing, then write the page. Interrupted, it goes on where it was.
    Run(RunArgs),
    /// Write page, plots and the table of the README from results.
    Report {
        /// The folder of the results; the newest by default.
        folder: Option<PathBuf>,
    },
    /// Compare the load generator's counts with the brokers' own.
    Crosscheck(Choice),
    /// Build a crowd of idle connections, tell what it takes, publish once to all of it.
    Crowd(CrowdArgs),
    /// Run mixed traffic with clients that come and go for a long time, and tell how memory grows.
    Endure(EndureArgs),
    /// List scenarios and brokers.
    List,
}

/// Which brokers, and where they run.
#[derive(Args, Debug)]
pub(crate) struct Choice {
    /// Brokers: names of files in bench/brokers, or paths of such files. Those that are not installed are left out.
    #[arg(long, value_delimiter = ',', default_value = "ringmq,mosquitto,rumqttd,nats-server,flashmq")]
    pub(crate) brokers: Vec<String>,
    /// The program of a broker, instead of the installed one: mosquitto=/opt/mosquitto. As a column of its own beside that one:
    /// mosquitto:mosquitto-2.1=/opt/mosquitto. Repeatable.
    #[arg(long = "broker", value_name = "NAME[:TITLE]=PROGRAM")]
    pub(crate) programs: Vec<Program>,
    /// CPUs of the broker, as taskset takes them: 0, or 0-1.
    #[arg(long, default_value = "0")]
    pub(crate) broker_cores: String,
    /// CPUs of the load.
    #[arg(long, default_value = "1")]
    pub(crate) load_cores: String,
}

/// A run of the suite.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Scenarios by name; all by default.
    #[arg(long, value_delimiter = ',')]
    pub(crate) scenarios: Vec<String>,
    /// Rounds of each broker in each scenario.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Seconds to measure, in scenarios that last as long as they are told.
    #[arg(long, default_value_t = 4.0, value_parser = lasting)]
    pub(crate) duration: f64,
    /// Seconds before them.
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    pub(crate) warm_up: f64,
    /// Folder of the results; by default one of the day and the machine in bench/results. Only those in bench/results get
    /// into the README.
    #[arg(long)]
    pub(crate) results: Option<PathBuf>,
}

/// A crowd.
#[derive(Args, Debug)]
pub(crate) struct CrowdArgs {
    /// Connections.
    #[arg(short = 'n', long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(2..=10_000_000))]
    pub(crate) connections: u64,
    /// The broker: the name of a file in bench/brokers, or the path of such a file.
    #[arg(long, default_value = "ringmq-crowd")]
    pub(crate) broker: String,
    /// Memory in MiB that stays free.
    #[arg(long, default_value_t = 1500)]
    pub(crate) reserve_mib: u64,
    /// Seconds to watch it at rest.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) rest_s: u64,
    /// CPUs of the brokers, as taskset takes them.
    #[arg(long, default_value = "0")]
    pub(crate) broker_cores: String,
    /// CPUs of the load.
    #[arg(long, default_value = "1")]
    pub(crate) load_cores: String,
}

/// A long run.
#[derive(Args, Debug)]
pub(crate) struct EndureArgs {
    /// How long: 20m, 2h.
    #[arg(long = "for", default_value = "2h")]
    pub(crate) lasts: String,
    /// The broker: the name of a file in bench/brokers, or the path of such a file.
    #[arg(long, default_value = "ringmq")]
    pub(crate) broker: String,
    /// MiB that resident memory may grow by per hour.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) growth_mib_per_hour: f64,
    /// CPUs of the broker, as taskset takes them.
    #[arg(long, default_value = "0")]
    pub(crate) broker_cores: String,
    /// CPUs of the load.
    #[arg(long, default_value = "1")]
    pub(crate) load_cores: String,
}

/// A number of seconds.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds.ok_or_else(|| "a number of seconds, such as 0.5 or 4".to_owned())
}

/// A number of seconds in which something can be measured.
fn lasting(text: &str) -> Result<f64, String> {
    seconds(text)
        .and_then(|seconds| if seconds > 0.0 { Ok(seconds) } else { Err("more than 0 seconds".to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_finite_and_what_is_measured_lasts() {
        assert_eq!((seconds("0"), lasting("0.5")), (Ok(0.0), Ok(0.5)));
        for wrong in ["nan", "inf", "-1", "4s", ""] {
            assert!(seconds(wrong).is_err() && lasting(wrong).is_err(), "{wrong}");
        }
        assert!(lasting("0").is_err());
        assert!(CommandLine::try_parse_from(["ringmq-suite", "run", "--duration", "inf"]).is_err());
        assert!(CommandLine::try_parse_from(["ringmq-suite", "run", "--warm-up", "0"]).is_ok());
    }
}
