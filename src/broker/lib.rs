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
//! | [`limits`], [`policy`] | bounds, and choices left to the server |
//! | `deadlines`, [`time`], [`seed`] | timer wheel, time, hashing |
//! | `slab`, [`pages`] | slots, and lists that grow without moving |
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
pub mod journal;
pub mod letter;
pub mod limits;
pub mod message;
pub mod outbox;
pub mod pages;
pub mod places;
pub mod policy;
mod publication;
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
