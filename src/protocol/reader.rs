//! Takes the data types of section 1.5 off the front of a packet body.
//!
//! Owns how far the body has been read and the rules of strings. Must never know which field it reads.

use crate::body::PacketId;
use crate::error::DecodeError;
use crate::frame::read_length;
use crate::topic;

const CUT_SHORT: DecodeError = DecodeError::malformed("the packet ends inside a field");
const NUL: DecodeError = DecodeError::malformed("a string holds U+0000");

/// What has not been read yet of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left, without taking it.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The end of the body must be reached.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.rest {
            [] => Ok(()),
            _ => Err(DecodeError::malformed("bytes are left over behind the last field")),
        }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A variable byte integer, 0 to 268,435,455 [MQTT-1.5.5-1].
    pub(crate) fn length(&mut self) -> Result<usize, DecodeError> {
        let (value, bytes) = read_length(self.rest)?.ok_or(CUT_SHORT)?;
        self.rest = &self.rest[bytes..];
        Ok(value)
    }

    /// A packet identifier, which is never 0 [MQTT-2.2.1-3].
    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16()?).ok_or(DecodeError::protocol("packet identifier 0"))
    }

    /// Binary data: two bytes of length, then that many bytes.
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.take(len.into())
    }

    /// A UTF-8 string: valid UTF-8 [MQTT-1.5.4-1] without U+0000 [MQTT-1.5.4-2]. Other control characters and
    /// non-characters are accepted, in every string alike.
    pub(crate) fn string(&mut self) -> Result<&'a str, DecodeError> {
        let text = utf8(self.binary()?)?;
        match text.as_bytes().contains(&0) {
            true => Err(NUL),
            false => Ok(text),
        }
    }

    /// A string without wildcards, which may be empty [MQTT-3.3.2-2]. One that equals `known`, a topic name that was
    /// checked before, is not checked again.
    #[inline(always)]
    pub(crate) fn topic_name(&mut self, known: Option<&'a str>) -> Result<&'a str, DecodeError> {
        let bytes = self.binary()?;
        if let Some(known) = known.filter(|known| known.as_bytes() == bytes) {
            return Ok(known);
        }
        let text = utf8(bytes)?;
        if topic::is_plain(text) {
            return Ok(text);
        }
        match text.as_bytes().contains(&0) {
            true => Err(NUL),
            false => Err(DecodeError::malformed("a topic name has a wildcard")),
        }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    str::from_utf8(bytes).map_err(|_| DecodeError::malformed("a string is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;

    fn string(bytes: &[u8]) -> Result<&str, DecodeError> {
        let mut reader = Reader::new(bytes);
        let text = reader.string()?;
        reader.finish().map(|()| text)
    }

    #[test]
    fn numbers_are_big_endian() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 0xFF, 0x7F, 9]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(0x0203));
        assert_eq!(reader.u32(), Ok(0x0405_0607));
        assert_eq!(reader.length(), Ok(16_383));
        assert_eq!(reader.rest(), [9]);
        assert!(reader.finish().is_err());
        assert_eq!(reader.take(2), Err(CUT_SHORT));
        assert_eq!(reader.u16(), Err(CUT_SHORT));
        assert_eq!(reader.take(1), Ok(&[9][..]));
        assert_eq!(reader.u8(), Err(CUT_SHORT));
        assert_eq!(reader.length(), Err(CUT_SHORT));
        assert_eq!(reader.finish(), Ok(()));
    }

    /// [MQTT-1.5.4-1] surrogates, overlong forms and cut sequences are refused.
    #[test]
    fn strings_are_valid_utf8() {
        let bad: [&[u8]; 6] = [
            &[0xED, 0xA0, 0x80],
            &[0xED, 0xBF, 0xBF],
            &[0xC0, 0x80],
            &[0xE2, 0x82],
            &[0xFF],
            &[0xF4, 0x90, 0x80, 0x80],
        ];
        for bytes in bad {
            let field = [&[0, bytes.len() as u8], bytes].concat();
            assert_eq!(
                string(&field),
                Err(DecodeError::malformed("a string is not valid UTF-8")),
                "{bytes:x?}"
            );
        }
        assert_eq!(string(&[0, 0]), Ok(""));
        assert_eq!(string("\0\x08a\u{1F600}\u{FFFF}".as_bytes()), Ok("a\u{1F600}\u{FFFF}"));
    }

    /// [MQTT-1.5.4-2] U+0000 is refused wherever it stands; other control characters are not.
    #[test]
    fn strings_hold_no_nul() {
        for at in 0..40 {
            let mut text = [b'x'; 40];
            text[at] = 0;
            let field = [&[0, 40][..], &text].concat();
            assert_eq!(string(&field), Err(DecodeError::malformed("a string holds U+0000")), "at {at}");
        }
        assert_eq!(string(b"\x00\x02\x01\x7F"), Ok("\x01\x7F"));
    }

    /// [MQTT-3.3.2-2] wildcards, wherever they stand; U+0000 is worse.
    #[test]
    fn topic_names_hold_no_wildcard() {
        for at in 0..40 {
            for byte in [b'+', b'#', 0, 0x80] {
                let mut text = [b'x'; 40];
                text[at] = byte;
                let field = [&[0, 40][..], &text].concat();
                let error = Reader::new(&field).topic_name(None).unwrap_err();
                assert_eq!(error.reason, Reason::MalformedPacket, "{byte:#x} at {at}");
            }
        }
        assert_eq!(Reader::new(b"\0\0").topic_name(None), Ok(""));
        assert_eq!(Reader::new(b"\0\x02a/").topic_name(None), Ok("a/"));
        assert_eq!(Reader::new(b"\0\x03a+\0").topic_name(None), Err(NUL));
    }

    /// [MQTT-1.5.4-3] EF BB BF is U+FEFF and stays.
    #[test]
    fn a_byte_order_mark_is_a_character() {
        assert_eq!(string(&[0, 4, 0xEF, 0xBB, 0xBF, b'a']), Ok("\u{FEFF}a"));
    }

    /// [MQTT-2.2.1-3] 0 is no packet identifier.
    #[test]
    fn packet_identifiers_are_not_zero() {
        assert_eq!(Reader::new(&[0, 0]).packet_id(), Err(DecodeError::protocol("packet identifier 0")));
        assert_eq!(Reader::new(&[0, 1]).packet_id(), Ok(PacketId::MIN));
        assert_eq!(Reader::new(&[0]).packet_id(), Err(CUT_SHORT));
    }
}
