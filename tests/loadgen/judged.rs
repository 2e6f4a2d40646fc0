//! Reports held against each other, and figures asked for while a run goes on.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use crate::command::{Done, run, spawn, start};
use crate::scratch::{Broker, Scratch, program};

const LOAD: &str = "pairs --pairs 4 --rate 500 -d 1500ms --warm-up 100ms";

/// A report with enough intervals to be judged, as a file.
fn report(broker: &Broker, scratch: &Scratch) -> std::path::PathBuf {
    let done = run(LOAD, broker.address);
    let file = scratch.file("original.json");
    std::fs::write(&file, done.text).expect("the directory is ours");
    file
}

fn judge(words: &[&str], files: &[&std::path::Path]) -> Done {
    let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
    command.arg(words[0]).args(files).args(&words[1..]);
    spawn(command, Scratch::new()).wait()
}

#[test]
fn a_report_does_not_differ_from_itself() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let file = report(&broker, &scratch);
    let done = judge(&["compare"], &[&file, &file]);
    assert!(done.out.contains("VERDICT: no difference"), "{}\n{}", done.out, done.errors);
    assert!(matches!(done.code, Some(0 | 3)), "3 on a machine too busy for a valid run: {}", done.out);
}

#[test]
fn a_different_load_is_not_compared() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let file = report(&broker, &scratch);
    let other = run(&LOAD.replace("500", "400"), broker.address);
    let other_file = scratch.file("other.json");
    std::fs::write(&other_file, other.text).expect("the directory is ours");
    let done = judge(&["compare"], &[&file, &other_file]);
    assert_eq!(done.code, Some(2), "{}", done.out);
    assert!(done.errors.contains("were asked for different loads"), "{}", done.errors);
}

#[test]
fn a_report_is_verified_by_running_its_scenario_again() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let file = report(&broker, &scratch);
    let address = broker.address.to_string();
    let done = judge(&["verify", "--interval", "100ms", "--view", "off", "--broker", &address], &[&file]);
    assert!(matches!(done.code, Some(0 | 1 | 3)), "{}", done.errors);
    for figure in ["delivered per second", "latency p50, \u{b5}s"] {
        let line = done.out.lines().find(|line| line.contains(" allowed around ") && line.contains(figure));
        let begins =
            |line: &str| ["inside ", "OUTSIDE ", "UNDECIDED "].iter().any(|word| line.starts_with(word));
        assert!(line.is_some_and(begins), "{figure}\n{}", done.out);
    }
    // A rate that the schedule gives does not depend on the machine.
    assert!(done.out.contains("inside    delivered per second"), "{}", done.out);
    assert!(done.out.contains("VERIFIED: ") || done.out.contains("UNDECIDED: "), "{}", done.out);
}

#[test]
fn figures_are_served_while_a_run_goes_on() {
    let broker = Broker::start();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let address: SocketAddr = free.expect("a port is free");
    let mut running = start(&format!("{LOAD} --prometheus {address} --broker {}", broker.address));
    running.await_line("p50");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit can be set");
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    let figure =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    assert_eq!(figure("ringmq_bench_connections_open "), Some(8.0), "{text}");
    assert!(figure("ringmq_bench_delivered_total ").is_some_and(|count| count > 0.0), "{text}");
    running.wait();
}

#[test]
fn a_threshold_that_is_crossed_fails_the_run_and_a_figure_that_is_not_known_is_refused() {
    let broker = Broker::start();
    let load = "pairs --pairs 1 -m 100 --rate 1k";
    let done = run(&format!("{load} --fail-if p99<1h --fail-if lost>0"), broker.address);
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(done.verdict("failures").contains("threshold crossed: p99<1h: "), "{}", done.out);
    assert!(done.out.contains("threshold     lost>0: 0, ok"), "{}", done.out);
    for (threshold, why) in [("p98>1s", "is no figure of a run"), ("cpu>1us", "with --broker-pid only")] {
        let refused = run(&format!("{load} --fail-if {threshold}"), broker.address);
        assert_eq!(refused.code, Some(2), "{}", refused.errors);
        assert!(refused.errors.contains(why), "{}", refused.errors);
    }
}
