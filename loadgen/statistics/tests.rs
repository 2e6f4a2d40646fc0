//! How often the verdict of interleaved rounds is wrong, on made-up rounds of known truth.

use crate::chance::Chance;

use super::*;

/// Metrics of one comparison.
const METRICS: usize = 6;

/// A figure of a round: a level, skewed noise, and now and then a round that something else disturbed.
fn figure(random: &mut Chance, level: f64) -> f64 {
    // The sum of twelve fractions is nearly normal with a spread of 1.
    let normal = (0..12).map(|_| random.share()).sum::<f64>() - 6.0;
    let disturbed = if random.share() < 0.1 { 1.5 } else { 1.0 };
    level * (0.08 * normal).exp() * disturbed
}

/// Whether a comparison of so many rounds finds any difference; the machine becomes slower all the time.
fn finds_difference(random: &mut Chance, rounds: usize, factor: f64, threshold: f64) -> bool {
    let mut sides = vec![(Vec::new(), Vec::new()); METRICS];
    for round in 0..rounds {
        let turns = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for (at, side) in turns.into_iter().enumerate() {
            let drift = 1.0 + 0.01 * (2 * round + at) as f64;
            for (a, b) in &mut sides {
                match side {
                    0 => a.push(figure(random, 100.0 * drift)),
                    _ => b.push(figure(random, 100.0 * drift * factor)),
                }
            }
        }
    }
    sides.iter().any(|(a, b)| {
        let ratio = ranks::ratio(a, b, FALSE_CHANCE / METRICS as f64).unwrap();
        matches!(ratio.finding(threshold), Finding::Lower | Finding::Higher)
    })
}

fn share(rounds: usize, factor: f64, threshold: f64) -> f64 {
    let mut random = Chance::new(rounds as u64);
    let trials = 2000;
    let found = (0..trials).filter(|_| finds_difference(&mut random, rounds, factor, threshold)).count();
    found as f64 / f64::from(trials)
}

#[test]
fn the_same_against_itself_is_found_different_in_at_most_one_of_twenty() {
    for rounds in [5, 6, 10, 20] {
        let wrong = share(rounds, 1.0, 0.0);
        assert!(wrong <= 0.05, "{wrong} with {rounds} rounds");
        assert!(share(rounds, 1.0, 0.05) <= wrong);
    }
}

#[test]
fn a_difference_that_matters_is_found() {
    assert!(share(6, 1.5, 0.05) > 0.95);
    assert!(share(10, 1.25, 0.05) > 0.95);
}

#[test]
fn an_effect_below_the_threshold_is_none() {
    let sure = Ratio { value: 1.03, low: 1.02, high: 1.04 };
    assert_eq!(sure.finding(0.05), Finding::NoDifference);
    assert_eq!(sure.finding(0.02), Finding::Higher);
    let down = Ratio { value: 0.9, low: 0.85, high: 0.95 };
    assert_eq!((down.finding(0.05), down.finding(0.2)), (Finding::Lower, Finding::NoDifference));
    assert_eq!(Ratio { high: 1.01, ..down }.finding(0.05), Finding::Undecided, "the interval holds 1");
}

#[test]
fn only_an_interval_within_the_threshold_is_no_difference() {
    let whole = |low, high| Ratio { value: 1.0, low, high }.finding(0.05);
    assert_eq!(whole(0.96, 1.04), Finding::NoDifference);
    assert_eq!(whole(0.06, 4540.0), Finding::Undecided, "it excludes nothing");
    assert_eq!(whole(0.96, 1.06), Finding::Undecided);
    assert_eq!(whole(0.95, 1.04), Finding::Undecided, "down is as far as up: 1 / 1.05");
    let small = Ratio { value: 1.03, low: 1.01, high: 1.2 };
    assert_eq!(small.finding(0.05), Finding::Undecided, "B is higher, perhaps by too little to count");
}

#[test]
fn the_median_is_the_middle() {
    assert_eq!([median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0]), median(&[])], [2.0, 2.5, 0.0]);
}
