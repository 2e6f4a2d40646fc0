//! What is wrong with bytes that do not decode.
//!
//! Owns the error type and its short constructors. Must never know what becomes of the connection.

use std::fmt;

use crate::reason::Reason;

/// Why bytes are not a packet of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// The code a 5.0 peer is told in CONNACK or DISCONNECT; always 0x80 or above.
    pub reason: Reason,
    /// A short fixed sentence that names what was wrong, fit to be sent as Reason String.
    pub what: &'static str,
}

impl DecodeError {
    /// The bytes cannot be parsed (0x81).
    pub(crate) const fn malformed(what: &'static str) -> DecodeError {
        DecodeError { reason: Reason::MalformedPacket, what }
    }

    /// The bytes can be parsed but are not allowed (0x82).
    pub(crate) const fn protocol(what: &'static str) -> DecodeError {
        DecodeError { reason: Reason::ProtocolError, what }
    }

    /// A topic alias that stands for nothing (0x94).
    pub(crate) const fn topic_alias(what: &'static str) -> DecodeError {
        DecodeError { reason: Reason::TopicAliasInvalid, what }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.what)
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_a_sentence() {
        let error = DecodeError::malformed("the packet ends inside a field");
        assert_eq!(error.to_string(), "Malformed Packet: the packet ends inside a field");
        assert!(DecodeError::topic_alias("x").reason.is_error());
    }
}
