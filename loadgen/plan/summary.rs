//! The plan as a report repeats it, all defaults resolved.
//!
//! Owns that form. Must never decide anything.

use serde::{Deserialize, Serialize};

use crate::clock::seconds;
use crate::plan::{Extent, Pace, Plan};

/// What was asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct PlanSummary {
    pub(crate) workload: String,
    pub(crate) broker: String,
    pub(crate) tls: bool,
    pub(crate) mqtt: u8,
    pub(crate) publishers: u32,
    pub(crate) subscribers: u32,
    pub(crate) connections: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) traffic: Option<TrafficSummary>,
    pub(crate) hold_s: f64,
    pub(crate) keep_alive_s: u16,
    pub(crate) connect_rate_per_s: Option<f64>,
    pub(crate) connect_inflight: u32,
}

/// What was to be published.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct TrafficSummary {
    pub(crate) publish_qos: u8,
    pub(crate) subscribe_qos: u8,
    pub(crate) payload_bytes: u32,
    /// Open loop: messages per second of all publishers.
    pub(crate) rate_per_s: Option<f64>,
    /// Closed loop: messages on their way per publisher.
    pub(crate) window: Option<u32>,
    pub(crate) inflight: u16,
    /// Publishing, warm-up included.
    pub(crate) duration_s: Option<f64>,
    pub(crate) messages: Option<u64>,
    pub(crate) warm_up_s: f64,
    pub(crate) drain_s: f64,
}

impl PlanSummary {
    pub(super) fn new(plan: &Plan) -> PlanSummary {
        let Plan { workload, terms, dialling, .. } = plan;
        PlanSummary {
            workload: workload.name.into(),
            broker: dialling.to.to_string(),
            tls: dialling.tls.is_some(),
            mqtt: terms.version.level(),
            publishers: workload.publishers,
            subscribers: workload.subscribers,
            connections: workload.clients(),
            traffic: workload.has_traffic().then(|| TrafficSummary::new(plan)),
            hold_s: seconds(plan.hold),
            keep_alive_s: terms.keep_alive_s,
            connect_rate_per_s: dialling.rate_per_s,
            connect_inflight: dialling.inflight_max,
        }
    }
}

impl TrafficSummary {
    fn new(plan: &Plan) -> TrafficSummary {
        let traffic = &plan.traffic;
        let (duration_s, messages) = match traffic.extent {
            Extent::Span(span) => (Some(seconds(span)), None),
            Extent::Messages(messages) => (None, Some(messages)),
        };
        let (rate_per_s, window) = match traffic.pace {
            Pace::Open(rate) => (Some(rate), None),
            Pace::Closed(window) => (None, Some(window)),
            Pace::Unpaced => (None, None),
        };
        TrafficSummary {
            publish_qos: traffic.publish_qos.bits(),
            subscribe_qos: traffic.subscribe_qos.bits(),
            payload_bytes: traffic.payload_bytes,
            rate_per_s,
            window,
            inflight: plan.terms.inflight_max,
            duration_s,
            messages,
            warm_up_s: seconds(traffic.warm_up),
            drain_s: seconds(traffic.drain),
        }
    }
}
