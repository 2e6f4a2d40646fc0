//! What outlives a connection: one client's subscriptions, messages under way, will and expiry.
//!
//! Owns the state that MQTT calls Session State [MQTT-4.1.0-1]. Must never know sockets, packets or the filter
//! tables: it holds numbers of subscriptions, not filters. Idle, a session owns little heap memory beyond its name.

pub(crate) mod backlog;
pub(crate) mod filters;
pub(crate) mod inflight;
pub(crate) mod left;
pub(crate) mod reads;
pub(crate) mod received;
pub(crate) mod will;

use std::num::NonZeroU16;

use ringmq_protocol::Qos;

use crate::deadlines::TimerId;
use crate::message::{Message, Retain};
use crate::policy::BacklogFull;
use crate::slab::SlotId;
use crate::time::Time;
use crate::topics::{FilterId, GroupId, RouteKey};
use backlog::{Backlog, Drops};
use filters::Filters;
use inflight::Inflight;
use left::LeftGroups;
use reads::Reads;
use received::Received;
use will::Will;

/// A message for one session. Cloning shares the message.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) message: Message,
    /// The lower of published and granted QoS [MQTT-3.8.4-8].
    pub(crate) qos: Qos,
    /// RETAIN as this receiver must see it.
    pub(crate) retain: Retain,
    pub(crate) identifiers: Identifiers,
    /// The shared group it was picked for, so that it can go to another member.
    pub(crate) group: Option<GroupId>,
}

impl Delivery {
    /// Whether the message's time was over before sending began [MQTT-3.3.2-5].
    pub(crate) fn is_expired(&self, now: Time) -> bool {
        self.message.expires().is_some_and(|expires| expires <= now)
    }
}

/// Subscription identifiers that travel with a delivery [MQTT-3.3.4-3]. One is the usual number.
#[derive(Clone, Debug, Default)]
pub(crate) enum Identifiers {
    #[default]
    None,
    One([u32; 1]),
    /// Boxed twice to be one word: there are rarely so many.
    Many(Box<Box<[u32]>>),
}

impl Identifiers {
    pub(crate) fn from_slice(identifiers: &[u32]) -> Identifiers {
        match *identifiers {
            [] => Identifiers::None,
            [one] => Identifiers::One([one]),
            _ => Identifiers::Many(Box::new(identifiers.into())),
        }
    }

    pub(crate) fn as_slice(&self) -> &[u32] {
        match self {
            Identifiers::None => &[],
            Identifiers::One(one) => one,
            Identifiers::Many(many) => many,
        }
    }
}

/// How long a session outlives its connection, in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expiry {
    /// It ends with the connection.
    AtOnce,
    /// It ends after so many seconds without a connection [MQTT-4.1.0-2].
    After(u32),
    /// It stays until it is cleaned.
    Never,
}

impl Expiry {
    /// From the wire: 0 is at once, 4,294,967,295 never.
    pub(crate) fn from_s(s: u32) -> Expiry {
        match s {
            0 => Expiry::AtOnce,
            u32::MAX => Expiry::Never,
            s => Expiry::After(s),
        }
    }

    /// As on the wire.
    pub(crate) fn as_s(self) -> u32 {
        match self {
            Expiry::AtOnce => 0,
            Expiry::After(s) => s,
            Expiry::Never => u32::MAX,
        }
    }
}

/// One client's session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Box<str>,
    /// The connection it is on, if any.
    pub(crate) connection: Option<SlotId>,
    /// As on the wire, so that it leaves room for what follows.
    expiry_s: u32,
    /// What a full backlog does: the choice of the listener through which the client connected last.
    pub(crate) backlog_full: BacklogFull,
    /// Plain subscriptions.
    pub(crate) filters: Filters,
    /// Shared subscriptions. Boxed: few sessions have any.
    #[allow(clippy::box_collection)]
    pub(crate) groups: Option<Box<Vec<GroupId>>>,
    pub(crate) received: Received,
    pub(crate) will: Option<Box<Will>>,
    /// Ends the session while it has no connection.
    pub(crate) expiry_timer: Option<TimerId>,
    /// Publishes the will while it is delayed.
    pub(crate) will_timer: Option<TimerId>,
    outgoing: Option<Box<Outgoing>>,
}

/// What is on its way to the client. Allocated when the first message comes, given back when idle.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) inflight: Inflight,
    pub(crate) backlog: Backlog,
    pub(crate) reads: Reads,
    pub(crate) drops: Drops,
    /// There while the backlog is full and refuses messages.
    pub(crate) full: Option<Box<Full>>,
    /// Groups of which some of this may be, though the session has left them.
    pub(crate) left: Option<Box<LeftGroups>>,
}

/// What goes with a full backlog that refuses messages.
#[derive(Debug, Default)]
pub(crate) struct Full {
    /// The filters that other shards were told of.
    pub(crate) announced: Vec<RouteKey>,
    /// Looks for deliveries that have expired.
    pub(crate) timer: Option<TimerId>,
}

impl Outgoing {
    /// Whether nothing is on its way. What was dropped is remembered until the session ends, so that it is logged no more
    /// often than it may be.
    fn is_idle(&self) -> bool {
        self.inflight.len() == 0
            && self.backlog.is_empty()
            && self.reads.is_empty()
            && self.drops.is_none()
            && self.full.is_none()
    }

    /// Whether there is anything to be sent as soon as window and send queue allow it.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.backlog.is_empty() || self.inflight.has_resend() || !self.reads.is_empty()
    }

    /// Whether a new QoS 1 or 2 message may be sent at once: nothing older waits, and the quota is not used up
    /// [MQTT-4.9.0-2].
    pub(crate) fn may_send_at_once(&self, window: NonZeroU16) -> bool {
        self.backlog.is_empty() && self.has_quota(window) && !self.inflight.has_resend()
    }

    /// Whether the send quota of the present connection allows one more that is new: it needs a packet identifier.
    pub(crate) fn has_quota(&self, window: NonZeroU16) -> bool {
        self.may_repeat(window) && self.inflight.len() < usize::from(u16::MAX) - 1
    }

    /// Whether the send quota of the present connection allows one more that has its packet identifier already.
    pub(crate) fn may_repeat(&self, window: NonZeroU16) -> bool {
        self.inflight.sent() < window.get()
    }
}

impl Session {
    pub(crate) fn new(client_id: &str, expiry: Expiry) -> Session {
        Session {
            client_id: client_id.into(),
            connection: None,
            expiry_s: expiry.as_s(),
            backlog_full: BacklogFull::DropNewest,
            filters: Filters::default(),
            groups: None,
            received: Received::default(),
            will: None,
            expiry_timer: None,
            will_timer: None,
            outgoing: None,
        }
    }

    /// How long it outlives its connection.
    pub(crate) fn expiry(&self) -> Expiry {
        Expiry::from_s(self.expiry_s)
    }

    /// Sets how long it outlives its connection.
    pub(crate) fn set_expiry(&mut self, expiry: Expiry) {
        self.expiry_s = expiry.as_s();
    }

    /// What is on its way, allocated if need be.
    pub(crate) fn outgoing(&mut self) -> &mut Outgoing {
        self.outgoing.get_or_insert_default()
    }

    /// What is on its way, if there ever was anything.
    pub(crate) fn outgoing_if_any(&mut self) -> Option<&mut Outgoing> {
        self.outgoing.as_deref_mut()
    }

    /// Whether retained messages are on their way to it.
    pub(crate) fn is_reading(&self) -> bool {
        self.outgoing.as_ref().is_some_and(|outgoing| !outgoing.reads.is_empty())
    }

    /// Gives the memory of an idle `outgoing` back.
    pub(crate) fn release_if_idle(&mut self) {
        if self.outgoing.as_ref().is_some_and(|outgoing| outgoing.is_idle()) {
            self.outgoing = None;
        }
    }

    /// Messages waiting or under way, for the least-backlog strategy and for figures.
    pub(crate) fn backlog_count(&self) -> usize {
        self.outgoing.as_ref().map_or(0, |outgoing| outgoing.backlog.len() + outgoing.inflight.len())
    }

    /// Whether its backlog is full and refuses messages.
    pub(crate) fn is_full(&self) -> bool {
        self.outgoing.as_ref().is_some_and(|outgoing| outgoing.full.is_some())
    }

    /// All subscriptions.
    pub(crate) fn subscription_count(&self) -> usize {
        self.filters.len() + self.groups.as_ref().map_or(0, |groups| groups.len())
    }

    /// Notes a plain subscription that is new.
    pub(crate) fn add_filter(&mut self, id: FilterId) {
        self.filters.push(id);
    }

    /// Forgets a plain subscription.
    pub(crate) fn remove_filter(&mut self, id: FilterId) {
        self.filters.remove(id);
    }

    /// Notes a shared subscription that is new.
    pub(crate) fn add_group(&mut self, id: GroupId) {
        self.groups.get_or_insert_default().push(id);
    }

    /// The shared groups it is a member of.
    pub(crate) fn groups(&self) -> &[GroupId] {
        self.groups.as_ref().map_or(&[], |groups| groups.as_slice())
    }
}

#[cfg(test)]
mod tests;
