//! Where a package may be named: a door that is narrow can be replaced. And where `unsafe` may stand.

use super::findings::Findings;
use super::rust;

/// Packages and the files (a path that ends in `/` is a folder) that may name them. One that is not listed is held by
/// the manifests alone.
const DOORS: &[(&str, &[&str])] = &[
    (
        "aws_lc_rs",
        &[
            "src/server/net/material.rs",
            "src/server/net/material/",
            "src/server/runtime/launch.rs",
            "loadgen/tls/",
        ],
    ),
    ("base64", &["loadgen/latency.rs"]),
    ("clap", &["src/server/cli.rs", "src/server/cli/", "loadgen/", "bench/suite/"]),
    ("core_affinity", &["src/server/runtime/"]),
    ("crossbeam_channel", &["src/server/runtime/mailbox.rs"]),
    ("glommio", &["src/ring/host.rs"]),
    ("hdrhistogram", &["loadgen/"]),
    ("io_uring", &["src/ring/"]),
    ("libc", &["src/ring/", "src/server/runtime/listen.rs", "loadgen/"]),
    ("plotters", &["bench/suite/plots.rs"]),
    ("mimalloc", &["src/server/main.rs", "loadgen/main.rs", "bench/count/main.rs"]),
    ("ratatui", &["loadgen/view/"]),
    ("rlimit", &["src/server/runtime/descriptors.rs", "loadgen/"]),
    ("rcgen", &["src/server/net/material/"]),
    (
        "rustls",
        &[
            "src/server/net/material.rs",
            "src/server/net/material/",
            "src/server/net/tls.rs",
            "src/server/net/tls/",
            "src/server/net/pump.rs",
            "loadgen/",
        ],
    ),
    ("rustix", &["loadgen/"]),
    ("serde", &["loadgen/", "bench/suite/"]),
    ("serde_json", &["loadgen/", "bench/suite/"]),
    ("sha2", &["loadgen/"]),
    ("shlex", &["loadgen/judge/versus/round.rs", "loadgen/cli/tests.rs"]),
    ("signal_hook", &["src/server/runtime/signals.rs", "loadgen/"]),
    ("tiny_http", &["loadgen/view/prometheus.rs"]),
    ("toml", &["src/server/config/", "loadgen/scenario/", "bench/suite/"]),
    ("tracing", &["src/server/runtime/"]),
    ("tracing_subscriber", &["src/server/runtime/log.rs"]),
    ("x509_parser", &["src/server/net/material/", "src/server/net/tls.rs"]),
];

/// Files that may hold `unsafe`: the home of the system calls.
const UNSAFE_HOME: &str = "src/ring/";

/// Whether a file is one of the places, or in one of the folders among them.
pub(crate) fn is_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path == *place || place.ends_with('/') && path.starts_with(place))
}

#[test]
fn packages_stay_behind_their_doors() {
    let mut findings = Findings::of(
        "A package is named only where docs/ARCHITECTURE.md lets it in. Move the use behind that file's interface, or \
         widen the door in tests/house/packages.rs with a reason in docs/decisions/.",
    );
    for file in rust::product() {
        for named in &file.survey.paths {
            let door =
                DOORS.iter().find(|(package, _)| named.what.first().is_some_and(|first| first == package));
            if let Some((package, places)) = door
                && named.what.len() > 1
                && !is_in(&file.path, places)
            {
                findings.at(
                    &file.path,
                    named.line,
                    format!("names {package}, which belongs in {}", places.join(", ")),
                );
            }
        }
    }
    findings.conclude();
}

#[test]
fn unsafe_stays_at_home() {
    let mut findings = Findings::of(
        "`unsafe` stands only in src/ring, where the system calls are. Put a safe function there.",
    );
    for file in rust::all().iter().filter(|file| !file.path.starts_with(UNSAFE_HOME)) {
        for &line in &file.survey.unsafe_lines {
            findings.at(&file.path, line, "unsafe");
        }
    }
    for root in ["src/protocol/lib.rs", "src/broker/lib.rs"] {
        if !super::tree::read(root).contains("#![forbid(unsafe_code)]") {
            findings.about(root, "has lost #![forbid(unsafe_code)]");
        }
    }
    findings.conclude();
}
