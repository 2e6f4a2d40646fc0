//! A search for the highest rate: one run after the other, each with connections and measurements of its own.
//!
//! Owns what counts as holding a bound. Must never choose a rate: that is `search`.

use crate::cli::TargetArgs;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::search::{Bound, Limit, Search, SearchStep, Steps};
use crate::{interruption, output};

use super::{NoReport, measure_scenario};

/// Finds the highest rate at which the bound holds. Returns the report of that run, or of the last one if none held, with
/// the whole search in it.
///
/// # Errors
/// A scenario without an open loop, and what keeps a run from starting.
pub(super) fn find_rate(scenario: &Scenario, target: &TargetArgs, bound: Bound) -> Result<Report, NoReport> {
    let whole = scenario.open_rate().ok_or("--find-rate needs a flow in an open loop")?;
    let (mut plan, mut steps, mut best) = (Steps::new(), Vec::new(), None::<(f64, Report)>);
    let mut last = None;
    while let Some(factor) = plan.next() {
        let report = measure_scenario(scenario.clone().with_rates(factor)?, target)?;
        let step = judge(&report, bound, (whole * factor, factor));
        if !target.output.quiet {
            output::complain(&step.in_words(&bound.to_string()));
        }
        plan.note(factor, step.limited_by);
        let is_better = step.held && best.as_ref().is_none_or(|(highest, _)| factor > *highest);
        steps.push(step);
        if is_better {
            best = Some((factor, report));
        } else {
            last = Some(report);
        }
        if interruption::has_come() {
            break;
        }
    }
    let highest_per_s = best.as_ref().map(|(factor, _)| whole * factor);
    let limited_by = Some(if interruption::has_come() { Limit::Search } else { plan.limit() });
    let report = best.map(|(_, report)| report).or(last).ok_or("nothing was tried")?;
    Ok(report.with_search(Search { bound: bound.to_string(), highest_per_s, limited_by, steps }))
}

fn judge(report: &Report, bound: Bound, (rate_per_s, factor): (f64, f64)) -> SearchStep {
    let (summary, delivered_per_s) = report.latency_and_rate();
    let found_us = bound.figure_us(&summary);
    let broker = |why: &str| (Some(Limit::Broker), why.to_owned());
    let (limited_by, why) = match (report.failures().first(), report.objections().first()) {
        (Some(failure), _) => broker(failure),
        (None, Some(objection)) => (Some(Limit::Generator), objection.clone()),
        (None, None) if summary.count == 0 => broker("nothing was measured"),
        (None, None) if !bound.holds(found_us) => broker("the bound did not hold"),
        (None, None) => (None, String::new()),
    };
    SearchStep { rate_per_s, factor, found_us, delivered_per_s, held: limited_by.is_none(), why, limited_by }
}

#[cfg(test)]
mod tests {
    use crate::report::tests::report_of;

    use super::*;

    #[test]
    fn a_rate_that_the_generator_could_not_make_is_not_held_against_the_broker() {
        let bound: Bound = "p99<20ms".parse().unwrap();
        // The report's whole latency is 5 us: the bound holds.
        let fine = report_of(&[(100, 100, 0.1); 3]);
        let limit = |report: &Report| judge(report, bound, (1000.0, 1.0)).limited_by;
        let judged = judge(&fine, bound, (1000.0, 1.0));
        assert_eq!((judged.held, judged.limited_by), (true, None), "{judged:?}");
        let mut late = fine.clone();
        late.object("the generator was given 62 % of a CPU");
        assert_eq!(limit(&late), Some(Limit::Generator));
        assert!(judge(&late, bound, (1.0, 1.0)).in_words("p99<20ms").contains("not known: the generator"));
        late.fail("7 messages lost at QoS 1");
        assert_eq!(limit(&late), Some(Limit::Broker), "what the broker failed is its own");
        let strict: Bound = "p99<1us".parse().unwrap();
        assert_eq!(judge(&fine, strict, (1.0, 1.0)).limited_by, Some(Limit::Broker));
    }
}
