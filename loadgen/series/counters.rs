//! What a run counts: as it stands at a moment, and as it grew in an interval.
//!
//! Owns the names, which are those of a row. Must never know who counts.

use serde::{Deserialize, Serialize};

/// What stands on the counters at a moment, or what an interval added to them. All but the last five only grow.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Messages that the schedule wanted sent.
    pub(crate) due: u64,
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) rejected: u64,
    pub(crate) delivered: u64,
    /// Bytes of the payloads sent, and of those delivered for the first time.
    #[serde(default)]
    pub(crate) sent_bytes: u64,
    #[serde(default)]
    pub(crate) delivered_bytes: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    /// Connections that became ready.
    pub(crate) connected: u64,
    /// Connections that failed or ended by themselves.
    pub(crate) faults: u64,
    /// Connections that had been ready and ended by themselves.
    #[serde(default)]
    pub(crate) lost: u64,
    /// Connections that were cut on purpose.
    #[serde(default)]
    pub(crate) cut: u64,
    /// Clients of both kinds that are back.
    #[serde(default)]
    pub(crate) recovered: u64,
    /// Deliveries at this moment that the messages sent so far lead to and that have not come: what is still missing at the end
    /// is lost.
    #[serde(default)]
    pub(crate) undelivered: u64,
    /// The fewest clients that were ready at any moment since the last interval ended; none in reports that are older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ready_least: Option<u64>,
    /// Clients at this moment that are connected and, where they are to, have subscribed.
    #[serde(default)]
    pub(crate) ready: u64,
    /// Connections at this moment, ready or not.
    pub(crate) open: u64,
    /// Connections being made at this moment.
    pub(crate) dialling: u64,
}

impl Counters {
    /// What was added since an earlier moment. A counter may begin anew when a run turns to something else.
    pub(super) fn since(&self, earlier: &Counters) -> Counters {
        let grown = |of: fn(&Counters) -> u64| of(self).saturating_sub(of(earlier));
        Counters {
            due: grown(|counters| counters.due),
            sent: grown(|counters| counters.sent),
            acknowledged: grown(|counters| counters.acknowledged),
            rejected: grown(|counters| counters.rejected),
            delivered: grown(|counters| counters.delivered),
            sent_bytes: grown(|counters| counters.sent_bytes),
            delivered_bytes: grown(|counters| counters.delivered_bytes),
            duplicated: grown(|counters| counters.duplicated),
            out_of_order: grown(|counters| counters.out_of_order),
            connected: grown(|counters| counters.connected),
            faults: grown(|counters| counters.faults),
            lost: grown(|counters| counters.lost),
            cut: grown(|counters| counters.cut),
            recovered: grown(|counters| counters.recovered),
            ..*self
        }
    }

    /// Adds what another part of the run counted in the same interval, or the same part in another one.
    pub(crate) fn add(&mut self, other: &Counters) {
        self.due += other.due;
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.rejected += other.rejected;
        self.delivered += other.delivered;
        self.sent_bytes += other.sent_bytes;
        self.delivered_bytes += other.delivered_bytes;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.connected += other.connected;
        self.faults += other.faults;
        self.lost += other.lost;
        self.cut += other.cut;
        self.recovered += other.recovered;
        self.undelivered += other.undelivered;
        // Of parts that were lowest at different moments this is less than the whole ever had: the safe side.
        self.ready_least = self.ready_least.zip(other.ready_least).map(|(one, other)| one + other);
        self.ready += other.ready;
        self.open += other.open;
        self.dialling += other.dialling;
    }

    /// What this interval and the one after it added together; gauges are those of the later one.
    pub(super) fn followed_by(&self, later: &Counters) -> Counters {
        let mut sum = *self;
        sum.add(later);
        let least = self.ready_least.into_iter().chain(later.ready_least).min();
        let Counters { undelivered, ready, open, dialling, .. } = *later;
        Counters { undelivered, ready_least: least, ready, open, dialling, ..sum }
    }
}
