//! Takes fields off the front of a packet that the server sent. A field that breaks section 1.5 fails the test.
//!
//! Owns a position. Must never know which packet it reads.

use crate::wire::properties::{Properties, USER_PROPERTY, Value};
use crate::wire::{length, table};

/// What has not been read yet.
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).expect("a packet ends inside a field");
        self.rest = rest;
        taken
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub(crate) fn two(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().expect("two bytes"))
    }

    pub(crate) fn four(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().expect("four bytes"))
    }

    /// A packet identifier [MQTT-2.2.1-3].
    pub(crate) fn identifier(&mut self) -> u16 {
        let id = self.two();
        assert_ne!(id, 0, "packet identifier 0");
        id
    }

    pub(crate) fn binary(&mut self) -> &'a [u8] {
        let len = self.two();
        self.take(len.into())
    }

    /// [MQTT-1.5.4-1], [MQTT-1.5.4-2]
    pub(crate) fn text(&mut self) -> &'a str {
        let text = str::from_utf8(self.binary()).expect("a string is UTF-8");
        assert!(!text.contains('\0'), "a string holds U+0000");
        text
    }

    /// A variable byte integer in its shortest form [MQTT-1.5.5-1].
    pub(crate) fn variable(&mut self) -> usize {
        let mut value = 0;
        for (i, byte) in self.rest.iter().take(4).enumerate() {
            value |= usize::from(byte & 0x7F) << (7 * i);
            if byte & 0x80 == 0 {
                let taken = self.take(i + 1);
                assert_eq!(taken, length(value), "the shortest form");
                return value;
            }
        }
        panic!("a variable byte integer of more than four bytes, or cut short");
    }

    /// A property section of `packet`: each one known, in its place, and not repeated.
    pub(crate) fn properties(&mut self, packet: &str) -> Properties {
        let len = self.variable();
        let mut section = Reader { rest: self.take(len) };
        let mut properties = Properties::none();
        while !section.rest.is_empty() {
            let id = section.byte();
            let row = table::property(id).unwrap_or_else(|| panic!("property {id:#04x} does not exist"));
            assert!(row.packets.contains(&packet), "property {id:#04x} in {packet}");
            let may_repeat = id == USER_PROPERTY || row.may_repeat.starts_with(packet);
            assert!(may_repeat || !properties.has(id), "property {id:#04x} twice in {packet}");
            properties.0.push((id, section.value(row.kind)));
        }
        properties
    }

    fn value(&mut self, kind: &str) -> Value {
        match kind {
            "Byte" => Value::Byte(self.byte()),
            "Two Byte Integer" => Value::Two(self.two()),
            "Four Byte Integer" => Value::Four(self.four()),
            "Variable Byte Integer" => Value::Variable(self.variable() as u32),
            "UTF-8 Encoded String" => Value::Text(self.text().into()),
            "UTF-8 String Pair" => Value::Pair(self.text().into(), self.text().into()),
            "Binary Data" => Value::Binary(self.binary().into()),
            _ => panic!("unknown type {kind}"),
        }
    }
}
