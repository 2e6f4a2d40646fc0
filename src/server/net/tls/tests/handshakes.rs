//! Handshakes that succeed: versions, chunks, resumption, application protocols and client certificates.

use rustls::HandshakeKind;

use super::*;

#[test]
fn both_versions_are_served() {
    for (version, name) in VERSIONS.into_iter().zip(["TLS 1.2", "TLS 1.3"]) {
        let mut pair = Pair::new(&server(Asks::Never), &client(version));
        assert!(!pair.stream.is_established());
        assert_eq!(pair.stream.version(), None);
        pair.settle().unwrap();
        assert!(pair.stream.is_established());
        assert_eq!(pair.stream.version(), Some(name));
        assert!(pair.stream.cipher().unwrap().contains("_AES_256_GCM_SHA384"));
        assert_eq!(pair.stream.alpn(), Some(b"mqtt".as_slice()));
        assert_eq!(pair.stream.subject(), None);
        assert!(!pair.stream.is_resumed());
    }
}

#[test]
fn the_end_of_the_handshake_is_told_once_whatever_the_chunks() {
    for version in VERSIONS {
        for chunk_bytes in [1, 2, 3, 5, 64, 1000, usize::MAX] {
            let mut pair = Pair::new(&server(Asks::Never), &client(version));
            pair.chunk_bytes = chunk_bytes;
            pair.settle().unwrap();
            let wire = pair.client_says(b"more");
            pair.give(&wire).1.unwrap();
            let done =
                pair.received.iter().position(|&received| received == Received::HandshakeDone).unwrap();
            assert!(pair.received[..done].iter().all(|&received| received == Received::Handshaking));
            assert!(pair.received[done + 1..].iter().all(|&received| received == Received::Established));
            assert_eq!(pair.plain, b"more");
        }
    }
}

#[test]
fn bytes_behind_the_handshake_in_the_same_chunk_arrive() {
    for version in VERSIONS {
        let mut pair = Pair::new(&server(Asks::Never), &client(version));
        pair.client.writer().write_all(b"CONNECT").unwrap();
        pair.settle().unwrap();
        if pair.plain.is_empty() {
            // In TLS 1.2 the client waits for our Finished.
            let wire = pair.client_says(b"");
            pair.give(&wire).1.unwrap();
        }
        assert_eq!(pair.plain, b"CONNECT");
    }
}

#[test]
fn a_client_that_guessed_another_group_is_asked_again() {
    let mut only_p384 = provider();
    only_p384.kx_groups = vec![aws_lc_rs::kx_group::SECP384R1];
    let server = Arc::new(server_with(only_p384, &VERSIONS, Asks::Never));
    let mut p256_first = provider();
    p256_first.kx_groups = vec![aws_lc_rs::kx_group::SECP256R1, aws_lc_rs::kx_group::SECP384R1];
    let client = Arc::new(client_with(p256_first, &rustls::version::TLS13, None));
    let pair = Pair::established(&server, &client);
    assert_eq!(pair.client.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
}

#[test]
fn sessions_are_resumed_by_ticket_with_their_subject() {
    for version in VERSIONS {
        let server = server(Asks::Optionally);
        let subject = [(DnType::CommonName, "sensor-7")];
        let client = Arc::new(client_with(provider(), version, Some(&subject)));
        assert!(!Pair::established(&server, &client).stream.is_resumed());
        let again = Pair::established(&server, &client);
        assert!(again.stream.is_resumed());
        assert_eq!(again.stream.subject().as_deref(), Some("sensor-7"));
    }
}

#[test]
fn tickets_of_another_listener_lead_to_a_full_handshake() {
    for version in VERSIONS {
        let client = client(version);
        Pair::established(&server(Asks::Never), &client);
        assert!(!Pair::established(&server(Asks::Never), &client).stream.is_resumed());
    }
}

#[test]
fn the_subject_is_the_common_name_or_else_the_whole_name() {
    let organization = (DnType::OrganizationName, "Plant");
    let unit = (DnType::OrganizationalUnitName, "Press");
    let common_name = (DnType::CommonName, "sensor-7 ä");
    let cases: [(Subject<'_>, Option<&str>); 5] = [
        (&[organization.clone(), common_name], Some("sensor-7 ä")),
        (&[organization, unit], Some("O=Plant, OU=Press")),
        (&[(DnType::CommonName, "nul\0byte")], None),
        (&[(DnType::CommonName, "")], None),
        (&[], None),
    ];
    for asks in [Asks::Optionally, Asks::Always] {
        let server = server(asks);
        for (subject, expected) in cases {
            for version in VERSIONS {
                let client = Arc::new(client_with(provider(), version, Some(subject)));
                let mut pair = Pair::new(&server, &client);
                assert_eq!(pair.stream.subject(), None, "not before it is verified");
                pair.settle().unwrap();
                assert_eq!(pair.stream.subject().as_deref(), expected, "{subject:?}");
            }
        }
    }
}

#[test]
fn a_client_certificate_may_be_left_out_where_it_is_optional() {
    for version in VERSIONS {
        assert_eq!(Pair::established(&server(Asks::Optionally), &client(version)).stream.subject(), None);
    }
}

#[test]
fn a_client_without_application_protocols_is_served() {
    for version in VERSIONS {
        let mut client = client_with(provider(), version, None);
        client.alpn_protocols.clear();
        assert_eq!(Pair::established(&server(Asks::Never), &Arc::new(client)).stream.alpn(), None);
    }
}

#[test]
#[should_panic(expected = "early data must be off")]
fn a_configuration_with_early_data_is_a_mistake_of_ours() {
    let mut config = server_with(provider(), &VERSIONS, Asks::Never);
    config.max_early_data_size = 1;
    let _ = TlsStream::new(Arc::new(config));
}

#[test]
fn a_stream_may_move_to_another_core() {
    fn is_send<T: Send>() {}
    is_send::<TlsStream>();
}
