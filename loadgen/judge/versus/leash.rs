//! A program that ends when the process that started it does, however that ends.
//!
//! Owns the command that asks the kernel for this and then becomes the program: what was asked for outlasts the change
//! (prctl(2), PR_SET_PDEATHSIG). Must never know what the program is for. What that starts in its turn is not on the leash.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::cli::LeashArgs;

/// What a command begins with, so that its program is on the leash of the thread that starts it.
#[derive(Clone, Default, Debug)]
pub(super) struct Leash(Vec<String>);

impl Leash {
    /// That of this process, whose main thread starts the programs.
    ///
    /// # Errors
    /// This program does not know its own file.
    pub(super) fn new() -> io::Result<Leash> {
        let program = std::env::current_exe()?.to_string_lossy().into_owned();
        let parent = std::process::id().to_string();
        Ok(Leash([program, "leash".into(), "--parent".into(), parent, "--".into()].into()))
    }

    /// The command of a program on this leash.
    pub(super) fn words(&self, program: &[String]) -> Vec<String> {
        [&self.0, program].concat()
    }
}

/// Asks for the end together with the parent, and becomes the program.
///
/// # Errors
/// The kernel refuses, the parent is gone already, or there is no such program.
pub(crate) fn become_program(args: &LeashArgs) -> Result<u8, String> {
    let refused = |error: Errno| format!("PR_SET_PDEATHSIG: {error}");
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(refused)?;
    // It may have ended before it was asked about.
    if getppid().map(Pid::as_raw_pid) != Some(args.parent) {
        return Err("the process that started this one is gone".into());
    }
    let (program, arguments) = args.words.split_first().ok_or("a command is empty")?;
    Err(format!("{program}: {}", Command::new(program).args(arguments).exec()))
}
