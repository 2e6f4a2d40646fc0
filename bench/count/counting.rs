//! Counting benchmarks, as many at a time as there are CPUs: instructions do not mind company.
//!
//! Owns the division by units. Must never know where the counts go.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::benches::Bench;
use crate::callgrind;

/// A benchmark and its count.
pub(crate) struct Counted {
    pub(crate) bench: &'static Bench,
    /// Instructions per unit.
    pub(crate) per_unit: f64,
}

/// Counts benchmarks of `program`, in the order given.
///
/// # Errors
/// The first that failed.
pub(crate) fn count_all(
    program: &Path,
    benches: &[&'static Bench],
    folder: &Path,
) -> Result<Vec<Counted>, String> {
    let (next, counted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let count_rest = || {
        while let Some(bench) = benches.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = count_one(program, bench.name, folder);
            counted.lock().expect("no thread panics while it holds the list").push((*bench, outcome));
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        (0..threads).for_each(|_| drop(scope.spawn(count_rest)));
    });
    let mut counted = counted.into_inner().expect("no thread panics while it holds the list");
    counted.sort_by_key(|(bench, _)| benches.iter().position(|other| other.name == bench.name));
    counted.into_iter().map(|(bench, outcome)| Ok(Counted { bench, per_unit: outcome? })).collect()
}

/// Instructions per unit of one benchmark of `program`.
///
/// # Errors
/// It has no such benchmark, or the count failed.
pub(crate) fn count_one(program: &Path, name: &str, folder: &Path) -> Result<f64, String> {
    let output = Command::new(program).args(["measure", name]).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let units = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>();
    let units = units.map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let instructions = callgrind::count(program, name, &callgrind::profile_of(folder, name))?;
    Ok(instructions as f64 / units as f64)
}
