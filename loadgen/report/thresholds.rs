//! Thresholds that fail a run: `p99>5ms`.
//!
//! Owns the figures that a threshold may be about, their units and their text form. Must never change a figure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cli::values;
use crate::latency::{NAMED_FIGURES, Summary};
use crate::plan::Plan;
use crate::words::{Micros, bytes, grouped, rate};

use super::Report;

/// In what a figure is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unit {
    /// Microseconds.
    Us,
    PerS,
    Count,
    /// Percent of the deliveries that were expected.
    Percent,
    Bytes,
}

/// What a run must have for a figure to be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Needs {
    Nothing,
    Messages,
    /// A watched broker.
    Broker,
    BrokerAndMessages,
    /// A watched broker and no messages, which take memory as well.
    BrokerAlone,
}

/// A figure by its name.
struct Known {
    name: &'static str,
    unit: Unit,
    needs: Needs,
    of: fn(&Report) -> Option<f64>,
}

/// A distribution, by what stands before the names of its percentiles.
type Source = (&'static str, Needs, fn(&Report) -> Option<Summary>);

/// The distributions that percentiles may be of, by what stands before their names.
const DISTRIBUTIONS: &[Source] = &[
    ("service.", Needs::Messages, |report| Some(report.traffic.as_ref()?.times.service.summary)),
    ("ack.", Needs::Messages, |report| Some(report.traffic.as_ref()?.times.acknowledgement.summary)),
    ("connect.", Needs::Nothing, |report| Some(report.connections.time.summary)),
    ("recovery.", Needs::Nothing, |report| Some(report.connections.recovery.summary)),
    ("", Needs::Messages, |report| Some(report.traffic.as_ref()?.times.latency.summary)),
];

const OTHERS: &[Known] = &[
    Known {
        name: "rate",
        unit: Unit::PerS,
        needs: Needs::Messages,
        of: |report| Some(report.traffic.as_ref()?.delivered_per_s),
    },
    Known {
        name: "sent",
        unit: Unit::PerS,
        needs: Needs::Messages,
        of: |report| Some(report.traffic.as_ref()?.sent_per_s),
    },
    Known {
        name: "lost",
        unit: Unit::Count,
        needs: Needs::Messages,
        of: |report| Some(report.traffic.as_ref()?.counts.lost as f64),
    },
    Known {
        name: "duplicated",
        unit: Unit::Count,
        needs: Needs::Messages,
        of: |report| Some(report.traffic.as_ref()?.counts.duplicated as f64),
    },
    Known {
        name: "out-of-order",
        unit: Unit::Count,
        needs: Needs::Messages,
        of: |report| Some(report.traffic.as_ref()?.counts.out_of_order as f64),
    },
    Known {
        name: "faults",
        unit: Unit::Count,
        needs: Needs::Nothing,
        of: |report| Some(report.connections.faults as f64),
    },
    Known {
        name: "connect-rate",
        unit: Unit::PerS,
        needs: Needs::Nothing,
        of: |report| Some(report.connections.per_s),
    },
    Known {
        name: "cpu",
        unit: Unit::Us,
        needs: Needs::BrokerAndMessages,
        of: |report| report.broker.as_ref()?.cpu_us_per_delivered,
    },
    Known {
        name: "connect-cpu",
        unit: Unit::Us,
        needs: Needs::Broker,
        of: |report| report.broker.as_ref()?.cpu_us_per_connection,
    },
    Known {
        name: "connect-memory",
        unit: Unit::Bytes,
        needs: Needs::BrokerAlone,
        of: |report| report.broker.as_ref()?.bytes_per_connection,
    },
];

/// Which figure a threshold is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Figure {
    /// Places in [`DISTRIBUTIONS`] and [`NAMED_FIGURES`].
    Percentile(usize, usize),
    /// A place in [`OTHERS`].
    Other(usize),
}

/// How a figure crosses a threshold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Crossing {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// In the order in which a text is searched for them.
const CROSSINGS: [(&str, Crossing); 4] =
    [(">=", Crossing::AtLeast), ("<=", Crossing::AtMost), (">", Crossing::Above), ("<", Crossing::Below)];

/// A figure that fails a run when it crosses a value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Threshold {
    figure: Figure,
    crossing: Crossing,
    unit: Unit,
    value: f64,
    text: String,
}

/// What became of a threshold in a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Judged {
    /// As it was asked for.
    pub(super) fail_if: String,
    /// The figure, in its unit; none if nothing was measured.
    pub(super) found: Option<f64>,
    unit: Unit,
    pub(super) is_crossed: bool,
}

impl Threshold {
    /// Checks that a run will know the figure.
    ///
    /// # Errors
    /// What it lacks.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), String> {
        let needs = match self.figure {
            Figure::Percentile(distribution, _) => DISTRIBUTIONS[distribution].1,
            Figure::Other(at) => OTHERS[at].needs,
        };
        let lacks = |what: &str| Err(format!("--fail-if {}: {what}", self.text));
        let (has_messages, has_broker) = (plan.workload.has_traffic(), !plan.broker_pids.is_empty());
        match needs {
            Needs::Messages | Needs::BrokerAndMessages if !has_messages => {
                lacks("this run sends no messages")
            }
            Needs::Broker | Needs::BrokerAndMessages | Needs::BrokerAlone if !has_broker => {
                lacks("what the broker uses is known with --broker-pid only")
            }
            Needs::BrokerAlone if has_messages => {
                lacks("memory per connection is known of runs that do nothing but connect")
            }
            _ => Ok(()),
        }
    }

    fn found(&self, report: &Report) -> Option<f64> {
        match self.figure {
            Figure::Percentile(distribution, percentile) => {
                let summary = DISTRIBUTIONS[distribution].2(report).filter(|summary| summary.count > 0)?;
                Some(NAMED_FIGURES[percentile].1(&summary))
            }
            Figure::Other(at) => {
                let figure = (OTHERS[at].of)(report)?;
                let expected = report.traffic.as_ref().map_or(0, |traffic| traffic.counts.expected);
                match self.unit {
                    Unit::Percent if expected > 0 => Some(figure * 100.0 / expected as f64),
                    Unit::Percent => None,
                    _ => Some(figure),
                }
            }
        }
    }

    fn is_crossed_by(&self, found: f64) -> bool {
        match self.crossing {
            Crossing::Above => found > self.value,
            Crossing::AtLeast => found >= self.value,
            Crossing::Below => found < self.value,
            Crossing::AtMost => found <= self.value,
        }
    }

    /// What became of it. What is not known counts as crossed: nobody has seen that it was not.
    fn judge(&self, report: &Report) -> Judged {
        let found = self.found(report);
        let is_crossed = found.is_none_or(|found| self.is_crossed_by(found));
        Judged { fail_if: self.text.clone(), found, unit: self.unit, is_crossed }
    }
}

impl Judged {
    /// The figure for a reader.
    pub(super) fn found_in_words(&self) -> String {
        let Some(found) = self.found else { return "not known, since nothing was measured".into() };
        match self.unit {
            Unit::Us => Micros(found).to_string(),
            Unit::PerS => rate(found),
            Unit::Count => grouped(found as u64),
            Unit::Percent => format!("{found:.3} %"),
            Unit::Bytes => bytes(found),
        }
    }
}

impl Report {
    /// Judges by thresholds. One that is crossed fails the run, unless the run says nothing of the broker.
    pub(super) fn judge_by(&mut self, thresholds: &[Threshold]) {
        for threshold in thresholds {
            let judged = threshold.judge(self);
            if judged.is_crossed {
                let text = format!("{}: {}", judged.fail_if, judged.found_in_words());
                if self.verdict.is_valid {
                    self.verdict.failures.push(format!("threshold crossed: {text}"));
                    self.verdict.is_passed = false;
                } else {
                    self.verdict.notes.push(format!("threshold crossed, in a run that is not valid: {text}"));
                }
            }
            self.verdict.thresholds.push(judged);
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Threshold, String> {
        let text: String = text.split_whitespace().collect();
        let found = CROSSINGS.iter().find_map(|(sign, crossing)| {
            let (name, value) = text.split_once(sign)?;
            Some((name, *crossing, value))
        });
        let (name, crossing, value) =
            found.ok_or("a threshold is a figure, < or >, and a value: 'p99>5ms'")?;
        let (figure, unit) = figure(name).ok_or_else(|| unknown(name))?;
        let (value, unit) = self::value(value, unit).map_err(|why| format!("{name}: {why}"))?;
        Ok(Threshold { figure, crossing, unit, value, text: text.clone() })
    }
}

fn figure(name: &str) -> Option<(Figure, Unit)> {
    if let Some(at) = OTHERS.iter().position(|known| known.name == name) {
        return Some((Figure::Other(at), OTHERS[at].unit));
    }
    DISTRIBUTIONS.iter().enumerate().find_map(|(distribution, (before, ..))| {
        let rest = name.strip_prefix(before)?;
        let percentile = NAMED_FIGURES.iter().position(|(known, _)| *known == rest)?;
        Some((Figure::Percentile(distribution, percentile), Unit::Us))
    })
}

fn unknown(name: &str) -> String {
    let percentiles: Vec<&str> = NAMED_FIGURES.iter().map(|(name, _)| *name).collect();
    let before: Vec<&str> =
        DISTRIBUTIONS.iter().map(|(before, ..)| *before).filter(|name| !name.is_empty()).collect();
    let others: Vec<&str> = OTHERS.iter().map(|known| known.name).collect();
    format!(
        "{name:?} is no figure of a run: {}, also with {} before them, {}",
        percentiles.join(", "),
        before.join(", "),
        others.join(", ")
    )
}

/// A value in the unit of its figure, or in percent where the figure is a count.
fn value(text: &str, unit: Unit) -> Result<(f64, Unit), String> {
    let number = |text: &str| {
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        number.ok_or_else(|| format!("{text:?} is no number that is 0 or more"))
    };
    let value = match unit {
        Unit::Us if text.ends_with(|letter: char| letter.is_ascii_digit()) => {
            return Err(format!("{text:?} has no unit: us, ms, s, m or h, such as 5ms"));
        }
        Unit::Us => values::span(text)? as f64 / 1000.0,
        Unit::PerS => values::rate(text.trim_end_matches("/s"))?,
        Unit::Count if text.ends_with('%') => {
            return Ok((number(text.trim_end_matches('%'))?, Unit::Percent));
        }
        Unit::Count | Unit::Percent => number(text)?,
        Unit::Bytes => values::bytes(text)? as f64,
    };
    Ok((value, unit))
}

impl fmt::Display for Threshold {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.text)
    }
}

#[cfg(test)]
mod tests;
