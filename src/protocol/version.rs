//! The protocol versions and the quality-of-service levels.
//!
//! Owns the two smallest words of the vocabulary. Must never know what a packet looks like.

/// A version of MQTT that is decoded and encoded here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Version {
    /// MQTT 3.1: protocol name `MQIsdp`, level 3.
    V31,
    /// MQTT 3.1.1: protocol name `MQTT`, level 4.
    V311,
    /// MQTT 5.0: protocol name `MQTT`, level 5.
    V5,
}

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Version; 3] = [Version::V31, Version::V311, Version::V5];

    /// The protocol level as CONNECT carries it: 3, 4 or 5.
    pub const fn level(self) -> u8 {
        match self {
            Version::V31 => 3,
            Version::V311 => 4,
            Version::V5 => 5,
        }
    }

    /// The version of a protocol level; `None` for a level that is not served [MQTT-3.1.2-2].
    pub const fn from_level(level: u8) -> Option<Version> {
        match level {
            3 => Some(Version::V31),
            4 => Some(Version::V311),
            5 => Some(Version::V5),
            _ => None,
        }
    }

    /// The protocol name as CONNECT carries it [MQTT-3.1.2-1].
    pub const fn name(self) -> &'static str {
        match self {
            Version::V31 => "MQIsdp",
            Version::V311 | Version::V5 => "MQTT",
        }
    }

    /// Whether packets have properties and reason codes.
    pub const fn is_v5(self) -> bool {
        matches!(self, Version::V5)
    }
}

/// Quality of service of one message or one subscription, lowest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Qos {
    /// 0: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// 1: sent until a PUBACK comes.
    AtLeastOnce = 1,
    /// 2: handed over with PUBREC, PUBREL and PUBCOMP.
    ExactlyOnce = 2,
}

impl Qos {
    /// The level that a number stands for; `None` above 2 [MQTT-3.3.1-4].
    pub const fn from_bits(bits: u8) -> Option<Qos> {
        match bits {
            0 => Some(Qos::AtMostOnce),
            1 => Some(Qos::AtLeastOnce),
            2 => Some(Qos::ExactlyOnce),
            _ => None,
        }
    }

    /// The level as a number, 0 to 2.
    pub const fn bits(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_both_ways() {
        for version in Version::ALL {
            assert_eq!(Version::from_level(version.level()), Some(version));
        }
        for level in [0, 1, 2, 6, 0x83, 0x84, 255] {
            assert_eq!(Version::from_level(level), None);
        }
    }

    /// [MQTT-3.3.1-4] 3 is no quality of service.
    #[test]
    fn qos_has_three_levels() {
        for bits in 0..=255 {
            assert_eq!(Qos::from_bits(bits).map(Qos::bits), (bits < 3).then_some(bits));
        }
    }
}
