//! The workloads of the command line as scenarios.
//!
//! Owns that translation. Must never check what it makes: that is `check`.

use crate::cli::{ClientArgs, MessageArgs, PubArgs, TrafficArgs, VersionArg, WorkloadArgs};
use crate::clock::{Nanos, SECOND};

use super::{Clients, Ending, Flow, Level, Pace, Route, Scenario, Span, Stage, Will, defaults, own};

/// The rate of an open loop that nobody chose.
const DEFAULT_RATE: f64 = 1000.0;

/// How long is published before measuring, and measured, if nobody says.
const DEFAULT_WARM_UP: Nanos = SECOND;
const DEFAULT_DURATION: Nanos = 10 * SECOND;

/// The scenario that a workload stands for.
///
/// # Errors
/// What does not fit together.
pub(crate) fn from_workload(args: &WorkloadArgs) -> Result<Scenario, String> {
    let scenario = match args {
        WorkloadArgs::FanIn { publishers, subscribers, traffic, common } => {
            flowing("fan-in", (*publishers, *subscribers), Route::Everyone, (traffic, &common.client))
        }
        WorkloadArgs::FanOut { publishers, subscribers, traffic, common } => {
            flowing("fan-out", (*publishers, *subscribers), Route::Everyone, (traffic, &common.client))
        }
        WorkloadArgs::Pairs { pairs, traffic, common } => {
            flowing("pairs", (*pairs, *pairs), Route::Pairs, (traffic, &common.client))
        }
        WorkloadArgs::Shared { publishers, subscribers, group, traffic, common } => {
            let mut shared =
                flowing("shared", (*publishers, *subscribers), Route::Shared, (traffic, &common.client));
            shared.flows.iter_mut().for_each(|flow| flow.share.clone_from(group));
            shared
        }
        WorkloadArgs::Retained { topics, publishers, subscribers, message, common } => {
            retained(*topics, (*publishers, *subscribers), message, &common.client)
        }
        WorkloadArgs::RequestResponse { requesters, responders, traffic, common } => {
            let args = (traffic, &common.client);
            let whole = flowing("request-response", (*requesters, *responders), Route::Request, args);
            between(whole, "requesters", "responders")
        }
        WorkloadArgs::Reconnect { pairs, share, within, traffic, common } => {
            let whole = flowing("reconnect", (*pairs, *pairs), Route::Pairs, (traffic, &common.client));
            cut_in_the_middle(whole, *share, Span(*within))
        }
        WorkloadArgs::Mixed { mixed, common } => super::mixed::mixed(mixed, &common.client)?,
        WorkloadArgs::Pub { own: PubArgs { clients, retain }, traffic, common } => {
            let whole = flowing("pub", (*clients, 0), Route::Everyone, (traffic, &common.client));
            let mut whole = own::without_subscribers(whole, &common.client);
            whole.flows.iter_mut().for_each(|flow| flow.retain = *retain);
            whole
        }
        WorkloadArgs::Sub { own, common } => own::listening(own, &common.client),
        WorkloadArgs::Connect { connections, common } => {
            connections_only("connect", *connections, None, &common.client)
        }
        WorkloadArgs::Idle { connections, hold, common } => {
            connections_only("idle", *connections, Some(*hold), &common.client)
        }
    };
    scenario.resolved()
}

fn flowing(
    name: &str,
    (publishers, subscribers): (u32, u32),
    route: Route,
    (traffic, client): (&TrafficArgs, &ClientArgs),
) -> Scenario {
    let by_client = traffic.every.map(|every| f64::from(publishers) / Span(every).seconds());
    let rate_per_s = traffic.rate.or(by_client).unwrap_or(DEFAULT_RATE);
    let pace = match (traffic.window, traffic.steps.as_ref().or(traffic.bursts.as_ref())) {
        (Some(messages), _) => Pace::Window { messages },
        (None, Some(pace)) => pace.clone(),
        (None, None) if traffic.poisson => Pace::Poisson { rate_per_s },
        (None, None) => Pace::Constant { rate_per_s },
    };
    let mut stages = vec![ramp(client)];
    match traffic.messages {
        Some(_) => stages.push(Stage::Publish { span: None }),
        None => {
            let span = Span(warm_up(traffic));
            stages.extend((span > Span(0)).then_some(Stage::WarmUp { span }));
            stages.push(Stage::Publish { span: Some(Span(duration(traffic))) });
        }
    }
    stages.push(Stage::Drain {});
    let flow = Flow { route, messages: traffic.messages, ..flow(name, pace, &traffic.message, client) };
    let groups = [("publishers", publishers), ("subscribers", subscribers)];
    scenario(name, &groups, vec![flow], stages, client).with_patience(traffic.message.drain)
}

/// How long a workload publishes before it is measured. Steps begin with the warm-up, which is not to cost them the first one.
fn warm_up(traffic: &TrafficArgs) -> Nanos {
    let usual = if traffic.steps.is_some() { 0 } else { DEFAULT_WARM_UP };
    traffic.warm_up.unwrap_or(usual)
}

/// How long a workload is measured: as it says, or until its steps are over.
fn duration(traffic: &TrafficArgs) -> Nanos {
    let steps = match &traffic.steps {
        Some(Pace::Stepped { steps }) => steps.iter().map(|step| step.span.0).sum::<Nanos>(),
        _ => 0,
    };
    let usual = match steps.saturating_sub(warm_up(traffic)) {
        0 => DEFAULT_DURATION,
        left => left,
    };
    traffic.duration.unwrap_or(usual)
}

/// Gives the two sides of a flow names of their own.
fn between(mut whole: Scenario, from: &str, to: &str) -> Scenario {
    for (clients, name) in whole.clients.iter_mut().zip([from, to]) {
        clients.name = name.into();
    }
    for flow in &mut whole.flows {
        (flow.from, flow.to) = (Some(from.into()), Some(to.into()));
    }
    whole
}

/// Halves the publishing, and cuts connections between the halves.
fn cut_in_the_middle(whole: Scenario, share: f64, within: Span) -> Scenario {
    let mut stages = Vec::new();
    for stage in whole.stages {
        match stage {
            Stage::Publish { span: Some(span) } => {
                let half = Stage::Publish { span: Some(Span(span.0 / 2)) };
                let cut = Stage::Cut { clients: Vec::new(), share, how: Ending::Reset };
                stages.extend([half.clone(), cut, Stage::Recover { within }, half]);
            }
            other => stages.push(other),
        }
    }
    Scenario { stages, ..whole }
}

fn retained(
    topics: u32,
    (publishers, subscribers): (u32, u32),
    message: &MessageArgs,
    client: &ClientArgs,
) -> Scenario {
    let flow = Flow {
        retain: true,
        messages: Some(topics.into()),
        ..flow("retained", Pace::Unpaced {}, message, client)
    };
    let stages = vec![
        ramp(client),
        Stage::Publish { span: None },
        Stage::Drain {},
        Stage::Subscribe {},
        Stage::Drain {},
        Stage::Clear {},
    ];
    let groups = [("publishers", publishers), ("subscribers", subscribers)];
    scenario("retained", &groups, vec![flow], stages, client).with_patience(message.drain)
}

fn connections_only(name: &str, connections: u32, hold: Option<Nanos>, client: &ClientArgs) -> Scenario {
    let hold = hold.map(|span| Stage::Hold { span: Span(span) });
    let stages = [ramp(client)].into_iter().chain(hold).collect();
    scenario(name, &[("connections", connections)], Vec::new(), stages, client)
}

pub(super) fn ramp(client: &ClientArgs) -> Stage {
    Stage::Ramp { clients: Vec::new(), rate_per_s: client.connect_rate }
}

/// What brings a topic that has so many levels without them to the depth asked for.
pub(super) fn levels(client: &ClientArgs, without: u32) -> String {
    (without..client.topic_depth).map(|level| format!("/l{level}")).collect()
}

fn flow(name: &str, pace: Pace, message: &MessageArgs, client: &ClientArgs) -> Flow {
    let last = if name == "retained" { "{n}" } else { "{client}" };
    let topic = format!("{}/{{run}}{}/{last}", client.topic_prefix, levels(client, 3));
    Flow {
        name: name.into(),
        from: Some("publishers".into()),
        to: Some("subscribers".into()),
        route: Route::Everyone,
        share: "bench".into(),
        retain: false,
        qos: message.qos,
        subscribe_qos: message.subscribe_qos,
        payload: message.payload.clone(),
        pace,
        messages: None,
        inflight: message.inflight,
        topic: message.topic.clone().unwrap_or(topic),
        filters: Vec::new(),
        user_properties: message.user_property.clone(),
    }
}

pub(super) fn scenario(
    name: &str,
    groups: &[(&str, u32)],
    flows: Vec<Flow>,
    stages: Vec<Stage>,
    client: &ClientArgs,
) -> Scenario {
    let number = if groups.len() > 1 { "{group}{client}" } else { "{client}" };
    let client_id = client.client_id_prefix.as_ref().map(|prefix| format!("{prefix}{number}"));
    let will = client.will_topic.as_ref().map(|topic| Will {
        topic: topic.clone(),
        payload: client.will_payload.clone(),
        qos: client.will_qos,
        retain: client.will_retain,
    });
    let group = |&(name, count): &(&str, u32)| Clients {
        name: name.into(),
        count,
        mqtt: client.version.into(),
        keep_alive_s: client.keep_alive,
        session: client.session,
        session_expiry_s: client.session_expiry,
        client_id: client_id.clone().unwrap_or_default(),
        username: client.username.clone(),
        password: client.password.clone(),
        credentials: client.credentials.clone(),
        will: will.clone(),
        proxy: client.proxy,
        probe_rate_per_s: None,
    };
    Scenario {
        name: name.into(),
        description: String::new(),
        seed: client.seed,
        scale: 1.0,
        on_loss: client.on_loss,
        connect_inflight: client.connect_inflight,
        connect_timeout: Span(client.connect_timeout),
        drain: defaults::drain(),
        clients: groups.iter().map(group).collect(),
        flows,
        stages,
    }
}

impl From<VersionArg> for Level {
    fn from(version: VersionArg) -> Level {
        match version {
            VersionArg::V311 => Level::V311,
            VersionArg::V5 => Level::V5,
        }
    }
}

impl Scenario {
    pub(super) fn with_patience(self, drain: Nanos) -> Scenario {
        Scenario { drain: Span(drain), ..self }
    }
}
