//! What tls:// listeners need: certificates, keys and one rustls configuration for each, made before anything
//! listens. It owns the choice between configured files and an authority of our own; it never touches a socket.

mod authority;
mod issue;
mod pem;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use crate::config::{Cipher, CipherOrder, ClientAuth, Config, Listener, Tls, TlsVersion, Transport};

/// What one tls:// listener works with.
#[derive(Clone, Debug)]
pub(crate) struct Material {
    /// For every connection of the listener, on every core.
    pub(crate) config: Arc<ServerConfig>,
    /// SHA-256 of the server certificate, upper-case hexadecimal pairs joined by colons.
    pub(crate) fingerprint: String,
    /// `ca.pem` of our own authority, for clients to trust; None if a certificate was configured.
    pub(crate) ca: Option<PathBuf>,
}

/// The material of all listeners.
#[derive(Clone, Debug)]
pub(crate) struct Materials {
    /// In the order of the listeners; None on tcp://.
    pub(crate) listeners: Vec<Option<Material>>,
    /// What the operator should know: a certificate was made or renewed, or is not valid today.
    pub(crate) notices: Vec<String>,
}

/// A file that does not hold what it should, or cannot be read or written. `Display` is `FILE: WHAT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MaterialError {
    /// The file.
    pub(crate) file: PathBuf,
    /// What is wrong and what was expected.
    pub(crate) what: String,
}

impl MaterialError {
    fn new(file: &Path, what: impl Into<String>) -> MaterialError {
        MaterialError { file: file.to_owned(), what: what.into() }
    }
}

impl fmt::Display for MaterialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.what)
    }
}

impl std::error::Error for MaterialError {}

/// A certificate with its key, and where they are from.
#[derive(Clone)]
struct Identity {
    certified: CertifiedKey,
    ca: Option<PathBuf>,
    notices: Vec<String>,
}

/// Makes the material of every listener. Without a configured certificate it is read from `DATA_DIR/tls`, which
/// is made on first start; `now` decides what must be renewed.
///
/// # Errors
/// Every file that is wrong, each once.
pub(crate) fn prepare(config: &Config, now: SystemTime) -> Result<Materials, Vec<MaterialError>> {
    let folder = config.general.data_dir.join("tls");
    let names = issue::server_names(&config.listeners);
    let mut own: Option<Result<Identity, MaterialError>> = None;
    let mut notices: Vec<String> = Vec::new();
    let listeners = gather(config, |listener| {
        let identity = match files(&listener.tls) {
            Some((cert, key)) => configured(cert, key, now)?,
            None => own.get_or_insert_with(|| authority::open(&folder, &names, now)).clone()?,
        };
        for notice in &identity.notices {
            if !notices.contains(notice) {
                notices.push(notice.clone());
            }
        }
        material(&listener.tls, &identity)
    })?;
    Ok(Materials { listeners, notices })
}

/// Checks the configured files of every listener. Nothing is made, so that it may run beside a broker.
///
/// # Errors
/// Every file that is wrong, each once.
pub(crate) fn check(config: &Config, now: SystemTime) -> Result<(), Vec<MaterialError>> {
    let checked = gather(config, |listener| {
        files(&listener.tls)
            .map(|(cert, key)| material(&listener.tls, &configured(cert, key, now)?))
            .transpose()
    });
    checked.map(|_| ())
}

/// Does something for each tls:// listener and gathers what fails.
fn gather<T>(
    config: &Config,
    mut each: impl FnMut(&Listener) -> Result<T, MaterialError>,
) -> Result<Vec<Option<T>>, Vec<MaterialError>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for listener in &config.listeners {
        match (listener.url.transport == Transport::Tls).then(|| each(listener)).transpose() {
            Ok(done) => all.push(done),
            Err(error) if errors.contains(&error) => {}
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

fn files(tls: &Tls) -> Option<(&Path, &Path)> {
    tls.cert.as_deref().zip(tls.key.as_deref())
}

/// Reads a configured certificate and its key.
fn configured(cert: &Path, key: &Path, now: SystemTime) -> Result<Identity, MaterialError> {
    let certified = certify(cert, pem::certificates(cert)?, key)?;
    let facts = issue::Facts::of(&certified.cert[0])
        .ok_or_else(|| MaterialError::new(cert, "the first certificate is not a valid X.509 certificate"))?;
    let notices = facts.trouble(now).map(|trouble| format!("{}: the certificate {trouble}", cert.display()));
    Ok(Identity { certified, ca: None, notices: notices.into_iter().collect() })
}

/// Puts a certificate and its key together.
fn certify(
    cert: &Path,
    chain: Vec<CertificateDer<'static>>,
    key: &Path,
) -> Result<CertifiedKey, MaterialError> {
    use rustls::{Error, InconsistentKeys};
    CertifiedKey::from_der(chain, pem::private_key(key)?, &aws_lc_rs::default_provider()).map_err(|error| {
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let what = format!("is not the key of the first certificate in {}", cert.display());
                MaterialError::new(key, what)
            }
            Error::InvalidCertificate(why) => {
                MaterialError::new(cert, format!("the first certificate is not usable: {why:?}"))
            }
            other => MaterialError::new(key, format!("the private key is not usable: {other}")),
        }
    })
}

fn material(tls: &Tls, identity: &Identity) -> Result<Material, MaterialError> {
    Ok(Material {
        config: Arc::new(server_config(tls, identity.certified.clone())?),
        fingerprint: fingerprint(&identity.certified.cert[0]),
        ca: identity.ca.clone(),
    })
}

/// The rustls configuration of one listener. It keeps no sessions: what is resumed travels in tickets, so that
/// cores share no table. Each listener has tickets of its own, lest a session that showed no client certificate
/// be resumed where one is required.
fn server_config(tls: &Tls, certified: CertifiedKey) -> Result<ServerConfig, MaterialError> {
    let provider = Arc::new(CryptoProvider { cipher_suites: suites(tls), ..aws_lc_rs::default_provider() });
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(tls))
        .expect("every cipher has a suite of TLS 1.2 and of 1.3")
        .with_client_cert_verifier(client_verifier(tls, provider)?)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.ignore_client_order = tls.cipher_order == CipherOrder::Server;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = usize::from(tls.session_tickets);
    if tls.session_tickets {
        config.ticketer = aws_lc_rs::Ticketer::new().expect("the kernel has random numbers");
    }
    config.alpn_protocols = tls.alpn.0.iter().map(|name| name.clone().into_bytes()).collect();
    Ok(config)
}

/// The provider's cipher suites in the order of the configured ciphers, whatever the version and the kind of key.
fn suites(tls: &Tls) -> Vec<SupportedCipherSuite> {
    let all = aws_lc_rs::DEFAULT_CIPHER_SUITES;
    let with = |cipher: &Cipher| {
        let name = match cipher {
            Cipher::Aes128 => "_AES_128_GCM_SHA256",
            Cipher::Aes256 => "_AES_256_GCM_SHA384",
            Cipher::Chacha20 => "_CHACHA20_POLY1305_SHA256",
        };
        all.iter()
            .filter(move |suite| suite.suite().as_str().is_some_and(|suite| suite.ends_with(name)))
            .copied()
    };
    tls.ciphers.iter().flat_map(with).collect()
}

fn versions(tls: &Tls) -> Vec<&'static SupportedProtocolVersion> {
    let version = |version: &TlsVersion| match version {
        TlsVersion::V12 => &rustls::version::TLS12,
        TlsVersion::V13 => &rustls::version::TLS13,
    };
    tls.versions.iter().map(version).collect()
}

fn client_verifier(
    tls: &Tls,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, MaterialError> {
    let Some(file) = tls.client_ca.as_deref().filter(|_| tls.client_auth != ClientAuth::None) else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut roots = RootCertStore::empty();
    for (at, certificate) in pem::certificates(file)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| {
            MaterialError::new(file, format!("certificate {} cannot be trusted: {error}", at + 1))
        })?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if tls.client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| MaterialError::new(file, error.to_string()))
}

/// SHA-256 of a certificate as people compare it: `AB:CD:...`.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
