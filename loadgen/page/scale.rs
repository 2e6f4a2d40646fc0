//! From figures to places on a plot and to words: scales, ticks, units.
//!
//! Owns which numbers stand at an axis. Must never know what is plotted.

/// How figures are spread along an axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spread {
    /// Evenly, from 0.
    Linear,
    /// By factors of ten; nothing at or below 0 has a place.
    Logarithmic,
}

/// What a figure is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Seconds,
    Micros,
    PerSecond,
    Count,
    Cores,
    Percent,
    Bytes,
    /// The share of all that is not above: 1 in 10, 1 in 100, told as 90 %, 99 %.
    Percentile,
}

impl Unit {
    /// A figure with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds => format!("{} s", short(value)),
            Unit::Micros if value < 1e3 => format!("{} µs", short(value)),
            Unit::Micros if value < 1e6 => format!("{} ms", short(value / 1e3)),
            Unit::Micros => format!("{} s", short(value / 1e6)),
            Unit::PerSecond => format!("{}/s", with_prefix(value)),
            Unit::Count => with_prefix(value),
            Unit::Cores => short(value),
            Unit::Percent => format!("{} %", short(value * 100.0)),
            Unit::Bytes => bytes(value),
            Unit::Percentile => percentile(value),
        }
    }
}

/// Three digits that matter, without zeros at the end.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 1.0 || value == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn with_prefix(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{} M", short(value / 1e6)),
        size if size >= 1e3 => format!("{} k", short(value / 1e3)),
        _ => short(value),
    }
}

fn bytes(value: f64) -> String {
    const KIB: f64 = 1024.0;
    match value.abs() {
        size if size >= KIB * KIB * KIB => format!("{} GiB", short(value / KIB / KIB / KIB)),
        size if size >= KIB * KIB => format!("{} MiB", short(value / KIB / KIB)),
        size if size >= KIB => format!("{} KiB", short(value / KIB)),
        _ => format!("{} B", short(value)),
    }
}

/// `odds` of 1000 stand for the worst one in a thousand: 99.9 %.
fn percentile(odds: f64) -> String {
    let nines = odds.log10().round() as usize;
    match nines {
        0 => "0 %".into(),
        1 => "90 %".into(),
        2 => "99 %".into(),
        nines => format!("99.{} %", "9".repeat(nines - 2)),
    }
}

/// An axis from its lowest to its highest figure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Scale {
    spread: Spread,
    low: f64,
    high: f64,
}

impl Scale {
    /// An axis on which all figures have a place.
    pub(crate) fn new(spread: Spread, figures: impl Iterator<Item = f64>) -> Scale {
        let figures = figures.filter(|figure| figure.is_finite());
        match spread {
            Spread::Linear => {
                let most = figures.fold(0.0, f64::max);
                Scale { spread, low: 0.0, high: if most > 0.0 { most * 1.05 } else { 1.0 } }
            }
            Spread::Logarithmic => {
                let (low, high) = figures
                    .filter(|figure| *figure > 0.0)
                    .fold((f64::MAX, f64::MIN), |(low, high), figure| (low.min(figure), high.max(figure)));
                match low <= high {
                    true => Scale { spread, low: step_down(low), high: step_up(high.max(low * 1.01)) },
                    false => Scale { spread, low: 1.0, high: 10.0 },
                }
            }
        }
    }

    /// An axis between two figures, without a margin.
    pub(crate) fn between(spread: Spread, low: f64, high: f64) -> Scale {
        Scale { spread, low, high: if high > low { high } else { low + 1.0 } }
    }

    /// Where a figure stands: 0 at the low end, 1 at the high end.
    pub(crate) fn place(&self, figure: f64) -> f64 {
        let of = |figure: f64| match self.spread {
            Spread::Linear => figure,
            Spread::Logarithmic => figure.max(self.low).log10(),
        };
        ((of(figure) - of(self.low)) / (of(self.high) - of(self.low))).clamp(0.0, 1.0)
    }

    /// Figures along the axis that are round in their unit.
    pub(crate) fn ticks(&self, unit: Unit) -> Vec<f64> {
        match self.spread {
            Spread::Linear if unit == Unit::Bytes => {
                let step = 1024f64.powf(self.high.max(1.0).log(1024.0).floor());
                let ticks = linear_ticks(self.low / step, self.high / step);
                ticks.into_iter().map(|tick| tick * step).collect()
            }
            Spread::Linear => linear_ticks(self.low, self.high),
            // Only powers of ten are a number of nines.
            Spread::Logarithmic if unit == Unit::Percentile => log_ticks(self.low, self.high, &[1.0]),
            Spread::Logarithmic => {
                let steps: &[f64] = if self.high < self.low * 1.1e3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
                log_ticks(self.low, self.high, steps)
            }
        }
    }
}

/// Figures of the form 1, 2, 5 times a power of ten around a figure.
fn step_down(figure: f64) -> f64 {
    let power = 10f64.powf(figure.log10().floor());
    [5.0, 2.0].into_iter().map(|step| step * power).find(|step| *step <= figure).unwrap_or(power)
}

fn step_up(figure: f64) -> f64 {
    let power = 10f64.powf(figure.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|step| step * power).find(|step| *step >= figure).unwrap_or(power * 10.0)
}

fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let step = step_up((high - low) / 6.0);
    let first = (low / step).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|number| number as f64 * step).collect()
}

/// Decades, each at these steps.
fn log_ticks(low: f64, high: f64, steps: &[f64]) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (first..=last).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    all.filter(|tick| *tick >= low * 0.999 && *tick <= high * 1.001).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_in_units_that_suit_them() {
        for (unit, value, text) in [
            (Unit::Micros, 87.25, "87.2 µs"),
            (Unit::Micros, 1_500.0, "1.5 ms"),
            (Unit::Micros, 2_000_000.0, "2 s"),
            (Unit::PerSecond, 123_456.0, "123 k/s"),
            (Unit::PerSecond, 999.0, "999/s"),
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::Bytes, 100.0, "100 B"),
            (Unit::Percent, 0.125, "12.5 %"),
            (Unit::Percentile, 1_000.0, "99.9 %"),
            (Unit::Percentile, 10.0, "90 %"),
            (Unit::Count, 0.0, "0"),
        ] {
            assert_eq!(unit.show(value), text);
        }
    }

    #[test]
    fn a_linear_axis_begins_at_0_and_has_a_margin() {
        let scale = Scale::new(Spread::Linear, [10.0, 20.0].into_iter());
        assert_eq!(scale.place(0.0), 0.0);
        assert!(scale.place(20.0) > 0.9 && scale.place(20.0) < 1.0);
        assert_eq!(scale.ticks(Unit::Count), [0.0, 5.0, 10.0, 15.0, 20.0]);
        let memory = Scale::new(Spread::Linear, [30e6].into_iter()).ticks(Unit::Bytes);
        assert_eq!(Unit::Bytes.show(memory[1]), "10 MiB");
        assert_eq!(Scale::new(Spread::Linear, [].into_iter()).ticks(Unit::Count).len(), 6);
    }

    #[test]
    fn a_logarithmic_axis_ends_at_round_figures() {
        let scale = Scale::new(Spread::Logarithmic, [0.0, 130.0, 90_000.0].into_iter());
        assert_eq!((scale.place(100.0), scale.place(100_000.0)), (0.0, 1.0));
        assert_eq!(scale.place(0.0), 0.0, "what has no place stands at the edge");
        let ticks = scale.ticks(Unit::Count);
        assert!(ticks.len() >= 4 && (ticks[0] - 100.0).abs() < 1e-9, "{ticks:?}");
        let odds = Scale::between(Spread::Logarithmic, 1.0, 300.0).ticks(Unit::Percentile);
        let labels: Vec<_> = odds.into_iter().map(|tick| Unit::Percentile.show(tick)).collect();
        assert_eq!(labels, ["0 %", "90 %", "99 %"], "no label stands twice");
        let narrow = Scale::new(Spread::Logarithmic, [50.0, 50.0].into_iter());
        assert!(narrow.place(50.0).is_finite() && !narrow.ticks(Unit::Count).is_empty());
    }
}
