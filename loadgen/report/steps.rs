//! The figures of each step of a stepped rate, from the intervals that belong to it.
//!
//! Owns which intervals those are: the measured ones, and what arrived in them, whenever it was due. Must never judge.

use serde::{Deserialize, Serialize};

use crate::latency::{Latency, Summary};
use crate::scenario::{Pace, Scenario};
use crate::series::{Counters, Row};

/// One step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct StepFigures {
    /// Messages per second that were asked for, of the flow that has the steps.
    pub(super) rate_per_s: f64,
    /// How long it was measured.
    pub(super) seconds: f64,
    pub(super) sent_per_s: f64,
    pub(super) delivered_per_s: f64,
    /// Of what was delivered in it.
    pub(super) latency: Summary,
    /// CPU microseconds of the broker per message delivered, if it was watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cpu_us_per_delivered: Option<f64>,
}

/// The steps that were measured, in their order; empty without a stepped rate.
pub(super) fn figures(scenario: &Scenario, rows: &[Row]) -> Vec<StepFigures> {
    let stepped = scenario.flows.iter().find_map(|flow| match &flow.pace {
        Pace::Stepped { steps } => Some(steps),
        _ => None,
    });
    let of_step = |at: usize| {
        let own = rows.iter().filter(move |row| row.is_measured && row.step == Some(at as u32));
        own.collect::<Vec<_>>()
    };
    let steps = stepped.into_iter().flatten().enumerate();
    steps.filter_map(|(at, step)| of_rows(step.rate_per_s, &of_step(at))).collect()
}

fn of_rows(rate_per_s: f64, rows: &[&Row]) -> Option<StepFigures> {
    let seconds: f64 = rows.iter().map(|row| row.span_s).sum();
    let mut counters = Counters::default();
    let mut latency = Latency::new();
    for row in rows {
        counters.add(&row.counters);
        let text = row.latency.as_ref().map_or("", |latency| latency.histogram.as_str());
        // A row that this run has made can be read.
        latency.merge(&Latency::from_text(text).unwrap_or_else(|_| Latency::new()));
    }
    let cpu_s: Option<f64> = rows.iter().map(|row| Some(row.broker?.cores * row.span_s)).sum();
    let delivered = counters.delivered;
    (seconds > 0.0).then(|| StepFigures {
        rate_per_s,
        seconds,
        sent_per_s: counters.sent as f64 / seconds,
        delivered_per_s: delivered as f64 / seconds,
        latency: latency.summary(),
        cpu_us_per_delivered: cpu_s.filter(|_| delivered > 0).map(|cpu_s| cpu_s * 1e6 / delivered as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::typed;
    use crate::series::{Distribution, ProcessUse};

    #[test]
    fn each_step_has_the_figures_of_its_own_intervals() {
        let row = |step, is_measured, delivered: u64, us: u64| {
            let mut latency = Latency::new();
            (0..delivered).for_each(|_| latency.record(us * 1000));
            Row {
                span_s: 1.0,
                is_measured,
                step,
                counters: Counters { delivered, sent: delivered, ..Counters::default() },
                latency: Some(Distribution::new(&latency)),
                broker: Some(ProcessUse { cores: 0.1, ..ProcessUse::default() }),
                ..Row::default()
            }
        };
        let rows = [
            row(Some(0), false, 50, 1),
            row(Some(0), true, 100, 10),
            row(Some(0), true, 100, 20),
            row(Some(1), true, 400, 500),
            row(None, true, 7, 9),
        ];
        let scenario = typed("pairs --steps 100:3s,400:1s,900:1s").unwrap();
        let found = figures(&scenario, &rows);
        let told: Vec<_> =
            found.iter().map(|step| (step.rate_per_s, step.seconds, step.delivered_per_s)).collect();
        assert_eq!(told, [(100.0, 2.0, 100.0), (400.0, 1.0, 400.0)], "the third step was never reached");
        assert!((found[1].latency.p50_us - 500.0).abs() < 1.0 && found[0].latency.count == 200);
        assert!(found[0].cpu_us_per_delivered.is_some_and(|us| (us - 1000.0).abs() < 1e-6));
        assert_eq!(figures(&typed("pairs").unwrap(), &rows), []);
    }
}
