//! How large things may grow: files, functions, and before all the files at the centre, where a broker grows giants.

use super::findings::Findings;
use super::rust::{self, RustFile};

/// Lines of a file of the product, its unit tests included; lines of a file of tests.
const FILE_LINES_MAX: usize = 400;
const TEST_FILE_LINES_MAX: usize = 500;

/// Lines of a function, signature and closing brace included.
const FUNCTION_LINES_MAX: usize = 70;

/// Lines of the middle function of the product.
const FUNCTION_LINES_MEDIAN_MAX: usize = 10;

/// What would become the giant file, with the lines that it may have.
const CENTRE: &[(&str, usize)] = &[
    ("src/broker/shard.rs", 335),
    ("src/broker/connection.rs", 240),
    ("src/broker/clients.rs", 240),
    ("src/broker/session/mod.rs", 285),
    ("src/broker/handlers/mod.rs", 100),
    ("src/server/net/pump.rs", 420),
    ("src/server/runtime/launch.rs", 340),
];

/// Larger than allowed, with their present lines. A number may only go down; a row that is no longer needed must go.
const LARGER: &[(&str, usize)] = &[];

#[test]
fn files_have_one_subject() {
    let mut findings = Findings::of(
        "A file has one subject and at most 400 lines (tests: 500); the files at the centre less, by the table in \
         tests/house/sizes.rs. Take a subject out into a file of its own.",
    );
    for file in rust::all() {
        let lines = file.text.lines().count();
        let most = lines_max(file);
        match LARGER.iter().find(|(path, _)| *path == file.path) {
            Some((_, held)) if lines > *held => {
                findings.about(&file.path, format!("grew from {held} to {lines} lines"));
            }
            Some((_, held)) if lines < *held => {
                findings.about(
                    &file.path,
                    format!("shrank to {lines} lines: lower its number, {held}, in LARGER"),
                );
            }
            None if lines > most => findings.about(&file.path, format!("{lines} lines, {most} allowed")),
            _ => {}
        }
    }
    findings.conclude();
}

fn lines_max(file: &RustFile) -> usize {
    let centre = CENTRE.iter().find(|(path, _)| *path == file.path);
    let is_test =
        file.path.starts_with("tests/") || file.path.starts_with("fuzz/") || file.path.contains("/tests");
    centre.map_or(if is_test { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX }, |&(_, most)| most)
}

#[test]
fn functions_fit_a_screen() {
    let mut findings = Findings::of("A function fits a screen: 70 lines. Name its parts and take them out.");
    let mut counts = Vec::new();
    for file in rust::product() {
        for function in &file.survey.functions {
            counts.push(function.what.line_count);
            if function.what.line_count > FUNCTION_LINES_MAX {
                let what = format!("{} has {} lines", function.what.name, function.what.line_count);
                findings.at(&file.path, function.line, what);
            }
        }
    }
    counts.sort_unstable();
    let median = counts[counts.len() / 2];
    if median > FUNCTION_LINES_MEDIAN_MAX {
        findings.about("the middle function", format!("{median} lines, {FUNCTION_LINES_MEDIAN_MAX} allowed"));
    }
    findings.conclude();
}

/// Functions that have a parameter that is a bool, as `file name`. A row that is no longer true must go.
const BOOLS: &[&str] = &[
    "src/broker/handlers/attach.rs find_or_make",
    "src/ring/probe.rs require",
    "src/server/config/draft.rs note",
];

#[test]
fn no_parameter_is_a_bool() {
    let mut findings = Findings::of(
        "A caller's `true` says nothing. Take an enum whose variants are what is meant, or write two functions.",
    );
    let mut unseen = BOOLS.to_vec();
    for file in rust::product() {
        for function in file.survey.functions.iter().filter(|function| function.what.bool_parameters > 0) {
            let name = format!("{} {}", file.path, function.what.name);
            match unseen.iter().position(|row| *row == name) {
                Some(at) => drop(unseen.remove(at)),
                None => findings.at(&file.path, function.line, &function.what.name),
            }
        }
    }
    for row in unseen {
        findings.about(row, "takes no bool: take it off the list BOOLS");
    }
    findings.conclude();
}
