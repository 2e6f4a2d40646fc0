//! A part of a crowd: one process of ringmq-bench that holds connections until it is told to stop.
//!
//! Owns that process. Must never know the other parts, but for its number among them.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::launch::{Load, Site, pinned};

/// The topic that all clients of bench/loads/crowd.toml listen to.
const TOPIC: &str = "crowd/news";

/// How long a part may take to close its connections and write its report.
const STOP_MAX: Duration = Duration::from_secs(300);

/// A part that was started.
pub(super) struct Part {
    load: Load,
    report: PathBuf,
    log: PathBuf,
}

impl Part {
    /// Starts part `number` with so many connections to the broker on `port`.
    pub(super) fn start(site: &Site, port: u16, number: u64, connections: u64) -> Result<Part, String> {
        let report = site.work.join(format!("part{number}.json"));
        let log = site.work.join(format!("part{number}.log"));
        let program = crate::built().join("ringmq-bench").display().to_string();
        let words = [
            &program,
            "run",
            "bench/loads/crowd.toml",
            // The speaker is one of them.
            "--set",
            &format!("clients.devices.count={}", connections - 1),
            "--broker",
            &format!("tcp://127.0.0.1:{port}"),
            "--source",
            &format!("127.{}.{}.0/24", 1 + number / 250, 1 + number % 250),
            "--report",
            &report.display().to_string(),
            "--quiet",
        ];
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let child = pinned(&site.cores.load, &words)
            .current_dir(&site.root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|error| format!("setpriv: {error}"))?;
        Ok(Part { load: Load(child), report, log })
    }

    pub(super) fn pid(&self) -> u32 {
        self.load.0.id()
    }

    /// What it said, if it has ended.
    pub(super) fn last_words(&mut self) -> Option<String> {
        let status = self.load.0.try_wait().ok()??;
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        Some(format!("a load process ended with {status}: {}", said.trim()))
    }

    /// Asks it to close its connections and end. It does so while others do.
    pub(super) fn ask_to_stop(&self) {
        let _ =
            Command::new("kill").args(["-INT", &self.load.0.id().to_string()]).stderr(Stdio::null()).status();
    }

    /// Waits for the end that it was asked for and tells how many messages its clients received that were not its own.
    pub(super) fn stopped(mut self) -> u64 {
        let end = Instant::now() + STOP_MAX;
        while matches!(self.load.0.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let text = fs::read_to_string(&self.report).unwrap_or_default();
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        report.pointer("/traffic/strays").and_then(Value::as_u64).unwrap_or(0)
    }
}

/// One message for everybody at the broker on `port`.
pub(super) fn publish(port: u16) -> Result<(), String> {
    let status = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", TOPIC, "-m", "news", "-q", "1"])
        .status()
        .map_err(|error| format!("mosquitto_pub: {error}; scripts/setup.sh installs it"))?;
    if status.success() { Ok(()) } else { Err(format!("mosquitto_pub: {status}")) }
}
