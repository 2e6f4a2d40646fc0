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

/// The latest columns that have room, the latest at the right.
pub(super) struct HeatMap<'a>(pub(super) &'a [Column]);

impl Widget for HeatMap<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        const LABEL_WIDTH: u16 = 7;
        if area.width <= LABEL_WIDTH || area.height == 0 {
            return;
        }
        let room = usize::from(area.width - LABEL_WIDTH);
        let columns = &self.0[self.0.len().saturating_sub(room)..];
        let lines = usize::from(area.height);
        for line in 0..lines {
            // The lowest line has the shortest latencies.
            let from = (lines - 1 - line) * SPANS / lines;
            let to = ((lines - line) * SPANS / lines).max(from + 1).min(SPANS);
            let y = area.y + line as u16;
            buffer.set_string(area.x, y, label(from, to), Style::new().fg(Color::DarkGray));
            let left = area.x + LABEL_WIDTH + (room - columns.len()) as u16;
            for (at, column) in columns.iter().enumerate() {
                let share: f64 = column[from..to].iter().sum();
                if let Some(colour) = colour(share) {
                    buffer.set_string(left + at as u16, y, "█", Style::new().fg(Color::Indexed(colour)));
                }
            }
        }
    }
}

/// The decade that begins in these spans.
fn label(from: usize, to: usize) -> &'static str {
    const LABELS: [&str; 7] = ["1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s"];
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
    fn every_decade_has_its_label_and_the_latest_column_is_at_the_right() {
        let mut columns = vec![[0.0; SPANS]; 3];
        columns[2][0] = 1.0;
        let area = Rect::new(0, 0, 20, 14);
        let mut buffer = Buffer::empty(area);
        HeatMap(&columns).render(area, &mut buffer);
        let text: Vec<String> = (0..14)
            .map(|y| (0..20).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>())
            .collect();
        assert!(text[13].starts_with("1 us") && text[13].ends_with('█'), "{text:?}");
        for label in ["10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s"] {
            assert!(text.iter().any(|line| line.starts_with(label)), "{label} {text:?}");
        }
        HeatMap(&columns).render(Rect::new(0, 0, 3, 1), &mut buffer);
    }
}
