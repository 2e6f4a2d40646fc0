//! Whom to trust: the configuration of all TLS connections of a run.
//!
//! Owns the reading of PEM files and the one verifier that believes everything. Must never know a connection.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::sentence::{self, sentence};

/// What the command line says about TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// Certificates that the broker's certificate must lead to.
    pub(crate) ca: Option<PathBuf>,
    /// Believe any certificate.
    pub(crate) insecure: bool,
    /// Our own certificate and its key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Resume earlier sessions instead of a whole handshake each time.
    pub(crate) resume: bool,
}

/// The configuration for all connections.
///
/// # Errors
/// What a user can put right: a file, or neither a CA nor `--insecure`.
pub(crate) fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS: {error}"))?
        .dangerous()
        .with_custom_certificate_verifier(verifier(trust, &provider)?);
    let mut config = match &trust.identity {
        None => builder.with_no_client_auth(),
        Some((certificates, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
            builder
                .with_client_auth_cert(read_certificates(certificates)?, key)
                .map_err(|error| format!("the client certificate and its key: {}", sentence(&error)))?
        }
    };
    if !trust.resume {
        config.resumption = Resumption::disabled();
    }
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    Ok(Arc::new(config))
}

fn verifier(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let Some(file) = &trust.ca else {
        return match trust.insecure {
            true => Ok(Arc::new(Credulous(Arc::clone(provider)))),
            false => Err("TLS needs --ca FILE, or --insecure to believe any certificate".into()),
        };
    };
    let mut roots = RootCertStore::empty();
    for certificate in read_certificates(file)? {
        roots.add(certificate).map_err(|error| match error {
            Error::InvalidCertificate(why) => {
                format!("{}: a certificate {}", file.display(), sentence::certificate(&why))
            }
            other => unreadable(file, &sentence(&other)),
        })?;
    }
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    built.map(|verifier| verifier as Arc<dyn ServerCertVerifier>).map_err(|error| unreadable(file, &error))
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", file.display())
}

/// Believes any certificate, but not that a peer has a key that it does not have.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
