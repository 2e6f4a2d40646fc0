//! The PUBLISH that a server sends to one receiver of a message.
//!
//! Owns the hot path of encoding: everything in front of the payload. Must never know sessions or messages.

use std::fmt;
use std::num::NonZeroU16;

use crate::body::PacketId;
use crate::frame::BODY_BYTES_MAX;
use crate::publish::Flags;
use crate::version::{Qos, Version};
use crate::writer::{binary_len, length_len, put_binary, put_length, put_u16, put_u32};

const MESSAGE_EXPIRY: u8 = 0x02;
const SUBSCRIPTION_ID: u8 = 0x0B;
const TOPIC_ALIAS: u8 = 0x23;

/// All of an outbound PUBLISH but the bytes of the payload, so that these can be copied or gathered. Before
/// 5.0 alias, expiry, subscription identifiers and properties are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery<'a> {
    /// Quality of service: the lower of published and granted [MQTT-3.8.4-8].
    pub qos: Qos,
    /// Whether this copy is a repeat [MQTT-3.3.1-3]; never with QoS 0.
    pub dup: bool,
    /// The RETAIN flag of this copy.
    pub retain: bool,
    /// The topic name; empty if the alias is known to the receiver.
    pub topic: &'a str,
    /// Present exactly with QoS 1 and 2.
    pub packet_id: Option<PacketId>,
    /// The alias that is set, or stands for the topic.
    pub topic_alias: Option<NonZeroU16>,
    /// Seconds that are left to the message [MQTT-3.3.2-6].
    pub message_expiry_s: Option<u32>,
    /// Those of the receiver's matching subscriptions, each 1 to 268,435,455.
    pub subscription_ids: &'a [u32],
    /// Encoded properties that travel unchanged: [`crate::Properties::passed_on`].
    pub passed_on: &'a [u8],
    /// Bytes of the payload that will follow.
    pub payload_len: usize,
}

/// Why a PUBLISH cannot be written: it would have more than [`crate::PACKET_BYTES_MAX`] bytes. A message that came in
/// as a packet of full size grows by what its receiver's version or subscriptions add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a packet above the 268,435,460 bytes that one may have")
    }
}

impl std::error::Error for TooLarge {}

impl Delivery<'_> {
    /// Bytes of the whole packet, payload included. It may be sent only if this is at most
    /// [`crate::PACKET_BYTES_MAX`] and the receiver's Maximum Packet Size [MQTT-3.1.2-24].
    pub fn encoded_len(&self, version: Version) -> usize {
        let body_len = self.body_len(version, self.properties_len(version));
        1 + length_len(body_len) + body_len
    }

    /// Appends the packet up to the payload, which has to follow. Returns where in these bytes the packet identifier
    /// stands, or would.
    ///
    /// # Errors
    /// If the packet is above [`crate::PACKET_BYTES_MAX`]; nothing is appended then.
    ///
    /// # Panics
    /// If packet identifier and QoS, or DUP and QoS, do not fit together.
    pub fn encode_head(&self, version: Version, out: &mut Vec<u8>) -> Result<usize, TooLarge> {
        let start = out.len();
        let properties_len = self.properties_len(version);
        let body_len = self.body_len(version, properties_len);
        if body_len > BODY_BYTES_MAX {
            return Err(TooLarge);
        }
        out.reserve(5 + body_len - self.payload_len);
        out.push(Flags { dup: self.dup, qos: self.qos, retain: self.retain }.first_byte(self.packet_id));
        put_length(out, body_len);
        put_binary(out, self.topic.as_bytes());
        let id_at = out.len() - start;
        if let Some(packet_id) = self.packet_id {
            put_u16(out, packet_id.get());
        }
        if version.is_v5() {
            put_length(out, properties_len);
            self.put_properties(out);
        }
        Ok(id_at)
    }

    fn body_len(&self, version: Version, properties_len: usize) -> usize {
        let packet_id = if self.packet_id.is_some() { 2 } else { 0 };
        let properties = if version.is_v5() { length_len(properties_len) + properties_len } else { 0 };
        binary_len(self.topic.as_bytes()) + packet_id + properties + self.payload_len
    }

    /// Bytes of the properties without their length in front; 0 before 5.0.
    fn properties_len(&self, version: Version) -> usize {
        if !version.is_v5() {
            return 0;
        }
        let alias = if self.topic_alias.is_some() { 3 } else { 0 };
        let expiry = if self.message_expiry_s.is_some() { 5 } else { 0 };
        let ids: usize = self.subscription_ids.iter().map(|&id| 1 + length_len(id as usize)).sum();
        alias + expiry + ids + self.passed_on.len()
    }

    fn put_properties(&self, out: &mut Vec<u8>) {
        if let Some(alias) = self.topic_alias {
            out.push(TOPIC_ALIAS);
            put_u16(out, alias.get());
        }
        if let Some(seconds) = self.message_expiry_s {
            out.push(MESSAGE_EXPIRY);
            put_u32(out, seconds);
        }
        for &id in self.subscription_ids {
            out.push(SUBSCRIPTION_ID);
            put_length(out, id as usize);
        }
        out.extend_from_slice(self.passed_on);
    }
}

#[cfg(test)]
mod tests;
