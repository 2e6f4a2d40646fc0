//! What a run does, whatever the broker: groups of clients, flows of messages between them, and stages one after the other.
//!
//! Owns that form, its defaults and its digest. A scenario is read from TOML or built from the command line, and the report
//! repeats it with every default filled in, so that a run can be made again from its report. Must never know a broker's
//! address, nor anything that happens while a run goes on.
//!
//! | file | subject |
//! | --- | --- |
//! | `flow`, `stage` | the parts of a scenario beside its clients |
//! | `values` | spans and payloads as they are written down |
//! | `template` | text with places for numbers: topics, names |
//! | `check` | what does not fit together |
//! | `preset`, `change` | scenarios that come with the tool; one that is changed or scaled |
//! | `typed`, `mixed`, `own` | the workloads of the command line as scenarios |

mod change;
mod check;
mod flow;
mod mixed;
mod own;
mod preset;
mod stage;
pub(crate) mod template;
mod typed;
mod values;

use serde::{Deserialize, Serialize};

use crate::clock::SECOND;
use crate::words::grouped;

pub(crate) use change::with_changes;
pub(crate) use flow::{Flow, Pace, RateStep, Route};
pub(crate) use preset::{list as list_presets, preset};
pub(crate) use stage::{Ending, Stage};
pub(crate) use typed::from_workload;
pub(crate) use values::{PAYLOAD_BYTES_MAX, Payload, Span};

/// A whole run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What it is called in reports.
    pub(crate) name: String,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub(crate) description: String,
    /// Where all chance comes from: Poisson arrivals, payload sizes, back-off.
    #[serde(default = "defaults::seed")]
    pub(crate) seed: u64,
    /// Which fraction of its original size this is: 1 unless it was scaled.
    #[serde(default = "defaults::scale")]
    pub(crate) scale: f64,
    /// What becomes of the run when a connection ends that was meant to go on.
    #[serde(default)]
    pub(crate) on_loss: OnLoss,
    /// Connections being made at a time.
    #[serde(default = "defaults::connect_inflight")]
    pub(crate) connect_inflight: u32,
    /// Time for one connection until CONNACK and SUBACK.
    #[serde(default = "defaults::connect_timeout")]
    pub(crate) connect_timeout: Span,
    /// How long a drain waits without any progress.
    #[serde(default = "defaults::drain")]
    pub(crate) drain: Span,
    /// Who takes part.
    pub(crate) clients: Vec<Clients>,
    /// What they say to each other.
    #[serde(default)]
    pub(crate) flows: Vec<Flow>,
    /// In which order things happen. Closing everything is always the last one and not written down.
    pub(crate) stages: Vec<Stage>,
}

/// A group of clients that are alike.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clients {
    /// How flows and stages name it.
    pub(crate) name: String,
    pub(crate) count: u32,
    #[serde(default)]
    pub(crate) mqtt: Level,
    /// Seconds; 0 for none.
    #[serde(default = "defaults::keep_alive_s")]
    pub(crate) keep_alive_s: u16,
    #[serde(default)]
    pub(crate) session: Session,
    /// How long the broker keeps a persistent session without connection. 5.0 only: 3.1.1 knows no end.
    #[serde(default = "defaults::session_expiry_s")]
    pub(crate) session_expiry_s: u32,
    /// Client identifier, a template.
    #[serde(default)]
    pub(crate) client_id: String,
    /// User name, a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    /// Password, a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) password: Option<String>,
    /// A file with a line `user,password` for each client; with fewer lines they are used in turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<String>,
    /// What the broker publishes when a connection ends without DISCONNECT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) will: Option<Will>,
    /// What each connection begins with.
    #[serde(default)]
    pub(crate) proxy: Proxy,
    /// The clients know no MQTT: all through the run so many connections per second are made and closed at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) probe_rate_per_s: Option<f64>,
}

/// What the broker is to publish for a client that goes without a word.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Will {
    /// The topic, a template.
    pub(crate) topic: String,
    #[serde(default)]
    pub(crate) payload: String,
    /// Quality of service, 0 to 2.
    #[serde(default)]
    pub(crate) qos: u8,
    #[serde(default)]
    pub(crate) retain: bool,
}

/// The header in front of a connection that a load balancer would write.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Proxy {
    #[default]
    None,
    /// PROXY protocol version 1: a line of text.
    V1,
    /// PROXY protocol version 2: binary.
    V2,
}

/// Version of MQTT.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub(crate) enum Level {
    #[serde(rename = "3.1.1")]
    V311,
    #[default]
    #[serde(rename = "5")]
    V5,
}

/// What the broker keeps of a client between connections.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Session {
    /// Nothing: every connection begins anew.
    #[default]
    Clean,
    /// Subscriptions and messages of QoS 1 and 2.
    Persistent,
}

/// What becomes of a run when a connection ends that was meant to go on.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnLoss {
    /// The client connects again, and the run goes on; that the connection ended is a failed check.
    #[default]
    Reconnect,
    /// As reconnect, but no failed check if every client comes back: for a broker that is restarted on purpose.
    Allow,
    /// The run is broken off.
    Stop,
}

impl Scenario {
    /// Reads a scenario, fills in every default and checks it.
    ///
    /// # Errors
    /// What is wrong with it, and where, for the user.
    pub(crate) fn from_toml(text: &str) -> Result<Scenario, String> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| error.to_string())?;
        scenario.resolved()
    }

    /// The scenario as a file.
    pub(crate) fn to_toml(&self) -> String {
        toml::to_string(self).expect("names, numbers and lists have a TOML form")
    }

    /// Fills in every default that depends on other fields, and checks the whole.
    ///
    /// # Errors
    /// What does not fit together.
    pub(crate) fn resolved(mut self) -> Result<Scenario, String> {
        for group in &mut self.clients {
            if group.client_id.is_empty() {
                group.client_id = defaults::CLIENT_ID.into();
            }
        }
        let is_single = self.flows.len() == 1;
        for flow in &mut self.flows {
            let levels =
                if is_single { "bench/{run}".into() } else { format!("bench/{{run}}/{}", flow.name) };
            flow.resolve(&levels);
        }
        check::check(&self)?;
        Ok(self)
    }

    /// Tells two scenarios apart: 16 hexadecimal digits that depend on every field.
    pub(crate) fn digest(&self) -> String {
        let json = serde_json::to_vec(self).expect("names and numbers have a JSON form");
        format!("{:016x}", fnv1a(&json))
    }

    /// Clients in all.
    pub(crate) fn client_count(&self) -> u64 {
        self.clients.iter().map(|group| u64::from(group.count)).sum()
    }

    /// How long it lasts by the clock; none if that depends on the broker alone, as with a number of messages.
    pub(crate) fn planned(&self) -> Option<Span> {
        let span = |stage: &Stage| match stage {
            Stage::WarmUp { span } | Stage::Burst { span, .. } | Stage::Hold { span } => Some(span.0),
            Stage::Publish { span } => span.map(|span| span.0),
            _ => None,
        };
        let is_open = |stage: &Stage| matches!(stage, Stage::Publish { span: None });
        let whole: u64 = self.stages.iter().filter_map(span).sum();
        (whole > 0 && !self.stages.iter().any(is_open)).then_some(Span(whole))
    }

    /// Who takes part, for a reader.
    pub(crate) fn clients_in_words(&self) -> String {
        let groups: Vec<_> = self
            .clients
            .iter()
            .map(|group| format!("{} {}", grouped(group.count.into()), noun(group)))
            .collect();
        groups.join(", ")
    }

    /// The index of a group.
    pub(crate) fn group(&self, name: &str) -> Option<usize> {
        self.clients.iter().position(|group| group.name == name)
    }
}

/// The name of a group beside its number: without its plural s for one.
fn noun(group: &Clients) -> &str {
    let name = &group.name;
    if group.count == 1 {
        name.strip_suffix('s').filter(|rest| !rest.ends_with('w')).unwrap_or(name)
    } else {
        name
    }
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo): tells texts apart, and proves nothing.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// What a field holds that nobody wrote.
mod defaults {
    use super::{SECOND, Span};

    /// At most 23 letters and digits, which every server takes [MQTT-3.1.3-5].
    pub(super) const CLIENT_ID: &str = "rb{run}{group}{client}";

    pub(super) fn seed() -> u64 {
        1
    }

    pub(super) fn scale() -> f64 {
        1.0
    }

    pub(super) fn connect_inflight() -> u32 {
        128
    }

    pub(super) fn connect_timeout() -> Span {
        Span(10 * SECOND)
    }

    pub(super) fn drain() -> Span {
        Span(5 * SECOND)
    }

    pub(super) fn keep_alive_s() -> u16 {
        300
    }

    pub(super) fn session_expiry_s() -> u32 {
        3600
    }
}

#[cfg(test)]
pub(crate) mod tests;
