//! Build script of the two programs: gives them the text of `--version`, as the environment variable RINGMQ_VERSION.
//!
//! `0.1.0 (4eacdaf12345 2026-11-30)`: the revision in git and the day of its commit, so that two builds of one revision are
//! the same. `+changes` follows a revision that was changed. SOURCE_DATE_EPOCH (seconds since 1970) gives the day instead;
//! without git, as in an unpacked archive, the version stands alone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR").expect("cargo gives it"));
    let version = variable("CARGO_PKG_VERSION").expect("cargo gives it");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let workspace = package.ancestors().find(|folder| folder.join("Cargo.lock").exists());
    let revision = workspace.and_then(revision);
    let given = variable("SOURCE_DATE_EPOCH").and_then(|seconds| seconds.trim().parse().ok()).map(day);
    let date = given.or(revision.as_ref().map(|(_, date)| date.clone()));
    let parts: Vec<String> = revision.map(|(name, _)| name).into_iter().chain(date).collect();
    match parts.is_empty() {
        true => println!("cargo::rustc-env=RINGMQ_VERSION={version}"),
        false => println!("cargo::rustc-env=RINGMQ_VERSION={version} ({})", parts.join(" ")),
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// What a program is made from, beside the packages of others.
fn sources(package: &str) -> &'static [&'static str] {
    match package {
        "ringmq-bench" => &["Cargo.toml", "loadgen", "src/protocol", "src/ring"],
        _ => &["Cargo.toml", "src"],
    }
}

/// The revision and its day, if the workspace itself is under git and not something around it.
fn revision(workspace: &Path) -> Option<(String, String)> {
    let top = git(workspace, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(workspace).ok()? {
        return None;
    }
    let sources = sources(&variable("CARGO_PKG_NAME")?);
    watch(workspace, sources);
    let name = git(workspace, &["rev-parse", "--short=12", "HEAD"])?;
    let date = git(workspace, &["log", "-1", "--date=format-local:%Y-%m-%d", "--format=%cd"])?;
    let changes =
        git(workspace, &[&["status", "--porcelain", "--untracked-files=no", "--"], sources].concat());
    let mark = if changes.is_some_and(|changes| !changes.is_empty()) { "+changes" } else { "" };
    Some((format!("{name}{mark}"), date))
}

/// Has cargo ask again after a commit and after a change of the sources.
fn watch(workspace: &Path, sources: &[&str]) {
    let git_folder = git(workspace, &["rev-parse", "--absolute-git-dir"]);
    let of_git =
        git_folder.iter().flat_map(|folder| ["HEAD", "logs/HEAD"].map(|name| Path::new(folder).join(name)));
    let sources = sources.iter().map(|name| workspace.join(name));
    for path in of_git.chain(sources).filter(|path| path.exists()) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    // A look must not write, and the day must not depend on where it is built.
    command.arg("-C").arg(workspace).arg("--no-optional-locks").args(arguments).env("TZ", "UTC");
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The day of a moment in seconds since 1970, by the Gregorian calendar.
fn day(seconds: u64) -> String {
    let (mut year, mut rest) = (1970, seconds / 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    while rest >= 365 + u64::from(is_leap(year)) {
        rest -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < days {
            break;
        }
        rest -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", rest + 1)
}
