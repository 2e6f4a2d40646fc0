//! Signs of life: every client of a group pings once in half its keep-alive time, one after the other.
//!
//! Owns whose turn it is. Must never know a socket.

use std::ops::Range;

use crate::clock::{Nanos, SECOND, seconds};
use crate::schedule::Schedule;

/// The round of pings of one group.
#[derive(Debug)]
pub(crate) struct Pinger {
    schedule: Option<Schedule>,
    keep_alive_s: u16,
    clients: Range<u32>,
    cursor: u64,
}

impl Pinger {
    /// A round over all clients; none at all with a keep alive of 0.
    pub(crate) fn new(keep_alive_s: u16, clients: Range<u32>, start: Nanos) -> Pinger {
        let round_s = seconds(u64::from(keep_alive_s) * SECOND / 2);
        let schedule = (keep_alive_s > 0 && !clients.is_empty()).then(|| {
            // The first round begins after a pause: a connection is a sign of life by itself.
            Schedule::new(start + u64::from(keep_alive_s) * SECOND / 4, clients.len() as f64 / round_s)
        });
        Pinger { schedule, keep_alive_s, clients, cursor: 0 }
    }

    /// Takes over a shorter time that the broker demands [MQTT-3.1.2-21].
    pub(crate) fn tighten(&mut self, keep_alive_s: u16, now: Nanos) {
        if keep_alive_s > 0 && (self.keep_alive_s == 0 || keep_alive_s < self.keep_alive_s) {
            *self = Pinger::new(keep_alive_s, self.clients.clone(), now);
        }
    }

    /// The next client whose ping is due.
    pub(crate) fn take_due(&mut self, now: Nanos) -> Option<u32> {
        let due = self.next_due()?;
        if due > now {
            return None;
        }
        let client = self.clients.start + (self.cursor % self.clients.len() as u64) as u32;
        self.cursor += 1;
        Some(client)
    }

    /// When the next ping is due.
    pub(crate) fn next_due(&self) -> Option<Nanos> {
        self.schedule.map(|schedule| schedule.due_at(self.cursor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_pings_once_in_half_the_keep_alive_time() {
        let mut pinger = Pinger::new(60, 4..7, 0);
        assert_eq!(pinger.take_due(15 * SECOND - 1), None);
        let due: Vec<_> = std::iter::from_fn(|| pinger.take_due(45 * SECOND - 1)).collect();
        assert_eq!(due, [4, 5, 6]);
        assert_eq!(pinger.take_due(45 * SECOND), Some(4));
    }

    #[test]
    fn the_broker_may_demand_more() {
        let mut pinger = Pinger::new(0, 0..1, 0);
        assert_eq!(pinger.next_due(), None);
        pinger.tighten(4, 10 * SECOND);
        assert_eq!(pinger.next_due(), Some(11 * SECOND));
        pinger.tighten(8, 10 * SECOND);
        assert_eq!(pinger.next_due(), Some(11 * SECOND), "a longer time changes nothing");
    }
}
