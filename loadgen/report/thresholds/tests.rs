//! Thresholds: their text form, and what becomes of them in made-up runs.

use crate::report::tests::{outcome, report_with};

use super::*;

#[test]
fn a_threshold_is_a_figure_a_sign_and_a_value_in_its_unit() {
    for (text, unit, value) in [
        ("p99>5ms", Unit::Us, 5000.0),
        ("p99.9 >= 1s", Unit::Us, 1e6),
        ("connect.p50<2us", Unit::Us, 2.0),
        ("recovery.max>1m", Unit::Us, 6e7),
        ("rate<9.5k", Unit::PerS, 9500.0),
        ("sent<=100/s", Unit::PerS, 100.0),
        ("lost>0", Unit::Count, 0.0),
        ("lost>0.1%", Unit::Percent, 0.1),
        ("connect-memory>1KiB", Unit::Bytes, 1024.0),
    ] {
        let threshold: Threshold = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((threshold.unit, threshold.value), (unit, value), "{text}");
        assert_eq!(threshold.to_string(), text.replace(' ', ""));
    }
    for (text, why) in [
        ("p98>5ms", "\"p98\" is no figure of a run: p50, p90, p99, p99.9"),
        ("latency>5ms", "out-of-order, faults"),
        ("p99>5", "has no unit"),
        ("p99>x", "a span is a number"),
        ("p99", "a threshold is a figure"),
        ("lost>-1", "is no number"),
        ("rate<0", "a rate is a number above 0"),
        ("service.cpu>1us", "is no figure"),
    ] {
        let refused = text.parse::<Threshold>().unwrap_err();
        assert!(refused.contains(why), "{text}: {refused}");
    }
}

#[test]
fn a_threshold_that_is_crossed_fails_the_run_and_is_told_with_its_figure() {
    // Every message took 5 us; 1,000 of 1,000 arrived at 100 a second.
    let report = report_with(&["p99>1ms", "rate<50", "lost>0", "cpu>3ms"], &outcome(0..1000));
    assert_eq!((report.exit_code(), report.verdict.is_passed), (0, true), "{:?}", report.verdict);
    let text = report.to_text();
    assert!(text.contains("threshold     p99>1ms: 5.0 \u{b5}s, ok"), "{text}");
    let report = report_with(&["p99>1us", "rate<200", "cpu>1ms", "lost>0"], &outcome(0..1000));
    let crossed = ["p99>1us: 5.0 \u{b5}s", "rate<200: 100/s", "cpu>1ms: 2.00 ms"];
    assert_eq!(report.verdict.failures, crossed.map(|text| format!("threshold crossed: {text}")));
    assert_eq!(report.exit_code(), 1);
    assert!(report.to_text().contains("threshold     rate<200: 100/s, FAILED"), "{}", report.to_text());
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["verdict"]["thresholds"][1]["fail_if"], "rate<200");
    assert_eq!(json["verdict"]["thresholds"][1]["found"], 100.0);
    assert_eq!(json["verdict"]["thresholds"][1]["is_crossed"], true);
    assert_eq!(Report::from_json(&report.to_json()).as_ref(), Ok(&report));
}

#[test]
fn a_run_that_says_nothing_of_the_broker_is_invalid_and_not_failed_by_a_threshold() {
    let late = crate::drive::Outcome { lag_share: 0.02, ..outcome(0..1000) };
    let report = report_with(&["p99>1us"], &late);
    assert_eq!((report.exit_code(), report.verdict.is_passed), (3, true));
    assert!(report.verdict.thresholds[0].is_crossed);
    assert!(report.verdict.notes[0].starts_with("threshold crossed, in a run that is not valid"));
}

#[test]
fn a_share_of_lost_messages_is_one_of_those_expected() {
    let report = report_with(&["lost>0.05%", "lost>0.2%"], &outcome(1..1000));
    let crossed: Vec<bool> = report.verdict.thresholds.iter().map(|judged| judged.is_crossed).collect();
    assert_eq!(crossed, [true, false]);
    let nothing = report_with(&["recovery.p99>1s"], &outcome(0..1000));
    assert!(nothing.verdict.failures[0].ends_with("not known, since nothing was measured"));
}

#[test]
fn what_a_run_cannot_know_is_refused_before_it() {
    let refused = |line: &str| crate::report::tests::refused_plan(line);
    assert!(refused("connect --fail-if p99>1s").contains("p99>1s: this run sends no messages"));
    assert!(refused("pairs --fail-if cpu>1us").contains("with --broker-pid only"));
    let pid = std::process::id();
    assert!(refused(&format!("pairs --broker-pid {pid} --fail-if connect-memory>1")).contains("but connect"));
    assert_eq!(refused("connect --fail-if connect.p99>1s"), "");
}
