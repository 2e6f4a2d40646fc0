//! A broker that is killed while messages flow, and started again at the same place: what was lost is told exactly.

use crate::command::{Done, start};
use crate::scratch::Broker;

/// Messages of a run. They become due within ten seconds; those of the outage leave when the broker is back.
const MESSAGES: u64 = 3000;

/// Clients of four pairs.
const CLIENTS: u64 = 8;

/// A run of all messages, in the midst of which the broker is killed and started again.
fn across_a_restart(arguments: &str) -> Done {
    let mut broker = Broker::start();
    let load = "pairs --pairs 4 -q 1 -m 3000 --rate 300 --drain 3s";
    let mut running = start(&format!("{load} {arguments} --broker {}", broker.address));
    running.await_line("p50");
    broker.kill();
    running.await_line("publish");
    broker.restart();
    running.wait()
}

/// What holds whatever a broker keeps.
#[track_caller]
fn assert_accounted(done: &Done) {
    let count = |name: &str| done.count(&format!("/traffic/{name}"));
    assert_eq!((count("due"), count("sent")), (MESSAGES, MESSAGES), "{}", done.out);
    assert_eq!(count("delivered") + count("lost"), count("expected"), "{}", done.out);
    let in_doubt = MESSAGES - count("expected");
    assert!(in_doubt <= count("abandoned"), "only what was in doubt is not expected: {}", done.out);
    let connections =
        ["lost", "cut", "recovered", "missing"].map(|name| done.count(&format!("/connections/{name}")));
    assert_eq!(connections, [CLIENTS, 0, CLIENTS, 0], "{}", done.out);
    assert_eq!(done.count("/connections/recovery/count"), CLIENTS);
}

#[test]
fn a_restart_is_a_failed_check_and_clean_sessions_are_owed_nothing() {
    let done = across_a_restart("");
    assert_accounted(&done);
    assert_eq!(done.code, Some(1), "{}", done.out);
    let ended = "[\"8 connections ended that should have lasted\"]";
    assert_eq!(done.verdict("failures"), ended, "{}", done.out);
}

#[test]
fn a_restart_that_is_allowed_is_told_and_passes() {
    let done = across_a_restart("--on-loss allow");
    assert_accounted(&done);
    assert_eq!(done.verdict("failures"), "[]", "{}", done.out);
    let allowed = "8 connections ended that should have lasted, which this run allows";
    assert!(done.verdict("notes").contains(allowed), "{}", done.out);
}

/// The broker under test keeps sessions in memory.
#[test]
fn persistent_sessions_that_a_restart_has_ended_fail_also_where_it_is_allowed() {
    let done = across_a_restart("--session persistent --on-loss allow");
    assert_accounted(&done);
    assert_eq!((done.code, done.count("/connections/sessions_lost")), (Some(1), CLIENTS), "{}", done.out);
    let forgotten = "the broker had forgotten 8 persistent sessions";
    assert!(done.verdict("failures").contains(forgotten), "{}", done.out);
}
