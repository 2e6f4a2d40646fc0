//! A controller and two agents over loopback, against the sink.

use std::net::TcpListener;
use std::thread;

use clap::Parser;
use ringmq_ring::Engine;

use crate::cli::{Command, CommandLine};
use crate::report::Report;
use crate::run::NoReport;
use crate::scenario::from_workload;
use crate::sink::tests::SinkThread;

use super::measure_with_agents;
use super::serve::serve_next;
use super::wire::{Answer, Order, prepare, receive, send};

fn measure(arguments: &str) -> Result<Report, NoReport> {
    let sink = SinkThread::start(Engine::Epoll).unwrap();
    let listeners = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    let names = listeners.each_ref().map(|listener| listener.local_addr().unwrap().to_string());
    let line = format!(
        "ringmq-bench {arguments} --quiet --engine epoll --broker {} --agents {}",
        sink.address,
        names.join(",")
    );
    thread::scope(|scope| {
        for listener in &listeners {
            scope.spawn(|| serve_next(listener));
        }
        control(&line)
    })
}

/// A run as its controller sees it.
fn control(line: &str) -> Result<Report, NoReport> {
    let Command::Load(args) = CommandLine::try_parse_from(line.split_whitespace()).unwrap().command else {
        unreachable!("{line}")
    };
    measure_with_agents(from_workload(&args).unwrap(), args.target())
}

/// Why a run was not begun.
fn refusal(result: Result<Report, NoReport>) -> String {
    match result.unwrap_err() {
        NoReport::Unbegun(why) => why,
        NoReport::BrokenOff(why) => panic!("it was begun: {why}"),
    }
}

#[test]
fn two_agents_do_one_run() {
    for (arguments, sent, delivered) in [
        ("fan-in -p 5 -s 3 -q 1 --warm-up 0s -d 500ms --rate 1k", 500, 1500),
        ("pairs -p 5 -q 2 --warm-up 0s -d 500ms --rate 1k", 500, 500),
        ("pairs -p 5 -q 1 -m 301 --window 3", 301, 301),
        ("shared -p 3 -s 4 -q 0 -m 301 --rate 2k", 301, 301),
    ] {
        let report = measure(&format!("{arguments} --drain 1s")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
        let traffic = &json["traffic"];
        assert_eq!(
            (traffic["sent"].as_u64(), traffic["lost"].as_u64()),
            (Some(sent), Some(0)),
            "{arguments}"
        );
        assert_eq!(traffic["delivered"].as_u64(), Some(delivered), "{arguments}");
        assert_eq!((traffic["duplicated"].as_u64(), traffic["strays"].as_u64()), (Some(0), Some(0)));
        // Each agent begins to measure with its own stage, a moment before or after the others.
        let measured = traffic["latency"]["count"].as_u64().unwrap();
        assert!(measured <= delivered && measured >= delivered * 9 / 10, "{arguments}: {measured}");
        assert_eq!(json["target"]["agents"].as_array().unwrap().len(), 2);
        assert!(report.is_passed(), "{arguments}: {:?}", report.troubles().collect::<Vec<_>>());
    }
}

#[test]
fn connections_of_agents_take_time_from_the_common_zero_on() {
    let report = measure("connect -n 100").unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let connections = &json["connections"];
    let time = &connections["time"];
    assert_eq!((connections["ready"].as_u64(), time["count"].as_u64()), (Some(100), Some(100)));
    for figure in [&connections["seconds"], &connections["per_s"], &time["min_us"], &time["p50_us"]] {
        assert!(figure.as_f64().is_some_and(|figure| figure > 0.0), "{connections:#}");
    }
}

#[test]
fn an_agent_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = listener.local_addr().unwrap().to_string();
    drop(listener);
    let refused = refusal(control(&format!("ringmq-bench fan-in --broker 127.0.0.1:1 --agents {name}")));
    assert!(refused.starts_with(&format!("agent {name}: ")), "{refused}");
}

#[test]
fn an_agent_that_is_named_twice_is_refused_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = listener.local_addr().unwrap().to_string();
    let line = format!("ringmq-bench fan-in --broker 127.0.0.1:1 --agents {name},{name}");
    assert_eq!(
        refusal(control(&line)),
        format!("agent {name}: it is named twice, and does one part of a run")
    );
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody has called it");
}

/// An agent that is gone as soon as the run begins.
fn leave_at_the_start(listener: &TcpListener) {
    let (stream, _) = listener.accept().unwrap();
    prepare(&stream).unwrap();
    loop {
        let answer = match receive(&stream).unwrap() {
            Order::Clock => Answer::Clock { at: 0 },
            Order::Job(_) => Answer::Ready,
            Order::Start { .. } | Order::Open { .. } | Order::Stop => return,
        };
        send(&stream, &answer).unwrap();
    }
}

#[test]
fn an_agent_that_is_gone_before_the_end_is_named_and_there_is_no_report() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = listener.local_addr().unwrap().to_string();
    let lost = thread::scope(|scope| {
        scope.spawn(|| leave_at_the_start(&listener));
        control(&format!("ringmq-bench fan-in --broker 127.0.0.1:1 --agents {name}"))
    });
    let expected =
        format!("agent {name} is gone: it has closed the connection; without its part there is no report");
    assert!(matches!(&lost, Err(NoReport::BrokenOff(why)) if *why == expected), "{lost:?}");
}

#[test]
fn a_closed_loop_whose_deliveries_may_be_elsewhere_is_refused_with_the_reason() {
    let refused = refusal(measure("fan-in -p 4 -s 2 -m 10 --window 3"));
    assert!(refused.contains("which may be at another agent"), "{refused}");
}

#[test]
fn a_broker_at_the_controller_is_watched_from_there() {
    let pid = std::process::id();
    let arguments = format!("pairs -p 2 -q 1 --warm-up 100ms -d 1s --rate 500 --broker-pid {pid}");
    let report = measure(&arguments).unwrap();
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["broker"]["processes"][0]["pid"], pid);
    assert!(json["broker"]["cpu_us_per_delivered"].as_f64().is_some_and(|us| us > 0.0), "{}", json["broker"]);
    assert!(json["broker"]["rss_end_bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    let rows = json["series"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["broker"]["threads"].as_u64() > Some(1)), "{rows:?}");
}
