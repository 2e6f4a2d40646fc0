//! One plot: lines, steps, columns or dots between two axes, a legend, and a tooltip for each place along the bottom.
//!
//! Owns the drawing. Must never know what the figures mean. Lines are SVG that stretches to the width there is; all text
//! stands beside it as HTML, so that it keeps its size on a phone. Colours come from the page's style sheet, so that light and
//! dark need one drawing.

use std::fmt::{self, Write};

use super::escape;
use super::paper::{Paper, SIZE};
use super::scale::{Spread, Unit};

/// Tooltips of a plot at most.
const TIPS_MAX: usize = 240;

/// Marks nearer to each other than this, in percent of the width, have one text.
const MARK_TEXT_PERCENT: f64 = 11.0;

/// Labels along the bottom for which there is room on a phone.
const LABELS_OF_A_PHONE: usize = 6;

/// A line that is nearer to an earlier one than this, in thousandths of the height, cannot be told from it.
const HIDDEN_BY: f64 = 12.0;

/// How the figures are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Drawn {
    /// Figures of moments.
    Lines,
    /// Figures of intervals, each of which ends at its place: what lies below is what happened.
    Steps,
    /// Filled steps, for how often something occurred.
    Columns,
    /// Figures that do not follow each other.
    Dots,
}

/// Which axis a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A line: its name, and figures at places along the bottom; none where there is a gap.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) side: Side,
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// A moment along the bottom that the reader must know of.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Mark {
    pub(crate) at: f64,
    pub(crate) text: String,
}

/// What is to be drawn.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Plot {
    pub(crate) title: String,
    /// What a reader should know of it.
    pub(crate) caption: String,
    pub(crate) drawn: Drawn,
    /// Where the bottom axis begins; with the first point if it is not given.
    pub(crate) from: Option<f64>,
    pub(crate) x_unit: Unit,
    pub(crate) x_spread: Spread,
    pub(crate) y_unit: Unit,
    pub(crate) y_spread: Spread,
    pub(crate) lines: Vec<Line>,
    /// A part of the bottom axis to be coloured.
    pub(crate) coloured: Option<(f64, f64)>,
    pub(crate) marks: Vec<Mark>,
    /// A figure that is drawn across, such as a bound, with its name.
    pub(crate) bound: Option<(f64, String)>,
}

impl Line {
    /// A line of the left axis.
    pub(crate) fn new(name: impl Into<String>, points: Vec<(f64, Option<f64>)>) -> Line {
        Line { name: name.into(), side: Side::Left, points }
    }

    pub(crate) fn has_figures(&self) -> bool {
        self.points.iter().any(|(_, figure)| figure.is_some())
    }

    /// The highest figure; 0 without any.
    pub(crate) fn most(&self) -> f64 {
        self.points.iter().filter_map(|(_, figure)| *figure).fold(0.0, f64::max)
    }

    fn figure_at(&self, place: f64) -> Option<f64> {
        let at = self.points.partition_point(|(x, _)| *x < place);
        self.points.get(at).filter(|(x, _)| *x == place).and_then(|(_, figure)| *figure)
    }
}

impl Plot {
    /// Writes the plot with its title and legend. Without any figure, nothing.
    pub(crate) fn write(&self, out: &mut String) -> fmt::Result {
        let places = self.places();
        let is_curve = matches!(self.drawn, Drawn::Lines | Drawn::Columns);
        if places.is_empty() || is_curve && places.len() < 2 {
            return Ok(());
        }
        let paper = Paper::new(self, &places);
        write!(out, "<figure><figcaption><h3>{}</h3>", escape(&self.title))?;
        self.write_legend(&paper, out)?;
        writeln!(out, "</figcaption>")?;
        let sides = if paper.right.is_some() { "plot both" } else { "plot" };
        writeln!(out, r#"<div class="{sides}">"#)?;
        writeln!(
            out,
            r#"<svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none" role="img" aria-label="{}">"#,
            escape(&self.title)
        )?;
        self.write_coloured(&paper, out)?;
        self.write_grid(&paper, out)?;
        for (number, line) in self.lines.iter().enumerate() {
            match self.drawn {
                Drawn::Lines => self.write_line(&paper, number, line, out)?,
                Drawn::Steps => self.write_steps(&paper, number, line, out)?,
                Drawn::Columns => write_columns(&paper, number, line, out)?,
                Drawn::Dots => {}
            }
        }
        self.write_tips(&paper, &places, out)?;
        writeln!(out, "</svg>")?;
        self.write_labels(&paper, out)?;
        if self.drawn == Drawn::Dots {
            self.write_dots(&paper, out)?;
        }
        writeln!(out, "</div><p>{}</p></figure>", escape(&self.caption))
    }

    /// All places along the bottom at which a line has a figure, ascending.
    fn places(&self) -> Vec<f64> {
        let points = self.lines.iter().filter(|line| line.has_figures()).flat_map(|line| &line.points);
        let mut places: Vec<f64> = points.map(|(x, _)| *x).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        places
    }

    fn write_legend(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        let shown = || self.lines.iter().enumerate().filter(|(_, line)| line.has_figures());
        if shown().count() < 2 && self.drawn != Drawn::Dots {
            return Ok(());
        }
        write!(out, "<ul>")?;
        for (number, line) in shown() {
            let dashes = self.dashes(paper, number);
            let sample = match self.drawn {
                Drawn::Dots => format!("<em>{}</em>", sign(number)),
                _ => "<i></i>".into(),
            };
            let axis = if line.side == Side::Right { " (axis at the right)" } else { "" };
            write!(out, r#"<li class="c{number}{dashes}">"#)?;
            write!(out, "{sample}{}{axis}</li>", escape(&line.name))?;
        }
        write!(out, "</ul>")
    }

    /// How a line is drawn that lies upon an earlier one, so that both are seen.
    fn dashes(&self, paper: &Paper, number: usize) -> &'static str {
        let line = &self.lines[number];
        let is_near = |other: &Line, (x, figure): &(f64, Option<f64>)| {
            let (Some(own), Some(of_other)) = (figure, other.figure_at(*x)) else { return false };
            (paper.down(line.side, *own) - paper.down(other.side, of_other)).abs() < HIDDEN_BY
        };
        let hides = |other: &&Line| {
            let near = line.points.iter().filter(|point| is_near(other, point)).count();
            near * 3 > line.points.len()
        };
        match self.lines[..number].iter().filter(hides).count() {
            0 => "",
            1 => " dash",
            2 => " dots",
            _ => " both-dash",
        }
    }

    fn write_coloured(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        let Some((from, to)) = self.coloured else { return Ok(()) };
        let (left, right) = (paper.across(from), paper.across(to));
        let width = right - left;
        writeln!(out, r#"<rect class="marked" x="{left:.1}" y="0" width="{width:.1}" height="{SIZE}"/>"#)
    }

    fn write_grid(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        for tick in paper.left.ticks(self.y_unit) {
            writeln!(out, r#"<path class="grid" d="M0 {:.1}H{SIZE}"/>"#, paper.down(Side::Left, tick))?;
        }
        for mark in &self.marks {
            writeln!(out, r#"<path class="cut" d="M{:.1} 0V{SIZE}"/>"#, paper.across(mark.at))?;
        }
        if let Some((figure, _)) = &self.bound {
            writeln!(out, r#"<path class="cut" d="M0 {:.1}H{SIZE}"/>"#, paper.down(Side::Left, *figure))?;
        }
        writeln!(out, r#"<path class="axis" d="M0 {SIZE}H{SIZE}"/>"#)
    }

    /// What stands at the axes, in percent of the plot, so that it does not stretch with it.
    fn write_labels(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        let up = |side, figure| 100.0 - paper.down(side, figure) / SIZE * 100.0;
        for tick in paper.left.ticks(self.y_unit) {
            let label = self.y_unit.show(tick);
            writeln!(out, r#"<span class="y" style="bottom:{:.2}%">{label}</span>"#, up(Side::Left, tick))?;
        }
        for tick in paper.right.iter().flat_map(|scale| scale.ticks(self.y_unit)) {
            let label = self.y_unit.show(tick);
            writeln!(out, r#"<span class="r" style="bottom:{:.2}%">{label}</span>"#, up(Side::Right, tick))?;
        }
        let ticks = paper.x.ticks(self.x_unit);
        for (at, tick) in ticks.iter().enumerate() {
            let left = paper.across(*tick) / SIZE * 100.0;
            // On a phone every other label of many goes; the last one stays inside.
            let rank = if at % 2 == 1 && ticks.len() > LABELS_OF_A_PHONE { " second" } else { "" };
            let place = if left > 97.0 { " last" } else { "" };
            let label = self.x_unit.show(*tick);
            writeln!(out, r#"<span class="x{rank}{place}" style="left:{left:.2}%">{label}</span>"#)?;
        }
        if let Some((figure, name)) = &self.bound {
            let bottom = up(Side::Left, *figure);
            writeln!(out, r#"<span class="bound" style="bottom:{bottom:.2}%">{}</span>"#, escape(name))?;
        }
        self.write_mark_texts(paper, out)
    }

    fn write_mark_texts(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        let mut last = f64::MIN;
        for mark in &self.marks {
            let left = paper.across(mark.at) / SIZE * 100.0;
            if left - last < MARK_TEXT_PERCENT {
                continue;
            }
            last = left;
            let place = if left > 70.0 { " last" } else { "" };
            writeln!(
                out,
                r#"<span class="mark{place}" style="left:{left:.2}%">{}</span>"#,
                escape(&mark.text)
            )?;
        }
        Ok(())
    }

    fn write_line(&self, paper: &Paper, number: usize, line: &Line, out: &mut String) -> fmt::Result {
        write!(out, r#"<path class="line c{number}{}" d=""#, self.dashes(paper, number))?;
        let mut is_drawing = false;
        for (at, (x, figure)) in line.points.iter().enumerate() {
            let Some(figure) = figure else {
                is_drawing = false;
                continue;
            };
            let letter = if is_drawing { 'L' } else { 'M' };
            write!(out, "{letter}{:.1} {:.1}", paper.across(*x), paper.down(line.side, *figure))?;
            let is_alone = !is_drawing && line.points.get(at + 1).is_none_or(|(_, next)| next.is_none());
            if is_alone {
                // A line of no length, whose round ends make it a dot.
                write!(out, "h0")?;
            }
            is_drawing = true;
        }
        writeln!(out, r#""/>"#)
    }

    /// Each figure from the place before it to its own.
    fn write_steps(&self, paper: &Paper, number: usize, line: &Line, out: &mut String) -> fmt::Result {
        write!(out, r#"<path class="line c{number}{}" d=""#, self.dashes(paper, number))?;
        let mut from = paper.start();
        let mut is_drawing = false;
        for (x, figure) in &line.points {
            if let Some(figure) = figure {
                let y = paper.down(line.side, *figure);
                match is_drawing {
                    true => write!(out, "V{y:.1}H{:.1}", paper.across(*x))?,
                    false => write!(out, "M{:.1} {y:.1}H{:.1}", paper.across(from), paper.across(*x))?,
                }
            }
            is_drawing = figure.is_some();
            from = *x;
        }
        writeln!(out, r#""/>"#)
    }

    fn write_dots(&self, paper: &Paper, out: &mut String) -> fmt::Result {
        for (number, line) in self.lines.iter().enumerate() {
            for (x, figure) in &line.points {
                let Some(figure) = figure else { continue };
                let left = paper.across(*x) / SIZE * 100.0;
                let bottom = 100.0 - paper.down(line.side, *figure) / SIZE * 100.0;
                writeln!(
                    out,
                    r#"<span class="dot c{number}" style="left:{left:.2}%;bottom:{bottom:.2}%" title="{}: {}, {}">{}</span>"#,
                    escape(&line.name),
                    self.x_unit.show(*x),
                    self.y_unit.show(*figure),
                    sign(number)
                )?;
            }
        }
        Ok(())
    }

    /// Invisible columns whose tooltips tell the figures.
    fn write_tips(&self, paper: &Paper, places: &[f64], out: &mut String) -> fmt::Result {
        let every = places.len().div_ceil(TIPS_MAX);
        let width = (SIZE / places.len().div_ceil(every) as f64).max(1.0);
        for x in places.iter().step_by(every) {
            let left = paper.across(*x) - width / 2.0;
            write!(
                out,
                r#"<rect class="tip" x="{left:.1}" y="0" width="{width:.1}" height="{SIZE}"><title>"#
            )?;
            write!(out, "{}", self.x_unit.show(*x))?;
            for line in &self.lines {
                if let Some(figure) = line.figure_at(*x) {
                    write!(out, "\n{}: {}", escape(&line.name), self.y_unit.show(figure))?;
                }
            }
            writeln!(out, "</title></rect>")?;
        }
        Ok(())
    }
}

/// What a dot looks like, for those who see colours differently.
fn sign(number: usize) -> &'static str {
    ["●", "✕", "◆"][number % 3]
}

fn write_columns(paper: &Paper, number: usize, line: &Line, out: &mut String) -> fmt::Result {
    write!(out, r#"<path class="area c{number}" d="M0 {SIZE}"#)?;
    for (at, (x, figure)) in line.points.iter().enumerate() {
        let next = line.points.get(at + 1).map_or(*x, |(next, _)| *next);
        let (y, to) = (paper.down(line.side, figure.unwrap_or(0.0)), paper.across(next));
        write!(out, "L{:.1} {y:.1}H{to:.1}", paper.across(*x))?;
    }
    writeln!(out, r#"V{SIZE}Z"/>"#)
}

#[cfg(test)]
mod tests;
