//! Which plots a report has.
//!
//! Owns the choice of figures. Must never draw.

use crate::latency::{Latency, Summary};
use crate::page::{Drawn, Line, Mark, Plot, Side, Spread, Unit};
use crate::series::{Distribution, Row};
use crate::words::grouped;

use super::super::Report;
use super::{drawn, marks};

/// Columns of a histogram per factor of ten.
const COLUMNS_PER_DECADE: f64 = 20.0;

/// Places on the percentile curve per factor of ten.
const CURVE_PER_DECADE: i32 = 12;

/// A rate so many times below another one gets an axis of its own.
const OWN_AXIS: f64 = 10.0;

/// All plots over time and of distributions, in their order.
pub(super) fn charts(report: &Report) -> Vec<Plot> {
    let rows = drawn::rows(report);
    let from_s = rows.first().map_or(0.0, |row| row.at_s - row.span_s);
    let time = Time { from_s, rows, measured: measured(report), marks: marks::marks(report) };
    let mut plots = Vec::new();
    if report.traffic.is_some() {
        plots.extend([rates(&time, drawn::delivered_later(report)), latencies(&time)]);
        plots.extend(curve(report));
        plots.extend(histogram(report));
    } else {
        plots.extend([connecting_rate(&time), connecting_times(&time)]);
    }
    plots.extend(recovery(report));
    plots.extend([processor(&time), costs(&time), memory(&time), connections(&time)]);
    plots
}

/// The part of the run that rates and costs are taken from.
fn measured(report: &Report) -> Option<(f64, f64)> {
    let mut rows = report.series.iter().filter(|row| row.is_measured);
    let first = rows.next()?;
    Some((first.at_s - first.span_s, rows.next_back().unwrap_or(first).at_s))
}

/// The intervals over which figures are drawn.
struct Time {
    from_s: f64,
    rows: Vec<Row>,
    measured: Option<(f64, f64)>,
    marks: Vec<Mark>,
}

impl Time {
    fn line(&self, name: &'static str, figure: impl Fn(&Row) -> Option<f64>) -> Line {
        Line::new(name, self.rows.iter().map(|row| (row.at_s, figure(row))).collect())
    }

    fn plot(&self, title: &str, y_unit: Unit, lines: Vec<Line>) -> Plot {
        Plot {
            title: title.into(),
            caption: String::new(),
            drawn: Drawn::Lines,
            from: Some(self.from_s),
            x_unit: Unit::Seconds,
            x_spread: Spread::Linear,
            y_unit,
            y_spread: Spread::Linear,
            lines,
            coloured: self.measured,
            marks: self.marks.clone(),
            bound: None,
        }
    }

    /// A plot of what happened in each interval, which is drawn as long as that lasted.
    fn steps(&self, title: &str, y_unit: Unit, lines: Vec<Line>) -> Plot {
        Plot { drawn: Drawn::Steps, ..self.plot(title, y_unit, lines) }
    }
}

fn rates(time: &Time, later: u64) -> Plot {
    let mut lines = vec![
        time.line("delivered", |row| Some(row.per_s(row.counters.delivered))),
        time.line("sent", |row| Some(row.per_s(row.counters.sent))),
    ];
    let mut caption = String::from("Messages per second. The coloured part of the run is the measured one.");
    let (delivered, sent) = (lines[0].most(), lines[1].most());
    let is_dwarfed = |low: f64, high: f64| low > 0.0 && low * OWN_AXIS < high;
    if is_dwarfed(sent, delivered) || is_dwarfed(delivered, sent) {
        lines[1].side = Side::Right;
        caption += " Sent has an axis of its own, at the right.";
    }
    if later > 0 {
        caption += &format!(" {} more messages arrived after it.", grouped(later));
    }
    Plot { caption, ..time.steps("Rate", Unit::PerSecond, lines) }
}

fn quantiles(time: &Time, of: fn(&Row) -> Option<&Distribution>) -> Vec<Line> {
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

fn latencies(time: &Time) -> Plot {
    let lines = quantiles(time, |row| row.latency.as_ref());
    let caption = "Of what was delivered in each interval, from the time a message was meant to leave.";
    Plot {
        caption: caption.into(),
        y_spread: Spread::Logarithmic,
        ..time.plot("Latency over time", Unit::Micros, lines)
    }
}

fn connecting_rate(time: &Time) -> Plot {
    let lines = vec![time.line("ready", |row| Some(row.per_s(row.counters.connected)))];
    let caption = "Connections that became ready, per second.";
    Plot { caption: caption.into(), ..time.steps("Connections made", Unit::PerSecond, lines) }
}

fn connecting_times(time: &Time) -> Plot {
    let lines = quantiles(time, |row| row.connecting.as_ref());
    let caption = "From the first packet to CONNACK, or to SUBACK.";
    Plot {
        caption: caption.into(),
        y_spread: Spread::Logarithmic,
        ..time.plot("Time to connect", Unit::Micros, lines)
    }
}

fn processor(time: &Time) -> Plot {
    let lines = vec![
        time.line("broker", |row| row.broker.map(|broker| broker.cores)),
        time.line("broker's busiest thread", |row| row.broker.map(|broker| broker.busiest_thread)),
        time.line("generator's thread", |row| Some(row.generator.busy)),
        time.line("its wait for a CPU", |row| Some(row.generator.waiting)),
    ];
    let caption = "CPU seconds per second. A thread at 1 has nothing left.";
    Plot { caption: caption.into(), ..time.steps("CPU", Unit::Cores, lines) }
}

fn costs(time: &Time) -> Plot {
    // What little is delivered before and after does not pay for what the broker does then.
    let cost = |row: &Row| row.broker_us_per_delivered().filter(|_| row.is_measured);
    let lines = vec![time.line("per delivery", cost)];
    let caption = "CPU time of the broker per message delivered in the same interval, of the measured part.";
    Plot { caption: caption.into(), ..time.steps("Broker CPU per message", Unit::Micros, lines) }
}

fn memory(time: &Time) -> Plot {
    let lines = vec![
        time.line("broker", |row| row.broker.map(|broker| broker.rss_bytes as f64)),
        time.line("generator", |row| Some(row.generator.rss_bytes as f64)),
    ];
    Plot { caption: "Resident memory.".into(), ..time.plot("Memory", Unit::Bytes, lines) }
}

fn connections(time: &Time) -> Plot {
    let is_cut = |row: &Row| row.counters.cut + row.counters.lost > 0;
    let mut lines = vec![
        time.line("ready", |row| Some(row.counters.ready as f64)),
        time.line("open", |row| Some(row.counters.open as f64)),
        time.line("being made", |row| Some(row.counters.dialling as f64)),
        time.line("failed or ended", |row| Some(row.counters.faults as f64)),
    ];
    if time.rows.iter().any(is_cut) {
        lines.push(time.line("fewest ready", |row| row.counters.ready_least.map(|least| least as f64)));
    }
    let caption = "Ready, open and being made at the end of each interval; failed or ended, and the fewest that were \
                   ready, during it.";
    Plot { caption: caption.into(), ..time.plot("Connections", Unit::Count, lines) }
}

/// Which share of the clients that had lost their connections was back after how long.
fn recovery(report: &Report) -> Option<Plot> {
    let found = &report.connections.recovery;
    let latency = Latency::from_text(&found.histogram).ok().filter(|latency| latency.count() > 0)?;
    let mut back = 0;
    let curve = latency.buckets().map(|(nanos, count)| {
        back += count;
        (nanos as f64 / 1000.0, Some(back as f64 / latency.count() as f64))
    });
    let first = (found.summary.min_us * 0.9, Some(0.0));
    let line = Line::new("back", [first].into_iter().chain(curve).collect());
    Some(Plot {
        title: "Back after".into(),
        caption: format!(
            "The share of {} connections that had been made again so long after they were cut or lost.",
            grouped(latency.count())
        ),
        ..distribution_plot(vec![line], Unit::Micros, Unit::Percent)
    })
}

/// A plot that is not over time.
fn distribution_plot(lines: Vec<Line>, x_unit: Unit, y_unit: Unit) -> Plot {
    Plot {
        title: String::new(),
        caption: String::new(),
        drawn: Drawn::Lines,
        from: None,
        x_unit,
        x_spread: Spread::Logarithmic,
        y_unit,
        y_spread: Spread::Linear,
        lines,
        coloured: None,
        marks: Vec::new(),
        bound: None,
    }
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
    let plot = percentiles(&distributions(report))?;
    let caption =
        "Latency counts from the time a message was meant to leave, service time from when it left.";
    Some(Plot { title: "Latency by percentile".into(), caption: caption.into(), ..plot })
}

/// Durations by percentile; none without any.
pub(in crate::report) fn percentiles(all: &[(&'static str, Latency)]) -> Option<Plot> {
    let most = all.iter().map(|(_, latency)| latency.count()).max()?;
    let places = ((most as f64).log10() * f64::from(CURVE_PER_DECADE)).floor() as i32;
    let odds = |place: i32| 10f64.powf(f64::from(place) / f64::from(CURVE_PER_DECADE));
    let line = |(name, latency): &(&'static str, Latency)| {
        let point = |odds: f64| (odds, Some(latency.quantile_us(1.0 - 1.0 / odds)));
        Line::new(*name, (0..=places).map(odds).map(point).collect())
    };
    let plot = distribution_plot(all.iter().map(line).collect(), Unit::Percentile, Unit::Micros);
    Some(Plot { y_spread: Spread::Logarithmic, ..plot })
}

/// How many messages had which latency.
fn histogram(report: &Report) -> Option<Plot> {
    let (_, latency) = distributions(report).into_iter().next()?;
    let column = |us: f64| (us.log10() * COLUMNS_PER_DECADE).floor() as i64;
    let us_of = |nanos: u64| nanos as f64 / 1000.0;
    let first = column(us_of(latency.buckets().next()?.0));
    let last = column(us_of(latency.buckets().last()?.0));
    let mut shares = vec![0.0; (last - first + 2) as usize];
    for (nanos, count) in latency.buckets() {
        shares[(column(us_of(nanos)) - first) as usize] += count as f64 / latency.count() as f64;
    }
    let edge = |number: i64| 10f64.powf(number as f64 / COLUMNS_PER_DECADE);
    let points = (first..=last + 1).map(edge).zip(shares.into_iter().map(Some)).collect();
    let plot = distribution_plot(vec![Line::new("share", points)], Unit::Micros, Unit::Percent);
    Some(Plot {
        title: "Distribution of latency".into(),
        caption: "Share of all messages; each column is 12 % wider than the one before it.".into(),
        drawn: Drawn::Columns,
        ..plot
    })
}

#[cfg(test)]
mod tests;
