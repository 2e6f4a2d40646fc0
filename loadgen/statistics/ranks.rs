//! The ratio of repeated figures by their ranks: the Hodges-Lehmann estimate with the interval of the Mann-Whitney test.
//!
//! Owns the exact distribution of the test. Must never assume one of the figures.

use super::{Finding, Ratio, median};

/// The ratio B / A of positive figures, with an interval that misses the true ratio with a chance of at most `chance`.
/// `None` if there are too few figures for that, or one is not positive.
///
/// The interval is between two of the ratios of all pairs: as many are left out at each end as the test allows to be so by
/// chance. Five of each kind are the fewest for a chance of 0.01, since 2 of the 252 ways to order them are the extremes.
pub(crate) fn ratio(a: &[f64], b: &[f64], chance: f64) -> Option<Ratio> {
    let logs = logs_of_pairs(a, b)?;
    let left_out = left_out(a.len(), b.len(), chance)?;
    Some(without(&logs, left_out))
}

/// How many figures of each kind would decide what [`ratio`] leaves undecided at `threshold`: the fewest, up to `most`, if the
/// further ones are spread like these. An estimate. `None` if `most` would not decide either.
pub(crate) fn rounds_to_decide(a: &[f64], b: &[f64], chance: f64, threshold: f64, most: u32) -> Option<u32> {
    let logs = logs_of_pairs(a, b)?;
    let known = a.len().min(b.len()) as u32;
    (known + 1..=most).find(|rounds| {
        let rounds = *rounds as usize;
        left_out(rounds, rounds, chance).is_some_and(|pairs| {
            // The share of the pairs that so many rounds leave out, taken of the pairs that are known.
            let known_pairs = pairs * logs.len() / (rounds * rounds);
            without(&logs, known_pairs.min((logs.len() - 1) / 2)).finding(threshold) != Finding::Undecided
        })
    })
}

/// The logarithms of the ratios of all pairs, ascending; none if there is no pair, or a figure is not positive.
fn logs_of_pairs(a: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    if a.iter().chain(b).any(|figure| !(*figure > 0.0 && figure.is_finite())) {
        return None;
    }
    let mut logs: Vec<f64> = b.iter().flat_map(|b| a.iter().map(move |a| b.ln() - a.ln())).collect();
    logs.sort_by(f64::total_cmp);
    (!logs.is_empty()).then_some(logs)
}

/// The middle of some ratios, with the interval that leaves out so many at each end.
fn without(logs: &[f64], left_out: usize) -> Ratio {
    Ratio {
        value: median(logs).exp(),
        low: logs[left_out].exp(),
        high: logs[logs.len() - 1 - left_out].exp(),
    }
}

/// How many pairs may be left out at each end: the most for which chance alone gives so few or fewer pairs of the rarer
/// kind no more often than half of `chance`.
fn left_out(a: usize, b: usize, chance: f64) -> Option<usize> {
    if a == 0 || b == 0 {
        return None;
    }
    let ways = ways(a, b);
    let all: f64 = ways.iter().sum();
    let mut below = 0.0;
    let fitting = ways.iter().take_while(|count| {
        below += *count / all;
        below <= chance / 2.0
    });
    fitting.count().checked_sub(1).map(|most| most.min((a * b - 1) / 2))
}

/// In how many orders of `a` figures of one kind and `b` of another there are 0, 1, 2, ... pairs in which the second is
/// below the first: the coefficients of a Gaussian binomial, row by row.
fn ways(a: usize, b: usize) -> Vec<f64> {
    // ways_of[j] holds the counts for i figures of the first kind and j of the second, as i grows.
    let mut ways_of: Vec<Vec<f64>> = vec![vec![1.0]; b + 1];
    for i in 1..=a {
        for j in 1..=b {
            // The highest figure is of the first kind, above all j of the second, or it is of the second.
            let mut counts = vec![0.0; i * j + 1];
            ways_of[j].iter().enumerate().for_each(|(pairs, count)| counts[pairs + j] += count);
            let without: Vec<f64> = ways_of[j - 1].clone();
            without.iter().enumerate().for_each(|(pairs, count)| counts[pairs] += count);
            ways_of[j] = counts;
        }
    }
    ways_of.swap_remove(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_counted_as_the_tables_of_the_test_have_them() {
        assert_eq!(ways(1, 1), [1.0, 1.0]);
        assert_eq!(ways(2, 2), [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert_eq!(ways(5, 5).iter().sum::<f64>(), 252.0);
        assert_eq!(ways(3, 4).iter().sum::<f64>(), 35.0);
        // Critical values of the two-sided test at 0.05 as printed: n = 5: 2, n = 8: 13, n = 10: 23, n = 4: 0.
        for (n, critical) in [(4, 0), (5, 2), (8, 13), (10, 23)] {
            assert_eq!(left_out(n, n, 0.05), Some(critical), "{n}");
        }
        assert_eq!(left_out(3, 3, 0.05), None, "three of each kind cannot tell");
        assert_eq!(left_out(5, 5, 0.01), Some(0));
        assert_eq!(left_out(0, 5, 0.5), None);
    }

    #[test]
    fn the_ratio_is_that_of_the_middle_and_an_outlier_does_not_move_it() {
        let a = [10.0, 10.1, 9.9, 10.2, 9.8, 10.0];
        let b = a.map(|figure| figure * 2.0);
        let found = ratio(&a, &b, 0.05).unwrap();
        assert!((found.value - 2.0).abs() < 0.02 && found.low > 1.9 && found.high < 2.1, "{found:?}");
        let mut disturbed = b;
        disturbed[0] = 1e9;
        let again = ratio(&a, &disturbed, 0.05).unwrap();
        assert!((again.value - 2.0).abs() < 0.05 && again.low > 1.9, "{again:?}");
    }

    #[test]
    fn rounds_that_would_decide_grow_with_the_noise_and_shrink_with_the_effect() {
        // Six figures around a level, up to so much above and below it.
        let around = |level: f64, noise: f64| -> Vec<f64> {
            (0..6).map(|number| level * (1.0 + noise * (f64::from(number) - 2.5) / 2.5)).collect()
        };
        let needed = |noise, effect| {
            let (a, b) = (around(100.0, noise), around(100.0 * effect, noise));
            assert_eq!(ratio(&a, &b, 0.01).unwrap().finding(0.05), Finding::Undecided, "{noise} {effect}");
            rounds_to_decide(&a, &b, 0.01, 0.05, 60)
        };
        let (quiet, loud) = (needed(0.1, 1.15), needed(0.2, 1.15));
        assert!(quiet.is_some_and(|rounds| rounds > 6 && rounds < 20), "{quiet:?}");
        assert!(loud > quiet, "{quiet:?} {loud:?}");
        assert!(needed(0.2, 1.3) < loud);
        assert!(needed(0.06, 1.0).is_some(), "no difference can be decided too");
        assert_eq!(needed(0.9, 1.05), None, "not by 60 either");
        assert_eq!(rounds_to_decide(&[], &[1.0], 0.01, 0.05, 60), None);
    }

    #[test]
    fn figures_that_cannot_be_told_apart_have_an_interval_around_1() {
        let same = [5.0; 6];
        assert_eq!(ratio(&same, &same, 0.05), Some(Ratio { value: 1.0, low: 1.0, high: 1.0 }));
        assert_eq!(ratio(&[1.0, 2.0], &[1.0, 2.0], 0.05), None, "too few");
        assert_eq!(ratio(&[0.0; 6], &[1.0; 6], 0.05), None, "0 has no ratio");
    }
}
