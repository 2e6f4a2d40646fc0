//! The message that is published when a connection ends without a proper goodbye.
//!
//! Owns its content and delay. Must never know when that is; `handlers/end` decides.

use crate::message::Content;

/// A will, kept with the session [MQTT-3.1.2-7].
#[derive(Debug)]
pub(crate) struct Will {
    /// Topic, passed-on properties, payload, QoS and RETAIN. Its expiry is unset: it begins when it is published.
    pub(crate) content: Content,
    /// Seconds between the end of the connection and publication.
    pub(crate) delay_s: u32,
    /// Message expiry in seconds, counted from publication.
    pub(crate) expiry_s: Option<u32>,
}
