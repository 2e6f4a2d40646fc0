//! The fixed header: what kind of packet comes and how long it is.
//!
//! Owns the flag nibble and the remaining length. Must never look into a body.

use crate::error::DecodeError;
use crate::packet_type::PacketType;
use crate::version::{Qos, Version};

/// Most bytes a packet can have behind its fixed header.
pub const BODY_BYTES_MAX: usize = 268_435_455;

/// Most bytes a packet can have in all.
pub const PACKET_BYTES_MAX: usize = BODY_BYTES_MAX + 5;

pub(crate) const DUP: u8 = 0b1000;
pub(crate) const RETAIN: u8 = 0b0001;

/// A fixed header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Type of the packet.
    pub kind: PacketType,
    /// Lower half of the first byte, 0 to 15.
    pub flags: u8,
    /// Bytes of the fixed header itself, 2 to 5.
    pub header_len: usize,
    /// Bytes behind it, 0 to [`BODY_BYTES_MAX`].
    pub body_len: usize,
}

impl Header {
    /// Reads the fixed header at the start of `bytes`; `None` if it is not complete yet.
    ///
    /// # Errors
    /// At the earliest byte that shows it: packet type 0, a length of five bytes, or one that is not in its
    /// shortest form [MQTT-1.5.5-1]. The flags are left to [`Header::check_flags`].
    pub fn read(bytes: &[u8]) -> Result<Option<Header>, DecodeError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let Some(kind) = PacketType::from_number(first >> 4) else {
            return Err(DecodeError::malformed("packet type 0 is reserved"));
        };
        let Some((body_len, length_bytes)) = read_length(rest)? else { return Ok(None) };
        Ok(Some(Header { kind, flags: first & 0x0F, header_len: 1 + length_bytes, body_len }))
    }

    /// Bytes of the whole packet.
    pub const fn total_len(&self) -> usize {
        self.header_len + self.body_len
    }

    /// The quality of service in the flags of a PUBLISH; `None` for the forbidden 3.
    pub(crate) const fn qos(&self) -> Option<Qos> {
        Qos::from_bits(self.flags >> 1 & 0b11)
    }

    /// Checks that the flags are those of the type in this version.
    ///
    /// # Errors
    /// A reserved nibble with another value [MQTT-2.1.3-1], QoS 3 [MQTT-3.3.1-4], DUP with QoS 0
    /// [MQTT-3.3.1-2], and AUTH before 5.0, where type 15 is reserved.
    pub fn check_flags(&self, version: Version) -> Result<(), DecodeError> {
        match self.kind {
            PacketType::Publish => self.check_publish_flags(),
            PacketType::Auth if !version.is_v5() => {
                Err(DecodeError::malformed("packet type 15 is reserved before version 5"))
            }
            // The text of 3.1 calls them unused.
            PacketType::Connect if version == Version::V31 => Ok(()),
            kind if self.flags == kind.fixed_flags() || self.is_dup_of_31(version) => Ok(()),
            _ => Err(DecodeError::malformed("reserved flags of the fixed header are wrong")),
        }
    }

    /// 3.1 sends PUBREL, SUBSCRIBE and UNSUBSCRIBE at QoS 1, and so repeats them with DUP.
    fn is_dup_of_31(&self, version: Version) -> bool {
        let fixed = self.kind.fixed_flags();
        version == Version::V31 && fixed != 0 && self.flags == fixed | DUP
    }

    fn check_publish_flags(&self) -> Result<(), DecodeError> {
        match self.qos() {
            None => Err(DecodeError::malformed("QoS 3 is reserved")),
            Some(Qos::AtMostOnce) if self.flags & DUP != 0 => {
                Err(DecodeError::malformed("DUP is set with QoS 0"))
            }
            Some(_) => Ok(()),
        }
    }
}

/// Reads a variable byte integer and its own length in bytes; `None` if it is not complete yet.
pub(crate) fn read_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            return match byte {
                0 if i > 0 => Err(DecodeError::malformed("a length is not in its shortest form")),
                _ => Ok(Some((value, i + 1))),
            };
        }
    }
    match bytes.len() {
        0..=3 => Ok(None),
        _ => Err(DecodeError::malformed("a length is longer than four bytes")),
    }
}

#[cfg(test)]
mod tests;
