//! Any packet: decoding by type, encoding with its fixed header.
//!
//! Owns the sum of the packet kinds. Must never know the fields of one.

use crate::acks::Ack;
use crate::auth::Auth;
use crate::body::Body;
use crate::connack::Connack;
use crate::connect::Connect;
use crate::disconnect::Disconnect;
use crate::error::DecodeError;
use crate::frame::Header;
use crate::packet_type::PacketType;
use crate::publish::Publish;
use crate::reader::Reader;
use crate::suback::{Suback, Unsuback};
use crate::subscribe::Subscribe;
use crate::unsubscribe::Unsubscribe;
use crate::version::Version;
use crate::writer::{length_len, put_length};

/// The body of PINGREQ and PINGRESP.
struct Empty;

impl Body for Empty {
    fn body_len(&self, _: Version) -> usize {
        0
    }

    fn put(&self, _: Version, _: &mut Vec<u8>) {}
}

/// One packet, borrowing from the bytes it was decoded from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packet<'a> {
    /// The first packet of a client.
    Connect(Connect<'a>),
    /// The answer to CONNECT.
    Connack(Connack<'a>),
    /// A message.
    Publish(Publish<'a>),
    /// Ends a QoS 1 publish.
    Puback(Ack<'a>),
    /// Takes over a QoS 2 publish.
    Pubrec(Ack<'a>),
    /// Lets go of a QoS 2 publish.
    Pubrel(Ack<'a>),
    /// Ends a QoS 2 publish.
    Pubcomp(Ack<'a>),
    /// Filters to add.
    Subscribe(Subscribe<'a>),
    /// The answer to SUBSCRIBE.
    Suback(Suback<'a>),
    /// Filters to remove.
    Unsubscribe(Unsubscribe<'a>),
    /// The answer to UNSUBSCRIBE.
    Unsuback(Unsuback<'a>),
    /// A sign of life.
    Pingreq,
    /// The answer to PINGREQ.
    Pingresp,
    /// The last packet.
    Disconnect(Disconnect<'a>),
    /// A step of enhanced authentication.
    Auth(Auth<'a>),
}

impl<'a> Packet<'a> {
    /// Reads the packet whose fixed header is `header`; `body` is exactly what stands behind it. A CONNECT
    /// tells its own version, `version` is not looked at.
    ///
    /// # Errors
    /// Everything that the bytes themselves show to be wrong: flags, fields, strings, properties, reason
    /// codes of other packets. What depends on the connection (who may send it, whether it is expected,
    /// limits, aliases) is left to the receiver.
    ///
    /// # Panics
    /// If `body` is not as long as the header says.
    pub fn decode(header: &Header, body: &'a [u8], version: Version) -> Result<Packet<'a>, DecodeError> {
        assert_eq!(header.body_len, body.len(), "the body is cut by its header");
        let kind = header.kind;
        let reader = &mut Reader::new(body);
        if kind != PacketType::Connect {
            header.check(version)?;
        }
        let packet = match kind {
            PacketType::Connect => Packet::Connect(Connect::read(header, reader)?),
            PacketType::Connack => Packet::Connack(Connack::read(reader, version)?),
            PacketType::Publish => return Publish::read(header, reader, version).map(Packet::Publish),
            PacketType::Puback => Packet::Puback(Ack::read(kind, reader, version)?),
            PacketType::Pubrec => Packet::Pubrec(Ack::read(kind, reader, version)?),
            PacketType::Pubrel => Packet::Pubrel(Ack::read(kind, reader, version)?),
            PacketType::Pubcomp => Packet::Pubcomp(Ack::read(kind, reader, version)?),
            PacketType::Subscribe => return Subscribe::read(reader, version).map(Packet::Subscribe),
            PacketType::Suback => return Suback::read(reader, version).map(Packet::Suback),
            PacketType::Unsubscribe => return Unsubscribe::read(reader, version).map(Packet::Unsubscribe),
            PacketType::Unsuback => return Unsuback::read(reader, version).map(Packet::Unsuback),
            PacketType::Pingreq => Packet::Pingreq,
            PacketType::Pingresp => Packet::Pingresp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect::read(reader, version)?),
            PacketType::Auth => Packet::Auth(Auth::read(reader)?),
        };
        reader.finish()?;
        Ok(packet)
    }

    /// Its type.
    pub const fn kind(&self) -> PacketType {
        match self {
            Packet::Connect(_) => PacketType::Connect,
            Packet::Connack(_) => PacketType::Connack,
            Packet::Publish(_) => PacketType::Publish,
            Packet::Puback(_) => PacketType::Puback,
            Packet::Pubrec(_) => PacketType::Pubrec,
            Packet::Pubrel(_) => PacketType::Pubrel,
            Packet::Pubcomp(_) => PacketType::Pubcomp,
            Packet::Subscribe(_) => PacketType::Subscribe,
            Packet::Suback(_) => PacketType::Suback,
            Packet::Unsubscribe(_) => PacketType::Unsubscribe,
            Packet::Unsuback(_) => PacketType::Unsuback,
            Packet::Pingreq => PacketType::Pingreq,
            Packet::Pingresp => PacketType::Pingresp,
            Packet::Disconnect(_) => PacketType::Disconnect,
            Packet::Auth(_) => PacketType::Auth,
        }
    }

    /// Bytes that [`Packet::encode`] writes.
    pub fn encoded_len(&self, version: Version) -> usize {
        let body_len = self.body().body_len(version);
        1 + length_len(body_len) + body_len
    }

    /// Appends the packet. What the version does not know is left out: properties, and reason codes but those
    /// of CONNACK and SUBACK, which become the nearest older code. A CONNECT is written in its own version.
    ///
    /// # Panics
    /// If a field does not fit the wire (a string above 65,535 bytes or with U+0000, a body above
    /// [`crate::BODY_BYTES_MAX`]), if a PUBLISH has a packet identifier without QoS or the other way round,
    /// and for AUTH before 5.0.
    pub fn encode(&self, version: Version, out: &mut Vec<u8>) {
        let body = self.body();
        let body_len = body.body_len(version);
        out.reserve(1 + length_len(body_len) + body_len);
        out.push(self.first_byte());
        put_length(out, body_len);
        let start = out.len();
        body.put(version, out);
        debug_assert_eq!(out.len() - start, body_len, "{:?} is as long as it says", self.kind());
    }

    fn first_byte(&self) -> u8 {
        match self {
            Packet::Publish(publish) => publish.first_byte(),
            _ => self.kind().first_byte(),
        }
    }

    fn body(&self) -> &dyn Body {
        match self {
            Packet::Connect(packet) => packet,
            Packet::Connack(packet) => packet,
            Packet::Publish(packet) => packet,
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => ack,
            Packet::Subscribe(packet) => packet,
            Packet::Suback(packet) => packet,
            Packet::Unsubscribe(packet) => packet,
            Packet::Unsuback(packet) => packet,
            Packet::Pingreq | Packet::Pingresp => &Empty,
            Packet::Disconnect(packet) => packet,
            Packet::Auth(packet) => packet,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
    use crate::testing::{check_golden, refusal};

    #[test]
    fn golden_bytes_of_the_empty_packets() {
        for version in Version::ALL {
            check_golden(&Packet::Pingreq, version, &[0xC0, 0]);
            check_golden(&Packet::Pingresp, version, &[0xD0, 0]);
        }
    }

    /// Section 3.12.1: a PINGREQ has nothing behind its header.
    #[test]
    fn pings_are_empty() {
        for first in [0xC0, 0xD0] {
            assert_eq!(refusal(first, &[0], Version::V5), Some(Reason::MalformedPacket));
        }
    }

    /// Hot paths hand packets around by value.
    #[test]
    fn packets_are_small() {
        assert!(size_of::<Packet<'_>>() <= 160, "{} bytes", size_of::<Packet<'_>>());
        assert!(size_of::<Publish<'_>>() <= 56, "{} bytes", size_of::<Publish<'_>>());
    }
}
