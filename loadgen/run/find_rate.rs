//! A search for the highest rate: one run after the other, each with connections and measurements of its own.
//!
//! Owns what counts as holding a bound. Must never choose a rate: that is `search`.

use crate::cli::TargetArgs;
use crate::report::Report;
use crate::scenario::Scenario;
use crate::search::{Bound, Held, Search, SearchStep, Steps};
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
        let held = if step.held { Held::Yes } else { Held::No };
        if !target.output.quiet {
            output::complain(&step.in_words(&bound.to_string()));
        }
        plan.note(factor, held);
        steps.push(step);
        let is_better = held == Held::Yes && best.as_ref().is_none_or(|(highest, _)| factor > *highest);
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
    let report = best.map(|(_, report)| report).or(last).ok_or("nothing was tried")?;
    Ok(report.with_search(Search { bound: bound.to_string(), highest_per_s, steps }))
}

fn judge(report: &Report, bound: Bound, (rate_per_s, factor): (f64, f64)) -> SearchStep {
    let (summary, delivered_per_s) = report.latency_and_rate();
    let found_us = bound.figure_us(&summary);
    let trouble = report.troubles().next().map(str::to_owned);
    let why = match trouble {
        Some(trouble) => trouble,
        None if summary.count == 0 => "nothing was measured".into(),
        None if !bound.holds(found_us) => "the bound did not hold".into(),
        None => String::new(),
    };
    SearchStep { rate_per_s, factor, found_us, delivered_per_s, held: why.is_empty(), why }
}
