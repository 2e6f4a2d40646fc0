//! The axes of a plot on a square of paper that is stretched to the size there is.
//!
//! Owns where a figure stands. Must never write anything.

use super::plot::{Drawn, Line, Plot, Side};
use super::scale::{Scale, Spread};

/// Width and height of the paper in its own units.
pub(super) const SIZE: f64 = 1000.0;

/// Room between dots and the ends of the bottom axis, as a factor or a share of it.
const ROOM_FOR_DOTS: f64 = 0.04;

/// The axes of a plot.
pub(super) struct Paper {
    pub(super) x: Scale,
    pub(super) left: Scale,
    /// Of lines that have an axis of their own.
    pub(super) right: Option<Scale>,
    start: f64,
}

impl Paper {
    /// The axes on which all figures of a plot have a place. `places` are those along the bottom, at least one.
    pub(super) fn new(plot: &Plot, places: &[f64]) -> Paper {
        let (first, last) = (places[0], places[places.len() - 1]);
        let start = plot.from.unwrap_or(first);
        let (low, high) = match (plot.drawn, plot.x_spread) {
            (Drawn::Dots, Spread::Logarithmic) => {
                let room = (last / first).powf(ROOM_FOR_DOTS).max(1.05);
                (first / room, last * room)
            }
            (Drawn::Dots, Spread::Linear) => {
                let room = (last - first) * ROOM_FOR_DOTS;
                (first - room, last + room)
            }
            _ => (start, last),
        };
        let bound = plot.bound.iter().map(|(figure, _)| *figure);
        let has_right = plot.lines.iter().any(|line| line.side == Side::Right && line.has_figures());
        Paper {
            x: Scale::between(plot.x_spread, low, high),
            left: Scale::new(plot.y_spread, figures(plot, Side::Left).chain(bound)),
            right: has_right.then(|| Scale::new(plot.y_spread, figures(plot, Side::Right))),
            start,
        }
    }

    /// Where the bottom axis begins.
    pub(super) fn start(&self) -> f64 {
        self.start
    }

    pub(super) fn across(&self, figure: f64) -> f64 {
        self.x.place(figure) * SIZE
    }

    pub(super) fn down(&self, side: Side, figure: f64) -> f64 {
        let scale = match side {
            Side::Left => &self.left,
            Side::Right => self.right.as_ref().unwrap_or(&self.left),
        };
        SIZE - scale.place(figure) * SIZE
    }
}

fn figures(plot: &Plot, side: Side) -> impl Iterator<Item = f64> + '_ {
    let lines = plot.lines.iter().filter(move |line: &&Line| line.side == side);
    lines.flat_map(|line| line.points.iter().filter_map(|(_, figure)| *figure))
}
