//! Who takes part in a run: the clients of all groups, numbered through, and the lanes on which messages go between them.
//!
//! Owns the numbering: clients by group, senders by lane. Must never know when anything happens.

mod lane;
mod share;
#[cfg(test)]
mod tests;

use std::ops::Range;

use ringmq_protocol::{Qos, Version};

use crate::client::{Identity, Needs, Terms, WillText};
use crate::scenario::template::{Numbers, Template};
use crate::scenario::{Clients, Level, PAYLOAD_BYTES_MAX, Proxy, Route, Scenario, Session, Will};

pub(crate) use lane::{Lane, reply_topic};
pub(crate) use share::Share;

/// Room for everything in a packet that is not payload.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The clients of one run, and the lanes between them.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// Tells this run from others, in client identifiers and topics.
    pub(crate) run: u32,
    pub(crate) groups: Vec<Group>,
    pub(crate) lanes: Vec<Lane>,
}

/// Clients that are alike.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Their numbers in this process.
    pub(crate) clients: Range<u32>,
    /// The number in the group of the first of them, and how many there are in all processes.
    first: u32,
    all: u32,
    pub(crate) terms: Terms,
    pub(crate) proxy: Proxy,
    /// Connections per second that are made and closed at once, instead of all else.
    pub(crate) probe_rate_per_s: Option<f64>,
    /// User and password of the clients, in turn; empty if the templates say.
    credentials: Vec<(String, String)>,
    client_id: Template,
    username: Option<Template>,
    password: Option<Template>,
    will: Option<(Template, Will)>,
}

/// When a client subscribes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subscribing {
    /// With every new session.
    OnConnect,
    /// In a stage of its own.
    Late,
}

impl Workload {
    /// The clients and lanes of a checked scenario. Two runs hardly share a `run` number.
    ///
    /// # Errors
    /// A file that is named and cannot be read.
    pub(crate) fn new(scenario: &Scenario, run: u32, share: Share) -> Result<Workload, String> {
        let mut first = 0;
        let mut groups = Vec::new();
        for group in &scenario.clients {
            let members = share.members(group.count);
            let count = members.end - members.start;
            groups.push(Group::new(scenario, group, (first..first + count, members.start))?);
            first += count;
        }
        let mut lanes: Vec<Lane> = Vec::new();
        for flow in &scenario.flows {
            let first_sender = lanes.last().map_or(0, |lane| lane.first_sender + lane.publishers_all);
            lanes.push(Lane::new((scenario, flow), &groups, (first_sender, run), share)?);
        }
        Ok(Workload { run, groups, lanes })
    }

    /// Clients in all.
    pub(crate) fn clients(&self) -> u32 {
        self.groups.last().map_or(0, |group| group.clients.end)
    }

    /// Clients that speak MQTT.
    pub(crate) fn sessions(&self) -> u32 {
        let speaking = self.groups.iter().filter(|group| group.probe_rate_per_s.is_none());
        speaking.map(|group| group.clients.len() as u32).sum()
    }

    /// Whether there are clients that do not.
    pub(crate) fn has_probes(&self) -> bool {
        self.groups.iter().any(|group| group.probe_rate_per_s.is_some())
    }

    /// The number of a client's group.
    pub(crate) fn group_number(&self, client: u32) -> usize {
        self.groups.partition_point(|group| group.clients.end <= client)
    }

    /// The group of a client.
    pub(crate) fn group(&self, client: u32) -> &Group {
        &self.groups[self.group_number(client)]
    }

    /// The lane of a sender.
    pub(crate) fn lane_of(&self, sender: u32) -> Option<usize> {
        let at = self.lanes.partition_point(|lane| lane.first_sender <= sender).checked_sub(1)?;
        (sender - self.lanes[at].first_sender < self.lanes[at].publishers_all).then_some(at)
    }

    /// Whether a client publishes, be it answers alone.
    pub(crate) fn is_publisher(&self, client: u32) -> bool {
        let publishes = |lane: &Lane| lane.publishers.contains(&client) || lane.responders.contains(&client);
        self.lanes.iter().any(publishes)
    }

    /// Writes who a client is.
    pub(crate) fn identify(&self, client: u32, identity: &mut Identity) {
        let at = self.group_number(client);
        let group = &self.groups[at];
        let client = client - group.clients.start + group.first;
        let numbers = Numbers { run: self.run, group: at, client, n: 0 };
        group.client_id.write(&numbers, &mut identity.client_id);
        identity.will = group.will.as_ref().map(|(topic, will)| WillText {
            topic: topic.text(&numbers),
            payload: will.payload.clone(),
            qos: qos(will.qos),
            retain: will.retain,
        });
        let lines = group.credentials.len().max(1);
        (identity.username, identity.password) = match group.credentials.get(numbers.client as usize % lines)
        {
            Some((username, password)) => (Some(username.clone()), Some(password.clone())),
            None => {
                let text = |template: &Template| template.text(&numbers);
                (group.username.as_ref().map(text), group.password.as_ref().map(text))
            }
        };
    }

    /// The filters to which a client subscribes, early or late, each with its quality.
    pub(crate) fn filters(&self, client: u32, when: Subscribing) -> Vec<(String, Qos)> {
        let lanes = self.lanes.iter().filter(|lane| lane.is_late == (when == Subscribing::Late));
        let filter = |lane: &Lane| {
            if lane.responders.contains(&client) {
                return Some((lane.request_filter(), lane.subscribe_qos));
            }
            let is_own = lane.subscribers.contains(&client) && !lane.is_listening();
            is_own.then(|| (lane.filter(client - lane.subscribers.start), lane.subscribe_qos))
        };
        let listening =
            lanes.clone().filter(|lane| lane.is_listening() && lane.subscribers.contains(&client));
        let heard = listening.flat_map(|lane| {
            let filters = lane.listened(client - lane.subscribers.start);
            filters.map(|filter| (filter, lane.subscribe_qos))
        });
        lanes.clone().filter_map(filter).chain(heard).collect()
    }

    /// The lane on which a client listens to what others publish.
    pub(crate) fn listening_lane(&self, client: u32) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.is_listening() && lane.subscribers.contains(&client))
    }

    /// Whether messages flow at all.
    pub(crate) fn has_traffic(&self) -> bool {
        !self.lanes.is_empty()
    }
}

impl Group {
    fn new(
        scenario: &Scenario,
        group: &Clients,
        (clients, first): (Range<u32>, u32),
    ) -> Result<Group, String> {
        let optional = |text: &Option<String>| text.as_deref().map(Template::parse).transpose();
        Ok(Group {
            terms: terms(scenario, group)?,
            clients,
            first,
            all: group.count,
            proxy: group.proxy,
            probe_rate_per_s: group.probe_rate_per_s,
            credentials: group.credentials.as_deref().map_or(Ok(Vec::new()), read_credentials)?,
            client_id: Template::parse(&group.client_id)?,
            username: optional(&group.username)?,
            password: optional(&group.password)?,
            will: match &group.will {
                Some(will) => Some((Template::parse(&will.topic)?, will.clone())),
                None => None,
            },
        })
    }
}

/// Reads lines of `user,password`; a password may hold commas.
fn read_credentials(file: &str) -> Result<Vec<(String, String)>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let line = |(at, line): (usize, &str)| {
        let (username, password) = line
            .split_once(',')
            .ok_or_else(|| format!("{file}, line {}: USER,PASSWORD is wanted", at + 1))?;
        Ok((username.to_owned(), password.to_owned()))
    };
    let lines: Vec<_> = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(line)
        .collect::<Result<_, String>>()?;
    if lines.is_empty() { Err(format!("{file} holds no credentials")) } else { Ok(lines) }
}

fn terms(scenario: &Scenario, group: &Clients) -> Result<Terms, String> {
    let mut inflight_max = 1;
    let mut payload_bytes_max = 0;
    let mut needs = Needs { qos: Qos::AtMostOnce, wildcards: false, retain: false, shared: false };
    for flow in &scenario.flows {
        let [is_from, is_to] = [&flow.from, &flow.to].map(|name| name.as_ref() == Some(&group.name));
        let is_both = flow.route == Route::Request && (is_from || is_to);
        let (publishes, subscribes) = (is_from || is_both, is_to || is_both);
        if publishes {
            inflight_max = inflight_max.max(flow.inflight);
            needs.qos = needs.qos.max(qos(flow.qos));
            needs.retain |= flow.retain;
        }
        if subscribes {
            // What others publish may have any size.
            let bytes_max = if flow.from.is_some() { flow.payload.bytes_max()? } else { PAYLOAD_BYTES_MAX };
            payload_bytes_max = payload_bytes_max.max(bytes_max);
            needs.wildcards |= flow.is_wildcard(scenario);
            needs.shared |= flow.filters.iter().any(|filter| filter.starts_with("$share/"));
            needs.shared |= flow.route == Route::Shared || is_to && flow.shares_requests(scenario);
        }
    }
    Ok(Terms {
        version: match group.mqtt {
            Level::V311 => Version::V311,
            Level::V5 => Version::V5,
        },
        keep_alive_s: group.keep_alive_s,
        session_expiry_s: match group.session {
            Session::Clean => None,
            Session::Persistent => Some(group.session_expiry_s),
        },
        inflight_max,
        packet_bytes_max: payload_bytes_max as usize + HEAD_BYTES_MAX,
        needs,
    })
}

fn qos(bits: u8) -> Qos {
    Qos::from_bits(bits).expect("the scenario has been checked")
}
