//! The stream against the client of the same library, in memory: both ends, the wire between them and the
//! certificates they show.

mod failures;
mod handshakes;
mod memory;
mod records;

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};
use rustls::client::ClientConnection;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::{Received, TlsFailure, TlsStream};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// Whether a server asks for client certificates.
#[derive(Clone, Copy)]
enum Asks {
    Never,
    Optionally,
    Always,
}

/// The attributes of a certificate's subject.
type Subject<'a> = &'a [(DnType, &'a str)];

/// An authority; one signs the server's certificate, any may sign a client's.
struct Authority(CertifiedIssuer<'static, KeyPair>);

static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// A certificate for `localhost` with this subject, and its key.
    fn issue(&self, subject: Subject<'_>) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// A server as a listener configures it: ALPN `mqtt`, tickets, nothing kept.
fn server_with(
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    asks: Asks,
) -> ServerConfig {
    let provider = Arc::new(provider);
    let builder = || WebPkiClientVerifier::builder_with_provider(AUTHORITY.roots(), Arc::clone(&provider));
    let verifier = match asks {
        Asks::Never => WebPkiClientVerifier::no_client_auth(),
        Asks::Optionally => builder().allow_unauthenticated().build().unwrap(),
        Asks::Always => builder().build().unwrap(),
    };
    let (chain, key) = AUTHORITY.issue(&[(DnType::CommonName, "server")]);
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    config
}

fn server(asks: Asks) -> Arc<ServerConfig> {
    Arc::new(server_with(provider(), &VERSIONS, asks))
}

/// A client that trusts the authority, offers ALPN `mqtt` and shows a certificate with `subject`, if there is one.
fn client_with(
    provider: CryptoProvider,
    version: &'static SupportedProtocolVersion,
    subject: Option<Subject<'_>>,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(AUTHORITY.roots());
    let mut config = match subject {
        None => builder.with_no_client_auth(),
        Some(subject) => {
            let (chain, key) = AUTHORITY.issue(subject);
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    config.enable_secret_extraction = true;
    config
}

fn client(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    Arc::new(client_with(provider(), version, None))
}

/// Both ends of a connection and what came out of them.
struct Pair {
    client: ClientConnection,
    stream: TlsStream,
    /// How many bytes the stream is given at once.
    chunk_bytes: usize,
    /// What each call of `receive` returned.
    received: Vec<Received>,
    /// What the stream decrypted.
    plain: Vec<u8>,
    /// What the client decrypted.
    client_plain: Vec<u8>,
}

impl Pair {
    fn new(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Pair {
        let name = ServerName::try_from("localhost").unwrap();
        Pair {
            client: ClientConnection::new(Arc::clone(client), name).unwrap(),
            stream: TlsStream::new(Arc::clone(server)).unwrap(),
            chunk_bytes: usize::MAX,
            received: Vec::new(),
            plain: Vec::new(),
            client_plain: Vec::new(),
        }
    }

    /// A pair whose handshake is done.
    fn established(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> Pair {
        let mut pair = Pair::new(server, client);
        pair.settle().unwrap();
        assert!(pair.stream.is_established());
        pair
    }

    /// What the client wants to send.
    fn client_wire(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut wire).unwrap();
        }
        wire
    }

    /// What the client sends for these application bytes.
    fn client_says(&mut self, plain: &[u8]) -> Vec<u8> {
        self.client.writer().write_all(plain).unwrap();
        self.client_wire()
    }

    /// Gives bytes to the stream, chunk by chunk, and returns its answers.
    fn give(&mut self, wire: &[u8]) -> (Vec<u8>, Result<(), TlsFailure>) {
        let mut out = Vec::new();
        for chunk in wire.chunks(self.chunk_bytes) {
            let plain = |bytes: &[u8]| self.plain.extend_from_slice(bytes);
            match self.stream.receive(&mut chunk.to_vec(), &mut out, plain) {
                Ok(received) => self.received.push(received),
                Err(failure) => return (out, Err(failure)),
            }
        }
        (out, Ok(()))
    }

    /// Gives bytes to the client.
    fn give_client(&mut self, mut wire: &[u8]) -> Result<(), rustls::Error> {
        while !wire.is_empty() {
            self.client.read_tls(&mut wire).unwrap();
            self.client.process_new_packets()?;
            let mut buffer = [0; 1 << 15];
            while let Ok(read @ 1..) = self.client.reader().read(&mut buffer) {
                self.client_plain.extend_from_slice(&buffer[..read]);
            }
        }
        Ok(())
    }

    /// Passes bytes to and fro until both ends are silent. The failure is the stream's; what it sent then has
    /// reached the client.
    fn settle(&mut self) -> Result<(), TlsFailure> {
        loop {
            let wire = self.client_wire();
            if wire.is_empty() {
                return Ok(());
            }
            let (out, result) = self.give(&wire);
            if let Err(failure) = result {
                let _ = self.give_client(&out);
                return Err(failure);
            }
            // A client that fails has an alert for the stream.
            let _ = self.give_client(&out);
        }
    }

    /// Sends application bytes to the client, which must understand them; returns the wire bytes.
    fn send(&mut self, plain: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        self.stream.send(plain, &mut out).unwrap();
        self.give_client(&out).unwrap();
        out
    }

    /// The error that the client ends with when it is given these bytes.
    fn client_error(&mut self, wire: &[u8]) -> rustls::Error {
        self.give_client(wire).unwrap_err()
    }
}

/// The payload length of each record in `wire`.
fn records(wire: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut rest = wire;
    while let [_, _, _, high, low, ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        lengths.push(length);
        rest = &rest[5 + length..];
    }
    assert!(rest.is_empty(), "records are whole");
    lengths
}

/// Bytes that differ from place to place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}
