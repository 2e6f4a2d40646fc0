//! `ringmq-bench`: load for any MQTT broker, measured honestly.
//!
//! One thread drives all clients over `ringmq-ring`. Messages are due on an absolute schedule, latency counts from the time
//! they were meant to leave, and a run in which the generator itself fell behind says so.
//!
//! | module | subject |
//! | --- | --- |
//! | `cli` | the command line as typed |
//! | `scenario` | what is to be done, whatever the broker |
//! | `plan`, `workload` | a scenario and its broker; who takes part |
//! | `drive` | a run: connections, steps, publishing |
//! | `client` | one MQTT client as a state machine, without sockets |
//! | `tls` | the client side of TLS, without sockets |
//! | `search`, `sink`, `self_test` | the highest rate within a bound; a responder that does next to nothing; the tool's own ceiling |
//! | `agent`, `barrier` | one run by several processes; where they wait for each other |
//! | `interruption` | SIGINT and SIGTERM |
//! | `schedule`, `clock`, `chance` | when things are due; the only clock; repeatable chance |
//! | `stamp`, `ledger` | what a payload carries; what arrived against what was sent |
//! | `latency`, `process` | histograms; CPU and memory of processes |
//! | `series` | a run second by second |
//! | `host` | facts of the machine |
//! | `report` | figures, verdict, text, JSON and CSV |
//! | `judge` | commands that read reports |
//! | `statistics` | whether two sets of figures differ |
//! | `page` | pages for a browser, with plots |
//! | `output` | where they are written |
//! | `view` | what is shown while a run goes on |
//! | `words` | numbers as readers want them |

mod agent;
mod barrier;
mod chance;
mod cli;
mod client;
mod clock;
mod drive;
mod fault;
mod host;
mod interruption;
mod judge;
mod latency;
mod ledger;
mod output;
mod page;
mod plan;
mod process;
mod report;
mod run;
mod scenario;
mod schedule;
mod search;
mod self_test;
mod series;
mod sink;
mod stamp;
mod statistics;
mod tls;
mod view;
mod words;
mod workload;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of wrong usage; clap's own.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let done = match cli::CommandLine::parse().command {
        cli::Command::Load(workload) => run::run_workload(&workload),
        cli::Command::Run(args) => run::run_scenario(&args),
        cli::Command::Presets(args) => run::show_presets(&args),
        cli::Command::Agent(args) => agent::serve(args.listen),
        cli::Command::SelfTest(args) => self_test::self_test(&args),
        cli::Command::Sink(args) => self_test::serve(&args),
        cli::Command::Judge(args) => judge::judge(&args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::complain(&format!("ringmq-bench: {error}"));
            ExitCode::from(USAGE)
        }
    }
}
