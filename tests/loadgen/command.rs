//! One run of `ringmq-bench`: its words, its report and its exit code.
//!
//! Owns the process. Must never judge what it says.

use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::scratch::{LOOK, Scratch, program, signal};

/// No run of these tests takes as long.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// What a run left behind.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) errors: String,
    /// The report; null if there is none.
    pub(crate) report: Value,
    /// The report as it was written.
    pub(crate) text: String,
}

impl Done {
    /// A figure of the report by its path, such as `/traffic/lost`.
    pub(crate) fn figure(&self, path: &str) -> f64 {
        let found = self.report.pointer(path).and_then(Value::as_f64);
        found.unwrap_or_else(|| panic!("no {path}:\n{}\n{}\n{:#}", self.out, self.errors, self.report))
    }

    pub(crate) fn count(&self, path: &str) -> u64 {
        self.figure(path) as u64
    }

    /// The lines of the verdict of one kind: `invalid`, `failures` or `notes`.
    pub(crate) fn verdict(&self, kind: &str) -> String {
        self.report["verdict"][kind].to_string()
    }
}

/// A run under way; killed when it is dropped before its end.
pub(crate) struct Running {
    child: Child,
    scratch: Scratch,
    out: Option<JoinHandle<String>>,
    lines: Receiver<String>,
    errors: String,
}

/// Starts a run with plain progress lines ten times a second and a report.
pub(crate) fn start(arguments: &str) -> Running {
    let scratch = Scratch::new();
    let report = scratch.file("report.json");
    let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
    command.args(arguments.split_whitespace()).args(["--view", "plain", "--interval", "100ms"]);
    // How late a busy machine lets the generator look at its schedule is not what these tests are about.
    command.args(["--lag-max", "1h"]);
    command.arg("--report").arg(report);
    spawn(command, scratch)
}

/// Starts a command of any kind.
pub(crate) fn spawn(mut command: Command, scratch: Scratch) -> Running {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("ringmq-bench starts");
    let (mut out, errors) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let out = thread::spawn(move || {
        let mut text = String::new();
        let _ = out.read_to_string(&mut text);
        text
    });
    let (sender, lines) = channel();
    thread::spawn(move || {
        BufReader::new(errors).lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
    });
    Running { child, scratch, out: Some(out), lines, errors: String::new() }
}

/// Runs to the end against a broker.
pub(crate) fn run(arguments: &str, broker: impl Display) -> Done {
    start(&format!("{arguments} --broker {broker}")).wait()
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, what: Signal) {
        signal(self.child.id(), what);
    }

    /// Waits for a line of progress that holds a text.
    pub(crate) fn await_line(&mut self, text: &str) {
        let deadline = Instant::now() + RUN_LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.errors += &format!("{line}\n");
                    if line.contains(text) {
                        return;
                    }
                }
                Err(_) => panic!("no line with {text:?}:\n{}", self.errors),
            }
        }
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Done {
        let deadline = Instant::now() + RUN_LIMIT;
        let code = loop {
            match self.child.try_wait().expect("it is our child") {
                Some(status) => break status.code(),
                None => assert!(Instant::now() < deadline, "the run does not end:\n{}", self.errors),
            }
            thread::sleep(LOOK);
        };
        let out = self.out.take().map(|out| out.join().expect("reading does not panic")).unwrap_or_default();
        self.lines.iter().for_each(|line| self.errors += &format!("{line}\n"));
        let text = fs::read_to_string(self.scratch.file("report.json")).unwrap_or_default();
        let report = serde_json::from_str(&text).unwrap_or(Value::Null);
        Done { code, out, errors: std::mem::take(&mut self.errors), report, text }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
