//! Whole runs against the sink: requests and answers, shares, wildcards, every quality.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use ringmq_ring::{Engine, Network, Options, Remote};

use crate::cli::{Command, CommandLine};
use crate::clock::SECOND;
use crate::drive::{Bench, Outcome};
use crate::plan::Plan;
use crate::scenario::from_workload;
use crate::series::{Length, Series};

use super::{Sink, open};

/// A sink on a thread of its own. It ends with this value.
pub(crate) struct SinkThread {
    pub(crate) address: SocketAddr,
    stopped: Arc<AtomicBool>,
    remote: Remote,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl SinkThread {
    /// Starts one on a port of the kernel's choice.
    ///
    /// # Errors
    /// No socket, no ring or no thread.
    pub(crate) fn start(engine: Engine) -> Result<SinkThread, String> {
        let stopped = Arc::new(AtomicBool::new(false));
        let (told, telling) = std::sync::mpsc::channel();
        let flag = Arc::clone(&stopped);
        let serve = move || match open(SocketAddr::from(([127, 0, 0, 1], 0)), engine) {
            Err(error) => drop(told.send(Err(error))),
            Ok((mut network, address)) => {
                // Whoever asked may have given up.
                let _ = told.send(Ok((address, network.remote())));
                let ended = ringmq_ring::run(&mut network, &mut Sink::new(flag));
                assert!(ended.is_ok(), "the ring of the sink works: {ended:?}");
            }
        };
        let spawned = std::thread::Builder::new().name("sink".into()).spawn(serve);
        let thread = spawned.map_err(|error| format!("a thread for the sink: {error}"))?;
        let (address, remote) = telling.recv().map_err(|_| "the sink ended at once")??;
        Ok(SinkThread { address, stopped, remote, thread: Some(thread) })
    }
}

impl Drop for SinkThread {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.remote.wake();
        if let Some(thread) = self.thread.take() {
            // A sink that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn run(arguments: &str) -> Outcome {
    let sink = SinkThread::start(Engine::Epoll).unwrap();
    let line = format!("ringmq-bench {arguments} --drain 1s --quiet --broker {}", sink.address);
    let Command::Load(args) = CommandLine::try_parse_from(line.split_whitespace()).unwrap().command else {
        unreachable!("{line}")
    };
    let plan = Plan::new(from_workload(&args).unwrap(), args.target()).unwrap();
    let series = Series::start(Length::Fixed(SECOND), &[], Vec::new()).unwrap();
    let mut bench = Bench::new(plan, series, Arc::default()).unwrap();
    let options = Options { engine: Engine::Epoll, ..Options::default() };
    ringmq_ring::run(&mut Network::open(&options).unwrap(), &mut bench).unwrap();
    bench.into_outcome().1
}

#[test]
fn every_shape_arrives_whole() {
    for (arguments, delivered) in [
        ("fan-in -p 3 -s 2 -q 0 -m 300 --rate 10k", 600),
        ("fan-in -p 3 -s 2 -q 2 -m 300 --window 5 --mqtt 3.1.1", 600),
        ("pairs -p 3 -q 1 -m 300 --rate 10k --payload 16..300 --topic-depth 6", 300),
        ("shared -p 3 -s 2 -q 1 -m 300 --rate 10k --poisson", 300),
        ("fan-in -p 2 -s 1 -q 1 -m 300 --bursts 50:100ms --topic fleet/{client}/{n}", 300),
    ] {
        let outcome = run(arguments);
        let counts = outcome.tally.counts();
        assert_eq!(outcome.broken, None, "{arguments}");
        assert_eq!((outcome.sent[0], counts.delivered), (300, delivered), "{arguments}");
        assert_eq!((counts.duplicated, counts.strays), (0, 0), "{arguments}");
    }
}

#[test]
fn requests_are_answered_in_both_versions() {
    for arguments in [
        "request-response -p 3 -s 2 -q 1 -m 300 --rate 5k",
        "request-response -p 3 -s 1 -q 0 -m 300 --window 2",
        "request-response -p 3 -s 2 -q 2 -m 300 --rate 5k --mqtt 3.1.1",
    ] {
        let outcome = run(arguments);
        let counts = outcome.tally.counts();
        assert_eq!((counts.delivered, counts.strays, counts.duplicated), (300, 0, 0), "{arguments}");
        assert_eq!(outcome.recording.totals.flows[0].latency.summary().count, 300, "{arguments}");
    }
}
