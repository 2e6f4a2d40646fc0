//! What a watcher sees while a run goes on: plain lines, or a picture.
//!
//! Owns the choice between them. Must never make the run wait: all of it happens on other threads.

mod plain;

use std::io::{self, IsTerminal};

use crate::cli::{OutputArgs, ViewArg};
use crate::series::Watcher;

/// What to show each row to.
///
/// # Errors
/// The terminal refuses.
pub(crate) fn watchers(output: &OutputArgs) -> io::Result<Vec<Watcher>> {
    let is_terminal = io::stderr().is_terminal();
    Ok(match output.view {
        _ if output.quiet => Vec::new(),
        ViewArg::Off => Vec::new(),
        ViewArg::Auto if is_terminal => vec![plain::watcher()],
        ViewArg::Auto | ViewArg::Plain => vec![plain::watcher()],
    })
}
