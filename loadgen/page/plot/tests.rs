//! Plots as they are written: what is drawn, and what is left out.

use super::*;

fn line(name: &str, figures: &[Option<f64>]) -> Line {
    Line::new(name, figures.iter().enumerate().map(|(at, figure)| ((at + 1) as f64, *figure)).collect())
}

fn plot(lines: Vec<Line>) -> Plot {
    Plot {
        title: "Rate & more".into(),
        caption: "caption".into(),
        drawn: Drawn::Lines,
        from: None,
        x_unit: Unit::Seconds,
        x_spread: Spread::Linear,
        y_unit: Unit::PerSecond,
        y_spread: Spread::Linear,
        lines,
        coloured: Some((1.5, 2.5)),
        marks: Vec::new(),
        bound: None,
    }
}

fn drawn(plot: &Plot) -> String {
    let mut out = String::new();
    plot.write(&mut out).unwrap();
    out
}

fn path(text: &str, class: &str) -> String {
    text.lines().find(|line| line.contains(class)).unwrap_or_else(|| panic!("{class} in {text}")).to_owned()
}

#[test]
fn a_gap_in_the_figures_is_a_gap_in_the_line() {
    let text = drawn(&plot(vec![line("sent", &[Some(1.0), None, Some(2.0)])]));
    let path = path(&text, "line c0");
    assert_eq!(path.matches('M').count(), 2, "{path}");
    assert_eq!(path.matches("h0").count(), 2, "figures without neighbours are dots: {path}");
    assert_eq!(text.matches("<title>").count(), 3);
    assert!(text.contains("Rate &amp; more") && text.contains("sent: 2/s"), "{text}");
    assert!(!text.contains("<ul>"), "one line needs no legend");
}

#[test]
fn a_figure_of_an_interval_is_drawn_as_long_as_it_lasted() {
    let steps = Plot {
        drawn: Drawn::Steps,
        from: Some(0.0),
        ..plot(vec![line("sent", &[Some(0.0), Some(2.0), Some(1.0)])])
    };
    let path = path(&drawn(&steps), "line c0");
    assert!(path.contains("M0.0 1000.0H333.3V") && path.ends_with("H1000.0\"/>"), "{path}");
    let one = Plot { lines: vec![line("sent", &[Some(5.0)])], ..steps };
    assert!(drawn(&one).contains("M0.0 47.6H1000.0"), "one interval is drawn: {}", drawn(&one));
}

#[test]
fn nothing_to_draw_is_no_plot() {
    assert_eq!(drawn(&plot(Vec::new())), "");
    assert_eq!(drawn(&plot(vec![line("a", &[None; 3])])), "");
    assert_eq!(drawn(&plot(vec![line("a", &[Some(1.0)])])), "");
}

#[test]
fn columns_are_closed_and_long_series_have_few_tooltips() {
    let points = (0..5000).map(|at| (f64::from(at), Some(f64::from(at % 7)))).collect();
    let text = drawn(&Plot { drawn: Drawn::Columns, ..plot(vec![Line::new("n", points)]) });
    assert!(text.matches("<title>").count() <= TIPS_MAX);
    assert!(text.contains("Z\"/>"));
}

#[test]
fn labels_stand_beside_the_drawing_and_the_last_one_stays_inside() {
    let text = drawn(&plot(vec![line("a", &[Some(0.0), Some(5.0), Some(20.0)])]));
    let (svg, labels) = text.split_once("</svg>").unwrap();
    assert!(!svg.contains("<text"), "text in the drawing would stretch with it");
    assert!(labels.contains(r#"<span class="y" style="bottom:0.00%">0/s</span>"#), "{labels}");
    assert!(labels.contains(r#" last" style="left:100.00%">3 s</span>"#), "{labels}");
}

#[test]
fn a_line_upon_another_one_is_dashed() {
    let low = [Some(10.0), Some(11.0), Some(10.0)];
    let apart = drawn(&plot(vec![line("a", &low), line("b", &[Some(90.0), Some(95.0), Some(99.0)])]));
    assert!(path(&apart, "line c1").contains(r#""line c1""#), "{apart}");
    let same = drawn(&plot(vec![line("a", &low), line("b", &low), line("c", &low)]));
    assert!(
        path(&same, "line c1").contains("c1 dash") && path(&same, "line c2").contains("c2 dots"),
        "{same}"
    );
    assert!(same.contains(r#"<li class="c1 dash">"#), "the legend shows it too: {same}");
}

#[test]
fn a_line_of_the_right_axis_has_a_scale_of_its_own() {
    let sent = Line { side: Side::Right, ..line("sent", &[Some(5.0), Some(5.0), Some(5.0)]) };
    let text = drawn(&plot(vec![line("delivered", &[Some(1000.0); 3]), sent]));
    let heights = |class: &str| path(&text, class).split("M0.0 ").nth(1).unwrap()[..4].to_owned();
    assert_eq!(heights("line c0"), heights("line c1"), "both fill their axes");
    assert!(text.contains(r#"<span class="r""#) && text.contains("sent (axis at the right)"), "{text}");
}

#[test]
fn marks_and_bounds_have_their_words_unless_they_are_too_close() {
    let mark = |at, text: &str| Mark { at, text: text.into() };
    let marks = vec![mark(1.2, "400 cut"), mark(1.21, "again"), mark(2.9, "400 cut")];
    let bound = Some((2.0, "p99<5ms".to_owned()));
    let text = drawn(&Plot { marks, bound, ..plot(vec![line("a", &[Some(1.0), Some(1.0), Some(1.0)])]) });
    assert_eq!(text.matches(r#"class="cut""#).count(), 4);
    assert!(text.matches("400 cut").count() == 2 && !text.contains("again"), "{text}");
    assert!(text.contains("p99&lt;5ms"));
}
