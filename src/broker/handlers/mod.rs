//! What each packet, letter and deadline means: one file per kind, and all control flow of the broker.
//!
//! Handlers are free functions over the shard. Here, and only here, topics, sessions and connections meet.

pub(crate) mod acks;
pub(crate) mod announce;
pub(crate) mod attach;
pub(crate) mod auth;
pub(crate) mod backlog;
pub(crate) mod connack;
pub(crate) mod connect;
pub(crate) mod deliver;
pub(crate) mod disconnect;
pub(crate) mod end;
pub(crate) mod fan_out;
pub(crate) mod flow;
pub(crate) mod form;
pub(crate) mod fullness;
pub(crate) mod held;
pub(crate) mod letters;
pub(crate) mod memory;
pub(crate) mod publish;
pub(crate) mod questions;
pub(crate) mod receive;
pub(crate) mod refill;
pub(crate) mod retained;
pub(crate) mod session_end;
pub(crate) mod shared;
pub(crate) mod suback;
pub(crate) mod subscribe;
pub(crate) mod sys;
pub(crate) mod timers;
pub(crate) mod trace;
pub(crate) mod unsubscribe;
pub(crate) mod will;
pub(crate) mod write;

use ringmq_protocol::{Packet, PacketType, Reason};

use crate::cause::{Cause, Ending};
use crate::shard::Shard;
use crate::slab::SlotId;

/// Acts on a packet of a connected client. An error ends the connection.
pub(crate) fn packet(shard: &mut Shard, id: SlotId, packet: &Packet<'_>) -> Result<(), Ending> {
    match packet {
        Packet::Publish(publish) => publish::publish(shard, id, publish).map(|_| ()),
        Packet::Puback(ack) => acks::puback(shard, id, ack),
        Packet::Pubrec(ack) => acks::pubrec(shard, id, ack),
        Packet::Pubrel(ack) => acks::pubrel(shard, id, ack),
        Packet::Pubcomp(ack) => acks::pubcomp(shard, id, ack),
        Packet::Subscribe(subscribe) => subscribe::subscribe(shard, id, subscribe),
        Packet::Unsubscribe(unsubscribe) => unsubscribe::unsubscribe(shard, id, unsubscribe),
        Packet::Pingreq => {
            shard.clients.write(id, |out, version| Packet::Pingresp.encode(version, out));
            Ok(())
        }
        Packet::Disconnect(disconnect) => disconnect::disconnect(shard, id, disconnect),
        Packet::Auth(auth) => auth::auth(auth),
        Packet::Connect(_) => Err(Ending { cause: Cause::SecondConnect, what: "a second CONNECT" }),
        Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
            Err(Ending { cause: Cause::ProtocolError, what: "only a server sends this packet" })
        }
    }
}

/// The acknowledgement that answers a PUBLISH of this QoS: PUBACK for 1, PUBREC for 2 [MQTT-3.3.4-1].
pub(crate) fn publish_ack_kind(qos: ringmq_protocol::Qos) -> Option<PacketType> {
    match qos {
        ringmq_protocol::Qos::AtMostOnce => None,
        ringmq_protocol::Qos::AtLeastOnce => Some(PacketType::Puback),
        ringmq_protocol::Qos::ExactlyOnce => Some(PacketType::Pubrec),
    }
}

/// Whether a reason is a refusal.
pub(crate) fn is_refusal(reason: Reason) -> bool {
    reason.is_error()
}
