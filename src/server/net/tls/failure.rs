//! Why a TLS stream failed, for the log. Every failure counts as one cause; this says what to look at.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};

use super::words;

/// Why a TLS stream cannot go on.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum TlsFailure {
    /// The peer gave up and said why, for example because it does not trust our certificate.
    Alert(AlertDescription),
    /// No version, cipher suite, key exchange group or signature scheme in common.
    NothingInCommon(PeerIncompatible),
    /// None of the application protocols that the client offers is served.
    NoApplicationProtocol,
    /// A client certificate is required and none was shown.
    NoClientCertificate,
    /// The client certificate is expired, of an unknown issuer, or otherwise not to be trusted.
    BadClientCertificate(CertificateError),
    /// Bytes that are not TLS, or a malformed message.
    Malformed(InvalidMessage),
    /// A well-formed message that TLS does not allow there.
    Misbehaved(PeerMisbehaved),
    /// A message of a kind that TLS does not allow there.
    Unexpected(String),
    /// A record that the keys do not open: damaged, forged or out of order.
    BadRecord,
    /// A record above the size that TLS allows.
    RecordTooLarge,
    /// A handshake message that would take more memory than one record may.
    HandshakeTooLarge,
    /// The keys have encrypted as much as is safe and cannot be renewed.
    KeysExhausted,
    /// The peer ended the connection before the handshake was done, without a word.
    Abandoned,
    /// The handshake was not done in its time.
    TimedOut,
    /// The stream is not established yet, has failed before, or was closed by us.
    NotOpen,
    /// Anything else: no random numbers, no clock, a failure of the cryptographic library.
    Other(String),
}

impl From<Error> for TlsFailure {
    fn from(error: Error) -> TlsFailure {
        match error {
            Error::AlertReceived(alert) => TlsFailure::Alert(alert),
            Error::PeerIncompatible(what) => TlsFailure::NothingInCommon(what),
            Error::NoApplicationProtocol => TlsFailure::NoApplicationProtocol,
            Error::NoCertificatesPresented => TlsFailure::NoClientCertificate,
            Error::InvalidCertificate(what) => TlsFailure::BadClientCertificate(what),
            Error::InvalidMessage(what) => TlsFailure::Malformed(what),
            Error::PeerMisbehaved(what) => TlsFailure::Misbehaved(what),
            Error::DecryptError => TlsFailure::BadRecord,
            Error::PeerSentOversizedRecord => TlsFailure::RecordTooLarge,
            Error::InappropriateMessage { got_type, .. } => TlsFailure::Unexpected(words::words(&got_type)),
            Error::InappropriateHandshakeMessage { got_type, .. } => {
                TlsFailure::Unexpected(words::words(&got_type))
            }
            Error::General(what) => TlsFailure::Other(what),
            Error::FailedToGetCurrentTime => TlsFailure::Other("the clock cannot be read".to_owned()),
            Error::FailedToGetRandomBytes => {
                TlsFailure::Other("the kernel gives no random numbers".to_owned())
            }
            Error::EncryptError => TlsFailure::Other("a record could not be encrypted".to_owned()),
            other => TlsFailure::Other(words::words(&other)),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsFailure::Alert(alert) => f.write_str(&words::alert(*alert)),
            TlsFailure::NothingInCommon(what) => {
                write!(f, "nothing in common with the client: {}", words::incompatible(what))
            }
            TlsFailure::NoApplicationProtocol => {
                f.write_str("the client offers none of the application protocols of tls.alpn")
            }
            TlsFailure::NoClientCertificate => {
                f.write_str("the client showed no certificate, which tls.client_auth requires")
            }
            TlsFailure::BadClientCertificate(CertificateError::UnknownIssuer) => {
                f.write_str("the client's certificate was not issued by an authority of tls.client_ca")
            }
            TlsFailure::BadClientCertificate(what) => {
                write!(f, "the client's certificate {}", words::certificate(what))
            }
            TlsFailure::Malformed(what) => {
                write!(f, "the client sent what is not TLS: {}", words::words(what))
            }
            TlsFailure::Misbehaved(what) => {
                write!(f, "the client broke a rule of TLS: {}", words::words(what))
            }
            TlsFailure::Unexpected(what) => write!(f, "the client sent a message out of turn: {what}"),
            TlsFailure::BadRecord => f.write_str("a record could not be decrypted: it is damaged or forged"),
            TlsFailure::RecordTooLarge => {
                f.write_str("the client sent a record above the size that TLS allows")
            }
            TlsFailure::HandshakeTooLarge => {
                f.write_str("the client sent a handshake message that is too large")
            }
            TlsFailure::KeysExhausted => f.write_str("the keys are used up, which TLS 1.2 cannot renew"),
            TlsFailure::Abandoned => f.write_str(
                "the client closed the connection in the middle of the handshake; does it trust this broker's certificate?",
            ),
            TlsFailure::TimedOut => f.write_str("the handshake was not done in time, see tls.handshake_timeout_ms"),
            TlsFailure::NotOpen => f.write_str("the TLS stream is not open"),
            TlsFailure::Other(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for TlsFailure {}
