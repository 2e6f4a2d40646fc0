//! When the messages of a flow in an open loop become due, one after the other.
//!
//! Owns the shapes of rates on an absolute schedule: whoever looks late changes nothing about when the next message is due.
//! Must never know a publisher.

use crate::chance::Chance;
use crate::clock::{Nanos, SECOND};
use crate::scenario::{Pace, RateStep};

/// The times at which messages become due.
#[derive(Debug)]
pub(crate) struct Arrivals {
    shape: Shape,
    /// The rate is multiplied by this.
    factor: f64,
    /// Where the present counting began, and how many have come since.
    base: Nanos,
    count: u64,
    /// The next one.
    next: Nanos,
}

#[derive(Debug)]
enum Shape {
    Even { rate_per_s: f64 },
    Steps { steps: Vec<RateStep>, at: usize, end: Nanos },
    Poisson { rate_per_s: f64, chance: Chance, elapsed_ns: f64 },
    Bursts { messages: u32, every: Nanos },
}

impl Arrivals {
    /// The arrivals of a pace; `None` if it is no open loop.
    pub(crate) fn new(pace: &Pace, seed: u64) -> Option<Arrivals> {
        let shape = match pace {
            Pace::Constant { rate_per_s } => Shape::Even { rate_per_s: *rate_per_s },
            Pace::Stepped { steps } => Shape::Steps { steps: steps.clone(), at: 0, end: 0 },
            Pace::Poisson { rate_per_s } => {
                Shape::Poisson { rate_per_s: *rate_per_s, chance: Chance::new(seed), elapsed_ns: 0.0 }
            }
            Pace::Bursts { messages, every } => Shape::Bursts { messages: *messages, every: every.0 },
            Pace::Window { .. } | Pace::Unpaced {} => return None,
        };
        Some(Arrivals { shape, factor: 1.0, base: 0, count: 0, next: 0 })
    }

    /// Counts anew from `at` on, at so many times the rate. Steps begin with the first one only the first time.
    pub(crate) fn restart(&mut self, at: Nanos, factor: f64) {
        (self.base, self.count, self.factor) = (at, 0, factor);
        match &mut self.shape {
            Shape::Steps { steps, at: step, end } => *end = at + steps[*step].span.0,
            Shape::Poisson { elapsed_ns, .. } => *elapsed_ns = 0.0,
            Shape::Even { .. } | Shape::Bursts { .. } => {}
        }
        self.next = self.due();
    }

    /// When the next message is due.
    pub(crate) fn next(&self) -> Nanos {
        self.next
    }

    /// Goes on to the one after it.
    pub(crate) fn advance(&mut self) {
        self.count += 1;
        self.next = self.due();
    }

    fn due(&mut self) -> Nanos {
        let interval_ns = |rate_per_s: f64| SECOND as f64 / (rate_per_s * self.factor);
        match &mut self.shape {
            Shape::Even { rate_per_s } => self.base + (self.count as f64 * interval_ns(*rate_per_s)) as Nanos,
            Shape::Steps { steps, at, end } => {
                let due = self.base + (self.count as f64 * interval_ns(steps[*at].rate_per_s)) as Nanos;
                if due < *end || *at + 1 == steps.len() {
                    return due;
                }
                (self.base, self.count) = (*end, 0);
                *at += 1;
                *end += steps[*at].span.0;
                self.base
            }
            Shape::Poisson { rate_per_s, chance, elapsed_ns } => {
                *elapsed_ns -= (1.0 - chance.share()).ln() * interval_ns(*rate_per_s);
                self.base + *elapsed_ns as Nanos
            }
            Shape::Bursts { messages, every } => {
                let messages = ((f64::from(*messages) * self.factor).round() as u64).max(1);
                self.base + self.count / messages * *every
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Span;

    fn arrivals(pace: &Pace, start: Nanos, count: usize) -> Vec<Nanos> {
        let mut arrivals = Arrivals::new(pace, 7).unwrap();
        arrivals.restart(start, 1.0);
        take(&mut arrivals, count)
    }

    fn take(arrivals: &mut Arrivals, count: usize) -> Vec<Nanos> {
        let next = |_| {
            let next = arrivals.next();
            arrivals.advance();
            next
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn an_even_rate_does_not_drift() {
        let all = arrivals(&Pace::Constant { rate_per_s: 3.0 }, 500, 3 * 3600 + 1);
        assert_eq!(all[..4], [500, 333_333_833, 666_667_166, 500 + SECOND]);
        assert_eq!(all[3 * 3600], 500 + 3600 * SECOND);
    }

    #[test]
    fn steps_follow_each_other_and_the_last_one_stays() {
        let step = |rate_per_s, seconds: u64| RateStep { rate_per_s, span: Span(seconds * SECOND) };
        let all = arrivals(&Pace::Stepped { steps: vec![step(2.0, 1), step(4.0, 1), step(1.0, 1)] }, 0, 9);
        let quarters: Vec<_> = all.iter().map(|at| at / (SECOND / 4)).collect();
        assert_eq!(quarters, [0, 2, 4, 5, 6, 7, 8, 12, 16]);
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_spread_of_their_rate_and_repeat_by_seed() {
        let pace = Pace::Poisson { rate_per_s: 1000.0 };
        let all = arrivals(&pace, 0, 100_000);
        assert_eq!(all, arrivals(&pace, 0, 100_000));
        let gaps: Vec<f64> = all.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02 && (variance.sqrt() - 1.0).abs() < 0.03, "{mean} {variance}");
    }

    #[test]
    fn a_burst_comes_at_one_instant() {
        let pace = Pace::Bursts { messages: 3, every: Span(SECOND) };
        assert_eq!(arrivals(&pace, 5, 7), [5, 5, 5, 5 + SECOND, 5 + SECOND, 5 + SECOND, 5 + 2 * SECOND]);
    }

    #[test]
    fn a_factor_changes_the_rate_from_then_on() {
        let mut arrivals = Arrivals::new(&Pace::Constant { rate_per_s: 1.0 }, 0).unwrap();
        arrivals.restart(0, 1.0);
        assert_eq!(take(&mut arrivals, 2), [0, SECOND]);
        arrivals.restart(2 * SECOND, 2.0);
        assert_eq!(take(&mut arrivals, 3), [2 * SECOND, 2 * SECOND + SECOND / 2, 3 * SECOND]);
    }
}
