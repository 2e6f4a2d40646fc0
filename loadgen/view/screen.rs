//! The picture of a run under way: rate, percentiles and a map of latencies over time, and the figures of the last interval.
//!
//! Owns what is remembered for it and where it stands. Must never know a terminal.

use std::fmt::Display;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph};

use crate::latency::{Latency, Summary};
use crate::series::{Counters, Row};

use super::Shown;
use super::heat::{Column, HeatMap, column, seconds};

/// Intervals that are remembered: as many as a wide terminal has columns.
const ROWS_MAX: usize = 300;

/// Intervals shorter than this have no rates worth drawing.
const SPAN_MIN_S: f64 = 0.05;

const WIDTH_OF_FIGURES: u16 = 36;

/// What is remembered of a run.
pub(super) struct Screen {
    shown: Shown,
    /// When the last connection of the ramp stood: what is planned counts from then.
    connected_s: f64,
    rows: Vec<Row>,
    columns: Vec<Column>,
    /// What is too short for a figure of its own, and waits for the next interval.
    short: Option<Row>,
    /// Gauges in it say nothing.
    total: Counters,
}

impl Screen {
    pub(super) fn new(shown: Shown) -> Screen {
        let total = Counters::default();
        Screen { shown, connected_s: 0.0, rows: Vec::new(), columns: Vec::new(), short: None, total }
    }

    /// Takes the next row.
    pub(super) fn add(&mut self, row: Row) {
        self.total.add(&row.counters);
        if row.phase == "ramp" {
            self.connected_s = row.at_s;
        }
        let row = joined(self.short.take(), row);
        if row.span_s < SPAN_MIN_S {
            self.short = Some(row);
            return;
        }
        let histogram = row.latency.as_ref().or(row.connecting.as_ref()).map_or("", |found| &found.histogram);
        let latency = Latency::from_text(histogram).unwrap_or_else(|_| Latency::new());
        if self.rows.len() == ROWS_MAX {
            self.rows.remove(0);
            self.columns.remove(0);
        }
        self.columns.push(column(&latency));
        self.rows.push(row);
    }

    /// Draws everything.
    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let [head, body] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(frame.area());
        self.draw_head(frame, head);
        let columns = [Constraint::Min(20), Constraint::Length(WIDTH_OF_FIGURES)];
        let [plots, figures] = Layout::horizontal(columns).areas(body);
        let thirds = [Constraint::Ratio(1, 3), Constraint::Ratio(1, 3), Constraint::Ratio(1, 3)];
        let [rate, latency, heat] = Layout::vertical(thirds).areas(plots);
        self.draw_rates(frame, rate);
        self.draw_latencies(frame, latency);
        let block = Block::bordered().title(" latency, brighter is more ");
        let ends: Vec<f64> = self.rows.iter().map(|row| row.at_s).collect();
        let map = HeatMap { columns: &self.columns, ends: &ends, time: self.time() };
        frame.render_widget(map, block.inner(heat));
        frame.render_widget(block, heat);
        frame.render_widget(Paragraph::new(self.figures()).block(Block::bordered().title(" now ")), figures);
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let (at_s, phase) = self.rows.last().map_or((0.0, ""), |row| (row.at_s, row.phase.as_str()));
        let progress = self.progress(at_s);
        let title = &self.shown.title;
        let text = format!(" {title}   {progress}   {phase}   Ctrl-C ends the run and writes the report");
        frame.render_widget(Line::from(text).bold().bg(Color::Blue).fg(Color::White), area);
    }

    /// How long the run has lasted, and of how long if that is known.
    fn progress(&self, at_s: f64) -> String {
        const WIDTH: usize = 10;
        let Some(planned_s) = self.shown.planned_s else { return format!("{at_s:.0} s") };
        let whole_s = self.connected_s + planned_s;
        let done = ((at_s / whole_s * WIDTH as f64) as usize).min(WIDTH);
        let bar = "━".repeat(done) + &"─".repeat(WIDTH - done);
        format!("{bar} {:.0} of {whole_s:.0} s", at_s.min(whole_s))
    }

    /// The time that every plot shows.
    fn time(&self) -> (f64, f64) {
        match (self.rows.first(), self.rows.last()) {
            (Some(first), Some(last)) => (first.at_s - first.span_s, last.at_s),
            _ => (0.0, 1.0),
        }
    }

    fn draw_rates(&self, frame: &mut Frame<'_>, area: Rect) {
        let is_connecting = self.total.delivered == 0 && self.total.sent == 0;
        let lines: [Rate; 2] = match is_connecting {
            true => [
                ("connected/s", Color::Cyan, |row| row.per_s(row.counters.connected)),
                ("faults/s", Color::Red, |row| row.per_s(row.counters.faults)),
            ],
            false => [
                ("delivered/s", Color::Cyan, |row| row.per_s(row.counters.delivered)),
                ("sent/s", Color::Yellow, |row| row.per_s(row.counters.sent)),
            ],
        };
        let points = lines.map(|(name, colour, of)| (name, colour, self.points(of)));
        let high = round_up(most(&points).max(1.0));
        let labels = [0.0, high / 2.0, high].map(|figure| format!("{:>9}", short(figure)));
        draw_chart(frame, area, (" rate ", self.time()), &points, (0.0, high), &labels);
    }

    fn draw_latencies(&self, frame: &mut Frame<'_>, area: Rect) {
        // Before the first message arrives, times are those of connecting.
        let has_latency = self.rows.iter().any(|row| row.latency.is_some());
        let is_shown = |row: &&Row| times(row).count > 0 && (row.latency.is_some() || !has_latency);
        let logarithm = |of: fn(&Summary) -> f64| {
            let rows = self.rows.iter().filter(is_shown);
            rows.map(|row| (row.at_s, log_us(of(&times(row))))).collect::<Vec<_>>()
        };
        let points = [
            ("max", Color::Red, logarithm(|summary| summary.max_us)),
            ("p99", Color::Yellow, logarithm(|summary| summary.p99_us)),
            ("p50", Color::Green, logarithm(|summary| summary.p50_us)),
        ];
        let low = points[2].2.iter().map(|(_, figure)| figure.floor()).fold(f64::MAX, f64::min).min(6.0);
        let high = most(&points).ceil().max(low + 1.0);
        // A label for each power of ten.
        let powers = low as i32..=high as i32;
        let labels: Vec<String> =
            powers.map(|power| format!("{:>9}", micros(10f64.powi(power)).replace(".00", ""))).collect();
        draw_chart(frame, area, (" latency ", self.time()), &points, (low, high), &labels);
    }

    fn points(&self, of: impl Fn(&Row) -> f64) -> Vec<(f64, f64)> {
        self.rows.iter().map(|row| (row.at_s, of(row))).collect()
    }

    fn figures(&self) -> Vec<Line<'static>> {
        let Some(row) = self.rows.last() else { return Vec::new() };
        let times = times(row);
        let mut lines = vec![
            entry("ready", row.counters.ready),
            entry("open", row.counters.open),
            entry("being made", row.counters.dialling),
            entry("failed or ended", self.total.faults),
            entry("cut, back", format!("{}, {}", self.total.cut, self.total.recovered)),
            Line::default(),
            entry("sent", self.total.sent),
            entry("delivered", self.total.delivered),
            entry("not arrived yet", row.counters.undelivered),
            entry("duplicated", self.total.duplicated),
            entry("out of order", self.total.out_of_order),
            entry("sent/s", short(row.per_s(row.counters.sent))),
            entry("delivered/s", short(row.per_s(row.counters.delivered))),
            Line::default(),
        ];
        for (name, us) in
            [("p50", times.p50_us), ("p99", times.p99_us), ("p99.9", times.p999_us), ("max", times.max_us)]
        {
            lines.push(entry(name, micros(us)));
        }
        if let Some(broker) = row.broker {
            lines.extend([
                Line::default(),
                entry("broker cores", format!("{:.2}", broker.cores)),
                entry("  busiest thread", percent(broker.busiest_thread)),
                entry("  memory", format!("{} MiB", broker.rss_bytes >> 20)),
                entry("  threads", broker.threads),
            ]);
        }
        lines.extend([
            Line::default(),
            entry("generator busy", percent(row.generator.busy)),
            entry("  waiting", percent(row.generator.waiting)),
            entry("machine busy", percent(row.machine.busy)),
        ]);
        lines
    }
}

/// The durations that an interval is about.
fn times(row: &Row) -> Summary {
    let found = row.latency.as_ref().or(row.connecting.as_ref());
    found.map(|found| found.summary).unwrap_or_default()
}

fn log_us(us: f64) -> f64 {
    us.max(1.0).log10()
}

fn entry(name: &'static str, value: impl Display) -> Line<'static> {
    let width = usize::from(WIDTH_OF_FIGURES) - 4 - name.len();
    Line::from(vec![
        Span::raw(name).fg(Color::Gray),
        Span::raw(format!(" {:>width$}", value.to_string())).bold(),
    ])
}

/// A line of the rate: its name, its colour, and its figure.
type Rate = (&'static str, Color, fn(&Row) -> f64);

/// A line of a chart.
type Points<'a> = (&'a str, Color, Vec<(f64, f64)>);

fn most(points: &[Points<'_>]) -> f64 {
    points.iter().flat_map(|(_, _, points)| points).map(|(_, figure)| *figure).fold(0.0, f64::max)
}

fn draw_chart(
    frame: &mut Frame<'_>,
    area: Rect,
    (title, (first, last)): (&'static str, (f64, f64)),
    points: &[Points<'_>],
    y: (f64, f64),
    labels: &[String],
) {
    let datasets = points.iter().map(|(_, colour, points)| {
        let dataset = Dataset::default().marker(Marker::Braille).graph_type(GraphType::Line);
        dataset.style(Style::new().fg(*colour)).data(points)
    });
    let grey = Style::new().fg(Color::DarkGray);
    let x_axis = Axis::default().bounds([first, last]).labels(seconds(first, last)).style(grey);
    let y_axis = Axis::default().bounds([y.0, y.1]).labels(labels.to_vec()).style(grey);
    let names = points.iter().map(|(name, colour, _)| Span::raw(format!("{name} ")).fg(*colour));
    let title = Line::from_iter([Span::raw(title)].into_iter().chain(names));
    let chart = Chart::new(datasets.collect()).block(Block::bordered().title(title));
    frame.render_widget(chart.x_axis(x_axis).y_axis(y_axis), area);
}

/// The next figure that is round, as its half is.
fn round_up(figure: f64) -> f64 {
    let power = 10f64.powf(figure.log10().floor());
    [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|step| *step >= figure)
        .unwrap_or(figure)
}

/// A row with what was too short before it.
fn joined(short: Option<Row>, row: Row) -> Row {
    // A histogram that cannot be read is left to the report.
    short.and_then(|short| short.followed_by(&row).ok()).unwrap_or(row)
}

fn short(figure: f64) -> String {
    match figure {
        figure if figure >= 1e6 => format!("{:.2} M", figure / 1e6),
        figure if figure >= 1e4 => format!("{:.1} k", figure / 1e3),
        figure => format!("{figure:.0}"),
    }
}

fn micros(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{:.2} s", us / 1e6),
        us if us >= 1e3 => format!("{:.2} ms", us / 1e3),
        us => format!("{us:.0} µs"),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::series::{Distribution, ProcessUse};

    fn row(second: u32) -> Row {
        let mut latency = Latency::new();
        (0..100).for_each(|number| latency.record(u64::from(second + number) * 1_000_000));
        Row {
            at_s: f64::from(second),
            span_s: 1.0,
            phase: "publish".into(),
            counters: Counters { sent: 1000, delivered: 2000, open: 12, ..Counters::default() },
            latency: Some(Distribution::new(&latency)),
            broker: Some(ProcessUse { cores: 0.75, rss_bytes: 9 << 20, ..ProcessUse::default() }),
            ..Row::default()
        }
    }

    fn picture(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_picture_tells_rate_latency_connections_and_the_broker() {
        let title = "fan-in to tcp://127.0.0.1:1883".into();
        let mut screen = Screen::new(Shown { title, planned_s: Some(60.0) });
        (1..=30).for_each(|second| screen.add(row(second)));
        let text = picture(&screen, 120, 40);
        for words in [
            "fan-in to tcp://127.0.0.1:1883   ━━━━━───── 30 of 60 s   publish",
            " rate ",
            " latency ",
            "broker cores",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        assert!(text.contains("60000") && text.contains("30000") && text.contains("0.75"), "{text}");
        assert!(text.contains('█'), "the map is drawn\n{text}");
        assert!(text.contains("129") && text.contains("delivered/s"), "{text}");
    }

    #[test]
    fn lines_and_map_have_one_time_axis_and_round_figures() {
        let shown = Shown { title: "x".into(), planned_s: None };
        let mut screen = Screen::new(shown);
        (1..=30).for_each(|second| screen.add(row(second)));
        let text = picture(&screen, 120, 40);
        // At the left and the right end of each of the three plots.
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("30 s│")).collect();
        assert_eq!(lines.len(), 3, "{text}");
        let places: Vec<_> = lines.iter().map(|line| line.find("0 s")).collect();
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}\n{text}");
        assert!(
            text.contains("2000┤") || text.contains("2000│"),
            "the highest rate is at a round figure\n{text}"
        );
        assert_eq!(
            [0.9, 3.0, 1800.0, 2000.0, 7_000.0].map(round_up),
            [0.9_f64.max(1.0), 4.0, 2000.0, 2000.0, 8_000.0]
        );
    }

    #[test]
    fn any_size_of_the_terminal_and_no_rows_do() {
        let mut screen = Screen::new(Shown { title: "connect".into(), planned_s: None });
        for (width, height) in [(1, 1), (10, 3), (40, 10), (300, 100)] {
            picture(&screen, width, height);
        }
        (0..ROWS_MAX as u32 + 5).for_each(|second| screen.add(row(second)));
        assert_eq!((screen.rows.len(), screen.columns.len()), (ROWS_MAX, ROWS_MAX));
        for (width, height) in [(1, 1), (10, 3), (40, 10), (300, 100)] {
            picture(&screen, width, height);
        }
    }
}
