//! A bound of a latency: `p99<5ms`.
//!
//! Owns its text form. Must never know a run.

use std::fmt;
use std::str::FromStr;

use crate::latency::{NAMED_FIGURES, Summary};
use crate::scenario::Span;

/// A figure of the latency that must stay below a span.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bound {
    /// A place in [`NAMED_FIGURES`].
    figure: usize,
    span: Span,
}

impl Bound {
    /// The figure it is about, in microseconds.
    pub(crate) fn figure_us(&self, summary: &Summary) -> f64 {
        NAMED_FIGURES[self.figure].1(summary)
    }

    /// What the figure must stay below, in microseconds.
    pub(crate) fn limit_us(&self) -> f64 {
        self.span.seconds() * 1e6
    }

    /// Whether a figure stays below it.
    pub(crate) fn holds(&self, figure_us: f64) -> bool {
        figure_us < self.span.seconds() * 1e6
    }
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Bound, String> {
        let wrong =
            || "a bound is p50, p90, p99, p99.9, p99.99, max or mean, <, and a span: p99<5ms".to_owned();
        let (name, span) = text.split_once('<').ok_or_else(wrong)?;
        let figure = NAMED_FIGURES.iter().position(|(known, _)| *known == name.trim()).ok_or_else(wrong)?;
        let span: Span = span.trim().parse().map_err(|_| wrong())?;
        if span == Span(0) { Err(wrong()) } else { Ok(Bound { figure, span }) }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}<{}", NAMED_FIGURES[self.figure].0, self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_names_a_figure_and_a_span() {
        let summary = Summary { p99_us: 4999.0, p999_us: 6000.0, ..Summary::default() };
        for (text, holds) in [("p99<5ms", true), ("p99.9<5ms", false), ("p99.9 < 6.1ms", true)] {
            let bound: Bound = text.parse().unwrap();
            assert_eq!(bound.holds(bound.figure_us(&summary)), holds, "{text}");
            assert_eq!(bound.to_string(), text.replace(' ', ""));
        }
        for wrong in ["", "p98<1s", "p99", "p99<0s", "p99<x", "p99>5ms"] {
            assert!(wrong.parse::<Bound>().is_err(), "{wrong}");
        }
    }
}
