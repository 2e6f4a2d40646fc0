//! PEM files: certificates and private keys. Errors say what was found instead, because a swapped pair of files
//! is the usual mistake.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::MaterialError;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const PRIVATE_KEY: &str = "-----BEGIN PRIVATE KEY-----";

/// All certificates of a file, at least one. Other sections are passed over.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, MaterialError> {
    let sections = sections(file)?;
    let kinds: Vec<SectionKind> = sections.iter().map(|(kind, _)| *kind).collect();
    let certificates: Vec<_> =
        sections.into_iter().filter_map(|(kind, der)| CertificateDer::from_pem(kind, der)).collect();
    if certificates.is_empty() {
        let what = format!("expected a certificate ({CERTIFICATE}), found {}", describe(&kinds));
        return Err(MaterialError::new(file, what));
    }
    Ok(certificates)
}

/// The first private key of a file: PKCS #8, PKCS #1 or SEC 1, not encrypted.
pub(super) fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, MaterialError> {
    let sections = sections(file)?;
    let kinds: Vec<SectionKind> = sections.iter().map(|(kind, _)| *kind).collect();
    let mut keys = sections.into_iter().filter_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    keys.next().ok_or_else(|| {
        let what = format!("expected a private key ({PRIVATE_KEY}), found {}", describe(&kinds));
        MaterialError::new(file, what)
    })
}

fn sections(file: &Path) -> Result<Vec<(SectionKind, Vec<u8>)>, MaterialError> {
    let bytes = super::file::read(file)?;
    if is_encrypted(&bytes) {
        let what = "holds an encrypted private key, and nobody is there to type its passphrase: decrypt it with \
                    openssl pkey";
        return Err(MaterialError::new(file, what));
    }
    <(SectionKind, Vec<u8>)>::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| MaterialError::new(file, format!("is not a valid PEM file: {}", plain(&error))))
}

/// What is wrong with a PEM file. That which is cut or has no line feeds left is the usual one.
fn plain(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "a -----BEGIN line has no -----END line behind it, so the file was cut or its line feeds are lost"
        }
        pem::Error::IllegalSectionStart { .. } => "a -----BEGIN line does not end in -----",
        pem::Error::Base64Decode(_) => "what stands between -----BEGIN and -----END is not Base64",
        pem::Error::SectionTooLarge => "a section is too large",
        _ => "it holds nothing of use",
    }
}

/// PKCS #8 says so in the label, older files in a header.
fn is_encrypted(bytes: &[u8]) -> bool {
    let has = |mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
    has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED")
}

fn describe(kinds: &[SectionKind]) -> &'static str {
    use SectionKind::{Certificate, Crl, Csr, EcPrivateKey, PrivateKey, PublicKey, RsaPrivateKey};
    match kinds {
        [] => "nothing in PEM form",
        [Certificate, ..] => "only a certificate",
        [PrivateKey | RsaPrivateKey | EcPrivateKey, ..] => "only a private key",
        [PublicKey, ..] => "only a public key",
        [Csr, ..] => "only a request for a certificate",
        [Crl, ..] => "only a revocation list",
        _ => "something else",
    }
}
