//! Letters from one shard to another that travel together, with the bytes of the small messages among them.
//!
//! Owns the letters, their order and these bytes. Must never know how a bundle travels. A message is written into the
//! bundle instead of being allocated for itself: the receiver reads a bundle front to back, copies what it must keep
//! and fills the same memory with letters of its own. So nothing is allocated on one core and freed on another, and
//! what changes cores lies in one piece.

use std::sync::Arc;

use crate::letter::{Enclosed, Letter, Written};
use crate::message::Parts;
use crate::publication::Publication;
use crate::topics::{Fingerprint, GroupName};

/// Messages above this size travel as one shared copy. Below, a copy costs less than sharing between cores.
pub(crate) const WRITTEN_BYTES_MAX: usize = 2 << 10;

/// A bundle of this size takes no more letters, so that it stays in a core's cache until it is read.
const BUNDLE_BYTES_MAX: usize = 64 << 10;

/// A bundle that shares as much with its sender takes no more letters, so that a mailbox can be bounded in bytes.
const SHARED_BYTES_MAX: usize = 1 << 20;

/// Room that a bundle has for bytes with its first message; with the second step it has all that it may ever need. Growing
/// step by step would copy the messages of a full bundle several times.
const BYTES_MIN: usize = 4 << 10;

/// Room for letters, likewise: for this many, then for `LETTERS_GROWTH` times as many.
const LETTERS_MIN: usize = 64;
const LETTERS_GROWTH: usize = 16;

/// Letters in the order in which they were posted.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// Number of the first letter among all that its shard ever posted.
    pub(crate) first_number: u64,
    letters: Vec<Letter>,
    /// Topics, properties and payloads of written messages, back to back, in the order of the letters.
    bytes: Vec<u8>,
    /// Names of shared groups, each once for letters in a row.
    names: Vec<Arc<GroupName>>,
    /// Bytes of the messages that are shared with the sender.
    shared_bytes: usize,
}

/// What is enclosed in the letters of a bundle, to be taken in their order.
#[derive(Debug)]
pub(crate) struct Enclosures<'a> {
    rest: &'a [u8],
    names: &'a [Arc<GroupName>],
}

/// A written message that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    /// The topic name, not yet looked at as text: most are known.
    pub(crate) topic: &'a [u8],
    passed_on: &'a [u8],
    payload: &'a [u8],
    written: Written,
}

impl Bundle {
    /// Number of letters.
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether there is no letter in it.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// The letters, in order.
    pub fn letters(&self) -> &[Letter] {
        &self.letters
    }

    /// Bytes that the letters and the messages in them take.
    pub fn size_bytes(&self) -> usize {
        self.letters.len() * size_of::<Letter>() + self.bytes.len() + self.shared_bytes
    }

    pub(crate) fn is_full(&self, letters_max: usize) -> bool {
        self.letters.len() >= letters_max
            || self.bytes.len() >= BUNDLE_BYTES_MAX
            || self.shared_bytes >= SHARED_BYTES_MAX
    }

    /// Counts the bytes of what the next letter shares with its sender.
    pub(crate) fn count_shared(&mut self, bytes: usize) {
        self.shared_bytes += bytes;
    }

    /// Adds a letter, behind what was enclosed for it.
    pub(crate) fn push(&mut self, letter: Letter) {
        if self.letters.len() == self.letters.capacity() {
            self.letters.reserve_exact(LETTERS_MIN.max((LETTERS_GROWTH - 1) * self.letters.len()));
        }
        self.letters.push(letter);
    }

    /// Encloses a message for the next letter: written if it is small.
    pub(crate) fn enclose(
        &mut self,
        publication: &mut Publication<'_>,
        fingerprint: Fingerprint,
    ) -> Enclosed {
        let Parts { topic, passed_on, payload, .. } = publication.parts;
        let bytes = topic.len() + passed_on.len() + payload.len();
        if bytes > WRITTEN_BYTES_MAX {
            let content = publication.across();
            self.count_shared(content.size_bytes());
            return Enclosed::Shared(content);
        }
        self.make_room(bytes);
        self.bytes.extend_from_slice(topic.as_bytes());
        self.bytes.extend_from_slice(passed_on);
        self.bytes.extend_from_slice(payload);
        Enclosed::Written(Written {
            topic_bytes: topic.len() as u16,
            passed_on_bytes: passed_on.len() as u16,
            payload_bytes: payload.len() as u16,
            fingerprint,
            qos: publication.parts.qos,
            retain: publication.parts.retain,
            expires: publication.parts.expires,
        })
    }

    /// Room for `bytes` more, of a message that is written.
    fn make_room(&mut self, bytes: usize) {
        if self.bytes.capacity() - self.bytes.len() >= bytes {
            return;
        }
        let room = if self.bytes.capacity() == 0 { BYTES_MIN } else { BUNDLE_BYTES_MAX + WRITTEN_BYTES_MAX };
        self.bytes.reserve_exact(room - self.bytes.len());
    }

    /// Encloses the name of a shared group for the next letter; gives its place.
    pub(crate) fn enclose_name(&mut self, name: &Arc<GroupName>) -> u32 {
        if self.names.last().is_none_or(|last| !Arc::ptr_eq(last, name)) {
            self.names.push(name.clone());
        }
        self.names.len() as u32 - 1
    }

    /// The letters to be taken out, beside what is enclosed in them.
    pub(crate) fn open(&mut self) -> (impl Iterator<Item = Letter>, Enclosures<'_>) {
        (self.letters.drain(..), Enclosures { rest: &self.bytes, names: &self.names })
    }

    /// Forgets everything but its memory.
    pub(crate) fn emptied(mut self) -> Bundle {
        self.letters.clear();
        self.bytes.clear();
        self.names.clear();
        self.shared_bytes = 0;
        self
    }
}

impl<'a> Enclosures<'a> {
    /// The message of the next letter that has a written one.
    pub(crate) fn take(&mut self, written: Written) -> Reading<'a> {
        let (topic, rest) = self.rest.split_at(usize::from(written.topic_bytes));
        let (passed_on, rest) = rest.split_at(usize::from(written.passed_on_bytes));
        let (payload, rest) = rest.split_at(usize::from(written.payload_bytes));
        self.rest = rest;
        Reading { topic, passed_on, payload, written }
    }

    /// The name of a shared group, by its place.
    pub(crate) fn name(&self, place: u32) -> &'a Arc<GroupName> {
        &self.names[place as usize]
    }
}

impl<'a> Reading<'a> {
    /// The topic name as text.
    pub(crate) fn topic(&self) -> &'a str {
        std::str::from_utf8(self.topic).expect("a topic was valid UTF-8 when it was written")
    }

    /// All parts, with `topic` as the text of the topic.
    pub(crate) fn parts(&self, topic: &'a str) -> Parts<'a> {
        let Written { qos, retain, expires, .. } = self.written;
        Parts { topic, passed_on: self.passed_on, payload: self.payload, qos, retain, expires }
    }
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::Qos;

    use super::*;
    use crate::message::{Content, Retain};
    use crate::publication::Publisher;
    use crate::time::Time;

    fn parts<'a>(topic: &'a str, payload: &'a [u8]) -> Parts<'a> {
        let expires = Some(Time::from_ms(9));
        Parts { topic, passed_on: &[1, 1], payload, qos: Qos::ExactlyOnce, retain: Retain::Yes, expires }
    }

    fn enclose(bundle: &mut Bundle, parts: Parts<'_>) {
        let mut publication = Publication::new(parts, Publisher::default(), 1);
        let enclosed = bundle.enclose(&mut publication, Fingerprint::from_u32(7));
        bundle.push(Letter::Publish(enclosed));
    }

    #[test]
    fn written_messages_come_out_as_they_went_in() {
        let mut bundle = Bundle::default();
        let payloads = [&b"one"[..], b"", &[5; WRITTEN_BYTES_MAX - 5]];
        payloads.iter().for_each(|payload| enclose(&mut bundle, parts("a/b", payload)));
        let (letters, mut enclosures) = bundle.open();
        let mut read = Vec::new();
        for letter in letters {
            let Letter::Publish(Enclosed::Written(written)) = letter else { panic!("{letter:?}") };
            let reading = enclosures.take(written);
            assert_eq!((reading.topic(), written.fingerprint), ("a/b", Fingerprint::from_u32(7)));
            let back = reading.parts(reading.topic());
            assert_eq!((back.passed_on, back.qos, back.retain), (&[1, 1][..], Qos::ExactlyOnce, Retain::Yes));
            assert_eq!(back.expires, Some(Time::from_ms(9)));
            read.push(back.payload);
        }
        assert_eq!(read, payloads);
    }

    #[test]
    fn a_large_message_is_shared() {
        let mut bundle = Bundle::default();
        enclose(&mut bundle, parts("a/b", &[5; WRITTEN_BYTES_MAX]));
        assert!(matches!(bundle.letters(), [Letter::Publish(Enclosed::Shared(_))]));
    }

    #[test]
    fn the_size_is_that_of_the_letters_and_their_messages() {
        let mut bundle = Bundle::default();
        enclose(&mut bundle, parts("a/b", b"one"));
        assert_eq!(bundle.size_bytes(), size_of::<Letter>() + 3 + 2 + 3);
        enclose(&mut bundle, parts("a/b", &[5; WRITTEN_BYTES_MAX]));
        let content = Content::new(&parts("a/b", &[5; WRITTEN_BYTES_MAX]));
        assert_eq!(bundle.size_bytes(), 2 * size_of::<Letter>() + 3 + 2 + 3 + content.size_bytes());
        assert_eq!(bundle.emptied().size_bytes(), 0);
    }

    #[test]
    fn a_bundle_that_shares_much_is_full() {
        let mut bundle = Bundle::default();
        while !bundle.is_full(usize::MAX) {
            enclose(&mut bundle, parts("a/b", &[5; 100_000]));
        }
        assert_eq!(bundle.len(), 11);
    }

    #[test]
    fn a_name_is_enclosed_once_for_letters_in_a_row() {
        let name = |share: &str| Arc::new(GroupName { share: share.into(), filter: "a".into() });
        let (g, h) = (name("g"), name("h"));
        let mut bundle = Bundle::default();
        let places = [&g, &g, &h, &g].map(|name| bundle.enclose_name(name));
        assert_eq!(places, [0, 0, 1, 2]);
        assert_eq!(bundle.open().1.name(1).share, h.share);
    }

    #[test]
    fn a_bundle_grows_in_two_steps_and_no_further() {
        for payload in [&[5; 1][..], &[5; 100], &[5; WRITTEN_BYTES_MAX - 3]] {
            let mut bundle = Bundle::default();
            let mut rooms = Vec::new();
            while !bundle.is_full(LETTERS_MIN * LETTERS_GROWTH) {
                enclose(&mut bundle, Parts { passed_on: &[], ..parts("a/b", payload) });
                rooms.push((bundle.bytes.capacity(), bundle.letters.capacity()));
            }
            let (mut bytes, mut letters): (Vec<_>, Vec<_>) = rooms.into_iter().unzip();
            bytes.dedup();
            letters.dedup();
            assert!(
                [&[BYTES_MIN][..], &[BYTES_MIN, BUNDLE_BYTES_MAX + WRITTEN_BYTES_MAX]].contains(&&bytes[..])
            );
            assert!(
                [&[LETTERS_MIN][..], &[LETTERS_MIN, LETTERS_MIN * LETTERS_GROWTH]].contains(&&letters[..])
            );
        }
    }

    #[test]
    fn a_bundle_is_full_by_letters_or_by_bytes() {
        let mut bundle = Bundle::default();
        bundle.push(Letter::RoutesKnown(1));
        assert!(bundle.is_full(1) && !bundle.is_full(2));
        while !bundle.is_full(usize::MAX) {
            enclose(&mut bundle, parts("a/b", &[5; 1000]));
        }
        assert!(bundle.bytes.len() < BUNDLE_BYTES_MAX + WRITTEN_BYTES_MAX);
        let bundle = bundle.emptied();
        assert!(bundle.is_empty() && bundle.bytes.is_empty());
    }
}
