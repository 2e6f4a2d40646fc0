//! Why a connection of ours ended although it was meant to go on.
//!
//! Owns the words for it, as a user reads them in the report. Must never know what becomes of the run.

use std::fmt;
use std::io;

use ringmq_protocol::{DecodeError, PacketType, Reason, Version};
use ringmq_ring::Closed;

use crate::tls;

/// What went wrong with one connection.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The connection could not be begun or made.
    Dial(io::Error),
    /// Not ready within the time allowed.
    TimedOut,
    /// The stream ended without a word.
    Closed(Closed),
    /// The TLS handshake or a record failed.
    Tls(rustls::Error),
    /// The stream ended before CONNACK.
    Unanswered(Version),
    /// CONNACK as 3.1.1 has it, which says that it does not know 5.0.
    OldBroker,
    /// CONNACK with an error.
    Refused(Reason),
    /// SUBACK with an error.
    SubscriptionRefused(u8),
    /// CONNACK denies what the workload needs.
    Lacks(&'static str),
    /// DISCONNECT from the broker.
    Disconnected(Reason),
    /// Bytes that are no MQTT.
    Junk(DecodeError),
    /// A packet that has no place here, or answers nothing that was asked.
    Unexpected(PacketType),
    /// A packet larger than anything that was published.
    TooLarge,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Dial(error) => write!(out, "cannot connect: {error}"),
            Fault::TimedOut => write!(out, "not connected within the time allowed (--connect-timeout)"),
            Fault::Closed(Closed::Eof) => write!(out, "the broker closed the connection"),
            Fault::Closed(Closed::Reset) => write!(out, "the broker reset the connection"),
            Fault::Closed(Closed::Error(errno)) => write!(out, "{}", io::Error::from_raw_os_error(*errno)),
            Fault::Closed(Closed::ByUs) => write!(out, "closed by ourselves"),
            Fault::Tls(error) => write!(out, "TLS: {}", tls::sentence(error)),
            Fault::Unanswered(Version::V5) => write!(
                out,
                "the broker closed the connection before CONNACK; if it does not speak MQTT 5.0, use --mqtt 3.1.1"
            ),
            Fault::Unanswered(_) => write!(out, "the broker closed the connection before CONNACK"),
            Fault::OldBroker => write!(out, "the broker does not speak MQTT 5.0: use --mqtt 3.1.1"),
            Fault::Refused(reason) => write!(out, "CONNACK: {} ({:#04x})", reason.name(), reason.as_byte()),
            Fault::SubscriptionRefused(code) => match Reason::from_byte(*code) {
                Some(reason) => write!(out, "SUBACK: {} ({code:#04x})", reason.name()),
                None => write!(out, "SUBACK: code {code:#04x}"),
            },
            Fault::Lacks(what) => write!(out, "the broker does not offer {what}"),
            Fault::Disconnected(reason) => {
                write!(out, "DISCONNECT: {} ({:#04x})", reason.name(), reason.as_byte())
            }
            Fault::Junk(error) => write!(out, "the broker sent junk: {error}"),
            Fault::Unexpected(kind) => write!(out, "the broker sent an unexpected {}", kind.name()),
            Fault::TooLarge => write!(out, "the broker sent a packet larger than any that was published"),
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Fault {
        Fault::Junk(error)
    }
}

impl From<rustls::Error> for Fault {
    fn from(error: rustls::Error) -> Fault {
        Fault::Tls(error)
    }
}
