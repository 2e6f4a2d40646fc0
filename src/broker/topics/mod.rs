//! Who wants which topic, and what is kept under one: the tables that a handler asks about a topic or filter.
//!
//! | file | answers |
//! | --- | --- |
//! | `subscriptions` | which sessions of this shard want this topic |
//! | `routes` | which other shards want this topic |
//! | `full` | whether a subscriber of this topic can take no more |
//! | `shared` | which member of a shared group on this shard gets this message |
//! | `shared_routes` | which shard gets this message for a shared group |
//! | `retained` | which retained messages match this filter |
//! | `known` | what was found out before about this topic |
//! | `alias` | which topic an alias stands for, in either direction |
//!
//! Below them: `index` (a table keyed by filter: exact ones hashed, the others in a `trie` of `level`s),
//! `roster` (a list with at most one entry per session), `turns` (shards in turn, by weight), `shard_set`,
//! `fingerprint`, `filter_id`, `matches` (what a table answered, as long as that holds).
//!
//! Everything here is a value. Sessions and shards are small numbers, messages a type parameter: nothing here may
//! know a session, a connection or the content of a message. Filters and topics come in checked for syntax and
//! level count.

mod alias;
mod filter_id;
mod fingerprint;
mod full;
mod index;
mod known;
mod level;
mod matches;
mod retained;
mod roster;
mod routes;
mod shard_set;
mod shared;
mod shared_routes;
mod subscriptions;
mod trie;
mod turns;

pub use alias::{AliasOutOfRange, AliasUse, InboundAliases, OutboundAliases};
pub use filter_id::FilterId;
pub use fingerprint::{Fingerprint, is_wildcard};
pub use full::{BacklogState, FullFilters};
pub use known::{KnownTopic, KnownTopics};
pub use retained::{Entry, Page, PageQuery, Retained};
pub use routes::{RouteKey, Routes};
pub use shard_set::{SHARDS_MAX, ShardSet};
pub use shared::{
    GroupId, GroupName, GroupUpdate, Joined, Member, MemberCounts, PickInput, Presence, ShareStrategy,
    SharedGroups,
};
pub use shared_routes::{ShardPick, SharedRoutes};
pub use subscriptions::{Inserted, Removed, Subscriber, SubscriptionOptions, Subscriptions};
pub use trie::FilterTrie;
