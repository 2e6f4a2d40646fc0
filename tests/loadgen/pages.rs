//! Pages: what is drawn of a real run, and of a comparison that was written down.

use std::fs;
use std::process::Command;

use crate::command::spawn;
use crate::scratch::{Broker, Scratch, program};

fn bench(words: &[&str], scratch: Scratch) -> crate::command::Done {
    let mut command = Command::new(program("ringmq-bench", "RINGMQ_BENCH_BIN"));
    command.args(words);
    spawn(command, scratch).wait()
}

#[test]
fn a_run_of_less_than_a_second_has_a_curve_and_a_page_with_its_title() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let (address, page) = (broker.address.to_string(), scratch.file("page.html"));
    let page_word = page.display().to_string();
    let words = ["pairs", "-p", "2", "--rate", "500", "--warm-up", "0s", "-d", "600ms", "--view", "off"];
    let results = ["--json", "--title", "A & B", "--html", &page_word, "--broker", &address];
    let done = bench(&[&words[..], &results[..]].concat(), Scratch::new());
    let report: serde_json::Value =
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}", done.errors));
    let measured = report["series"]
        .as_array()
        .map_or(0, |rows| rows.iter().filter(|row| row["is_measured"] == true).count());
    assert!(measured >= 8, "{measured} intervals are no curve");
    let stages: Vec<_> =
        report["stages"].as_array().into_iter().flatten().map(|begun| begun["stage"].as_str()).collect();
    assert_eq!(stages, [Some("ramp"), Some("publish"), Some("drain"), Some("close")]);
    let page = fs::read_to_string(page).expect("it was written");
    assert!(page.contains("<h1>A &amp; B</h1>") && page.contains("<h3>Rate</h3>"), "{page}");
}

#[test]
fn a_cut_is_on_the_page_with_the_time_that_clients_were_away() {
    let (broker, scratch) = (Broker::start(), Scratch::new());
    let (address, page) = (broker.address.to_string(), scratch.file("page.html"));
    let page_word = page.display().to_string();
    let words = ["reconnect", "-p", "5", "--rate", "200", "--warm-up", "100ms", "-d", "1s", "--view", "off"];
    let done = bench(&[&words[..], &["--html", &page_word, "--broker", &address]].concat(), Scratch::new());
    let page = fs::read_to_string(page).unwrap_or_else(|error| panic!("{error}: {}", done.errors));
    for text in ["10 cut", "until the median was back", "<h3>Back after</h3>", "fewest ready"] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[test]
fn a_comparison_that_was_written_down_is_shown_and_drawn() {
    let scratch = Scratch::new();
    let (file, page) = (scratch.file("versus.json"), scratch.file("page.html"));
    let comparison = r#"{"schema": 1, "tool": "ringmq-bench", "version": "0.1.0", "a": "one -p {port}", "b": "two -p {port}",
        "load": ["pairs"], "rounds": [], "verdict": "VERDICT: B is better: delivered per second",
        "compared": [{"metric": "delivered_per_s", "a": 100.0, "b": 150.0, "finding": "higher",
            "ratio": {"value": 1.5, "low": 1.4, "high": 1.6}}]}"#;
    fs::write(&file, comparison).expect("the directory is ours");
    let (file, page_word) = (file.display().to_string(), page.display().to_string());
    let done = bench(&["show", &file, "--html", &page_word], Scratch::new());
    assert_eq!(done.code, Some(0), "{}", done.errors);
    assert!(done.out.contains("VERDICT: B is better"), "{}", done.out);
    let page = fs::read_to_string(page).expect("it was written");
    assert!(page.contains("<h1>one versus two</h1>") && page.contains("1.50×"), "{page}");
}
