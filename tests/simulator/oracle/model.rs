//! What the oracle remembers: sessions, connections, publications and what is owed, in plain lists.
//!
//! Owns the data. Must never be clever: it is looked through from end to end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ringmq_broker::cause::Cause;
use ringmq_protocol::{PacketId, PacketType, Qos, SubscribeOptions, Version, matches};

use super::retained::RetainedCopy;
use crate::simulator::frames::Frames;
use crate::simulator::messages::MessageId;
use crate::simulator::wire::WireId;

/// Place of a session in the list of all that ever were.
pub(crate) type SessionIndex = usize;

/// A moment, counted in facts.
pub(crate) type Moment = u64;

/// Which subscriptions a copy of a message is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum CopyFor {
    /// All plain ones that match.
    Session,
    /// This one alone.
    Filter(String),
}

/// A subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Subscription {
    /// As the client wrote it.
    pub(crate) text: String,
    pub(crate) share: Option<String>,
    /// What topics are matched with.
    pub(crate) filter: String,
    pub(crate) options: SubscribeOptions,
    /// 0 for none.
    pub(crate) identifier: u32,
    /// Every shard knows it: its SUBACK was given.
    pub(crate) is_known: bool,
    pub(crate) since: Moment,
}

impl Subscription {
    pub(crate) fn matches(&self, topic: &str) -> bool {
        matches(&self.filter, topic)
    }

    pub(crate) fn group(&self) -> Option<Group> {
        self.share.as_ref().map(|share| Group { share: share.clone(), filter: self.filter.clone() })
    }
}

/// Name of a shared group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Group {
    pub(crate) share: String,
    pub(crate) filter: String,
}

/// A time during which a session was a member of a group.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    pub(crate) group: Group,
    pub(crate) options: SubscribeOptions,
    pub(crate) identifier: u32,
    pub(crate) from: Moment,
    /// When every shard knew it.
    pub(crate) known: Option<Moment>,
    /// `None` while it lasts.
    pub(crate) to: Option<Moment>,
}

/// A will that is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptWill {
    pub(crate) message: MessageId,
    pub(crate) delay_s: u32,
    /// When it is due, once the connection has ended.
    pub(crate) due_ms: Option<u64>,
}

/// Which step of the exchange of a delivery is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// PUBLISH was given.
    Published,
    /// PUBREC was handled.
    Released,
}

/// A QoS 1 or 2 message on its way to a client.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) message: MessageId,
    pub(crate) qos: Qos,
    pub(crate) step: Step,
    /// Where its PUBLISH or PUBREL was given last.
    pub(crate) wire: WireId,
    /// Its place in the order of first transmissions.
    pub(crate) opened: Moment,
}

/// A read of retained messages, begun by a SUBSCRIBE.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) filter: String,
    pub(crate) options: SubscribeOptions,
    pub(crate) identifier: u32,
    pub(crate) since: Moment,
    /// When its SUBACK was given.
    pub(crate) begun: Option<Moment>,
    /// Its subscription is gone: nothing is owed any more.
    pub(crate) is_cancelled: bool,
    /// What it has given, by topic.
    pub(crate) given: BTreeMap<String, RetainedCopy>,
}

/// One life of a session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: String,
    pub(crate) shard: u16,
    pub(crate) wire: Option<WireId>,
    pub(crate) expiry_s: u32,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) is_over: bool,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) memberships: Vec<Membership>,
    pub(crate) will: Option<KeptWill>,
    pub(crate) exchanges: BTreeMap<PacketId, Exchange>,
    pub(crate) received: BTreeSet<PacketId>,
    /// QoS 2 publishes whose answer was lost: they were taken, or refused.
    pub(crate) doubtful: BTreeSet<PacketId>,
    pub(crate) reads: Vec<Read>,
    /// When its present or last connection was accepted.
    pub(crate) attached: Moment,
    pub(crate) connections: u32,
    /// Smallest packet limit that it ever named, in bytes.
    pub(crate) packet_bytes_min: u32,
    /// Last publication given first, by publisher, topic, published QoS and QoS of the delivery.
    pub(crate) last_given: BTreeMap<(usize, String, Qos, Qos), usize>,
    /// When the newest of the publications given first came in, by topic and QoS of the delivery.
    pub(crate) newest_given: BTreeMap<(String, Qos), Moment>,
    /// When each publication with RETAIN 1 was given first, and at which QoS.
    pub(crate) replaced_at: BTreeMap<usize, (Moment, Qos)>,
}

/// One connection that has sent its CONNECT.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) session: SessionIndex,
    pub(crate) version: Version,
    pub(crate) window: u16,
    pub(crate) packet_bytes_max: u32,
    pub(crate) alias_max: u16,
    pub(crate) keep_alive_s: u16,
    pub(crate) expects_present: bool,
    pub(crate) has_connack: bool,
    pub(crate) heard_ms: u64,
    /// Why it has ended, as far as that is known.
    pub(crate) ended: Option<Cause>,
    /// DISCONNECT was given: nothing may follow.
    pub(crate) is_told: bool,
    pub(crate) topics_in: BTreeMap<u16, String>,
    pub(crate) topics_out: BTreeMap<u16, String>,
    /// QoS 1 and 2 messages given on this connection and not yet taken over by the client.
    pub(crate) open: BTreeSet<PacketId>,
    /// Acknowledgements that the client is owed, in order, with the publication they are for.
    pub(crate) acks: VecDeque<(PacketType, PacketId, Option<usize>)>,
    /// SUBSCRIBE packets not yet answered, with the moments at which they were handled.
    pub(crate) subscribes: BTreeMap<PacketId, Moment>,
    pub(crate) unsubscribes: BTreeSet<PacketId>,
    pub(crate) pings: u32,
    /// The last exchange that was given again here.
    pub(crate) last_repeat: Option<Moment>,
}

/// A wire as the oracle sees it.
#[derive(Debug, Default)]
pub(crate) struct Side {
    pub(crate) frames: Frames,
    pub(crate) connection: Option<Connection>,
}

/// A message as it was handed out once.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) message: MessageId,
    /// Shard where it came in.
    pub(crate) shard: u16,
    pub(crate) at: Moment,
    /// A client sent it just then; else it is a will.
    pub(crate) is_sent: bool,
    /// When its publisher was given the first acknowledgement.
    pub(crate) acknowledged: Option<Moment>,
    pub(crate) expires_ms: Option<u64>,
}

/// How a copy may look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Variant {
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
    /// Sorted.
    pub(crate) identifiers: Vec<u32>,
}

/// A copy of a publication for a session.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) publication: usize,
    pub(crate) session: SessionIndex,
    pub(crate) copy_for: CopyFor,
    pub(crate) variants: Vec<Variant>,
    /// It must come; else it may.
    pub(crate) is_owed: bool,
    pub(crate) is_given: bool,
}

/// A publication for one member of a shared group.
#[derive(Clone, Debug)]
pub(crate) struct SharedDue {
    pub(crate) publication: usize,
    pub(crate) group: Group,
    pub(crate) given: Vec<SharedCopy>,
}

/// One delivery of a shared publication.
#[derive(Clone, Debug)]
pub(crate) struct SharedCopy {
    pub(crate) session: SessionIndex,
    pub(crate) seen: Variant,
    pub(crate) is_done: bool,
}
