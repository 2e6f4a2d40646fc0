//! One plot as inline SVG: lines or columns over two axes, a legend, and a tooltip for each place along the bottom.
//!
//! Owns the drawing. Must never know what the figures mean. Colours come from the page's style sheet, so that light and dark
//! need one drawing.

use std::fmt::{self, Write};

use super::escape;
use super::scale::{Scale, Spread, Unit};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 28.0;

/// Tooltips of a plot at most.
const TIPS_MAX: usize = 240;

/// How the figures are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drawn {
    Lines,
    /// Filled steps, for how often something occurred.
    Columns,
}

/// A line: its name, and a figure for each place along the bottom; none where there is a gap.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) figures: Vec<Option<f64>>,
}

impl Line {
    fn has_figures(&self) -> bool {
        self.figures.iter().any(Option::is_some)
    }
}

/// What is to be drawn.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Plot {
    pub(super) title: &'static str,
    /// What a reader should know of it.
    pub(super) caption: String,
    pub(super) drawn: Drawn,
    pub(super) x: Vec<f64>,
    pub(super) x_unit: Unit,
    pub(super) x_spread: Spread,
    pub(super) y_unit: Unit,
    pub(super) y_spread: Spread,
    pub(super) lines: Vec<Line>,
    /// A part of the bottom axis to be marked.
    pub(super) marked: Option<(f64, f64)>,
}

/// The two axes of a plot on the paper.
struct Paper {
    x: Scale,
    y: Scale,
}

impl Paper {
    fn new(plot: &Plot) -> Paper {
        let (first, last) = (plot.x.first().copied().unwrap_or(0.0), plot.x.last().copied().unwrap_or(1.0));
        let figures = plot.lines.iter().flat_map(|line| line.figures.iter().flatten().copied());
        Paper { x: Scale::between(plot.x_spread, first, last), y: Scale::new(plot.y_spread, figures) }
    }

    fn across(&self, figure: f64) -> f64 {
        LEFT + self.x.place(figure) * (WIDTH - LEFT - RIGHT)
    }

    fn down(&self, figure: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.place(figure) * (HEIGHT - TOP - BOTTOM)
    }
}

impl Plot {
    /// Writes the plot with its title and legend. Without any figure, nothing.
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        let has_figures = self.lines.iter().any(Line::has_figures);
        if self.x.len() < 2 || !has_figures {
            return Ok(());
        }
        let paper = Paper::new(self);
        write!(out, "<figure><figcaption><h3>{}</h3>", escape(self.title))?;
        self.write_legend(out)?;
        writeln!(out, "</figcaption>")?;
        writeln!(
            out,
            r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#,
            escape(self.title)
        )?;
        self.write_marked(&paper, out)?;
        self.write_axes(&paper, out)?;
        for (number, line) in self.lines.iter().enumerate() {
            match self.drawn {
                Drawn::Lines => self.write_line(&paper, number, line, out)?,
                Drawn::Columns => self.write_columns(&paper, number, line, out)?,
            }
        }
        self.write_tips(&paper, out)?;
        writeln!(out, "</svg><p>{}</p></figure>", escape(&self.caption))
    }

    fn write_legend(&self, out: &mut String) -> fmt::Result {
        if self.lines.len() < 2 {
            return Ok(());
        }
        write!(out, "<ul>")?;
        for (number, line) in self.lines.iter().enumerate().filter(|(_, line)| line.has_figures()) {
            write!(out, r#"<li class="c{number}">{}</li>"#, escape(line.name))?;
        }
        write!(out, "</ul>")
    }

    fn write_marked(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        let Some((from, to)) = self.marked else { return Ok(()) };
        let (left, right) = (paper.across(from), paper.across(to));
        let (width, height) = (right - left, HEIGHT - TOP - BOTTOM);
        writeln!(
            out,
            r#"<rect class="marked" x="{left:.1}" y="{TOP}" width="{width:.1}" height="{height}"/>"#
        )
    }

    fn write_axes(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in paper.y.ticks(self.y_unit) {
            let y = paper.down(tick);
            writeln!(out, r#"<path class="grid" d="M{LEFT} {y:.1}H{right}"/>"#)?;
            let (x, label) = (LEFT - 7.0, self.y_unit.show(tick));
            writeln!(out, r#"<text class="y" x="{x}" y="{:.1}">{label}</text>"#, y + 3.5)?;
        }
        for tick in paper.x.ticks(self.x_unit) {
            let x = paper.across(tick);
            writeln!(out, r#"<path class="grid" d="M{x:.1} {bottom}v4"/>"#)?;
            let label = self.x_unit.show(tick);
            writeln!(out, r#"<text class="x" x="{x:.1}" y="{:.1}">{label}</text>"#, bottom + 17.0)?;
        }
        writeln!(out, r#"<path class="axis" d="M{LEFT} {bottom}H{right}"/>"#)
    }

    fn write_line(&self, paper: &Paper, number: usize, line: &Line, out: &mut String) -> fmt::Result {
        write!(out, r#"<path class="line c{number}" d=""#)?;
        let mut is_drawing = false;
        for (at, (x, figure)) in self.x.iter().zip(&line.figures).enumerate() {
            let Some(figure) = figure else {
                is_drawing = false;
                continue;
            };
            let letter = if is_drawing { 'L' } else { 'M' };
            write!(out, "{letter}{:.1} {:.1}", paper.across(*x), paper.down(*figure))?;
            let is_alone = !is_drawing && line.figures.get(at + 1).is_none_or(Option::is_none);
            if is_alone {
                // A line of no length, whose round ends make it a dot.
                write!(out, "h0")?;
            }
            is_drawing = true;
        }
        writeln!(out, r#""/>"#)
    }

    fn write_columns(&self, paper: &Paper, number: usize, line: &Line, out: &mut String) -> fmt::Result {
        let bottom = HEIGHT - BOTTOM;
        write!(out, r#"<path class="area c{number}" d="M{LEFT} {bottom}"#)?;
        for (at, (x, figure)) in self.x.iter().zip(&line.figures).enumerate() {
            let next = self.x.get(at + 1).unwrap_or(x);
            let (y, to) = (paper.down(figure.unwrap_or(0.0)), paper.across(*next));
            write!(out, "L{:.1} {y:.1}H{to:.1}", paper.across(*x))?;
        }
        writeln!(out, r#"V{bottom}Z"/>"#)
    }

    /// Invisible columns whose tooltips tell the figures.
    fn write_tips(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        let every = self.x.len().div_ceil(TIPS_MAX);
        let width = ((WIDTH - LEFT - RIGHT) / self.x.len().div_ceil(every) as f64).max(1.0);
        for (at, x) in self.x.iter().enumerate().step_by(every) {
            let left = paper.across(*x) - width / 2.0;
            let height = HEIGHT - TOP - BOTTOM;
            write!(
                out,
                r#"<rect class="tip" x="{left:.1}" y="{TOP}" width="{width:.1}" height="{height}"><title>"#
            )?;
            write!(out, "{}", self.x_unit.show(*x))?;
            for line in &self.lines {
                if let Some(figure) = line.figures.get(at).copied().flatten() {
                    write!(out, "\n{}: {}", escape(line.name), self.y_unit.show(figure))?;
                }
            }
            writeln!(out, "</title></rect>")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(lines: Vec<Line>) -> Plot {
        Plot {
            title: "Rate & more",
            caption: "caption".into(),
            drawn: Drawn::Lines,
            x: vec![1.0, 2.0, 3.0],
            x_unit: Unit::Seconds,
            x_spread: Spread::Linear,
            y_unit: Unit::PerSecond,
            y_spread: Spread::Linear,
            lines,
            marked: Some((1.5, 2.5)),
        }
    }

    fn drawn(plot: &Plot) -> String {
        let mut out = String::new();
        plot.write(&mut out).unwrap();
        out
    }

    #[test]
    fn a_gap_in_the_figures_is_a_gap_in_the_line() {
        let line = Line { name: "sent", figures: vec![Some(1.0), None, Some(2.0)] };
        let text = drawn(&plot(vec![line]));
        let path = text.lines().find(|line| line.contains("line c0")).unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert_eq!(path.matches("h0").count(), 2, "figures without neighbours are dots: {path}");
        assert_eq!(text.matches("<title>").count(), 3);
        assert!(text.contains("Rate &amp; more") && text.contains("sent: 2/s"), "{text}");
        assert!(!text.contains("<ul>"), "one line needs no legend");
    }

    #[test]
    fn nothing_to_draw_is_no_plot() {
        assert_eq!(drawn(&plot(Vec::new())), "");
        assert_eq!(drawn(&plot(vec![Line { name: "a", figures: vec![None; 3] }])), "");
        assert_eq!(drawn(&Plot { x: vec![1.0], ..plot(Vec::new()) }), "");
    }

    #[test]
    fn columns_are_closed_and_long_series_have_few_tooltips() {
        let figures = (0..5000).map(|at| Some(f64::from(at % 7))).collect();
        let line = Line { name: "n", figures };
        let x = (0..5000).map(f64::from).collect();
        let text = drawn(&Plot { drawn: Drawn::Columns, x, ..plot(vec![line]) });
        assert!(text.matches("<title>").count() <= TIPS_MAX);
        assert!(text.contains("Z\"/>"));
    }
}
