//! Protocol and broker are functions of their inputs: same inputs, same outputs, byte for byte.

use super::findings::Findings;
use super::packages::is_in;
use super::rust;

/// What a pure floor may not name, by how its path begins, and why.
const IMPURE: &[(&[&str], &str)] = &[
    (&["std", "env"], "surroundings are inputs"),
    (&["std", "fs"], "files belong to the server"),
    (&["std", "io"], "input and output belong to the server"),
    (&["std", "process"], "processes belong to the server"),
    (&["std", "sync", "atomic"], "a shard shares nothing"),
    (&["std", "sync", "Mutex"], "a shard shares nothing"),
    (&["std", "sync", "RwLock"], "a shard shares nothing"),
    (&["std", "thread"], "threads belong to the server"),
    (&["std", "time"], "time is an argument"),
    (&["std", "net", "TcpListener"], "sockets belong to the ring"),
    (&["std", "net", "TcpStream"], "sockets belong to the ring"),
    (&["std", "net", "UdpSocket"], "sockets belong to the ring"),
    (&["std", "os"], "descriptors belong to the ring"),
    (&["std", "collections", "HashMap"], "its order differs from run to run"),
    (&["std", "collections", "HashSet"], "its order differs from run to run"),
    (&["std", "hash", "RandomState"], "seeds are inputs"),
    (&["rand"], "chance is an input"),
    (&["getrandom"], "chance is an input"),
];

#[test]
fn protocol_and_broker_touch_nothing_outside() {
    let mut findings = Findings::of(
        "Protocol and broker have no clock, chance, file, socket or thread: those come in as arguments, so that a \
         session can be simulated.",
    );
    for file in rust::product().iter().filter(|file| matches!(file.home(), "src/protocol" | "src/broker")) {
        for named in &file.survey.paths {
            let begins = |path: &[&str]| {
                named.what.len() >= path.len() && named.what.iter().zip(path).all(|(a, b)| a == b)
            };
            if let Some((path, why)) = IMPURE.iter().find(|(path, _)| begins(path)) {
                findings.at(&file.path, named.line, format!("{}: {why}", path.join("::")));
            }
        }
    }
    findings.conclude();
}

/// Macros and methods that have no place in what is shipped, with the files that may use them all the same.
const LEFTOVERS: &[(&str, &[&str])] = &[
    ("unwrap", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("dbg!", &[]),
    // The server logs; it speaks plainly only where nobody can log yet.
    ("eprintln!", &["src/server/runtime/log.rs", "loadgen/", "bench/"]),
    ("print!", &["loadgen/", "bench/"]),
    ("println!", &["loadgen/", "bench/"]),
];

#[test]
fn nothing_is_left_over() {
    let mut findings = Findings::of(
        "What is shipped handles its errors and writes through the log: no unwrap, todo!, dbg! or println!. An \
         invariant is an `expect` that states it.",
    );
    for file in rust::product() {
        for call in &file.survey.calls {
            let leftover = LEFTOVERS.iter().find(|(name, _)| call.what == *name);
            if leftover.is_some_and(|(_, places)| !is_in(&file.path, places)) {
                findings.at(&file.path, call.line, &call.what);
            }
        }
    }
    findings.conclude();
}
