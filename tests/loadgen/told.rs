//! What a run tells beside its totals: each step, percentiles for plotters, presets of another length.

use std::fs;
use std::process::Command;

use crate::command::{run, spawn};
use crate::scratch::{Broker, Scratch, program};

#[test]
fn a_stepped_rate_has_a_line_and_figures_for_each_step() {
    let broker = Broker::start();
    let done = run("pairs --pairs 2 --steps 200:500ms,800:500ms", broker.address);
    let steps = done.report["traffic"]["steps"].as_array().unwrap_or_else(|| panic!("{}", done.out));
    let asked: Vec<_> = steps.iter().filter_map(|step| step["rate_per_s"].as_f64()).collect();
    assert_eq!(asked, [200.0, 800.0], "{}", done.out);
    let counts: u64 = steps.iter().filter_map(|step| step["latency"]["count"].as_u64()).sum();
    assert!(counts > 400 && counts <= done.count("/traffic/delivered"), "{counts}: {}", done.out);
    assert!(done.out.contains("open loop at 200/s for 500ms, 800/s for 500ms"), "{}", done.out);
    for line in ["\n200/s  ", "\n800/s  "] {
        assert!(done.out.contains(line), "{line}: {}", done.out);
    }
    assert_eq!(done.count("/traffic/sent"), 500, "the run lasts as long as its steps: {}", done.out);
}

#[test]
fn percentiles_are_written_for_plotters_and_again_from_the_report() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let (table, report, again) = (scratch.file("a.hgrm"), scratch.file("a.json"), scratch.file("b.hgrm"));
    let load = format!("pairs --pairs 1 -m 200 --rate 1k --hgrm {}", table.display());
    let done = run(&load, broker.address);
    let text = fs::read_to_string(&table).expect("it was written");
    assert!(text.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n"), "{text}");
    assert!(text.contains("Total count    =          200]"), "{text}");
    fs::write(&report, &done.text).expect("the directory is ours");
    let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
    command.arg("show").arg(&report).arg("--hgrm").arg(&again);
    assert_eq!(spawn(command, Scratch::new()).wait().code, done.code);
    assert_eq!(fs::read_to_string(&again).expect("it was written"), text);
}

#[test]
fn a_preset_runs_as_long_as_asked_and_a_wrong_change_names_its_key() {
    let print = |arguments: &str| {
        let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
        command.args(arguments.split_whitespace());
        spawn(command, Scratch::new()).wait()
    };
    let short = print("run fanout-5-1k --duration 20s --print");
    assert!(short.out.contains("span = \"20s\"") && !short.out.contains("300s"), "{}", short.out);
    let wrong = print("run fanout-5-1k --set stages.3.span=20s --print");
    assert_eq!(wrong.code, Some(2));
    let why = "--set stages.3.span=20s: unknown field `span`";
    assert!(wrong.errors.contains(why) && wrong.errors.contains("3 drain"), "{}", wrong.errors);
    assert!(!wrong.errors.contains("at line"), "{}", wrong.errors);
}
