//! How long an interval is: as the user says, or as suits the length of the run.
//!
//! Owns that choice: some fifty intervals make a curve, and a process that is sampled more often than fifty times a second
//! notices it. Must never know what a run does.

use crate::clock::{MILLISECOND, Nanos, SECOND};

/// Intervals that a run is meant to have, unless that makes them too short or too long.
const INTERVALS: u64 = 50;

/// The shortest and the longest interval that nobody asked for.
const SHORTEST: Nanos = 20 * MILLISECOND;
const LONGEST: Nanos = SECOND;

/// Lengths that a reader finds easy, ascending.
const LENGTHS: [Nanos; 6] =
    [SHORTEST, 50 * MILLISECOND, 100 * MILLISECOND, 200 * MILLISECOND, 500 * MILLISECOND, LONGEST];

/// The length of intervals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// All are as long.
    Fixed(Nanos),
    /// The longer the run has lasted, the longer they are: nobody knows when it will end.
    Growing,
}

impl Length {
    /// The length for a run that will last about as long as planned; nothing is planned if it depends on the broker.
    pub(crate) fn of_run(planned: Option<Nanos>) -> Length {
        planned.map_or(Length::Growing, |planned| Length::Fixed(easy(planned / INTERVALS)))
    }

    /// The length of an interval that begins so long after the beginning of the run.
    pub(super) fn after(self, elapsed: Nanos) -> Nanos {
        match self {
            Length::Fixed(length) => length,
            // Half as many at the end as are wanted of a run whose end is known, since the first ones are so short.
            Length::Growing => easy(elapsed / (INTERVALS / 2)),
        }
    }
}

/// The longest easy length up to this one.
fn easy(length: Nanos) -> Nanos {
    LENGTHS.into_iter().rfind(|easy| *easy <= length).unwrap_or(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_follow_the_length_of_the_run() {
        for (planned_ms, length_ms) in [
            (100, 20),
            (2_000, 20),
            (3_000, 50),
            (6_000, 100),
            (11_000, 200),
            (61_000, 1000),
            (7_200_000, 1000),
        ] {
            let length = Length::of_run(Some(planned_ms * MILLISECOND));
            assert_eq!(length, Length::Fixed(length_ms * MILLISECOND), "{planned_ms} ms");
        }
    }

    #[test]
    fn a_run_of_unknown_length_has_a_curve_however_short_it_is_and_few_intervals_however_long() {
        let count = |lasts: Nanos| {
            let (mut at, mut count) = (0, 0);
            while at < lasts {
                at += Length::of_run(None).after(at);
                count += 1;
            }
            count
        };
        assert_eq!(count(260 * MILLISECOND), 13);
        assert!((40..150).contains(&count(10 * SECOND)), "{}", count(10 * SECOND));
        assert!(count(60 * SECOND) < 240, "{}", count(60 * SECOND));
    }
}
