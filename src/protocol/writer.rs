//! Puts the data types of section 1.5 at the end of a buffer.
//!
//! Owns the wire form of numbers, strings and lengths, and their sizes. Must never know which field it
//! writes. What does not fit the wire is a mistake of the caller, never of a client: it is asserted. Whoever writes what
//! a client or an operator sent asks first: `Property::fits`, `Delivery::encode_head`, `Packet::encoded_len`.

use crate::frame::BODY_BYTES_MAX;

/// Most bytes of a string or of binary data.
pub(crate) const FIELD_BYTES_MAX: usize = 0xFFFF;

/// Bytes of a variable byte integer of this value, 1 to 4.
pub(crate) const fn length_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Bytes of a string or of binary data with its length in front.
pub(crate) const fn binary_len(bytes: &[u8]) -> usize {
    2 + bytes.len()
}

/// Writes a variable byte integer in its shortest form [MQTT-1.5.5-1].
pub(crate) fn put_length(out: &mut Vec<u8>, value: usize) {
    assert!(value <= BODY_BYTES_MAX, "a variable byte integer holds at most 268,435,455");
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(crate) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(crate) fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Writes binary data with its length in front.
pub(crate) fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    assert!(bytes.len() <= FIELD_BYTES_MAX, "a string or binary field holds at most 65,535 bytes");
    put_u16(out, bytes.len() as u16);
    out.extend_from_slice(bytes);
}

/// Writes a string with its length in front. No string holds U+0000 [MQTT-1.5.4-2].
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    assert!(!text.as_bytes().contains(&0), "a string holds no U+0000");
    put_binary(out, text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [MQTT-1.5.5-1] the shortest form, at every border.
    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        let table: [(usize, &[u8]); 9] = [
            (0, &[0]),
            (127, &[0x7F]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xFF, 0x7F]),
            (16_384, &[0x80, 0x80, 0x01]),
            (2_097_151, &[0xFF, 0xFF, 0x7F]),
            (2_097_152, &[0x80, 0x80, 0x80, 0x01]),
            (268_435_454, &[0xFE, 0xFF, 0xFF, 0x7F]),
            (268_435_455, &[0xFF, 0xFF, 0xFF, 0x7F]),
        ];
        for (value, bytes) in table {
            let mut out = Vec::new();
            put_length(&mut out, value);
            assert_eq!(out, bytes);
            assert_eq!(length_len(value), bytes.len());
        }
    }

    #[test]
    #[should_panic(expected = "at most 268,435,455")]
    fn a_length_above_four_bytes_is_our_mistake() {
        put_length(&mut Vec::new(), BODY_BYTES_MAX + 1);
    }

    #[test]
    #[should_panic(expected = "at most 65,535")]
    fn a_field_above_two_bytes_of_length_is_our_mistake() {
        put_binary(&mut Vec::new(), &vec![0; 0x1_0000]);
    }

    #[test]
    #[should_panic(expected = "U+0000")]
    fn a_string_with_nul_is_our_mistake() {
        put_string(&mut Vec::new(), "a\0b");
    }

    #[test]
    fn strings_carry_their_length() {
        let mut out = Vec::new();
        put_string(&mut out, "MQTT");
        put_u32(&mut out, 0x0102_0304);
        assert_eq!(out, b"\x00\x04MQTT\x01\x02\x03\x04");
        assert_eq!(binary_len(b"MQTT"), 6);
    }
}
