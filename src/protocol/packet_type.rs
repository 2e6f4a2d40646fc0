//! The packet types, and what each type alone tells.
//!
//! Owns their numbers, names and prescribed flags. Must never look at a packet.

/// The type of a packet, section 2.1.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum PacketType {
    /// Client to server: the first packet.
    Connect = 1,
    /// Server to client: answer to CONNECT.
    Connack = 2,
    /// Either way: a message.
    Publish = 3,
    /// Either way: answer to a QoS 1 PUBLISH.
    Puback = 4,
    /// Either way: first answer to a QoS 2 PUBLISH.
    Pubrec = 5,
    /// Either way: answer to PUBREC.
    Pubrel = 6,
    /// Either way: answer to PUBREL.
    Pubcomp = 7,
    /// Client to server: filters to add.
    Subscribe = 8,
    /// Server to client: answer to SUBSCRIBE.
    Suback = 9,
    /// Client to server: filters to remove.
    Unsubscribe = 10,
    /// Server to client: answer to UNSUBSCRIBE.
    Unsuback = 11,
    /// Client to server: sign of life.
    Pingreq = 12,
    /// Server to client: answer to PINGREQ.
    Pingresp = 13,
    /// Either way in 5.0, client to server before: the last packet.
    Disconnect = 14,
    /// Either way, 5.0 only: a step of enhanced authentication.
    Auth = 15,
}

impl PacketType {
    /// Every type, in the order of their numbers.
    pub const ALL: [PacketType; 15] = [
        PacketType::Connect,
        PacketType::Connack,
        PacketType::Publish,
        PacketType::Puback,
        PacketType::Pubrec,
        PacketType::Pubrel,
        PacketType::Pubcomp,
        PacketType::Subscribe,
        PacketType::Suback,
        PacketType::Unsubscribe,
        PacketType::Unsuback,
        PacketType::Pingreq,
        PacketType::Pingresp,
        PacketType::Disconnect,
        PacketType::Auth,
    ];

    /// The type of a number 1 to 15, the upper half of a packet's first byte; `None` for others.
    pub const fn from_number(number: u8) -> Option<PacketType> {
        match number {
            1..=15 => Some(PacketType::ALL[number as usize - 1]),
            _ => None,
        }
    }

    /// Its name as the standard writes it.
    pub const fn name(self) -> &'static str {
        match self {
            PacketType::Connect => "CONNECT",
            PacketType::Connack => "CONNACK",
            PacketType::Publish => "PUBLISH",
            PacketType::Puback => "PUBACK",
            PacketType::Pubrec => "PUBREC",
            PacketType::Pubrel => "PUBREL",
            PacketType::Pubcomp => "PUBCOMP",
            PacketType::Subscribe => "SUBSCRIBE",
            PacketType::Suback => "SUBACK",
            PacketType::Unsubscribe => "UNSUBSCRIBE",
            PacketType::Unsuback => "UNSUBACK",
            PacketType::Pingreq => "PINGREQ",
            PacketType::Pingresp => "PINGRESP",
            PacketType::Disconnect => "DISCONNECT",
            PacketType::Auth => "AUTH",
        }
    }

    /// Whether only a server sends it: from a client it is an error.
    pub const fn is_server_only(self) -> bool {
        matches!(self, PacketType::Connack | PacketType::Suback | PacketType::Unsuback | PacketType::Pingresp)
    }

    /// The flag nibble that the type prescribes; that of PUBLISH carries information instead [MQTT-2.1.3-1].
    pub(crate) const fn fixed_flags(self) -> u8 {
        match self {
            PacketType::Pubrel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    /// The first byte of every packet of this type but PUBLISH.
    pub(crate) const fn first_byte(self) -> u8 {
        (self as u8) << 4 | self.fixed_flags()
    }

    /// One bit per type, for sets of types. Bit 0 is left for the will, which has properties of its own.
    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_numbers_agree() {
        for kind in PacketType::ALL {
            assert_eq!(PacketType::from_number(kind as u8), Some(kind));
            assert_eq!(kind.bit().trailing_zeros(), kind as u32);
            assert_eq!(kind.name().to_lowercase(), format!("{kind:?}").to_lowercase());
        }
        assert_eq!(PacketType::from_number(0), None);
        assert_eq!(PacketType::from_number(16), None);
    }
}
