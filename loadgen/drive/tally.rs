//! Everything that is counted while a run goes on.
//!
//! Owns the ledger, the histograms and the faults. Must never know a socket, nor judge: that is `report`.

use std::collections::BTreeMap;

use ringmq_protocol::Reason;

use crate::clock::Nanos;
use crate::fault::Fault;
use crate::ledger::Ledger;
use crate::series::Recorders;
use crate::stamp::Stamp;

/// Different fault texts that are kept; all faults are counted.
const FAULT_TEXTS_MAX: usize = 20;

/// What was counted.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) ledger: Ledger,
    run_tag: u8,
    /// Messages that were meant to leave before this, in the resolution of a stamp, are counted but not measured.
    pub(crate) measure_from: Nanos,
    /// Retained messages: when they were asked for, which is what latency counts from.
    pub(crate) asked_at: Option<Nanos>,
    /// What was measured since the end of the last interval.
    pub(crate) recorders: Recorders,
    pub(crate) acknowledged: u64,
    pub(crate) rejected: u64,
    /// Messages at QoS 2 that came again before their release.
    pub(crate) repeated: u64,
    pub(crate) pings: u64,
    pub(crate) pongs: u64,
    pub(crate) connected: u64,
    pub(crate) faults: u64,
    pub(crate) fault_texts: BTreeMap<String, u64>,
    /// When something last came that brings the run nearer to its end.
    pub(crate) last_progress: Nanos,
}

impl Tally {
    pub(crate) fn new(ledger: Ledger, run_tag: u8) -> Tally {
        Tally {
            ledger,
            run_tag,
            measure_from: 0,
            asked_at: None,
            recorders: Recorders::new(),
            acknowledged: 0,
            rejected: 0,
            repeated: 0,
            pings: 0,
            pongs: 0,
            connected: 0,
            faults: 0,
            fault_texts: BTreeMap::new(),
            last_progress: 0,
        }
    }

    /// Notes a message at a subscriber. Returns its publisher if it came for the first time.
    pub(crate) fn note_message(&mut self, subscriber: u32, payload: &[u8], now: Nanos) -> Option<u32> {
        let Some(stamp) = Stamp::read(payload).filter(|stamp| stamp.run_tag == self.run_tag) else {
            self.ledger.record_stray();
            return None;
        };
        if !self.ledger.record(stamp.sender, subscriber, stamp.sequence) {
            return None;
        }
        self.last_progress = now;
        match self.asked_at {
            Some(asked_at) => self.recorders.latency.record(now.saturating_sub(asked_at)),
            None if stamp.intended >= self.measure_from => {
                let latency = now.saturating_sub(stamp.intended);
                self.recorders.latency.record(latency);
                self.recorders.service.record(latency.saturating_sub(stamp.lateness));
            }
            None => {}
        }
        Some(stamp.sender)
    }

    /// Notes that a publish is done.
    pub(crate) fn note_acknowledged(&mut self, intended: Nanos, now: Nanos) {
        self.acknowledged += 1;
        self.last_progress = now;
        if intended >= self.measure_from {
            self.recorders.acknowledgement.record(now.saturating_sub(intended));
        }
    }

    /// Notes that the broker refused a publish.
    pub(crate) fn note_rejected(&mut self, reason: Reason, now: Nanos) {
        self.rejected += 1;
        self.last_progress = now;
        self.note_text(format!("a publish was refused: {} ({:#04x})", reason.name(), reason.as_byte()));
    }

    /// Notes that a connection became ready.
    pub(crate) fn note_connected(&mut self, began: Nanos, now: Nanos) {
        self.connected += 1;
        self.recorders.connecting.record(now.saturating_sub(began));
    }

    /// Notes that a connection failed or ended.
    pub(crate) fn note_fault(&mut self, fault: &Fault) {
        self.faults += 1;
        self.note_text(fault.to_string());
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
    use crate::ledger::Routing;
    use crate::stamp::STAMP_BYTES;

    fn payload(run_tag: u8, sequence: u32, intended: Nanos) -> [u8; STAMP_BYTES] {
        let mut payload = [0; STAMP_BYTES];
        Stamp { run_tag, sender: 0, sequence, intended, lateness: 300 }.write(&mut payload);
        payload
    }

    #[test]
    fn messages_of_the_warm_up_are_counted_but_not_measured() {
        let mut tally = Tally::new(Ledger::new(Routing::Everyone, 1, 1), 5);
        tally.measure_from = 1000;
        assert_eq!(tally.note_message(0, &payload(5, 0, 900), 2000), Some(0));
        assert_eq!(tally.recorders.latency.summary().count, 0);
        assert_eq!(tally.note_message(0, &payload(5, 1, 1000), 2000), Some(0));
        assert_eq!(tally.recorders.latency.summary().max_us, 1.0);
        assert_eq!(tally.recorders.service.summary().max_us, 0.7);
        assert_eq!(tally.ledger.counts().delivered, 2);
        assert_eq!(tally.last_progress, 2000);
    }

    #[test]
    fn strays_and_duplicates_are_no_progress() {
        let mut tally = Tally::new(Ledger::new(Routing::Everyone, 1, 1), 5);
        assert_eq!(tally.note_message(0, &payload(6, 0, 1), 10), None);
        assert_eq!(tally.note_message(0, b"short", 10), None);
        assert_eq!(tally.last_progress, 0);
        tally.note_message(0, &payload(5, 0, 1), 20);
        assert_eq!(tally.note_message(0, &payload(5, 0, 1), 30), None);
        assert_eq!(tally.last_progress, 20);
        let counts = tally.ledger.counts();
        assert_eq!((counts.strays, counts.duplicated, counts.delivered), (2, 1, 1));
    }

    #[test]
    fn faults_are_counted_by_their_text() {
        let mut tally = Tally::new(Ledger::new(Routing::Everyone, 0, 0), 0);
        for _ in 0..3 {
            tally.note_fault(&Fault::TimedOut);
        }
        tally.note_fault(&Fault::TooLarge);
        assert_eq!((tally.faults, tally.fault_texts.len()), (4, 2));
        assert!(tally.fault_texts.values().any(|&count| count == 3));
    }
}
