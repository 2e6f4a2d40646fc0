//! The histograms that a run records into.
//!
//! Owns which there are. A duration is recorded once, at its flow; those of the run are the sum. Must never know what lasted.

use std::borrow::Cow;

use crate::latency::Latency;

/// The durations of the messages of one flow.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct FlowRecorders {
    /// From the intended time to the delivery.
    pub(crate) latency: Latency,
    /// From the actual sending to the delivery.
    pub(crate) service: Latency,
    /// From the intended time to the last acknowledgement.
    pub(crate) acknowledgement: Latency,
}

/// All durations of a run.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Recorders {
    /// By flow of the scenario.
    pub(crate) flows: Vec<FlowRecorders>,
    /// From the beginning of a connection until it was ready.
    pub(crate) connecting: Latency,
}

impl FlowRecorders {
    pub(crate) fn new() -> FlowRecorders {
        let new = Latency::new;
        FlowRecorders { latency: new(), service: new(), acknowledgement: new() }
    }

    fn merge(&mut self, other: &FlowRecorders) {
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.acknowledgement.merge(&other.acknowledgement);
    }

    fn clear(&mut self) {
        self.latency.clear();
        self.service.clear();
        self.acknowledgement.clear();
    }
}

impl Recorders {
    /// Nothing recorded, with room for so many flows.
    pub(crate) fn new(flows: usize) -> Recorders {
        let flows = (0..flows).map(|_| FlowRecorders::new()).collect();
        Recorders { flows, connecting: Latency::new() }
    }

    /// Those of all flows together.
    pub(crate) fn all_flows(&self) -> Cow<'_, FlowRecorders> {
        if let [only] = self.flows.as_slice() {
            return Cow::Borrowed(only);
        }
        let mut all = FlowRecorders::new();
        self.flows.iter().for_each(|flow| all.merge(flow));
        Cow::Owned(all)
    }

    /// Adds what another one recorded, of the same flows.
    pub(super) fn merge(&mut self, other: &Recorders) {
        let flows = self.flows.len().max(other.flows.len());
        self.flows.resize_with(flows, FlowRecorders::new);
        self.flows.iter_mut().zip(&other.flows).for_each(|(flow, other)| flow.merge(other));
        self.connecting.merge(&other.connecting);
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.flows.iter_mut().for_each(FlowRecorders::clear);
        self.connecting.clear();
    }
}
