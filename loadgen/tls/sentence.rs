//! What went wrong with TLS, in plain sentences for whoever measures a broker.
//!
//! Owns the sentences. Must never know a connection or a file.

use std::fmt::Debug;

use heck::ToSnakeCase;
use rustls::{AlertDescription, CertificateError, Error, InconsistentKeys, OtherError, PeerIncompatible};

/// Why TLS failed.
pub(crate) fn sentence(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(why) => format!("the broker's certificate {}", certificate(why)),
        Error::AlertReceived(alert) => self::alert(*alert),
        Error::PeerIncompatible(why) => format!("nothing in common with the broker: {}", incompatible(why)),
        Error::PeerMisbehaved(why) => format!("the broker broke a rule of TLS: {}", words(why)),
        Error::InvalidMessage(_) => "what the broker sent is not TLS: does it serve plain TCP there?".into(),
        Error::InappropriateMessage { got_type, .. } => out_of_turn(got_type),
        Error::InappropriateHandshakeMessage { got_type, .. } => out_of_turn(got_type),
        Error::NoCertificatesPresented => "the broker showed no certificate".into(),
        Error::DecryptError => "a record could not be decrypted: it is damaged or forged".into(),
        Error::PeerSentOversizedRecord => "the broker sent a record above the size that TLS allows".into(),
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => "the key is of another certificate".into(),
        Error::FailedToGetCurrentTime => "the clock cannot be read".into(),
        Error::FailedToGetRandomBytes => "the kernel gives no random numbers".into(),
        Error::General(why) => why.clone(),
        other => words(other),
    }
}

fn out_of_turn(kind: &impl Debug) -> String {
    format!("the broker sent a message out of turn: {}", words(kind))
}

/// What is wrong with a certificate, as the end of a sentence that begins with it.
pub(super) fn certificate(error: &CertificateError) -> String {
    use CertificateError as C;
    let told = match error {
        C::BadEncoding => "is not well-formed X.509",
        C::Expired | C::ExpiredContext { .. } => "has expired",
        C::NotValidYet | C::NotValidYetContext { .. } => "is not valid yet: is the clock right?",
        C::UnknownIssuer => "was not issued by an authority of --ca",
        C::BadSignature => {
            "has a wrong signature: it was changed, or issued by another authority of the same name"
        }
        C::NotValidForNameContext { expected, presented } if !presented.is_empty() => {
            let names: Vec<&str> = presented.iter().map(|name| plain_name(name)).collect();
            return format!("is not for {}, but for {}", expected.to_str(), names.join(", "));
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => "is for another name",
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => {
            "is for another purpose: a broker's needs the extended key usage serverAuth"
        }
        C::UnsupportedSignatureAlgorithmContext { .. }
        | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed with an algorithm that is not supported"
        }
        C::UnhandledCriticalExtension => "has a critical extension that is not understood",
        C::Other(OtherError(why)) => match why.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                "is an authority's, which no broker may show: use --insecure to believe it"
            }
            "UnsupportedCertVersion" => "is X.509 version 1, and only version 3 is accepted",
            other => return format!("is not accepted: {}", spaced(other)),
        },
        other => return format!("is not accepted: {}", words(other)),
    };
    told.to_owned()
}

/// A name as a user writes it: rustls has `DnsName("localhost")` and `IpAddress(::1)`.
fn plain_name(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, rest)| rest.trim_matches([')', '"']))
}

/// The broker gave up: an alert by its name in the standard, and what it means.
fn alert(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let name = match alert {
        A::Unknown(number) => number.to_string(),
        known => words(&known).replace(' ', "_"),
    };
    let meaning = match alert {
        A::CertificateRequired => ": it asks for a client certificate, see --cert and --key",
        A::UnknownCA => ": it does not trust the authority of our certificate",
        A::BadCertificate | A::CertificateUnknown | A::UnsupportedCertificate => {
            ": it does not accept our certificate"
        }
        A::CertificateExpired => ": by its clock our certificate is not valid",
        A::CertificateRevoked => ": our certificate is revoked",
        A::HandshakeFailure | A::InsufficientSecurity => {
            ": it found no settings in common, or misses a client certificate"
        }
        A::ProtocolVersion => ": it speaks neither TLS 1.2 nor 1.3",
        A::UnrecognisedName => ": it does not go by the name that it was asked for",
        A::NoApplicationProtocol => ": it does not speak the application protocol mqtt",
        A::DecryptError | A::BadRecordMac => ": a signature or a record was wrong",
        _ => "",
    };
    format!("the broker ended it with the alert {name}{meaning}")
}

fn incompatible(what: &PeerIncompatible) -> String {
    use PeerIncompatible as P;
    match what {
        P::ServerDoesNotSupportTls12Or13 | P::ServerTlsVersionIsDisabledByOurConfig => {
            "it speaks neither TLS 1.2 nor 1.3".into()
        }
        P::NoCipherSuitesInCommon => "no cipher".into(),
        P::NoKxGroupsInCommon => "no key exchange group".into(),
        P::NoSignatureSchemesInCommon | P::NoCertificateRequestSignatureSchemesInCommon => {
            "no signature".into()
        }
        other => words(other),
    }
}

/// The name of a variant as words: `TooManyKeyUpdates` is `too many key updates`. What it holds is left out.
fn words(variant: &impl Debug) -> String {
    let name = format!("{variant:?}");
    spaced(name.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default())
}

fn spaced(name: &str) -> String {
    name.to_snake_case().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{InvalidMessage, PeerMisbehaved};

    use super::*;

    #[test]
    fn what_users_meet_is_told_in_plain_sentences() {
        let expected = ServerName::try_from("10.0.0.7").unwrap();
        let presented = vec!["DnsName(\"localhost\")".to_owned(), "IpAddress(::1)".to_owned()];
        let time = UnixTime::now();
        for (error, told) in [
            (
                CertificateError::ExpiredContext { time, not_after: time }.into(),
                "the broker's certificate has expired",
            ),
            (
                CertificateError::UnknownIssuer.into(),
                "the broker's certificate was not issued by an authority of --ca",
            ),
            (
                CertificateError::NotValidForNameContext { expected, presented }.into(),
                "the broker's certificate is not for 10.0.0.7, but for localhost, ::1",
            ),
            (
                Error::AlertReceived(AlertDescription::CertificateRequired),
                "the broker ended it with the alert certificate_required: it asks for a client certificate, see --cert \
                 and --key",
            ),
            (
                Error::AlertReceived(AlertDescription::ProtocolVersion),
                "the broker ended it with the alert protocol_version: it speaks neither TLS 1.2 nor 1.3",
            ),
            (
                PeerIncompatible::ServerDoesNotSupportTls12Or13.into(),
                "nothing in common with the broker: it speaks neither TLS 1.2 nor 1.3",
            ),
            (
                InvalidMessage::InvalidContentType.into(),
                "what the broker sent is not TLS: does it serve plain TCP there?",
            ),
            (
                PeerMisbehaved::TooManyKeyUpdateRequests.into(),
                "the broker broke a rule of TLS: too many key update requests",
            ),
        ] {
            assert_eq!(sentence(&error), told);
        }
    }

    #[test]
    fn every_alert_is_named_as_in_the_standard() {
        for number in 0..=255 {
            let told = alert(AlertDescription::from(number));
            let name = told.strip_prefix("the broker ended it with the alert ").unwrap();
            let name = name.split(':').next().unwrap_or_default();
            assert!(!name.is_empty() && !name.contains([' ', '(']) && name.to_lowercase() == name, "{told}");
        }
    }
}
