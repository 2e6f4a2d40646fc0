//! The command line of `simulate`: which seeds, with how many shards, for how long, or which file again.
//!
//! Owns its parsing. Must never run anything.

use std::ops::Range;
use std::path::PathBuf;

/// What `simulate` is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Runs seeds.
    Seeds {
        /// Which.
        seeds: Range<u64>,
        /// Numbers of shards, each seed with each.
        shard_counts: Vec<u16>,
        /// Ends after so many seconds, if that comes first.
        seconds_max: Option<u64>,
        /// Prints what happened even if all went well.
        telling: Telling,
    },
    /// Runs a failure again, or plays a scene.
    Replay(PathBuf),
}

/// How much is printed of a run that went well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Telling {
    /// Nothing.
    Failures,
    /// What happened.
    Everything,
}

/// How it is used.
pub const USAGE: &str = "\
simulate [--seeds A..B] [--shards N] [--seconds S] [--tell]   run seeds; a failure is made small and written down
simulate --replay FILE                                        run a written failure again, or play a scene";

/// Reads the arguments behind the program's name.
///
/// # Errors
/// What cannot be understood.
pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut seeds = 0..1000;
    let (mut shard_counts, mut seconds_max, mut telling) = (vec![1, 2, 3, 4], None, Telling::Failures);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value"));
        match arg.as_str() {
            "--seeds" => seeds = range(&value()?)?,
            "--shards" => shard_counts = vec![number(&value()?)?],
            "--seconds" => seconds_max = Some(number(&value()?)?),
            "--tell" => telling = Telling::Everything,
            "--replay" => return Ok(Request::Replay(PathBuf::from(value()?))),
            _ => return Err(format!("{arg} is unknown")),
        }
    }
    Ok(Request::Seeds { seeds, shard_counts, seconds_max, telling })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

fn range(text: &str) -> Result<Range<u64>, String> {
    match text.split_once("..") {
        Some((from, to)) => Ok(number(from)?..number(to)?),
        None => number(text).map(|seed: u64| seed..seed + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_a_request() {
        let parsed = |line: &str| parse(line.split_whitespace().map(str::to_owned));
        let seeds = |seeds, shard_counts, seconds_max| {
            Ok(Request::Seeds { seeds, shard_counts, seconds_max, telling: Telling::Failures })
        };
        assert_eq!(parsed("--seeds 5..9 --shards 2"), seeds(5..9, vec![2], None));
        assert_eq!(parsed("--seeds 7 --seconds 3"), seeds(7..8, vec![1, 2, 3, 4], Some(3)));
        assert_eq!(parsed("--replay a.txt"), Ok(Request::Replay(PathBuf::from("a.txt"))));
        assert!(parsed("--seeds").is_err() && parsed("--fast").is_err() && parsed("--shards x").is_err());
    }
}
