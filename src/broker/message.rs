//! The immutable content of a publish, shared by all its receivers.
//!
//! Owns the bytes of topic, passed-on properties and payload, and the meter that bounds them all. Must never know a
//! receiver. Within a shard a message is an `Rc`; only what crosses shards is an `Arc`, once per letter.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use ringmq_protocol::Qos;

use crate::time::Time;

/// What a publisher said, without what only concerned its own connection (packet identifier, DUP, alias).
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    qos: Qos,
    retain: Retain,
    topic_bytes: u16,
    passed_on_bytes: u32,
    expires: Option<Time>,
    /// Topic, passed-on properties and payload, back to back: one allocation.
    bytes: Box<[u8]>,
}

/// The RETAIN bit of the publish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retain {
    /// RETAIN 0.
    No,
    /// RETAIN 1.
    Yes,
}

/// The parts of a [`Content`], borrowed from wherever they are.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Full topic name, aliases resolved.
    pub topic: &'a str,
    /// Encoded properties that travel unchanged [MQTT-3.3.2-17].
    pub passed_on: &'a [u8],
    /// Application bytes.
    pub payload: &'a [u8],
    /// QoS of the publish.
    pub qos: Qos,
    /// RETAIN of the publish.
    pub retain: Retain,
    /// When the message must no longer be sent [MQTT-3.3.2-5].
    pub expires: Option<Time>,
}

impl Content {
    /// Copies the parts into one allocation.
    pub fn new(parts: &Parts<'_>) -> Content {
        let mut bytes = Vec::with_capacity(parts.topic.len() + parts.passed_on.len() + parts.payload.len());
        bytes.extend_from_slice(parts.topic.as_bytes());
        bytes.extend_from_slice(parts.passed_on);
        bytes.extend_from_slice(parts.payload);
        Content {
            qos: parts.qos,
            retain: parts.retain,
            topic_bytes: u16::try_from(parts.topic.len()).expect("a topic has a two-byte length"),
            passed_on_bytes: u32::try_from(parts.passed_on.len()).expect("properties are below 256 MiB"),
            expires: parts.expires,
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// The parts, borrowed back.
    pub fn parts(&self) -> Parts<'_> {
        let (topic, rest) = self.bytes.split_at(usize::from(self.topic_bytes));
        let (passed_on, payload) = rest.split_at(self.passed_on_bytes as usize);
        let topic = std::str::from_utf8(topic).expect("a topic was valid UTF-8 when it came in");
        Parts { topic, passed_on, payload, qos: self.qos, retain: self.retain, expires: self.expires }
    }

    /// Application bytes.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[usize::from(self.topic_bytes) + self.passed_on_bytes as usize..]
    }

    /// QoS of the publish.
    pub fn qos(&self) -> Qos {
        self.qos
    }

    /// When it must no longer be sent.
    pub fn expires(&self) -> Option<Time> {
        self.expires
    }

    /// Bytes this content takes, its header included.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + size_of::<Body>() + 2 * size_of::<usize>()
    }
}

/// Counts the bytes of the messages alive on one shard.
#[derive(Clone, Debug, Default)]
pub struct Meter(Rc<Cell<usize>>);

impl Meter {
    /// Bytes of all messages alive.
    pub fn bytes(&self) -> usize {
        self.0.get()
    }

    fn add(&self, bytes: usize) {
        self.0.set(self.0.get() + bytes);
    }

    fn sub(&self, bytes: usize) {
        debug_assert!(self.0.get() >= bytes, "a message was counted out that was never counted in");
        self.0.set(self.0.get() - bytes);
    }
}

#[derive(Debug)]
enum Store {
    /// Made and kept on this shard.
    Own(Content),
    /// Shared with other shards.
    Across(Arc<Content>),
}

#[derive(Debug)]
struct Body {
    store: Store,
    meter: Meter,
}

impl Drop for Body {
    fn drop(&mut self) {
        let bytes = self.store.content().size_bytes();
        self.meter.sub(bytes);
    }
}

impl Store {
    fn content(&self) -> &Content {
        match self {
            Store::Own(content) => content,
            Store::Across(content) => content,
        }
    }
}

/// A message held by this shard. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Message(Rc<Body>);

impl Message {
    /// A message that stays on this shard.
    pub fn own(content: Content, meter: &Meter) -> Message {
        Message::with(Store::Own(content), meter)
    }

    /// A message that other shards hold as well. Each shard meters it in full.
    pub fn across(content: Arc<Content>, meter: &Meter) -> Message {
        Message::with(Store::Across(content), meter)
    }

    fn with(store: Store, meter: &Meter) -> Message {
        meter.add(store.content().size_bytes());
        Message(Rc::new(Body { store, meter: meter.clone() }))
    }

    /// The content in the form that may travel: shared if it already is, else copied once.
    pub fn to_across(&self) -> Arc<Content> {
        match &self.0.store {
            Store::Across(content) => content.clone(),
            Store::Own(content) => Arc::new(Content::new(&content.parts())),
        }
    }
}

impl Deref for Message {
    type Target = Content;

    fn deref(&self) -> &Content {
        self.0.store.content()
    }
}

/// As bytes a message is its payload, so that the shell can gather large ones instead of copying them.
impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        self.payload()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts<'static> {
        Parts {
            topic: "a/b",
            passed_on: &[0x01, 0x01],
            payload: b"hello",
            qos: Qos::AtLeastOnce,
            retain: Retain::Yes,
            expires: Some(Time::from_ms(9)),
        }
    }

    #[test]
    fn parts_come_back_as_they_went_in() {
        let content = Content::new(&parts());
        let back = content.parts();
        assert_eq!((back.topic, back.passed_on, back.payload), ("a/b", &[1u8, 1][..], &b"hello"[..]));
        assert_eq!((back.qos, back.retain, back.expires), (parts().qos, parts().retain, parts().expires));
        assert_eq!(content.payload(), b"hello");
    }

    #[test]
    fn the_meter_counts_each_message_once_however_often_it_is_shared() {
        let meter = Meter::default();
        let message = Message::own(Content::new(&parts()), &meter);
        let size = message.size_bytes();
        let again = message.clone();
        assert_eq!(meter.bytes(), size);
        let across = Message::across(message.to_across(), &meter);
        assert_eq!(meter.bytes(), 2 * size);
        drop((message, across));
        assert_eq!(meter.bytes(), size);
        drop(again);
        assert_eq!(meter.bytes(), 0);
    }
}
