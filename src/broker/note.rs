//! What a shard leaves for the log: connections that begin and end, and each packet for who asks for that.
//!
//! Owns the facts of a line. Must never know how, or whether, one is written.

use std::net::SocketAddr;

use ringmq_protocol::{PacketId, PacketType, Qos, Reason, Version};

use crate::cause::Ending;

/// One line for the log.
#[derive(Debug, PartialEq, Eq)]
pub enum Note {
    /// A client was accepted. Left at [`crate::cause::Level::Debug`] and below.
    Connected(Box<Connected>),
    /// A connection ended. Left from the level of its cause on.
    Ended(Ended),
    /// A packet came in or goes out. Left at [`crate::cause::Level::Trace`].
    Packet(Box<PacketSeen>),
    /// The first CONNECT on this shard with a user name or a password, which nothing checks. Left once.
    CredentialsIgnored(Client),
}

/// Whom a line is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Client {
    /// The other end.
    pub peer: SocketAddr,
    /// Index of the listener in [`crate::Setup::listeners`].
    pub listener: u16,
    /// Its client identifier, once known.
    pub client_id: Option<Box<str>>,
}

/// A CONNECT that was accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct Connected {
    /// Who, with the identifier that was assigned if it sent none.
    pub client: Client,
    /// The version that it speaks.
    pub version: Version,
    /// Clean Start; CleanSession before 5.0.
    pub clean_start: bool,
    /// Keep alive in force, in seconds; 0 is off.
    pub keep_alive_s: u16,
    /// Whether it finds the state that it left.
    pub session_present: bool,
    /// The verified subject of its certificate.
    pub subject: Option<Box<str>>,
}

/// The end of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who.
    pub client: Client,
    /// Why.
    pub ending: Ending,
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    Received,
    /// To the client.
    Sent,
}

/// A whole packet, without its payload.
#[derive(Debug, PartialEq, Eq)]
pub struct PacketSeen {
    /// Which way.
    pub direction: Direction,
    /// From or to whom.
    pub client: Client,
    /// Its type.
    pub kind: PacketType,
    /// Bytes of the whole packet.
    pub size_bytes: usize,
    /// Its packet identifier.
    pub packet_id: Option<PacketId>,
    /// The topic of a PUBLISH, the filters of a SUBSCRIBE or UNSUBSCRIBE with commas between them.
    pub topic: Option<Box<str>>,
    /// Of a PUBLISH.
    pub publish: Option<PublishSeen>,
    /// The reason code of what answers or ends something.
    pub reason: Option<Reason>,
}

/// What only a PUBLISH has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishSeen {
    /// Quality of service of this hop.
    pub qos: Qos,
    /// Whether it may have been sent before.
    pub dup: bool,
    /// Whether it is to be retained, or was.
    pub retain: bool,
    /// The alias that stands for the topic, or is given to it.
    pub topic_alias: Option<u16>,
}
