//! `ringmq-suite`: ringmq beside other brokers, with the load of `ringmq-bench`.
//!
//! It starts brokers and the load generator as processes and reads their reports; it imports nothing of either. [`broker`]
//! and [`scenario`] are the tables of what is measured, [`rounds`] runs them with [`launch`] and [`load`], [`record`] keeps
//! every run in a [`folder`] of its own conditions, [`figures`], [`page`], [`plots`] and [`readme`] make of them what a reader sees.

mod broker;
mod cli;
mod crosscheck;
mod crowd;
mod echo;
mod endure;
mod figures;
mod folder;
mod launch;
mod load;
mod machine;
mod page;
mod plots;
mod procfs;
mod readme;
mod record;
mod report;
mod rounds;
mod scenario;
mod workplace;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use broker::Broker;
use clap::Parser;
use cli::{Choice, Command, CommandLine, CrowdArgs, EndureArgs, RunArgs};
use launch::{Cores, Site};
use load::Extent;
use machine::Machine;
use rounds::Suite;
use scenario::Scenario;
use workplace::Workplace;

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Run(run) => run_suite(&run),
        Command::Report { folder } => {
            folder.map_or_else(newest_results, Ok).and_then(|folder| report::write(&folder))
        }
        Command::Crosscheck(choice) => crosscheck(&choice),
        Command::Crowd(args) => build_crowd(&args),
        Command::Endure(args) => endure(&args),
        Command::List => list(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("ringmq-suite: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run_suite(run: &RunArgs) -> Result<(), String> {
    let workplace = Workplace::new()?;
    let site = site(&workplace, &run.choice.broker_cores, &run.choice.load_cores);
    let brokers = installed(&run.choice, &site)?;
    let scenarios = chosen(&run.scenarios)?;
    let extent = Extent { duration_s: run.duration, warm_up_s: run.warm_up };
    let machine = Machine::here(&site, &brokers, &extent);
    let folder = match &run.results {
        Some(folder) => folder::given(folder, &machine)?,
        None => folder::of_the_day(&results(), &machine)?,
    };
    println!("results in {}", folder.display());
    let suite = Suite { site: &site, brokers: &brokers, scenarios: &scenarios, rounds: run.rounds, extent };
    let failed = suite.run(&folder)?;
    report::write(&folder)?;
    match failed {
        0 => Ok(()),
        failed => Err(format!("runs that failed: {failed}; the next run of this folder tries them again")),
    }
}

fn chosen(names: &[String]) -> Result<Vec<Scenario>, String> {
    let all = scenario::read(&root().join("bench/scenarios.toml"))?;
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|scenario| scenario.name == **name)) {
        return Err(format!("no scenario {unknown}; `ringmq-suite list` names them"));
    }
    Ok(all.into_iter().filter(|scenario| names.is_empty() || names.contains(&scenario.name)).collect())
}

/// The brokers chosen, without those whose program is not there.
fn installed(choice: &Choice, site: &Site) -> Result<Vec<Broker>, String> {
    let mut brokers = Vec::new();
    for broker in Broker::read_all(&root().join("bench/brokers"), &choice.brokers, &choice.programs)? {
        match broker.find_program(&site.root) {
            Some(_) => brokers.push(broker),
            None => eprintln!("{}: {} is not installed, left out", broker.name, broker.program),
        }
    }
    if brokers.is_empty() { Err("none of these brokers is installed".to_owned()) } else { Ok(brokers) }
}

fn crosscheck(choice: &Choice) -> Result<(), String> {
    let workplace = Workplace::new()?;
    let site = site(&workplace, &choice.broker_cores, &choice.load_cores);
    crosscheck::check(&site, &installed(choice, &site)?)
}

fn build_crowd(args: &CrowdArgs) -> Result<(), String> {
    let workplace = Workplace::new()?;
    let site = site(&workplace, &args.broker_cores, &args.load_cores);
    let broker = Broker::read(&root().join("bench/brokers"), &args.broker)?;
    crowd::run(&site, &broker, args)
}

fn endure(args: &EndureArgs) -> Result<(), String> {
    let workplace = Workplace::new()?;
    let site = site(&workplace, &args.broker_cores, &args.load_cores);
    let broker = Broker::read(&root().join("bench/brokers"), &args.broker)?;
    endure::run(&site, &broker, args)
}

fn site(workplace: &Workplace, broker_cores: &str, load_cores: &str) -> Site {
    let cores = Cores { broker: broker_cores.to_owned(), load: load_cores.to_owned() };
    Site { root: root(), work: workplace.folder().to_owned(), cores, shards: 1 }
}

fn list() -> Result<(), String> {
    let mut text = String::new();
    for scenario in chosen(&[])? {
        text.push_str(&format!("{:<16} {}\n", scenario.name, scenario.title));
    }
    let folder = root().join("bench/brokers");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let broker = Broker::read(&folder, &entry.path().display().to_string())?;
        let place = if broker.find_program(&root()).is_some() { "" } else { " (not installed)" };
        text.push_str(&format!("{:<24} {}{place}\n", broker.name, broker.title));
    }
    // Who has read enough closes the pipe: nothing is wrong then.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("the list: {error}")),
        _ => Ok(()),
    }
}

/// The repository that this program was built in.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap_or(root)
}

/// Where the programs are that were built together with this one: the folder of this one, wherever cargo was told to build.
pub(crate) fn built() -> PathBuf {
    let own = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    own.unwrap_or_else(|| root().join("target/release"))
}

fn results() -> PathBuf {
    root().join("bench/results")
}

fn newest_results() -> Result<PathBuf, String> {
    folder::newest(&results())?.ok_or_else(|| "bench/results is empty".to_owned())
}
