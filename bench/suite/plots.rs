//! Plots as SVG: bars on a logarithmic scale, one group for each scenario.
//!
//! Owns how they look. Must never know where the figures come from.

use std::path::Path;

use plotters::prelude::*;

/// One bar.
pub(crate) struct Bar {
    /// Which broker, as an index of the legend.
    pub(crate) series: usize,
    pub(crate) value: f64,
    /// What stands at its end.
    pub(crate) label: String,
}

/// Bars that belong together.
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// A plot.
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) legend: Vec<String>,
    pub(crate) groups: Vec<Group>,
}

const WIDTH: i32 = 1000;
const LEFT: i32 = 330;
const RIGHT: i32 = 120;
const TOP: i32 = 70;
const BAR: i32 = 16;
const GAP: i32 = 14;

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

fn draw(plot: &Plot, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let bars: i32 = plot.groups.iter().map(|group| group.bars.len() as i32).sum();
    let height = TOP + bars * BAR + plot.groups.len() as i32 * GAP + 10;
    let area = SVGBackend::new(path, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(plot.title.clone(), (10, 12), ("sans-serif", 18)))?;
    for (index, name) in plot.legend.iter().enumerate() {
        let x = 10 + index as i32 * 170;
        area.draw(&Rectangle::new([(x, 40), (x + 12, 52)], COLOURS[index % COLOURS.len()].filled()))?;
        area.draw(&Text::new(name.clone(), (x + 18, 40), ("sans-serif", 13)))?;
    }
    let scale = Scale::of(plot);
    let mut y = TOP;
    for group in &plot.groups {
        let middle = y + group.bars.len() as i32 * BAR / 2 - 7;
        area.draw(&Text::new(group.title.clone(), (10, middle), ("sans-serif", 13)))?;
        for bar in &group.bars {
            let end = scale.place(bar.value);
            let colour = COLOURS[bar.series % COLOURS.len()];
            area.draw(&Rectangle::new([(LEFT, y), (end, y + BAR - 3)], colour.filled()))?;
            area.draw(&Text::new(bar.label.clone(), (end + 5, y), ("sans-serif", 12)))?;
            y += BAR;
        }
        y += GAP;
    }
    area.present()?;
    Ok(())
}

/// Values to places, by their logarithms.
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn of(plot: &Plot) -> Scale {
        let values = || plot.groups.iter().flat_map(|group| &group.bars).map(|bar| bar.value.max(1e-9));
        let low = values().fold(f64::INFINITY, f64::min).min(1e9) / 1.6;
        let high = values().fold(0.0, f64::max).max(low * 2.0);
        Scale { low: low.ln(), high: high.ln() }
    }

    fn place(&self, value: f64) -> i32 {
        let share = (value.max(1e-9).ln() - self.low) / (self.high - self.low);
        LEFT + (share.clamp(0.0, 1.0) * f64::from(WIDTH - LEFT - RIGHT)) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_shows_every_bar() {
        let bar = |series, value| Bar { series, value, label: format!("{value} us") };
        let plot = Plot {
            title: "costs".into(),
            legend: vec!["a".into(), "b".into()],
            groups: vec![Group { title: "first".into(), bars: vec![bar(0, 0.3), bar(1, 9.0)] }],
        };
        let path = std::env::temp_dir().join(format!("ringmq-plot-{}.svg", std::process::id()));
        write(&plot, &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(svg.contains("0.3 us") && svg.contains("9 us") && svg.contains("first"));
    }

    #[test]
    fn the_scale_is_logarithmic_and_stays_inside() {
        let scale = Scale { low: 1.0_f64.ln(), high: 100.0_f64.ln() };
        let (one, ten, hundred) = (scale.place(1.0), scale.place(10.0), scale.place(100.0));
        assert_eq!((ten - one - (hundred - ten)).abs() <= 1, one == LEFT);
        assert_eq!(scale.place(1e6), hundred);
    }
}
