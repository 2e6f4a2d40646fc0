//! What rustls means, in plain sentences for an operator: certificates, alerts, and the rules that a peer broke.
//!
//! Owns the sentences. Must never know a connection or a file.

use std::borrow::Cow;
use std::fmt::Debug;

use heck::ToSnakeCase;
use rustls::{AlertDescription, CertificateError, OtherError, PeerIncompatible};

/// What is wrong with a certificate, as the end of a sentence that begins with "the certificate".
pub(crate) fn certificate(error: &CertificateError) -> Cow<'static, str> {
    use CertificateError::{
        BadEncoding, BadSignature, Expired, ExpiredContext, InvalidPurpose, InvalidPurposeContext,
        NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext, Other, Revoked,
        UnhandledCriticalExtension, UnknownIssuer, UnsupportedSignatureAlgorithmContext,
        UnsupportedSignatureAlgorithmForPublicKeyContext,
    };
    Cow::Borrowed(match error {
        BadEncoding => "is not well-formed X.509",
        Expired | ExpiredContext { .. } => "has expired",
        NotValidYet | NotValidYetContext { .. } => "is not valid yet: is the clock right?",
        Revoked => "is revoked",
        UnhandledCriticalExtension => "has a critical extension that is not understood",
        UnknownIssuer => "was not issued by a trusted authority",
        BadSignature => {
            "has a wrong signature: it was changed, or issued by another authority of the same name"
        }
        UnsupportedSignatureAlgorithmContext { .. }
        | UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed with an algorithm that is not supported: sign it with ECDSA, Ed25519 or RSA, and SHA-256 or better"
        }
        NotValidForName | NotValidForNameContext { .. } => "is for another name",
        InvalidPurpose | InvalidPurposeContext { .. } => {
            "is for another purpose: a client's needs the extended key usage clientAuth, a server's serverAuth"
        }
        Other(OtherError(reason)) => return other_certificate(&reason.to_string()),
        unnamed => return Cow::Owned(format!("is not accepted: {}", words(unnamed))),
    })
}

/// The errors that rustls passes on from the package that checks certificates.
fn other_certificate(name: &str) -> Cow<'static, str> {
    match name {
        "UnsupportedCertVersion" => Cow::Borrowed(
            "is X.509 version 1, and only version 3 is accepted: sign it again with an extension, such as openssl \
             x509 -req ... -extfile FILE, where FILE holds extendedKeyUsage=clientAuth",
        ),
        other => Cow::Owned(format!("is not accepted: {}", spaced(other))),
    }
}

/// An alert by its name in the standard, and what its sender means.
pub(crate) fn alert(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let meaning = match alert {
        A::UnknownCA => {
            "it does not trust the authority of this broker's certificate; has it the right CA file?"
        }
        A::BadCertificate | A::CertificateUnknown | A::UnsupportedCertificate => {
            "it does not accept this broker's certificate; is the name that it connects to in there?"
        }
        A::CertificateExpired => "by its clock this broker's certificate is not valid",
        A::CertificateRevoked => "this broker's certificate is revoked",
        A::HandshakeFailure | A::InsufficientSecurity => "it found no settings in common",
        A::ProtocolVersion => "it speaks no version of TLS that is offered here",
        A::UnrecognisedName => "it asked for another name",
        A::NoApplicationProtocol => "it speaks none of the application protocols of tls.alpn",
        A::CloseNotify | A::UserCanceled => "it gave up",
        A::DecryptError | A::BadRecordMac => {
            "a signature or a record was wrong; is something changing the bytes?"
        }
        _ => return format!("the client ended it with the alert {}", alert_name(alert)),
    };
    format!("the client ended it with the alert {}: {meaning}", alert_name(alert))
}

fn alert_name(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::Unknown(number) => number.to_string(),
        known => words(&known).replace(' ', "_"),
    }
}

/// What a client and this broker have not in common.
pub(crate) fn incompatible(what: &PeerIncompatible) -> Cow<'static, str> {
    use PeerIncompatible as P;
    Cow::Borrowed(match what {
        P::NoCipherSuitesInCommon => "it offers no cipher of tls.ciphers",
        P::NoKxGroupsInCommon | P::NamedGroupsExtensionRequired => {
            "it offers no key exchange group that is served"
        }
        P::NoSignatureSchemesInCommon
        | P::NoCertificateRequestSignatureSchemesInCommon
        | P::SignatureAlgorithmsExtensionRequired => {
            "it accepts no signature that the key of this broker's certificate can make"
        }
        P::ServerTlsVersionIsDisabledByOurConfig
        | P::SupportedVersionsExtensionRequired
        | P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled => "it offers no version of tls.versions",
        other => return Cow::Owned(words(other)),
    })
}

/// The name of a variant as words: `TooManyKeyUpdates` is `too many key updates`. What it holds is left out.
pub(crate) fn words(variant: &impl Debug) -> String {
    let name = format!("{variant:?}");
    spaced(name.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default())
}

fn spaced(name: &str) -> String {
    name.to_snake_case().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_words() {
        for (name, expected) in [
            ("UnknownCA", "unknown ca"),
            ("UnknownPSKIdentity", "unknown psk identity"),
            ("TooManyKeyUpdateRequests", "too many key update requests"),
            ("Tls12NotOffered", "tls12 not offered"),
        ] {
            assert_eq!(spaced(name), expected);
        }
        assert_eq!(words(&PeerIncompatible::NullCompressionRequired), "null compression required");
    }

    #[test]
    fn every_alert_is_named_as_in_the_standard() {
        for number in 0..=255 {
            let told = alert(AlertDescription::from(number));
            assert!(told.starts_with("the client ended it with the alert "), "{told}");
            let name = told["the client ended it with the alert ".len()..].split(':').next();
            assert!(
                name.is_some_and(|name| !name.contains(char::is_uppercase) && !name.contains('(')),
                "{told}"
            );
        }
    }
}
