//! Who takes part in a run: the clients of all groups, numbered through, and the lanes on which messages go between them.
//!
//! Owns the numbering: clients by group, senders by lane. Must never know when anything happens.

use std::ops::Range;

use ringmq_protocol::{Qos, Version};

use crate::client::{Needs, Terms};
use crate::ledger::Routing;
use crate::scenario::template::{Numbers, Open, Template};
use crate::scenario::{Clients, Flow, Level, Pace, Payload, Route, Scenario, Session, Stage};

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
    /// Their numbers.
    pub(crate) clients: Range<u32>,
    pub(crate) terms: Terms,
    client_id: Template,
    username: Option<Template>,
    password: Option<Template>,
}

/// The way of one flow, from publishers to subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) name: String,
    /// The clients at both ends.
    pub(crate) publishers: Range<u32>,
    pub(crate) subscribers: Range<u32>,
    /// Publisher n of this lane is sender `first_sender` + n of the run.
    pub(crate) first_sender: u32,
    pub(crate) routing: Routing,
    pub(crate) publish_qos: Qos,
    pub(crate) subscribe_qos: Qos,
    pub(crate) retain: bool,
    /// Whether subscribing is a stage of its own.
    pub(crate) is_late: bool,
    pub(crate) payload: Payload,
    pub(crate) pace: Pace,
    /// Messages in all, if that is bounded.
    pub(crate) messages: Option<u64>,
    route: Route,
    share: String,
    topic: Template,
    run: u32,
}

/// When a client subscribes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subscribing {
    /// With every new session.
    OnConnect,
    /// In a stage of its own.
    Late,
}

/// Who a client says it is.
#[derive(Clone, Default, Debug)]
pub(crate) struct Identity {
    pub(crate) client_id: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

impl Workload {
    /// The clients and lanes of a checked scenario. Two runs hardly share a `run` number.
    ///
    /// # Errors
    /// A file that is named and cannot be read.
    pub(crate) fn new(scenario: &Scenario, run: u32) -> Result<Workload, String> {
        let mut first = 0;
        let mut groups = Vec::new();
        for group in &scenario.clients {
            groups.push(Group::new(scenario, group, first..first + group.count)?);
            first += group.count;
        }
        let mut lanes: Vec<Lane> = Vec::new();
        for flow in &scenario.flows {
            let first_sender = lanes.last().map_or(0, |lane| lane.first_sender + lane.publisher_count());
            lanes.push(Lane::new(scenario, flow, &groups, (first_sender, run))?);
        }
        Ok(Workload { run, groups, lanes })
    }

    /// Clients in all.
    pub(crate) fn clients(&self) -> u32 {
        self.groups.last().map_or(0, |group| group.clients.end)
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
        (sender - self.lanes[at].first_sender < self.lanes[at].publisher_count()).then_some(at)
    }

    /// Whether a client publishes.
    pub(crate) fn is_publisher(&self, client: u32) -> bool {
        self.lanes.iter().any(|lane| lane.publishers.contains(&client))
    }

    /// Writes who a client is.
    pub(crate) fn identify(&self, client: u32, identity: &mut Identity) {
        let at = self.group_number(client);
        let group = &self.groups[at];
        let numbers = Numbers { run: self.run, group: at, client: client - group.clients.start, n: 0 };
        group.client_id.write(&numbers, &mut identity.client_id);
        identity.username = group.username.as_ref().map(|template| template.text(&numbers));
        identity.password = group.password.as_ref().map(|template| template.text(&numbers));
    }

    /// The filters to which a client subscribes, early or late, each with its quality.
    pub(crate) fn filters(&self, client: u32, when: Subscribing) -> Vec<(String, Qos)> {
        let lanes = self.lanes.iter().filter(|lane| lane.is_late == (when == Subscribing::Late));
        let own = lanes.filter(|lane| lane.subscribers.contains(&client));
        own.map(|lane| (lane.filter(client - lane.subscribers.start), lane.subscribe_qos)).collect()
    }

    /// Whether messages flow at all.
    pub(crate) fn has_traffic(&self) -> bool {
        !self.lanes.is_empty()
    }
}

impl Group {
    fn new(scenario: &Scenario, group: &Clients, clients: Range<u32>) -> Result<Group, String> {
        let optional = |text: &Option<String>| text.as_deref().map(Template::parse).transpose();
        Ok(Group {
            terms: terms(scenario, group)?,
            clients,
            client_id: Template::parse(&group.client_id)?,
            username: optional(&group.username)?,
            password: optional(&group.password)?,
        })
    }
}

fn terms(scenario: &Scenario, group: &Clients) -> Result<Terms, String> {
    let mut inflight_max = 1;
    let mut payload_bytes_max = 0;
    let mut needs = Needs { qos: Qos::AtMostOnce, wildcards: false, retain: false, shared: false };
    for flow in &scenario.flows {
        let (publishes, subscribes) =
            (flow.from == group.name, flow.to.as_ref().is_some_and(|to| *to == group.name));
        if publishes {
            inflight_max = inflight_max.max(flow.inflight);
            needs.qos = needs.qos.max(qos(flow.qos));
            needs.retain |= flow.retain;
        }
        if subscribes {
            payload_bytes_max = payload_bytes_max.max(flow.payload.bytes_max()?);
            needs.wildcards |= flow.is_wildcard(scenario);
            needs.shared |= flow.route == Route::Shared;
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

impl Flow {
    /// Whether its subscribers need more than the name of a topic.
    fn is_wildcard(&self, scenario: &Scenario) -> bool {
        let publishers = scenario.group(&self.from).map_or(0, |at| scenario.clients[at].count);
        let template = Template::parse(&self.topic);
        let is_for_all = matches!(self.route, Route::Everyone | Route::Shared);
        template.is_ok_and(|template| {
            template.has_number() || is_for_all && publishers > 1 && template.has_client()
        })
    }
}

impl Lane {
    fn new(
        scenario: &Scenario,
        flow: &Flow,
        groups: &[Group],
        (first_sender, run): (u32, u32),
    ) -> Result<Lane, String> {
        let clients = |name: &str| scenario.group(name).map_or(0..0, |at| groups[at].clients.clone());
        let topic = Template::parse(&flow.topic)?;
        let subscribers = flow.to.as_deref().map_or(0..0, clients);
        let routing = match flow.route {
            // Messages of different topics have no order between them.
            Route::Everyone if topic.has_number() => Routing::EveryoneUnordered,
            Route::Everyone => Routing::Everyone,
            Route::Pairs => Routing::Pairs,
            Route::Shared => Routing::Group,
            Route::Addressed => Routing::Addressed,
        };
        Ok(Lane {
            name: flow.name.clone(),
            publishers: clients(&flow.from),
            subscribers,
            first_sender,
            routing,
            publish_qos: qos(flow.qos),
            subscribe_qos: qos(flow.subscribe_qos()),
            retain: flow.retain,
            is_late: flow.retain && scenario.stages.contains(&Stage::Subscribe {}),
            payload: flow.payload.clone(),
            pace: flow.pace.clone(),
            messages: flow.messages,
            route: flow.route,
            share: flow.share.clone(),
            topic,
            run,
        })
    }

    pub(crate) fn publisher_count(&self) -> u32 {
        self.publishers.end - self.publishers.start
    }

    pub(crate) fn subscriber_count(&self) -> u32 {
        self.subscribers.end - self.subscribers.start
    }

    /// Subscribers of one message.
    pub(crate) fn copies(&self) -> u32 {
        self.routing.copies(self.subscriber_count())
    }

    /// The quality at which messages reach subscribers.
    pub(crate) fn delivered_qos(&self) -> Qos {
        self.publish_qos.min(self.subscribe_qos)
    }

    /// Whether every message of a publisher has the same topic.
    pub(crate) fn is_topic_fixed(&self) -> bool {
        self.route != Route::Addressed && !self.topic.has_number()
    }

    /// Writes the topic of message `sequence` of a publisher.
    pub(crate) fn write_topic(&self, publisher: u32, sequence: u32, out: &mut String) {
        let n = u64::from(sequence) * u64::from(self.publisher_count()) + u64::from(publisher);
        let client = match self.route {
            Route::Addressed => (n % u64::from(self.subscriber_count())) as u32,
            Route::Everyone | Route::Pairs | Route::Shared => publisher,
        };
        self.topic.write(&Numbers { run: self.run, group: 0, client, n }, out);
    }

    /// The filter of a subscriber. A single publisher needs no wildcard.
    pub(crate) fn filter(&self, subscriber: u32) -> String {
        let filter =
            |client, open| self.topic.filter(&Numbers { run: self.run, group: 0, client, n: 0 }, open);
        let all = match self.publisher_count() {
            1 => filter(0, Open::Number),
            _ => filter(0, Open::NumberAndClient),
        };
        match self.route {
            Route::Everyone => all,
            Route::Shared => format!("$share/{}/{all}", self.share),
            Route::Pairs | Route::Addressed => filter(subscriber, Open::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(publishers: u32, subscribers: u32, flow: &str) -> Workload {
        let text = format!(
            "name = 'test'\n\
             clients = [{{ name = 'p', count = {publishers} }}, {{ name = 's', count = {subscribers} }}]\n\
             flows = [{{ name = 'f', from = 'p', to = 's', pace = {{ kind = 'unpaced' }}, {flow} }}]\n\
             stages = [{{ stage = 'ramp' }}]"
        );
        Workload::new(&Scenario::from_toml(&text).unwrap(), 0xAB).unwrap()
    }

    fn topic(lane: &Lane, publisher: u32, sequence: u32) -> String {
        let mut topic = String::new();
        lane.write_topic(publisher, sequence, &mut topic);
        topic
    }

    #[test]
    fn clients_are_numbered_through() {
        let workload = workload(2, 3, "");
        assert_eq!(workload.clients(), 5);
        assert_eq!(workload.lanes[0].publishers, 0..2);
        assert_eq!(workload.lanes[0].subscribers, 2..5);
        assert!(workload.is_publisher(1) && !workload.is_publisher(2));
        let mut identity = Identity::default();
        workload.identify(4, &mut identity);
        assert_eq!(identity.client_id, "rb000000abb2");
    }

    #[test]
    fn the_longest_client_identifier_is_one_that_every_server_takes() {
        let mut workload = workload(1, 1, "");
        workload.run = u32::MAX;
        workload.groups[1].clients = 1..u32::MAX;
        let mut identity = Identity::default();
        workload.identify(u32::MAX - 1, &mut identity);
        let id = identity.client_id;
        assert!(id.len() <= 23 && id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
    }

    #[test]
    fn filters_match_the_topics_they_are_for() {
        for (publishers, flow) in [
            (1, "qos = 0"),
            (3, "qos = 0"),
            (1, "retain = true"),
            (3, "topic = 'fleet/x-{client}/{n}/y'"),
            (1, "route = 'shared', share = 'g'"),
            (2, "route = 'shared', share = 'g'"),
        ] {
            let lane = &workload(publishers, 2, flow).lanes[0];
            let filter = lane.filter(1).replace("$share/g/", "");
            assert!(ringmq_protocol::matches(&filter, &topic(lane, publishers - 1, 7)), "{filter}");
        }
        let pairs = &workload(2, 2, "route = 'pairs'").lanes[0];
        assert!(ringmq_protocol::matches(&pairs.filter(1), &topic(pairs, 1, 7)));
        assert!(!ringmq_protocol::matches(&pairs.filter(1), &topic(pairs, 0, 7)));
        let addressed = &workload(2, 3, "route = 'addressed'").lanes[0];
        assert!(ringmq_protocol::matches(&addressed.filter(2), &topic(addressed, 0, 1)));
        assert!(!ringmq_protocol::matches(&addressed.filter(1), &topic(addressed, 0, 1)));
    }

    #[test]
    fn each_retained_message_has_a_topic_of_its_own() {
        let lane = &workload(3, 1, "retain = true").lanes[0];
        let mut topics: Vec<_> = (0..30).map(|number| topic(lane, number % 3, number / 3)).collect();
        topics.sort();
        topics.dedup();
        assert_eq!(topics.len(), 30);
    }

    #[test]
    fn a_sender_belongs_to_one_lane() {
        let mut workload = workload(2, 2, "");
        let mut second = workload.lanes[0].clone();
        second.first_sender = 2;
        workload.lanes.push(second);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|sender| workload.lane_of(sender)),
            [Some(0), Some(0), Some(1), Some(1), None]
        );
    }
}
