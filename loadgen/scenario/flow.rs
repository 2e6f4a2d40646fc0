//! Messages from one group of clients to another: how many, how large, when, and for whom.
//!
//! Owns the form and the defaults of a flow. Must never know what becomes of a message.

use serde::{Deserialize, Serialize};

use crate::words::{counted, rate};

use super::{Payload, Span};

/// Messages from one group to another.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flow {
    pub(crate) name: String,
    /// The group that publishes; absent if the subscribers listen to what others publish, outside this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// The group that subscribes; absent if nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    #[serde(default)]
    pub(crate) route: Route,
    /// Name of the shared subscription, where there is one.
    #[serde(default = "defaults::share")]
    pub(crate) share: String,
    /// Whether the messages are retained.
    #[serde(default)]
    pub(crate) retain: bool,
    /// Quality of service of publishing, 0 to 2.
    #[serde(default = "defaults::qos")]
    pub(crate) qos: u8,
    /// Quality of service of the subscriptions; that of publishing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subscribe_qos: Option<u8>,
    #[serde(default)]
    pub(crate) payload: Payload,
    pub(crate) pace: Pace,
    /// Messages in all; without it as many as the stages allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) messages: Option<u64>,
    /// Publishes at QoS 1 and 2 that one publisher has unacknowledged at most.
    #[serde(default = "defaults::inflight")]
    pub(crate) inflight: u16,
    /// The topic, a template.
    #[serde(default)]
    pub(crate) topic: String,
    /// What is subscribed to where nobody of this run publishes: templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) filters: Vec<String>,
    /// Names and values of every message. 5.0 only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) user_properties: Vec<(String, String)>,
}

/// For whom the messages of a flow are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Route {
    /// Every subscriber receives every message.
    #[default]
    Everyone,
    /// Subscriber n receives what publisher n sends.
    Pairs,
    /// The subscribers share one subscription: each message is for one of them.
    Shared,
    /// Message k of the flow is for subscriber k modulo their number.
    Addressed,
    /// Every message is a request that one of the others answers: with 5.0 to its response topic, with its correlation
    /// data; before 5.0 to its topic with `/reply` behind. Delivery is the arrival of the answer.
    Request,
}

/// When the messages of a flow are due.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Pace {
    /// Open loop: messages per second of all publishers together, evenly.
    Constant { rate_per_s: f64 },
    /// Open loop: one rate after the other. The last one stays.
    Stepped { steps: Vec<RateStep> },
    /// Open loop: exponentially distributed gaps, of this mean rate.
    Poisson { rate_per_s: f64 },
    /// Open loop: so many messages at the same instant, again and again.
    Bursts { messages: u32, every: Span },
    /// Closed loop: messages of one publisher that are on their way at a time.
    Window { messages: u32 },
    /// Nothing but the window of QoS 1 and 2 and what the sockets take.
    Unpaced {},
}

/// One rate of several.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateStep {
    pub(crate) rate_per_s: f64,
    pub(crate) span: Span,
}

impl Pace {
    /// Makes an open loop so many times as fast.
    pub(crate) fn multiply(&mut self, factor: f64) {
        match self {
            Pace::Constant { rate_per_s } | Pace::Poisson { rate_per_s } => *rate_per_s *= factor,
            Pace::Stepped { steps } => steps.iter_mut().for_each(|step| step.rate_per_s *= factor),
            Pace::Bursts { messages, .. } => {
                *messages = ((f64::from(*messages) * factor).round() as u32).max(1);
            }
            Pace::Window { .. } | Pace::Unpaced {} => {}
        }
    }

    /// The mean rate in an open loop; of steps the highest one.
    pub(crate) fn rate_per_s(&self) -> Option<f64> {
        match self {
            Pace::Constant { rate_per_s } | Pace::Poisson { rate_per_s } => Some(*rate_per_s),
            Pace::Stepped { steps } => Some(steps.iter().fold(0.0, |most, step| step.rate_per_s.max(most))),
            Pace::Bursts { messages, every } => Some(f64::from(*messages) / every.seconds()),
            Pace::Window { .. } | Pace::Unpaced {} => None,
        }
    }
}

impl Flow {
    /// Fills in what depends on other fields. `levels` are the first levels of a topic that nobody chose.
    pub(super) fn resolve(&mut self, levels: &str) {
        self.subscribe_qos.get_or_insert(self.qos);
        if self.topic.is_empty() && self.from.is_some() {
            // Retained messages replace each other unless each has a topic of its own.
            let last = if self.retain { "{n}" } else { "{client}" };
            self.topic = format!("{levels}/{last}");
        }
    }

    /// What the flow is, for a reader: quality, payload and pace.
    pub(crate) fn in_words(&self) -> String {
        if self.from.is_none() {
            return format!("QoS {}, {}", self.subscribe_qos(), self.filters.join(", "));
        }
        let pace = match (&self.pace, self.pace.rate_per_s()) {
            (Pace::Window { messages }, _) => format!(", closed loop with window {messages}"),
            (Pace::Stepped { steps }, _) => {
                let steps = steps.iter().map(|step| format!("{} for {}", rate(step.rate_per_s), step.span));
                format!(", open loop at {}", steps.collect::<Vec<_>>().join(", "))
            }
            (Pace::Bursts { messages, every }, _) => {
                format!(", open loop of {} every {every}", counted((*messages).into(), "message"))
            }
            (Pace::Poisson { rate_per_s }, _) => format!(", open loop at {} at random", rate(*rate_per_s)),
            (_, Some(per_s)) => format!(", open loop at {}", rate(per_s)),
            (_, None) => String::new(),
        };
        format!("QoS {}/{}, {} B{pace}", self.qos, self.subscribe_qos(), self.payload)
    }

    /// Quality of service of the subscriptions.
    pub(crate) fn subscribe_qos(&self) -> u8 {
        self.subscribe_qos.unwrap_or(self.qos)
    }
}

mod defaults {
    pub(super) fn share() -> String {
        "bench".into()
    }

    pub(super) fn qos() -> u8 {
        1
    }

    pub(super) fn inflight() -> u16 {
        100
    }
}
