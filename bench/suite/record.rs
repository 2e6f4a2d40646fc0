//! The runs of a suite, one line of JSON each, appended as soon as a run is over: so nothing that was measured is lost, and a
//! suite that was interrupted goes on where it was.
//!
//! Owns the file. Must never know how a figure comes out of it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
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
    /// Why there is no report, or none that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
}

/// The file of runs in a folder of results.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("runs.jsonl")
}

/// Appends a run, on a line of its own even where an interruption cut the line before it.
///
/// # Errors
/// The file system's.
pub(crate) fn append(folder: &Path, run: &Run) -> Result<(), String> {
    let path = file(folder);
    let tell = |error: io::Error| format!("{}: {error}", path.display());
    let line = serde_json::to_string(run).map_err(|error| format!("a run: {error}"))? + "\n";
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(tell)?;
    let text = if ends_within_a_line(&mut file).map_err(tell)? { format!("\n{line}") } else { line };
    file.write_all(text.as_bytes()).map_err(tell)
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// All runs so far. Lines that cannot be read, such as one that an interruption cut short, are left out and told of.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Vec<Run>, String> {
    let path = file(folder);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (runs, unreadable) = parsed(&text);
    for number in unreadable {
        eprintln!("{}: line {number} cannot be read and is left out", path.display());
    }
    Ok(runs)
}

/// The runs, and the numbers of the lines that are none. Bytes, since a cut may go through a letter.
fn parsed(text: &[u8]) -> (Vec<Run>, Vec<usize>) {
    let (mut runs, mut unreadable) = (Vec::new(), Vec::new());
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(run) => runs.push(run),
            Err(_) => unreadable.push(index + 1),
        }
    }
    (runs, unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_finished_is_kept_on_both_sides_of_a_cut() {
        let folder = std::env::temp_dir().join(format!("ringmq-record-{}", std::process::id()));
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
        append(&folder, &Run { round: 2, ..run.clone() }).unwrap();
        let mut file = OpenOptions::new().append(true).open(file(&folder)).unwrap();
        // The cut goes through a letter of two bytes.
        file.write_all(b"{\"scenario\": \"pai\xc3").unwrap();
        append(&folder, &Run { round: 3, ..run }).unwrap();
        let rounds: Vec<u32> = read(&folder).unwrap().iter().map(|run| run.round).collect();
        assert_eq!(rounds, [1, 2, 3]);
        assert_eq!(parsed(&fs::read(self::file(&folder)).unwrap()).1, [3]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
