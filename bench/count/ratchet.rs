//! The counts that hold: a file that may only improve by being written anew.
//!
//! Owns the file and the tolerance. Must never know how the counts came about.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// How far a count may be from the one in the file, in thousandths. The same compiler gives the same count for the same
/// source; this leaves room for another compiler and for a change elsewhere that moves a function's boundary.
const TOLERANCE_PERMILLE: u64 = 20;

const HEAD: &str = "\
# Instructions per unit that the benchmarks of bench/count take. scripts/bench.sh holds them: more than 2 % above fails, and
# so does more than 2 % below, since a gain that is not written down can be lost unseen.
#
#   scripts/bench.sh count --update     writes this file
";

/// Instructions per unit, by the name of the benchmark.
pub(crate) type Counts = BTreeMap<String, f64>;

/// Reads the file.
///
/// # Errors
/// It is not there, or a line is not `\"name\" = number`.
pub(crate) fn read(path: &Path) -> Result<Counts, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| row(line).ok_or_else(|| format!("{}: not understood: {line}", path.display()))).collect()
}

fn row(line: &str) -> Option<(String, f64)> {
    let (name, count) = line.split_once('=')?;
    let name = name.trim().strip_prefix('"')?.strip_suffix('"')?;
    Some((name.to_owned(), count.trim().parse().ok()?))
}

/// Writes the file.
///
/// # Errors
/// The file system's.
pub(crate) fn write(path: &Path, counts: &Counts) -> Result<(), String> {
    let mut text = String::from(HEAD);
    for (name, count) in counts {
        let _ = writeln!(text, "\"{name}\" = {count:.1}");
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What is wrong with `counts`, one line for each benchmark; nothing if all is well.
pub(crate) fn judge(held: &Counts, counts: &Counts) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, &count) in counts {
        let Some(&held) = held.get(name) else {
            findings.push(format!("{name}: is new, {count:.1} instructions"));
            continue;
        };
        let change_permille = (count - held) / held * 1000.0;
        if change_permille.abs() > TOLERANCE_PERMILLE as f64 {
            let judgement = if count > held { "grew" } else { "shrank: hold the gain" };
            findings.push(format!(
                "{name}: {held:.1} -> {count:.1} ({:+.1} %), {judgement}",
                change_permille / 10.0
            ));
        }
    }
    let gone = held.keys().filter(|name| !counts.contains_key(*name));
    findings.extend(gone.map(|name| format!("{name}: is no longer there")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(&str, f64)]) -> Counts {
        rows.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn only_what_is_within_the_tolerance_passes() {
        let held = counts(&[("a", 100.0), ("b", 100.0), ("c", 100.0), ("gone", 1.0)]);
        let now = counts(&[("a", 101.9), ("b", 102.1), ("c", 97.0), ("new", 5.0)]);
        let findings = judge(&held, &now);
        let names: Vec<&str> = findings.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(names, ["b", "c", "new", "gone"]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = std::env::temp_dir().join(format!("ringmq-count-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("instructions.toml");
        let all = counts(&[("group/one", 12.5), ("group/two", 7.0)]);
        write(&path, &all).unwrap();
        assert_eq!(read(&path), Ok(all));
        fs::write(&path, "group/one = 12\n").unwrap();
        assert!(read(&path).is_err_and(|error| error.contains("not understood")));
        fs::remove_dir_all(&folder).unwrap();
    }
}
