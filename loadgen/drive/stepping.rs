//! Which step of a stepped rate a run is at, so that an interval of the series ends where a step does.
//!
//! Owns the boundaries. Must never publish: when a message is due is for `arrivals`.

use crate::clock::Nanos;
use crate::scenario::{Pace, Scenario};

/// The steps of the first flow that has some.
#[derive(Debug)]
pub(super) struct Stepping {
    spans: Vec<Nanos>,
    /// When each step but the last ends; empty until messages flow.
    ends: Vec<Nanos>,
    at: usize,
    is_over: bool,
}

impl Stepping {
    /// None if no flow has steps.
    pub(super) fn new(scenario: &Scenario) -> Option<Stepping> {
        let stepped = scenario.flows.iter().find_map(|flow| match &flow.pace {
            Pace::Stepped { steps } => Some(steps),
            _ => None,
        })?;
        let spans = stepped.iter().map(|step| step.span.0).collect();
        Some(Stepping { spans, ends: Vec::new(), at: 0, is_over: false })
    }

    /// Notes that messages flow from a moment on.
    pub(super) fn begin(&mut self, from: Nanos) {
        if self.ends.is_empty() {
            let mut end = from;
            let ends = self.spans[..self.spans.len() - 1].iter().map(|span| {
                end += span;
                end
            });
            self.ends = ends.collect();
            self.is_over = false;
        }
    }

    /// Notes that messages flow no more: what comes later belongs to no step.
    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    /// When the present step ends; none if it is the last one, or nothing flows.
    pub(super) fn next_end(&self) -> Option<Nanos> {
        if self.is_over { None } else { self.ends.get(self.at).copied() }
    }

    /// Goes on to the next step.
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// The number of the present step, from 0; none while nothing flows.
    pub(super) fn at(&self) -> Option<u32> {
        let flows = !self.is_over && (self.spans.len() == 1 || !self.ends.is_empty());
        flows.then_some(self.at as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::typed;

    #[test]
    fn steps_end_one_after_the_other_and_the_last_one_stays() {
        let mut steps = Stepping::new(&typed("pairs --steps 1k:2s,4k:3s,8k:1s").unwrap()).unwrap();
        assert_eq!((steps.at(), steps.next_end()), (None, None), "nothing flows yet");
        steps.begin(10);
        let second = crate::clock::SECOND;
        assert_eq!((steps.at(), steps.next_end()), (Some(0), Some(10 + 2 * second)));
        steps.advance();
        steps.begin(99);
        assert_eq!((steps.at(), steps.next_end()), (Some(1), Some(10 + 5 * second)));
        steps.advance();
        assert_eq!((steps.at(), steps.next_end()), (Some(2), None));
        steps.end();
        assert_eq!(steps.at(), None);
        assert!(Stepping::new(&typed("pairs --rate 1k").unwrap()).is_none());
    }
}
