//! Pages of comparisons, also of those that older versions have written.

use super::*;
use crate::judge::compare::compared;
use crate::report::tests::report_of;
use crate::statistics::Ratio;

fn row(metric: Metric, low: f64, value: f64, high: f64, finding: Finding) -> Compared {
    let json = serde_json::json!({
        "metric": metric, "a": 100.0, "b": 100.0 * value, "ratio": Ratio { value, low, high }, "finding": finding,
    });
    serde_json::from_value(json).unwrap()
}

/// A comparison as versions of this tool have written it that knew less.
fn told() -> Told {
    let round = |name: &str, number: u32, rate: f64| {
        serde_json::json!({
            "name": name, "number": number, "is_valid": true, "is_passed": true, "troubles": [],
            "figures": [["delivered_per_s", rate], ["latency_p50_us", 80.0]],
        })
    };
    let json = serde_json::json!({
        "schema": 1, "tool": "ringmq-bench", "version": "0.1.0", "a": "/usr/sbin/mosquitto -p {port}", "b": "ringmq",
        "load": ["fan-in", "-p", "10"],
        "rounds": [round("a", 0, 1000.0), round("b", 0, 1500.0), round("b", 1, 1510.0), round("a", 1, 990.0)],
        "compared": [row(Metric::DeliveredPerS, 1.4, 1.5, 1.6, Finding::Higher)],
        "verdict": "VERDICT: B is better: delivered per second",
    });
    Told::from_json(&json.to_string()).unwrap()
}

#[test]
fn a_page_of_two_brokers_tells_who_they_are_what_differs_and_every_round() {
    let page = versus(&told());
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains(" src="), "{page}");
    for text in [
        "<h1>mosquitto versus ringmq</h1>",
        "<strong>B is better: delivered per second</strong>",
        "Load: fan-in -p 10",
        "<b>1.50×</b>",
        "A: mosquitto: 1, 1 k/s",
        "B is better",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[test]
fn a_broker_that_failed_makes_the_page_say_so_in_red() {
    let mut failed = told();
    failed.rounds[0].is_passed = false;
    failed.rounds[0].troubles = vec!["7 messages lost at QoS 1".into()];
    let page = versus(&failed);
    assert!(page.contains(r#"class="verdict bad""#) && page.contains("<li>A: 7 messages lost at QoS 1</li>"));
    failed.title = Some("Ours & theirs".into());
    assert!(versus(&failed).contains("<h1>Ours &amp; theirs</h1>"));
}

#[test]
fn an_interval_beyond_the_axis_ends_in_an_arrow_and_one_is_in_the_middle() {
    let rows = [
        row(Metric::LatencyP50Us, 0.06, 1.5, 4540.0, Finding::NoDifference),
        row(Metric::LatencyP99Us, 0.4, 0.5, 0.6, Finding::Lower),
    ];
    let mut out = String::new();
    ratios::write(&rows, &mut out).unwrap();
    assert_eq!((out.matches('▸').count(), out.matches('◂').count()), (1, 0), "{out}");
    assert!(out.contains(r#"<i class="tick one" style="left:50.00%">"#), "{out}");
    assert!(out.contains(r#"<div class="row better">"#), "less latency is better: {out}");
}

#[test]
fn a_page_of_two_reports_draws_both() {
    let run = |latency_us: u64| report_of(&[(1000, latency_us, 0.5); 12]);
    let (a, b) = (run(100), run(300));
    let rows = compared(&a, &b, 0.05).unwrap();
    let page = compare(None, [(&a, "a.json"), (&b, "b.json")], &rows, "VERDICT: B is worse");
    for text in ["<h1>a.json and b.json</h1>", "<h3>Latency by percentile</h3>", "<h3>Rate</h3>", "3.00×"] {
        assert!(page.contains(text), "{text} in {page}");
    }
}
