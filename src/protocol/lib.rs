//! Bytes to packets and back, for MQTT 3.1, 3.1.1 and 5.0.
//!
//! Floor 0: no dependencies, no clock, no state beyond one frame. Decoded packets borrow from the bytes they
//! were read from. [`Header::read`] cuts a frame off a stream, [`Packet::decode`] reads it,
//! [`Packet::encode`] writes it. Both directions are served, because the load generator and the tests are
//! clients; what only one side may send is for the receiver to refuse ([`PacketType::is_server_only`],
//! [`Reason::client_may_send`]).
//!
//! | file | subject |
//! | --- | --- |
//! | `frame` `packet_type` | the fixed header; the types of packets |
//! | `body` | what packets have in common |
//! | `packet` | the sum of all packets |
//! | `connect` `connack` `disconnect` `auth` | one packet kind each |
//! | `publish` `acks` | a message and the four answers to it |
//! | `delivery` | the PUBLISH of a server to one receiver, without copying the payload |
//! | `subscribe` `unsubscribe` `suback` | the requests and their answers, SUBACK and UNSUBACK |
//! | `property` `properties` | the table of properties; a section of them |
//! | `reason` | the table of reason codes |
//! | `topic` | topic names, filters, plain matching |
//! | `version` | versions, quality of service |
//! | `reader` `writer` `error` | the data types of section 1.5, what can be wrong |
//!
//! This floor must never know sockets, sessions or time.
//!
//! A packet to bytes and back:
//!
//! ```
//! use ringmq_protocol::{Header, Packet, Properties, Publish, Qos, Version};
//!
//! let publish = Packet::Publish(Publish {
//!     dup: false,
//!     qos: Qos::AtMostOnce,
//!     retain: false,
//!     topic: "attic/air",
//!     packet_id: None,
//!     properties: Properties::EMPTY,
//!     payload: b"21.5",
//! });
//! let mut wire = Vec::new();
//! publish.encode(Version::V5, &mut wire);
//!
//! // From a stream that may hold less than a packet, or more than one:
//! assert_eq!(Header::read(&wire[..1])?, None, "more bytes are needed");
//! let header = Header::read(&wire)?.expect("the fixed header is whole");
//! let body = &wire[header.header_len..header.total_len()];
//! assert_eq!(Packet::decode(&header, body, Version::V5)?, publish);
//! # Ok::<(), ringmq_protocol::DecodeError>(())
//! ```

#![forbid(unsafe_code)]

mod acks;
mod auth;
mod body;
mod connack;
mod connect;
mod delivery;
mod disconnect;
mod error;
mod frame;
mod packet;
mod packet_type;
mod properties;
mod property;
mod publish;
mod reader;
mod reason;
mod suback;
mod subscribe;
mod topic;
mod unsubscribe;
mod version;
mod writer;

pub use acks::{Ack, encode_ack, plain_puback};
pub use auth::Auth;
pub use body::PacketId;
pub use connack::Connack;
pub use connect::{Connect, Will};
pub use delivery::{Delivery, TooLarge};
pub use disconnect::Disconnect;
pub use error::DecodeError;
pub use frame::{BODY_BYTES_MAX, Header, PACKET_BYTES_MAX};
pub use packet::Packet;
pub use packet_type::PacketType;
pub use properties::{Properties, PropertyBuf};
pub use property::{Place, Property};
pub use publish::Publish;
pub use reason::Reason;
pub use suback::{Suback, Unsuback};
pub use subscribe::{FilterBuf, Filters, RetainHandling, Subscribe, SubscribeOptions};
pub use topic::{
    Filter, SHARE_PREFIX, TOPIC_BYTES_MAX, is_valid_filter, is_valid_topic, level_count, matches,
};
pub use unsubscribe::{TopicFilterBuf, TopicFilters, Unsubscribe};
pub use version::{Qos, Version};

#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod testing;
