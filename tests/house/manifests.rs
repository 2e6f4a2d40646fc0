//! The floors as the manifests hold them: which crate may depend on what.

use toml::{Table, Value};

use super::findings::Findings;
use super::tree;

/// A crate and what it may depend on.
struct Floor {
    /// The folder of its manifest.
    home: &'static str,
    /// What the product may use.
    uses: &'static [&'static str],
    /// What only its tests may use.
    tests_use: &'static [&'static str],
}

/// Lowest floor first. Never upward, never around.
const FLOORS: &[Floor] = &[
    Floor { home: "src/protocol", uses: &[], tests_use: &["proptest"] },
    Floor { home: "src/ring", uses: &["glommio", "io-uring", "libc"], tests_use: &["loom"] },
    Floor {
        home: "src/broker",
        uses: &["foldhash", "hashbrown", "ringmq-protocol", "smallvec"],
        tests_use: &["proptest"],
    },
    Floor {
        home: "src/server",
        uses: &[
            "aws-lc-rs",
            "clap",
            "core_affinity",
            "crossbeam-channel",
            "heck",
            "libc",
            "mimalloc",
            "rcgen",
            "ringmq-broker",
            "ringmq-protocol",
            "ringmq-ring",
            "rlimit",
            "rustls",
            "signal-hook",
            "toml",
            "tracing",
            "tracing-subscriber",
            "x509-parser",
        ],
        tests_use: &["tempfile"],
    },
    Floor {
        home: "loadgen",
        uses: &[
            "base64",
            "clap",
            "hdrhistogram",
            "heck",
            "libc",
            "mimalloc",
            "ratatui",
            "ringmq-protocol",
            "ringmq-ring",
            "rlimit",
            "rustix",
            "rustls",
            "serde",
            "serde_json",
            "sha2",
            "shlex",
            "signal-hook",
            "tiny_http",
            "toml",
        ],
        tests_use: &[],
    },
    Floor {
        home: "bench/count",
        uses: &["foldhash", "mimalloc", "ringmq-broker", "ringmq-protocol"],
        tests_use: &[],
    },
    // It measures processes: nothing of ours may be in it.
    Floor { home: "bench/suite", uses: &["clap", "plotters", "serde", "serde_json", "toml"], tests_use: &[] },
];

/// The tests that span floors see the broker from outside: as a value or as a process.
const TESTS_MAY_SEE: &[&str] = &["ringmq-broker", "ringmq-protocol", "ringmq-ring"];

fn manifest(home: &str) -> Table {
    let path = if home.is_empty() { "Cargo.toml".to_owned() } else { format!("{home}/Cargo.toml") };
    tree::read(&path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn packages<'a>(manifest: &'a Table, section: &str) -> Vec<&'a str> {
    let table = manifest.get(section).and_then(Value::as_table);
    table.into_iter().flat_map(|table| table.keys().map(String::as_str)).collect()
}

/// What a manifest says for some builds only: tests may have such.
fn targets(manifest: &Table) -> Vec<&Table> {
    let targets = manifest.get("target").and_then(Value::as_table);
    targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table)).collect()
}

fn members() -> Vec<String> {
    let members = manifest("")["workspace"]["members"].clone();
    members.try_into().expect("members is a list of folders")
}

#[test]
fn floors_depend_downward_only() {
    let mut findings = Findings::of(
        "server -> broker -> protocol, server -> ring, loadgen -> {protocol, ring}; a new package needs a row in \
         tests/house/manifests.rs and a record in docs/decisions/.",
    );
    for floor in FLOORS {
        let (path, manifest) = (format!("{}/Cargo.toml", floor.home), manifest(floor.home));
        for (section, allowed) in [("dependencies", floor.uses), ("dev-dependencies", floor.tests_use)] {
            for package in
                packages(&manifest, section).into_iter().filter(|package| !allowed.contains(package))
            {
                findings.about(&path, format!("[{section}] {package}"));
            }
        }
        for section in ["build-dependencies", "features"].into_iter().filter(|s| manifest.contains_key(*s)) {
            findings.about(&path, format!("[{section}]: there is one product, the same everywhere"));
        }
        for part in targets(&manifest) {
            for section in part.keys().filter(|section| *section != "dev-dependencies") {
                findings
                    .about(&path, format!("[target.{section}]: there is one product, the same everywhere"));
            }
            let used = packages(part, "dev-dependencies");
            for package in used.into_iter().filter(|package| !floor.tests_use.contains(package)) {
                findings.about(&path, format!("[target.dev-dependencies] {package}"));
            }
        }
    }
    for section in ["dependencies", "dev-dependencies"] {
        for package in packages(&manifest("tests"), section) {
            if package.starts_with("ringmq") && !TESTS_MAY_SEE.contains(&package) {
                findings.about("tests/Cargo.toml", format!("[{section}] {package}"));
            }
        }
    }
    findings.conclude();
}

#[test]
fn every_crate_is_a_floor_under_the_same_lints() {
    let mut findings =
        Findings::of("Every member of the workspace has a row of its own and shares version and lints.");
    for home in members() {
        let (path, manifest) = (format!("{home}/Cargo.toml"), manifest(&home));
        if home != "tests" && !FLOORS.iter().any(|floor| floor.home == home) {
            findings.about(&path, "has no row in tests/house/manifests.rs");
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let shared = manifest["package"].get(key).and_then(|value| value.get("workspace"));
            if shared.and_then(Value::as_bool) != Some(true) {
                findings.about(&path, format!("package.{key} is not the workspace's"));
            }
        }
        if manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool)
            != Some(true)
        {
            findings.about(&path, "does not take the workspace's lints");
        }
    }
    findings.conclude();
}

#[test]
fn every_package_has_a_reason() {
    let mut findings = Findings::of(
        "Every package that the product depends on has its reason in a record in docs/decisions/.",
    );
    let is_record = |path: &String| path.starts_with("docs/decisions/") && path.ends_with(".md");
    let records: String = tree::files().into_iter().filter(is_record).map(|path| tree::read(&path)).collect();
    for floor in FLOORS {
        for package in packages(&manifest(floor.home), "dependencies") {
            if !package.starts_with("ringmq") && !records.contains(&format!("`{package}`")) {
                findings.about(&format!("{}/Cargo.toml", floor.home), format!("{package} is in no record"));
            }
        }
    }
    findings.conclude();
}
