//! The counts that hold: a file that may only improve by being written anew.
//!
//! Owns the file and the tolerance. Must never know how the counts came about.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// How far a count may grow beyond the one in the file, in thousandths. The same compiler gives the same count for the same
/// source; this leaves room for a change elsewhere that moves a function's boundary.
const TOLERANCE_PERMILLE: f64 = 20.0;

/// The same for a compiler other than the one that made the file.
const TOLERANCE_ELSEWHERE_PERMILLE: f64 = 200.0;

const HEAD: &str = "\
# Instructions per unit that the benchmarks of bench/count take. scripts/bench.sh count holds them: more than 2 % above fails
# (20 % with another compiler), more than 2 % below asks to write the gain down.
#
#   scripts/bench.sh count --update     writes this file
";

/// In front of the compiler that made the file.
const COMPILER: &str = "# compiler: ";

/// Instructions per unit, by the name of the benchmark.
pub(crate) type Counts = BTreeMap<String, f64>;

/// Whether the counts were made by the compiler that made those of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Compiler {
    Same,
    Other,
}

/// Compares this compiler with the one named in the file.
///
/// # Errors
/// The file is not there.
pub(crate) fn compiler(path: &Path, present: &str) -> Result<Compiler, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let is_same = text.lines().any(|line| line.strip_prefix(COMPILER) == Some(present));
    Ok(if is_same { Compiler::Same } else { Compiler::Other })
}

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
pub(crate) fn write(path: &Path, counts: &Counts, compiler: &str) -> Result<(), String> {
    let mut text = format!("{HEAD}{COMPILER}{compiler}\n");
    for (name, count) in counts {
        let _ = writeln!(text, "\"{name}\" = {count:.1}");
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// What there is to say of new counts, one line for each benchmark.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Findings {
    /// What must not be.
    pub(crate) failures: Vec<String>,
    /// What should be written down.
    pub(crate) notes: Vec<String>,
}

/// Compares `counts` with those that are held.
pub(crate) fn judge(held: &Counts, counts: &Counts, compiler: Compiler) -> Findings {
    let tolerance_permille = match compiler {
        Compiler::Same => TOLERANCE_PERMILLE,
        Compiler::Other => TOLERANCE_ELSEWHERE_PERMILLE,
    };
    let mut findings = Findings::default();
    for (name, &count) in counts {
        let Some(&held) = held.get(name) else {
            findings.failures.push(format!("{name}: is new, {count:.1} instructions"));
            continue;
        };
        let change_permille = (count - held) / held * 1000.0;
        let line = format!("{name}: {held:.1} -> {count:.1} ({:+.1} %)", change_permille / 10.0);
        if change_permille > tolerance_permille {
            findings.failures.push(line);
        } else if change_permille < -tolerance_permille {
            findings.notes.push(line);
        }
    }
    let gone = held.keys().filter(|name| !counts.contains_key(*name));
    findings.failures.extend(gone.map(|name| format!("{name}: is no longer there")));
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
        let names = |lines: &[String]| -> Vec<String> {
            lines.iter().filter_map(|line| line.split(':').next()).map(str::to_owned).collect()
        };
        let held = counts(&[("a", 100.0), ("b", 100.0), ("c", 100.0), ("gone", 1.0)]);
        let now = counts(&[("a", 101.9), ("b", 102.1), ("c", 97.0), ("new", 5.0)]);
        let findings = judge(&held, &now, Compiler::Same);
        assert_eq!(names(&findings.failures), ["b", "new", "gone"]);
        assert_eq!(names(&findings.notes), ["c"]);
        let elsewhere = judge(&held, &now, Compiler::Other);
        assert_eq!(names(&elsewhere.failures), ["new", "gone"]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = std::env::temp_dir().join(format!("ringmq-count-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("instructions.toml");
        let all = counts(&[("group/one", 12.5), ("group/two", 7.0)]);
        write(&path, &all, "rustc 1").unwrap();
        assert_eq!(read(&path), Ok(all));
        assert_eq!(compiler(&path, "rustc 1"), Ok(Compiler::Same));
        assert_eq!(compiler(&path, "rustc 2"), Ok(Compiler::Other));
        fs::write(&path, "group/one = 12\n").unwrap();
        assert!(read(&path).is_err_and(|error| error.contains("not understood")));
        fs::remove_dir_all(&folder).unwrap();
    }
}
