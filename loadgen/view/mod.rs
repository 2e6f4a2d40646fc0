//! What a watcher sees while a run goes on: plain lines, or a picture.
//!
//! Owns the choice between them. Must never make the run wait: all of it happens on other threads.
//!
//! | file | subject |
//! | --- | --- |
//! | `plain` | a line for each interval |
//! | `live` | the thread that owns the terminal |
//! | `screen` | the picture |
//! | `heat` | the map of latencies over time in it |
//! | `prometheus` | figures for a monitoring system that asks |

mod heat;
mod live;
mod plain;
mod prometheus;
mod screen;

use std::io::{self, IsTerminal};

use crate::cli::{OutputArgs, ViewArg};
use crate::series::Watcher;

pub(crate) use live::leave_screen;

/// What is known of a run before it begins.
pub(crate) struct Shown {
    /// What runs.
    pub(crate) title: String,
    /// How long it lasts by the clock, without connecting; none if that is not known.
    pub(crate) planned_s: Option<f64>,
}

/// What to show each row to.
///
/// # Errors
/// The terminal refuses, or the address of --prometheus is taken.
pub(crate) fn watchers(output: &OutputArgs, shown: Shown) -> Result<Vec<Watcher>, String> {
    let mut watchers = Vec::new();
    if let Some(address) = output.prometheus {
        let serving =
            prometheus::watcher(address).map_err(|error| format!("--prometheus {address}: {error}"))?;
        watchers.push(serving);
    }
    match output.view {
        _ if output.quiet => {}
        ViewArg::Off => {}
        ViewArg::Auto if io::stderr().is_terminal() => {
            watchers.push(live::watcher(shown).map_err(|error| format!("--view: {error}"))?);
        }
        ViewArg::Auto | ViewArg::Plain => watchers.push(plain::watcher(output.interval)),
    }
    Ok(watchers)
}
