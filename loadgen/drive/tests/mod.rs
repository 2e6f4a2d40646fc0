//! Whole runs over loopback against a fake broker that misbehaves in known ways: the counts must be exact.

mod fake;

use clap::Parser;
use ringmq_ring::{Engine, Network, Options};

use crate::cli::{Command, CommandLine, WorkloadArgs};
use crate::clock::SECOND;
use crate::ledger::Counts;
use crate::scenario::from_workload;

use super::*;
use fake::Mischief;

use crate::series::{Length, Row};

/// Two publishers and two subscribers of everything.
const CONNECTIONS: u32 = 4;

/// Connections that the fake takes: one may be made again.
const ACCEPTED: u32 = CONNECTIONS + 1;

fn workload(line: &str) -> WorkloadArgs {
    match CommandLine::try_parse_from(line.split_whitespace()).unwrap().command {
        Command::Load(workload) => *workload,
        _ => unreachable!("{line}"),
    }
}

fn series() -> Series {
    Series::start(Length::Fixed(SECOND / 10), &[], Vec::new()).unwrap()
}

fn bench(line: &str) -> Bench {
    let args = workload(line);
    let plan = Plan::new(from_workload(&args).unwrap(), args.target()).unwrap();
    Bench::new(plan, series(), Arc::default()).unwrap()
}

fn run(arguments: &str, mischief: Mischief) -> Outcome {
    let broker = fake::start(ACCEPTED, mischief);
    let line = format!(
        "ringmq-bench fan-in -p 2 -s 2 {arguments} --mqtt 3.1.1 --quiet --drain 300ms --broker {broker}"
    );
    let mut bench = bench(&line);
    let options = Options { engine: Engine::Epoll, ..Options::default() };
    ringmq_ring::run(&mut Network::open(&options).unwrap(), &mut bench).unwrap();
    bench.into_outcome().1
}

fn counts(arguments: &str, mischief: Mischief) -> Counts {
    let outcome = run(arguments, mischief);
    assert_eq!(outcome.broken, None);
    assert_eq!(outcome.sent, [400]);
    outcome.tally.counts()
}

const CLEAN: Counts = Counts { delivered: 800, duplicated: 0, out_of_order: 0, strays: 0 };

#[test]
fn a_faithful_broker_is_found_faithful() {
    for arguments in ["-q 0 -m 400 --rate 20k", "-q 1 -m 400 --rate 20k", "-q 1 -m 400 --window 5"] {
        let outcome = run(arguments, Mischief::Nothing);
        assert_eq!(outcome.tally.counts(), CLEAN, "{arguments}");
        assert_eq!(outcome.recording.totals.flows[0].latency.summary().count, 800);
        assert_eq!((outcome.sent[0], outcome.due[0]), (400, 400));
        assert_eq!((outcome.tally.connected, outcome.tally.faults), (CONNECTIONS.into(), 0));
    }
}

#[test]
fn the_rows_of_the_series_add_up_to_the_run() {
    let outcome = run("-q 1 -m 400 --rate 1k", Mischief::Nothing);
    let rows = &outcome.recording.rows;
    assert!(rows.len() >= 4, "{rows:?}");
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    assert_eq!((sum(|row| row.counters.sent), sum(|row| row.counters.delivered)), (400, 800));
    assert_eq!(
        (
            sum(|row| row.counters.due),
            sum(|row| row.counters.acknowledged),
            sum(|row| row.counters.connected)
        ),
        (400, 400, 4)
    );
    assert_eq!(sum(|row| row.latency().count), 800);
    assert!(rows.windows(2).all(|pair| pair[0].at_s <= pair[1].at_s));
    assert!(rows.iter().any(|row| row.is_measured && row.phase == "publish"));
}

#[test]
fn every_publish_at_qos_1_is_acknowledged() {
    let outcome = run("-q 1 -m 400 --inflight 3 --rate 20k", Mischief::Nothing);
    assert_eq!(outcome.tally.lanes[0].acknowledged, 400);
    assert_eq!(outcome.recording.totals.flows[0].acknowledgement.summary().count, 400);
}

#[test]
fn a_lost_message_is_missed_at_each_subscriber() {
    assert_eq!(counts("-q 1 -m 400 --rate 20k", Mischief::Lose(100)), Counts { delivered: 798, ..CLEAN });
}

#[test]
fn a_doubled_message_is_noticed_even_if_it_is_the_last() {
    for at in [0, 100, 399] {
        let expected = Counts { duplicated: 2, ..CLEAN };
        assert_eq!(counts("-q 1 -m 400 --rate 20k", Mischief::Double(at)), expected, "{at}");
    }
}

/// Neighbours may be of different publishers, and then there is no order between them; one publisher settles it.
#[test]
fn swapped_messages_are_noticed() {
    let broker = fake::start(2, Mischief::Swap(100));
    let line = format!("ringmq-bench pairs --pairs 1 -q 1 -m 200 --mqtt 3.1.1 --quiet --broker {broker}");
    let mut bench = bench(&line);
    ringmq_ring::run(&mut Network::open(&Options::default()).unwrap(), &mut bench).unwrap();
    let expected = Counts { delivered: 200, out_of_order: 1, ..Counts::default() };
    assert_eq!(bench.into_outcome().1.tally.counts(), expected);
}

#[test]
fn a_window_goes_on_after_a_loss_at_qos_0() {
    let counts = counts("-q 0 -m 400 --window 1", Mischief::Lose(100));
    assert_eq!(counts, Counts { delivered: 798, ..CLEAN });
}

#[test]
fn a_connection_that_ends_breaks_the_run_off() {
    let outcome = run("-q 1 -m 400 --rate 20k --on-loss stop", Mischief::HangUp(100));
    let Some(Broken::Connection(why)) = outcome.broken else { panic!("{:?}", outcome.broken) };
    assert!(why.contains("the broker"), "{why}");
    assert!(outcome.marks.close.is_some(), "what was measured so far is told");
}

#[test]
fn a_connection_that_ends_is_made_again_and_a_persistent_session_loses_nothing() {
    let outcome = run("-q 1 -m 400 --rate 4k --session persistent", Mischief::HangUp(100));
    assert_eq!(outcome.broken, None);
    assert_eq!((outcome.sent[0], outcome.missing), (400, 0));
    let (lane, recovery) = (&outcome.tally.lanes[0], &outcome.tally.recovery);
    assert!(lane.resent > 0);
    assert_eq!((lane.abandoned, lane.acknowledged), (0, 400));
    assert_eq!((recovery.lost, recovery.recovered, recovery.sessions_lost), (1, 1, 0));
    assert_eq!(recovery.time.summary().count, 1);
    // Acknowledgements may have gone with the connection: what they were for comes twice at QoS 1.
    let counts = outcome.tally.counts();
    assert_eq!(Counts { duplicated: 0, ..counts }, CLEAN);
    assert!(counts.duplicated <= 2 * lane.resent, "{counts:?}");
}

#[test]
fn publishes_under_way_in_a_clean_session_are_given_up_and_counted() {
    let outcome = run("-q 1 -m 400 --rate 4k", Mischief::HangUp(100));
    let lane = &outcome.tally.lanes[0];
    assert!(lane.abandoned > 0, "message 100 was never acknowledged");
    assert_eq!((lane.resent, lane.acknowledged + lane.abandoned), (0, 400));
    let counts = outcome.tally.counts();
    assert!(counts.delivered < 800 && counts.delivered >= 2 * (400 - lane.abandoned), "{counts:?}");
    assert_eq!((counts.duplicated, counts.out_of_order), (0, 0));
    let owed = 2 * (400 - lane.abandoned) + outcome.abandoned_arrived[0];
    let lost: u64 = outcome.offenders[0].iter().map(|offender| offender.lost).sum();
    assert_eq!(lost, owed - counts.delivered, "publishers answer for what the whole run has lost");
}

#[test]
fn cut_connections_come_back_and_their_time_is_taken() {
    let broker = fake::start(8, Mischief::Nothing);
    let line = format!(
        "ringmq-bench reconnect -p 2 -q 1 -d 400ms --warm-up 0s --session persistent --mqtt 3.1.1 --quiet --broker {broker}"
    );
    let mut bench = bench(&line);
    ringmq_ring::run(&mut Network::open(&Options::default()).unwrap(), &mut bench).unwrap();
    let outcome = bench.into_outcome().1;
    let recovery = &outcome.tally.recovery;
    assert_eq!((recovery.cut, recovery.lost, recovery.recovered), (4, 0, 4));
    assert_eq!((outcome.tally.faults, outcome.missing, outcome.broken), (0, 0, None));
}

#[test]
fn connections_that_come_to_nothing_are_told_by_their_reason() {
    for (mischief, text) in [
        (Mischief::Refuse, "CONNACK: Not authorized (0x87)"),
        (Mischief::Babble, "the broker sent junk: Malformed Packet: packet type 0 is reserved"),
        (Mischief::Ignore, "not connected within the time allowed (--connect-timeout)"),
    ] {
        let outcome = run("-m 1 --connect-timeout 200ms", mischief);
        assert_eq!(outcome.tally.connected, 0);
        assert_eq!(outcome.tally.fault_texts.keys().collect::<Vec<_>>(), [text]);
    }
}

#[test]
fn a_user_may_interrupt() {
    let broker = fake::start(CONNECTIONS, Mischief::Nothing);
    let line = format!("ringmq-bench fan-in -p 2 -s 2 -d 1h --quiet --mqtt 3.1.1 --broker {broker}");
    let mut bench = bench(&line);
    bench.interrupted.store(true, Ordering::Relaxed);
    ringmq_ring::run(&mut Network::open(&Options::default()).unwrap(), &mut bench).unwrap();
    assert_eq!(bench.into_outcome().1.broken, Some(Broken::Interrupted));
}
