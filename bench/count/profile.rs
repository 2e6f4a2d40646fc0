//! Where the instructions of a benchmark go: callgrind_annotate's rows, summed up by function.
//!
//! Owns the reading of those rows. Must never know which benchmark it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Rows of a table.
const ROWS_MAX: usize = 25;

/// Functions and their instructions, those with most first.
type Rows = Vec<(String, u64)>;

/// Prints the functions that take most: alone, what was inlined into them included, and with all they call.
///
/// # Errors
/// callgrind_annotate cannot be run, or its output is not understood.
pub(crate) fn print(profile: &Path) -> Result<(), String> {
    for (title, inclusive) in [("alone", "no"), ("with all they call", "yes")] {
        let text = annotate(profile, inclusive)?;
        let total = total(&text).ok_or("callgrind_annotate printed no total")?;
        let add = if inclusive == "no" { u64::wrapping_add } else { u64::max };
        println!("functions, {title}");
        for (function, count) in functions(&text, add).into_iter().take(ROWS_MAX) {
            println!("{:>6.1} % {count:>12}  {function}", count as f64 * 100.0 / total as f64);
        }
        println!();
    }
    Ok(())
}

fn annotate(profile: &Path, inclusive: &str) -> Result<String, String> {
    let output = Command::new("callgrind_annotate")
        .arg(format!("--inclusive={inclusive}"))
        .args(["--auto=no", "--threshold=99"])
        .arg(profile)
        .output()
        .map_err(|error| {
            format!("callgrind_annotate: {error}; scripts/setup.sh installs it with valgrind")
        })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// One row, `COUNT (SHARE%)  FILE:FUNCTION [OBJECT]`: its count and what stands behind.
fn row(line: &str) -> Option<(u64, &str)> {
    let (count, rest) = line.trim_start().split_once('(')?;
    let (_, name) = rest.split_once("%)")?;
    Some((count.trim().replace(',', "").parse().ok()?, name.trim()))
}

fn total(text: &str) -> Option<u64> {
    text.lines().filter_map(row).find(|(_, name)| *name == "PROGRAM TOTALS").map(|(count, _)| count)
}

/// A function has a row for each file of which something was inlined into it: `add` makes one number of them.
fn functions(text: &str, add: fn(u64, u64) -> u64) -> Rows {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (count, name) in text.lines().filter_map(row).filter(|(_, name)| *name != "PROGRAM TOTALS") {
        let sum = counts.entry(function_of(name)).or_default();
        *sum = add(*sum, count);
    }
    let mut rows: Rows = counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    rows
}

fn function_of(name: &str) -> &str {
    let name = name.rsplit_once(" [").map_or(name, |(name, _)| name);
    name.split_once(':').map_or(name, |(_, function)| function)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inlined_belongs_to_the_function() {
        let text = "1,000 (100.0%)  PROGRAM TOTALS\n\
                    600 (60.0%)  src/broker/fan_out.rs:broker::fan_out::publish [/bin/count]\n\
                     300 (30.0%)  core/option.rs:broker::fan_out::publish\n\
                    100 (10.0%)  ./memmove.S:memmove [/lib/libc.so]\n";
        assert_eq!(total(text), Some(1000));
        let rows = functions(text, u64::wrapping_add);
        assert_eq!(rows, [("broker::fan_out::publish".to_owned(), 900), ("memmove".to_owned(), 100)]);
    }
}
