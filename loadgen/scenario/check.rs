//! What does not fit together in a scenario.
//!
//! Owns the rules and their words. Must never change anything.

use std::collections::HashSet;

use ringmq_protocol::{TOPIC_BYTES_MAX, is_valid_filter, is_valid_topic};

use crate::clock::{Nanos, seconds};
use crate::stamp::{SENDERS_MAX, STAMP_BYTES, TIME_MAX};

use super::template::{Numbers, Template};
use super::{Clients, Flow, Level, Pace, Payload, Route, Scenario, Session, Span, Stage, Will};

/// Entries that the ledgers of a run may have: 16 bytes each.
const LEDGER_ENTRIES_MAX: u64 = 50_000_000;

/// Messages per second that one flow may ask for.
const RATE_MAX: f64 = 1e8;

/// Clients of one run: what a table of sockets holds.
const CLIENTS_MAX: u64 = 16_000_000;

/// Bytes of all user properties of a message: they are to fit beside its topic.
const PROPERTY_BYTES_MAX: usize = 16 << 10;

/// Groups of clients: each has a letter of its own.
const GROUPS_MAX: usize = 26;

/// Checks everything.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn check(scenario: &Scenario) -> Result<(), String> {
    if scenario.name.is_empty() {
        return Err("a scenario has a name".into());
    }
    if scenario.clients.is_empty() || scenario.clients.len() > GROUPS_MAX {
        return Err(format!("a scenario has 1 to {GROUPS_MAX} groups of clients"));
    }
    if scenario.client_count() > CLIENTS_MAX {
        return Err(format!("{} clients: at most {CLIENTS_MAX} are possible", scenario.client_count()));
    }
    if scenario.connect_inflight == 0 {
        return Err("connect_inflight is at least 1".into());
    }
    check_names("group of clients", scenario.clients.iter().map(|group| &group.name))?;
    check_names("flow", scenario.flows.iter().map(|flow| &flow.name))?;
    scenario.clients.iter().try_for_each(check_clients)?;
    for flow in &scenario.flows {
        check_flow(scenario, flow).map_err(|why| format!("flow {}: {why}", flow.name))?;
    }
    check_ledger(scenario)?;
    check_stages(scenario)
}

fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = HashSet::new();
    for name in names {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(is_plain) {
            return Err(format!("{what} {name:?}: a name has letters, digits, - and _"));
        }
        if !seen.insert(name) {
            return Err(format!("there are two of the {what} {name}"));
        }
    }
    Ok(())
}

fn check_clients(group: &Clients) -> Result<(), String> {
    let wrong = |why: String| Err(format!("clients {}: {why}", group.name));
    if group.password.is_some() && group.username.is_none() && group.mqtt == Level::V311 {
        return wrong("MQTT 3.1.1 knows no password without a user name".into());
    }
    for text in
        [Some(&group.client_id), group.username.as_ref(), group.password.as_ref()].into_iter().flatten()
    {
        Template::parse(text).or_else(|why| wrong(why).map(|()| unreachable!("it is an error")))?;
    }
    if group.count > 1 && !Template::parse(&group.client_id).is_ok_and(|template| template.has_client()) {
        return wrong(
            "client_id needs {client}: two clients of one name take each other's connection".into(),
        );
    }
    if group.credentials.is_some() && (group.username.is_some() || group.password.is_some()) {
        return wrong("credentials take the place of username and password".into());
    }
    if group.probe_rate_per_s.is_some_and(|rate| !(rate > 0.0 && rate <= RATE_MAX)) {
        return wrong("the rate of probes is above 0".into());
    }
    if let Some(Will { topic, payload, qos, .. }) = &group.will {
        check_topic_name(topic)
            .or_else(|why| wrong(format!("the will: {why}")).map(|()| unreachable!("it is an error")))?;
        if *qos > 2 || payload.len() > usize::from(u16::MAX) {
            return wrong(
                "a will has a quality of service of 0, 1 or 2 and a payload of up to 65535 bytes".into(),
            );
        }
    }
    if group.session == Session::Persistent && group.session_expiry_s == 0 {
        return wrong("a session that expires after 0 s is not persistent".into());
    }
    Ok(())
}

fn check_flow(scenario: &Scenario, flow: &Flow) -> Result<(), String> {
    let count = |name: &str| {
        let group = scenario.clients.iter().find(|group| group.name == name);
        group.map(|group| group.count).ok_or_else(|| format!("there are no clients {name}"))
    };
    let is_probe = |name: &str| {
        scenario.clients.iter().any(|group| group.name == name && group.probe_rate_per_s.is_some())
    };
    if let Some(name) = [&flow.from, &flow.to].into_iter().flatten().find(|name| is_probe(name)) {
        return Err(format!("{name} are probes, which know no MQTT"));
    }
    let subscribers = flow.to.as_deref().map(count).transpose()?.unwrap_or(0);
    let Some(from) = &flow.from else { return check_listening(flow, subscribers) };
    let publishers = count(from)?;
    if publishers == 0 {
        return Err(format!("there is nobody in {from}"));
    }
    if !flow.filters.is_empty() {
        return Err(
            "filters are for a flow without `from`: the subscribers of others get their topics".into()
        );
    }
    check_properties(scenario, flow)?;
    check_payload(flow)?;
    if publishers as usize >= SENDERS_MAX {
        return Err(format!("at most {} publishers are possible", SENDERS_MAX - 1));
    }
    if flow.route == Route::Pairs && publishers != subscribers {
        return Err(format!(
            "pairs need as many publishers as subscribers, not {publishers} and {subscribers}"
        ));
    }
    if matches!(flow.route, Route::Addressed | Route::Request) && subscribers == 0 {
        return Err("there is nobody to address".into());
    }
    if flow.qos > 2 || flow.subscribe_qos() > 2 {
        return Err("a quality of service is 0, 1 or 2".into());
    }
    if flow.inflight == 0 || flow.inflight == u16::MAX {
        return Err("inflight is 1 to 65534".into());
    }
    if flow.share.is_empty() || flow.share.contains(['/', '+', '#']) {
        return Err(format!("{}: a share has a name without /, + and # [MQTT-4.8.2-1]", flow.share));
    }
    check_topic(flow)?;
    check_pace(flow)
}

/// A flow that nobody of this run publishes on.
fn check_listening(flow: &Flow, subscribers: u32) -> Result<(), String> {
    if subscribers == 0 {
        return Err("without `from` there must be somebody who listens: `to`".into());
    }
    if flow.filters.is_empty() {
        return Err("without `from` it needs `filters` to listen to".into());
    }
    for filter in &flow.filters {
        let template = Template::parse(filter)?;
        if template.has_number() {
            return Err(format!("{filter}: a filter knows no number of a message"));
        }
        if !is_valid_filter(&template.text(&Numbers::default())) {
            return Err(format!("{filter} is no topic filter"));
        }
    }
    match flow.subscribe_qos() {
        0..=2 => Ok(()),
        _ => Err("a quality of service is 0, 1 or 2".into()),
    }
}

fn check_properties(scenario: &Scenario, flow: &Flow) -> Result<(), String> {
    let is_old =
        |name: &String| scenario.clients.iter().any(|group| group.name == *name && group.mqtt == Level::V311);
    if !flow.user_properties.is_empty() && flow.from.as_ref().is_some_and(is_old) {
        return Err("MQTT 3.1.1 knows no user properties".into());
    }
    let bytes: usize = flow.user_properties.iter().map(|(name, value)| name.len() + value.len()).sum();
    match bytes > PROPERTY_BYTES_MAX {
        true => Err(format!("user properties have {bytes} bytes; at most {PROPERTY_BYTES_MAX} are possible")),
        false => Ok(()),
    }
}

/// A payload that subscribers of the run check carries a stamp.
fn check_payload(flow: &Flow) -> Result<(), String> {
    match flow.payload {
        Payload::Bytes(bytes) | Payload::Range(bytes, _)
            if flow.to.is_some() && (bytes as usize) < STAMP_BYTES =>
        {
            Err(format!("a payload that is checked has {STAMP_BYTES} bytes or more, not {bytes}"))
        }
        _ => Ok(()),
    }
}

fn check_topic_name(text: &str) -> Result<Template, String> {
    let template = Template::parse(text)?;
    let topic = template.text(&Numbers::default());
    match is_valid_topic(&topic) && topic.len() <= TOPIC_BYTES_MAX / 2 {
        true => Ok(template),
        false => Err(format!("{text} is no topic name")),
    }
}

fn check_topic(flow: &Flow) -> Result<(), String> {
    let template = check_topic_name(&flow.topic)?;
    match flow.route {
        Route::Request if flow.to == flow.from => Err("requests go from one group to another".into()),
        Route::Pairs | Route::Addressed | Route::Request if !template.has_client() => {
            Err(format!("{}: a topic for one subscriber needs {{client}}", flow.topic))
        }
        _ => Ok(()),
    }
}

fn check_pace(flow: &Flow) -> Result<(), String> {
    let is_rate = |rate: f64| rate > 0.0 && rate <= RATE_MAX;
    let is_possible = match &flow.pace {
        Pace::Constant { rate_per_s } | Pace::Poisson { rate_per_s } => is_rate(*rate_per_s),
        Pace::Stepped { steps } => {
            !steps.is_empty() && steps.iter().all(|step| is_rate(step.rate_per_s) && step.span > Span(0))
        }
        Pace::Bursts { messages, every } => {
            *every > Span(0) && is_rate(f64::from(*messages) / every.seconds())
        }
        Pace::Window { messages } => *messages > 0,
        Pace::Unpaced {} => true,
    };
    if !is_possible {
        return Err(
            "a rate is above 0 and at most 100,000,000 per second, a window or burst at least 1".into()
        );
    }
    match (flow.messages, flow.pace.rate_per_s()) {
        // A stamp could not tell the time of the last one.
        (Some(messages), Some(rate)) if messages as f64 / rate > seconds(TIME_MAX) => {
            Err("so many messages at this rate take more than a day".into())
        }
        _ => Ok(()),
    }
}

fn check_ledger(scenario: &Scenario) -> Result<(), String> {
    let count = |name: &str| scenario.group(name).map_or(0, |at| u64::from(scenario.clients[at].count));
    let entries = |flow: &Flow| {
        let [publishers, subscribers] = [&flow.from, &flow.to].map(|name| name.as_deref().map_or(0, count));
        match flow.route {
            Route::Pairs | Route::Request => publishers,
            Route::Everyone => publishers * subscribers,
            Route::Shared | Route::Addressed => publishers * (subscribers + 1),
        }
    };
    let total: u64 = scenario.flows.iter().map(entries).sum();
    if total > LEDGER_ENTRIES_MAX {
        return Err(format!(
            "publishers times subscribers are {total} streams to check; at most {LEDGER_ENTRIES_MAX} are possible"
        ));
    }
    let publishers: u64 = scenario.flows.iter().filter_map(|flow| flow.from.as_deref()).map(count).sum();
    if publishers >= SENDERS_MAX as u64 {
        return Err(format!(
            "{publishers} publishers in all flows; at most {} are possible",
            SENDERS_MAX - 1
        ));
    }
    Ok(())
}

fn check_stages(scenario: &Scenario) -> Result<(), String> {
    if !matches!(scenario.stages.first(), Some(Stage::Ramp { .. })) {
        return Err("the first stage is a ramp".into());
    }
    let mut total: Nanos = 0;
    for stage in &scenario.stages {
        match stage {
            Stage::Ramp { clients, rate_per_s } => {
                check_groups(scenario, clients)?;
                if rate_per_s.is_some_and(|rate| !(rate > 0.0 && rate <= RATE_MAX)) {
                    return Err("the rate of a ramp is above 0".into());
                }
            }
            Stage::Publish { span: None } => check_ends(scenario)?,
            Stage::Publish { span: Some(Span(0)) } | Stage::Burst { span: Span(0), .. } => {
                return Err("publishing lasts longer than 0 s: nothing would be measured".into());
            }
            Stage::WarmUp { span } | Stage::Publish { span: Some(span) } | Stage::Hold { span } => {
                total += span.0;
            }
            Stage::Burst { span, factor } => {
                total += span.0;
                if !(*factor > 0.0 && *factor <= 1e6) {
                    return Err("the factor of a burst is above 0".into());
                }
            }
            Stage::Cut { clients, share, .. } => {
                check_groups(scenario, clients)?;
                if !(0.0..=1.0).contains(share) {
                    return Err("the share of a cut is 0 to 1".into());
                }
            }
            Stage::Recover { within } => total += within.0,
            Stage::Drain {} | Stage::Subscribe {} | Stage::Clear {} => {}
        }
    }
    if total > TIME_MAX { Err("a run takes at most 24 hours".into()) } else { Ok(()) }
}

fn check_groups(scenario: &Scenario, names: &[String]) -> Result<(), String> {
    match names.iter().find(|name| scenario.group(name).is_none()) {
        Some(name) => Err(format!("a stage names the clients {name}, who do not exist")),
        None => Ok(()),
    }
}

fn check_ends(scenario: &Scenario) -> Result<(), String> {
    match scenario.flows.iter().find(|flow| flow.messages.is_none()) {
        Some(flow) => Err(format!(
            "flow {}: without `messages` it never ends, and a publish stage has no span",
            flow.name
        )),
        None => Ok(()),
    }
}
