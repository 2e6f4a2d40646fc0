//! Bytes on their way to one connection, with large payloads by reference.
//!
//! Owns the unsent bytes of a connection. Must never know packets or sessions. Empty, it holds no heap memory.

use crate::message::Message;

/// Payloads of this size and above are gathered from the message instead of copied.
pub const SPLICE_BYTES_MIN: usize = 16 << 10;

/// A payload that belongs at a place in the bytes.
#[derive(Debug)]
struct Splice {
    at: usize,
    payload: Message,
}

/// Large payloads, in order, and how much they are.
#[derive(Debug, Default)]
struct Spliced {
    splices: Vec<Splice>,
    payload_bytes: usize,
}

/// Unsent bytes, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    /// None while there is no large payload: nearly always.
    spliced: Option<Box<Spliced>>,
}

/// One contiguous part of an outbox.
#[derive(Debug)]
pub enum Chunk {
    /// Bytes to send.
    Bytes(Vec<u8>),
    /// The payload of a message.
    Payload(Message),
}

impl Outbox {
    /// Bytes waiting, payloads included.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len() + self.spliced.as_ref().map_or(0, |spliced| spliced.payload_bytes)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.spliced.is_none()
    }

    /// Where packets are encoded.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Where a packet is copied to that has so many bytes in front of its payload: room for both is made in one go.
    pub(crate) fn room_for(&mut self, front_bytes: usize, payload_bytes: usize) -> &mut Vec<u8> {
        let copied_bytes = if payload_bytes < SPLICE_BYTES_MIN { payload_bytes } else { 0 };
        self.bytes.reserve(front_bytes + copied_bytes);
        &mut self.bytes
    }

    /// Adds a payload behind the bytes: copied if small, else by reference.
    #[inline(always)] // For each delivery.
    pub(crate) fn push_payload(&mut self, payload: &[u8], message: Option<&Message>) {
        match message {
            Some(message) if payload.len() >= SPLICE_BYTES_MIN => {
                let splice = Splice { at: self.bytes.len(), payload: message.clone() };
                let spliced = self.spliced.get_or_insert_default();
                spliced.payload_bytes += payload.len();
                spliced.splices.push(splice);
            }
            _ => self.bytes.extend_from_slice(payload),
        }
    }

    /// The one run of bytes, if no payload is held by reference (the usual case); else the outbox itself back.
    pub fn into_bytes(self) -> Result<Vec<u8>, Outbox> {
        if self.spliced.is_none() { Ok(self.bytes) } else { Err(self) }
    }

    /// Everything, in order, in as few parts as possible.
    pub fn into_chunks(self) -> impl Iterator<Item = Chunk> {
        let mut rest = self.bytes;
        let mut chunks = Vec::new();
        let mut taken = 0;
        for splice in self.spliced.map(|spliced| spliced.splices).unwrap_or_default() {
            let behind = rest.split_off(splice.at - taken);
            taken = splice.at;
            chunks.push(Chunk::Bytes(std::mem::replace(&mut rest, behind)));
            chunks.push(Chunk::Payload(splice.payload));
        }
        chunks.push(Chunk::Bytes(rest));
        chunks.into_iter().filter(|chunk| !matches!(chunk, Chunk::Bytes(bytes) if bytes.is_empty()))
    }

    /// The bytes, cut where a payload is held by reference.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let splices = self.spliced.iter().flat_map(|spliced| &spliced.splices);
        let ends = splices.map(|splice| splice.at).chain([self.bytes.len()]);
        ends.scan(0, |start, end| Some(&self.bytes[std::mem::replace(start, end)..end]))
    }

    /// An outbox that writes into `spare`, an emptied buffer.
    pub(crate) fn reuse(&mut self, spare: Vec<u8>) {
        if self.bytes.capacity() == 0 {
            self.bytes = spare;
        }
    }

    /// Whether the next byte needs a buffer from somewhere.
    pub(crate) fn needs_buffer(&self) -> bool {
        self.bytes.capacity() == 0
    }
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::Qos;

    use super::*;
    use crate::message::{Meter, Parts, Retain};

    fn flat(outbox: Outbox) -> Vec<u8> {
        let mut all = Vec::new();
        for chunk in outbox.into_chunks() {
            match chunk {
                Chunk::Bytes(bytes) => all.extend(bytes),
                Chunk::Payload(message) => all.extend_from_slice(message.payload()),
            }
        }
        all
    }

    #[test]
    fn large_payloads_are_gathered_in_their_place() {
        let payload = vec![7u8; SPLICE_BYTES_MIN];
        let parts = Parts {
            topic: "t",
            passed_on: &[],
            payload: &payload,
            qos: Qos::AtMostOnce,
            retain: Retain::No,
            expires: None,
        };
        let message = Message::new(&parts, &Meter::default());
        let mut outbox = Outbox::default();
        let mut expected = Vec::new();
        for head in [&b"one"[..], b"two", b""] {
            outbox.bytes().extend_from_slice(head);
            outbox.push_payload(&payload, Some(&message));
            expected.extend_from_slice(head);
            expected.extend_from_slice(&payload);
        }
        outbox.push_payload(b"small", Some(&message));
        expected.extend_from_slice(b"small");
        assert_eq!(outbox.len_bytes(), expected.len());
        let outbox = outbox.into_bytes().expect_err("it holds payloads by reference");
        assert_eq!(flat(outbox), expected);
    }

    #[test]
    fn without_large_payloads_it_is_one_run_of_bytes() {
        let mut outbox = Outbox::default();
        outbox.bytes().extend_from_slice(b"head");
        outbox.push_payload(b"payload", None);
        assert_eq!(outbox.into_bytes().ok(), Some(b"headpayload".to_vec()));
    }
}
