//! Processes that stand still, a generator that cannot keep up, and a user who interrupts.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::command::{run, start};
use crate::scratch::{Broker, signal};

/// How long a process is stopped.
const STOP: Duration = Duration::from_secs(1);

#[test]
fn a_broker_that_stands_still_for_a_second_shows_as_a_second() {
    let broker = Broker::start();
    let arguments = "pairs --pairs 4 --rate 1k -d 4s --warm-up 200ms --broker";
    let mut running = start(&format!("{arguments} {}", broker.address));
    running.await_line("p50");
    signal(broker.pid(), Signal::STOP);
    thread::sleep(STOP);
    signal(broker.pid(), Signal::CONT);
    let done = running.wait();
    let [p999, max, lost] = ["/traffic/latency/p999_us", "/traffic/latency/max_us", "/traffic/lost"]
        .map(|path| done.figure(path));
    // A quarter of all messages was meant to leave while the broker stood still, evenly: the longest waited for all of it.
    assert!(p999 > 0.95e6 && max >= p999, "{}", done.out);
    assert!(max < 3e6, "{}", done.out);
    assert_eq!(lost, 0.0, "{}", done.out);
    let rows = done.report["series"].as_array().expect("a report has a series");
    let silent = rows.iter().filter(|row| row["phase"] == "publish" && row["delivered"] == 0).count();
    assert!(silent >= 7, "the intervals show it too: {silent}");
}

#[test]
fn a_generator_that_stands_still_says_so() {
    let broker = Broker::start();
    let mut running = start(&format!("pairs --pairs 4 --rate 1k -d 3s --broker {}", broker.address));
    running.await_line("publish");
    running.signal(Signal::STOP);
    thread::sleep(STOP);
    running.signal(Signal::CONT);
    let done = running.wait();
    assert_eq!(done.code, Some(3), "{}", done.out);
    assert!(done.verdict("invalid").contains("stood still for "), "{}", done.out);
}

#[test]
fn a_rate_that_is_not_reached_is_put_down_to_one_side() {
    let broker = Broker::start();
    let done = run("fan-in -p 4 -s 0 -q 0 --rate 20M -d 1s --warm-up 0s --drain 100ms", broker.address);
    let is_unreached = |kind: &str| {
        let text = done.verdict(kind);
        text.contains("the rate asked for was not reached") || text.contains("is out of reach")
    };
    // Which side it is depends on the machine, but never is it both.
    let (failed, invalid) = (is_unreached("failures"), is_unreached("invalid"));
    assert!(failed != invalid, "{}", done.out);
    assert_eq!(done.code, Some(if failed { 1 } else { 3 }), "{}", done.out);
    assert_eq!(done.out.contains("INVALID"), done.verdict("invalid") != "[]", "{}", done.out);
}

#[test]
fn a_broker_that_dies_has_failed_and_the_run_is_valid() {
    let mut broker = Broker::start();
    let load = "pairs --pairs 4 -q 1 --rate 1k -d 3s --warm-up 200ms --drain 500ms";
    let arguments = format!("{load} --broker-pid {} --broker {}", broker.pid(), broker.address);
    let mut running = start(&arguments);
    running.await_line("p50");
    broker.kill();
    let done = running.wait();
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(done.verdict("failures").contains("never left"), "{}", done.out);
    assert!(!done.verdict("invalid").contains("never left"), "{}", done.out);
    assert!(done.verdict("failures").contains("a watched process ended"), "{}", done.out);
}

#[test]
fn an_interrupted_run_tells_what_was_measured_so_far() {
    let broker = Broker::start();
    let mut running =
        start(&format!("pairs --pairs 2 --rate 500 -d 1h --warm-up 100ms --broker {}", broker.address));
    running.await_line("p50");
    running.signal(Signal::INT);
    let done = running.wait();
    assert_eq!(done.code, Some(3), "{}", done.out);
    assert!(done.verdict("invalid").contains("the run was interrupted"), "{}", done.out);
    assert!(done.figure("/traffic/latency/count") > 0.0 && done.count("/traffic/lost") == 0);
}

#[test]
fn a_run_can_be_interrupted_while_it_waits_for_messages_that_do_not_come() {
    let broker = Broker::start();
    let arguments = "pairs --pairs 2 --rate 500 -d 500ms --warm-up 100ms --drain 1h --broker";
    let mut running = start(&format!("{arguments} {}", broker.address));
    running.await_line("publish");
    signal(broker.pid(), Signal::STOP);
    running.await_line("drain");
    running.signal(Signal::INT);
    let done = running.wait();
    signal(broker.pid(), Signal::CONT);
    assert_eq!(done.code, Some(3), "{}", done.out);
    assert!(done.verdict("invalid").contains("the run was interrupted"), "{}", done.out);
    let [sent, delivered] = ["/traffic/sent", "/traffic/delivered"].map(|path| done.count(path));
    assert!(delivered < sent, "{}", done.out);
}
