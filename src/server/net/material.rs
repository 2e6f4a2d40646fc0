//! What tls:// listeners need: certificates, keys and one rustls configuration for each, made before anything
//! listens. It owns the choice between configured files and an authority of our own; it never touches a socket.

mod authority;
mod client;
mod file;
mod issue;
mod pem;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub(crate) use client::{Issued, issue_client};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use super::tls::words;
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
    /// What it shows, server first, and the file that this is from.
    chain: Vec<CertificateDer<'static>>,
    file: PathBuf,
}

impl Material {
    /// What clients object to at a time, or will soon: a certificate is not valid, or not for much longer.
    fn warnings(&self, now: SystemTime) -> Vec<String> {
        let remedy = match self.ca {
            Some(_) => "restart the broker, which renews it",
            None => "renew it and restart the broker",
        };
        warnings(&self.file, &self.chain, remedy, now)
    }
}

/// The material of all listeners.
#[derive(Clone, Debug)]
pub(crate) struct Materials {
    /// In the order of the listeners; None on tcp://.
    pub(crate) listeners: Vec<Option<Material>>,
    /// What the operator should know: a certificate was made or renewed.
    pub(crate) notices: Vec<String>,
}

impl Materials {
    /// What clients of any listener object to at a time, or will soon, each once.
    pub(crate) fn warnings(&self, now: SystemTime) -> Vec<String> {
        let mut all = Vec::new();
        for material in self.listeners.iter().flatten() {
            add_new(&mut all, &material.warnings(now));
        }
        all
    }
}

/// A file that does not hold what it should, or cannot be read or written. `Display` is `FILE: WHAT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MaterialError {
    /// The file.
    pub(crate) file: PathBuf,
    /// What is wrong and what was expected.
    pub(crate) what: String,
    trouble: Trouble,
}

/// Whether it is the file that is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// What is in it, or that it is not there.
    File,
    /// The process may not read or write it.
    Denied,
}

impl MaterialError {
    fn new(file: &Path, what: impl Into<String>) -> MaterialError {
        MaterialError { file: file.to_owned(), what: what.into(), trouble: Trouble::File }
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
    /// Of the certificate.
    file: PathBuf,
    ca: Option<PathBuf>,
    notices: Vec<String>,
}

/// Where the authority of our own is.
fn own_folder(config: &Config) -> PathBuf {
    let folder = config.general.data_dir.join("tls");
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Makes the material of every listener. Without a configured certificate it is read from `DATA_DIR/tls`, which
/// is made on first start; `now` decides what must be renewed.
///
/// # Errors
/// Everything that is wrong with the files, each once.
pub(crate) fn prepare(config: &Config, now: SystemTime) -> Result<Materials, Vec<MaterialError>> {
    let folder = own_folder(config);
    let names = issue::server_names(&config.listeners);
    let mut own: Option<Result<Identity, MaterialError>> = None;
    let mut notices = Vec::new();
    let listeners = gather(config, |listener| {
        let identity = match files(&listener.tls) {
            Some((cert, key)) => configured(cert, key),
            None => {
                let own = own.get_or_insert_with(|| authority::open(&folder, &names, now));
                own.clone().map_err(|error| vec![error])
            }
        };
        // After the identity, whose authority may be the one that clients' certificates are from.
        let (identity, roots) = both(identity, client_roots(&listener.tls))?;
        add_new(&mut notices, &identity.notices);
        material(&listener.tls, &identity, roots).map_err(|error| vec![error])
    })?;
    Ok(Materials { listeners, notices })
}

fn add_new(all: &mut Vec<String>, some: &[String]) {
    for line in some {
        if !all.contains(line) {
            all.push(line.clone());
        }
    }
}

/// Checks the configured files of every listener, and that their certificates are valid now. Nothing is made, so that it
/// may run beside a broker. Gives what clients will object to soon, each once.
///
/// # Errors
/// Everything that is wrong with the files, each once.
pub(crate) fn check(config: &Config, now: SystemTime) -> Result<Vec<String>, Vec<MaterialError>> {
    let own_ca = own_folder(config).join(authority::CA_FILE);
    let mut warnings = Vec::new();
    gather(config, |listener| {
        let identity = match files(&listener.tls) {
            Some((cert, key)) => configured(cert, key).and_then(|identity| is_valid(cert, &identity, now)),
            None => return check_roots(&listener.tls, &own_ca),
        };
        let (identity, roots) = both(identity, client_roots(&listener.tls))?;
        let material = material(&listener.tls, &identity, roots).map_err(|error| vec![error])?;
        add_new(&mut warnings, &material.warnings(now));
        Ok(())
    })?;
    Ok(warnings)
}

/// Checks the authorities of clients. The one that the broker will make on its first start need not be there.
fn check_roots(tls: &Tls, own_ca: &Path) -> Result<(), Vec<MaterialError>> {
    let is_to_be_made =
        |file: &PathBuf| !file.exists() && std::path::absolute(file).is_ok_and(|file| file == own_ca);
    match &tls.client_ca {
        Some(file) if is_to_be_made(file) => Ok(()),
        _ => client_roots(tls).map(|_| ()),
    }
}

fn is_valid(cert: &Path, identity: &Identity, now: SystemTime) -> Result<Identity, Vec<MaterialError>> {
    let troubles: Vec<MaterialError> =
        troubles(&identity.certified.cert, now).map(|what| MaterialError::new(cert, what)).collect();
    if troubles.is_empty() { Ok(identity.clone()) } else { Err(troubles) }
}

/// What clients object to at a time, or, if nothing, what they will object to soon.
fn warnings(file: &Path, chain: &[CertificateDer<'_>], remedy: &str, now: SystemTime) -> Vec<String> {
    let mut warnings: Vec<String> = troubles(chain, now).collect();
    if warnings.is_empty() {
        let ends = |facts: &issue::Facts| format!("expires on {}: {remedy}", facts.last_day);
        warnings.extend(of_each(chain, move |facts| facts.is_due(now).then(|| ends(facts))));
    }
    warnings.iter().map(|what| format!("{}: {what}", file.display())).collect()
}

/// What clients object to at a time, for each certificate of a chain.
fn troubles(chain: &[CertificateDer<'_>], now: SystemTime) -> impl Iterator<Item = String> {
    of_each(chain, move |facts| facts.trouble(now))
}

/// What is to be said of each certificate of a chain, if anything.
fn of_each(
    chain: &[CertificateDer<'_>],
    what: impl Fn(&issue::Facts) -> Option<String>,
) -> impl Iterator<Item = String> {
    chain.iter().enumerate().filter_map(move |(at, certificate)| {
        let what = what(&issue::Facts::of(certificate)?)?;
        Some(match at {
            0 => format!("the certificate {what}"),
            _ => format!("certificate {} of the chain {what}", at + 1),
        })
    })
}

/// Both values, or everything that is wrong with either.
fn both<A, B>(
    one: Result<A, Vec<MaterialError>>,
    other: Result<B, Vec<MaterialError>>,
) -> Result<(A, B), Vec<MaterialError>> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (one, other) => {
            let errors = [one.err(), other.err()].into_iter().flatten().flatten();
            Err(errors.collect())
        }
    }
}

/// Does something for each tls:// listener and gathers what fails.
fn gather<T>(
    config: &Config,
    mut each: impl FnMut(&Listener) -> Result<T, Vec<MaterialError>>,
) -> Result<Vec<Option<T>>, Vec<MaterialError>> {
    let (mut all, mut errors) = (Vec::new(), Vec::new());
    for listener in &config.listeners {
        match (listener.url.transport == Transport::Tls).then(|| each(listener)).transpose() {
            Ok(done) => all.push(done),
            Err(more) => {
                for error in more {
                    if !errors.contains(&error) {
                        errors.push(error);
                    }
                }
            }
        }
    }
    if errors.is_empty() { Ok(all) } else { Err(errors) }
}

fn files(tls: &Tls) -> Option<(&Path, &Path)> {
    tls.cert.as_deref().zip(tls.key.as_deref())
}

/// Reads a configured certificate and its key.
fn configured(cert: &Path, key: &Path) -> Result<Identity, Vec<MaterialError>> {
    let one = |error| vec![error];
    let (chain, key_der) = both(pem::certificates(cert).map_err(one), pem::private_key(key).map_err(one))?;
    let certified = certify(cert, chain, key, key_der).map_err(one)?;
    Ok(Identity { certified, file: cert.to_owned(), ca: None, notices: Vec::new() })
}

/// Puts a certificate and its key together.
fn certify(
    cert: &Path,
    chain: Vec<CertificateDer<'static>>,
    key: &Path,
    key_der: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, MaterialError> {
    use rustls::{Error, InconsistentKeys};
    let Some(facts) = issue::Facts::of(&chain[0]) else {
        return Err(MaterialError::new(cert, "the first certificate is not well-formed X.509"));
    };
    CertifiedKey::from_der(chain, key_der, &aws_lc_rs::default_provider()).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let what = format!("is not the key of the first certificate in {}", cert.display());
            MaterialError::new(key, what)
        }
        Error::InvalidCertificate(why) => {
            MaterialError::new(cert, format!("the first certificate {}", words::certificate(&why)))
        }
        _ => {
            let found = match facts.rsa_bits {
                Some(bits) => format!("the certificate's is RSA with {bits} bits, "),
                None => String::new(),
            };
            let what = format!(
                "the private key is not usable: {found}allowed are ECDSA (P-256, P-384, P-521), Ed25519, and RSA with \
                 2048 to 8192 bits"
            );
            MaterialError::new(key, what)
        }
    })
}

fn material(tls: &Tls, identity: &Identity, roots: Option<RootCertStore>) -> Result<Material, MaterialError> {
    Ok(Material {
        config: Arc::new(server_config(tls, identity.certified.clone(), roots)?),
        fingerprint: fingerprint(&identity.certified.cert[0]),
        ca: identity.ca.clone(),
        chain: identity.certified.cert.clone(),
        file: identity.file.clone(),
    })
}

/// The rustls configuration of one listener. It keeps no sessions: what is resumed travels in tickets, so that
/// cores share no table. Each listener has tickets of its own, lest a session that showed no client certificate
/// be resumed where one is required.
fn server_config(
    tls: &Tls,
    certified: CertifiedKey,
    roots: Option<RootCertStore>,
) -> Result<ServerConfig, MaterialError> {
    let provider = Arc::new(CryptoProvider { cipher_suites: suites(tls), ..aws_lc_rs::default_provider() });
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(tls))
        .expect("every cipher has a suite of TLS 1.2 and of 1.3")
        .with_client_cert_verifier(client_verifier(tls, provider, roots)?)
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

/// The authorities whose client certificates are accepted, if any are asked for.
fn client_roots(tls: &Tls) -> Result<Option<RootCertStore>, Vec<MaterialError>> {
    let Some(file) = tls.client_ca.as_deref().filter(|_| tls.client_auth != ClientAuth::None) else {
        return Ok(None);
    };
    let (mut roots, mut errors) = (RootCertStore::empty(), Vec::new());
    let certificates = pem::certificates(file).map_err(|error| vec![error])?;
    for (at, certificate) in certificates.into_iter().enumerate() {
        if let Err(error) = roots.add(certificate) {
            let why = match error {
                rustls::Error::InvalidCertificate(why) => words::certificate(&why),
                _ => "is not usable".into(),
            };
            errors.push(MaterialError::new(file, format!("certificate {} {why}", at + 1)));
        }
    }
    if errors.is_empty() { Ok(Some(roots)) } else { Err(errors) }
}

fn client_verifier(
    tls: &Tls,
    provider: Arc<CryptoProvider>,
    roots: Option<RootCertStore>,
) -> Result<Arc<dyn ClientCertVerifier>, MaterialError> {
    let Some((roots, file)) = roots.zip(tls.client_ca.as_deref()) else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if tls.client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|_| MaterialError::new(file, "holds no authority that can be trusted"))
}

/// SHA-256 of a certificate as people compare it: `AB:CD:...`.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = ::aws_lc_rs::digest::digest(&::aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
