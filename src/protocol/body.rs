//! What packets have in common: a body behind the fixed header, and in many of them an identifier.
//!
//! Owns how a body is asked to write itself. Must never know a kind of packet.

use std::num::NonZeroU16;

use crate::version::Version;

/// Names a PUBLISH, SUBSCRIBE or UNSUBSCRIBE until it is answered; never 0 [MQTT-2.2.1-3].
pub type PacketId = NonZeroU16;

/// What stands behind a fixed header.
pub(crate) trait Body {
    /// Bytes that [`Body::put`] writes.
    fn body_len(&self, version: Version) -> usize;
    /// Writes variable header and payload.
    fn put(&self, version: Version, out: &mut Vec<u8>);
}
