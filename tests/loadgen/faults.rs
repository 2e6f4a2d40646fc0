//! What a broker does wrong is counted exactly.

use crate::command::{Done, run};
use crate::proxy::{self, Fault};
use crate::scratch::Broker;

/// A run of 1,000 messages through a proxy that does a fault 7 times.
fn disturbed(fault: Fault, arguments: &str) -> Done {
    let broker = Broker::start();
    let proxy = proxy::start(broker.address, fault, 7);
    run(&format!("pairs --pairs 1 -m 1000 --rate 5k --drain 1s {arguments}"), proxy)
}

#[track_caller]
fn assert_counts(done: &Done, lost: u64, duplicated: u64, out_of_order: u64) {
    let counts = ["lost", "duplicated", "out_of_order"].map(|name| done.count(&format!("/traffic/{name}")));
    assert_eq!(counts, [lost, duplicated, out_of_order], "{}\n{}", done.out, done.errors);
    assert_eq!(done.count("/traffic/sent"), 1000);
    assert_eq!(done.count("/traffic/delivered"), 1000 - lost);
    let worst = ["lost", "duplicated", "out_of_order"]
        .map(|name| done.count(&format!("/traffic/offenders/0/{name}")));
    assert_eq!(worst, counts, "there is one publisher");
}

#[test]
fn messages_that_are_dropped_are_lost() {
    let done = disturbed(Fault::Drop, "-q 0");
    assert_counts(&done, 7, 0, 0);
    assert_eq!(done.verdict("failures"), "[]", "QoS 0 promises nothing: {}", done.out);
    assert!(done.verdict("notes").contains("7 messages lost at QoS 0"), "{}", done.out);
    let done = disturbed(Fault::Drop, "-q 1");
    assert_counts(&done, 7, 0, 0);
    assert_eq!(done.code, Some(1));
    assert!(done.verdict("failures").contains("7 messages lost at QoS 1"), "{}", done.out);
}

#[test]
fn messages_that_come_twice_are_duplicates() {
    let done = disturbed(Fault::Duplicate, "-q 0");
    assert_counts(&done, 0, 7, 0);
    assert_eq!(done.code, Some(1));
}

#[test]
fn messages_that_change_places_are_out_of_order() {
    let done = disturbed(Fault::Swap, "-q 0");
    assert_counts(&done, 0, 0, 7);
    assert_eq!(done.code, Some(1));
    assert!(done.verdict("failures").contains("7 messages out of order"), "{}", done.out);
}

#[test]
fn a_faithful_broker_passes_and_its_rows_add_up() {
    let broker = Broker::start();
    let arguments = format!("fan-in -p 5 -s 2 -m 2000 --rate 4k -q 2 --broker-pid {}", broker.pid());
    let done = run(&arguments, broker.address);
    assert_eq!((done.count("/traffic/delivered"), done.count("/traffic/lost")), (4000, 0), "{}", done.out);
    let rows = done.report["series"].as_array().expect("a report has a series");
    let sum = |name: &str| rows.iter().filter_map(|row| row[name].as_u64()).sum::<u64>();
    assert_eq!((sum("sent"), sum("delivered"), sum("connected")), (2000, 4000, 7));
    assert!(done.figure("/broker/rss_end_bytes") > 0.0);
    assert!(done.out.contains("4,000 of 4,000 delivered"), "{}", done.out);
}
