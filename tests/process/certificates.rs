//! Certificates of a test and the TLS configurations of its clients.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::broker::Broker;
use crate::client::Client;
use crate::sockets;

/// An authority with a key of its own.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("there are random numbers");
        let pem = params.self_signed(&key).expect("the parameters are sound").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate of a client.
    pub(crate) fn client(&self, name: &str) -> Identity {
        self.issue(name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A certificate of a server on this host.
    pub(crate) fn server(&self) -> Identity {
        self.server_for(-1..3650)
    }

    /// The same, valid on these days counted from today.
    pub(crate) fn server_for(&self, days: Range<i64>) -> Identity {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a sound name");
        let day = |days: i64| {
            let from_today = Duration::from_secs(days.unsigned_abs() * 86_400);
            let now = SystemTime::now();
            if days < 0 { now - from_today } else { now + from_today }
        };
        (params.not_before, params.not_after) = (day(days.start).into(), day(days.end).into());
        self.sign(params, "a broker", ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn issue(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Identity {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a sound name");
        self.sign(params, name, purpose)
    }

    fn sign(&self, mut params: CertificateParams, name: &str, purpose: ExtendedKeyUsagePurpose) -> Identity {
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("there are random numbers");
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters are sound");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Writes the certificate into a folder.
    pub(crate) fn write(&self, folder: &Path) -> PathBuf {
        write(folder, "authority.pem", &self.pem)
    }

    /// The certificate, for clients to trust.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("it was just made")
    }
}

/// Writes a file into a folder and returns its path.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// Versions of TLS that a client offers.
pub(crate) type Versions = &'static [&'static SupportedProtocolVersion];

/// TLS 1.2 and nothing else.
pub(crate) static ONLY_TLS_1_2: Versions = &[&TLS12];
/// TLS 1.3 and nothing else.
pub(crate) static ONLY_TLS_1_3: Versions = &[&TLS13];

/// What a client of a test says and accepts in a handshake.
pub(crate) struct Terms {
    pub(crate) trusted: CertificateDer<'static>,
    pub(crate) identity: Option<Identity>,
    pub(crate) versions: Versions,
    pub(crate) alpn: Option<&'static str>,
}

impl Terms {
    /// TLS 1.3 with trust in the broker's own authority.
    pub(crate) fn of(broker: &Broker) -> Terms {
        let trusted = Terms::trusted(&broker.ca_file());
        Terms { trusted, identity: None, versions: ONLY_TLS_1_3, alpn: None }
    }

    /// The certificate of a file.
    pub(crate) fn trusted(file: &Path) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(file).expect("the broker made an authority")
    }

    pub(crate) fn config(self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted).expect("a certificate");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(self.versions).expect("the provider has them");
        let builder = builder.with_root_certificates(roots);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let certificate =
                    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("PEM");
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(vec![certificate], key).expect("the key is the certificate's")
            }
        };
        config.alpn_protocols.extend(self.alpn.map(|name| name.as_bytes().to_vec()));
        Arc::new(config)
    }
}

/// A stream over TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, std::net::TcpStream>;

/// Shakes hands with the broker, as far as the client can tell: with TLS 1.3 a refusal comes later.
pub(crate) fn shake_hands(broker: &Broker, config: &Arc<ClientConfig>) -> io::Result<TlsStream> {
    shake_hands_as(broker, config, "127.0.0.1")
}

/// The same with a broker that must have this name.
pub(crate) fn shake_hands_as(
    broker: &Broker,
    config: &Arc<ClientConfig>,
    name: &'static str,
) -> io::Result<TlsStream> {
    let name = ServerName::try_from(name).expect("a name");
    let connection = ClientConnection::new(config.clone(), name).expect("a sound configuration");
    let mut stream = StreamOwned::new(connection, sockets::connect(broker.tls()));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// A connected client of MQTT 5.0 over TLS.
pub(crate) fn connect(broker: &Broker, config: &Arc<ClientConfig>, client_id: &str) -> Client<TlsStream> {
    let stream = shake_hands(broker, config).unwrap_or_else(|error| panic!("handshake: {error}"));
    Client::new(stream, ringmq_protocol::Version::V5).accepted(client_id)
}
