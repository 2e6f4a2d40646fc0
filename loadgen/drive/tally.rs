//! Everything that is counted while a run goes on.
//!
//! Owns the ledgers, the histograms and the faults. Must never know a socket, nor judge: that is `report`.

use std::collections::{BTreeMap, BTreeSet};

use ringmq_protocol::Reason;

use crate::clock::Nanos;
use crate::fault::Fault;
use crate::latency::Latency;
use crate::ledger::{Counts, Ledger, Offender};
use crate::series::Recorders;
use crate::stamp::Stamp;
use crate::workload::{Lane, Workload};

use super::prober::Probes;

/// Different fault texts that are kept; all faults are counted.
const FAULT_TEXTS_MAX: usize = 20;

/// What was counted on one lane.
#[derive(Debug)]
pub(crate) struct LaneTally {
    pub(crate) ledger: Ledger,
    /// Retained messages: when they were asked for, which is what latency counts from.
    pub(crate) asked_at: Option<Nanos>,
    pub(crate) acknowledged: u64,
    pub(crate) rejected: u64,
    /// Publishes under way that went with their session: the broker may have taken them or not.
    pub(crate) abandoned: u64,
    /// Publisher and number of each of those.
    in_doubt: Vec<(u32, u32)>,
    /// Publishes that were sent again, with DUP.
    pub(crate) resent: u64,
}

impl LaneTally {
    fn new(lane: &Lane) -> LaneTally {
        LaneTally {
            ledger: lane.ledger(),
            asked_at: None,
            acknowledged: 0,
            rejected: 0,
            abandoned: 0,
            in_doubt: Vec::new(),
            resent: 0,
        }
    }

    /// Notes a publish that went with its session.
    pub(super) fn note_abandoned(&mut self, publisher: u32, number: u32) {
        self.abandoned += 1;
        self.in_doubt.push((publisher, number));
    }

    /// The publishers whose messages did not all arrive once and in their order; `sent_by` tells how many each has sent. What
    /// was abandoned need not have arrived.
    pub(super) fn offenders(&self, sent_by: impl Fn(u32) -> u32) -> Vec<Offender> {
        let mut excused: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (publisher, number) in &self.in_doubt {
            excused.entry(*publisher).or_default().insert(*number);
        }
        self.ledger.offenders(sent_by, &excused)
    }

    /// Deliveries of publishes that were abandoned, and had been taken after all.
    pub(crate) fn abandoned_arrived(&self) -> u64 {
        self.in_doubt.iter().map(|(publisher, number)| self.ledger.arrived(*publisher, *number)).sum()
    }
}

/// What became of connections that had been ready.
#[derive(Debug)]
pub(crate) struct Recovery {
    /// Connections that ended by themselves.
    pub(crate) lost: u64,
    /// Connections that were cut on purpose.
    pub(crate) cut: u64,
    /// Attempts to make one of these again that failed.
    pub(crate) failed_attempts: u64,
    /// Those of both that were made again.
    pub(crate) recovered: u64,
    /// Sessions that should have gone on and that the broker did not know any more.
    pub(crate) sessions_lost: u64,
    /// From the end of a connection until its client was ready again.
    pub(crate) time: Latency,
}

/// What was counted.
#[derive(Debug)]
pub(crate) struct Tally {
    /// By lane of the workload.
    pub(crate) lanes: Vec<LaneTally>,
    /// Messages that belong to no lane of this run.
    pub(crate) foreign: u64,
    pub(crate) recovery: Recovery,
    pub(crate) probes: Probes,
    run_tag: u8,
    /// Messages that were meant to leave before this, in the resolution of a stamp, are counted but not measured.
    pub(crate) measure_from: Nanos,
    /// What was measured since the end of the last interval.
    pub(crate) recorders: Recorders,
    /// Messages at QoS 2 that came again before their release.
    pub(crate) repeated: u64,
    /// Bytes of the payloads sent, and of those delivered for the first time.
    pub(crate) sent_bytes: u64,
    pub(crate) delivered_bytes: u64,
    pub(crate) pings: u64,
    pub(crate) pongs: u64,
    pub(crate) connected: u64,
    pub(crate) faults: u64,
    pub(crate) fault_texts: BTreeMap<String, u64>,
    /// When something last came that brings the run nearer to its end.
    pub(crate) last_progress: Nanos,
}

impl Tally {
    pub(crate) fn new(workload: &Workload) -> Tally {
        Tally {
            lanes: workload.lanes.iter().map(LaneTally::new).collect(),
            foreign: 0,
            recovery: Recovery {
                lost: 0,
                cut: 0,
                failed_attempts: 0,
                recovered: 0,
                sessions_lost: 0,
                time: Latency::new(),
            },
            probes: Probes::new(),
            run_tag: workload.run as u8,
            measure_from: Nanos::MAX,
            recorders: Recorders::new(workload.lanes.len()),
            repeated: 0,
            sent_bytes: 0,
            delivered_bytes: 0,
            pings: 0,
            pongs: 0,
            connected: 0,
            faults: 0,
            fault_texts: BTreeMap::new(),
            last_progress: 0,
        }
    }

    /// What the ledgers of all lanes have counted.
    pub(crate) fn counts(&self) -> Counts {
        let mut total = Counts { strays: self.foreign, ..Counts::default() };
        for lane in &self.lanes {
            total.add(&lane.ledger.counts());
        }
        total
    }

    /// A number of all lanes together.
    pub(crate) fn sum(&self, of: fn(&LaneTally) -> u64) -> u64 {
        self.lanes.iter().map(of).sum()
    }

    /// Notes a message at a client. Returns its lane and publisher if it came for the first time.
    pub(crate) fn note_message(
        &mut self,
        workload: &Workload,
        client: u32,
        payload: &[u8],
        now: Nanos,
    ) -> Option<(usize, u32)> {
        let stamp = Stamp::read(payload).filter(|stamp| stamp.run_tag == self.run_tag);
        let Some((stamp, at)) = stamp.and_then(|stamp| Some((stamp, workload.lane_of(stamp.sender)?))) else {
            match workload.listening_lane(client) {
                Some(at) => self.note_heard(at, payload.len(), now),
                None => self.foreign += 1,
            }
            return None;
        };
        let (lane, tally) = (&workload.lanes[at], &mut self.lanes[at]);
        if !lane.subscribers.contains(&client) {
            match workload.listening_lane(client) {
                Some(at) => self.note_heard(at, payload.len(), now),
                None => tally.ledger.record_stray(),
            }
            return None;
        }
        let (publisher, subscriber) = (lane.publisher_of(stamp.sender), client - lane.subscribers.start);
        if !tally.ledger.record(publisher, subscriber, stamp.sequence) {
            return None;
        }
        self.last_progress = now;
        self.delivered_bytes += payload.len() as u64;
        let recorders = &mut self.recorders.flows[at];
        match tally.asked_at {
            Some(asked_at) => recorders.latency.record(now.saturating_sub(asked_at)),
            None if stamp.intended >= self.measure_from => {
                let latency = now.saturating_sub(stamp.intended);
                recorders.latency.record(latency);
                recorders.service.record(latency.saturating_sub(stamp.lateness));
            }
            None => {}
        }
        Some((at, publisher))
    }

    /// Notes a message of somebody outside this run, which was listened for.
    fn note_heard(&mut self, lane: usize, payload_bytes: usize, now: Nanos) {
        self.delivered_bytes += payload_bytes as u64;
        self.lanes[lane].ledger.record_heard();
        self.last_progress = now;
    }

    /// Notes a message that is no request of this run, or has lost where its answer goes.
    pub(crate) fn note_stray_request(&mut self) {
        self.foreign += 1;
        self.note_text(
            "a request came without the response topic and correlation data that it was sent with".into(),
        );
    }

    /// Notes that a publish is done.
    pub(crate) fn note_acknowledged(&mut self, lane: usize, intended: Nanos, now: Nanos) {
        self.lanes[lane].acknowledged += 1;
        self.last_progress = now;
        if intended >= self.measure_from {
            self.recorders.flows[lane].acknowledgement.record(now.saturating_sub(intended));
        }
    }

    /// Notes that the broker refused a publish.
    pub(crate) fn note_rejected(&mut self, lane: usize, reason: Reason, now: Nanos) {
        self.lanes[lane].rejected += 1;
        self.last_progress = now;
        self.note_text(format!("a publish was refused: {} ({:#04x})", reason.name(), reason.as_byte()));
    }

    /// Notes that a connection became ready.
    pub(crate) fn note_connected(&mut self, began: Nanos, now: Nanos) {
        self.connected += 1;
        self.recorders.connecting.record(now.saturating_sub(began));
    }

    /// Notes that a client is back that had been away since then.
    pub(crate) fn note_recovered(&mut self, since: Nanos, now: Nanos) {
        self.recovery.recovered += 1;
        self.recovery.time.record(now.saturating_sub(since));
        self.last_progress = now;
    }

    /// Notes that a connection failed or ended.
    pub(crate) fn note_fault(&mut self, fault: &Fault) {
        self.faults += 1;
        self.note_text(fault.to_string());
    }

    /// Notes that a connection could not be made again yet.
    pub(crate) fn note_failed_attempt(&mut self, fault: &Fault) {
        self.recovery.failed_attempts += 1;
        self.note_text(fault.to_string());
    }

    /// Notes a probe that could not connect.
    pub(crate) fn note_failed_probe(&mut self, error: &std::io::Error) {
        self.probes.failed += 1;
        self.note_text(format!("a probe could not connect: {error}"));
    }

    fn note_text(&mut self, text: String) {
        if self.fault_texts.len() < FAULT_TEXTS_MAX || self.fault_texts.contains_key(&text) {
            *self.fault_texts.entry(text).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::stamp::STAMP_BYTES;

    /// One publisher, which is client 0, and one subscriber.
    fn workload() -> Workload {
        let text = "name = 'test'\n\
            clients = [{ name = 'p', count = 1 }, { name = 's', count = 1 }]\n\
            flows = [{ name = 'f', from = 'p', to = 's', pace = { kind = 'unpaced' } }]\n\
            stages = [{ stage = 'ramp' }]";
        Workload::new(&Scenario::from_toml(text).unwrap(), 5, crate::workload::Share::WHOLE).unwrap()
    }

    fn payload(run_tag: u8, sequence: u32, intended: Nanos) -> [u8; STAMP_BYTES] {
        let mut payload = [0; STAMP_BYTES];
        Stamp { run_tag, sender: 0, sequence, intended, lateness: 300 }.write(&mut payload);
        payload
    }

    #[test]
    fn messages_of_the_warm_up_are_counted_but_not_measured() {
        let workload = workload();
        let mut tally = Tally::new(&workload);
        tally.measure_from = 1000;
        assert_eq!(tally.note_message(&workload, 1, &payload(5, 0, 900), 2000), Some((0, 0)));
        assert_eq!(tally.recorders.flows[0].latency.summary().count, 0);
        assert_eq!(tally.note_message(&workload, 1, &payload(5, 1, 1000), 2000), Some((0, 0)));
        assert_eq!(tally.recorders.flows[0].latency.summary().max_us, 1.0);
        assert_eq!(tally.recorders.flows[0].service.summary().max_us, 0.7);
        assert_eq!(tally.counts().delivered, 2);
        assert_eq!(tally.last_progress, 2000);
    }

    #[test]
    fn strays_and_duplicates_are_no_progress() {
        let workload = workload();
        let mut tally = Tally::new(&workload);
        assert_eq!(tally.note_message(&workload, 1, &payload(6, 0, 1), 10), None);
        assert_eq!(tally.note_message(&workload, 1, b"short", 10), None);
        assert_eq!(tally.note_message(&workload, 0, &payload(5, 0, 1), 10), None, "it came to its publisher");
        assert_eq!(tally.last_progress, 0);
        tally.note_message(&workload, 1, &payload(5, 0, 1), 20);
        assert_eq!(tally.note_message(&workload, 1, &payload(5, 0, 1), 30), None);
        assert_eq!(tally.last_progress, 20);
        let counts = tally.counts();
        assert_eq!((counts.strays, counts.duplicated, counts.delivered), (3, 1, 1));
    }

    #[test]
    fn what_is_listened_for_is_delivered_whoever_sent_it() {
        let text = "name = 'test'\n\
            clients = [{ name = 's', count = 1 }]\n\
            flows = [{ name = 'f', to = 's', filters = ['a/#'], pace = { kind = 'unpaced' } }]\n\
            stages = [{ stage = 'ramp' }]";
        let scenario = Scenario::from_toml(text).unwrap();
        let workload = Workload::new(&scenario, 5, crate::workload::Share::WHOLE).unwrap();
        let mut tally = Tally::new(&workload);
        assert_eq!(tally.note_message(&workload, 0, b"short", 10), None);
        assert_eq!(
            tally.note_message(&workload, 0, &payload(5, 0, 1), 20),
            None,
            "it looks like one of ours"
        );
        assert_eq!((tally.counts().delivered, tally.counts().strays, tally.last_progress), (2, 0, 20));
        let filters = workload.filters(0, crate::workload::Subscribing::OnConnect);
        assert_eq!(filters, [("a/#".to_owned(), ringmq_protocol::Qos::AtLeastOnce)]);
    }

    #[test]
    fn faults_are_counted_by_their_text() {
        let mut tally = Tally::new(&workload());
        for _ in 0..3 {
            tally.note_fault(&Fault::TimedOut);
        }
        tally.note_fault(&Fault::TooLarge);
        assert_eq!((tally.faults, tally.fault_texts.len()), (4, 2));
        assert!(tally.fault_texts.values().any(|&count| count == 3));
    }
}
