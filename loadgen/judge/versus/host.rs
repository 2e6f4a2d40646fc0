//! Processes started for a comparison: on CPUs of their own, in a group of their own, and never left behind.
//!
//! Owns their end on every path. Must never know what they are for.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::leash::Leash;

/// Time for a process to end when it is asked to.
const END_LIMIT: Duration = Duration::from_secs(5);

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Lines of a process's output that an error repeats.
const TAIL_LINES: usize = 5;

/// A process and all that it starts, as far as that stays in its group. It ends with this value.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
    name: String,
}

impl Running {
    /// Starts a command on a leash; all of its output goes to `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(
        leash: &Leash,
        words: &[String],
        cpus: Option<&CpuSet>,
        log: &Path,
    ) -> Result<Running, String> {
        let program = words.first().ok_or("a command is empty")?;
        let named = |error: io::Error| format!("{program}: {error}");
        let out = File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let words = leash.words(words);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).process_group(0);
        command.stdout(out.try_clone().map_err(named)?).stderr(out);
        let child = on_cpus(cpus, || command.spawn()).map_err(named)?;
        Ok(Running { child, log: log.into(), name: program.clone() })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether and how it has ended.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The last lines that it wrote, for an error.
    pub(super) fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(TAIL_LINES).collect();
        let lines = lines.into_iter().rev().collect::<Vec<_>>().join("\n  ");
        format!("{} wrote:\n  {lines}", self.name)
    }

    /// Asks the group to end.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended already.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Waits for its end within a limit; true if it came.
    pub(super) fn wait(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.ended().is_none() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(LOOK);
        }
        true
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::TERM);
            self.wait(END_LIMIT);
        }
        // Also those that the process itself left behind.
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Starts something that inherits the CPUs of this thread, which are its own again afterwards: no thread of a new process
/// ever runs elsewhere.
fn on_cpus<T>(cpus: Option<&CpuSet>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(cpus) = cpus else { return start() };
    let usual = sched_getaffinity(None)?;
    sched_setaffinity(None, cpus)?;
    let started = start();
    sched_setaffinity(None, &usual)?;
    started
}

/// Which CPUs the broker and the load are to have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pins {
    pub(super) broker: Option<CpuSet>,
    pub(super) load: Option<CpuSet>,
}

impl Pins {
    /// By the two options: `auto` gives the last CPU to the load and the others to the broker, if there are two or more.
    ///
    /// # Errors
    /// Lists that cannot be read, and CPUs that this process may not use.
    pub(super) fn new(broker: &str, load: &str) -> Result<Pins, String> {
        let allowed =
            sched_getaffinity(None).map_err(|error| format!("the CPUs of this process: {error}"))?;
        let all: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        let chosen = |text: &str, automatic: &[usize]| match text {
            "none" => Ok(None),
            "auto" if all.len() < 2 => Ok(None),
            "auto" => Ok(Some(set_of(automatic))),
            list => cpus_of(list, &all).map(Some),
        };
        let (last, others) = all.split_last().ok_or("this process may use no CPU")?;
        Ok(Pins { broker: chosen(broker, others)?, load: chosen(load, &[*last])? })
    }
}

fn set_of(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu));
    set
}

/// A list such as `0-2,5`.
fn cpus_of(list: &str, allowed: &[usize]) -> Result<CpuSet, String> {
    let wrong = || format!("{list}: CPUs are listed as 0-2,5");
    let mut cpus = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
        cpus.extend(number(first)?..=number(last)?.min(CpuSet::MAX_CPU));
    }
    match cpus.iter().find(|cpu| !allowed.contains(cpu)) {
        Some(cpu) => Err(format!("CPU {cpu} is not one that this process may use")),
        None if cpus.is_empty() => Err(wrong()),
        None => Ok(set_of(&cpus)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn log() -> PathBuf {
        std::env::temp_dir().join(format!(
            "ringmq-bench-test-{}-{:?}.log",
            std::process::id(),
            thread::current().id()
        ))
    }

    #[test]
    fn a_process_ends_with_its_value_and_so_does_what_it_started() {
        let log = log();
        let shell: Vec<String> = ["sh", "-c", "sleep 600 & echo $!; wait"].map(str::to_owned).into();
        let mut running = Running::start(&Leash::default(), &shell, None, &log).unwrap();
        let deadline = Instant::now() + END_LIMIT;
        let pid = loop {
            match fs::read_to_string(&log).unwrap().trim().parse::<u32>() {
                Ok(pid) => break pid,
                Err(_) => assert!(Instant::now() < deadline && running.ended().is_none()),
            }
        };
        let parent = running.pid();
        let is_there = |pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        assert!(is_there(pid) && is_there(parent));
        drop(running);
        assert!(!is_there(parent));
        while is_there(pid) {
            assert!(Instant::now() < deadline, "it was left behind");
        }
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn what_does_not_start_or_fails_is_told_with_its_words() {
        let log = log();
        let missing = Running::start(&Leash::default(), &words("/nowhere/broker -p 1"), None, &log);
        assert!(missing.is_err_and(|error| error.starts_with("/nowhere/broker: ")));
        let failing: Vec<String> = ["sh", "-c", "echo no port; exit 7"].map(str::to_owned).into();
        let mut running = Running::start(&Leash::default(), &failing, None, &log).unwrap();
        assert!(running.wait(END_LIMIT));
        assert_eq!(running.ended().and_then(|status| status.code()), Some(7));
        assert_eq!(running.last_words(), "sh wrote:\n  no port");
        drop(running);
        fs::remove_file(log).unwrap();
    }

    #[test]
    fn cpus_are_listed_and_kept_to_what_is_allowed() {
        let set = cpus_of("0-2,5", &[0, 1, 2, 5]).unwrap();
        assert_eq!((0..8).filter(|cpu| set.is_set(*cpu)).collect::<Vec<_>>(), [0, 1, 2, 5]);
        for wrong in ["", "x", "1-", "3-1", "9"] {
            assert!(cpus_of(wrong, &[0, 1, 2, 3]).is_err(), "{wrong}");
        }
        let pins = Pins::new("none", "none").unwrap();
        assert_eq!(pins, Pins { broker: None, load: None });
    }
}
