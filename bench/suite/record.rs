//! The runs of a suite, one line of JSON each, appended as soon as a run is over: so nothing that was measured is lost, and a
//! suite that was interrupted goes on where it was.
//!
//! Owns the file. Must never know how a figure comes out of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) scenario: String,
    pub(crate) broker: String,
    /// From 1.
    pub(crate) round: u32,
    /// How the broker was started.
    pub(crate) started: String,
    /// How the load was made.
    pub(crate) load: String,
    /// What ringmq-bench reported; null if it could not.
    pub(crate) report: Value,
    /// Why there is no report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

/// The file of runs in a folder of results.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("runs.jsonl")
}

/// Appends a run.
///
/// # Errors
/// The file system's.
pub(crate) fn append(folder: &Path, run: &Run) -> Result<(), String> {
    let path = file(folder);
    let tell = |error: std::io::Error| format!("{}: {error}", path.display());
    let line = serde_json::to_string(run).map_err(|error| format!("a run: {error}"))? + "\n";
    let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(tell)?;
    file.write_all(line.as_bytes()).map_err(tell)
}

/// All runs so far. A last line that an interruption cut short is left out.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Vec<Run>, String> {
    let path = file(folder);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_finished_is_kept() {
        let folder = std::env::temp_dir().join(format!("ringmq-suite-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let run = Run {
            scenario: "pairs".into(),
            broker: "ringmq".into(),
            round: 1,
            started: "ringmq".into(),
            load: "ringmq-bench pairs".into(),
            report: serde_json::json!({"broker": {"cpu_us_per_delivered": 0.5}}),
            failure: None,
        };
        append(&folder, &run).unwrap();
        append(&folder, &Run { round: 2, ..run }).unwrap();
        let mut file = OpenOptions::new().append(true).open(file(&folder)).unwrap();
        file.write_all(b"{\"scenario\": \"pai").unwrap();
        let rounds: Vec<u32> = read(&folder).unwrap().iter().map(|run| run.round).collect();
        assert_eq!(rounds, [1, 2]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
