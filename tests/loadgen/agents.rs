//! Agents as processes: a run by two of them, and how they end when they are told to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::run;
use crate::scratch::{Broker, LOOK, program, signal};

/// An agent that was told to end has ended by then.
const END_LIMIT: Duration = Duration::from_secs(20);

/// An agent that waits for a controller; killed when it is dropped before its end.
struct Agent {
    child: Child,
    address: String,
}

impl Agent {
    fn start() -> Agent {
        let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
        command.args(["agent", "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("ringmq-bench starts");
        let out = child.stdout.take().expect("piped");
        let line = BufReader::new(out).lines().next().expect("a line").expect("text");
        let address = line.strip_prefix("listening on ").expect("the line tells the address").to_owned();
        Agent { child, address }
    }

    /// Tells it to end; returns the exit code.
    fn end(mut self) -> Option<i32> {
        signal(self.child.id(), Signal::TERM);
        let deadline = Instant::now() + END_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the agent does not end");
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn agents_share_a_run_and_end_when_they_are_told_to() {
    let broker = Broker::start();
    let agents = [Agent::start(), Agent::start()];
    let addresses = agents.each_ref().map(|agent| agent.address.clone()).join(",");
    let load = format!("pairs --pairs 4 --rate 200 -d 2s --warm-up 200ms --agents {addresses}");
    let done = run(&load, broker.address);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.errors);
    let [sent, delivered, lost] =
        ["/traffic/sent", "/traffic/delivered", "/traffic/lost"].map(|path| done.count(path));
    assert!(sent >= 400 && delivered == sent && lost == 0, "{}", done.out);
    for agent in agents {
        assert_eq!(agent.end(), Some(0), "a signal between two runs is heeded");
    }
}
