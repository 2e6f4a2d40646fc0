//! Connections that are made and closed at once, as health checks of load balancers do.
//!
//! Owns their pace and what became of them. Must never know MQTT.

use std::ops::Range;

use crate::clock::Nanos;
use crate::latency::Latency;
use crate::schedule::Schedule;
use crate::workload::Workload;

use super::crowd::{Crowd, Life};

/// One group of probes.
#[derive(Debug)]
pub(crate) struct Prober {
    schedule: Schedule,
    begun: u64,
    /// Those that have no connection at present.
    free: Vec<u32>,
    clients: Range<u32>,
}

/// What became of all probes.
#[derive(Debug)]
pub(crate) struct Probes {
    pub(crate) made: u64,
    pub(crate) failed: u64,
    /// Probes that were due while all of their group were under way.
    pub(crate) missed: u64,
    /// From the beginning of a connection until it stood.
    pub(crate) time: Latency,
}

impl Probes {
    pub(crate) fn new() -> Probes {
        Probes { made: 0, failed: 0, missed: 0, time: Latency::new() }
    }
}

impl Prober {
    pub(crate) fn new(clients: Range<u32>, rate_per_s: f64) -> Prober {
        Prober { schedule: Schedule::new(0, rate_per_s), begun: 0, free: clients.clone().collect(), clients }
    }

    /// When the next probe is due.
    pub(crate) fn next_due(&self) -> Nanos {
        self.schedule.due_at(self.begun)
    }

    /// A probe that is to begin now. One that is due while none is free is missed.
    pub(crate) fn begin(&mut self, now: Nanos, probes: &mut Probes) -> Option<u32> {
        while self.next_due() <= now {
            self.begun += 1;
            match self.free.pop() {
                None => probes.missed += 1,
                free => return free,
            }
        }
        None
    }

    /// Notes that a probe is over, if it is one of this group.
    pub(crate) fn end(&mut self, client: u32) {
        if self.clients.contains(&client) {
            self.free.push(client);
        }
    }
}

/// The probes of all groups that are such.
pub(super) fn probers(crowd: &mut Crowd, workload: &Workload) -> Vec<Prober> {
    let mut probers = Vec::new();
    for group in &workload.groups {
        if let Some(rate) = group.probe_rate_per_s {
            group.clients.clone().for_each(|number| crowd.set_life(number, Life::Probe));
            probers.push(Prober::new(group.clients.clone(), rate));
        }
    }
    probers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    #[test]
    fn probes_are_due_by_their_rate_and_missed_when_none_is_free() {
        let (mut prober, mut probes) = (Prober::new(5..7, 10.0), Probes::new());
        let begun: Vec<_> = std::iter::from_fn(|| prober.begin(SECOND / 2, &mut probes)).collect();
        assert_eq!((begun, probes.missed), (vec![6, 5], 4));
        prober.end(6);
        prober.end(99);
        assert_eq!(prober.begin(SECOND / 2, &mut probes), None);
        assert_eq!(prober.begin(prober.next_due(), &mut probes), Some(6));
    }
}
