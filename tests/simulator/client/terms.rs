//! What a client asks for in its CONNECT.
//!
//! Owns the terms and their encoding. Must never know what was granted.

use ringmq_protocol::{Connect, Packet, Property, PropertyBuf, Will};

use super::Client;
use crate::simulator::messages::{MessageId, Messages};

/// What a CONNECT says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Clean start.
    pub clean_start: bool,
    /// Session expiry in seconds. 3.x has no such thing: 0 goes with a clean session, anything else without.
    pub expiry_s: u32,
    /// Keep alive in seconds; 0 for none.
    pub keep_alive_s: u16,
    /// QoS 1 and 2 messages it takes at once; 5.0 only.
    pub receive_max: Option<u16>,
    /// Bytes of the largest packet it takes; 5.0 only.
    pub packet_bytes_max: Option<u32>,
    /// Highest alias it takes; 5.0 only.
    pub alias_max: u16,
    /// Its will and the delay of that in seconds.
    pub will: Option<(MessageId, u32)>,
}

impl Terms {
    /// Resumes the session, keeps it for a day, and takes everything.
    pub fn resuming() -> Terms {
        Terms {
            clean_start: false,
            expiry_s: 86_400,
            keep_alive_s: 0,
            receive_max: None,
            packet_bytes_max: None,
            alias_max: 0,
            will: None,
        }
    }

    /// Writes the CONNECT of a client on these terms.
    pub(super) fn encode(&self, client: &Client, messages: &Messages, out: &mut Vec<u8>) {
        let terms = self;
        let is_v5 = client.version.is_v5();
        let mut properties = PropertyBuf::new();
        if is_v5 && terms.expiry_s > 0 {
            properties.push(Property::SessionExpiry(terms.expiry_s));
        }
        if let Some(receive_max) = terms.receive_max.filter(|_| is_v5) {
            properties.push(Property::ReceiveMaximum(receive_max));
        }
        if let Some(bytes) = terms.packet_bytes_max.filter(|_| is_v5) {
            properties.push(Property::MaximumPacketSize(bytes));
        }
        if is_v5 && terms.alias_max > 0 {
            properties.push(Property::TopicAliasMaximum(terms.alias_max));
        }
        let mut will_properties = PropertyBuf::new();
        let will = terms.will.map(|(id, delay_s)| {
            let message = messages.get(id);
            will_properties = message.passed_on.clone();
            if is_v5 {
                will_properties.push(Property::WillDelay(delay_s));
            }
            if let Some(expiry_s) = message.expiry_s {
                will_properties.push(Property::MessageExpiry(expiry_s));
            }
            message
        });
        let will = will.map(|message| Will {
            qos: message.qos,
            retain: message.retain,
            properties: will_properties.as_properties(),
            topic: &message.topic,
            payload: &message.payload,
        });
        let connect = Connect {
            version: client.version,
            is_bridge: false,
            clean_start: if is_v5 { terms.clean_start } else { terms.expiry_s == 0 },
            keep_alive_s: terms.keep_alive_s,
            properties: properties.as_properties(),
            client_id: &client.name,
            will,
            user_name: None,
            password: None,
        };
        Packet::Connect(connect).encode(client.version, out);
    }
}
