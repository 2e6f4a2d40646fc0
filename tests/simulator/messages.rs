//! Every message of a run, with all that is needed to know it again.
//!
//! Owns the messages. Must never know what became of them.

use ringmq_protocol::{Property, PropertyBuf, Qos};

/// Number of a message, in the order in which they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(pub usize);

/// A message that a client publishes, or leaves as its will.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Number of the client.
    pub publisher: usize,
    /// Topic name.
    pub topic: String,
    /// QoS of the publish.
    pub qos: Qos,
    /// RETAIN of the publish.
    pub retain: bool,
    /// Message expiry in seconds.
    pub expiry_s: Option<u32>,
    /// The bytes: publisher and number, then padding; empty to erase a retained message.
    pub payload: Vec<u8>,
    /// Properties that subscribers must see unchanged.
    pub passed_on: PropertyBuf,
}

/// Whether a message carries properties for its subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extras {
    /// It does.
    Some,
    /// It does not.
    None,
}

/// What a new message is to be like.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Number of the client.
    pub publisher: usize,
    /// Topic name.
    pub topic: String,
    /// QoS of the publish.
    pub qos: Qos,
    /// RETAIN of the publish.
    pub retain: bool,
    /// Message expiry in seconds.
    pub expiry_s: Option<u32>,
    /// Bytes of the payload; at least what its name takes, or 0 for none at all.
    pub payload_bytes: usize,
    /// Whether it carries properties.
    pub extras: Extras,
}

/// All messages of a run.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    all: Vec<Message>,
}

impl Messages {
    /// Makes a message whose payload is like no other.
    pub fn make(&mut self, draft: Draft) -> MessageId {
        let id = MessageId(self.all.len());
        let mut payload = Vec::new();
        if draft.payload_bytes > 0 {
            payload = format!("{}{}", name_of(draft.publisher), id.0).into_bytes();
            payload.resize(payload.len().max(draft.payload_bytes), b'.');
        }
        let mut passed_on = PropertyBuf::new();
        if draft.extras == Extras::Some {
            let number = id.0.to_string();
            passed_on.push(Property::PayloadFormat(1)).push(Property::ContentType("text/plain"));
            passed_on
                .push(Property::UserProperty("number", &number))
                .push(Property::UserProperty("number", "again"));
        }
        let Draft { publisher, topic, qos, retain, expiry_s, .. } = draft;
        self.all.push(Message { publisher, topic, qos, retain, expiry_s, payload, passed_on });
        id
    }

    /// A message.
    pub fn get(&self, id: MessageId) -> &Message {
        &self.all[id.0]
    }

    /// The messages with this topic and payload: one, or all that erase the topic, or none.
    pub fn find(&self, topic: &str, payload: &[u8]) -> Vec<MessageId> {
        let is_it = |id: &MessageId| self.get(*id).topic == topic && self.get(*id).payload == payload;
        if payload.is_empty() {
            return (0..self.all.len()).map(MessageId).filter(is_it).collect();
        }
        let digits = payload[1..].iter().take_while(|byte| byte.is_ascii_digit());
        let number = digits
            .fold(0_usize, |number, digit| number.wrapping_mul(10).wrapping_add(usize::from(digit - b'0')));
        Some(MessageId(number)).filter(|id| id.0 < self.all.len()).filter(is_it).into_iter().collect()
    }

    /// How a message is called in complaints.
    pub fn describe(&self, id: MessageId) -> String {
        let message = self.get(id);
        let name = format!("{}{}", name_of(message.publisher), id.0);
        format!("{name} (QoS {} on {})", message.qos.bits(), message.topic)
    }
}

/// The client identifier of client number `client`: one letter.
pub fn name_of(client: usize) -> String {
    char::from(b'A' + u8::try_from(client % 26).unwrap_or(0)).to_string()
}
