//! Where and with what was measured.
//!
//! Owns what is written down of the machine and the programs. Must never hold a name of the host or a path of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::broker::{Broker, Values, fill};
use crate::procfs::{number_behind, text_behind};

/// What a reader needs to repeat a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Of this repository.
    pub(crate) commit: String,
    pub(crate) warm_up_s: f64,
    pub(crate) duration_s: f64,
    /// Version of each broker, by its name.
    pub(crate) versions: BTreeMap<String, String>,
}

impl Machine {
    /// This machine, now.
    pub(crate) fn here(root: &Path, brokers: &[Broker]) -> Machine {
        let memory_kib = number_behind("/proc/meminfo", "MemTotal:");
        Machine {
            date: said(Command::new("date").args(["-u", "+%Y-%m-%d"])),
            cpu: text_behind("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (memory_kib as f64 / f64::from(1 << 20)).round() as u64,
            kernel: said(Command::new("uname").arg("-sr")),
            commit: said(Command::new("git").arg("-C").arg(root).args([
                "describe",
                "--always",
                "--dirty",
                "--abbrev=12",
            ])),
            warm_up_s: 0.0,
            duration_s: 0.0,
            versions: brokers.iter().map(|broker| (broker.name.clone(), version(root, broker))).collect(),
        }
    }

    /// A name for a folder: the day, the processor and the number of cores.
    pub(crate) fn folder_name(&self) -> String {
        let mut name = format!("{}-", self.date);
        for letter in self.cpu.to_lowercase().chars() {
            let kept = if letter.is_ascii_alphanumeric() { letter } else { '-' };
            if kept != '-' || !name.ends_with('-') {
                name.push(kept);
            }
        }
        format!("{}-{}-cores", name.trim_end_matches('-'), self.cores)
    }
}

/// The first line that a broker says of its version.
fn version(root: &Path, broker: &Broker) -> String {
    let Some(program) = broker.find_program(root) else { return "not installed".to_owned() };
    let values = Values::from([("program", program.display().to_string())]);
    let words: Vec<String> = broker.version.iter().map(|word| fill(word, &values)).collect();
    said(Command::new(&words[0]).args(&words[1..]))
}

/// The first line that a command prints; empty if it cannot be run.
fn said(command: &mut Command) -> String {
    let output = command.output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}
