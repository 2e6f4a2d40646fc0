//! The way of one flow, from its publishers to its subscribers: numbers, topics and filters.
//!
//! Owns the numbering of senders. Must never know when anything is sent.

use std::ops::Range;

use ringmq_protocol::Qos;

use crate::ledger::{Ledger, Routing};
use crate::scenario::template::{Numbers, Open, Template};
use crate::scenario::{Flow, Level, Pace, Payload, Route, Scenario, Stage};

use super::{Group, Share, qos};

/// The way of one flow, from publishers to subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) name: String,
    /// The clients at both ends.
    pub(crate) publishers: Range<u32>,
    pub(crate) subscribers: Range<u32>,
    /// Where messages are requests, who answers them; the subscribers are then the publishers.
    pub(crate) responders: Range<u32>,
    responders_all: u32,
    /// Whether requests name their response topic.
    pub(crate) has_response_topic: bool,
    /// Publisher n of all publishers of this lane is sender `first_sender` + n of the run.
    pub(super) first_sender: u32,
    /// How many publishers there are in all processes, and the number of the first of this one.
    pub(super) publishers_all: u32,
    first_publisher: u32,
    subscribers_all: u32,
    first_subscriber: u32,
    /// Whether other processes have parts of this lane.
    pub(crate) is_shared_out: bool,
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
    /// Where nobody of this run publishes: what is listened to.
    filters: Vec<Template>,
    /// How many messages are listened for, if that is bounded; those of this process.
    pub(crate) heard_max: Option<u64>,
    /// Whether payloads carry a stamp: somebody of this run checks what arrives.
    pub(crate) has_stamp: bool,
    pub(crate) user_properties: Vec<(String, String)>,
    run: u32,
}

impl Flow {
    /// The pace and the messages of a part of the publishers.
    fn part(&self, publishers: u32, all: u32, share: Share) -> (Pace, Option<u64>) {
        if publishers == 0 {
            return (Pace::Unpaced {}, Some(0));
        }
        let mut pace = self.pace.clone();
        if publishers < all {
            pace.multiply(f64::from(publishers) / f64::from(all));
        }
        let count = |messages| {
            let range = share.range(messages);
            range.end - range.start
        };
        (pace, self.messages.map(count))
    }

    /// Whether several clients share the requests.
    pub(super) fn shares_requests(&self, scenario: &Scenario) -> bool {
        let group = self.to.as_ref().and_then(|to| scenario.clients.iter().find(|group| group.name == *to));
        self.route == Route::Request && group.is_some_and(|group| group.count > 1)
    }

    /// Whether its subscribers need more than the name of a topic.
    pub(super) fn is_wildcard(&self, scenario: &Scenario) -> bool {
        let is_wild = |filter: &String| filter.contains(['+', '#']);
        let from = self.from.as_deref().and_then(|name| scenario.group(name));
        let publishers = from.map_or(0, |at| scenario.clients[at].count);
        let template = Template::parse(&self.topic);
        let is_for_all = matches!(self.route, Route::Everyone | Route::Shared | Route::Request);
        self.filters.iter().any(is_wild)
            || template.is_ok_and(|template| {
                template.has_number() || is_for_all && publishers > 1 && template.has_client()
            })
    }
}

impl Lane {
    pub(super) fn new(
        (scenario, flow): (&Scenario, &Flow),
        groups: &[Group],
        (first_sender, run): (u32, u32),
        share: Share,
    ) -> Result<Lane, String> {
        let group = |name: &str| scenario.group(name).map(|at| &groups[at]);
        let ends = |group: Option<&Group>| {
            group.map_or((0..0, 0, 0), |group| (group.clients.clone(), group.first, group.all))
        };
        let topic = Template::parse(&flow.topic)?;
        let from = flow.from.as_deref();
        let (publishers, first_publisher, publishers_all) = ends(from.and_then(group));
        let others = flow.to.as_deref().and_then(group);
        let is_request = flow.route == Route::Request;
        let (subscribers, first_subscriber, subscribers_all) =
            ends(if is_request { from.and_then(group) } else { others });
        let (responders, _, responders_all) = ends(others.filter(|_| is_request));
        let routing = match flow.route {
            // Messages of different topics have no order between them.
            Route::Everyone if topic.has_number() => Routing::EveryoneUnordered,
            Route::Everyone => Routing::Everyone,
            Route::Pairs => Routing::Pairs,
            Route::Shared => Routing::Group,
            Route::Addressed => Routing::Addressed,
            Route::Request if responders_all > 1 => Routing::PairsUnordered,
            Route::Request => Routing::Pairs,
        };
        let from_at = from.and_then(|name| scenario.group(name));
        let is_v5 = from_at.is_some_and(|at| scenario.clients[at].mqtt == Level::V5);
        let (pace, messages) = flow.part(publishers.len() as u32, publishers_all, share);
        Ok(Lane {
            name: flow.name.clone(),
            publishers,
            subscribers,
            responders,
            has_response_topic: flow.route == Route::Request && is_v5,
            responders_all,
            first_sender,
            publishers_all,
            first_publisher,
            subscribers_all,
            first_subscriber,
            is_shared_out: share.of > 1,
            routing,
            publish_qos: qos(flow.qos),
            subscribe_qos: qos(flow.subscribe_qos()),
            retain: flow.retain,
            is_late: flow.retain && scenario.stages.contains(&Stage::Subscribe {}),
            payload: flow.payload.clone(),
            pace,
            messages,
            route: flow.route,
            share: flow.share.clone(),
            topic,
            filters: flow.filters.iter().map(|filter| Template::parse(filter)).collect::<Result<_, _>>()?,
            heard_max: flow.messages.filter(|_| flow.from.is_none()).map(|messages| {
                let range = share.range(messages);
                range.end - range.start
            }),
            has_stamp: flow.to.is_some(),
            user_properties: flow.user_properties.clone(),
            run,
        })
    }

    /// Whether its subscribers listen to what others publish, outside this run.
    pub(crate) fn is_listening(&self) -> bool {
        !self.filters.is_empty()
    }

    /// What a subscriber of such a lane listens to.
    pub(super) fn listened(&self, subscriber: u32) -> impl Iterator<Item = String> + '_ {
        let client = self.first_subscriber + subscriber;
        self.filters.iter().map(move |filter| filter.text(&Numbers { run: self.run, group: 0, client, n: 0 }))
    }

    /// Publishers in this process.
    pub(crate) fn publisher_count(&self) -> u32 {
        self.publishers.end - self.publishers.start
    }

    /// Subscribers in this process.
    fn subscriber_count(&self) -> u32 {
        self.subscribers.end - self.subscribers.start
    }

    /// What keeps account of the messages to the subscribers in this process, from publishers anywhere.
    pub(crate) fn ledger(&self) -> Ledger {
        let ledger = Ledger::new(self.routing, self.publishers_all, self.subscriber_count());
        ledger.of_share(self.first_subscriber, self.subscribers_all)
    }

    /// The sender that is publisher `number` of this process.
    pub(crate) fn sender(&self, number: u32) -> u32 {
        self.first_sender + self.first_publisher + number
    }

    /// The number in the whole lane of a sender of it.
    pub(crate) fn publisher_of(&self, sender: u32) -> u32 {
        sender - self.first_sender
    }

    /// The number in this process of a publisher of the whole lane, if it is here.
    pub(crate) fn local(&self, publisher: u32) -> Option<u32> {
        let number = publisher.checked_sub(self.first_publisher)?;
        (number < self.publisher_count()).then_some(number)
    }

    /// The number in the whole lane of a publisher of this process.
    pub(crate) fn global(&self, number: u32) -> u32 {
        self.first_publisher + number
    }

    /// Subscribers of one message, in this process.
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
        let n = u64::from(sequence) * u64::from(self.publishers_all) + u64::from(publisher);
        let client = match self.route {
            Route::Addressed => (n % u64::from(self.subscribers_all)) as u32,
            Route::Everyone | Route::Pairs | Route::Shared | Route::Request => publisher,
        };
        self.topic.write(&Numbers { run: self.run, group: 0, client, n }, out);
    }

    /// The filter of a subscriber. A single publisher needs no wildcard.
    pub(crate) fn filter(&self, subscriber: u32) -> String {
        let filter =
            |client, open| self.topic.filter(&Numbers { run: self.run, group: 0, client, n: 0 }, open);
        let subscriber = self.first_subscriber + subscriber;
        let all = match self.publishers_all {
            1 => filter(0, Open::Number),
            _ => filter(0, Open::NumberAndClient),
        };
        match self.route {
            Route::Everyone => all,
            Route::Shared => format!("$share/{}/{all}", self.share),
            Route::Pairs | Route::Addressed => filter(subscriber, Open::Number),
            Route::Request => reply_topic(&filter(subscriber, Open::Number)),
        }
    }

    /// The filter of those who answer.
    pub(super) fn request_filter(&self) -> String {
        let numbers = Numbers { run: self.run, ..Numbers::default() };
        let all = self.topic.filter(&numbers, Open::NumberAndClient);
        if self.responders_all > 1 { format!("$share/{}/{all}", self.share) } else { all }
    }
}

/// Where the answer to a request goes that does not say.
pub(crate) fn reply_topic(topic: &str) -> String {
    format!("{topic}/reply")
}
