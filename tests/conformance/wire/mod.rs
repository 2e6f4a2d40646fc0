//! MQTT on the wire as a client sees it, written from the standard alone.
//!
//! Owns a second encoder and decoder, so that a slip in the product's own codec cannot hide behind itself. Must never
//! use the product's codec. What a client sends may be wrong on purpose; what the server sends is read without mercy.

pub(crate) mod incoming;
pub(crate) mod outgoing;
pub(crate) mod properties;
mod reader;
pub(crate) mod table;

pub(crate) use incoming::{Ack, Codes, Connack, Message, Packet};
pub(crate) use outgoing::{
    Connect, Encode, Publish, Subscribe, Unsubscribe, Will, ack, ack_with, disconnect, disconnect_with,
    length, packet, string,
};
pub(crate) use properties::Properties;

/// A version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Version {
    V31,
    V311,
    V5,
}

impl Version {
    /// What stands in CONNECT.
    pub(crate) fn name(self) -> &'static str {
        if self == Version::V31 { "MQIsdp" } else { "MQTT" }
    }

    /// What stands behind the name.
    pub(crate) fn level(self) -> u8 {
        match self {
            Version::V31 => 3,
            Version::V311 => 4,
            Version::V5 => 5,
        }
    }

    pub(crate) fn is_v5(self) -> bool {
        self == Version::V5
    }
}

/// First bytes of packets.
pub(crate) mod first {
    pub(crate) const CONNECT: u8 = 0x10;
    pub(crate) const CONNACK: u8 = 0x20;
    pub(crate) const PUBLISH: u8 = 0x30;
    pub(crate) const PUBACK: u8 = 0x40;
    pub(crate) const PUBREC: u8 = 0x50;
    pub(crate) const PUBREL: u8 = 0x62;
    pub(crate) const PUBCOMP: u8 = 0x70;
    pub(crate) const SUBSCRIBE: u8 = 0x82;
    pub(crate) const SUBACK: u8 = 0x90;
    pub(crate) const UNSUBSCRIBE: u8 = 0xA2;
    pub(crate) const UNSUBACK: u8 = 0xB0;
    pub(crate) const PINGREQ: u8 = 0xC0;
    pub(crate) const PINGRESP: u8 = 0xD0;
    pub(crate) const DISCONNECT: u8 = 0xE0;
    pub(crate) const AUTH: u8 = 0xF0;
}

/// PINGREQ.
pub(crate) const PINGREQ: [u8; 2] = [first::PINGREQ, 0];
