//! What grows with size: subscriptions by the million, shards by the dozen. Measured on the broker as a value, in one thread.
//!
//! Owns the two commands. These figures are bytes, nanoseconds and letters, not instructions: caches are what matters here.

mod shards;
mod subscriptions;

use std::time::Instant;

/// Runs one of the commands.
///
/// # Errors
/// There is no such command, or a measurement cannot be taken.
pub(crate) fn run(what: &str) -> Result<(), String> {
    match what {
        "subscriptions" => subscriptions::run(),
        "shards" => {
            shards::run();
            Ok(())
        }
        _ => Err(format!("scale {what} is unknown: subscriptions or shards")),
    }
}

/// The median time of several passes, in nanoseconds per unit. The first pass warms up.
fn median_ns(passes: usize, units: u64, mut pass: impl FnMut()) -> f64 {
    pass();
    let mut times: Vec<f64> = (0..passes)
        .map(|_| {
            let start = Instant::now();
            pass();
            start.elapsed().as_nanos() as f64 / units as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
