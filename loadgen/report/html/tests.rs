//! What a page says of a run, whatever is drawn.

use super::*;
use crate::report::tests::{report_of, report_of_line};
use crate::search::{Search, SearchStep};
use crate::series::{Counters, Row};

#[test]
fn a_run_whose_generator_was_short_of_cpu_passes_with_doubts() {
    let mut report = report_of(&[(100, 50, 0.1); 12]);
    let shown = |report: &Report| (verdict(report).mood, verdict(report).reasons.len());
    assert_eq!(shown(&report), (Mood::Good, 0));
    let headroom = report.generator.headroom.unwrap();
    report.generator.headroom = Some(super::super::costs::Headroom { free: 0.1, ..headroom });
    assert_eq!(shown(&report), (Mood::Doubtful, 1), "the page says why");
    report.generator.headroom = Some(super::super::costs::Headroom { waiting: 0.5, ..headroom });
    assert_eq!(verdict(&report).mood, Mood::Doubtful);
    report.verdict.is_passed = false;
    assert_eq!(verdict(&report).mood, Mood::Bad);
}

#[test]
fn a_page_has_the_title_that_was_given_with_date_and_versions() {
    let report = report_of(&[(100, 50, 0.1); 12]);
    let page = report.to_html();
    assert!(page.contains("<h1>fan-in against 127.0.0.1:1883</h1>"), "{page}");
    let title = "Before & after".to_owned();
    let page = report.clone().with_title(Some(&title)).to_html();
    assert!(page.contains("<h1>Before &amp; after</h1>"));
    assert!(page.contains(&date_and_time(report.started_unix_s)) && page.contains("ringmq-bench 0."));
}

/// Nothing flowed in the first second, so that every step began a second later than the run.
#[test]
fn each_step_has_its_mark_and_its_figures() {
    let mut report = report_of_line("--steps 1k:3s,4k:3s");
    let row = |second: u32| Row {
        at_s: f64::from(second) + 1.0,
        span_s: 1.0,
        phase: if second == 0 { "warm-up" } else { "publish" }.into(),
        is_measured: second > 0,
        step: (second > 0).then_some(u32::from(second > 3)),
        counters: Counters { delivered: if second > 3 { 3900 } else { 1000 }, ..Counters::default() },
        ..Row::default()
    };
    report.series = (0..6).map(row).collect();
    let marks: Vec<_> = marks::marks(&report).into_iter().map(|mark| (mark.at, mark.text)).collect();
    assert_eq!(marks, [(4.0, "4 k/s".to_owned())], "where its intervals begin");
    let page = report.to_html();
    assert!(page.contains("open loop at 1,000/s for 3s, 4,000/s for 3s"), "{page}");
    assert!(
        page.contains("<th>1 k/s asked for</th>") && page.contains("<td class=\"n\">3.9 k/s</td>"),
        "{page}"
    );
}

#[test]
fn a_search_is_drawn_with_its_bound_and_told_rate_by_rate() {
    let step = |rate_per_s: f64, found_us: f64, why: &str| SearchStep {
        rate_per_s,
        factor: 1.0,
        found_us,
        delivered_per_s: rate_per_s,
        held: why.is_empty(),
        why: why.into(),
        limited_by: None,
    };
    let steps = vec![step(1000.0, 300.0, ""), step(2000.0, 9000.0, "the bound did not hold")];
    let search = Search { bound: "p99<5ms".into(), highest_per_s: Some(1000.0), limited_by: None, steps };
    let drawn = search::plot(&search);
    assert_eq!(drawn.bound, Some((5000.0, "p99<5ms".into())));
    assert_eq!(drawn.lines[0].points, [(1000.0, Some(300.0))]);
    assert_eq!(drawn.lines[1].points, [(2000.0, Some(9000.0))]);
    let page = report_of(&[(100, 50, 0.1); 12]).with_search(search).to_html();
    for text in ["Search for the highest rate", "not held: the bound did not hold", "highest rate that held"]
    {
        assert!(page.contains(text), "{text} {page}");
    }
}
