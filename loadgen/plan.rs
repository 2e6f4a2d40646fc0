//! What is to be done, checked: the command line turned into a run.
//!
//! Owns the rules of how options fit together, and the order of steps. Must never touch a socket.

mod summary;

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use ringmq_protocol::{Qos, TOPIC_BYTES_MAX, Version, is_valid_topic};
use ringmq_ring::Engine;
use rustls::pki_types::ServerName;

use crate::cli::values::Source;
use crate::cli::{CommonArgs, EngineArg, MessageArgs, OutputArgs, TrafficArgs, VersionArg, WorkloadArgs};
use crate::client::{Needs, Terms};
use crate::clock::{Nanos, seconds};
use crate::stamp::{SENDERS_MAX, TIME_MAX};
use crate::tls::{TlsTarget, Trust, client_config};
use crate::workload::{Shape, Workload};

pub(crate) use summary::PlanSummary;

/// The rate of an open loop that nobody chose.
const DEFAULT_RATE: f64 = 1000.0;

/// Entries that the ledger of a run may have: 16 bytes each.
const LEDGER_ENTRIES_MAX: u64 = 50_000_000;

/// Room for everything in a packet that is not payload.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// One thing that a run does, after the one before it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Open all connections, and subscribe unless that comes later.
    Connect,
    /// Publish by the plan.
    Publish,
    /// Wait for what is under way.
    Drain,
    /// Subscribe with all subscribers at once.
    Subscribe,
    /// Keep the connections.
    Hold,
    /// Remove the retained messages.
    Clear,
    /// End all connections.
    Close,
}

impl Step {
    /// What a reader is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Connect => "connect",
            Step::Publish => "publish",
            Step::Drain => "drain",
            Step::Subscribe => "subscribe",
            Step::Hold => "hold",
            Step::Clear => "clear",
            Step::Close => "close",
        }
    }
}

/// What the next message waits for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Pace {
    /// The schedule alone: messages per second of all publishers together.
    Open(f64),
    /// Earlier ones: messages of one publisher on their way at a time.
    Closed(u32),
    /// Nothing but the window of QoS 1 and 2 and what the sockets take.
    Unpaced,
}

/// How much is published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Extent {
    /// As much as fits into this span, warm-up included.
    Span(Nanos),
    /// This many messages of all publishers together.
    Messages(u64),
}

/// The messages of a run.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) publish_qos: Qos,
    pub(crate) subscribe_qos: Qos,
    pub(crate) payload_bytes: u32,
    pub(crate) pace: Pace,
    pub(crate) extent: Extent,
    pub(crate) warm_up: Nanos,
    pub(crate) drain: Nanos,
}

impl Traffic {
    /// The quality at which messages reach subscribers.
    pub(crate) fn delivered_qos(&self) -> Qos {
        self.publish_qos.min(self.subscribe_qos)
    }
}

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Dialling {
    pub(crate) to: SocketAddr,
    pub(crate) tls: Option<TlsTarget>,
    pub(crate) rate_per_s: Option<f64>,
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
    pub(crate) workload: Workload,
    pub(crate) steps: Vec<Step>,
    pub(crate) terms: Terms,
    pub(crate) traffic: Traffic,
    pub(crate) dialling: Dialling,
    pub(crate) hold: Nanos,
    pub(crate) broker_pids: Vec<u32>,
    pub(crate) output: OutputArgs,
    pub(crate) lag_max: Nanos,
    /// None: io_uring if possible.
    pub(crate) engine: Option<Engine>,
}

impl Plan {
    /// Checks the command line.
    ///
    /// # Errors
    /// What does not fit together, for the user.
    pub(crate) fn new(args: WorkloadArgs) -> Result<Plan, String> {
        let parts = Parts::from(args);
        let workload = parts.workload;
        check(&workload, &parts.traffic)?;
        let CommonArgs { version, keep_alive, .. } = parts.common;
        let terms = Terms {
            version: match version {
                VersionArg::V311 => Version::V311,
                VersionArg::V5 => Version::V5,
            },
            keep_alive_s: keep_alive,
            user_name: parts.common.username.clone(),
            password: parts.common.password.clone(),
            inflight_max: parts.inflight_max,
            packet_bytes_max: parts.traffic.payload_bytes as usize + HEAD_BYTES_MAX,
            needs: Needs { qos: parts.traffic.publish_qos, extra: workload.extra() },
        };
        if terms.password.is_some() && terms.user_name.is_none() && !terms.version.is_v5() {
            return Err("MQTT 3.1.1 knows no password without a user name".into());
        }
        let common = parts.common;
        Ok(Plan {
            steps: parts.steps,
            dialling: dialling(&common)?,
            terms,
            traffic: parts.traffic,
            workload,
            hold: parts.hold,
            broker_pids: common.broker_pid,
            output: common.output,
            lag_max: common.lag_max,
            engine: match common.engine {
                EngineArg::Auto => None,
                EngineArg::Uring => Some(Engine::IoUring),
                EngineArg::Epoll => Some(Engine::Epoll),
            },
        })
    }

    /// Whether a step comes at all.
    pub(crate) fn has(&self, step: Step) -> bool {
        self.steps.contains(&step)
    }

    /// What the report says of the plan.
    pub(crate) fn summary(&self) -> PlanSummary {
        PlanSummary::new(self)
    }
}

/// The command line sorted by subject.
struct Parts {
    workload: Workload,
    steps: Vec<Step>,
    traffic: Traffic,
    inflight_max: u16,
    hold: Nanos,
    common: CommonArgs,
}

const TRAFFIC_STEPS: &[Step] = &[Step::Connect, Step::Publish, Step::Drain, Step::Close];
const RETAINED_STEPS: &[Step] =
    &[Step::Connect, Step::Publish, Step::Drain, Step::Subscribe, Step::Drain, Step::Clear, Step::Close];

impl From<WorkloadArgs> for Parts {
    fn from(args: WorkloadArgs) -> Parts {
        match args {
            WorkloadArgs::FanIn { publishers, subscribers, traffic, common } => {
                flowing(("fan-in", Shape::Everyone), (publishers, subscribers), &traffic, common)
            }
            WorkloadArgs::FanOut { publishers, subscribers, traffic, common } => {
                flowing(("fan-out", Shape::Everyone), (publishers, subscribers), &traffic, common)
            }
            WorkloadArgs::Pairs { pairs, traffic, common } => {
                flowing(("pairs", Shape::Pairs), (pairs, pairs), &traffic, common)
            }
            WorkloadArgs::Shared { publishers, subscribers, group, traffic, common } => {
                flowing(("shared", Shape::Shared { group }), (publishers, subscribers), &traffic, common)
            }
            WorkloadArgs::Retained { topics, publishers, subscribers, message, common } => Parts {
                workload: workload(("retained", Shape::Retained), (publishers, subscribers), &common),
                steps: RETAINED_STEPS.into(),
                traffic: traffic(&message, Pace::Unpaced, Extent::Messages(topics.into()), 0),
                inflight_max: message.inflight,
                hold: 0,
                common,
            },
            WorkloadArgs::Connect { connections, common } => idling("connect", connections, None, common),
            WorkloadArgs::Idle { connections, hold, common } => {
                idling("idle", connections, Some(hold), common)
            }
        }
    }
}

fn flowing(
    what: (&'static str, Shape),
    clients: (u32, u32),
    args: &TrafficArgs,
    common: CommonArgs,
) -> Parts {
    let pace = match (args.window, args.rate) {
        (Some(window), _) => Pace::Closed(window),
        (None, rate) => Pace::Open(rate.unwrap_or(DEFAULT_RATE)),
    };
    let (extent, warm_up) = match args.messages {
        Some(messages) => (Extent::Messages(messages), 0),
        None => (Extent::Span(args.warm_up + args.duration), args.warm_up),
    };
    Parts {
        workload: workload(what, clients, &common),
        steps: TRAFFIC_STEPS.into(),
        traffic: traffic(&args.message, pace, extent, warm_up),
        inflight_max: args.message.inflight,
        hold: 0,
        common,
    }
}

fn idling(name: &'static str, connections: u32, hold: Option<Nanos>, common: CommonArgs) -> Parts {
    let steps = match hold {
        Some(_) => vec![Step::Connect, Step::Hold, Step::Close],
        None => vec![Step::Connect, Step::Close],
    };
    Parts {
        workload: Workload { idle: connections, ..workload((name, Shape::Connections), (0, 0), &common) },
        steps,
        traffic: Traffic {
            publish_qos: Qos::AtMostOnce,
            subscribe_qos: Qos::AtMostOnce,
            payload_bytes: 0,
            pace: Pace::Unpaced,
            extent: Extent::Messages(0),
            warm_up: 0,
            drain: 0,
        },
        inflight_max: 1,
        hold: hold.unwrap_or(0),
        common,
    }
}

fn workload(what: (&'static str, Shape), clients: (u32, u32), common: &CommonArgs) -> Workload {
    let (name, shape) = what;
    let (publishers, subscribers) = clients;
    let run = run_number();
    let prefix = format!("{}/{run:08x}", common.topic_prefix);
    Workload { name, shape, publishers, subscribers, idle: 0, prefix, run }
}

/// A number that two runs hardly share: topics and clients of one run are not those of another.
fn run_number() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mixed =
        (since.as_nanos() as u64 ^ u64::from(std::process::id()) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

fn traffic(args: &MessageArgs, pace: Pace, extent: Extent, warm_up: Nanos) -> Traffic {
    let qos = |bits| Qos::from_bits(bits).expect("the command line has checked the range");
    Traffic {
        publish_qos: qos(args.qos),
        subscribe_qos: qos(args.subscribe_qos.unwrap_or(args.qos)),
        payload_bytes: args.payload,
        pace,
        extent,
        warm_up,
        drain: args.drain,
    }
}

fn check(workload: &Workload, traffic: &Traffic) -> Result<(), String> {
    let entries = workload.routing().entries(workload.publishers, workload.subscribers);
    if entries > LEDGER_ENTRIES_MAX {
        return Err(format!(
            "{} publishers and {} subscribers are {entries} streams to check; at most {LEDGER_ENTRIES_MAX} are possible",
            workload.publishers, workload.subscribers
        ));
    }
    if let Shape::Shared { group } = &workload.shape
        && (group.is_empty() || group.contains(['/', '+', '#']))
    {
        return Err(format!("--group {group}: a group has a name without /, + and # [MQTT-4.8.2-1]"));
    }
    if !is_valid_topic(&workload.prefix) || workload.prefix.len() > TOPIC_BYTES_MAX / 2 {
        return Err("--topic-prefix is no topic name".into());
    }
    match traffic.extent {
        Extent::Span(span) if span > TIME_MAX => Err("a run takes at most 24 hours".into()),
        Extent::Messages(messages) => check_rate(traffic.pace, messages),
        Extent::Span(_) => Ok(()),
    }?;
    assert!((workload.publishers as usize) < SENDERS_MAX, "the command line has checked the range");
    Ok(())
}

/// A number of messages at a rate must not take longer than a stamp can tell.
fn check_rate(pace: Pace, messages: u64) -> Result<(), String> {
    match pace {
        Pace::Open(rate) if messages as f64 / rate > seconds(TIME_MAX) => {
            Err("--messages at this --rate take more than a day".into())
        }
        _ => Ok(()),
    }
}

fn dialling(common: &CommonArgs) -> Result<Dialling, String> {
    let to = common.broker.resolve()?;
    if to.is_ipv6() && !common.source.is_empty() {
        return Err("--source is for IPv4, the broker's address is IPv6".into());
    }
    let tls = match common.broker.tls {
        true => Some(tls_target(common)?),
        false if common.ca.is_some() || common.insecure || common.cert.is_some() || common.tls_resume => {
            return Err("TLS options need a broker at tls://".into());
        }
        false => None,
    };
    Ok(Dialling {
        to,
        tls,
        rate_per_s: common.connect_rate,
        inflight_max: common.connect_inflight,
        timeout: common.connect_timeout,
        sources: common.source.clone(),
    })
}

fn tls_target(common: &CommonArgs) -> Result<TlsTarget, String> {
    let host = &common.broker.host;
    let server_name = ServerName::try_from(host.clone()).map_err(|error| format!("{host}: {error}"))?;
    let identity = common.cert.clone().zip(common.key.clone());
    let trust =
        Trust { ca: common.ca.clone(), insecure: common.insecure, identity, resume: common.tls_resume };
    Ok(TlsTarget { config: client_config(&trust)?, server_name })
}
