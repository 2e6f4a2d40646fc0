//! What a broker does, as a pure function of inputs and time.
//!
//! [`Shard`] is a plain struct: it is given bytes, letters and the time, and fills [`trays`] with what to send, post
//! and close. It cannot wait, read a clock or touch the kernel; so it can be simulated, fuzzed and reasoned about.
//!
//! | module | is |
//! | --- | --- |
//! | [`shard`] | the verbs in, the trays out |
//! | `handlers` | one file per packet kind; all control flow |
//! | [`connection`] | one byte stream: framing, what was agreed |
//! | [`outbox`] | bytes on their way to one connection |
//! | `session`, `sessions` | what outlives a connection, by client identifier |
//! | `clients` | sessions and connections together, for handlers |
//! | [`topics`] | filters, routes, shared groups, retained messages, aliases |
//! | [`message`], `publication`, `front` | the immutable content, and its way to the receivers |
//! | [`letter`], [`bundle`] | everything one shard may say to another, and letters that travel together |
//! | `access` | who may publish |
//! | [`journal`] | where durability has its place |
//! | [`cause`], [`counters`] | why things ended, and how often |
//! | [`note`] | what is left for the log |
//! | [`limits`], [`policy`] | bounds, and choices left to the server |
//! | `deadlines`, [`time`], [`seed`] | timer wheel, time, hashing |
//! | `slab`, [`pages`] | slots, and lists that grow without moving |
//!
//! A whole broker in a few lines, without a socket or a clock: bytes go in, bytes come out.
//!
//! ```
//! use ringmq_broker::cause::Level;
//! use ringmq_broker::connection::{Arrival, Opening, Room};
//! use ringmq_broker::journal::Durability;
//! use ringmq_broker::limits::Limits;
//! use ringmq_broker::places::OwnPlaces;
//! use ringmq_broker::policy::{BrokerPolicy, ListenerPolicy};
//! use ringmq_broker::seed::Seeds;
//! use ringmq_broker::{Setup, Shard, Time};
//!
//! let now = Time::ZERO;
//! let mut shard = Shard::new(
//!     Setup {
//!         shard: 0,
//!         shard_count: 1,
//!         seeds: Seeds { hash: 1, identity: [2, 3] }, // drawn by chance in a process
//!         limits: Limits::default(),
//!         sessions: OwnPlaces::unbounded(),
//!         subscriptions: OwnPlaces::unbounded(),
//!         broker: BrokerPolicy::default(),
//!         listeners: vec![ListenerPolicy::default()],
//!         durability: Durability::Memory,
//!         notes: Level::Warn,
//!     },
//!     now,
//! );
//! let opening = Opening {
//!     listener: 0,
//!     peer: "192.0.2.1:50000".parse().expect("an address"),
//!     arrival: Arrival::Accepted,
//!     room: Room::Free,
//! };
//! let connection = shard.open(now, opening).expect("there is room");
//!
//! // CONNECT of MQTT 3.1.1 with client identifier "a", in two pieces.
//! shard.receive(now, connection, b"\x10\x0d\x00\x04MQTT\x04\x02");
//! shard.receive(now, connection, b"\x00\x00\x00\x01a");
//!
//! // What is to be done stands in the trays: here, to send CONNACK.
//! assert_eq!(shard.take_sends(), [connection]);
//! let output = shard.take_output(connection).outbox;
//! assert_eq!(output.into_bytes().expect("no payload by reference"), b"\x20\x02\x00\x00");
//! assert!(shard.deadline().is_some(), "and `tick` is called then");
//! ```
#![forbid(unsafe_code)]

mod access;
mod address;
pub mod bundle;
pub mod cause;
mod clients;
pub mod connection;
pub mod counters;
mod deadlines;
mod front;
mod handlers;
mod held;
pub mod journal;
pub mod letter;
pub mod limits;
pub mod message;
pub mod note;
pub mod outbox;
pub mod pages;
pub mod places;
pub mod policy;
mod publication;
mod questions;
pub mod seed;
mod session;
mod sessions;
mod setup;
pub mod shard;
mod slab;
#[cfg(test)]
mod testing;
pub mod time;
pub mod topics;
pub mod trays;

pub use setup::Setup;
pub use shard::{Reading, Refused, Shard};
pub use slab::SlotId;
pub use time::Time;
pub use trays::{Output, WantsDrained};
