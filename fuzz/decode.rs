//! Bytes to packets and back, in every version.
//!
//! Owns what must hold for any bytes: no panic, and whatever decodes is what it encodes to. Must never know a
//! connection.

use ringmq_protocol::{
    Connect, Filter, Header, Packet, PacketType, Place, Properties, Publish, SHARE_PREFIX, Version,
    is_valid_filter, is_valid_topic,
};

/// Takes `bytes` for a stream of packets of each version, one after the other.
///
/// # Panics
/// If a packet that decodes is not what it encodes to.
pub fn check(bytes: &[u8]) {
    check_header_beginnings(bytes);
    for version in Version::ALL {
        check_stream(bytes, version);
    }
}

/// A fixed header is judged at the earliest byte that shows it, and more bytes do not change the judgement.
fn check_header_beginnings(bytes: &[u8]) {
    let all = Header::read(bytes);
    for len in 0..bytes.len().min(6) {
        match Header::read(&bytes[..len]) {
            Ok(None) => {}
            early => assert_eq!(early, all, "after {len} bytes"),
        }
    }
}

fn check_stream(bytes: &[u8], version: Version) {
    let mut rest = bytes;
    while let Ok(Some(header)) = Header::read(rest) {
        let Some((frame, behind)) = rest.split_at_checked(header.total_len()) else { return };
        check_frame(&header, frame, version);
        rest = behind;
    }
}

fn check_frame(header: &Header, frame: &[u8], version: Version) {
    let body = &frame[header.header_len..];
    Connect::refusal_version(body);
    match Packet::decode(header, body, version) {
        Err(error) => assert!(error.reason.is_error() && !error.what.is_empty(), "{error}"),
        Ok(packet) => check_packet(&packet, header, frame, version),
    }
}

/// What decoded has the fields it promises and comes back from its encoding.
fn check_packet(packet: &Packet<'_>, header: &Header, frame: &[u8], version: Version) {
    assert_eq!(packet.kind(), header.kind);
    assert!(!format!("{packet:?}").is_empty(), "every field can be read");
    check_promises(packet);
    let version = match packet {
        Packet::Connect(connect) => connect.version,
        _ => version,
    };
    let mut encoded = Vec::new();
    packet.encode(version, &mut encoded);
    assert_eq!(packet.encoded_len(version), encoded.len());
    if has_one_form(header, version) {
        assert_eq!(encoded, frame, "{packet:?}");
    } else {
        assert!(encoded.len() <= frame.len(), "the encoder chooses the shortest form of {packet:?}");
    }
    let again = Header::read(&encoded).ok().flatten().expect("an encoded packet has a header");
    assert_eq!(Packet::decode(&again, &encoded[again.header_len..], version).as_ref(), Ok(packet));
}

/// Whether a packet can be written in one way only. In 5.0, reason and properties may be left out; in 3.1, DUP may
/// be set on requests that are repeated; before 5.0 the length may be padded.
fn has_one_form(header: &Header, version: Version) -> bool {
    match header.kind {
        _ if header.is_padded() => false,
        // In 3.1 some of its bits are ignored.
        PacketType::Connect => version != Version::V31,
        PacketType::Puback | PacketType::Pubrec | PacketType::Pubcomp => version != Version::V5,
        PacketType::Disconnect | PacketType::Auth => version != Version::V5,
        PacketType::Pubrel => version == Version::V311,
        PacketType::Subscribe | PacketType::Unsubscribe => version != Version::V31,
        _ => true,
    }
}

/// What the packet types promise of their fields beyond their Rust types.
fn check_promises(packet: &Packet<'_>) {
    match packet {
        Packet::Connect(connect) => {
            let will = connect.will;
            assert!(will.is_none_or(|will| is_valid_topic(will.topic)), "a will has a valid topic");
            if let Some(will) = will {
                check_passed_on(&will.properties);
            }
        }
        Packet::Publish(publish) => check_publish(publish),
        Packet::Subscribe(subscribe) => subscribe.filters.iter().for_each(|(filter, _)| check_filter(filter)),
        Packet::Unsubscribe(unsubscribe) => unsubscribe.filters.iter().for_each(check_filter),
        _ => {}
    }
}

/// A filter of a packet is any string: each is judged on its own. One that is good has a good part to match with.
fn check_filter(text: &str) {
    if let Some(filter) = Filter::parse(text) {
        assert!(is_valid_filter(filter.filter) && text.ends_with(filter.filter));
        assert_eq!(filter.share.is_some(), text.starts_with(SHARE_PREFIX));
    }
}

fn check_publish(publish: &Publish<'_>) {
    let alias = publish.properties.topic_alias();
    assert!(is_valid_topic(publish.topic) || publish.topic.is_empty() && alias.is_some());
    check_passed_on(&publish.properties);
}

/// The properties that travel on are a valid section of a PUBLISH by themselves.
fn check_passed_on(properties: &Properties<'_>) {
    let mut section = Vec::new();
    properties.passed_on(&mut section);
    let passed_on = Properties::parse(&section, Place::Packet(PacketType::Publish)).expect("still valid");
    assert!(passed_on.user_properties().eq(properties.user_properties()));
    assert_eq!(passed_on.content_type(), properties.content_type());
    assert_eq!(passed_on.response_topic(), properties.response_topic());
    assert_eq!(passed_on.correlation_data(), properties.correlation_data());
}
