//! The table of properties, row by row: where each may stand, how often, and with which values.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{
    AUTHENTICATION_DATA, AUTHENTICATION_METHOD, MAXIMUM_PACKET_SIZE, Properties, RECEIVE_MAXIMUM,
    REQUEST_PROBLEM_INFORMATION, REQUEST_RESPONSE_INFORMATION, SUBSCRIPTION_IDENTIFIER, USER_PROPERTY, Value,
};
use crate::wire::table::{self, Property};
use crate::wire::{Connect, Packet, Version, Will, first, length, packet, string};

proofs! {
    a_property_stands_only_where_it_may: "error:any-2.2.2.2-1", "rule:property-places";
    a_property_comes_once: "error:any-3.1.2.11.2-1", "rule:property-repeats";
    an_unknown_property_is_refused: "error:any-2.2.2.2-1";
    a_property_cut_short_is_refused: "error:any-2.2.2.2-2";
    a_property_length_beyond_the_packet_is_refused: "error:any-2.2.2.2-2";
    receive_maximum_0_is_refused: "error:CONNECT-3.1.2.11.3-1";
    maximum_packet_size_0_is_refused: "error:CONNECT-3.1.2.11.4-1";
    request_response_information_is_0_or_1: "error:CONNECT-3.1.2.11.6-1";
    request_problem_information_is_0_or_1: "error:CONNECT-3.1.2.11.7-1";
    strings_of_properties_are_utf8: "5:MQTT-1.5.4-1", "5:MQTT-1.5.4-2", "5:MQTT-1.5.7-1";
    a_client_names_no_other_server: "rule:server-reference-of-a-client";
}

/// Where a client sends properties.
const PLACES: [&str; 10] =
    ["CONNECT", "WILL", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "UNSUBSCRIBE", "DISCONNECT"];

/// A right value of a property.
fn sample(property: &Property) -> Value {
    match property.kind {
        "Byte" => Value::Byte(1),
        "Two Byte Integer" => Value::Two(5),
        "Four Byte Integer" => Value::Four(100),
        "Variable Byte Integer" => Value::Variable(3),
        "UTF-8 Encoded String" => Value::Text(b"text".to_vec()),
        "UTF-8 String Pair" => Value::Pair(b"name".to_vec(), b"value".to_vec()),
        "Binary Data" => Value::Binary(b"data".to_vec()),
        kind => panic!("unknown type {kind}"),
    }
}

/// A packet with this property section, its length in front.
fn packet_with(place: &str, section: &[u8]) -> Vec<u8> {
    let connect = |flags: u8| [string("MQTT"), vec![5, flags, 0, 0]].concat();
    let (first, pieces): (u8, [&[u8]; 3]) = match place {
        "CONNECT" => (first::CONNECT, [&connect(2), section, &string("a")]),
        "WILL" => (
            first::CONNECT,
            [&[connect(6), vec![0], string("a")].concat(), section, &[string("will"), string("x")].concat()],
        ),
        "PUBLISH" => (first::PUBLISH, [&string("t"), section, b"x"]),
        "PUBACK" => (first::PUBACK, [&[0, 1, 0], section, &[]]),
        "PUBREC" => (first::PUBREC, [&[0, 1, 0], section, &[]]),
        "PUBREL" => (first::PUBREL, [&[0, 1, 0], section, &[]]),
        "PUBCOMP" => (first::PUBCOMP, [&[0, 1, 0], section, &[]]),
        "SUBSCRIBE" => (first::SUBSCRIBE, [&[0, 1], section, &[0, 1, b't', 0]]),
        "UNSUBSCRIBE" => (first::UNSUBSCRIBE, [&[0, 1], section, &[0, 1, b't']]),
        "DISCONNECT" => (first::DISCONNECT, [&[0], section, &[]]),
        _ => panic!("no properties in {place}"),
    };
    packet(first, &pieces)
}

/// What the server answers a packet with: the code of the end, or `None` if the connection goes on.
fn verdict(t: &Trial, place: &str, section: &[u8]) -> Option<u8> {
    let bytes = packet_with(place, section);
    if matches!(place, "CONNECT" | "WILL") {
        let mut a = t.wire();
        a.send(bytes);
        let code = a.take_connack().code;
        assert_eq!(a.is_closed(), code != 0);
        return (code != 0).then_some(code);
    }
    let mut a = t.client("a");
    a.send(bytes);
    let mut end = None;
    while let Some(packet) = a.poll() {
        if let Packet::Disconnect(packet) = packet {
            end = Some(packet.code);
        }
    }
    if end.is_none() && place != "DISCONNECT" {
        a.expect_alive();
    }
    end
}

/// Properties that are wrong by themselves: alone in CONNECT, from a client, or after a session without expiry.
fn is_special(property: &Property, place: &str) -> bool {
    matches!(property.id, AUTHENTICATION_METHOD | AUTHENTICATION_DATA)
        || (property.id == SUBSCRIPTION_IDENTIFIER && place == "PUBLISH")
        || place == "DISCONNECT" && property.id != USER_PROPERTY
}

fn a_property_stands_only_where_it_may(t: &Trial) {
    for property in table::properties() {
        for place in PLACES {
            let section = Properties::of(property.id, sample(property)).encode();
            let expected = (!property.packets.contains(&place)).then_some(0x81);
            if expected.is_some() || !is_special(property, place) {
                assert_eq!(verdict(t, place, &section), expected, "{:#04x} in {place}", property.id);
            }
        }
    }
}

fn a_property_comes_once(t: &Trial) {
    for property in table::properties() {
        for place in PLACES.into_iter().filter(|place| property.packets.contains(place)) {
            let twice = Properties::of(property.id, sample(property)).with(property.id, sample(property));
            let expected = (property.id != USER_PROPERTY).then_some(0x82);
            assert_eq!(verdict(t, place, &twice.encode()), expected, "{:#04x} twice in {place}", property.id);
        }
    }
}

fn an_unknown_property_is_refused(t: &Trial) {
    for id in (0..=255).filter(|&id| table::property(id).is_none()) {
        assert_eq!(verdict(t, "PUBLISH", &[2, id, 0]), Some(0x81), "{id:#04x}");
    }
    for place in PLACES {
        assert_eq!(verdict(t, place, &[2, 0x00, 0]), Some(0x81), "{place}");
        assert_eq!(verdict(t, place, &[3, 0xA6, 0x01, 0]), Some(0x81), "an identifier of two bytes in {place}");
    }
}

fn a_property_cut_short_is_refused(t: &Trial) {
    for property in table::properties() {
        for place in PLACES.into_iter().filter(|place| property.packets.contains(place)) {
            let whole = Properties::of(property.id, sample(property)).encode();
            for end in 2..whole.len() {
                let section = [length(end - 1), whole[1..end].to_vec()].concat();
                assert_eq!(verdict(t, place, &section), Some(0x81), "{:#04x} cut in {place}", property.id);
            }
        }
    }
}

fn a_property_length_beyond_the_packet_is_refused(t: &Trial) {
    for place in PLACES {
        for claimed in [100, 127, 128, 16_384, 268_435_455] {
            assert_eq!(verdict(t, place, &length(claimed)), Some(0x81), "{claimed} in {place}");
        }
    }
}

/// A CONNECT with this property is a protocol error.
fn expect_protocol_error(t: &Trial, id: u8, value: impl Into<Value>) {
    let before = t.ended_by(Cause::ProtocolError);
    assert_eq!(t.refused(Connect::new("a").with(id, value)).1.code, 0x82);
    assert_eq!(t.ended_by(Cause::ProtocolError), before + 1);
}

fn receive_maximum_0_is_refused(t: &Trial) {
    expect_protocol_error(t, RECEIVE_MAXIMUM, 0_u16);
}

fn maximum_packet_size_0_is_refused(t: &Trial) {
    expect_protocol_error(t, MAXIMUM_PACKET_SIZE, 0_u32);
}

fn request_response_information_is_0_or_1(t: &Trial) {
    expect_protocol_error(t, REQUEST_RESPONSE_INFORMATION, 2_u8);
}

fn request_problem_information_is_0_or_1(t: &Trial) {
    expect_protocol_error(t, REQUEST_PROBLEM_INFORMATION, 2_u8);
}

fn strings_of_properties_are_utf8(t: &Trial) {
    for property in table::properties().iter().filter(|property| property.kind.starts_with("UTF-8")) {
        for place in PLACES.into_iter().filter(|place| property.packets.contains(place)) {
            for bad in [&[0xED, 0xA0, 0x80][..], &[0xFF], &[0xE2, 0x82], &[0]] {
                let values = match property.kind {
                    "UTF-8 String Pair" => {
                        vec![Value::Pair(bad.to_vec(), Vec::new()), Value::Pair(Vec::new(), bad.to_vec())]
                    }
                    _ => vec![Value::Text(bad.to_vec())],
                };
                for value in values {
                    let section = Properties::of(property.id, value).encode();
                    assert_eq!(verdict(t, place, &section), Some(0x81), "{:#04x} in {place}", property.id);
                }
            }
        }
    }
}

fn a_client_names_no_other_server(t: &Trial) {
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    let mut a = t.connect_of(Version::V5, Connect::new("a").will(Will::new("will", "gone")));
    let section = Properties::of(0x1C, "elsewhere").encode();
    a.offends(packet_with("DISCONNECT", &section), 0x82, Cause::ProtocolError);
    watcher.receives("will", "gone");
}
