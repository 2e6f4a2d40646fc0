//! Which sessions of this shard want a topic.
//!
//! Owns every plain subscription of the shard: filter, session, options. Shared ones live in `shared`. Must never
//! know what a session is beyond its number, nor who is connected.

use foldhash::fast::FixedState;
use ringmq_protocol::{Qos, SubscribeOptions};

use super::filter_id::FilterId;
use super::index::FilterIndex;
use super::is_wildcard;
use super::known::KnownTopic;
use super::roster::{OfSession, Roster};
use super::routes::RouteKey;

/// What a subscriber asked for beside the filter, in one byte: the low four bits of the SUBSCRIBE option byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct SubscriptionOptions(u8);

impl SubscriptionOptions {
    const QOS: u8 = 0b0011;
    const NO_LOCAL: u8 = 0b0100;
    const RETAIN_AS_PUBLISHED: u8 = 0b1000;

    /// This maximum QoS and nothing else.
    pub fn new(qos: Qos) -> SubscriptionOptions {
        SubscriptionOptions(qos as u8)
    }

    /// With No Local: the session's own messages are not delivered to it [MQTT-3.8.3-3].
    #[must_use]
    pub fn with_no_local(self) -> SubscriptionOptions {
        SubscriptionOptions(self.0 | SubscriptionOptions::NO_LOCAL)
    }

    /// With Retain As Published: a delivery keeps the RETAIN bit of the publish [MQTT-3.3.1-13].
    #[must_use]
    pub fn with_retain_as_published(self) -> SubscriptionOptions {
        SubscriptionOptions(self.0 | SubscriptionOptions::RETAIN_AS_PUBLISHED)
    }

    /// The highest QoS of a delivery.
    pub fn qos(self) -> Qos {
        Qos::from_bits(self.0 & SubscriptionOptions::QOS).expect("options are made from a valid QoS")
    }

    /// Whether No Local is set.
    pub fn no_local(self) -> bool {
        self.0 & SubscriptionOptions::NO_LOCAL != 0
    }

    /// Whether Retain As Published is set.
    pub fn retain_as_published(self) -> bool {
        self.0 & SubscriptionOptions::RETAIN_AS_PUBLISHED != 0
    }

    /// The byte, for a record.
    pub fn as_bits(self) -> u8 {
        self.0
    }

    /// The options of a record's byte. None: QoS 3 or an unknown bit.
    pub fn from_bits(bits: u8) -> Option<SubscriptionOptions> {
        let is_known = bits < 16 && Qos::from_bits(bits & SubscriptionOptions::QOS).is_some();
        is_known.then_some(SubscriptionOptions(bits))
    }
}

impl From<&SubscribeOptions> for SubscriptionOptions {
    /// Retain Handling is left out: it concerns only the moment of subscribing.
    fn from(asked: &SubscribeOptions) -> SubscriptionOptions {
        let mut options = SubscriptionOptions::new(asked.qos);
        if asked.no_local {
            options = options.with_no_local();
        }
        if asked.retain_as_published {
            options = options.with_retain_as_published();
        }
        options
    }
}

/// One subscription, seen from its filter. 12 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subscriber {
    /// The session's number on this shard.
    pub session: u32,
    /// Subscription Identifier, 1 to 268,435,455; 0: none.
    pub identifier: u32,
    /// QoS and flags.
    pub options: SubscriptionOptions,
}

impl OfSession for Subscriber {
    fn session(&self) -> u32 {
        self.session
    }
}

/// What an insertion did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inserted {
    /// The filter's number.
    pub id: FilterId,
    /// Whether the session had this filter already; its options and identifier are now the new ones
    /// [MQTT-3.8.4-3].
    pub replaced: bool,
    /// Whether the filter had no subscriber before.
    pub first_of_filter: bool,
    /// What to announce to every other shard, if this is the shard's first interest in it.
    pub opens_route: Option<RouteKey>,
}

/// What a removal did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Removed {
    /// The number that the filter has, or had when this was its last subscription.
    pub id: FilterId,
    /// Whether the filter has no subscriber left.
    pub last_of_filter: bool,
    /// What to retract on every other shard, if this was the shard's last interest in it.
    pub closes_route: Option<RouteKey>,
}

/// Subscribers of one filter, at least one. Most filters of a large installation have exactly one.
#[derive(Debug)]
enum Subscribers {
    One(Subscriber),
    Many(Box<Roster<Subscriber>>),
}

/// All plain subscriptions of this shard.
#[derive(Debug)]
pub struct Subscriptions {
    filters: FilterIndex<Subscribers>,
    count: usize,
}

impl Subscriptions {
    /// No subscriptions. `hasher` must be seeded alike on all shards, because fingerprints travel.
    pub fn new(hasher: FixedState) -> Subscriptions {
        Subscriptions { filters: FilterIndex::new(hasher), count: 0 }
    }

    /// Adds a subscription, or replaces the one that the session has on this very filter.
    pub fn insert(&mut self, filter: &str, subscriber: Subscriber) -> Inserted {
        let Some(id) = self.filters.find(filter) else {
            let id = self.filters.add(filter, Subscribers::One(subscriber));
            self.count += 1;
            let opens_route = self.sole_route(filter, 1);
            return Inserted { id, replaced: false, first_of_filter: true, opens_route };
        };
        let replaced = self.filters.get_mut(id).insert(subscriber);
        self.count += usize::from(!replaced);
        Inserted { id, replaced, first_of_filter: false, opens_route: None }
    }

    /// Ends the session's subscription on this very filter. None: it has none.
    pub fn remove(&mut self, filter: &str, session: u32) -> Option<Removed> {
        self.remove_by_id(self.filters.find(filter)?, session)
    }

    /// As `remove`, by the filter's number, which must be one that is in use.
    pub fn remove_by_id(&mut self, id: FilterId, session: u32) -> Option<Removed> {
        match self.filters.get_mut(id).remove(session)? {
            Rest::Some => {
                self.count -= 1;
                Some(Removed { id, last_of_filter: false, closes_route: None })
            }
            Rest::None => {
                self.count -= 1;
                let (name, _) = self.filters.remove(id);
                Some(Removed { id, last_of_filter: true, closes_route: self.sole_route(&name, 0) })
            }
        }
    }

    /// The number of exactly this filter.
    pub fn id(&self, filter: &str) -> Option<FilterId> {
        self.filters.find(filter)
    }

    /// The text of a filter in use.
    pub fn name(&self, id: FilterId) -> &str {
        self.filters.name(id)
    }

    /// The session's subscription on a filter in use.
    pub fn subscriber(&self, id: FilterId, session: u32) -> Option<&Subscriber> {
        match self.filters.get(id) {
            Subscribers::One(one) => (one.session == session).then_some(one),
            Subscribers::Many(list) => list.position(session).map(|position| &list.as_slice()[position]),
        }
    }

    /// All subscriptions on a filter in use.
    pub fn subscribers(&self, id: FilterId) -> &[Subscriber] {
        self.filters.get(id).as_slice()
    }

    /// Visits the subscribers of every filter that matches the topic, one list per filter. A session with several
    /// matching filters appears in several lists, at most once in each.
    pub fn for_each_list<'a>(&'a self, topic: &str, mut visit: impl FnMut(&'a [Subscriber])) {
        self.filters.for_each_match(topic, |id| visit(self.filters.get(id).as_slice()));
    }

    /// As [`Subscriptions::for_each_list`], for a known topic.
    pub fn for_each_known_list<'a>(
        &'a self,
        topic: &mut KnownTopic,
        mut visit: impl FnMut(&'a [Subscriber]),
    ) {
        let (name, matches) = topic.name_and_subscriptions();
        self.filters.for_each_known_match(name, matches, |id| visit(self.filters.get(id).as_slice()));
    }

    /// Number of different filters.
    pub fn filter_count(&self) -> usize {
        self.filters.len()
    }

    /// Number of subscriptions.
    pub fn subscription_count(&self) -> usize {
        self.count
    }

    /// All filters in use, by ascending number.
    pub fn filters(&self) -> impl Iterator<Item = (FilterId, &str)> {
        self.filters.iter().map(|(id, name, _)| (id, name))
    }

    /// All routes that this shard has opened and not closed. One may be named twice: announcing is idempotent.
    pub fn routes(&self) -> impl Iterator<Item = RouteKey> {
        self.filters.iter().map(|(_, name, _)| self.route(name))
    }

    /// The route of a filter in use.
    pub fn route_of(&self, id: FilterId) -> RouteKey {
        self.route(self.filters.name(id))
    }

    fn route(&self, filter: &str) -> RouteKey {
        if is_wildcard(filter) {
            RouteKey::Wildcard(filter.into())
        } else {
            RouteKey::Exact(self.filters.fingerprint(filter))
        }
    }

    /// The filter's route if exactly `sharing` of this shard's filters have it: two filters with one fingerprint
    /// share a route, which opens with the first and closes with the last.
    fn sole_route(&self, filter: &str, sharing: usize) -> Option<RouteKey> {
        let route = self.route(filter);
        match route {
            RouteKey::Exact(fingerprint) => {
                (self.filters.exact_count_of(fingerprint) == sharing).then_some(route)
            }
            RouteKey::Wildcard(_) => Some(route),
        }
    }
}

/// Whether a removal left any subscriber.
enum Rest {
    None,
    Some,
}

impl Subscribers {
    fn as_slice(&self) -> &[Subscriber] {
        match self {
            Subscribers::One(one) => std::slice::from_ref(one),
            Subscribers::Many(list) => list.as_slice(),
        }
    }

    /// Whether it replaced one.
    fn insert(&mut self, subscriber: Subscriber) -> bool {
        match self {
            Subscribers::One(one) if one.session == subscriber.session => {
                *one = subscriber;
                true
            }
            Subscribers::One(one) => {
                let mut list = Box::<Roster<Subscriber>>::default();
                list.push(*one);
                list.push(subscriber);
                *self = Subscribers::Many(list);
                false
            }
            Subscribers::Many(list) => {
                let position = list.position(subscriber.session);
                match position {
                    Some(position) => list.set(position, subscriber),
                    None => list.push(subscriber),
                }
                position.is_some()
            }
        }
    }

    /// None: the session is not among them.
    fn remove(&mut self, session: u32) -> Option<Rest> {
        match self {
            Subscribers::One(one) => (one.session == session).then_some(Rest::None),
            Subscribers::Many(list) => {
                list.swap_remove(list.position(session)?);
                if list.len() == 1 {
                    *self = Subscribers::One(list.as_slice()[0]);
                }
                Some(Rest::Some)
            }
        }
    }
}

#[cfg(test)]
mod tests;
