//! How far apart two clocks are, and how sure that is.
//!
//! Owns the arithmetic of round trips. Must never read a clock.

use crate::clock::Nanos;

/// One question for the time: when it left, what was answered, when the answer came.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundTrip {
    pub(super) left: Nanos,
    pub(super) answered: Nanos,
    pub(super) came: Nanos,
}

/// How far the other clock is ahead of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Offset {
    pub(super) ahead: i128,
    /// The true value is at most this far from it.
    pub(super) error: Nanos,
}

/// The offset by the quickest of several round trips: the answer was given somewhere between leaving and coming.
pub(super) fn offset(trips: &[RoundTrip]) -> Option<Offset> {
    let quickest = trips.iter().min_by_key(|trip| trip.came.saturating_sub(trip.left))?;
    let half = quickest.came.saturating_sub(quickest.left) / 2;
    let middle = i128::from(quickest.left) + i128::from(half);
    Some(Offset { ahead: i128::from(quickest.answered) - middle, error: half + 1 })
}

impl Offset {
    /// A time of ours on the other clock.
    pub(super) fn on_theirs(&self, at: Nanos) -> Nanos {
        (i128::from(at) + self.ahead).max(0) as Nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quickest_round_trip_decides_and_bounds_the_error() {
        let trips = [
            RoundTrip { left: 0, answered: 5_000, came: 9_000 },
            RoundTrip { left: 10_000, answered: 11_050, came: 10_100 },
        ];
        let found = offset(&trips).unwrap();
        assert_eq!(found, Offset { ahead: 1000, error: 51 });
        assert_eq!(found.on_theirs(20_000), 21_000);
        assert_eq!(offset(&[]), None);
    }
}
