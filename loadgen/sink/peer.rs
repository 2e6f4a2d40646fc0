//! One connection of the null sink: what it says, and what is answered.
//!
//! Owns the bytes of one peer. Must never know other peers.

use ringmq_protocol::{
    Ack, Connack, Header, Packet, PacketType, Properties, PropertyBuf, Publish, Qos, Reason, Suback, Version,
    encode_ack,
};
use ringmq_ring::SocketId;

/// One connection.
pub(super) struct Peer {
    pub(super) socket: SocketId,
    version: Version,
    /// The front of a packet that has not arrived whole.
    pub(super) partial: Vec<u8>,
    /// What is to be sent.
    pub(super) out: Vec<u8>,
    pub(super) is_dirty: bool,
}

/// What a packet asks of the sink as a whole.
pub(super) enum Wish<'a> {
    Nothing,
    Route(Publish<'a>),
    Subscribe(Vec<String>),
}

impl Peer {
    pub(super) fn new(socket: SocketId, version: Version) -> Peer {
        Peer { socket, version, partial: Vec::new(), out: Vec::new(), is_dirty: false }
    }

    /// Takes one packet and answers it; `None` to hang up.
    pub(super) fn take<'a>(&mut self, header: &Header, body: &'a [u8]) -> Option<Wish<'a>> {
        let version = self.version;
        match Packet::decode(header, body, version).ok()? {
            Packet::Connect(connect) => {
                self.version = connect.version;
                let properties = PropertyBuf::new();
                let (session_present, reason) = (false, Reason::Success);
                self.say(&Packet::Connack(Connack {
                    session_present,
                    reason,
                    properties: properties.as_properties(),
                }));
            }
            Packet::Subscribe(subscribe) => {
                let filters: Vec<String> =
                    subscribe.filters.iter().map(|(filter, _)| String::from(filter)).collect();
                let codes = vec![0; filters.len()];
                let (packet_id, properties) = (subscribe.packet_id, Properties::EMPTY);
                self.say(&Packet::Suback(Suback { packet_id, properties, codes: &codes }));
                return Some(Wish::Subscribe(filters));
            }
            Packet::Publish(publish) => {
                let answer =
                    if publish.qos == Qos::ExactlyOnce { PacketType::Pubrec } else { PacketType::Puback };
                if let Some(id) = publish.packet_id {
                    encode_ack(answer, version, id, Reason::Success, &mut self.out);
                }
                return Some(Wish::Route(publish));
            }
            Packet::Pubrel(Ack { packet_id, .. }) => {
                encode_ack(PacketType::Pubcomp, version, packet_id, Reason::Success, &mut self.out);
            }
            Packet::Pingreq => self.say(&Packet::Pingresp),
            _ => return None,
        }
        Some(Wish::Nothing)
    }

    /// Delivers a message at QoS 0.
    pub(super) fn deliver(&mut self, publish: &Publish<'_>) {
        Packet::Publish(*publish).encode(self.version, &mut self.out);
    }

    fn say(&mut self, packet: &Packet<'_>) {
        packet.encode(self.version, &mut self.out);
    }
}
