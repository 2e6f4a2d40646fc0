use super::*;

/// The table of section 2.4 once more, as text: byte, name, packets, return code of 3.1.1.
const STANDARD: [(u8, &str, &str, Option<u8>); 43] = [
    (0x00, "Success", "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH", Some(0)),
    (0x01, "Granted QoS 1", "SUBACK", None),
    (0x02, "Granted QoS 2", "SUBACK", None),
    (0x04, "Disconnect with Will Message", "DISCONNECT", None),
    (0x10, "No matching subscribers", "PUBACK PUBREC", None),
    (0x11, "No subscription existed", "UNSUBACK", None),
    (0x18, "Continue authentication", "AUTH", None),
    (0x19, "Re-authenticate", "AUTH", None),
    (0x80, "Unspecified error", "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT", Some(3)),
    (0x81, "Malformed Packet", "CONNACK DISCONNECT", None),
    (0x82, "Protocol Error", "CONNACK DISCONNECT", None),
    (0x83, "Implementation specific error", "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT", Some(3)),
    (0x84, "Unsupported Protocol Version", "CONNACK", Some(1)),
    (0x85, "Client Identifier not valid", "CONNACK", Some(2)),
    (0x86, "Bad User Name or Password", "CONNACK", Some(4)),
    (0x87, "Not authorized", "CONNACK PUBACK PUBREC SUBACK UNSUBACK DISCONNECT", Some(5)),
    (0x88, "Server unavailable", "CONNACK", Some(3)),
    (0x89, "Server busy", "CONNACK DISCONNECT", Some(3)),
    (0x8A, "Banned", "CONNACK", Some(5)),
    (0x8B, "Server shutting down", "DISCONNECT", None),
    (0x8C, "Bad authentication method", "CONNACK DISCONNECT", Some(5)),
    (0x8D, "Keep Alive timeout", "DISCONNECT", None),
    (0x8E, "Session taken over", "DISCONNECT", None),
    (0x8F, "Topic Filter invalid", "SUBACK UNSUBACK DISCONNECT", None),
    (0x90, "Topic Name invalid", "CONNACK PUBACK PUBREC DISCONNECT", None),
    (0x91, "Packet Identifier in use", "PUBACK PUBREC SUBACK UNSUBACK", None),
    (0x92, "Packet Identifier not found", "PUBREL PUBCOMP", None),
    (0x93, "Receive Maximum exceeded", "DISCONNECT", None),
    (0x94, "Topic Alias invalid", "DISCONNECT", None),
    (0x95, "Packet too large", "CONNACK DISCONNECT", None),
    (0x96, "Message rate too high", "DISCONNECT", None),
    (0x97, "Quota exceeded", "CONNACK PUBACK PUBREC SUBACK DISCONNECT", Some(3)),
    (0x98, "Administrative action", "DISCONNECT", None),
    (0x99, "Payload format invalid", "CONNACK PUBACK PUBREC DISCONNECT", None),
    (0x9A, "Retain not supported", "CONNACK DISCONNECT", None),
    (0x9B, "QoS not supported", "CONNACK DISCONNECT", None),
    (0x9C, "Use another server", "CONNACK DISCONNECT", Some(3)),
    (0x9D, "Server moved", "CONNACK DISCONNECT", Some(3)),
    (0x9E, "Shared Subscriptions not supported", "SUBACK DISCONNECT", None),
    (0x9F, "Connection rate exceeded", "CONNACK DISCONNECT", Some(3)),
    (0xA0, "Maximum connect time", "DISCONNECT", None),
    (0xA1, "Subscription Identifiers not supported", "SUBACK DISCONNECT", None),
    (0xA2, "Wildcard Subscriptions not supported", "SUBACK DISCONNECT", None),
];

/// What a client may send, by packet: acknowledgements of publishes, DISCONNECT and AUTH are its only packets
/// with a reason code.
const FROM_CLIENTS: [(PacketType, &[u8]); 6] = [
    (PacketType::Puback, &[0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    (PacketType::Pubrec, &[0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]),
    (PacketType::Pubrel, &[0x00, 0x92]),
    (PacketType::Pubcomp, &[0x00, 0x92]),
    (
        PacketType::Disconnect,
        &[0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99],
    ),
    (PacketType::Auth, &[0x18, 0x19]),
];

/// [MQTT-3.2.2-8], [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.9.3-2], [MQTT-3.11.3-2],
/// [MQTT-3.14.2-1], [MQTT-3.15.2-1]: codes stand only in the packets that list them.
#[test]
fn the_table_is_that_of_the_standard() {
    assert_eq!(Reason::ALL.len(), STANDARD.len());
    for (&reason, (byte, name, packets, old)) in Reason::ALL.iter().zip(STANDARD) {
        assert_eq!((reason.as_byte(), reason.name(), reason.as_311_connack()), (byte, name, old));
        let allowed: Vec<_> = PacketType::ALL
            .into_iter()
            .filter(|&kind| reason.allowed_in(kind))
            .map(PacketType::name)
            .collect();
        assert_eq!(allowed.join(" "), packets, "{name}");
    }
}

#[test]
fn every_byte_is_a_code_or_is_not() {
    for byte in 0..=255 {
        let listed = STANDARD.iter().any(|row| row.0 == byte);
        assert_eq!(Reason::from_byte(byte).map(Reason::as_byte), listed.then_some(byte));
    }
    for &reason in Reason::ALL {
        assert_eq!(reason.is_error(), reason.as_byte() >= 0x80);
    }
}

#[test]
fn clients_send_what_is_theirs() {
    for kind in PacketType::ALL {
        let listed = FROM_CLIENTS.iter().find(|row| row.0 == kind).map_or(&[][..], |row| row.1);
        let sent: Vec<_> = Reason::ALL
            .iter()
            .filter(|reason| reason.client_may_send(kind))
            .map(|reason| reason.as_byte())
            .collect();
        assert_eq!(sent, listed, "{}", kind.name());
    }
    for &reason in Reason::ALL {
        for kind in PacketType::ALL {
            assert!(!reason.client_may_send(kind) || reason.allowed_in(kind));
        }
    }
}

#[test]
fn return_codes_of_older_versions_go_both_ways() {
    for code in 0..=5 {
        assert_eq!(Reason::from_311_connack(code).and_then(Reason::as_311_connack), Some(code));
    }
    assert_eq!(Reason::from_311_connack(6), None);
    for reason in Reason::ALL.iter().filter(|reason| reason.as_311_connack().is_some()) {
        assert!(reason.allowed_in(PacketType::Connack), "{reason:?}");
    }
}
