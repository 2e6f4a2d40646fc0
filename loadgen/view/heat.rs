//! Latencies over time as a map: a column for each interval, a line for each span of latencies, the brighter the more.
//!
//! Owns the spans and the colours. Must never know where it stands on the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::widgets::Widget;

use crate::latency::Latency;

/// The shortest and the longest latency on the map in microseconds: decades from 1 us to 10 s.
const LOWEST_US: f64 = 1.0;
const DECADES: f64 = 7.0;

/// Spans of a column: six for each factor of ten.
pub(super) const SPANS: usize = 42;

/// From few to many, in the 256 colours that terminals have.
const COLOURS: [u8; 7] = [17, 19, 26, 37, 77, 220, 231];

/// Which share of an interval's messages had which latency.
pub(super) type Column = [f64; SPANS];

/// The column of an interval.
pub(super) fn column(latency: &Latency) -> Column {
    let mut column = [0.0; SPANS];
    for (nanos, count) in latency.buckets() {
        column[span_of(nanos as f64 / 1000.0)] += count as f64 / latency.count() as f64;
    }
    column
}

fn span_of(us: f64) -> usize {
    let place = (us / LOWEST_US).max(1.0).log10() / DECADES;
    ((place * SPANS as f64) as usize).min(SPANS - 1)
}

/// Room for the labels at the left: as much as the charts above take, so that the same time stands below the same time.
const LABEL_WIDTH: u16 = 10;

/// All columns, stretched over the time that is shown.
pub(super) struct HeatMap<'a> {
    pub(super) columns: &'a [Column],
    /// When the interval of each column ended.
    pub(super) ends: &'a [f64],
    /// From when to when.
    pub(super) time: (f64, f64),
}

/// Labels for the ends and the middle of an axis of time.
pub(super) fn seconds(first: f64, last: f64) -> [String; 3] {
    let decimals = if last - first < 5.0 { 1 } else { 0 };
    [first, f64::midpoint(first, last), last].map(|second| format!("{second:.decimals$} s"))
}

impl Widget for HeatMap<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.width <= LABEL_WIDTH || area.height < 2 {
            return;
        }
        let room = area.width - LABEL_WIDTH;
        let lines = usize::from(area.height - 1);
        for line in 0..lines {
            // The lowest line has the shortest latencies.
            let from = (lines - 1 - line) * SPANS / lines;
            let to = ((lines - line) * SPANS / lines).max(from + 1).min(SPANS);
            let y = area.y + line as u16;
            let label = format!("{:>9}", label(from, to));
            buffer.set_string(area.x, y, label, Style::new().fg(Color::DarkGray));
            for at in 0..room {
                let share: f64 = self.column_at(at, room).map_or(0.0, |column| column[from..to].iter().sum());
                if let Some(colour) = colour(share) {
                    let x = area.x + LABEL_WIDTH + at;
                    buffer.set_string(x, y, "█", Style::new().fg(Color::Indexed(colour)));
                }
            }
        }
        self.render_seconds(area, room, buffer);
    }
}

impl HeatMap<'_> {
    /// The interval that stands at a place of the screen.
    fn column_at(&self, at: u16, room: u16) -> Option<&Column> {
        let (first, last) = self.time;
        let second = first + (f64::from(at) + 0.5) / f64::from(room) * (last - first);
        self.columns.get(self.ends.partition_point(|end| *end < second))
    }

    fn render_seconds(&self, area: Rect, room: u16, buffer: &mut Buffer) {
        let (y, left) = (area.y + area.height - 1, area.x + LABEL_WIDTH);
        let labels = seconds(self.time.0, self.time.1);
        let widths = labels.each_ref().map(|label| label.chars().count() as u16);
        if widths.iter().sum::<u16>() + 2 > room {
            return;
        }
        // As the charts above have them: the first one ends where the plot begins.
        let first = left - widths[0].min(LABEL_WIDTH);
        let places = [first, left + (room - widths[1]) / 2, left + room - widths[2]];
        for (x, label) in places.into_iter().zip(labels) {
            buffer.set_string(x, y, label, Style::new().fg(Color::DarkGray));
        }
    }
}

/// The decade that begins in these spans.
fn label(from: usize, to: usize) -> &'static str {
    const LABELS: [&str; 7] = ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"];
    let per_decade = SPANS / LABELS.len();
    let decade = (from..to).find(|span| span % per_decade == 0);
    decade.map_or("", |span| LABELS[span / per_decade])
}

/// One in a hundred thousand is still seen.
fn colour(share: f64) -> Option<u8> {
    if share <= 0.0 {
        return None;
    }
    let step = (share.log10() + 5.0) / 5.0 * (COLOURS.len() - 1) as f64;
    Some(COLOURS[(step.round().max(0.0) as usize).min(COLOURS.len() - 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_their_spans_and_shares_their_colours() {
        let mut latency = Latency::new();
        (0..999).for_each(|_| latency.record(50_000));
        latency.record(2_000_000_000);
        let column = column(&latency);
        assert!((column[span_of(50.0)] - 0.999).abs() < 1e-9);
        assert!((column[span_of(2e6)] - 0.001).abs() < 1e-9);
        assert_eq!((span_of(0.1), span_of(1e12)), (0, SPANS - 1));
        assert_eq!((colour(0.0), colour(1.0), colour(1e-9)), (None, Some(231), Some(17)));
    }

    #[test]
    fn every_decade_has_its_label_and_every_column_its_time() {
        let mut columns = vec![[0.0; SPANS]; 3];
        columns[2][0] = 1.0;
        let area = Rect::new(0, 0, 40, 15);
        let mut buffer = Buffer::empty(area);
        let map = || HeatMap { columns: &columns, ends: &[1.0, 2.0, 3.0], time: (0.0, 3.0) };
        map().render(area, &mut buffer);
        let text: Vec<String> = (0..15)
            .map(|y| (0..40).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>())
            .collect();
        let blocks = text[13].chars().filter(|letter| *letter == '█').count();
        assert!(text[13].trim_start().starts_with("1 µs") && text[13].ends_with('█'), "{text:?}");
        assert_eq!(blocks, 10, "the last of three seconds is a third of the width: {text:?}");
        for label in ["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"] {
            assert!(text.iter().any(|line| line.trim_start().starts_with(label)), "{label} {text:?}");
        }
        assert!(text[14].contains("0.0 s") && text[14].ends_with("3.0 s"), "{text:?}");
        map().render(Rect::new(0, 0, 3, 1), &mut buffer);
    }
}
