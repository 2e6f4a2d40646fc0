//! What stands in the files beside the code: their first words, and nothing of the machine they were written on.

use super::findings::Findings;
use super::{rust, tree};

/// Files that do not say it yet. A row whose file says it must go.
const SILENT: &[&str] = &[
    "src/protocol/connect/tests.rs",
    "src/protocol/delivery/tests.rs",
    "src/protocol/frame/tests.rs",
    "src/protocol/properties/tests.rs",
    "src/protocol/property/tests.rs",
    "src/protocol/publish/tests.rs",
    "src/protocol/reason/tests.rs",
    "src/protocol/subscribe/tests.rs",
    "src/protocol/topic/tests.rs",
];

#[test]
fn every_file_says_what_it_is() {
    let mut findings = Findings::of(
        "A Rust file opens with `//!`: what it is, what it owns, what it must never know. A script says it in a comment \
         below its first line.",
    );
    for file in rust::all() {
        let opens = file.text.lines().find(|line| !line.trim().is_empty());
        let speaks = opens.is_some_and(|line| line.starts_with("//! "));
        match SILENT.contains(&file.path.as_str()) {
            true if speaks => findings.about(&file.path, "speaks: take it off the list SILENT"),
            false if !speaks => findings.at(&file.path, 1, "does not open with `//! `"),
            _ => {}
        }
    }
    for (path, text) in tree::texts().filter(|(path, _)| path.ends_with(".sh")) {
        let second = text.lines().nth(1).unwrap_or_default();
        if !second.starts_with("# ") {
            findings.at(&path, 2, "does not say what it does");
        }
    }
    findings.conclude();
}

/// How a path begins that exists on one machine only. Split, so that this file does not hold them.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/", "target"),
];

/// Hosts that a file may name in a URL: places to read, and the index that Cargo.lock names.
const HOSTS: &[&str] = &[
    "choosealicense.com",
    "docs.oasis-open.org",
    "embarkstudios.github.io",
    "docs.rs",
    "github.com",
    "keepachangelog.com",
    "rustup.rs",
    "semver.org",
    "www.w3.org",
    "www.apache.org",
    "www.kernel.org",
    "www.rfc-editor.org",
];

/// Lock files of other tools, and files whose whole text is fixed: their URLs are not ours.
const FOREIGN: &[&str] = &["tests/sockets/node/package-lock.json", "LICENSE-APACHE"];

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let mut findings = Findings::of(
        "No file holds a path of one machine or the host of a registry or mirror: the repository works wherever it is \
         cloned. A host to read at is added to HOSTS in tests/house/prose.rs.",
    );
    for (path, text) in tree::texts().filter(|(path, _)| !FOREIGN.contains(&path.as_str())) {
        for (number, line) in text.lines().enumerate() {
            if let Some(place) = MACHINE_PATHS.iter().find(|place| line.contains(**place)) {
                findings.at(&path, number + 1, format!("holds {place}"));
            }
            for host in hosts(line).filter(|host| !HOSTS.contains(host) && !is_reserved(host)) {
                findings.at(&path, number + 1, format!("names the host {host}"));
            }
        }
    }
    findings.conclude();
}

/// The hosts of the web addresses in a line.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    let schemes = ["http://", "https://"];
    let starts = schemes
        .into_iter()
        .flat_map(move |scheme| line.match_indices(scheme).map(|(at, found)| at + found.len()));
    starts.filter_map(move |at| {
        let rest = &line[at..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !".-".contains(letter));
        Some(&rest[..end.unwrap_or(rest.len())]).filter(|host| !host.is_empty())
    })
}

/// Names and addresses for examples (RFC 2606) and this host itself; one without a dot cannot be a host elsewhere.
fn is_reserved(host: &str) -> bool {
    host.starts_with("127.")
        || host.starts_with("example.")
        || host.ends_with(".example")
        || !host.contains('.')
}
