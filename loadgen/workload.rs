//! Who takes part in a run: the clients, their names, topics and filters.
//!
//! Owns the numbering: publishers come first, subscribers after them, and idle connections are neither. Must never know when
//! anything happens.

use std::fmt::Write;

use crate::client::Extra;
use crate::ledger::Routing;

/// The shape of the load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// Every subscriber receives every message: fan-in and fan-out.
    Everyone,
    /// As many publishers as subscribers, one topic each.
    Pairs,
    /// One shared subscription.
    Shared {
        /// Name of the group.
        group: String,
    },
    /// Retained messages, one topic each.
    Retained,
    /// Connections only.
    Connections,
}

/// What one client is in the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Publisher of this number.
    Publisher(u32),
    /// Subscriber of this number.
    Subscriber(u32),
    /// Merely connected.
    Idle,
}

/// The clients of one run.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// Name on the command line.
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) publishers: u32,
    pub(crate) subscribers: u32,
    /// Connections that are neither.
    pub(crate) idle: u32,
    /// First levels of all topics, without a slash at the end; of this run alone.
    pub(crate) prefix: String,
    /// Tells this run from others, in client identifiers.
    pub(crate) run: u32,
}

impl Workload {
    /// Clients in all.
    pub(crate) fn clients(&self) -> u32 {
        self.publishers + self.subscribers + self.idle
    }

    /// What client `number` is.
    pub(crate) fn role(&self, number: u32) -> Role {
        if number < self.publishers {
            Role::Publisher(number)
        } else if number < self.publishers + self.subscribers {
            Role::Subscriber(number - self.publishers)
        } else {
            Role::Idle
        }
    }

    /// The client that is subscriber `number`.
    pub(crate) fn client_of_subscriber(&self, number: u32) -> u32 {
        self.publishers + number
    }

    /// Writes the client identifier: at most 23 letters and digits, which every server takes [MQTT-3.1.3-5].
    pub(crate) fn write_client_id(&self, client: u32, out: &mut String) {
        let (letter, number) = match self.role(client) {
            Role::Publisher(number) => ('p', number),
            Role::Subscriber(number) => ('s', number),
            Role::Idle => ('i', client),
        };
        out.clear();
        let written = write!(out, "rb{:08x}{letter}{number}", self.run);
        assert!(written.is_ok(), "a string takes all text");
    }

    /// Writes the topic of message `sequence` of a publisher.
    pub(crate) fn write_topic(&self, publisher: u32, sequence: u32, out: &mut String) {
        let number = match self.shape {
            Shape::Retained => u64::from(sequence) * u64::from(self.publishers) + u64::from(publisher),
            _ => publisher.into(),
        };
        out.clear();
        let written = write!(out, "{}/{number}", self.prefix);
        assert!(written.is_ok(), "a string takes all text");
    }

    /// The filter of a subscriber. A single publisher needs no wildcard.
    pub(crate) fn filter(&self, subscriber: u32) -> String {
        let prefix = &self.prefix;
        match &self.shape {
            Shape::Pairs => format!("{prefix}/{subscriber}"),
            Shape::Everyone if self.publishers == 1 => format!("{prefix}/0"),
            Shape::Shared { group } if self.publishers == 1 => format!("$share/{group}/{prefix}/0"),
            Shape::Shared { group } => format!("$share/{group}/{prefix}/+"),
            Shape::Everyone | Shape::Retained | Shape::Connections => format!("{prefix}/+"),
        }
    }

    /// Who is to receive what.
    pub(crate) fn routing(&self) -> Routing {
        match self.shape {
            Shape::Everyone | Shape::Connections => Routing::Everyone,
            Shape::Pairs => Routing::Pairs,
            Shape::Shared { .. } => Routing::Group,
            Shape::Retained => Routing::EveryoneUnordered,
        }
    }

    /// What the broker must offer, beside the quality of service.
    pub(crate) fn extra(&self) -> Extra {
        match self.shape {
            Shape::Everyone if self.publishers > 1 => Extra::Wildcards,
            Shape::Retained => Extra::WildcardsAndRetain,
            Shape::Shared { .. } => Extra::SharedSubscriptions,
            _ => Extra::Nothing,
        }
    }

    /// Whether messages flow at all.
    pub(crate) fn has_traffic(&self) -> bool {
        self.shape != Shape::Connections
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(shape: Shape, publishers: u32, subscribers: u32) -> Workload {
        Workload { name: "test", shape, publishers, subscribers, idle: 1, prefix: "b/1".into(), run: 0xAB }
    }

    fn topic(workload: &Workload, publisher: u32, sequence: u32) -> String {
        let mut topic = String::new();
        workload.write_topic(publisher, sequence, &mut topic);
        topic
    }

    #[test]
    fn clients_are_numbered_through() {
        let workload = workload(Shape::Everyone, 2, 3);
        assert_eq!(workload.clients(), 6);
        let roles: Vec<_> = [0, 1, 2, 4, 5].map(|client| workload.role(client)).into();
        let expected =
            [Role::Publisher(0), Role::Publisher(1), Role::Subscriber(0), Role::Subscriber(2), Role::Idle];
        assert_eq!(roles, expected);
        assert_eq!(workload.role(workload.client_of_subscriber(2)), Role::Subscriber(2));
        let mut id = String::new();
        workload.write_client_id(4, &mut id);
        assert_eq!(id, "rb000000abs2");
    }

    #[test]
    fn the_longest_client_identifier_is_one_that_every_server_takes() {
        let mut id = String::new();
        let workload = Workload { run: u32::MAX, ..workload(Shape::Everyone, u32::MAX - 2, 0) };
        workload.write_client_id(u32::MAX - 3, &mut id);
        assert!(id.len() <= 23 && id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
    }

    #[test]
    fn filters_match_the_topics_they_are_for() {
        let shared = Shape::Shared { group: "g".into() };
        for (shape, publishers) in [
            (Shape::Everyone, 1),
            (Shape::Everyone, 3),
            (Shape::Retained, 1),
            (shared.clone(), 1),
            (shared, 2),
        ] {
            let workload = workload(shape, publishers, 2);
            let filter = workload.filter(1).replace("$share/g/", "");
            assert!(ringmq_protocol::matches(&filter, &topic(&workload, publishers - 1, 7)), "{filter}");
        }
        let pairs = workload(Shape::Pairs, 2, 2);
        assert!(ringmq_protocol::matches(&pairs.filter(1), &topic(&pairs, 1, 7)));
        assert!(!ringmq_protocol::matches(&pairs.filter(1), &topic(&pairs, 0, 7)));
    }

    #[test]
    fn each_retained_message_has_a_topic_of_its_own() {
        let retained = workload(Shape::Retained, 3, 1);
        let mut topics: Vec<_> = (0..30).map(|number| topic(&retained, number % 3, number / 3)).collect();
        topics.sort();
        topics.dedup();
        assert_eq!(topics.len(), 30);
    }
}
