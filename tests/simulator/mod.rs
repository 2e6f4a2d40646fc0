//! A whole broker in one thread without clock or socket: shards, mailboxes, wires and clients, all from one seed.
//!
//! | module | is |
//! | --- | --- |
//! | [`world`] | shards, the time, and the shell's duties carried out (`turn`) |
//! | [`wire`], [`mailboxes`] | what lies between a client and a shard, and between two shards |
//! | [`setup`] | what a world is made from; how rough its network is; places that its shards share (`places`) |
//! | [`facts`] | what happened at the broker's border, in order |
//! | [`client`], [`messages`] | clients that keep the rules, and what they publish |
//! | [`oracle`] | a naive broker that says what must, may and must not happen |
//! | [`op`], [`plan`], [`run`] | operations, what a seed stands for, one run: faults first, then calm |
//! | [`scene`] | scenes as text: written, read and played |
//! | [`minimise`], [`replay`], [`cli`] | a failure made small, as a file; the command `simulate` |
//! | [`sabotage`] | faults put in on purpose, to see whether they are found |
//! | [`frames`], [`random`], [`digest`] | packets cut from bytes; seeded chance; a rolling hash |

pub mod cli;
pub mod client;
pub mod digest;
pub mod facts;
pub mod frames;
pub mod mailboxes;
pub mod messages;
pub mod minimise;
pub mod op;
pub mod oracle;
mod places;
pub mod plan;
pub mod random;
pub mod replay;
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
