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

/// Among the flags of a header: its length has more bytes than it needs. There it costs those nothing that have the usual ones.
const PADDED: u8 = 0b1_0000;

/// A bit for each value that the flags of a PUBLISH may have: no QoS 3 and no DUP at QoS 0.
const PUBLISH_FLAGS: u32 = 0b0011_1100_0011_1111;

/// A fixed header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Type of the packet.
    pub kind: PacketType,
    /// Lower half of the first byte, 0 to 15; and bit 4 if the length is [padded](Header::is_padded).
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
    /// At the earliest byte that shows it: packet type 0 or a length of five bytes. What depends on the version is left to
    /// [`Header::check`].
    #[inline(always)] // Once for each packet; what is longer than usual is a call.
    pub fn read(bytes: &[u8]) -> Result<Option<Header>, DecodeError> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let Some(kind) = PacketType::from_number(first >> 4) else {
            return Err(DecodeError::malformed("packet type 0 is reserved"));
        };
        let flags = first & 0x0F;
        match rest.first() {
            Some(&len @ 0..0x80) => Ok(Some(Header { kind, flags, header_len: 2, body_len: len.into() })),
            _ => Header::read_long(kind, flags, rest),
        }
    }

    /// Reads a length of more than one byte.
    fn read_long(kind: PacketType, flags: u8, rest: &[u8]) -> Result<Option<Header>, DecodeError> {
        let mut body_len = 0;
        for (i, &byte) in rest.iter().take(4).enumerate() {
            body_len |= usize::from(byte & 0x7F) << (7 * i);
            if byte & 0x80 == 0 {
                let padded = if byte == 0 { PADDED } else { 0 };
                return Ok(Some(Header { kind, flags: flags | padded, header_len: i + 2, body_len }));
            }
        }
        if rest.len() < 4 { Ok(None) } else { Err(TOO_LONG) }
    }

    /// Bytes of the whole packet.
    pub const fn total_len(&self) -> usize {
        self.header_len + self.body_len
    }

    /// Whether the length has more bytes than it needs, as 3.1 and 3.1.1 allow.
    pub const fn is_padded(&self) -> bool {
        self.flags & PADDED != 0
    }

    /// The quality of service in the flags of a PUBLISH; `None` for the forbidden 3.
    pub const fn qos(&self) -> Option<Qos> {
        Qos::from_bits(self.flags >> 1 & 0b11)
    }

    /// Checks what depends on the version: that the flags are those of the type, and the form of the length.
    ///
    /// # Errors
    /// A reserved nibble with another value [MQTT-2.1.3-1], QoS 3 [MQTT-3.3.1-4], DUP with QoS 0
    /// [MQTT-3.3.1-2], AUTH before 5.0, where type 15 is reserved, and from 5.0 on a length that is not in its shortest form
    /// [MQTT-1.5.5-1].
    pub fn check(&self, version: Version) -> Result<(), DecodeError> {
        let is_usual = match self.kind {
            PacketType::Publish => PUBLISH_FLAGS >> self.flags & 1 != 0,
            PacketType::Auth => false,
            kind => self.flags == kind.fixed_flags(),
        };
        if is_usual { Ok(()) } else { self.check_unusual(version) }
    }

    #[inline(never)]
    fn check_unusual(&self, version: Version) -> Result<(), DecodeError> {
        if self.is_padded() {
            let shortest = Header { flags: self.flags & !PADDED, ..*self };
            return if version.is_v5() { Err(NOT_SHORTEST) } else { shortest.check(version) };
        }
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

const NOT_SHORTEST: DecodeError = DecodeError::malformed("a length is not in its shortest form");

const TOO_LONG: DecodeError = DecodeError::malformed("a length is longer than four bytes");

/// Reads a variable byte integer in its shortest form [MQTT-1.5.5-1] and its own length in bytes; `None` if it is not
/// complete yet.
pub(crate) fn read_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, DecodeError> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            return match byte {
                0 if i > 0 => Err(NOT_SHORTEST),
                _ => Ok(Some((value, i + 1))),
            };
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(TOO_LONG) }
}

#[cfg(test)]
mod tests;
