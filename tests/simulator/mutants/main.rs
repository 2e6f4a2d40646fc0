//! Breaks the broker in small ways and sees whether the simulator finds out: `cargo run -p ringmq-tests --bin mutants`, with
//! parts of names behind it for some of them only.
//!
//! Owns a copy of the tree below the target folder. Must never touch the tree itself.

mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{fs, io};

use table::MUTANTS;

/// The seeds that have to be enough.
const SEEDS: &str = "0..400";

fn main() -> ExitCode {
    match judge_all() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(survivors) => {
            println!("{survivors} of {} survive", MUTANTS.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn judge_all() -> io::Result<usize> {
    let copy = copy_of_tree()?;
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let mut survivors = 0;
    for mutant in MUTANTS.iter().filter(|mutant| is_wanted(mutant.name)) {
        let path = copy.join("src/broker").join(mutant.file);
        let sound = fs::read_to_string(&path)?;
        fs::write(&path, sound.replacen(mutant.from, mutant.to, 1))?;
        let verdict = judge(&copy)?;
        fs::write(&path, sound)?;
        survivors += usize::from(verdict.is_none());
        println!("{}: {}", mutant.name, verdict.as_deref().unwrap_or("SURVIVES"));
    }
    Ok(survivors)
}

/// Runs the simulator on a changed tree; the complaint, if there is one.
fn judge(tree: &Path) -> io::Result<Option<String>> {
    let simulate = ["run", "--quiet", "-p", "ringmq-tests", "--bin", "simulate", "--", "--seeds", SEEDS];
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(simulate).current_dir(tree).env("CARGO_TARGET_DIR", tree.join("target"));
    let output = command.env("RUSTFLAGS", "-Awarnings").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match (output.status.success(), text.lines().find(|line| line.starts_with("# "))) {
        (true, _) => Ok(None),
        (false, Some(complaint)) => Ok(Some(complaint.to_owned())),
        (false, None) => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A fresh copy of what the simulator is built from, its target folder kept from the last time.
fn copy_of_tree() -> io::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let copy = target.join("mutants");
    for part in ["src", "tests", "loadgen", "bench"] {
        let to = copy.join(part);
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        copy_folder(&root().join(part), &to)?;
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(root().join(file), copy.join(file))?;
    }
    Ok(copy)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use table::Mutant;

    /// A change whose text is not in the broker, or not clear, is no change.
    #[test]
    fn every_mutant_changes_one_place() {
        for Mutant { name, file, from, to } in MUTANTS {
            let text = fs::read_to_string(root().join("src/broker").join(file)).unwrap();
            assert_eq!(text.matches(from).count(), 1, "{name}: {file}");
            assert_ne!(from, to, "{name}");
        }
    }
}
