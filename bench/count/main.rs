//! `ringmq-count`: micro-benchmarks of protocol and broker, counted in instructions by callgrind.
//!
//! Instructions do not depend on what else the machine does, so two revisions can be compared anywhere, and a check can
//! hold what was gained. They are not time: a cache miss costs as much as a register move here. [`benches`] are what is
//! counted, [`callgrind`] counts them, [`profile`] tells where they go, [`ratchet`] holds the counts, [`revision`] builds another
//! revision to compare, [`scale`] tells what grows with size.

mod benches;
mod callgrind;
mod counting;
mod crowd;
mod desk;
mod meter;
mod packets;
mod profile;
mod ratchet;
mod revision;
mod scale;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use benches::Bench;
use counting::{Counted, count_all};
use meter::Pass;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: ringmq-count COMMAND

  table [--long] [NAME...]    counts the benchmarks (all, or those whose names begin so) and prints a table
  check                       counts all and compares with bench/instructions.toml; fails on a difference
  update                      counts all and writes bench/instructions.toml
  compare REVISION [NAME...]  counts here and in another revision of this repository
  profile NAME                the functions that take most, alone and with all they call
  list                        the names
  scale subscriptions         a million subscriptions: bytes of each, and a message among them
  scale shards                1 to 64 shards: letters, posts and work per message
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["measure", name] => measure(name),
        ["table", ref names @ ..] => table(names),
        ["check"] => check(),
        ["update"] => update(),
        ["compare", revision, ref names @ ..] => compare(revision, names),
        ["profile", name] => profile_of(name),
        ["scale", what] => scale::run(what),
        ["list"] => {
            benches::all().for_each(|bench| println!("{}", bench.name));
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// What runs under callgrind: one benchmark, once to warm up and once to count.
fn measure(name: &str) -> Result<(), String> {
    let bench = benches::all().find(|bench| bench.name == name).ok_or(format!("no benchmark {name}"))?;
    let mut prepared = (bench.prepare)();
    for pass in [Pass::WarmUp, Pass::Counted] {
        let units = (prepared.work)(pass);
        if units != prepared.units {
            return Err(format!("{name} made {units} units instead of {}", prepared.units));
        }
    }
    println!("{}", prepared.units);
    Ok(())
}

fn table(names: &[&str]) -> Result<(), String> {
    let (flags, names): (Vec<&str>, Vec<&str>) = names.iter().partition(|name| name.starts_with("--"));
    let with_long = flags.contains(&"--long") || !names.is_empty();
    let chosen: Vec<&Bench> = benches::all()
        .filter(|bench| with_long || bench.length == benches::Length::Short)
        .filter(|bench| is_named(bench, &names))
        .collect();
    let counted = count_all(&this_program()?, &chosen, &folder()?)?;
    println!("{:<32} {:>14}  per", "benchmark", "instructions");
    for Counted { bench, per_unit } in &counted {
        println!("{:<32} {per_unit:>14.1}  {}", bench.name, bench.unit);
    }
    Ok(())
}

fn is_named(bench: &Bench, names: &[&str]) -> bool {
    names.is_empty() || names.iter().any(|name| bench.name.starts_with(name))
}

fn short() -> Vec<&'static Bench> {
    benches::all().filter(|bench| bench.length == benches::Length::Short).collect()
}

fn counts_now() -> Result<ratchet::Counts, String> {
    let counted = count_all(&this_program()?, &short(), &folder()?)?;
    Ok(counted.into_iter().map(|counted| (counted.bench.name.to_owned(), counted.per_unit)).collect())
}

fn check() -> Result<(), String> {
    let file = held_counts();
    let compiler = ratchet::compiler(&file, &this_compiler()?)?;
    let findings = ratchet::judge(&ratchet::read(&file)?, &counts_now()?, compiler);
    let remedy = "scripts/bench.sh count --update writes the counts down.";
    if !findings.failures.is_empty() {
        return Err(format!(
            "More instructions than were held.\n  {}\n{remedy}",
            findings.failures.join("\n  ")
        ));
    }
    match findings.notes.is_empty() {
        true => println!("count: all benchmarks take what bench/instructions.toml says"),
        false => println!("Fewer instructions than are held.\n  {}\n{remedy}", findings.notes.join("\n  ")),
    }
    Ok(())
}

fn update() -> Result<(), String> {
    ratchet::write(&held_counts(), &counts_now()?, &this_compiler()?)
}

/// The compiler as it names itself.
fn this_compiler() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("--version").output().map_err(|error| format!("rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn compare(revision: &str, names: &[&str]) -> Result<(), String> {
    let folder = folder()?;
    let other = revision::build(&root(), &folder, revision)?;
    let chosen: Vec<&Bench> = short().into_iter().filter(|bench| is_named(bench, names)).collect();
    let here = count_all(&this_program()?, &chosen, &folder)?;
    println!("{:<32} {:>14} {:>14} {:>9}", "benchmark", revision, "here", "change");
    for Counted { bench, per_unit } in here {
        match counting::count_one(&other, bench.name, &folder) {
            Ok(before) => {
                let change = (per_unit - before) / before * 100.0;
                println!("{:<32} {before:>14.1} {per_unit:>14.1} {change:>+8.1}%", bench.name);
            }
            Err(_) => println!("{:<32} {:>14} {per_unit:>14.1}", bench.name, "-"),
        }
    }
    Ok(())
}

fn profile_of(name: &str) -> Result<(), String> {
    let folder = folder()?;
    counting::count_one(&this_program()?, name, &folder)?;
    let file = callgrind::profile_of(&folder, name);
    profile::print(&file)?;
    println!("{}", file.display());
    Ok(())
}

fn this_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("this program's own path: {error}"))
}

/// The repository that this program was built in.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn held_counts() -> PathBuf {
    root().join("bench/instructions.toml")
}

/// Where profiles and other revisions go: beside the build.
fn folder() -> Result<PathBuf, String> {
    let folder = root().join("target/count");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}
