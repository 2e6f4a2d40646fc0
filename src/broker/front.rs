//! All of a PUBLISH but its payload, encoded once for all receivers who get it alike.
//!
//! Owns the bytes last encoded and what they are of. Must never know a receiver: who has aliases or subscription
//! identifiers gets an encoding of its own. Only the packet identifier differs, and is put in while copying.

use ringmq_protocol::{Delivery, PacketId, Qos, Version};

use crate::message::Retain;

/// What makes two fronts the same, for one message at one time.
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
    /// Where the packet identifier stands, with QoS 1 and 2.
    id_at: usize,
}

impl Front {
    /// Encodes publication number `serial`, unless that was the last thing done. `head` gives it without packet
    /// identifier and alias.
    pub(crate) fn prepare<'a>(
        &mut self,
        serial: u64,
        likeness: Likeness,
        head: impl FnOnce() -> Delivery<'a>,
    ) {
        if self.of == Some((serial, likeness)) {
            return;
        }
        let mut head = head();
        head.packet_id = (likeness.qos > Qos::AtMostOnce).then_some(PacketId::MAX);
        self.bytes.clear();
        self.id_at = head.encode_head(likeness.version, &mut self.bytes);
        self.of = Some((serial, likeness));
    }

    /// Bytes in front of the payload.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn head(qos: Qos, topic: &str) -> Delivery<'_> {
        Delivery {
            qos,
            dup: false,
            retain: false,
            topic,
            packet_id: None,
            topic_alias: None,
            message_expiry_s: Some(9),
            subscription_ids: &[],
            passed_on: &[],
            payload_len: 300,
        }
    }

    #[test]
    fn a_copy_is_what_would_have_been_encoded() {
        let mut front = Front::default();
        for version in [Version::V311, Version::V5] {
            for (qos, id) in [(Qos::AtMostOnce, None), (Qos::ExactlyOnce, PacketId::new(0x1234))] {
                let likeness = Likeness { version, qos, retain: Retain::No };
                front.prepare(1, likeness, || head(qos, "a/b"));
                let mut copy = b"before".to_vec();
                front.write(id, &mut copy);
                let mut expected = b"before".to_vec();
                Delivery { packet_id: id, ..head(qos, "a/b") }.encode_head(version, &mut expected);
                assert_eq!(copy, expected);
                assert_eq!(front.len() + b"before".len(), copy.len());
            }
        }
    }

    #[test]
    fn another_publication_is_encoded_anew_and_the_same_is_not() {
        let mut front = Front::default();
        let likeness = Likeness { version: Version::V5, qos: Qos::AtMostOnce, retain: Retain::No };
        let write = |front: &Front| {
            let mut out = Vec::new();
            front.write(None, &mut out);
            out
        };
        front.prepare(1, likeness, || head(Qos::AtMostOnce, "one"));
        let one = write(&front);
        front.prepare(1, likeness, || unreachable!("it is there already"));
        assert_eq!(write(&front), one);
        front.prepare(2, likeness, || head(Qos::AtMostOnce, "two"));
        assert_ne!(write(&front), one);
    }
}
