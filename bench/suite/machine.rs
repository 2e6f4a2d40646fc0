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
            commit: revision(root),
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

/// The revision that is measured, with a mark if the tree differs from it. Results do not count: they are being written.
fn revision(root: &Path) -> String {
    let git = |words: &[&str]| said(Command::new("git").arg("-C").arg(root).args(words));
    let revision = git(&["describe", "--always", "--abbrev=12"]);
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)bench/results"]);
    if changed.is_empty() { revision } else { format!("{revision}-dirty") }
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_revision_is_marked_if_the_tree_differs_but_not_for_results() {
        let tree = std::env::temp_dir().join(format!("ringmq-revision-{}", std::process::id()));
        fs::create_dir_all(tree.join("bench/results")).expect("a temporary folder can be made");
        let put = |name: &str, text: &str| fs::write(tree.join(name), text).expect("a file can be written");
        put("code", "one");
        put("bench/results/runs", "one");
        let name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        for words in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "all"]] {
            let git = Command::new("git").arg("-C").arg(&tree).args(name).args(words).status();
            assert!(git.is_ok_and(|status| status.success()), "git {words:?}");
        }
        let clean = revision(&tree);
        put("bench/results/runs", "two");
        let with_results = revision(&tree);
        put("code", "two");
        let changed = revision(&tree);
        fs::remove_dir_all(&tree).expect("it was made above");
        assert!(!clean.is_empty() && !clean.contains("dirty"), "{clean}");
        assert_eq!((&with_results, &changed), (&clean, &format!("{clean}-dirty")));
    }
}
