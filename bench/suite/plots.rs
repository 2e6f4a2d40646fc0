//! Plots as SVG: dots on a labelled logarithmic axis, one group of lines for each scenario.
//!
//! Owns how they look. Must never know where the figures come from. A dot has a place and no length: on a logarithmic axis
//! the length of a bar would look like a ratio that it is not.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// One dot.
pub(crate) struct Dot {
    /// Which broker, as an index of the legend.
    pub(crate) series: usize,
    pub(crate) value: f64,
    /// What stands beside it.
    pub(crate) label: String,
}

/// Dots that belong together.
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) dots: Vec<Dot>,
}

/// A plot.
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) legend: Vec<String>,
    pub(crate) groups: Vec<Group>,
}

const WIDTH: i32 = 1000;
const LEFT: i32 = 380;
const RIGHT: i32 = 70;
const TOP: i32 = 96;
const BOTTOM: i32 = 34;
const LINE: i32 = 16;
const GAP: i32 = 14;
const RADIUS: i32 = 5;

const GRID: RGBColor = RGBColor(215, 220, 228);
const FINE_GRID: RGBColor = RGBColor(238, 241, 245);

/// Told apart by people who see colours differently (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(213, 94, 0),
    RGBColor(86, 180, 233),
];

/// Writes a plot to a file.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(plot: &Plot, path: &Path) -> Result<(), String> {
    draw(plot, path).map_err(|error| format!("{}: {error}", path.display()))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(plot: &Plot, path: &Path) -> Drawn {
    let dots: i32 = plot.groups.iter().map(|group| group.dots.len() as i32).sum();
    let end = TOP + dots * LINE + plot.groups.len() as i32 * GAP;
    let area = SVGBackend::new(path, (WIDTH as u32, (end + BOTTOM) as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(plot.title.clone(), (10, 12), ("sans-serif", 18)))?;
    for (index, name) in plot.legend.iter().enumerate() {
        let x = 10 + index as i32 * 170;
        area.draw(&Circle::new((x + 6, 47), RADIUS, COLOURS[index % COLOURS.len()].filled()))?;
        area.draw(&Text::new(name.clone(), (x + 18, 40), ("sans-serif", 13)))?;
    }
    let scale = Scale::of(plot);
    draw_axis(&area, &scale, end)?;
    let mut y = TOP + GAP / 2;
    for group in &plot.groups {
        draw_group(&area, &scale, group, y)?;
        y += group.dots.len() as i32 * LINE + GAP;
    }
    area.present()?;
    Ok(())
}

/// A line for each power of ten, with its figure above and below, and a finer one for each whole multiple.
fn draw_axis(area: &Area<'_>, scale: &Scale, end: i32) -> Drawn {
    for (value, is_power) in scale.ticks() {
        let x = scale.place(value);
        let colour = if is_power { GRID } else { FINE_GRID };
        area.draw(&PathElement::new([(x, TOP - 6), (x, end)], colour.stroke_width(1)))?;
        if is_power {
            for y in [TOP - 16, end + 12] {
                let style =
                    ("sans-serif", 12).into_text_style(area).pos(Pos::new(HPos::Center, VPos::Center));
                area.draw(&Text::new(label(value), (x, y), style))?;
            }
        }
    }
    Ok(())
}

fn draw_group(area: &Area<'_>, scale: &Scale, group: &Group, y: i32) -> Drawn {
    let middle = y + group.dots.len() as i32 * LINE / 2 - 7;
    area.draw(&Text::new(group.title.clone(), (10, middle), ("sans-serif", 13)))?;
    for (at, dot) in group.dots.iter().enumerate() {
        let (x, y) = (scale.place(dot.value), y + at as i32 * LINE + LINE / 2);
        area.draw(&Circle::new((x, y), RADIUS, COLOURS[dot.series % COLOURS.len()].filled()))?;
        let style = ("sans-serif", 12).into_text_style(area).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(dot.label.clone(), (x + RADIUS + 4, y), style))?;
    }
    Ok(())
}

/// A figure at the axis.
fn label(value: f64) -> String {
    if value >= 1000.0 { crate::page::rounded(value) } else { format!("{value}") }
}

/// Values to places, by their logarithms. It ends at half or whole powers of ten.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(plot: &Plot) -> Scale {
        let values = || plot.groups.iter().flat_map(|group| &group.dots).map(|dot| dot.value.max(1e-9));
        let low = values().fold(f64::INFINITY, f64::min).min(1e9);
        let high = values().fold(0.0, f64::max).max(low * 2.0);
        Scale { low: (low.log10() * 2.0).floor() / 2.0, high: (high.log10() * 2.0).ceil() / 2.0 }
    }

    fn place(&self, value: f64) -> i32 {
        let share = (value.max(1e-9).log10() - self.low) / (self.high - self.low);
        LEFT + (share.clamp(0.0, 1.0) * f64::from(WIDTH - LEFT - RIGHT)) as i32
    }

    /// Every figure of one digit on the axis, and whether it is a power of ten.
    fn ticks(&self) -> Vec<(f64, bool)> {
        let powers = self.low.floor() as i32..=self.high.floor() as i32;
        let all = powers.flat_map(|power| (1..10).map(move |digit| (power, digit)));
        let value = |(power, digit): (i32, i32)| {
            // Dividing keeps 0.1 what it is.
            let value = match power {
                0.. => f64::from(digit) * 10f64.powi(power),
                _ => f64::from(digit) / 10f64.powi(-power),
            };
            (value, digit == 1)
        };
        let is_inside = |value: f64| value.log10() >= self.low - 1e-9 && value.log10() <= self.high + 1e-9;
        all.map(value).filter(|(value, _)| is_inside(*value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_every_dot_above_an_axis_that_is_labelled() {
        let dot = |series, value| Dot { series, value, label: format!("{value} µs") };
        let plot = Plot {
            title: "costs".into(),
            legend: vec!["a".into(), "b".into()],
            groups: vec![Group { title: "first".into(), dots: vec![dot(0, 0.3), dot(1, 9.0)] }],
        };
        let path = std::env::temp_dir().join(format!("ringmq-plot-{}.svg", std::process::id()));
        write(&plot, &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(svg.contains("0.3 µs") && svg.contains("9 µs") && svg.contains("first"));
        let labels = svg.lines().filter(|line| ["1", "10"].contains(&line.trim())).count();
        assert_eq!(labels, 4, "above and below: {svg}");
        assert_eq!(svg.matches("<rect").count(), 1, "no bar whose length looks like a ratio: {svg}");
    }

    #[test]
    fn the_scale_is_logarithmic_and_has_a_line_for_each_digit() {
        let scale = Scale { low: 0.0, high: 2.0 };
        let (one, ten, hundred) = (scale.place(1.0), scale.place(10.0), scale.place(100.0));
        assert!((ten - one - (hundred - ten)).abs() <= 1 && one == LEFT);
        assert_eq!(scale.place(1e6), hundred);
        let ticks = scale.ticks();
        assert_eq!(
            (ticks.len(), ticks[0], ticks[9], ticks[18]),
            (19, (1.0, true), (10.0, true), (100.0, true))
        );
        let below = Scale { low: -1.0, high: 0.0 };
        assert_eq!(label(below.ticks()[0].0), "0.1");
    }
}
