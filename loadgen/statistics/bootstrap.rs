//! How well one run knows its own figures: its intervals resampled in blocks (the stationary bootstrap of Politis and
//! Romano).
//!
//! Owns the resampling. Must never know what a statistic is of.

use crate::chance::Chance;

use super::Ratio;

/// How often a run is resampled.
const RESAMPLES: usize = 2000;

/// The fewest intervals of a run that can be resampled in a meaningful way.
pub(crate) const INTERVALS_MIN: usize = 8;

/// Any seed does; the same one gives the same interval for the same reports.
const SEED: u64 = 0x72_69_6E_67;

/// The average length of a block.
fn block(count: usize) -> f64 {
    (count as f64).sqrt()
}

/// How much wider an interval must be because it rests on so few blocks: what Student's distribution adds to the normal one
/// at the chances used here, to the first order.
fn widening(count: usize) -> f64 {
    let blocks = count as f64 / block(count);
    1.0 + 2.0 / (blocks - 1.0).max(1.0)
}

/// Which intervals one resample of `count` has: blocks of neighbours, which begin anywhere and go on with a chance that
/// makes them as long as the square root of `count` on average: longer than theory has it for the narrowest interval,
/// since an interval that is too narrow finds differences that are none. The end is followed by the beginning.
fn resample(count: usize, random: &mut Chance, chosen: &mut Vec<usize>) {
    let block = block(count);
    chosen.clear();
    let mut at = random.below(count);
    for _ in 0..count {
        chosen.push(at);
        at = if random.share() < 1.0 / block { random.below(count) } else { (at + 1) % count };
    }
}

/// Statistics of resampled runs: `statistics` gets the numbers of the intervals chosen and gives a figure for each metric.
fn resampled(count: usize, seed: u64, mut statistics: impl FnMut(&[usize]) -> Vec<f64>) -> Vec<Vec<f64>> {
    let (mut random, mut chosen) = (Chance::new(seed), Vec::new());
    (0..RESAMPLES)
        .map(|_| {
            resample(count, &mut random, &mut chosen);
            statistics(&chosen)
        })
        .collect()
}

/// One side of a comparison.
pub(crate) struct Side<S> {
    /// Intervals of the run.
    pub(crate) count: usize,
    /// Gives a figure for each metric, of the intervals that are named.
    pub(crate) statistics: S,
}

/// The ratios B / A of every metric, each with an interval that misses with a chance of at most `chance`. `None` for a
/// metric that is not positive on both sides.
///
/// # Panics
/// If a side has no interval.
pub(crate) fn ratios<S, T>(mut a: Side<S>, mut b: Side<T>, chance: f64) -> Vec<Option<Ratio>>
where
    S: FnMut(&[usize]) -> Vec<f64>,
    T: FnMut(&[usize]) -> Vec<f64>,
{
    let widening = widening(a.count.min(b.count));
    let whole_a = (a.statistics)(&(0..a.count).collect::<Vec<_>>());
    let whole_b = (b.statistics)(&(0..b.count).collect::<Vec<_>>());
    let all_a = resampled(a.count, SEED, a.statistics);
    let all_b = resampled(b.count, SEED + 1, b.statistics);
    (0..whole_a.len())
        .map(|metric| {
            let is_positive = |figure: f64| figure > 0.0 && figure.is_finite();
            if !is_positive(whole_a[metric]) || !is_positive(whole_b[metric]) {
                return None;
            }
            let pairs = all_a.iter().zip(&all_b).map(|(a, b)| b[metric].ln() - a[metric].ln());
            let mut logs: Vec<f64> = pairs.filter(|log| log.is_finite()).collect();
            logs.sort_by(f64::total_cmp);
            let value = whole_b[metric] / whole_a[metric];
            let at = |share: f64| {
                let log = logs.get(((logs.len() - 1) as f64 * share).round() as usize)?;
                Some((value.ln() + (log - value.ln()) * widening).exp())
            };
            Some(Ratio { value, low: at(chance / 2.0)?.min(value), high: at(1.0 - chance / 2.0)?.max(value) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_of(figures: &[f64]) -> impl FnMut(&[usize]) -> Vec<f64> + '_ {
        |chosen| vec![chosen.iter().map(|&at| figures[at]).sum::<f64>() / chosen.len() as f64]
    }

    fn ratio(a: &[f64], b: &[f64]) -> Ratio {
        let side_a = Side { count: a.len(), statistics: mean_of(a) };
        let side_b = Side { count: b.len(), statistics: mean_of(b) };
        ratios(side_a, side_b, 0.05)[0].unwrap()
    }

    /// Figures around 100 of which neighbours resemble each other.
    fn figures(seed: u64, count: usize, level: f64) -> Vec<f64> {
        let mut random = Chance::new(seed);
        let mut drift = 0.0;
        let mut next = || {
            drift = 0.6 * drift + (random.share() - 0.5) * 20.0;
            level + drift
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn an_interval_holds_the_ratio_and_narrows_with_the_length_of_the_run() {
        let short = ratio(&figures(1, 30, 100.0), &figures(2, 30, 120.0));
        let long = ratio(&figures(1, 600, 100.0), &figures(2, 600, 120.0));
        assert!(short.low < 1.2 && short.high > 1.2, "{short:?}");
        assert!(long.low < 1.21 && long.high > 1.19 && long.low > 1.0, "{long:?}");
        assert!(long.high - long.low < (short.high - short.low) / 2.0);
    }

    #[test]
    fn equal_runs_are_seldom_found_different() {
        let wrong = (0..200u64)
            .filter(|seed| {
                let ratio = ratio(&figures(2 * seed, 60, 100.0), &figures(2 * seed + 1, 60, 100.0));
                ratio.low > 1.0 || ratio.high < 1.0
            })
            .count();
        assert!(
            wrong <= 24,
            "{wrong} of 200 at a confidence of 95 %: neighbours resemble each other strongly here"
        );
    }

    #[test]
    fn what_is_not_positive_has_no_ratio() {
        let zeros = [0.0; 9];
        let side = || Side { count: 9, statistics: mean_of(&zeros) };
        assert_eq!(ratios(side(), side(), 0.05), [None]);
    }
}
