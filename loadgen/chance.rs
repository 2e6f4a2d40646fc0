//! Chance that can be repeated: numbers that depend on a seed and on nothing else.
//!
//! Owns the generator, splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). Must never be
//! used for a secret.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A sequence of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(mix(seed.wrapping_add(STEP)))
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number from 0 up to, but not including, 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number below a bound above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.number()) * bound as u128) >> 64) as usize
    }
}

/// A number that depends on every bit of another one.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_shares_evenly() {
        let shares = |seed| {
            let mut chance = Chance::new(seed);
            (0..10_000).map(|_| chance.share()).collect::<Vec<_>>()
        };
        assert_eq!(shares(5), shares(5));
        assert_ne!(shares(5), shares(6));
        let mean = shares(5).iter().sum::<f64>() / 1e4;
        assert!(
            (mean - 0.5).abs() < 0.02 && shares(5).iter().all(|share| (0.0..1.0).contains(share)),
            "{mean}"
        );
        let (mut chance, mut counts) = (Chance::new(7), [0; 10]);
        (0..10_000).for_each(|_| counts[chance.below(10)] += 1);
        assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    }
}
