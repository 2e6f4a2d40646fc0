//! One round: a broker started, loaded, and ended.
//!
//! Owns the broker and the load for the length of the round. Must never compare.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::Serialize;

use crate::cli::VersusArgs;
use crate::judge::files;
use crate::report::{Metric, Report};

use super::Name;
use super::host::{Pins, Running};
use super::leash::Leash;

/// How often something is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Time for the load to write its report after it was interrupted.
const REPORT_LIMIT: Duration = Duration::from_secs(10);

/// Exit codes of a run that wrote a report: passed, failed a check, not valid.
const REPORTED: [i32; 3] = [0, 1, 3];

/// What a round has shown.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Round {
    pub(super) name: Name,
    pub(super) number: u32,
    pub(super) is_valid: bool,
    pub(super) is_passed: bool,
    /// Which checks of the broker failed, and why the round is not valid; both together as well.
    pub(super) failures: Vec<String>,
    pub(super) invalid: Vec<String>,
    pub(super) troubles: Vec<String>,
    pub(super) figures: Vec<(Metric, f64)>,
}

impl Round {
    fn new(name: Name, number: u32, report: &Report) -> Round {
        Round {
            name,
            number,
            is_valid: report.is_valid(),
            is_passed: report.is_passed(),
            failures: report.failures().to_vec(),
            invalid: report.objections().to_vec(),
            troubles: report.troubles().map(str::to_owned).collect(),
            figures: report.figures(),
        }
    }

    pub(super) fn figure(&self, metric: Metric) -> Option<f64> {
        self.figures.iter().find(|(other, _)| *other == metric).map(|(_, figure)| *figure)
    }

    /// The round for someone who watches.
    pub(super) fn line(&self) -> String {
        let mut line = format!("round {:>2} {:?} ", self.number + 1, self.name);
        for (metric, figure) in self.figures.iter().take(5) {
            line += &format!("  {} {figure:.1}", metric.name());
        }
        self.failures.iter().for_each(|why| line += &format!("\n           FAILED: {why}"));
        self.invalid.iter().for_each(|why| line += &format!("\n           INVALID: {why}"));
        line
    }

    /// Whether its figures are those of a broker that did what MQTT promises, under the load that was asked for.
    pub(super) fn counts(&self) -> bool {
        self.is_valid && self.is_passed
    }
}

/// Why there is no round.
pub(super) enum Halted {
    /// The user said so.
    Interrupted,
    /// It could not be played.
    Broken(String),
}

impl From<String> for Halted {
    fn from(why: String) -> Halted {
        Halted::Broken(why)
    }
}

/// What all rounds have in common.
pub(super) struct Stage<'a> {
    args: &'a VersusArgs,
    load: &'a [String],
    program: String,
    leash: Leash,
    pins: Pins,
    /// A directory for logs and reports, removed at the end.
    folder: PathBuf,
    interrupted: Arc<AtomicBool>,
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Stage<'_> {
    /// # Errors
    /// CPUs that cannot be used, and no place for temporary files.
    pub(super) fn new<'a>(
        args: &'a VersusArgs,
        load: &'a [String],
        interrupted: Arc<AtomicBool>,
    ) -> Result<Stage<'a>, String> {
        let unknown = |error: io::Error| format!("this program's own file: {error}");
        let program = std::env::current_exe().map_err(unknown)?.to_string_lossy().into_owned();
        let leash = Leash::new().map_err(unknown)?;
        let pins = Pins::new(&args.pin_broker, &args.pin_load)?;
        let folder = std::env::temp_dir().join(format!("ringmq-bench-versus-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Stage { args, load, program, leash, pins, folder, interrupted })
    }

    /// Plays one round. Whatever was started has ended when this returns.
    ///
    /// # Errors
    /// Why there is no result.
    pub(super) fn play(&self, name: Name, number: u32) -> Result<Round, Halted> {
        let port = free_port()?;
        let template = if name == Name::A { &self.args.a } else { &self.args.b };
        let words = words_of(template, port)?;
        let log = self.folder.join("broker.log");
        let mut broker = Running::start(&self.leash, &words, self.pins.broker.as_ref(), &log)?;
        self.await_port(&mut broker, port)?;
        self.rest(Duration::from_nanos(self.args.settle))?;
        let report = self.folder.join("report.json");
        let _ = fs::remove_file(&report);
        let words = self.load_words(port, broker.pid(), &report.to_string_lossy());
        let log = self.folder.join("load.log");
        let mut load = Running::start(&self.leash, &words, self.pins.load.as_ref(), &log)?;
        let status = self.await_end(&mut load)?;
        if !status.code().is_some_and(|code| REPORTED.contains(&code)) {
            let why = match broker.ended() {
                Some(status) => format!("the broker ended ({status}). {}", broker.last_words()),
                None => load.last_words(),
            };
            return Err(Halted::Broken(why));
        }
        let report = files::read_report(&report)?;
        Ok(Round::new(name, number, &report))
    }

    fn load_words(&self, port: u16, pid: u32, report: &str) -> Vec<String> {
        let mut words = vec![self.program.clone()];
        words.extend(self.load.iter().cloned());
        words.extend(["--broker".into(), format!("tcp://127.0.0.1:{port}")]);
        words.extend(["--broker-pid".into(), pid.to_string(), "--report".into(), report.into()]);
        words.extend(["--view".into(), "off".into()]);
        words
    }

    /// Waits until somebody listens.
    fn await_port(&self, broker: &mut Running, port: u16) -> Result<(), Halted> {
        let deadline = Instant::now() + Duration::from_nanos(self.args.start_timeout);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = broker.ended() {
                return Err(Halted::Broken(format!("the broker ended ({status}). {}", broker.last_words())));
            }
            if Instant::now() >= deadline {
                let why =
                    format!("nobody listens on port {port} within --start-timeout. {}", broker.last_words());
                return Err(Halted::Broken(why));
            }
            self.rest(LOOK)?;
        }
        Ok(())
    }

    /// Waits for the load to end by itself; passes an interruption on.
    fn await_end(&self, load: &mut Running) -> Result<ExitStatus, Halted> {
        loop {
            if let Some(status) = load.ended() {
                return Ok(status);
            }
            if let Err(halted) = self.rest(LOOK) {
                load.signal(Signal::INT);
                load.wait(REPORT_LIMIT);
                return Err(halted);
            }
        }
    }

    fn rest(&self, span: Duration) -> Result<(), Halted> {
        thread::sleep(span);
        match self.interrupted.load(Ordering::Relaxed) {
            true => Err(Halted::Interrupted),
            false => Ok(()),
        }
    }
}

/// A port that nobody has at this moment.
fn free_port() -> Result<u16, String> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

/// The words of a command, as a shell would split it, with the port in place of `{port}`.
fn words_of(command: &str, port: u16) -> Result<Vec<String>, String> {
    if !command.contains("{port}") {
        return Err(format!("{command}: say with {{port}} where the broker is to listen"));
    }
    let words = shlex::split(command).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| format!("{command}: a quotation mark is missing"))?;
    Ok(words.into_iter().map(|word| word.replace("{port}", &port.to_string())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_would_and_told_its_port() {
        let words = words_of("broker --listen 'tcp://127.0.0.1:{port}' -d \"a b\"", 1883).unwrap();
        assert_eq!(words, ["broker", "--listen", "tcp://127.0.0.1:1883", "-d", "a b"]);
        assert!(words_of("mosquitto -p 1883", 1).is_err_and(|error| error.contains("{port}")));
        assert!(words_of("broker '{port}", 1).is_err());
    }

    #[test]
    fn ports_are_free() {
        let port = free_port().unwrap();
        assert!(port > 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
