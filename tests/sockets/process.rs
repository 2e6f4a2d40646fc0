//! Child processes with an end: signals, time limits, and logs to show when something went wrong.
//!
//! Must never know what a process is for.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{fmt, fs, io};

use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Why a test failed: a sentence first, then whatever output explains it.
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(why: impl Into<String>) -> Failure {
        Failure(why.into())
    }

    /// The same failure with the content of a log below it.
    pub(crate) fn with_log(mut self, title: &str, log: &Path) -> Failure {
        let text = fs::read_to_string(log).unwrap_or_else(|error| format!("(unreadable: {error})"));
        self.0.push_str(&format!("\n--- {title} ({})\n{}", log.display(), text.trim_end()));
        self
    }
}

/// A test that returns a failure prints it this way, so this is the text for people.
impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Starts `command` at the head of a process group of its own, with both output streams in `log`.
pub(crate) fn spawn(mut command: Command, log: &Path) -> io::Result<Child> {
    let stdout = fs::File::create(log)?;
    let stderr = stdout.try_clone()?;
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    command.process_group(0).kill_on_drop(true).spawn()
}

/// Waits for the child, but not longer than `limit`; one that is late is killed together with its own children.
pub(crate) async fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus, Failure> {
    if let Ok(status) = timeout(limit, child.wait()).await {
        return status.map_err(|error| Failure::new(format!("waiting for a child failed: {error}")));
    }
    signal_group(child, "KILL").await?;
    Err(Failure::new(format!("still running after {} s, killed", limit.as_secs())))
}

/// Sends a signal to the child and to everything it started.
pub(crate) async fn signal_group(child: &Child, signal: &str) -> Result<(), Failure> {
    let Some(pid) = child.id() else { return Ok(()) };
    // The standard library can only kill; the shell's own `kill` spares a dependency.
    let status = Command::new("sh").args(["-c", &format!("kill -s {signal} -- -{pid}")]).status().await;
    match status {
        Ok(status) if status.success() => Ok(()),
        other => Err(Failure::new(format!("cannot send SIG{signal} to {pid}: {other:?}"))),
    }
}
