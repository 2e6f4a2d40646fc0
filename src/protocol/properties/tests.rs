use super::*;
use crate::reason::Reason;

const PUBLISH: Place = Place::Packet(PacketType::Publish);
const CONNECT: Place = Place::Packet(PacketType::Connect);
const CONNACK: Place = Place::Packet(PacketType::Connack);

fn refusal(section: &[u8], place: Place) -> Option<Reason> {
    Properties::parse(section, place).err().map(|error| error.reason)
}

fn read(bytes: &[u8]) -> Result<Properties<'_>, DecodeError> {
    Properties::read(&mut Reader::new(bytes), PUBLISH)
}

/// Section 2.2.2.1: length in front, [MQTT-2.2.2-1] 0 for none.
#[test]
fn the_length_stands_in_front() {
    assert_eq!(read(&[0, 0xFF]), Ok(Properties::EMPTY));
    assert_eq!(read(&[2, 1, 1, 0xFF]).unwrap().as_bytes(), [1, 1]);
    for bytes in [&[][..], &[3, 1, 1], &[0x80], &[0x80, 0], &[0x80, 0x80, 0x80, 0x80, 1], &[1, 1]] {
        assert_eq!(read(bytes).unwrap_err().reason, Reason::MalformedPacket, "{bytes:?}");
    }
    let mut out = Vec::new();
    Properties::EMPTY.put(&mut out);
    assert_eq!((out, Properties::EMPTY.encoded_len()), (vec![0], 1));
}

/// Section 2.2.2.2: an identifier that is unknown or of another packet is malformed.
#[test]
fn unknown_and_misplaced_identifiers_are_malformed() {
    for section in [&[0x00, 0][..], &[0x04, 0], &[0x2B, 0], &[0x7F, 0], &[0x80, 0x01], &[0x81, 0x00, 1]] {
        assert_eq!(refusal(section, PUBLISH), Some(Reason::MalformedPacket), "{section:?}");
    }
    assert_eq!(refusal(&[0x21, 0, 1], PUBLISH), Some(Reason::MalformedPacket));
    assert_eq!(refusal(&[0x21, 0, 1], CONNECT), None);
    let error = Properties::parse(&[0x21, 0, 1], PUBLISH).unwrap_err();
    assert_eq!(error.what, "Receive Maximum is not allowed in this packet");
}

/// A second one is a Protocol Error, but for user properties, and subscription identifiers of a server.
#[test]
fn only_some_properties_repeat() {
    let ids: [&[u8]; 27] = [
        &[0x01, 1],
        &[0x02, 0, 0, 0, 1],
        &[0x03, 0, 0],
        &[0x08, 0, 1, b'a'],
        &[0x09, 0, 0],
        &[0x0B, 1],
        &[0x11, 0, 0, 0, 1],
        &[0x12, 0, 0],
        &[0x13, 0, 1],
        &[0x15, 0, 0],
        &[0x16, 0, 0],
        &[0x17, 1],
        &[0x18, 0, 0, 0, 1],
        &[0x19, 1],
        &[0x1A, 0, 0],
        &[0x1C, 0, 0],
        &[0x1F, 0, 0],
        &[0x21, 0, 1],
        &[0x22, 0, 1],
        &[0x23, 0, 1],
        &[0x24, 1],
        &[0x25, 1],
        &[0x26, 0, 0, 0, 0],
        &[0x27, 0, 0, 0, 1],
        &[0x28, 1],
        &[0x29, 1],
        &[0x2A, 1],
    ];
    let places = PacketType::ALL.map(Place::Packet).into_iter().chain([Place::Will]);
    for place in places {
        for once in ids.iter().filter(|id| refusal(id, place).is_none()) {
            let may = once[0] == 0x26 || once[0] == 0x0B && place == PUBLISH;
            let twice = [&once[..], &[0x26, 0, 0, 0, 0], &once[..]].concat();
            assert_eq!(
                refusal(&twice, place),
                (!may).then_some(Reason::ProtocolError),
                "{once:?} in {place:?}"
            );
        }
    }
}

#[test]
fn getters_find_their_property() {
    let mut buf = PropertyBuf::new();
    buf.push(Property::UserProperty("a", "1"))
        .push(Property::PayloadFormat(1))
        .push(Property::MessageExpiry(7))
        .push(Property::ContentType("json"))
        .push(Property::ResponseTopic("r"))
        .push(Property::CorrelationData(&[1, 2]))
        .push(Property::SubscriptionId(1))
        .push(Property::TopicAlias(9))
        .push(Property::SubscriptionId(268_435_455))
        .push(Property::UserProperty("a", "2"));
    let properties = Properties::parse(buf.as_properties().as_bytes(), PUBLISH).unwrap();
    assert_eq!(properties.payload_format(), Some(1));
    assert_eq!(properties.message_expiry_s(), Some(7));
    assert_eq!(properties.content_type(), Some("json"));
    assert_eq!(properties.response_topic(), Some("r"));
    assert_eq!(properties.correlation_data(), Some(&[1, 2][..]));
    assert_eq!(properties.subscription_id(), Some(1));
    assert_eq!(properties.topic_alias(), NonZeroU16::new(9));
    assert!(properties.subscription_ids().eq([1, 268_435_455]));
    assert!(properties.user_properties().eq([("a", "1"), ("a", "2")]));
    assert_eq!(properties.iter().count(), 10);
    assert_eq!(properties.receive_maximum(), None);
}

#[test]
fn getters_of_connect_and_connack() {
    let mut buf = PropertyBuf::new();
    buf.push(Property::SessionExpiry(u32::MAX))
        .push(Property::ReceiveMaximum(3))
        .push(Property::MaximumPacketSize(100))
        .push(Property::TopicAliasMaximum(0))
        .push(Property::RequestProblemInformation(0))
        .push(Property::RequestResponseInformation(1))
        .push(Property::AuthenticationMethod("m"))
        .push(Property::AuthenticationData(&[]));
    let connect = Properties::parse(buf.as_properties().as_bytes(), CONNECT).unwrap();
    assert_eq!((connect.session_expiry_s(), connect.receive_maximum()), (Some(u32::MAX), NonZeroU16::new(3)));
    assert_eq!((connect.maximum_packet_size(), connect.topic_alias_maximum()), (Some(100), Some(0)));
    assert_eq!(connect.request_problem_information(), Some(false));
    assert_eq!(connect.request_response_information(), Some(true));
    assert_eq!((connect.authentication_method(), connect.authentication_data()), (Some("m"), Some(&[][..])));

    let mut buf = PropertyBuf::new();
    buf.push(Property::AssignedClientId("id"))
        .push(Property::ServerKeepAlive(5))
        .push(Property::ResponseInformation("i"))
        .push(Property::ServerReference("s"))
        .push(Property::ReasonString("why"))
        .push(Property::MaximumQos(1))
        .push(Property::RetainAvailable(0))
        .push(Property::WildcardSubscriptionAvailable(0))
        .push(Property::SubscriptionIdAvailable(1))
        .push(Property::SharedSubscriptionAvailable(0));
    let connack = Properties::parse(buf.as_properties().as_bytes(), CONNACK).unwrap();
    assert_eq!((connack.assigned_client_id(), connack.server_keep_alive_s()), (Some("id"), Some(5)));
    assert_eq!((connack.response_information(), connack.server_reference()), (Some("i"), Some("s")));
    assert_eq!((connack.reason_string(), connack.maximum_qos()), (Some("why"), Some(Qos::AtLeastOnce)));
    assert_eq!(
        (connack.retain_available(), connack.wildcard_subscription_available()),
        (Some(false), Some(false))
    );
    assert_eq!(connack.subscription_id_available(), Some(true));
    assert_eq!(connack.shared_subscription_available(), Some(false));

    let will = Properties::parse(&[0x18, 0, 0, 1, 0], Place::Will).unwrap();
    assert_eq!(will.will_delay_s(), Some(256));
}

/// [MQTT-3.3.2-4], [MQTT-3.3.2-15] to [MQTT-3.3.2-18], [MQTT-3.3.2-20], [MQTT-3.1.3-10]: unchanged and in
/// order, without what is per connection or per receiver.
#[test]
fn what_is_passed_on_is_unchanged_and_in_order() {
    let kept: [&[u8]; 6] = [
        &[0x26, 0, 1, b'a', 0, 1, b'1'],
        &[0x01, 1],
        &[0x26, 0, 1, b'b', 0, 1, b'2'],
        &[0x03, 0, 1, b't'],
        &[0x08, 0, 1, b'r'],
        &[0x09, 0, 0],
    ];
    let dropped: [&[u8]; 3] = [&[0x02, 0, 0, 0, 1], &[0x23, 0, 1], &[0x0B, 1]];
    let section =
        [kept[0], dropped[0], kept[1], kept[2], dropped[1], kept[3], kept[4], dropped[2], kept[5]].concat();
    let mut out = vec![0xEE];
    Properties::parse(&section, PUBLISH).unwrap().passed_on(&mut out);
    assert_eq!(out, [&[0xEE], kept.concat().as_slice()].concat());

    let mut out = Vec::new();
    Properties::parse(&[0x18, 0, 0, 0, 1, 0x01, 0], Place::Will).unwrap().passed_on(&mut out);
    assert_eq!(out, [0x01, 0]);
}

#[test]
fn a_buffer_is_cleared_and_shows_its_properties() {
    let mut buf = PropertyBuf::new();
    assert!(buf.as_properties().is_empty());
    buf.push(Property::ReasonString("x"));
    assert_eq!(format!("{buf:?}"), "[ReasonString(\"x\")]");
    buf.clear();
    assert_eq!(buf.as_properties(), Properties::EMPTY);
}
