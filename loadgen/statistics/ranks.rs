//! The ratio of repeated figures by their ranks: the Hodges-Lehmann estimate with the interval of the Mann-Whitney test.
//!
//! Owns the exact distribution of the test. Must never assume one of the figures.

use super::{Ratio, median};

/// The ratio B / A of positive figures, with an interval that misses the true ratio with a chance of at most `chance`.
/// `None` if there are too few figures for that, or one is not positive.
///
/// The interval is between two of the ratios of all pairs: as many are left out at each end as the test allows to be so by
/// chance. Five of each kind are the fewest for a chance of 0.01, since 2 of the 252 ways to order them are the extremes.
pub(crate) fn ratio(a: &[f64], b: &[f64], chance: f64) -> Option<Ratio> {
    if a.iter().chain(b).any(|figure| !(*figure > 0.0 && figure.is_finite())) {
        return None;
    }
    let left_out = left_out(a.len(), b.len(), chance)?;
    let mut logs: Vec<f64> = b.iter().flat_map(|b| a.iter().map(move |a| b.ln() - a.ln())).collect();
    logs.sort_by(f64::total_cmp);
    Some(Ratio {
        value: median(&logs).exp(),
        low: logs[left_out].exp(),
        high: logs[logs.len() - 1 - left_out].exp(),
    })
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
    fn figures_that_cannot_be_told_apart_have_an_interval_around_1() {
        let same = [5.0; 6];
        assert_eq!(ratio(&same, &same, 0.05), Some(Ratio { value: 1.0, low: 1.0, high: 1.0 }));
        assert_eq!(ratio(&[1.0, 2.0], &[1.0, 2.0], 0.05), None, "too few");
        assert_eq!(ratio(&[0.0; 6], &[1.0; 6], 0.05), None, "0 has no ratio");
    }
}
