//! Who may know whom inside the broker and the server: the part of the dependency law that the manifests cannot hold.

use super::findings::Findings;
use super::rust::{self, RustFile};

/// A module, as a path from the crate's root, and the top-level modules that it may name beside itself. Tests may
/// name anything.
type Row = (&'static str, &'static [&'static str]);

/// The broker. Topics, sessions and connections do not know each other beyond the numbers and small values that they
/// exchange; they meet in `handlers`, which together with the shard may know everything.
const BROKER: &[Row] = &[
    ("access", &["policy"]),
    ("address", &[]),
    ("bundle", &["letter", "message", "publication", "topics"]),
    ("cause", &[]),
    (
        "clients",
        &[
            "connection",
            "counters",
            "deadlines",
            "front",
            "held",
            "letter",
            "limits",
            "message",
            "outbox",
            "session",
            "sessions",
            "slab",
            "time",
            "topics",
            "trays",
        ],
    ),
    ("connection", &["access", "address", "cause", "deadlines", "outbox", "slab", "time", "topics"]),
    ("counters", &["cause"]),
    ("deadlines", &["pages", "time"]),
    ("front", &["message"]),
    ("handlers", ANYTHING),
    ("journal", &[]),
    ("held", &["slab"]),
    ("letter", &["counters", "message", "slab", "time", "topics"]),
    ("limits", &[]),
    ("message", &["time"]),
    ("note", &["cause"]),
    ("outbox", &["message"]),
    ("pages", &[]),
    ("places", &[]),
    ("policy", &["topics"]),
    ("publication", &["message", "topics"]),
    ("questions", &["letter", "seed", "slab"]),
    ("seed", &[]),
    ("session", &["deadlines", "letter", "message", "policy", "seed", "slab", "time", "topics"]),
    ("sessions", &["session", "slab"]),
    ("setup", &["cause", "journal", "limits", "places", "policy", "seed"]),
    ("shard", ANYTHING),
    ("slab", &["pages"]),
    ("time", &[]),
    ("topics", &["pages", "slab", "time"]),
    ("trays", &["bundle", "letter", "message", "note", "outbox", "policy", "seed", "slab"]),
];

/// The server. Configuration knows nobody; what decides from bytes alone knows neither sockets nor shards.
const SERVER: &[Row] = &[
    ("cli", &["config", "net", "runtime"]),
    ("config", &[]),
    ("net", &["config", "runtime"]),
    ("net/material", &["config"]),
    ("net/sniff", &[]),
    ("net/tls", &[]),
    ("net/wire", &[]),
    ("runtime", &["config", "net"]),
    ("runtime/banner", &["cli", "config", "net"]),
    ("runtime/census", &["config"]),
    ("runtime/clock", &[]),
    ("runtime/cores", &[]),
    ("runtime/load", &[]),
    ("runtime/log", &["config", "net"]),
    ("runtime/mailbox", &["net"]),
    ("runtime/places", &["config"]),
    ("runtime/setup", &["config"]),
    ("runtime/signals", &[]),
];

const ANYTHING: &[&str] = &["*"];

/// What may be taken from `topics` by those who keep something of it, but not the tables.
const FROM_TOPICS: &[(&str, &[&str])] = &[
    ("connection", &["InboundAliases", "OutboundAliases"]),
    ("session", &["FilterId", "GroupId", "GroupName", "RouteKey"]),
    ("policy", &["ShareStrategy"]),
    ("publication", &["Fingerprint", "KnownTopic"]),
    ("clients", &["ShardSet"]),
];

#[test]
fn modules_of_the_broker_know_only_their_own() {
    check("src/broker", BROKER);
}

#[test]
fn modules_of_the_server_know_only_their_own() {
    check("src/server", SERVER);
}

fn check(home: &str, rows: &[Row]) {
    let mut findings = Findings::of(
        "A module names only the modules that the map in tests/house/modules.rs gives it. Let a handler join them, or \
         change the map together with docs/ARCHITECTURE.md.",
    );
    for file in rust::product().iter().filter(|file| file.home() == home && !file.module().is_empty()) {
        let Some((_, known)) = row_of(rows, file) else {
            findings.about(&file.path, "has no row in the map");
            continue;
        };
        for named in &file.survey.paths {
            let Some(path) = inside_crate(file, &named.what) else { continue };
            let (Some(module), own) = (path.first(), file.module()[0]) else { continue };
            let is_module = rows.iter().any(|(row, _)| row.split('/').next() == Some(module));
            if is_module && module != own && *known != ANYTHING && !known.contains(&module.as_str()) {
                findings.at(&file.path, named.line, format!("names {module}"));
            }
        }
    }
    findings.conclude();
}

#[test]
fn only_numbers_and_aliases_leave_the_topic_tables() {
    let mut findings = Findings::of(
        "Sessions and connections hold numbers and aliases of `topics`, never its tables: only a handler asks those.",
    );
    for file in rust::product().iter().filter(|file| file.home() == "src/broker") {
        let Some((_, allowed)) = FROM_TOPICS.iter().find(|(module, _)| file.module().first() == Some(module))
        else {
            continue;
        };
        for named in &file.survey.paths {
            let path = inside_crate(file, &named.what).unwrap_or_default();
            if let [topics, item, ..] = &path[..]
                && topics == "topics"
                && !allowed.contains(&item.as_str())
            {
                findings.at(&file.path, named.line, format!("takes {item} from topics"));
            }
        }
    }
    findings.conclude();
}

/// The row of the longest path that a file is in.
fn row_of<'a>(rows: &'a [Row], file: &RustFile) -> Option<&'a Row> {
    let module = file.module().join("/");
    let is_in =
        |row: &str| module == row || module.strip_prefix(row).is_some_and(|rest| rest.starts_with('/'));
    rows.iter().filter(|(row, _)| is_in(row)).max_by_key(|(row, _)| row.len())
}

/// A path that begins with `crate` or `super`, from the crate's root on.
fn inside_crate(file: &RustFile, path: &[String]) -> Option<Vec<String>> {
    let supers = path.iter().take_while(|segment| *segment == "super").count();
    if supers > 0 {
        let module = file.module();
        let above = module[..module.len().checked_sub(supers)?].iter().map(ToString::to_string);
        return Some(above.chain(path[supers..].iter().cloned()).collect());
    }
    (path.first()? == "crate").then(|| path[1..].to_vec())
}
