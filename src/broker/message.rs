//! The immutable content of a publish, shared by all its receivers.
//!
//! Owns the bytes of topic, passed-on properties and payload, and the meter that bounds them all. Must never know a
//! receiver. Within a shard a message is an `Rc`; only what crosses shards is an `Arc`, once per letter.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use ringmq_protocol::Qos;

use crate::time::Time;

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

/// All of a content but its bytes: topic, passed-on properties and payload, back to back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Head {
    qos: Qos,
    retain: Retain,
    topic_bytes: u16,
    passed_on_bytes: u32,
    payload_bytes: u32,
    expires: Option<Time>,
}

impl Head {
    fn of(parts: &Parts<'_>) -> Head {
        Head {
            qos: parts.qos,
            retain: parts.retain,
            topic_bytes: u16::try_from(parts.topic.len()).expect("a topic has a two-byte length"),
            passed_on_bytes: u32::try_from(parts.passed_on.len()).expect("properties are below 256 MiB"),
            payload_bytes: u32::try_from(parts.payload.len()).expect("payloads are below 256 MiB"),
            expires: parts.expires,
        }
    }

    fn parts<'a>(&self, bytes: &'a [u8]) -> Parts<'a> {
        let (topic, rest) = bytes.split_at(usize::from(self.topic_bytes));
        let (passed_on, rest) = rest.split_at(self.passed_on_bytes as usize);
        let topic = std::str::from_utf8(topic).expect("a topic was valid UTF-8 when it came in");
        let payload = &rest[..self.payload_bytes as usize];
        Parts { topic, passed_on, payload, qos: self.qos, retain: self.retain, expires: self.expires }
    }

    fn payload<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let from = usize::from(self.topic_bytes) + self.passed_on_bytes as usize;
        &bytes[from..from + self.payload_bytes as usize]
    }
}

/// What a publisher said, without what only concerned its own connection (packet identifier, DUP, alias), in a form
/// that shards can share.
#[derive(Debug, PartialEq, Eq)]
pub struct Content {
    head: Head,
    bytes: Box<[u8]>,
}

impl Content {
    /// Copies the parts.
    pub fn new(parts: &Parts<'_>) -> Content {
        Content {
            head: Head::of(parts),
            bytes: [parts.topic.as_bytes(), parts.passed_on, parts.payload].concat().into(),
        }
    }

    /// The parts, borrowed back.
    pub fn parts(&self) -> Parts<'_> {
        self.head.parts(&self.bytes)
    }

    /// When it must no longer be sent.
    pub fn expires(&self) -> Option<Time> {
        self.head.expires
    }

    /// Bytes this content takes, its header included.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + size_of::<Content>() + COUNTS_BYTES
    }
}

/// What `Rc` and `Arc` put in front of what they count.
const COUNTS_BYTES: usize = 2 * size_of::<usize>();

/// Counts the bytes of the messages alive on one shard, and of those on their way from it to others.
#[derive(Clone, Debug, Default)]
pub struct Meter(Rc<Cell<usize>>);

impl Meter {
    /// Bytes of all messages counted.
    pub fn bytes(&self) -> usize {
        self.0.get()
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.0.set(self.0.get() + bytes);
    }

    pub(crate) fn sub(&self, bytes: usize) {
        debug_assert!(self.0.get() >= bytes, "a message was counted out that was never counted in");
        self.0.set(self.0.get() - bytes);
    }
}

/// A message on this shard. `B` is room for the bytes of a small one, so that it takes a single allocation.
#[derive(Debug)]
struct Body<B: ?Sized = [u8]> {
    head: Head,
    meter: Meter,
    /// The bytes, if there is no room for them here, or other shards hold them as well.
    content: Option<Arc<Content>>,
    room: B,
}

impl<B: ?Sized> Body<B> {
    fn size_bytes(&self) -> usize {
        let content = self.content.as_ref().map_or(0, |content| content.size_bytes());
        size_of_val(self) + COUNTS_BYTES + content
    }
}

impl<B: ?Sized> Drop for Body<B> {
    fn drop(&mut self) {
        self.meter.sub(self.size_bytes());
    }
}

/// Bytes that a message can have in an allocation of this size.
const fn room_of(allocation_bytes: usize) -> usize {
    allocation_bytes - COUNTS_BYTES - size_of::<Body<[u8; 0]>>()
}

/// A message held by this shard. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Message(Rc<Body>);

impl Message {
    /// A copy of the parts.
    pub fn new(parts: &Parts<'_>, meter: &Meter) -> Message {
        let bytes = parts.topic.len() + parts.passed_on.len() + parts.payload.len();
        macro_rules! smallest_of {
            ($($allocation:literal)*) => {
                match bytes {
                    $(_ if bytes <= room_of($allocation) => Message::small::<{ room_of($allocation) }>(parts, meter),)*
                    _ => Message::across(Arc::new(Content::new(parts)), meter),
                }
            };
        }
        // The sizes that allocators have, so that no room is lost.
        smallest_of!(128 160 192 256 320 384 512 640 768 896 1024)
    }

    /// A message of at most `ROOM` bytes.
    fn small<const ROOM: usize>(parts: &Parts<'_>, meter: &Meter) -> Message {
        let mut room = [0; ROOM];
        let (topic, rest) = room.split_at_mut(parts.topic.len());
        let (passed_on, rest) = rest.split_at_mut(parts.passed_on.len());
        topic.copy_from_slice(parts.topic.as_bytes());
        passed_on.copy_from_slice(parts.passed_on);
        rest[..parts.payload.len()].copy_from_slice(parts.payload);
        Message::metered(Rc::new(Body { head: Head::of(parts), meter: meter.clone(), content: None, room }))
    }

    /// A message that other shards may hold as well. Each shard meters it in full.
    pub fn across(content: Arc<Content>, meter: &Meter) -> Message {
        let head = content.head;
        Message::metered(Rc::new(Body { head, meter: meter.clone(), content: Some(content), room: [0; 0] }))
    }

    fn metered(body: Rc<Body>) -> Message {
        body.meter.add(body.size_bytes());
        Message(body)
    }

    /// The content in the form that may travel: shared if it already is, else copied once.
    pub fn to_across(&self) -> Arc<Content> {
        self.0.content.clone().unwrap_or_else(|| Arc::new(Content::new(&self.parts())))
    }

    /// The parts, borrowed back.
    pub fn parts(&self) -> Parts<'_> {
        self.0.head.parts(self.bytes())
    }

    /// Whether `topic` is its topic. Does not look at the name as text.
    pub(crate) fn is_on(&self, topic: &str) -> bool {
        self.bytes().get(..usize::from(self.0.head.topic_bytes)) == Some(topic.as_bytes())
    }

    /// Application bytes.
    pub fn payload(&self) -> &[u8] {
        self.0.head.payload(self.bytes())
    }

    /// QoS of the publish.
    pub fn qos(&self) -> Qos {
        self.0.head.qos
    }

    /// When it must no longer be sent.
    pub fn expires(&self) -> Option<Time> {
        self.0.head.expires
    }

    /// Bytes this message takes, its header included.
    pub fn size_bytes(&self) -> usize {
        self.0.size_bytes()
    }

    fn bytes(&self) -> &[u8] {
        self.0.content.as_ref().map_or(&self.0.room, |content| &content.bytes)
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

    /// Small and large, on this shard and across.
    #[test]
    fn parts_come_back_as_they_went_in() {
        for bytes in (0..1000).chain([5000]) {
            let payload = vec![7; bytes];
            let parts = Parts { payload: &payload, ..parts() };
            let meter = Meter::default();
            let message = Message::new(&parts, &meter);
            let across = Message::across(message.to_across(), &meter);
            for back in [message.parts(), across.parts(), message.to_across().parts()] {
                assert_eq!((back.topic, back.passed_on, back.payload), ("a/b", &[1u8, 1][..], &payload[..]));
                assert_eq!((back.qos, back.retain, back.expires), (parts.qos, parts.retain, parts.expires));
            }
            assert_eq!((message.payload(), across.payload()), (&payload[..], &payload[..]));
            assert!(message.size_bytes() > bytes && across.size_bytes() > bytes);
            drop((message, across));
            assert_eq!(meter.bytes(), 0);
        }
    }

    /// A header, and room that is left empty.
    #[test]
    fn a_message_takes_little_more_than_its_bytes() {
        for bytes in 0..2000 {
            let payload = vec![7; bytes];
            let message = Message::new(&Parts { payload: &payload, ..parts() }, &Meter::default());
            let beside = message.size_bytes() - bytes;
            assert!(beside <= 200, "{beside} beside {bytes}");
            let size = message.size_bytes();
            assert!(bytes > 900 || [128, 160, 192, 256, 320, 384, 512, 640, 768, 896, 1024].contains(&size));
        }
    }

    #[test]
    fn the_meter_counts_each_message_once_however_often_it_is_shared() {
        let meter = Meter::default();
        let message = Message::new(&parts(), &meter);
        let size = message.size_bytes();
        let again = message.clone();
        assert_eq!(meter.bytes(), size);
        let across = Message::across(message.to_across(), &meter);
        let both = size + across.size_bytes();
        assert_eq!(meter.bytes(), both);
        drop((message, across));
        assert_eq!(meter.bytes(), size);
        drop(again);
        assert_eq!(meter.bytes(), 0);
    }
}
