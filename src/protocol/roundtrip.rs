//! What holds for every packet of every version: it comes back from its bytes, foretells its length, and no
//! bytes whatever make the decoder panic.

mod material;

use proptest::prelude::*;

use crate::testing::{config, decode, encode, frame};
use crate::{Delivery, Header, Packet, PacketType, Version};
use material::{Material, material};

/// Decodes a body and, if that goes well, reads every field and goes once around.
fn probe(first: u8, body: &[u8], version: Version) {
    let Ok(Some(header)) = Header::read(&frame(first, body)) else { return };
    match Packet::decode(&header, body, version) {
        Err(error) => assert!(error.reason.is_error(), "{error}"),
        Ok(packet) => {
            let written = match packet {
                Packet::Connect(connect) => connect.version,
                _ => version,
            };
            assert!(!format!("{packet:?}").is_empty());
            assert_eq!(decode(&encode(&packet, written), written), Ok(packet));
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_packet_comes_back(material in material()) {
        let packet = material.packet();
        let bytes = encode(&packet, material.version);
        prop_assert_eq!(bytes[0] >> 4, packet.kind() as u8);
        prop_assert_eq!(decode(&bytes, material.version), Ok(packet));
    }

    /// A stream cut anywhere is an incomplete packet, never a shorter one.
    #[test]
    fn a_beginning_is_never_a_packet(material in material()) {
        let bytes = encode(&material.packet(), material.version);
        for len in 0..bytes.len() {
            if let Some(header) = Header::read(&bytes[..len]).unwrap() {
                prop_assert_eq!(header.total_len(), bytes.len());
            }
        }
    }

    /// A body that is shorter than its fields say is an error, wherever the cut is. Only a payload, a list
    /// and the short forms of 5.0 can lose bytes and stay valid, and then they are what they look like.
    #[test]
    fn a_cut_body_never_panics(material in material()) {
        let bytes = encode(&material.packet(), material.version);
        let header = Header::read(&bytes).unwrap().unwrap();
        let body = &bytes[header.header_len..];
        for len in 0..body.len() {
            probe(bytes[0], &body[..len], material.version);
            let shorter = Header { body_len: len, ..header };
            let decoded = Packet::decode(&shorter, &body[..len], material.version);
            prop_assert!(decoded.is_err() || can_be_cut(header.kind), "{:?} cut to {}", header.kind, len);
        }
    }

    #[test]
    fn a_damaged_packet_never_panics(
        material in material(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let bytes = encode(&material.packet(), material.version);
        let header = Header::read(&bytes).unwrap().unwrap();
        let mut body = bytes[header.header_len..].to_vec();
        for (index, byte) in damage.into_iter().filter(|_| header.body_len > 0) {
            body[index.index(header.body_len)] = byte;
        }
        Version::ALL.iter().for_each(|&version| probe(bytes[0], &body, version));
    }

    #[test]
    fn arbitrary_bytes_never_panic(first in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Header::read(&body);
        Version::ALL.iter().for_each(|&version| probe(first, &body, version));
    }

    /// What a server writes in one go is what the general encoder writes.
    #[test]
    fn a_delivery_is_a_publish(material in material_of(PacketType::Publish)) {
        let Packet::Publish(publish) = material.packet() else { unreachable!("asked for a PUBLISH") };
        let delivery = Delivery {
            qos: publish.qos,
            dup: publish.dup,
            retain: publish.retain,
            topic: publish.topic,
            packet_id: publish.packet_id,
            topic_alias: None,
            message_expiry_s: None,
            subscription_ids: &[],
            passed_on: publish.properties.as_bytes(),
            payload_len: publish.payload.len(),
        };
        let mut bytes = Vec::new();
        prop_assert!(delivery.encode_head(material.version, &mut bytes).is_ok());
        bytes.extend_from_slice(publish.payload);
        prop_assert_eq!(delivery.encoded_len(material.version), bytes.len());
        prop_assert_eq!(bytes, encode(&Packet::Publish(publish), material.version));
    }
}

fn can_be_cut(kind: PacketType) -> bool {
    !matches!(
        kind,
        PacketType::Connect
            | PacketType::Connack
            | PacketType::Auth
            | PacketType::Pingreq
            | PacketType::Pingresp
    )
}

fn material_of(kind: PacketType) -> impl Strategy<Value = Material> {
    material::material_of(Just(kind))
}
