//! Packets from the server, read without mercy: every flag, length, reserved bit, property and reason code is checked
//! against the standard, whatever the test at hand looks at.
//!
//! Owns the reading. Must never know which test reads.

use crate::wire::properties::{Properties, TOPIC_ALIAS};
use crate::wire::reader::Reader;
use crate::wire::{Version, first, table};

/// CONNACK.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Connack {
    pub(crate) session_present: bool,
    pub(crate) code: u8,
    pub(crate) properties: Properties,
}

/// PUBLISH.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) dup: bool,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) topic: String,
    /// 0 at QoS 0.
    pub(crate) id: u16,
    pub(crate) properties: Properties,
    pub(crate) payload: Vec<u8>,
}

impl Message {
    /// The payload of a test that sends text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.payload).expect("this test sends text")
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ack {
    /// First byte.
    pub(crate) first: u8,
    pub(crate) id: u16,
    pub(crate) code: u8,
    pub(crate) properties: Properties,
}

/// SUBACK or UNSUBACK.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Codes {
    pub(crate) id: u16,
    pub(crate) properties: Properties,
    pub(crate) codes: Vec<u8>,
}

/// DISCONNECT.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Disconnect {
    pub(crate) code: u8,
    pub(crate) properties: Properties,
}

/// A packet from the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Packet {
    Connack(Connack),
    Publish(Message),
    Ack(Ack),
    Suback(Codes),
    Unsuback(Codes),
    Pingresp,
    Disconnect(Disconnect),
}

impl Packet {
    /// Reads the packet at the front of `bytes`; `None` if there is none whole. Tells its size as well.
    pub(crate) fn read(bytes: &[u8], version: Version) -> Option<(Packet, usize)> {
        let length_bytes = bytes.iter().skip(1).take(4).position(|byte| byte & 0x80 == 0)? + 1;
        let mut header = Reader { rest: &bytes[1..] };
        let size = 1 + length_bytes + header.variable();
        let body = bytes.get(1 + length_bytes..size)?;
        Some((Packet::body(bytes[0], body, version), size))
    }

    fn body(byte: u8, body: &[u8], version: Version) -> Packet {
        let mut reader = Reader { rest: body };
        let packet = match (byte, version) {
            (first::CONNACK, _) => Packet::Connack(connack(&mut reader, version)),
            (first::PUBLISH..0x40, _) => Packet::Publish(publish(byte, &mut reader, version)),
            (first::PUBACK | first::PUBREC | first::PUBREL | first::PUBCOMP, _) => {
                Packet::Ack(ack(byte, &mut reader, version))
            }
            (first::SUBACK, _) => Packet::Suback(codes(&mut reader, version, "SUBACK")),
            (first::UNSUBACK, Version::V5) => Packet::Unsuback(codes(&mut reader, version, "UNSUBACK")),
            (first::UNSUBACK, _) => Packet::Unsuback(bare_unsuback(&mut reader)),
            (first::PINGRESP, _) => Packet::Pingresp,
            (first::DISCONNECT, Version::V5) => Packet::Disconnect(disconnect(&mut reader)),
            _ => panic!("a {version:?} server does not send first byte {byte:#04x} [MQTT-2.1.3-1]"),
        };
        assert!(reader.rest.is_empty(), "bytes are left over behind {packet:?}");
        packet
    }
}

fn check_code(packet: &str, code: u8, version: Version) {
    let in_table = if version.is_v5() { "5" } else { "3.1.1" };
    assert!(table::server_may_send(packet, code, in_table), "{packet} of {version:?} with code {code:#04x}");
}

/// [MQTT-3.2.2-1], [MQTT-3.2.2-8]
fn connack(reader: &mut Reader<'_>, version: Version) -> Connack {
    let flags = reader.byte();
    assert!(flags <= 1, "acknowledge flags {flags:#04x}");
    assert!(version != Version::V31 || flags == 0, "3.1 has no Session Present");
    let code = reader.byte();
    check_code("CONNACK", code, version);
    let properties = if version.is_v5() { reader.properties("CONNACK") } else { Properties::none() };
    assert!(flags == 0 || code == 0, "Session Present with a refusal");
    Connack { session_present: flags == 1, code, properties }
}

/// [MQTT-3.3.1-2], [MQTT-3.3.1-4], [MQTT-3.3.2-2]
fn publish(byte: u8, reader: &mut Reader<'_>, version: Version) -> Message {
    let (dup, qos, retain) = (byte & 8 != 0, byte >> 1 & 3, byte & 1 != 0);
    assert_ne!(qos, 3, "QoS 3");
    assert!(qos > 0 || !dup, "DUP at QoS 0");
    let topic = reader.text().to_string();
    assert!(!topic.contains(['+', '#']), "a wildcard in {topic}");
    let id = if qos > 0 { reader.identifier() } else { 0 };
    let properties = if version.is_v5() { reader.properties("PUBLISH") } else { Properties::none() };
    assert!(!topic.is_empty() || properties.has(TOPIC_ALIAS), "no topic and no alias");
    assert_ne!(properties.number(TOPIC_ALIAS), Some(0), "alias 0");
    let payload = reader.rest.to_vec();
    reader.rest = &[];
    Message { dup, qos, retain, topic, id, properties, payload }
}

/// The name of an acknowledgement by its first byte.
pub(crate) fn ack_name(byte: u8) -> &'static str {
    match byte {
        first::PUBACK => "PUBACK",
        first::PUBREC => "PUBREC",
        first::PUBREL => "PUBREL",
        first::PUBCOMP => "PUBCOMP",
        _ => panic!("{byte:#04x} is no acknowledgement"),
    }
}

/// A code of 0 and no properties may be left out in 5.0, and do not exist before.
fn ack(byte: u8, reader: &mut Reader<'_>, version: Version) -> Ack {
    let id = reader.identifier();
    assert!(version.is_v5() || reader.rest.is_empty(), "an acknowledgement before 5.0 is two bytes long");
    let name = ack_name(byte);
    let code = if reader.rest.is_empty() { 0 } else { reader.byte() };
    let properties = if reader.rest.is_empty() { Properties::none() } else { reader.properties(name) };
    if version.is_v5() {
        check_code(name, code, version);
    }
    Ack { first: byte, id, code, properties }
}

fn codes(reader: &mut Reader<'_>, version: Version, name: &str) -> Codes {
    let id = reader.identifier();
    let properties = if version.is_v5() { reader.properties(name) } else { Properties::none() };
    let codes = reader.rest.to_vec();
    reader.rest = &[];
    assert!(!codes.is_empty(), "{name} without a code");
    for &code in &codes {
        check_code(name, code, version);
    }
    Codes { id, properties, codes }
}

fn bare_unsuback(reader: &mut Reader<'_>) -> Codes {
    Codes { id: reader.identifier(), properties: Properties::none(), codes: Vec::new() }
}

fn disconnect(reader: &mut Reader<'_>) -> Disconnect {
    let code = if reader.rest.is_empty() { 0 } else { reader.byte() };
    let properties =
        if reader.rest.is_empty() { Properties::none() } else { reader.properties("DISCONNECT") };
    check_code("DISCONNECT", code, Version::V5);
    // [MQTT-3.14.2-2]
    assert!(
        !properties.has(super::properties::SESSION_EXPIRY),
        "a server sends no Session Expiry in DISCONNECT"
    );
    Disconnect { code, properties }
}
