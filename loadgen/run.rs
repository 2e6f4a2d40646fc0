//! From a plan to an exit code: the network, signals, the run, the report.
//!
//! Owns start-up and the last words. Must never know what a workload is.

mod find_rate;

use std::fs;

use ringmq_ring::{Engine, Network, Options};

use crate::cli::{PresetsArgs, RunArgs, TargetArgs, WorkloadArgs};
use crate::drive::{Bench, Outcome};
use crate::plan::Plan;
use crate::report::{Circumstances, Report, unbegun};
use crate::scenario::{Scenario, Span};
use crate::series::Series;
use crate::{agent, interruption, output, process, scenario, view};

/// Descriptors that are no connections: ring, files, standard streams.
const OTHER_DESCRIPTORS: u64 = 64;

/// Exit code of a run whose results could not be written where they were wanted.
const UNWRITTEN: u8 = 4;

/// Exit code of a run that says nothing of the broker.
const INVALID: u8 = 3;

/// Why there is no report.
#[derive(Debug)]
pub(crate) enum NoReport {
    /// Nothing was begun: wrong usage, or something that is missing.
    Unbegun(String),
    /// The run went on, and a part of it is gone.
    BrokenOff(String),
}

impl From<String> for NoReport {
    fn from(why: String) -> NoReport {
        NoReport::Unbegun(why)
    }
}

impl From<&str> for NoReport {
    fn from(why: &str) -> NoReport {
        NoReport::Unbegun(why.into())
    }
}

/// Runs a workload of the command line. Returns the exit code.
///
/// # Errors
/// What does not fit together, or keeps the run from starting.
pub(crate) fn run_workload(args: &WorkloadArgs) -> Result<u8, String> {
    run_whole(scenario::from_workload(args)?, args.target())
}

/// Runs a scenario from a file, or a preset. Returns the exit code.
///
/// # Errors
/// What is wrong with the scenario, or keeps the run from starting.
pub(crate) fn run_scenario(args: &RunArgs) -> Result<u8, String> {
    let name = &args.scenario;
    let text = match scenario::preset(name) {
        Some(preset) => preset.text.into(),
        None => fs::read_to_string(name).map_err(|error| {
            format!("{name}: {error}; `ringmq-bench presets` lists what comes with the tool")
        })?,
    };
    let mut scenario = scenario::with_changes(&text, &args.set).map_err(|why| format!("{name}: {why}"))?;
    if let Some(version) = args.version {
        scenario = scenario.with_version(version.into())?;
    }
    if let Some(span) = args.duration {
        scenario = scenario.lasting(Span(span))?;
    }
    if let Some(scale) = args.scale {
        scenario = scenario.scaled(scale)?;
    }
    if args.print {
        output::print(&scenario.to_toml())?;
        return Ok(0);
    }
    run_whole(scenario, &args.target)
}

/// Lists the presets, or prints one. Returns the exit code.
///
/// # Errors
/// There is none of this name.
pub(crate) fn show_presets(args: &PresetsArgs) -> Result<u8, String> {
    match &args.name {
        None => output::print(&scenario::list_presets())?,
        Some(name) => match scenario::preset(name) {
            Some(preset) => output::print(preset.text)?,
            None => return Err(format!("there is no preset {name}: `ringmq-bench presets` lists them")),
        },
    }
    Ok(0)
}

/// Runs a scenario, or searches with it, and writes the results. Returns the exit code.
fn run_whole(scenario: Scenario, target: &TargetArgs) -> Result<u8, String> {
    let measured = match target.find_rate {
        Some(bound) => find_rate::find_rate(&scenario, target, bound),
        None => measure_scenario(scenario, target),
    };
    let report = match measured {
        Ok(report) => report,
        Err(NoReport::Unbegun(why)) => return Err(why),
        Err(NoReport::BrokenOff(why)) => {
            output::complain(&format!("ringmq-bench: {why}"));
            return Ok(INVALID);
        }
    };
    Ok(with_places(output::write_results(&report, &target.output), report.exit_code()))
}

/// The exit code of something whose results were to be written, and were or were not.
pub(crate) fn with_places(written: Result<(), String>, code: u8) -> u8 {
    match written {
        Ok(()) => code,
        Err(error) => {
            output::complain(&format!("ringmq-bench: the results could not be written: {error}"));
            code.max(UNWRITTEN)
        }
    }
}

/// Runs a scenario, here or with agents.
fn measure_scenario(scenario: Scenario, target: &TargetArgs) -> Result<Report, NoReport> {
    match target.agents.as_slice() {
        [] => Ok(measure(Plan::new(scenario, target)?)?),
        _ => agent::measure_with_agents(scenario, target),
    }
}

/// Runs a plan.
///
/// # Errors
/// What keeps the run from starting.
pub(crate) fn measure(plan: Plan) -> Result<Report, String> {
    let (plan, outcome, circumstances) = drive(plan)?;
    unbegun(&plan, &outcome).map_or(Ok(()), Err)?;
    Ok(Report::new(&plan, &outcome, &circumstances))
}

/// Runs a plan, and leaves the report to the caller.
///
/// # Errors
/// What keeps the run from starting.
pub(crate) fn drive(plan: Plan) -> Result<(Plan, Outcome, Circumstances), String> {
    check_host(&plan)?;
    sharpen_timers();
    let mut net = open_network(&plan)?;
    let interrupted = interruption::watch(net.remote()).map_err(|error| format!("signals: {error}"))?;
    let circumstances = Circumstances::read(net.engine(), &plan.broker_pids);
    let series = start_series(&plan)?;
    let mut bench = Bench::new(plan, series, interrupted)?;
    ringmq_ring::run(&mut net, &mut bench).map_err(|error| format!("the network failed: {error}"))?;
    let (plan, outcome) = bench.into_outcome();
    Ok((plan, outcome, circumstances))
}

fn start_series(plan: &Plan) -> Result<Series, String> {
    let plain = || format!("{} to {}", plan.scenario.name, plan.target().broker);
    let title = plan.output.title.clone().unwrap_or_else(plain);
    let planned_s = plan.scenario.planned().map(Span::seconds);
    let watchers = view::watchers(&plan.output, view::Shown { title, planned_s })?;
    let started = Series::start(plan.interval, &plan.broker_pids, watchers);
    started.map_err(|error| format!("a thread for the time series: {error}"))
}

/// Checks what this host must allow.
///
/// # Errors
/// What it does not allow, and how to change that.
pub(crate) fn check_host(plan: &Plan) -> Result<(), String> {
    output::check_places(&plan.output)?;
    process::sample(&plan.broker_pids).map_err(|error| format!("--broker-pid: {error}"))?;
    let needed = u64::from(plan.workload.clients()) + OTHER_DESCRIPTORS;
    let limit = rlimit::increase_nofile_limit(needed).map_err(|error| format!("RLIMIT_NOFILE: {error}"))?;
    if limit < needed {
        let connections = plan.workload.clients();
        return Err(format!(
            "{connections} connections need {needed} file descriptors, and {limit} are allowed: raise the hard limit (`ulimit -Hn`)"
        ));
    }
    Ok(())
}

/// Asks the kernel not to let timers of this thread go off late in order to save wake-ups: by default 50 us, which every
/// latency would contain. Where that is refused, the lag in the report shows it.
fn sharpen_timers() {
    let _ = fs::write("/proc/self/timerslack_ns", "1");
}

fn open_network(plan: &Plan) -> Result<Network, String> {
    let open = |engine| Network::open(&Options { engine, ..Options::default() });
    match plan.engine {
        Some(engine) => open(engine).map_err(|error| error.to_string()),
        None => open(Engine::IoUring).or_else(|error| {
            output::complain(&format!("ringmq-bench: using epoll: {error}"));
            open(Engine::Epoll).map_err(|error| error.to_string())
        }),
    }
}
