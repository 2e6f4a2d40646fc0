//! Whom a rate that was not reached is put down to.

use crate::report::Report;
use crate::report::tests::{outcome, plan, report};

use super::*;

/// Which list the first text that begins so is in.
fn list_of(report: &Report, text: &str) -> &'static str {
    let has = |list: &[String]| list.iter().any(|line| line.starts_with(text));
    match (has(&report.verdict.failures), has(&report.verdict.invalid)) {
        (true, false) => "failures",
        (false, true) => "invalid",
        _ => "neither",
    }
}

#[test]
fn a_rate_that_was_not_reached_is_the_brokers_failure_unless_the_generator_had_trouble() {
    let late = |outcome| Outcome { lag_share: 0.02, ..outcome };
    let unsent = || Outcome { due: vec![1001], ..outcome(0..1000) };
    let overrun = || Outcome { broken: Some(Broken::Overrun), ..outcome(0..500) };
    let blocked = report("", &unsent());
    assert_eq!((list_of(&blocked, "1 due message never left"), blocked.exit_code()), ("failures", 1));
    let slow = report("", &late(unsent()));
    assert_eq!((list_of(&slow, "1 due message never left"), slow.exit_code()), ("invalid", 3));
    let given_up = "the run was ended: 16777216 messages";
    assert_eq!(list_of(&report("", &overrun()), given_up), "failures");
    assert_eq!(list_of(&report("", &late(overrun())), given_up), "invalid");
}

#[test]
fn a_broker_that_dies_is_never_told_as_a_limit_of_the_generator() {
    let unsent = |outcome| Outcome { due: vec![6998], lag_share: 0.02, ..outcome };
    let mut gone = unsent(outcome(0..1000));
    gone.missing = 2;
    let mut ended = unsent(outcome(0..1000));
    ended.marks.end = ended.marks.end.map(|mark| Mark { broker: None, ..mark });
    let mut lost = unsent(outcome(0..1000));
    lost.tally.recovery.lost = 1;
    for died in [gone, ended, lost] {
        let report = report("", &died);
        assert_eq!(list_of(&report, "5998 due messages never left"), "failures", "{:?}", report.verdict);
        assert_eq!(report.exit_code(), 1);
    }
}

#[test]
fn a_run_in_which_nobody_could_connect_has_not_begun() {
    let plan = plan("connect -n 3");
    let mut refused = outcome([]);
    refused.tally.connected = 0;
    assert_eq!(unbegun(&plan, &refused), None, "nothing went wrong");
    for _ in 0..3 {
        let error = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        refused.tally.note_fault(&crate::fault::Fault::Dial(error));
    }
    let why = unbegun(&plan, &refused).unwrap();
    assert_eq!(why, "no client could connect to 127.0.0.1:1883: cannot connect: connection refused");
    refused.tally.connected = 1;
    assert_eq!(unbegun(&plan, &refused), None, "one was ready: what the others met is a failed check");
}
