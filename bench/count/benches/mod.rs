//! All benchmarks, by name.
//!
//! Owns the list. Must never know how they are counted.

mod codec;
mod flow;
mod life;
mod topics;

use crate::meter::Pass;

/// A benchmark.
pub(crate) struct Bench {
    /// Its name: group and case.
    pub(crate) name: &'static str,
    /// What is counted per.
    pub(crate) unit: &'static str,
    /// When it runs.
    pub(crate) length: Length,
    /// Prepares it.
    pub(crate) prepare: fn() -> Prepared,
}

/// When a benchmark runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// Always, and the ratchet holds it.
    Short,
    /// Only when asked for: its preparation takes long.
    Long,
}

/// A benchmark that is ready.
pub(crate) struct Prepared {
    /// Units that one pass works through.
    pub(crate) units: u64,
    /// Does it once and tells how many units came out: as many as `units`, or the benchmark is wrong.
    pub(crate) work: Box<dyn FnMut(Pass) -> u64>,
}

impl Prepared {
    fn new(units: u64, work: impl FnMut(Pass) -> u64 + 'static) -> Prepared {
        Prepared { units, work: Box::new(work) }
    }
}

impl Bench {
    const fn short(name: &'static str, unit: &'static str, prepare: fn() -> Prepared) -> Bench {
        Bench { name, unit, length: Length::Short, prepare }
    }

    const fn long(name: &'static str, unit: &'static str, prepare: fn() -> Prepared) -> Bench {
        Bench { name, unit, length: Length::Long, prepare }
    }
}

/// All of them, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Bench> {
    [codec::BENCHES, topics::BENCHES, flow::BENCHES, life::BENCHES].into_iter().flatten()
}
