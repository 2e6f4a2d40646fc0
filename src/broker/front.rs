//! All of a PUBLISH but its payload, encoded once for all receivers who get it alike.
//!
//! Owns the bytes last encoded and what they are of. Must never know a receiver: who has aliases or subscription
//! identifiers gets an encoding of its own. Only the packet identifier differs, and is put in while copying. The next
//! message may have the same front: one of a row that a client publishes to one topic, all of one size.

use ringmq_protocol::{Delivery, PACKET_BYTES_MAX, PacketId, Qos, Version};

use crate::message::{Parts, Retain};

/// What makes two fronts the same, for messages alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Likeness {
    pub(crate) version: Version,
    pub(crate) qos: Qos,
    pub(crate) retain: Retain,
}

/// A front, of one publication for one likeness.
#[derive(Debug, Default)]
pub(crate) struct Front {
    of: Option<(u64, Likeness)>,
    bytes: Vec<u8>,
    /// How many; of a packet that is too large for the protocol, more than one may have.
    len: usize,
    /// Where the topic stands.
    topic_at: usize,
    /// Where the packet identifier stands, with QoS 1 and 2: behind the topic.
    id_at: usize,
    /// Bytes of the payload that it goes with.
    payload_len: usize,
    /// Whether it has neither properties nor an expiry: then topic and payload length make it what it is.
    is_plain: bool,
}

impl Front {
    /// Encodes publication number `serial`, unless that was the last thing done. `head` gives it without packet
    /// identifier and alias. A packet that is larger than the protocol allows is not encoded: [`Front::len`] tells.
    pub(crate) fn prepare<'a>(
        &mut self,
        serial: u64,
        likeness: Likeness,
        parts: &Parts<'a>,
        head: impl FnOnce() -> Delivery<'a>,
    ) {
        if self.of == Some((serial, likeness)) {
            return;
        }
        if !self.serves(likeness, parts) {
            let mut head = head();
            head.packet_id = (likeness.qos > Qos::AtMostOnce).then_some(PacketId::MAX);
            self.bytes.clear();
            let encoded = head.encode_head(likeness.version, &mut self.bytes);
            self.is_plain = encoded.is_ok() && is_plain(parts);
            self.len = if encoded.is_ok() { self.bytes.len() } else { PACKET_BYTES_MAX + 1 };
            self.id_at = encoded.unwrap_or(parts.topic.len());
            self.topic_at = self.id_at - parts.topic.len();
            self.payload_len = parts.payload.len();
        }
        self.of = Some((serial, likeness));
    }

    /// Whether it serves another message as it is.
    fn serves(&self, likeness: Likeness, parts: &Parts<'_>) -> bool {
        self.is_plain
            && self.payload_len == parts.payload.len()
            && self.of.is_some_and(|(_, of)| of == likeness)
            && is_plain(parts)
            && self.bytes[self.topic_at..self.id_at] == *parts.topic.as_bytes()
    }

    /// Bytes in front of the payload; more than a packet may have if it is one that is too large. Such a one must not be
    /// written.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends the front with this packet identifier, which there is exactly with QoS 1 and 2.
    pub(crate) fn write(&self, packet_id: Option<PacketId>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        if let Some(packet_id) = packet_id {
            let at = start + self.id_at;
            out[at..at + 2].copy_from_slice(&packet_id.get().to_be_bytes());
        }
    }
}

/// Whether the front of a message in these parts has neither properties nor an expiry.
fn is_plain(parts: &Parts<'_>) -> bool {
    parts.passed_on.is_empty() && parts.expires.is_none()
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::BODY_BYTES_MAX;

    use super::*;
    use crate::time::Time;

    fn parts<'a>(topic: &'a str, payload: &'a [u8]) -> Parts<'a> {
        let (qos, retain) = (Qos::ExactlyOnce, Retain::No);
        Parts { topic, passed_on: &[], payload, qos, retain, expires: None }
    }

    fn head<'a>(qos: Qos, parts: &Parts<'a>) -> Delivery<'a> {
        Delivery {
            qos,
            dup: false,
            retain: false,
            topic: parts.topic,
            packet_id: None,
            topic_alias: None,
            message_expiry_s: parts.expires.map(|_| 9),
            subscription_ids: &[],
            passed_on: parts.passed_on,
            payload_len: parts.payload.len(),
        }
    }

    fn likeness(version: Version, qos: Qos) -> Likeness {
        Likeness { version, qos, retain: Retain::No }
    }

    fn written(front: &Front, id: Option<PacketId>) -> Vec<u8> {
        let mut out = b"before".to_vec();
        front.write(id, &mut out);
        assert_eq!(front.len() + b"before".len(), out.len());
        out
    }

    /// Whatever was prepared before, with and without an expiry, properties, a packet identifier, and twice each.
    #[test]
    fn a_copy_is_what_would_have_been_encoded() {
        let plain = [parts("a/b", b"12"), parts("a/c", b"12"), parts("a/b", b"1"), parts("", b"12")];
        let expires = plain.map(|parts| Parts { expires: Some(Time::from_ms(9)), ..parts });
        let passed_on = plain.map(|parts| Parts { passed_on: &[1, 1], ..parts });
        let all = [plain, expires, passed_on].concat();
        let id = PacketId::new(0x1234);
        let mut kinds = Vec::new();
        for parts in &all {
            for version in [Version::V311, Version::V5] {
                kinds.extend([Qos::AtMostOnce, Qos::AtLeastOnce].map(|qos| (parts, likeness(version, qos))));
            }
        }
        let mut front = Front::default();
        let mut serial = 0;
        for (first, second) in kinds.iter().flat_map(|first| kinds.iter().map(move |second| (first, second)))
        {
            for (parts, likeness) in [first, second, second] {
                serial += 1;
                front.prepare(serial, *likeness, parts, || head(likeness.qos, parts));
                let id = id.filter(|_| likeness.qos > Qos::AtMostOnce);
                let mut expected = b"before".to_vec();
                Delivery { packet_id: id, ..head(likeness.qos, parts) }
                    .encode_head(likeness.version, &mut expected)
                    .expect("it fits");
                assert_eq!(written(&front, id), expected, "{first:?} {second:?}");
            }
        }
    }

    #[test]
    fn what_is_there_already_is_not_encoded_again() {
        let mut front = Front::default();
        let likeness = likeness(Version::V5, Qos::AtMostOnce);
        let expires = Parts { expires: Some(Time::from_ms(9)), ..parts("one", b"1") };
        let mut prepare = |serial, parts: &Parts<'static>, may_encode: bool| {
            let encode = || {
                assert!(may_encode, "{serial}: it is the same publication or has the same front");
                head(Qos::AtMostOnce, parts)
            };
            front.prepare(serial, likeness, parts, encode);
        };
        prepare(1, &expires, true);
        prepare(1, &expires, false);
        prepare(2, &parts("one", b"1"), true);
        prepare(3, &parts("one", b"2"), false);
    }

    /// What does not fit leaves nothing behind that another could take for its own.
    #[test]
    fn what_is_too_large_is_not_kept() {
        let mut front = Front::default();
        let likeness = likeness(Version::V5, Qos::AtMostOnce);
        let payload = vec![0; BODY_BYTES_MAX - 3];
        let too_large = parts("a", &payload);
        for serial in [1, 1, 2] {
            front.prepare(serial, likeness, &too_large, || head(Qos::AtMostOnce, &too_large));
            assert!(front.len() > PACKET_BYTES_MAX);
        }
        let fits = parts("a", &payload[1..]);
        front.prepare(3, likeness, &fits, || head(Qos::AtMostOnce, &fits));
        assert_eq!(front.len() + fits.payload.len(), PACKET_BYTES_MAX);
    }
}
