//! What a client may ask for, in a form that a fuzzer can vary.
//!
//! Owns the choice of topics, filters and terms. Must never know what became of a request.

use std::num::NonZeroU16;

use arbitrary::Arbitrary;
use ringmq_protocol::{Property, PropertyBuf, Qos, RetainHandling, SHARE_PREFIX, SubscribeOptions, Version};

const TOPICS: [&str; 8] = ["a", "a/b", "a/b/c", "b", "/", "a//", "$x", "w"];
const FILTERS: [&str; 14] = [
    "#",
    "+",
    "a/#",
    "a/+",
    "a/b",
    "b",
    "+/b",
    "w",
    "a//",
    "$x",
    "a/#/b",
    "$share/g/a/b",
    "$share/g/#",
    "$share/h/+/b",
];

/// A packet that a connected client sends.
#[derive(Arbitrary, Debug)]
pub enum Request {
    /// PUBLISH.
    Publish(Draft),
    /// SUBSCRIBE with one or two filters.
    Subscribe {
        /// Its packet identifier.
        id: u8,
        /// Filters with their options.
        first: (u8, u8),
        /// As the first.
        second: Option<(u8, u8)>,
        /// Subscription Identifier; 0 for none.
        identifier: u8,
    },
    /// UNSUBSCRIBE with one or two filters.
    Unsubscribe {
        /// Its packet identifier.
        id: u8,
        /// A filter.
        first: u8,
        /// Another.
        second: Option<u8>,
    },
    /// An acknowledgement of anything.
    Ack {
        /// Which of the four.
        kind: u8,
        /// Of this packet identifier.
        id: u8,
        /// Whether it is a refusal.
        is_refusal: bool,
    },
    /// PINGREQ.
    Ping,
    /// DISCONNECT.
    Disconnect {
        /// Whether the will goes out.
        with_will: bool,
        /// A new session expiry.
        expiry_s: Option<u16>,
    },
}

/// What a PUBLISH is like.
#[derive(Arbitrary, Debug)]
pub struct Draft {
    topic: u8,
    qos: u8,
    size: Size,
    pub(super) is_retained: bool,
    pub(super) is_repeat: bool,
    pub(super) id: u8,
    pub(super) expiry_s: Option<u8>,
    pub(super) alias: Alias,
}

/// How a PUBLISH names its topic.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Alias {
    None,
    Set(u8),
    Use(u8),
}

/// Bytes of a payload.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Empty,
    Small,
    Medium,
    /// Held by reference on its way out.
    Large,
}

/// What a CONNECT asks for.
#[derive(Arbitrary, Debug)]
pub struct Terms {
    version: u8,
    pub(super) is_clean: bool,
    pub(super) keep_alive_s: u8,
    expiry_s: u16,
    receive_max: Option<u8>,
    packet_max: Option<u16>,
    alias_max: Option<u8>,
    pub(super) will: Option<WillDraft>,
}

/// What a will is like.
#[derive(Arbitrary, Debug)]
pub(super) struct WillDraft {
    topic: u8,
    qos: u8,
    pub(super) is_retained: bool,
    pub(super) delay_s: u8,
}

impl Terms {
    pub(super) fn version(&self) -> Version {
        Version::ALL[usize::from(self.version) % Version::ALL.len()]
    }

    /// Messages at QoS 1 and 2 that it takes at one time.
    pub(super) fn window(&self) -> usize {
        let asked = self.receive_max.filter(|_| self.version().is_v5());
        asked.map_or(65_535, |most| usize::from(most).max(1))
    }

    /// Bytes of the largest packet that it takes.
    pub(super) fn packet_bytes_max(&self) -> usize {
        let asked = self.packet_max.filter(|_| self.version().is_v5());
        asked.map_or(usize::MAX, |most| usize::from(most).max(1))
    }

    /// Topic aliases that it takes.
    pub(super) fn alias_max(&self) -> u16 {
        self.alias_max.filter(|_| self.version().is_v5()).map_or(0, u16::from)
    }

    pub(super) fn properties(&self) -> PropertyBuf {
        let mut properties = PropertyBuf::new();
        properties.push(Property::SessionExpiry(self.expiry_s.into()));
        if let Some(most) = self.receive_max {
            properties.push(Property::ReceiveMaximum(u16::from(most).max(1)));
        }
        if let Some(most) = self.packet_max {
            properties.push(Property::MaximumPacketSize(u32::from(most).max(1)));
        }
        if let Some(most) = self.alias_max {
            properties.push(Property::TopicAliasMaximum(most.into()));
        }
        properties
    }
}

impl WillDraft {
    pub(super) fn topic(&self) -> &'static str {
        topic(self.topic)
    }

    pub(super) fn qos(&self) -> Qos {
        qos(self.qos)
    }
}

impl Draft {
    pub(super) fn topic(&self) -> &'static str {
        topic(self.topic)
    }

    pub(super) fn qos(&self) -> Qos {
        qos(self.qos)
    }

    pub(super) fn payload_bytes(&self) -> usize {
        match self.size {
            Size::Empty => 0,
            Size::Small => 4,
            Size::Medium => 300,
            Size::Large => 17_000,
        }
    }
}

fn topic(number: u8) -> &'static str {
    TOPICS[usize::from(number) % TOPICS.len()]
}

pub(super) fn filter(number: u8) -> &'static str {
    FILTERS[usize::from(number) % FILTERS.len()]
}

pub(super) fn qos(number: u8) -> Qos {
    Qos::from_bits(number % 3).unwrap_or_default()
}

/// Options that the version has and the filter may have.
pub(super) fn options(bits: u8, filter: &str, version: Version) -> SubscribeOptions {
    let has = |bit: u8| version.is_v5() && bits & bit != 0;
    let retain_handling = match bits >> 6 {
        1 if version.is_v5() => RetainHandling::IfNew,
        2 if version.is_v5() => RetainHandling::Never,
        _ => RetainHandling::Always,
    };
    SubscribeOptions {
        qos: qos(bits & 3),
        no_local: has(4) && !filter.starts_with(SHARE_PREFIX),
        retain_as_published: has(8),
        retain_handling,
    }
}

/// Identifiers of few packets, so that they meet.
pub(super) fn packet_id(number: u8) -> NonZeroU16 {
    NonZeroU16::MIN.saturating_add(u16::from(number % 8))
}
