//! The ratios B / A of all figures with their intervals, one below the other on one logarithmic axis.
//!
//! Owns the drawing. Must never compute a ratio.

use std::fmt::{self, Write};

use crate::judge::compare::Compared;
use crate::page::escape;
use crate::statistics::Ratio;

use super::{finding, title};

/// What the axis shows at least and at most, as factors: an interval that goes on beyond it ends in an arrow.
const LEAST: f64 = 1.25;
const MOST: f64 = 100.0;

/// Figures at the axis.
const TICKS: [f64; 15] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1.0, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];

/// Writes all ratios; nothing if there are none.
pub(super) fn write(compared: &[Compared], out: &mut String) -> fmt::Result {
    if compared.is_empty() {
        return Ok(());
    }
    let axis = Axis::of(compared);
    writeln!(
        out,
        r#"<h2>B relative to A</h2><figure class="ratios"><div class="row head"><b></b><div class="track">"#
    )?;
    for tick in axis.ticks() {
        writeln!(out, r#"<span style="left:{:.2}%">{tick}×</span>"#, axis.place(tick))?;
    }
    writeln!(out, "</div><em></em></div>")?;
    compared.iter().try_for_each(|row| write_row(&axis, row, out))?;
    writeln!(
        out,
        "<p>The dot is the ratio B / A, the line its interval; at 1× both are alike. The axis is logarithmic: half and twice \
         are as far from 1×.</p></figure>"
    )
}

fn write_row(axis: &Axis, row: &Compared, out: &mut String) -> fmt::Result {
    let Ratio { value, low, high } = row.ratio;
    let class = match row.is_better() {
        Some(true) => "better",
        Some(false) => "worse",
        None => "same",
    };
    write!(out, r#"<div class="row {class}"><b>{}</b><div class="track">"#, escape(title(row.metric)))?;
    for tick in axis.ticks() {
        let one = if tick == 1.0 { " one" } else { "" };
        write!(out, r#"<i class="tick{one}" style="left:{:.2}%"></i>"#, axis.place(tick))?;
    }
    let (from, to) = (axis.place(low), axis.place(high));
    write!(out, r#"<i class="bar" style="left:{from:.2}%;width:{:.2}%"></i>"#, to - from)?;
    for (is_beyond, place, arrow) in [(axis.is_beyond(low), 0.0, "◂"), (axis.is_beyond(high), 100.0, "▸")]
    {
        if is_beyond {
            write!(out, r#"<i class="arrow" style="left:{place}%">{arrow}</i>"#)?;
        }
    }
    write!(out, r#"<i class="point" style="left:{:.2}%"></i></div>"#, axis.place(value))?;
    writeln!(out, "<em>{value:.2}× <small>({low:.2} to {high:.2})</small> {}</em></div>", finding(row))
}

/// A logarithmic axis with 1 in its middle.
struct Axis {
    /// The factor at its end.
    end: f64,
}

impl Axis {
    fn of(compared: &[Compared]) -> Axis {
        let ends = compared.iter().flat_map(|row| [row.ratio.low, row.ratio.high]);
        let far = ends.filter(|ratio| *ratio > 0.0).map(|ratio| ratio.max(1.0 / ratio)).fold(LEAST, f64::max);
        Axis { end: (far * 1.1).min(MOST) }
    }

    /// Where a ratio stands, in percent of the width.
    fn place(&self, ratio: f64) -> f64 {
        let share = (ratio.max(1e-12).ln() / self.end.ln() + 1.0) / 2.0;
        share.clamp(0.0, 1.0) * 100.0
    }

    fn is_beyond(&self, ratio: f64) -> bool {
        ratio > self.end * 1.001 || ratio * self.end * 1.001 < 1.0
    }

    /// As many ticks as have room: on a wide axis 0.8 and 1.25 stand too close to 1.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        let is_wide = self.end > 4.0;
        let is_near = |tick: f64| tick == 0.8 || tick == 1.25;
        let is_fine = |tick: f64| [0.02, 0.05, 0.2, 0.5, 2.0, 5.0, 20.0, 50.0].contains(&tick);
        let end = self.end;
        TICKS
            .into_iter()
            .filter(move |tick| tick.max(1.0 / tick) <= end)
            .filter(move |tick| !(is_wide && is_near(*tick) || end > 50.0 && is_fine(*tick)))
    }
}
