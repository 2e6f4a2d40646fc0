//! Running a benchmark under callgrind and reading what it counted.
//!
//! Owns the command line of valgrind and the form of its files. Must never know what a benchmark does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::meter::COUNTED;

/// The instructions that benchmark `name` of `program` takes in all. Leaves callgrind's own file at `profile`.
///
/// # Errors
/// What valgrind or the benchmark had to say.
pub(crate) fn count(program: &Path, name: &str, profile: &Path) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--error-exitcode=9"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args(["measure", name])
        // The allocator asks the clock when to give memory back: then the count would depend on the machine's speed.
        .env("MIMALLOC_PURGE_DELAY", "-1")
        .env_remove("LD_PRELOAD")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("valgrind: {error}; scripts/setup.sh installs it"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = fs::read_to_string(profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    total(&text).ok_or_else(|| format!("{name}: callgrind counted nothing"))
}

/// The total of a callgrind file.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().parse().ok().filter(|count| *count > 0)
}

/// The file for the profile of a benchmark, below `folder`.
pub(crate) fn profile_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("callgrind.{}.out", name.replace('/', ".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_at_the_end_of_the_file() {
        assert_eq!(total("events: Ir\nsummary: 12\n\ntotals: 345\n"), Some(345));
        assert_eq!(total("events: Ir\n\ntotals: 0\n"), None);
        assert_eq!(total("events: Ir\n"), None);
    }
}
