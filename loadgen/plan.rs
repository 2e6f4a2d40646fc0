//! A run, ready to begin: a scenario and the broker it is for.
//!
//! Owns what the target options say together. Must never touch a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ringmq_ring::Engine;
use rustls::pki_types::ServerName;
use serde::{Deserialize, Serialize};

use crate::barrier::Barrier;
use crate::cli::values::Source;
use crate::cli::{EngineArg, OutputArgs, TargetArgs};
use crate::clock::{Nanos, SECOND};
use crate::report::Threshold;
use crate::scenario::{Flow, Pace, Route, Scenario};
use crate::series::Length;
use crate::tls::{TlsTarget, Trust, client_config};
use crate::workload::{Share, Workload};

/// Connections from one loopback address at most, unless the user names the addresses. The kernel looks for a free port of
/// an address one by one: with half of them taken that is most of the cost of a connection.
const CONNECTIONS_PER_LOOPBACK: u32 = 1000;

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Dialling {
    pub(crate) to: SocketAddr,
    pub(crate) tls: Option<TlsTarget>,
    pub(crate) inflight_max: u32,
    pub(crate) timeout: Nanos,
    pub(crate) sources: Vec<Source>,
}

impl Dialling {
    /// The address that a connection comes from; `None` for one of the kernel's choice.
    pub(crate) fn source(&self, number: u32) -> Option<SocketAddr> {
        let total: u64 = self.sources.iter().map(|source| u64::from(source.count())).sum();
        let mut at = u64::from(number).checked_rem(total)? as u32;
        for source in &self.sources {
            if at < source.count() {
                return Some(source.address(at));
            }
            at -= source.count();
        }
        None
    }
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) scenario: Scenario,
    pub(crate) workload: Workload,
    pub(crate) dialling: Dialling,
    pub(crate) broker_pids: Vec<u32>,
    pub(crate) output: OutputArgs,
    pub(crate) interval: Length,
    pub(crate) lag_max: Nanos,
    /// What fails the run, beside what MQTT promises.
    pub(crate) thresholds: Vec<Threshold>,
    /// None: io_uring if possible.
    pub(crate) engine: Option<Engine>,
    /// Where other parts of the run are waited for; none if this is all of it.
    pub(crate) barrier: Option<Arc<Barrier>>,
    /// The zero of the run; none if it is when the run begins.
    pub(crate) zero: Option<Instant>,
    /// Who does the parts, if others do.
    pub(crate) agents: Vec<AgentSummary>,
}

/// An agent as the report names it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct AgentSummary {
    pub(crate) address: String,
    /// How far its clock may be from the controller's, at most. The latency of a message from one agent to another may be wrong
    /// by the sum of both.
    pub(crate) clock_error_us: f64,
}

/// What the report says of the target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct TargetSummary {
    pub(crate) broker: String,
    pub(crate) tls: bool,
    pub(crate) connections: u32,
    /// Addresses and networks that connections come from, in turn; the kernel's choice if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) agents: Vec<AgentSummary>,
}

impl Plan {
    /// A run of a checked scenario.
    ///
    /// # Errors
    /// What does not fit together, for the user.
    pub(crate) fn new(scenario: Scenario, target: &TargetArgs) -> Result<Plan, String> {
        let mut plan = Plan::of_share(scenario, target, Share::WHOLE, run_number())?;
        target.fail_if.iter().try_for_each(|threshold| threshold.check(&plan))?;
        plan.thresholds = target.fail_if.clone();
        Ok(plan)
    }

    /// A part of the run with this number.
    ///
    /// # Errors
    /// What does not fit together, for the user.
    pub(crate) fn of_share(
        scenario: Scenario,
        target: &TargetArgs,
        share: Share,
        run: u32,
    ) -> Result<Plan, String> {
        if share.of > 1 {
            check_shared_out(&scenario)?;
        }
        let workload = Workload::new(&scenario, run, share)?;
        Ok(Plan {
            dialling: dialling(&scenario, target, workload.clients())?,
            workload,
            broker_pids: target.broker_pid.clone(),
            interval: interval(&scenario, target.output.interval, share),
            output: target.output.clone(),
            lag_max: target.lag_max,
            thresholds: Vec::new(),
            engine: match target.engine {
                EngineArg::Auto => None,
                EngineArg::Uring => Some(Engine::IoUring),
                EngineArg::Epoll => Some(Engine::Epoll),
            },
            barrier: None,
            zero: None,
            agents: Vec::new(),
            scenario,
        })
    }

    /// What the report says of the target.
    pub(crate) fn target(&self) -> TargetSummary {
        TargetSummary {
            broker: self.dialling.to.to_string(),
            tls: self.dialling.tls.is_some(),
            connections: self.workload.clients(),
            sources: self.dialling.sources.iter().map(Source::to_string).collect(),
            agents: self.agents.clone(),
        }
    }
}

/// How long an interval is. All parts of a run need the same ones, which only a length that is known before gives them.
fn interval(scenario: &Scenario, asked: Option<Nanos>, share: Share) -> Length {
    match (asked, scenario.planned()) {
        (Some(asked), _) => Length::Fixed(asked),
        (None, None) if share.of > 1 => Length::Fixed(SECOND),
        (None, planned) => Length::of_run(planned.map(|span| span.0)),
    }
}

/// In a closed loop a publisher waits for deliveries. Both sides of a pair are at the same agent, as is who asks and is
/// answered; of all others a delivery may be at another agent, where the publisher cannot know of it.
fn check_shared_out(scenario: &Scenario) -> Result<(), String> {
    let has_subscribers_elsewhere =
        |flow: &Flow| flow.to.is_some() && !matches!(flow.route, Route::Pairs | Route::Request);
    let is_blind = |flow: &&Flow| matches!(flow.pace, Pace::Window { .. }) && has_subscribers_elsewhere(flow);
    match scenario.flows.iter().find(is_blind) {
        Some(flow) => Err(format!(
            "flow {}: in a closed loop a publisher waits until its message has arrived, which may be at another agent: with \
             agents, use a rate, pairs or request-response",
            flow.name
        )),
        None => Ok(()),
    }
}

/// A number that two runs hardly share: topics and clients of one run are not those of another.
fn run_number() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mixed =
        (since.as_nanos() as u64 ^ u64::from(std::process::id()) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

fn dialling(scenario: &Scenario, target: &TargetArgs, clients: u32) -> Result<Dialling, String> {
    let to = target.broker.resolve()?;
    if to.is_ipv6() && !target.source.is_empty() {
        return Err("--source is for IPv4, the broker's address is IPv6".into());
    }
    let tls = match target.broker.tls {
        true => Some(tls_target(target)?),
        false if target.ca.is_some() || target.insecure || target.cert.is_some() || target.tls_resume => {
            return Err("TLS options need a broker at tls://".into());
        }
        false => None,
    };
    Ok(Dialling {
        to,
        tls,
        inflight_max: scenario.connect_inflight,
        timeout: scenario.connect_timeout.0,
        sources: sources(&target.source, to, clients),
    })
}

/// Where connections come from: as the user says, or from loopback addresses that are few connections each.
fn sources(wanted: &[Source], to: SocketAddr, clients: u32) -> Vec<Source> {
    let is_local = to.is_ipv4() && to.ip().is_loopback();
    match clients.div_ceil(CONNECTIONS_PER_LOOPBACK) {
        hosts @ 2.. if wanted.is_empty() && is_local => vec![Source::loopback(hosts)],
        _ => wanted.to_vec(),
    }
}

fn tls_target(target: &TargetArgs) -> Result<TlsTarget, String> {
    let host = &target.broker.host;
    let server_name = ServerName::try_from(host.clone()).map_err(|error| format!("{host}: {error}"))?;
    let identity = target.cert.clone().zip(target.key.clone());
    let trust =
        Trust { ca: target.ca.clone(), insecure: target.insecure, identity, resume: target.tls_resume };
    Ok(TlsTarget { config: client_config(&trust)?, server_name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_to_this_machine_come_from_many_addresses_unless_the_user_names_them() {
        let here: SocketAddr = "127.0.0.1:1883".parse().unwrap();
        let elsewhere: SocketAddr = "10.0.0.1:1883".parse().unwrap();
        let named: Source = "127.9.0.1".parse().unwrap();
        let count = |wanted: &[Source], to, clients| {
            sources(wanted, to, clients).iter().map(|source| source.count()).sum::<u32>()
        };
        assert_eq!((count(&[], here, 1_000), count(&[], elsewhere, 1_000_000)), (0, 0));
        assert_eq!(count(&[], "[::1]:1883".parse().unwrap(), 1_000_000), 0);
        assert_eq!((count(&[], here, 1_001), count(&[], here, 17_000)), (2, 30));
        assert_eq!(sources(&[named], here, 1_000_000), [named]);
    }
}
