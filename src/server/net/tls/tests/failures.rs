//! Peers that are wrong: each failure has its name, its alert, and ends the stream for good.

use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::*;

/// Asserts that a handshake fails, and with which alert at the client.
fn refused(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>, alert: AlertDescription) -> TlsFailure {
    let mut pair = Pair::new(server, client);
    let failure = pair.settle().unwrap_err();
    let error = pair.client.process_new_packets().unwrap_err();
    assert_eq!(error, Error::AlertReceived(alert));
    failure
}

/// Asserts that a stream is dead and silent.
fn dead(pair: &mut Pair) {
    assert_eq!(pair.give(b"anything"), (Vec::new(), Err(TlsFailure::NotOpen)));
    let mut out = Vec::new();
    assert_eq!(pair.stream.send(&[b"anything"], &mut out), Err(TlsFailure::NotOpen));
    pair.stream.close(&mut out);
    assert_eq!(out, b"");
}

#[test]
fn a_missing_client_certificate() {
    for version in VERSIONS {
        let failure = refused(&server(Asks::Always), &client(version), AlertDescription::CertificateRequired);
        assert_eq!(failure, TlsFailure::NoClientCertificate);
    }
}

#[test]
fn a_client_certificate_of_a_stranger() {
    for version in VERSIONS {
        let (chain, key) = Authority::new().issue(&[(DnType::CommonName, "sensor-7")]);
        let client = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(AUTHORITY.roots())
            .with_client_auth_cert(chain, key)
            .unwrap();
        for asks in [Asks::Optionally, Asks::Always] {
            let mut pair = Pair::new(&server(asks), &Arc::new(client.clone()));
            let failure = pair.settle().unwrap_err();
            let expected = matches!(
                failure,
                TlsFailure::BadClientCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature
                )
            );
            assert!(expected, "{failure:?}");
            assert_eq!(pair.stream.subject(), None);
            dead(&mut pair);
        }
    }
}

#[test]
fn a_client_that_does_not_trust_us() {
    for version in VERSIONS {
        let client = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(Authority::new().roots())
            .with_no_client_auth();
        let mut pair = Pair::new(&server(Asks::Never), &Arc::new(client));
        let failure = pair.settle().unwrap_err();
        let expected = matches!(
            failure,
            TlsFailure::Alert(AlertDescription::UnknownCA | AlertDescription::DecryptError)
        );
        assert!(expected, "{failure:?}");
        dead(&mut pair);
    }
}

#[test]
fn nothing_in_common() {
    let only_13 = Arc::new(server_with(provider(), &VERSIONS[1..], Asks::Never));
    let failure = refused(&only_13, &client(VERSIONS[0]), AlertDescription::ProtocolVersion);
    assert!(matches!(failure, TlsFailure::NothingInCommon(_)), "{failure:?}");

    let mut chacha = provider();
    chacha.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    let chacha = Arc::new(server_with(chacha, &VERSIONS[1..], Asks::Never));
    let mut aes = provider();
    aes.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256];
    let aes = Arc::new(client_with(aes, VERSIONS[1], None));
    let failure = refused(&chacha, &aes, AlertDescription::HandshakeFailure);
    assert_eq!(failure, TlsFailure::NothingInCommon(PeerIncompatible::NoCipherSuitesInCommon));
}

#[test]
fn another_application_protocol() {
    for version in VERSIONS {
        let mut client = client_with(provider(), version, None);
        client.alpn_protocols = vec![b"h2".to_vec()];
        let failure =
            refused(&server(Asks::Never), &Arc::new(client), AlertDescription::NoApplicationProtocol);
        assert_eq!(failure, TlsFailure::NoApplicationProtocol);
    }
}

#[test]
fn bytes_that_are_not_tls() {
    let cases: [(&[u8], InvalidMessage); 4] = [
        (b"GET / HTTP/1.1\r\n\r\n", InvalidMessage::InvalidContentType),
        (&[22, 3, 1, 0, 0], InvalidMessage::InvalidEmptyPayload),
        (&[22, 3, 1, 0xff, 0xff], InvalidMessage::MessageTooLarge),
        (&[22, 9, 9, 0, 1, 0], InvalidMessage::UnknownProtocolVersion),
    ];
    for (wire, expected) in cases {
        for chunk_bytes in [1, usize::MAX] {
            let mut pair = Pair::new(&server(Asks::Never), &client(VERSIONS[1]));
            pair.chunk_bytes = chunk_bytes;
            let (out, result) = pair.give(wire);
            assert_eq!(result, Err(TlsFailure::Malformed(expected)));
            let decode_error = Error::AlertReceived(AlertDescription::DecodeError);
            assert_eq!(pair.client_error(&out), decode_error);
            dead(&mut pair);
        }
    }
}

#[test]
fn application_bytes_before_the_handshake() {
    let mut pair = Pair::new(&server(Asks::Never), &client(VERSIONS[1]));
    let (out, result) = pair.give(&[23, 3, 3, 0, 2, 0x10, 0]);
    assert_eq!(result, Err(TlsFailure::Unexpected("application data".to_owned())));
    assert_eq!(pair.client_error(&out), Error::AlertReceived(AlertDescription::UnexpectedMessage));
    assert_eq!(pair.plain, b"");
    dead(&mut pair);
}

#[test]
fn records_that_are_damaged_repeated_or_missing() {
    for version in VERSIONS {
        let (server, client) = (server(Asks::Never), client(version));
        for spoil in [damage, repeat, omit] {
            let mut pair = Pair::established(&server, &client);
            let (first, second) = (pair.client_says(b"first"), pair.client_says(b"second"));
            let (out, result) = pair.give(&spoil(first, second));
            assert_eq!(result, Err(TlsFailure::BadRecord));
            assert_eq!(pair.client_error(&out), Error::AlertReceived(AlertDescription::BadRecordMac));
            assert!(pair.plain.is_empty() || pair.plain == b"first");
            dead(&mut pair);
        }
    }
}

fn damage(first: Vec<u8>, mut second: Vec<u8>) -> Vec<u8> {
    *second.last_mut().unwrap() ^= 1;
    [first, second].concat()
}

fn repeat(first: Vec<u8>, _: Vec<u8>) -> Vec<u8> {
    [first.clone(), first].concat()
}

fn omit(_: Vec<u8>, second: Vec<u8>) -> Vec<u8> {
    second
}

#[test]
fn what_came_before_a_failure_is_delivered_with_its_subject() {
    for version in VERSIONS {
        let subject = [(DnType::CommonName, "sensor-7")];
        let client = Arc::new(client_with(provider(), version, Some(&subject)));
        let mut pair = Pair::established(&server(Asks::Always), &client);
        let wire = [pair.client_says(b"good"), b"bad".to_vec()].concat();
        assert!(pair.give(&wire).1.is_err());
        assert_eq!(pair.plain, b"good");
        assert!(pair.stream.is_established());
        assert_eq!(pair.stream.subject().as_deref(), Some("sensor-7"));
    }
}

#[test]
fn a_byte_changed_anywhere_in_the_handshake_never_establishes_a_stream() {
    for version in VERSIONS {
        let (server, client) = (server(Asks::Never), client(version));
        let mut first = Pair::new(&server, &client);
        // The minor version of the record, byte 2, has no meaning (RFC 8446, 5.1).
        for at in (0..first.client_wire().len()).filter(|&at| at != 2) {
            let mut pair = Pair::new(&server, &client);
            let mut hello = pair.client_wire();
            hello[at] ^= 0x55;
            let (out, result) = pair.give(&hello);
            if result.is_err() || pair.give_client(&out).is_err() {
                continue;
            }
            // What is left changed the transcript, so that one of the ends must find out.
            let wire = pair.client_wire();
            let (_, result) = pair.give(&wire);
            assert!(result.is_err() || !pair.stream.is_established(), "byte {at}");
        }
    }
}

#[test]
fn arbitrary_bytes_in_any_chunks_fail_alike() {
    let server = server(Asks::Never);
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for _ in 0..300 {
        let length = u16::from(random());
        // A well-formed header now and then, so that more than the header is looked at.
        let kind = 20 + random() % 4;
        let mut wire = vec![kind, 3, random() % 5, (length >> 8) as u8, length as u8];
        wire.extend((0..600).map(|_| random()));
        let outcomes = [1, 3, 100, usize::MAX].map(|chunk_bytes| {
            let mut pair = Pair::new(&server, &client(VERSIONS[1]));
            pair.chunk_bytes = chunk_bytes;
            let outcome = pair.give(&wire);
            (outcome, pair.plain)
        });
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        assert_eq!(outcomes[0].1, b"");
    }
}

#[test]
fn failures_are_told_in_words() {
    use rustls::{OtherError, PeerMisbehaved};
    let told = |failure: Error| TlsFailure::from(failure).to_string();
    let odd = io::Error::other("UnsupportedCertVersion");
    let version_1 = CertificateError::Other(OtherError(Arc::new(odd)));
    for (error, expected) in [
        (Error::DecryptError, "a record could not be decrypted: it is damaged or forged"),
        (
            Error::AlertReceived(AlertDescription::UnknownCA),
            "the client ended it with the alert unknown_ca: it does not trust the authority of this broker's \
             certificate; has it the right CA file?",
        ),
        (Error::InvalidCertificate(CertificateError::Expired), "the client's certificate has expired"),
        (
            Error::InvalidCertificate(version_1),
            "the client's certificate is X.509 version 1, and only version 3 is accepted: sign it again with an \
             extension, such as openssl x509 -req ... -extfile FILE, where FILE holds extendedKeyUsage=clientAuth",
        ),
        (
            Error::PeerMisbehaved(PeerMisbehaved::TooManyKeyUpdateRequests),
            "the client broke a rule of TLS: too many key update requests",
        ),
        (
            Error::InvalidMessage(InvalidMessage::MissingData("ClientHello")),
            "the client sent what is not TLS: missing data",
        ),
        (Error::General("odd".to_owned()), "odd"),
    ] {
        assert_eq!(told(error), expected);
    }
}
