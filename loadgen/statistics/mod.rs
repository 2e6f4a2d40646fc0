//! Whether two sets of figures differ, and by how much at least and at most.
//!
//! Owns the methods and their reasons. Must never know what the figures are of.
//!
//! Figures of performance are positive, skewed and differ by factors, so everything is about the ratio B / A and happens to
//! logarithms. Nothing assumes a shape of their distribution.
//!
//! - **Rounds** (`ranks`): repeated runs of A and B, interleaved so that a drift of the machine meets both. The interval is
//!   the one that belongs to the Mann-Whitney test (Hodges and Lehmann): exact for any number of rounds, and an outlier
//!   counts no more than its rank.
//! - **Two runs** (`bootstrap`): one run of each. The seconds of a run are resampled in blocks, because neighbouring seconds
//!   resemble each other. The interval tells how well each run knows its own figures; what differs from run to run is not in it.
//!
//! Several figures are compared at once, and each is one more chance to be fooled: the chance is divided among them
//! (Bonferroni), so that all intervals together hold with the confidence asked for.

pub(crate) mod bootstrap;
pub(crate) mod ranks;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// The chance of any false difference among all figures compared.
pub(crate) const FALSE_CHANCE: f64 = 0.05;

/// A ratio and the interval that holds the true one.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What an interval says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finding {
    /// The whole interval is below the threshold: if there is an effect, it is too small to count.
    NoDifference,
    /// The interval holds both effects that count and effects that do not: more measurements would tell.
    Undecided,
    /// B is lower than A.
    Lower,
    /// B is higher than A.
    Higher,
}

impl Ratio {
    /// What the interval says of effects of at least `threshold`: 0.05 for 5 %. An effect is as far upward as downward:
    /// 1.05 and 1 / 1.05.
    pub(crate) fn finding(&self, threshold: f64) -> Finding {
        let least = 1.0 + threshold;
        let Ratio { value, low, high } = *self;
        if low > 1.0 && value >= least {
            Finding::Higher
        } else if high < 1.0 && value <= 1.0 / least {
            Finding::Lower
        } else if low >= 1.0 / least && high <= least {
            Finding::NoDifference
        } else {
            Finding::Undecided
        }
    }
}

/// The middle of some figures; the mean of the two in the middle of an even number. 0 of none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}
