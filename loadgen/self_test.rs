//! What the generator itself can do: runs against the null sink, in a process and on a CPU of its own.
//!
//! Owns the three runs and the words for their figures. Must never be taken for a measurement of a broker.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clap::Parser;
use ringmq_ring::Engine;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use crate::cli::{self, CommandLine, SelfTestArgs, SinkArgs};
use crate::plan::Plan;
use crate::report::Report;
use crate::sink::{self, Sink};
use crate::{output, run, scenario};

/// What the sink says before its address.
const LISTENING: &str = "listening on ";

/// The generator's own figures.
#[derive(Debug, Serialize)]
struct Ceiling {
    /// Whether sink and generator had a CPU each.
    is_pinned: bool,
    messages_per_s: f64,
    /// CPU microseconds of the generator per message sent or received.
    us_per_message: Option<f64>,
    connections_per_s: f64,
    /// Bytes of the generator per idle connection.
    bytes_per_connection: Option<f64>,
}

/// A sink as a process.
struct SinkProcess {
    child: Child,
    address: SocketAddr,
}

/// Runs the sink in this process until it is killed.
///
/// # Errors
/// What the kernel refuses.
pub(crate) fn serve(args: &SinkArgs) -> Result<u8, String> {
    rlimit::increase_nofile_limit(u64::MAX).map_err(|error| format!("RLIMIT_NOFILE: {error}"))?;
    let engine = if args.epoll { Engine::Epoll } else { Engine::IoUring };
    let (mut network, address) = sink::open(args.listen, engine)?;
    output::print(&format!("{LISTENING}{address}\n"))?;
    ringmq_ring::run(&mut network, &mut Sink::new(Arc::default())).map_err(|error| error.to_string())?;
    Ok(0)
}

/// Measures and tells. Returns the exit code.
///
/// # Errors
/// What keeps a run from starting.
pub(crate) fn self_test(args: &SelfTestArgs) -> Result<u8, String> {
    let sink = SinkProcess::start()?;
    let is_pinned = sink.pin();
    let broker = sink.address;
    let line = |workload: String| measure(&format!("{workload} --quiet --broker {broker}"));
    // First, while this process has no memory that it got for something else.
    let idle = line(format!("idle -n {} --hold 500ms", args.connections))?;
    let messages = line(format!("fan-in -p 100 -s 1 -q 0 --window 64 --duration {}s", args.seconds))?;
    let connect = line(format!("connect -n {}", args.connections))?;
    let ceiling = Ceiling {
        is_pinned,
        messages_per_s: messages.latency_and_rate().1,
        us_per_message: messages.generator_us_per_message(),
        connections_per_s: connect.connections_per_s(),
        bytes_per_connection: idle.generator_bytes_per_connection(),
    };
    let told = match args.json {
        true => serde_json::to_string_pretty(&ceiling).map_err(|error| error.to_string())? + "\n",
        false => ceiling.in_words(),
    };
    output::print(&told)?;
    let passed = [messages, connect, idle].iter().all(Report::is_passed);
    Ok(u8::from(!passed))
}

fn measure(line: &str) -> Result<Report, String> {
    let words = ["ringmq-bench"].into_iter().chain(line.split_whitespace());
    match CommandLine::try_parse_from(words).map(|line| line.command) {
        Ok(cli::Command::Load(args)) => {
            run::measure(Plan::new(scenario::from_workload(&args)?, args.target())?)
        }
        _ => Err(format!("{line} is no workload")),
    }
}

impl SinkProcess {
    fn start() -> Result<SinkProcess, String> {
        let program = std::env::current_exe().map_err(|error| format!("this program's own file: {error}"))?;
        let mut command = Command::new(program);
        command.args(["sink", "--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("the sink: {error}"))?;
        let said = child.stdout.take().and_then(|out| BufReader::new(out).lines().next()?.ok());
        let address = said.as_deref().and_then(|line| line.strip_prefix(LISTENING)?.parse().ok());
        match address {
            Some(address) => Ok(SinkProcess { child, address }),
            None => {
                // It has ended, or is about to.
                let _ = child.kill();
                Err("the sink did not start".into())
            }
        }
    }

    /// Gives the sink and this thread a CPU each, if there are two.
    fn pin(&self) -> bool {
        let (Ok(allowed), Some(pid)) = (sched_getaffinity(None), Pid::from_raw(self.child.id() as i32))
        else {
            return false;
        };
        let mut cpus = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        let (Some(theirs), Some(ours)) = (cpus.next(), cpus.next()) else { return false };
        let pin = |pid, cpu| {
            let mut set = CpuSet::new();
            set.set(cpu);
            sched_setaffinity(pid, &set).is_ok()
        };
        pin(Some(pid), theirs) && pin(None, ours)
    }
}

impl Drop for SinkProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ceiling {
    fn in_words(&self) -> String {
        let Ceiling { messages_per_s, us_per_message, connections_per_s, bytes_per_connection, .. } = self;
        let mut text = "The generator against a sink that does next to nothing\n".to_owned();
        text += &format!("messages      {messages_per_s:.0}/s sent and as many received, QoS 0, 64 B\n");
        if let Some(us) = us_per_message {
            text += &format!("              {us:.3} us of CPU per message sent or received\n");
        }
        text += &format!("connections   {connections_per_s:.0}/s made\n");
        if let Some(bytes) = bytes_per_connection {
            text += &format!("              {bytes:.0} bytes of memory for each that is idle\n");
        }
        if !self.is_pinned {
            text += "note          there is no CPU for each of sink and generator: neither figure is the ceiling\n";
        }
        text
    }
}
