//! The properties of MQTT 5.0 as values in a list.
//!
//! Owns identifiers and encodings. Must never refuse anything: a test may want a list that is wrong.

use crate::wire::{length, string};

pub(crate) const PAYLOAD_FORMAT: u8 = 0x01;
pub(crate) const MESSAGE_EXPIRY: u8 = 0x02;
pub(crate) const CONTENT_TYPE: u8 = 0x03;
pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
pub(crate) const CORRELATION_DATA: u8 = 0x09;
pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
pub(crate) const SESSION_EXPIRY: u8 = 0x11;
pub(crate) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
pub(crate) const WILL_DELAY: u8 = 0x18;
pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
pub(crate) const RESPONSE_INFORMATION: u8 = 0x1A;
pub(crate) const REASON_STRING: u8 = 0x1F;
pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
pub(crate) const TOPIC_ALIAS: u8 = 0x23;
pub(crate) const MAXIMUM_QOS: u8 = 0x24;
pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
pub(crate) const USER_PROPERTY: u8 = 0x26;
pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
pub(crate) const WILDCARD_AVAILABLE: u8 = 0x28;
pub(crate) const IDENTIFIERS_AVAILABLE: u8 = 0x29;
pub(crate) const SHARED_AVAILABLE: u8 = 0x2A;

/// A value in one of the types of section 2.2.2.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    Byte(u8),
    Two(u16),
    Four(u32),
    Variable(u32),
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Pair(Vec<u8>, Vec<u8>),
}

impl Value {
    fn encode(&self) -> Vec<u8> {
        match self {
            Value::Byte(value) => vec![*value],
            Value::Two(value) => value.to_be_bytes().to_vec(),
            Value::Four(value) => value.to_be_bytes().to_vec(),
            Value::Variable(value) => length(*value as usize),
            Value::Text(bytes) | Value::Binary(bytes) => string(bytes),
            Value::Pair(name, value) => [string(name), string(value)].concat(),
        }
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Value {
        Value::Byte(value)
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Value {
        Value::Two(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Four(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.into())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Value {
        Value::Binary(value.into())
    }
}

impl From<(&str, &str)> for Value {
    fn from((name, value): (&str, &str)) -> Value {
        Value::Pair(name.into(), value.into())
    }
}

/// A property section, in the order of the wire.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Properties(pub(crate) Vec<(u8, Value)>);

impl Properties {
    /// No properties.
    pub(crate) fn none() -> Properties {
        Properties::default()
    }

    /// One property.
    pub(crate) fn of(id: u8, value: impl Into<Value>) -> Properties {
        Properties::default().with(id, value)
    }

    /// These and one more.
    pub(crate) fn with(mut self, id: u8, value: impl Into<Value>) -> Properties {
        self.0.push((id, value.into()));
        self
    }

    /// With their length in front.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let section: Vec<u8> =
            self.0.iter().flat_map(|(id, value)| [vec![*id], value.encode()].concat()).collect();
        [length(section.len()), section].concat()
    }

    pub(crate) fn has(&self, id: u8) -> bool {
        self.all(id).next().is_some()
    }

    /// The values of one property.
    pub(crate) fn all(&self, id: u8) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |property| property.0 == id).map(|(_, value)| value)
    }

    /// A numeric property.
    pub(crate) fn number(&self, id: u8) -> Option<u32> {
        self.all(id).next().map(|value| match *value {
            Value::Byte(value) => value.into(),
            Value::Two(value) => value.into(),
            Value::Four(value) | Value::Variable(value) => value,
            _ => panic!("property {id:#04x} is no number"),
        })
    }

    /// A text property.
    pub(crate) fn text(&self, id: u8) -> Option<String> {
        self.all(id).next().map(|value| match value {
            Value::Text(text) => String::from_utf8(text.clone()).expect("strings are UTF-8"),
            _ => panic!("property {id:#04x} is no text"),
        })
    }

    /// All subscription identifiers, sorted.
    pub(crate) fn identifiers(&self) -> Vec<u32> {
        let mut ids: Vec<u32> = self
            .all(SUBSCRIPTION_IDENTIFIER)
            .map(|value| match *value {
                Value::Variable(id) => id,
                _ => panic!("a subscription identifier is a variable byte integer"),
            })
            .collect();
        ids.sort_unstable();
        ids
    }
}
