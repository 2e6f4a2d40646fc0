//! Handshakes over memory: who is served, how, and who is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::{ClientConfig, ClientConnection};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ServerConnection;
use rustls::{Error, HandshakeKind, PeerIncompatible, ProtocolVersion, RootCertStore, ServerConfig};

use super::super::{issue, pem, prepare};
use super::config;

/// A broker's data folder with its authority, which also signs client certificates here.
struct Broker {
    folder: tempfile::TempDir,
}

impl Broker {
    fn new() -> Broker {
        let folder = tempfile::tempdir().unwrap();
        prepare(&config(folder.path(), &[]), SystemTime::now()).unwrap();
        Broker { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("data/tls").join(name)
    }

    /// The listener's configuration with these keys beside the certificate.
    fn listener(&self, keys: &[(&str, &str)]) -> Arc<ServerConfig> {
        let (cert, key, ca) = (self.file("server.pem"), self.file("server.key"), self.file("ca.pem"));
        let mut all: Vec<(&str, &Path)> = vec![("tls.cert", &cert), ("tls.key", &key)];
        for (key, value) in keys {
            all.push((key, if *value == "CA" { &ca } else { Path::new(value) }));
        }
        let mut materials = prepare(&config(self.folder.path(), &all), SystemTime::now()).unwrap();
        materials.listeners.remove(0).unwrap().config
    }

    /// A client that trusts the broker and shows a certificate, if one is named.
    fn client(&self, certificate: Option<(&Path, &Path)>) -> ClientConfig {
        self.client_of(aws_lc_rs::default_provider(), certificate)
    }

    fn client_of(&self, provider: CryptoProvider, certificate: Option<(&Path, &Path)>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(&self.file("ca.pem")).unwrap() {
            roots.add(certificate).unwrap();
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        match certificate {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let (chain, key) = (pem::certificates(cert).unwrap(), pem::private_key(key).unwrap());
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }

    /// Makes a client certificate and returns its files.
    fn client_certificate(&self) -> (PathBuf, PathBuf) {
        let key = issue::new_key().unwrap();
        let ca_key = rcgen::KeyPair::from_pem(&super::read(&self.file("ca.key"))).unwrap();
        let issuer = rcgen::Issuer::from_ca_cert_pem(&super::read(&self.file("ca.pem")), ca_key).unwrap();
        let params = rcgen::CertificateParams::new(vec!["client".to_owned()]).unwrap();
        let files = (self.file("client.pem"), self.file("client.key"));
        fs::write(&files.0, params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        fs::write(&files.1, key.serialize_pem()).unwrap();
        files
    }
}

/// Runs a handshake to its end, and passes on what follows it, such as tickets. The error is the server's.
fn shake(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> Result<(ServerConnection, ClientConnection), Error> {
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap();
    for _ in 0..10 {
        let (mut there, mut back) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut there).unwrap();
        }
        let mut bytes = there.as_slice();
        while !bytes.is_empty() {
            server.read_tls(&mut bytes).unwrap();
        }
        server.process_new_packets()?;
        while server.wants_write() {
            server.write_tls(&mut back).unwrap();
        }
        let mut bytes = back.as_slice();
        while !bytes.is_empty() {
            client.read_tls(&mut bytes).unwrap();
        }
        client.process_new_packets()?;
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    Ok((server, client))
}

#[test]
fn a_client_that_trusts_the_authority_is_served_with_tls_1_3() {
    let broker = Broker::new();
    let (server, client) = shake(&broker.listener(&[]), &Arc::new(broker.client(None))).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(client.alpn_protocol(), None, "a client that names no protocol is served");
}

#[test]
fn versions_are_those_configured() {
    let broker = Broker::new();
    let client = Arc::new(broker.client(None));
    let (server, _) = shake(&broker.listener(&[("tls.versions", "1.2")]), &client).unwrap();
    assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_2));
}

#[test]
fn the_cipher_is_the_first_of_whose_order_decides() {
    let broker = Broker::new();
    let agreed = |keys: &[(&str, &str)]| {
        // The client of rustls wants AES-256 most.
        let client = Arc::new(broker.client(None));
        let (server, _) = shake(&broker.listener(keys), &client).unwrap();
        server.negotiated_cipher_suite().unwrap().suite().as_str().unwrap()
    };
    for (version, prefix) in [("1.2", "TLS_ECDHE_ECDSA_WITH_"), ("1.3", "TLS13_")] {
        let table = [
            ("aes128,aes256,chacha20", "server", "AES_128_GCM_SHA256"),
            ("chacha20,aes256", "server", "CHACHA20_POLY1305_SHA256"),
            ("aes128,aes256,chacha20", "client", "AES_256_GCM_SHA384"),
            ("aes128", "client", "AES_128_GCM_SHA256"),
        ];
        for (ciphers, order, suite) in table {
            let keys = [("tls.versions", version), ("tls.ciphers", ciphers), ("tls.cipher_order", order)];
            assert_eq!(agreed(&keys), format!("{prefix}{suite}"));
        }
        assert_eq!(agreed(&[("tls.versions", version)]), format!("{prefix}AES_128_GCM_SHA256"));
    }
}

#[test]
fn a_client_without_a_common_cipher_is_refused() {
    let broker = Broker::new();
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256],
        ..aws_lc_rs::default_provider()
    };
    let client = broker.client_of(provider, None);
    let error = shake(&broker.listener(&[("tls.ciphers", "aes128,aes256")]), &Arc::new(client)).unwrap_err();
    assert_eq!(error, Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon));
}

#[test]
fn mqtt_is_agreed_on_and_a_client_of_another_protocol_refused() {
    let broker = Broker::new();
    let listener = broker.listener(&[]);
    let client = |protocols: &[&str]| {
        let mut client = broker.client(None);
        client.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(client)
    };
    let (server, _) = shake(&listener, &client(&["http/1.1", "mqtt"])).unwrap();
    assert_eq!(server.alpn_protocol(), Some(b"mqtt".as_slice()));
    assert_eq!(shake(&listener, &client(&["http/1.1"])).unwrap_err(), Error::NoApplicationProtocol);
    let (server, _) = shake(&broker.listener(&[("tls.alpn", "")]), &client(&["http/1.1"])).unwrap();
    assert_eq!(server.alpn_protocol(), None);
}

#[test]
fn a_required_certificate_is_required_and_must_be_of_the_authority() {
    let (broker, stranger) = (Broker::new(), Broker::new());
    let listener = broker.listener(&[("tls.client_ca", "CA"), ("tls.client_auth", "required")]);
    let (cert, key) = broker.client_certificate();
    let (server, _) = shake(&listener, &Arc::new(broker.client(Some((&cert, &key))))).unwrap();
    assert_eq!(server.peer_certificates().map(<[_]>::len), Some(1));
    let error = shake(&listener, &Arc::new(broker.client(None))).unwrap_err();
    assert_eq!(error, Error::NoCertificatesPresented);
    let (cert, key) = stranger.client_certificate();
    let error = shake(&listener, &Arc::new(broker.client(Some((&cert, &key))))).unwrap_err();
    assert!(matches!(error, Error::InvalidCertificate(_)), "{error}");
}

#[test]
fn an_optional_certificate_may_be_missing_but_not_wrong() {
    let (broker, stranger) = (Broker::new(), Broker::new());
    let listener = broker.listener(&[("tls.client_ca", "CA"), ("tls.client_auth", "optional")]);
    let (server, _) = shake(&listener, &Arc::new(broker.client(None))).unwrap();
    assert_eq!(server.peer_certificates(), None);
    let (cert, key) = stranger.client_certificate();
    assert!(shake(&listener, &Arc::new(broker.client(Some((&cert, &key))))).is_err());
}

#[test]
fn a_session_is_resumed_by_ticket_unless_that_is_off() {
    let broker = Broker::new();
    for version in ["1.2", "1.3"] {
        for (tickets, kind) in [("true", HandshakeKind::Resumed), ("false", HandshakeKind::Full)] {
            let listener = broker.listener(&[("tls.versions", version), ("tls.session_tickets", tickets)]);
            let client = Arc::new(broker.client(None));
            shake(&listener, &client).unwrap();
            let (server, _) = shake(&listener, &client).unwrap();
            assert_eq!(server.handshake_kind(), Some(kind), "TLS {version}, tickets {tickets}");
        }
    }
}

#[test]
fn a_ticket_of_one_listener_opens_no_other() {
    let broker = Broker::new();
    let client = Arc::new(broker.client(None));
    shake(&broker.listener(&[]), &client).unwrap();
    let strict = broker.listener(&[("tls.client_ca", "CA"), ("tls.client_auth", "required")]);
    assert_eq!(shake(&strict, &client).unwrap_err(), Error::NoCertificatesPresented);
}
