//! Runs seeds of the simulator: `cargo run -p ringmq-tests --bin simulate -- --seeds 0..1000`.
//!
//! Owns what is printed. A failure is made small and printed as a file that `--replay` takes: the plan it belongs to,
//! which of its operations are left, and what happened, as a scene.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ringmq_tests::simulator::cli::{Request, Telling, USAGE, parse};
use ringmq_tests::simulator::minimise::minimise;
use ringmq_tests::simulator::plan::Plan;
use ringmq_tests::simulator::replay;
use ringmq_tests::simulator::run::{run, run_and_tell};
use ringmq_tests::simulator::scene::play::play;

/// Failures after which no more seeds are run.
const FAILURES_MAX: usize = 5;

fn main() -> ExitCode {
    // A panic of the broker is one more complaint; it is caught and told with the others.
    std::panic::set_hook(Box::new(|_| {}));
    let request = match parse(std::env::args().skip(1)) {
        Ok(request) => request,
        Err(fault) => {
            eprintln!("{fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let is_well = match request {
        Request::Seeds { seeds, shard_counts, seconds_max, telling } => {
            let end = seconds_max.map(|s| Instant::now() + Duration::from_secs(s));
            let plans = seeds.flat_map(|seed| shard_counts.iter().map(move |&count| Plan::new(seed, count)));
            run_all(plans.take_while(|_| end.is_none_or(|end| Instant::now() < end)), telling)
        }
        Request::Replay(path) => again(&path),
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_all(plans: impl Iterator<Item = Plan>, telling: Telling) -> bool {
    let (mut runs, mut failures) = (0, 0);
    for plan in plans {
        runs += 1;
        let (first, second) = (run(&plan), run(&plan));
        if first != second {
            println!("seed {}, {} shards: two runs differ", plan.seed, plan.setup.shard_count);
            failures += 1;
        } else if first.complaint.is_some() {
            print!("{}", replay::write(&minimise(&plan)));
            failures += 1;
        } else if telling == Telling::Everything {
            print!("{}", run_and_tell(&plan).1.join("\n") + "\n");
        }
        if failures == FAILURES_MAX {
            break;
        }
    }
    println!("{runs} runs, {failures} failures");
    failures == 0
}

/// Runs a written failure again, or plays a scene.
fn again(path: &Path) -> bool {
    let outcome =
        std::fs::read_to_string(path).map_err(|error| error.to_string()).and_then(|text| match replay::read(
            &text,
        )? {
            Some(plan) => {
                let (outcome, lines) = run_and_tell(&plan);
                println!("{}", lines.join("\n"));
                outcome.complaint.map_or(Ok(()), Err)
            }
            None => play(&text),
        });
    match outcome {
        Ok(()) => println!("all is well"),
        Err(ref complaint) => println!("{complaint}"),
    }
    outcome.is_ok()
}
