//! `ringmq-bench`: load for any MQTT broker, measured honestly.
//!
//! One thread drives all clients over `ringmq-ring`. Messages are due on an absolute schedule, latency counts from the time
//! they were meant to leave, and a run in which the generator itself fell behind says so.
//!
//! | module | subject |
//! | --- | --- |
//! | `cli` | the command line as typed |
//! | `plan`, `workload` | what is to be done, checked; who takes part |
//! | `drive` | a run: connections, steps, publishing |
//! | `client` | one MQTT client as a state machine, without sockets |
//! | `tls` | the client side of TLS, without sockets |
//! | `schedule`, `clock` | when things are due; the only clock |
//! | `stamp`, `ledger` | what a payload carries; what arrived against what was sent |
//! | `latency`, `process` | histograms; CPU and memory of processes |
//! | `report` | figures, verdict, text and JSON |

mod cli;
mod client;
mod clock;
mod drive;
mod fault;
mod latency;
mod ledger;
mod plan;
mod process;
mod report;
mod run;
mod schedule;
mod stamp;
mod tls;
mod workload;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of wrong usage; clap's own.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = cli::CommandLine::parse();
    match plan::Plan::new(args.workload).and_then(run::run_plan) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("ringmq-bench: {error}");
            ExitCode::from(USAGE)
        }
    }
}
