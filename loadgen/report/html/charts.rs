//! Which plots a report has.
//!
//! Owns the choice of figures. Must never draw.

use crate::latency::{Latency, Summary};
use crate::series::{Distribution, Row};

use super::super::Report;
use super::plot::{Drawn, Line, Plot};
use super::scale::{Spread, Unit};

/// Rows shorter than this part of the usual one are not drawn: their rates are noise.
const SHORT_ROW: f64 = 0.3;

/// Columns of a histogram per factor of ten.
const COLUMNS_PER_DECADE: f64 = 20.0;

/// Places on the percentile curve per factor of ten.
const CURVE_PER_DECADE: i32 = 12;

/// All plots of a report, in their order.
pub(super) fn charts(report: &Report) -> Vec<Plot> {
    let usual_s = report.series.iter().map(|row| row.span_s).fold(0.0, f64::max);
    // Without traffic the connections are the figures, and a short ramp has them all.
    let is_drawn = |row: &&Row| {
        row.span_s >= usual_s * SHORT_ROW || (report.traffic.is_none() && row.counters.connected > 0)
    };
    let rows: Vec<&Row> = report.series.iter().filter(is_drawn).collect();
    let time = Time { rows, marked: measured(report) };
    let mut plots = Vec::new();
    if report.traffic.is_some() {
        plots.extend([rates(&time), latencies(&time)]);
        plots.extend(curve(report));
        plots.extend(histogram(report));
    } else {
        plots.extend([connecting_rate(&time), connecting_times(&time)]);
    }
    plots.extend([processor(&time), costs(&time), memory(&time), connections(&time)]);
    plots
}

/// The part of the run that rates and costs are taken from.
fn measured(report: &Report) -> Option<(f64, f64)> {
    let mut rows = report.series.iter().filter(|row| row.is_measured);
    let first = rows.next()?;
    Some((first.at_s - first.span_s, rows.next_back().unwrap_or(first).at_s))
}

/// The rows over which figures are drawn.
struct Time<'a> {
    rows: Vec<&'a Row>,
    marked: Option<(f64, f64)>,
}

impl Time<'_> {
    fn line(&self, name: &'static str, figure: impl Fn(&Row) -> Option<f64>) -> Line {
        Line { name, figures: self.rows.iter().map(|row| figure(row)).collect() }
    }

    fn plot(&self, title: &'static str, y_unit: Unit, lines: Vec<Line>) -> Plot {
        Plot {
            title,
            caption: String::new(),
            drawn: Drawn::Lines,
            x: self.rows.iter().map(|row| row.at_s).collect(),
            x_unit: Unit::Seconds,
            x_spread: Spread::Linear,
            y_unit,
            y_spread: Spread::Linear,
            lines,
            marked: self.marked,
        }
    }
}

fn rates(time: &Time<'_>) -> Plot {
    let lines = vec![
        time.line("delivered", |row| Some(row.per_s(row.counters.delivered))),
        time.line("sent", |row| Some(row.per_s(row.counters.sent))),
    ];
    let caption = "Messages per second. The marked part of the run is the measured one.";
    Plot { caption: caption.into(), ..time.plot("Rate", Unit::PerSecond, lines) }
}

fn quantiles(time: &Time<'_>, of: fn(&Row) -> Option<&Distribution>) -> Vec<Line> {
    let line = |name, figure: fn(&Summary) -> f64| {
        time.line(name, |row| of(row).map(|found| figure(&found.summary)))
    };
    vec![
        line("p50", |summary| summary.p50_us),
        line("p90", |summary| summary.p90_us),
        line("p99", |summary| summary.p99_us),
        line("p99.9", |summary| summary.p999_us),
        line("max", |summary| summary.max_us),
    ]
}

fn latencies(time: &Time<'_>) -> Plot {
    let lines = quantiles(time, |row| row.latency.as_ref());
    let caption = "Of what was delivered in each interval, from the time a message was meant to leave.";
    Plot {
        caption: caption.into(),
        y_spread: Spread::Logarithmic,
        ..time.plot("Latency over time", Unit::Micros, lines)
    }
}

fn connecting_rate(time: &Time<'_>) -> Plot {
    let lines = vec![time.line("ready", |row| Some(row.per_s(row.counters.connected)))];
    let caption = "Connections that became ready, per second.";
    Plot { caption: caption.into(), ..time.plot("Connections made", Unit::PerSecond, lines) }
}

fn connecting_times(time: &Time<'_>) -> Plot {
    let lines = quantiles(time, |row| row.connecting.as_ref());
    let caption = "From the first packet to CONNACK, or to SUBACK.";
    Plot {
        caption: caption.into(),
        y_spread: Spread::Logarithmic,
        ..time.plot("Time to connect", Unit::Micros, lines)
    }
}

fn processor(time: &Time<'_>) -> Plot {
    let lines = vec![
        time.line("broker", |row| row.broker.map(|broker| broker.cores)),
        time.line("broker's busiest thread", |row| row.broker.map(|broker| broker.busiest_thread)),
        time.line("generator's thread", |row| Some(row.generator.busy)),
        time.line("its wait for a CPU", |row| Some(row.generator.waiting)),
    ];
    let caption = "CPU seconds per second. A thread at 1 has nothing left.";
    Plot { caption: caption.into(), ..time.plot("CPU", Unit::Cores, lines) }
}

fn costs(time: &Time<'_>) -> Plot {
    let lines = vec![time.line("per delivery", Row::broker_us_per_delivered)];
    let caption = "CPU time of the broker per message delivered in the same interval.";
    Plot { caption: caption.into(), ..time.plot("Broker CPU per message", Unit::Micros, lines) }
}

fn memory(time: &Time<'_>) -> Plot {
    let lines = vec![
        time.line("broker", |row| row.broker.map(|broker| broker.rss_bytes as f64)),
        time.line("generator", |row| Some(row.generator.rss_bytes as f64)),
    ];
    Plot { caption: "Resident memory.".into(), ..time.plot("Memory", Unit::Bytes, lines) }
}

fn connections(time: &Time<'_>) -> Plot {
    let lines = vec![
        time.line("ready", |row| Some(row.counters.ready as f64)),
        time.line("open", |row| Some(row.counters.open as f64)),
        time.line("being made", |row| Some(row.counters.dialling as f64)),
        time.line("failed or ended", |row| Some(row.counters.faults as f64)),
    ];
    let caption = "Ready, open and being made at the end of each interval; failed or ended during it.";
    Plot { caption: caption.into(), ..time.plot("Connections", Unit::Count, lines) }
}

/// The distributions of a report by name; those that recorded something.
fn distributions(report: &Report) -> Vec<(&'static str, Latency)> {
    let Some(traffic) = &report.traffic else { return Vec::new() };
    let named = [
        ("latency", &traffic.times.latency),
        ("service time", &traffic.times.service),
        ("acknowledgement", &traffic.times.acknowledgement),
    ];
    let read = |(name, found): (_, &Distribution)| Some((name, Latency::from_text(&found.histogram).ok()?));
    named.into_iter().filter_map(read).filter(|(_, latency)| latency.count() > 0).collect()
}

/// Latency by percentile, as far as there are messages to tell it.
fn curve(report: &Report) -> Option<Plot> {
    let all = distributions(report);
    let most = all.iter().map(|(_, latency)| latency.count()).max()?;
    let places = ((most as f64).log10() * f64::from(CURVE_PER_DECADE)).floor() as i32;
    let x: Vec<f64> =
        (0..=places).map(|place| 10f64.powf(f64::from(place) / f64::from(CURVE_PER_DECADE))).collect();
    let line = |(name, latency): &(&'static str, Latency)| Line {
        name,
        figures: x.iter().map(|odds| Some(latency.quantile_us(1.0 - 1.0 / odds))).collect(),
    };
    Some(Plot {
        title: "Latency by percentile",
        caption: "Latency counts from the time a message was meant to leave, service time from when it left."
            .into(),
        drawn: Drawn::Lines,
        x_unit: Unit::Percentile,
        x_spread: Spread::Logarithmic,
        y_unit: Unit::Micros,
        y_spread: Spread::Logarithmic,
        lines: all.iter().map(line).collect(),
        marked: None,
        x,
    })
}

/// How many messages had which latency.
fn histogram(report: &Report) -> Option<Plot> {
    let (_, latency) = distributions(report).into_iter().next()?;
    let column = |us: f64| (us.log10() * COLUMNS_PER_DECADE).floor() as i64;
    let us_of = |nanos: u64| nanos as f64 / 1000.0;
    let first = column(us_of(latency.buckets().next()?.0));
    let last = column(us_of(latency.buckets().last()?.0));
    let mut counts = vec![0.0; (last - first + 2) as usize];
    for (nanos, count) in latency.buckets() {
        counts[(column(us_of(nanos)) - first) as usize] += count as f64 / latency.count() as f64;
    }
    let edges = (first..=last + 1).map(|number| 10f64.powf(number as f64 / COLUMNS_PER_DECADE));
    Some(Plot {
        title: "Distribution of latency",
        caption: "Share of all messages; each column is 12 % wider than the one before it.".into(),
        drawn: Drawn::Columns,
        x: edges.collect(),
        x_unit: Unit::Micros,
        x_spread: Spread::Logarithmic,
        y_unit: Unit::Percent,
        y_spread: Spread::Linear,
        lines: vec![Line { name: "share", figures: counts.into_iter().map(Some).collect() }],
        marked: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report_of;

    #[test]
    fn a_ramp_shorter_than_an_interval_is_drawn_where_connections_are_what_was_measured() {
        let mut report = report_of(&[(0, 1, 0.1), (0, 1, 0.1), (0, 1, 0.1)]);
        report.series[0].span_s = 0.1;
        report.series[0].counters.connected = 5;
        let line = |report: &Report, title| {
            let plot = charts(report).into_iter().find(|plot| plot.title == title).unwrap();
            plot.lines.into_iter().next().unwrap().figures
        };
        assert_eq!(line(&report, "Rate"), [Some(0.0), Some(0.0)]);
        report.traffic = None;
        assert_eq!(line(&report, "Connections made"), [Some(50.0), Some(0.0), Some(0.0)]);
    }
}
