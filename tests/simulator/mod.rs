//! A whole broker in one thread without clock or socket: shards, mailboxes, wires and clients, all from one seed.
//!
//! | module | is |
//! | --- | --- |
//! | [`world`] | shards, the time, and the shell's duties carried out |
//! | [`wire`], [`mailboxes`] | what lies between a client and a shard, and between two shards |
//! | [`setup`] | what a world is made from; how rough its network is |
//! | [`facts`] | what happened at the broker's border, in order |
//! | [`frames`] | a byte stream cut into packets |
//! | [`random`], [`digest`] | seeded chance; a rolling hash |
//! | [`sabotage`] | faults put in on purpose, to see whether they are found |

pub mod client;
pub mod digest;
pub mod facts;
pub mod frames;
pub mod mailboxes;
pub mod messages;
pub mod op;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod run;
pub mod sabotage;
pub mod scene;
pub mod setup;
mod turn;
pub mod wire;
pub mod world;

pub use setup::{Weather, WorldSetup};
pub use wire::WireId;
pub use world::World;
