use super::*;
use crate::packet::Packet;
use crate::properties::PropertyBuf;
use crate::property::Property;
use crate::reason::Reason;
use crate::testing::{check_golden, decode, encode, id, refusal};

/// The reason for which version 5 refuses one filter with this option byte.
fn refused(filter: &str, options: u8) -> Option<Reason> {
    let body = [&[0, 1, 0, 0, filter.len() as u8], filter.as_bytes(), &[options]].concat();
    refusal(0x82, &body, Version::V5)
}

#[test]
fn golden_bytes_of_each_version() {
    let mut filters = FilterBuf::new();
    let options = SubscribeOptions {
        qos: Qos::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::Never,
    };
    filters.push("a/#", options).push("+", SubscribeOptions { qos: Qos::ExactlyOnce, ..Default::default() });
    let mut properties = PropertyBuf::new();
    properties.push(Property::SubscriptionId(300));
    let subscribe = Subscribe {
        packet_id: id(10),
        properties: properties.as_properties(),
        filters: filters.as_filters(),
    };
    let packet = Packet::Subscribe(subscribe);
    check_golden(&packet, Version::V5, b"\x82\x10\0\x0A\x03\x0B\xAC\x02\0\x03a/#\x2D\0\x01+\x02");
    assert_eq!(encode(&packet, Version::V311), b"\x82\x0C\0\x0A\0\x03a/#\x01\0\x01+\x02");
}

#[test]
fn filters_come_in_order_with_their_options() {
    let Ok(Packet::Subscribe(subscribe)) =
        decode(b"\x82\x0C\0\x01\0\0\x01b\x10\0\x02\xC3\xA4\x06", Version::V5)
    else {
        panic!("a valid SUBSCRIBE")
    };
    let found: Vec<_> = subscribe.filters.iter().collect();
    let first = SubscribeOptions { retain_handling: RetainHandling::IfNew, ..Default::default() };
    let second = SubscribeOptions { qos: Qos::ExactlyOnce, no_local: true, ..Default::default() };
    assert_eq!(found, [("b", first), ("\u{E4}", second)]);
    assert_eq!(subscribe.filters.len(), 2);
    assert_eq!(format!("{:?}", subscribe.filters).matches("SubscribeOptions").count(), 2);
}

/// Section 3.8.3.1: every option byte, QoS 3 and Retain Handling 3 as 0x82, [MQTT-3.8.3-5] reserved bits as
/// 0x81.
#[test]
fn option_bytes() {
    for byte in 0..=255_u8 {
        let expected = match byte {
            0x40.. => Some(Reason::MalformedPacket),
            _ if byte & 0x30 == 0x30 || byte & 3 == 3 => Some(Reason::ProtocolError),
            _ => None,
        };
        assert_eq!(refused("a", byte), expected, "{byte:#04x}");
        if expected.is_none() {
            assert_eq!(SubscribeOptions::from_byte(byte).unwrap().as_byte(), byte);
        }
    }
}

/// [MQTT-3.8.3-4 of 3.1.1] before 5.0 the byte is a QoS and nothing else.
#[test]
fn requested_qos_before_version_5() {
    for version in [Version::V31, Version::V311] {
        for byte in 0..=255 {
            let refused = refusal(0x82, &[0, 1, 0, 1, b'a', byte], version).is_some();
            assert_eq!(refused, byte > 2, "{byte:#04x}");
        }
    }
}

/// [MQTT-3.8.3-4] No Local on a shared filter.
#[test]
fn no_local_does_not_go_with_sharing() {
    assert_eq!(refused("$share/g/a", 0x04), Some(Reason::ProtocolError));
    assert_eq!(refused("$share/g/a", 0x01), None);
    assert_eq!(refused("$shared/g/a", 0x04), None);
}

/// [MQTT-3.8.3-2] at least one filter; [MQTT-3.8.3-1] UTF-8; [MQTT-2.2.1-3] identifier not 0.
#[test]
fn bodies_that_are_refused() {
    let table: [(&[u8], Reason); 9] = [
        (b"\0\x01\0", Reason::ProtocolError),
        (b"\0\x01\0\0\x01\xFF\0", Reason::MalformedPacket),
        (b"\0\x01\0\0\x01\0\0", Reason::MalformedPacket),
        (b"\0\0\0\0\x01a\0", Reason::ProtocolError),
        (b"\0\x01", Reason::MalformedPacket),
        (b"\0\x01\0\0\x01a", Reason::MalformedPacket),
        (b"\0\x01\0\0\x01a\0\0", Reason::MalformedPacket),
        (b"\0\x01\x02\x0B\0\0\x01a\0", Reason::ProtocolError),
        (b"\0\x01\x04\x0B\x01\x0B\x02\0\x01a\0", Reason::ProtocolError),
    ];
    for (body, reason) in table {
        assert_eq!(refusal(0x82, body, Version::V5), Some(reason), "{body:?}");
    }
    assert_eq!(refusal(0x82, b"\0\x01", Version::V311), Some(Reason::ProtocolError));
}

/// The syntax of a filter is answered in SUBACK, so it is no reason to refuse the packet.
#[test]
fn filters_are_not_judged() {
    for filter in ["", "a#", "#/a", "a+", "$share/", "$share//a", "$share/g"] {
        assert_eq!(refused(filter, 0), None, "{filter:?}");
    }
}
