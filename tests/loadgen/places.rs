//! Places for results that take none, brokers that are not there, words that mean nothing: each has its message and its exit
//! code, and what was measured is told where it can be.

use std::fs;
use std::process::Command;

use crate::command::{run, spawn, start};
use crate::scratch::{Broker, Scratch, program};

#[test]
fn a_full_disk_costs_its_file_and_nothing_else() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let html = scratch.file("page.html");
    let arguments = format!("pairs --pairs 1 -m 100 --csv /dev/full --html {}", html.display());
    let done = run(&arguments, broker.address);
    assert_eq!(done.code, Some(4), "{}", done.errors);
    assert!(done.errors.contains("/dev/full: No space left on device"), "{}", done.errors);
    assert!(done.out.contains("100 of 100 delivered"), "{}", done.out);
    assert_eq!(done.count("/traffic/delivered"), 100);
    assert!(fs::read_to_string(html).is_ok_and(|page| page.contains("<svg")));
}

#[test]
fn a_place_that_is_not_there_is_told_before_the_run() {
    let done = run("pairs --pairs 1 -d 1h --csv /nowhere/at/all.csv", "127.0.0.1:1");
    assert_eq!(done.code, Some(2));
    assert!(done.errors.contains("/nowhere/at/all.csv: No such file or directory"), "{}", done.errors);
}

#[test]
fn a_run_against_nobody_cannot_begin() {
    for load in ["pairs --pairs 1 -m 1", "connect -n 3", "pairs --pairs 1 -d 1s --find-rate p99<1s"] {
        let done = run(load, "127.0.0.1:1");
        assert_eq!(done.code, Some(2), "{load}: {}\n{}", done.out, done.errors);
        let told = "ringmq-bench: no client could connect to 127.0.0.1:1: cannot connect: Connection refused";
        assert!(done.errors.contains(told), "{load}: {}", done.errors);
    }
    let unknown = run("pairs --pairs 1 -m 1", "no-such-host.invalid:1");
    assert_eq!(unknown.code, Some(2), "{}", unknown.errors);
}

#[test]
fn a_report_is_read_back_and_one_that_was_changed_is_refused() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let file = scratch.file("kept.json");
    let done = start(&format!("pairs --pairs 1 -m 100 --json --broker {}", broker.address)).wait();
    fs::write(&file, &done.out).expect("the directory is ours");
    let show = |file: &std::path::Path| {
        let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
        command.arg("show").arg(file);
        spawn(command, Scratch::new()).wait()
    };
    let shown = show(&file);
    assert_eq!(shown.code, done.code, "{}", shown.errors);
    assert!(shown.out.contains("100 of 100 delivered"), "{}", shown.out);
    let changed = done.out.replace("\"delivered\": 100", "\"delivered\": 101");
    assert_ne!(changed, done.out);
    fs::write(&file, changed).expect("the directory is ours");
    let refused = show(&file);
    assert_eq!(refused.code, Some(2));
    assert!(refused.errors.contains("was changed after it was written"), "{}", refused.errors);
}

#[test]
fn a_preset_is_run_with_the_version_that_is_asked_for() {
    for (arguments, version) in [("run p2p-1k --print", "5"), ("run p2p-1k --mqtt 3.1.1 --print", "3.1.1")] {
        let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
        command.args(arguments.split_whitespace());
        let done = spawn(command, Scratch::new()).wait();
        let versions: Vec<_> = done.out.lines().filter(|line| line.starts_with("mqtt = ")).collect();
        assert!(!versions.is_empty() && done.code == Some(0), "{}", done.out);
        assert!(versions.iter().all(|line| **line == format!("mqtt = \"{version}\"")), "{versions:?}");
    }
}
