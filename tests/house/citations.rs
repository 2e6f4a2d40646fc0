//! Statements of the standard are cited by numbers that exist.

use std::collections::HashSet;

use super::findings::Findings;
use super::tree;

/// The tables of numbered statements.
const MQTT_5: &str = "tests/conformance/statements/mqtt5.tsv";
const MQTT_311: &str = "tests/conformance/statements/mqtt311.tsv";

fn numbers(table: &str) -> HashSet<String> {
    tree::read(table).lines().skip(1).filter_map(|row| row.split('\t').next()).map(str::to_owned).collect()
}

/// The citations in a line: what stands in brackets behind `[MQTT-`.
fn citations(line: &str) -> impl Iterator<Item = &str> {
    let starts = line.match_indices("[MQTT-").map(|(at, _)| &line[at + 1..]);
    starts.filter_map(|rest| rest.split_once(']')).map(|(inside, _)| inside.trim_end_matches('\\'))
}

/// The statements that a citation names, which is one of `MQTT-1.5.4-1`, `MQTT-1.5.4-1, MQTT-1.5.4-2`,
/// `MQTT-3.3.2-7 to 12`, `MQTT-3.1.3-7 of 3.1.1`.
fn statements(citation: &str) -> Vec<String> {
    let numbers = citation.split(" of ").next().unwrap_or(citation);
    numbers.split(", ").flat_map(spread).collect()
}

fn spread(numbers: &str) -> Vec<String> {
    let Some((first, last)) = numbers.split_once(" to ") else { return vec![numbers.to_owned()] };
    let ends = first
        .rsplit_once('-')
        .and_then(|(section, first)| Some((section, first.parse().ok()?, last.parse().ok()?)));
    let Some((section, first, last)): Option<(&str, u32, u32)> = ends else {
        return vec![numbers.to_owned()];
    };
    (first..=last).map(|number| format!("{section}-{number}")).collect()
}

#[test]
fn cited_statements_exist() {
    let mut findings = Findings::of(
        "A statement is cited as [MQTT-3.3.1-2], one of the older standard as [MQTT-3.1.3-7 of 3.1.1], several as \
         [MQTT-3.3.2-7 to 12]; each is a row of tests/conformance/statements/.",
    );
    let (of_5, of_311) = (numbers(MQTT_5), numbers(MQTT_311));
    let is_ours =
        |path: &str| (path.ends_with(".rs") || path.ends_with(".md")) && path != "tests/house/citations.rs";
    for (path, text) in tree::texts().filter(|(path, _)| is_ours(path)) {
        for (line, text) in text.lines().enumerate() {
            for citation in citations(text) {
                let known = if citation.ends_with(" of 3.1.1") { &of_311 } else { &of_5 };
                for statement in statements(citation).iter().filter(|statement| !known.contains(*statement)) {
                    findings.at(&path, line + 1, format!("{statement} of [{citation}]"));
                }
            }
        }
    }
    findings.conclude();
}

#[test]
fn citations_are_read_in_all_their_forms() {
    let found: Vec<_> = citations("a [MQTT-1.5.4-1] b \\[MQTT-3.1.3-5\\], [MQTT-4.7.1-1 to 3]").collect();
    assert_eq!(found, ["MQTT-1.5.4-1", "MQTT-3.1.3-5", "MQTT-4.7.1-1 to 3"]);
    assert_eq!(statements(found[2]), ["MQTT-4.7.1-1", "MQTT-4.7.1-2", "MQTT-4.7.1-3"]);
    assert_eq!(statements("MQTT-3.1.4-3, MQTT-3.1.2-4 of 3.1.1"), ["MQTT-3.1.4-3", "MQTT-3.1.2-4"]);
}
