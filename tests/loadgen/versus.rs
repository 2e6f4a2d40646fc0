//! Two brokers in turn: a verdict at the end, and no process left behind.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::{Running, spawn};
use crate::scratch::{LOOK, Scratch, broker_command, program};

const LIMIT: Duration = Duration::from_secs(30);

/// The same broker on both sides.
fn start(rounds: u32, load: &str) -> Running {
    let scratch = Scratch::new();
    let broker = broker_command("{port}", &scratch.file("data")).join(" ");
    let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
    command.args(["versus", "--a", &broker, "--b", &broker, "--rounds", &rounds.to_string()]);
    command.args(["--pin-broker", "none", "--pin-load", "none", "--settle", "10ms", "--report"]);
    command.arg(scratch.file("report.json")).arg("--").args(load.split_whitespace());
    spawn(command, scratch)
}

#[test]
fn a_comparison_plays_its_rounds_in_turn() {
    let done = start(1, "pairs --pairs 1 -m 50 --rate 1k").wait();
    let rounds = done.report["rounds"].as_array().unwrap_or_else(|| panic!("{}\n{}", done.out, done.errors));
    let names: Vec<_> =
        rounds.iter().filter(|round| round["is_valid"] == true).map(|round| &round["name"]).collect();
    assert_eq!(names, ["a", "b"], "{}\n{}", done.out, done.errors);
    assert!(done.out.contains("VERDICT: none. Too few rounds count"), "{}", done.out);
    assert_eq!(done.code, Some(3));
}

/// README's comparison word by word but for its length, against Debian's mosquitto without any configuration.
#[test]
fn the_comparison_of_the_readme_passes_against_a_default_mosquitto() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are in the repository");
    let readme = fs::read_to_string(root.join("README.md")).expect("it can be read");
    let line = readme.lines().find(|line| line.contains("ringmq-bench versus")).expect("it has an example");
    let scratch = Scratch::new();
    let [bench, broker] = [("ringmq-bench", "RINGMQ_BENCH_BIN"), ("ringmq", "RINGMQ_BIN")]
        .map(|(name, variable)| program(name, variable).display().to_string());
    let report = scratch.file("report.json");
    let options = format!(" --rounds 1 --pin-broker none --pin-load none --report {} -- ", report.display());
    let shorter = line
        .replace("target/release/ringmq-bench", &bench)
        .replace("target/release/ringmq", &broker)
        .replace(" -d 5s", " -d 500ms --warm-up 100ms")
        .replace(" -- ", &options);
    assert!(shorter.contains("500ms") && shorter.contains("--rounds 1"), "{shorter}");
    let mut command = Command::new("sh");
    // The broker puts its data where it is started.
    command.args(["-c", &format!("exec {shorter}")]).current_dir(scratch.file(""));
    let done = spawn(command, scratch).wait();
    let rounds = done.report["rounds"].as_array().unwrap_or_else(|| panic!("{}\n{}", done.out, done.errors));
    assert!(rounds.len() >= 2, "{}\n{}", done.out, done.errors);
    for round in rounds {
        assert_eq!(round["failures"].to_string(), "[]", "{}\n{}", done.out, done.errors);
    }
    assert_eq!(done.code, Some(3), "one round is too few to tell: {}", done.out);
}

#[test]
fn a_place_for_the_report_that_is_not_there_is_told_before_a_broker_is_started() {
    let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
    let broker = "sh -c 'echo {port}; sleep 600'";
    command.args(["versus", "--a", broker, "--b", broker, "--report", "/nowhere/at/all.json"]);
    command.args(["--", "connect", "-n", "1"]);
    let done = spawn(command, Scratch::new()).wait();
    assert_eq!(done.code, Some(2), "{}", done.out);
    assert!(done.errors.contains("/nowhere/at/all.json: No such file or directory"), "{}", done.errors);
}

#[test]
fn a_command_that_does_not_start_a_broker_is_told_with_its_words() {
    let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
    let broker = "sh -c 'echo no port {port} for you; exit 3'";
    command.args(["versus", "--a", broker, "--b", broker, "--", "connect", "-n", "1"]);
    let done = spawn(command, Scratch::new()).wait();
    assert_eq!(done.code, Some(2), "{}", done.out);
    assert!(
        done.errors.contains("the broker ended (exit status: 3)") && done.errors.contains("for you"),
        "{}",
        done.errors
    );
}

#[test]
fn an_interrupted_comparison_leaves_no_process_behind() {
    let running = start(5, "pairs --pairs 1 -d 1h --rate 100");
    let children = await_two_children(running.pid());
    running.signal(Signal::INT);
    let done = running.wait();
    assert_eq!(done.code, Some(3), "{}", done.errors);
    for child in children {
        assert!(!is_there(child), "process {child} was left behind");
    }
}

#[test]
fn a_comparison_that_is_killed_leaves_no_process_behind() {
    let running = start(5, "pairs --pairs 1 -d 1h --rate 100");
    let children = await_two_children(running.pid());
    running.signal(Signal::KILL);
    assert_eq!(running.wait().code, None, "a signal has no exit code");
    let deadline = Instant::now() + LIMIT;
    for child in children {
        while is_there(child) {
            assert!(Instant::now() < deadline, "process {child} was left behind");
            thread::sleep(LOOK);
        }
    }
}

/// The broker and the load, once both are there.
fn await_two_children(pid: u32) -> Vec<u32> {
    let deadline = Instant::now() + LIMIT;
    loop {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let children: Vec<u32> = text.split_whitespace().filter_map(|child| child.parse().ok()).collect();
        if children.len() >= 2 {
            return children;
        }
        assert!(Instant::now() < deadline, "no broker and load: {text}");
        thread::sleep(LOOK);
    }
}

fn is_there(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
