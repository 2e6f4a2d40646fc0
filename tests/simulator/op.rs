//! The operations of a run: what a user, a network or time may do.
//!
//! Owns their list. An operation that makes no sense when its turn comes does nothing, so that any of them may be
//! left out when a failure is made smaller.

use ringmq_protocol::{Qos, Reason, SubscribeOptions};

use super::client::Answers;
use super::messages::Extras;
use super::setup::Weather;
use super::wire::ClientEnd;

/// What a client publishes, but for its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Topic name.
    pub topic: &'static str,
    /// QoS.
    pub qos: Qos,
    /// RETAIN.
    pub retain: bool,
    /// Message expiry in seconds.
    pub expiry_s: Option<u32>,
    /// Bytes of the payload; 0 for none.
    pub payload_bytes: usize,
    /// Whether it carries properties.
    pub extras: Extras,
}

/// What a CONNECT asks for; the will is made when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Clean start.
    pub clean_start: bool,
    /// Session expiry in seconds.
    pub expiry_s: u32,
    /// Keep alive in seconds.
    pub keep_alive_s: u16,
    /// Receive maximum.
    pub receive_max: Option<u16>,
    /// Maximum packet size in bytes.
    pub packet_bytes_max: Option<u32>,
    /// Topic alias maximum.
    pub alias_max: u16,
    /// The will and its delay in seconds.
    pub will: Option<(Content, u32)>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A client connects at a shard, or takes its own session over.
    Connect(usize, u16, Wish),
    /// A client publishes.
    Publish(usize, Content),
    /// A client subscribes, with an identifier if that is not 0.
    Subscribe(usize, Vec<(&'static str, SubscribeOptions)>, u32),
    /// A client unsubscribes.
    Unsubscribe(usize, Vec<&'static str>),
    /// A client says goodbye, perhaps with a new session expiry.
    Disconnect(usize, Reason, Option<u32>),
    /// The wire of a client breaks; of what it had sent, this percentage arrives.
    Cut(usize, ClientEnd, u32),
    /// A client holds its acknowledgements back, or sends them.
    Answer(usize, Answers),
    /// A client stops reading.
    Stick(usize),
    /// A client reads again.
    Unstick(usize),
    /// A client sends PINGREQ.
    Ping(usize),
    /// An administrator ends the connection of a client.
    Expel(usize),
    /// The network changes.
    Weather(Weather),
    /// So many turns of every shard.
    Turns(usize),
    /// Time goes by, in milliseconds, while bytes and letters stay where they are.
    Pass(u64),
    /// Everything comes to rest, and what is owed must have come.
    Calm,
}
