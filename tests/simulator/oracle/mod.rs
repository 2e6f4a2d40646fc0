//! The oracle: a naive broker of lists and loops that sees every byte that shards were given and gave, and says what
//! must, what may and what must not be given.
//!
//! Owns its own idea of the broker's state. Must never look into a shard, nor use the broker's tables: filters are
//! matched one by one. Chance in the order of letters is followed exactly: a letter is one of those that were posted
//! between two looks at the sender's trays, and what it does depends on the moment at which it is taken.
//!
//! | file | subject |
//! | --- | --- |
//! | `model` | what is remembered |
//! | `inbound` | packets from clients |
//! | `life` | connections, sessions and wills, from beginning to end |
//! | `fan_out`, `letters` | who must get a message, and when another shard learns of it |
//! | `outbound`, `delivery` | packets to clients, and the messages in them |
//! | `retained`, `shared` | retained messages, shared groups |
//! | `refusal` | publishes that are refused |
//! | `verdict` | what must hold when all is calm |

mod delivery;
mod fan_out;
mod inbound;
mod letters;
mod life;
mod model;
mod outbound;
mod refusal;
mod retained;
mod shared;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use ringmq_broker::policy::{ListenerPolicy, Overlapping};
use ringmq_broker::seed::Seeds;

use super::facts::{Fact, What};
use super::messages::{MessageId, Messages};
use super::sabotage::Sabotage;
use super::setup::WorldSetup;
use super::wire::WireId;
use letters::Letters;
use model::{Due, Moment, Publication, Session, SessionIndex, SharedDue, Side};
use retained::Kept;

/// What the broker did wrong, in a sentence.
pub type Complaint = String;

/// What was counted, to be compared with the broker's counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) handled: [u64; 3],
    pub(crate) given: [u64; 3],
    pub(crate) connects: u64,
    pub(crate) wills: u64,
    pub(crate) expired: u64,
}

/// How certain it is that QoS 0 arrives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Promise {
    /// Nothing is behind: it must.
    Kept,
    /// It may be dropped.
    None,
}

/// The oracle.
pub struct Oracle {
    shard_count: u16,
    seeds: Seeds,
    policy: ListenerPolicy,
    overlapping: Overlapping,
    /// The broker keeps retained messages of its own.
    has_sys: bool,
    /// No client is ever so far behind that its connection is not read.
    has_long_queues: bool,
    /// How long a slow client is borne with, in milliseconds; 0 for ever.
    grace_ms: u64,
    /// Letters are lost or repeated on purpose, so that counting them proves nothing.
    is_sabotaged: bool,
    sides: BTreeMap<WireId, Side>,
    sessions: Vec<Session>,
    /// The living session of each client.
    living: BTreeMap<String, SessionIndex>,
    publications: Vec<Publication>,
    dues: Vec<Due>,
    /// First due of each message, by session: only a way to find them faster.
    dues_of: BTreeMap<(SessionIndex, MessageId), Vec<usize>>,
    shared: Vec<SharedDue>,
    retained: BTreeMap<String, Vec<Kept>>,
    letters: Letters,
    /// Publications that need not reach anybody: refused, or nobody can tell.
    doubted: BTreeSet<usize>,
    /// Every backlog is empty: nothing may be refused.
    is_everything_taken: bool,
    moment: Moment,
    now_ms: u64,
    promise: Promise,
    tally: Tally,
}

impl Oracle {
    /// An oracle for a world that has just begun.
    pub fn new(setup: &WorldSetup) -> Oracle {
        Oracle {
            shard_count: setup.shard_count,
            seeds: setup.seeds(),
            policy: setup.listeners[0].clone(),
            overlapping: setup.broker.overlapping,
            has_sys: setup.broker.sys_interval_s > 0,
            has_long_queues: setup.limits.send_queue_bytes_max > 1 << 20,
            grace_ms: setup.limits.slow_consumer_grace_ms,
            is_sabotaged: setup.sabotage != Sabotage::None,
            sides: BTreeMap::new(),
            sessions: Vec::new(),
            living: BTreeMap::new(),
            publications: Vec::new(),
            dues: Vec::new(),
            dues_of: BTreeMap::new(),
            shared: Vec::new(),
            retained: BTreeMap::new(),
            letters: Letters::new(setup.shard_count),
            doubted: BTreeSet::new(),
            is_everything_taken: false,
            moment: 0,
            now_ms: 0,
            promise: Promise::None,
            tally: Tally::default(),
        }
    }

    /// Everything is calm: from now on QoS 0 arrives, unless send queues are so short that they may fill up.
    pub fn expect_everything(&mut self) {
        self.is_everything_taken = true;
        self.promise = if self.has_long_queues { Promise::Kept } else { Promise::None };
    }

    /// Takes in what happened.
    ///
    /// # Errors
    /// The first thing that must not have happened.
    pub fn observe(&mut self, facts: Vec<Fact>, messages: &Messages) -> Result<(), Complaint> {
        for fact in facts {
            self.moment += 1;
            self.now_ms = fact.at_ms;
            match fact.what {
                What::Ticked(shard) => self.ticked(shard, messages),
                What::Handled { wire, bytes } => self.handled(wire, &bytes, messages)?,
                What::Given { wire, bytes, pace } => self.given(wire, &bytes, pace, messages)?,
                What::Posted { shard, counts } => self.posted(shard, &counts, messages)?,
                What::Taken { from, to } => self.taken(from, to, messages)?,
                What::Ended { wire, cause } => self.ended(wire, cause, messages)?,
            }
        }
        Ok(())
    }

    /// No letter is under way: every shard knows every subscription.
    pub fn all_is_known(&mut self) {
        for &session in self.living.values() {
            let session = &mut self.sessions[session];
            session.subscriptions.iter_mut().for_each(|subscription| subscription.is_known = true);
            for membership in &mut session.memberships {
                membership.known.get_or_insert(self.moment);
            }
        }
    }

    fn session_on(&self, wire: WireId) -> Option<SessionIndex> {
        Some(self.sides.get(&wire)?.connection.as_ref()?.session)
    }
}
