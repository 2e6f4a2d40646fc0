//! Another revision of the repository, built beside this one.
//!
//! Owns the git worktree and the build. Must never know what is compared.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The benchmarks of `revision`, built with the same profile. The worktree stays below `folder` for the next time.
///
/// # Errors
/// git does not know the revision, it has no benchmarks, or it does not build.
pub(crate) fn build(root: &Path, folder: &Path, revision: &str) -> Result<PathBuf, String> {
    let commit = commit_of(root, revision)?;
    let tree = folder.join("revision");
    if tree.exists() {
        run(Command::new("git")
            .arg("-C")
            .arg(&tree)
            .args(["checkout", "--quiet", "--detach", "--force", &commit]))?;
    } else {
        run(Command::new("git").arg("-C").arg(root).args(["worktree", "prune"]))?;
        run(Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["worktree", "add", "--quiet", "--detach"])
            .arg(&tree)
            .arg(&commit))?;
    }
    if !tree.join("bench/count").exists() {
        return Err(format!("{revision} is from before the benchmarks"));
    }
    let target = folder.join("revision-target");
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "--locked", "--package", "ringmq-count", "--target-dir"]);
    run(build.arg(&target).current_dir(&tree))?;
    Ok(target.join("release/ringmq-count"))
}

fn commit_of(root: &Path, revision: &str) -> Result<String, String> {
    let name = format!("{revision}^{{commit}}");
    let mut command = Command::new("git");
    command.arg("-C").arg(root).args(["rev-parse", "--verify", "--quiet", &name]);
    let output = command.output().map_err(|error| format!("git: {error}"))?;
    let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() { Ok(commit) } else { Err(format!("git knows no revision {revision}")) }
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
