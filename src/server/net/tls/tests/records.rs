//! Application bytes both ways, renewal of keys, renegotiation, and orderly ends.

use ::aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rustls::{
    CipherSuite, CipherSuiteCommon, ConnectionTrafficSecrets, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};

use super::*;

#[test]
fn bytes_arrive_in_order_whatever_the_chunks() {
    for version in VERSIONS {
        let (server, client) = (server(Asks::Never), client(version));
        for chunk_bytes in [1, 2, 7, 21, 22, 1000, 8192, 20_000, usize::MAX] {
            let mut pair = Pair::established(&server, &client);
            pair.chunk_bytes = chunk_bytes;
            let mut wire = Vec::new();
            let mut expected = Vec::new();
            for length in [1, 2, 300, 0, 16_384, 5, 16_385, 40_000, 1] {
                let piece = pattern(length);
                wire.extend(pair.client_says(&piece));
                expected.extend(piece);
            }
            let (out, result) = pair.give(&wire);
            assert_eq!(result, Ok(()));
            assert!(pair.plain == expected, "in chunks of {chunk_bytes}");
            assert_eq!(out, b"");
        }
    }
}

#[test]
fn many_small_records_in_one_chunk_arrive() {
    let mut pair = Pair::established(&server(Asks::Never), &client(&rustls::version::TLS13));
    let wire: Vec<u8> = (0..=255).flat_map(|byte| pair.client_says(&[byte])).collect();
    assert_eq!(records(&wire).len(), 256);
    pair.give(&wire).1.unwrap();
    assert!(pair.plain.iter().copied().eq(0..=255));
    assert_eq!(pair.received.last(), Some(&Received::Established));
}

#[test]
fn slices_share_records() {
    let (big, bigger) = (pattern(20_000), pattern(50_000));
    let cases: [(&[&[u8]], usize); 9] = [
        (&[], 0),
        (&[b""], 0),
        (&[b"", b""], 0),
        (&[b"one"], 1),
        (&[b"one", b"", b"two", b"three"], 1),
        (&[&big], 2),
        (&[b"head", &big, b"tail"], 2),
        (&[&big[..16_384], b"x"], 2),
        (&[b"head", &bigger, &big, b"tail"], 5),
    ];
    for version in VERSIONS {
        for (slices, expected) in cases {
            let mut pair = Pair::established(&server(Asks::Never), &client(version));
            let before = pair.client_plain.len();
            let wire = pair.send(slices);
            assert_eq!(records(&wire).len(), expected);
            assert!(records(&wire).iter().all(|&length| length <= 16_384 + 24));
            assert!(pair.client_plain[before..] == slices.concat());
        }
    }
}

#[test]
fn records_are_appended_to_what_waits() {
    let mut pair = Pair::established(&server(Asks::Never), &client(&rustls::version::TLS13));
    let mut out = b"before".to_vec();
    pair.stream.send(&[b"plain"], &mut out).unwrap();
    assert!(out.starts_with(b"before"));
    pair.give_client(&out[6..]).unwrap();
    assert_eq!(pair.client_plain, b"plain");
}

#[test]
fn sending_goes_on_in_the_middle_of_a_record() {
    for version in VERSIONS {
        let mut pair = Pair::established(&server(Asks::Never), &client(version));
        let wire = pair.client_says(b"request");
        for at in 0..wire.len() {
            pair.give(&wire[at..=at]).1.unwrap();
            pair.send(&[b"response"]);
        }
        assert_eq!(pair.plain, b"request");
        assert_eq!(pair.client_plain, b"response".repeat(wire.len()));
    }
}

#[test]
fn keys_are_renewed_when_the_client_asks() {
    let mut pair = Pair::established(&server(Asks::Never), &client(&rustls::version::TLS13));
    for _ in 0..40 {
        pair.client.refresh_traffic_keys().unwrap();
        let wire = pair.client_says(b"new key");
        for byte in &wire {
            pair.give(&[*byte]).1.unwrap();
        }
        let answer = pair.send(&[b"also new"]);
        assert_eq!(records(&answer).len(), 2, "our own renewal goes first (RFC 8446, 4.6.3)");
    }
    assert_eq!(pair.plain, b"new key".repeat(40));
    assert_eq!(pair.client_plain, b"also new".repeat(40));
}

#[test]
fn sending_goes_on_in_the_middle_of_a_renewal() {
    let mut pair = Pair::established(&server(Asks::Never), &client(&rustls::version::TLS13));
    // KeyUpdate, "please renew too": one handshake message in two records.
    let mut seal = Sealer::new(&mut pair);
    let (first, second) = (seal.record(HANDSHAKE, &[24, 0, 0]), seal.record(HANDSHAKE, &[1, 1]));
    let mut out = Vec::new();
    for wire in [first, second] {
        assert_eq!(pair.give(&wire).1, Ok(()));
        pair.stream.send(&[b"still here"], &mut out).unwrap();
    }
    assert_eq!(records(&out).len(), 3, "two records of ours and one renewal");
}

/// Suites whose keys serve for so many records.
fn worn_suites(confidentiality_limit: u64) -> CryptoProvider {
    let worn = |common: &CipherSuiteCommon| CipherSuiteCommon { confidentiality_limit, ..*common };
    let wear = |suite: &SupportedCipherSuite| match *suite {
        SupportedCipherSuite::Tls12(suite) => {
            let suite = Tls12CipherSuite { common: worn(&suite.common), ..*suite };
            SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
        }
        SupportedCipherSuite::Tls13(suite) => {
            let suite = Tls13CipherSuite { common: worn(&suite.common), ..*suite };
            SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
        }
    };
    let mut provider = provider();
    provider.cipher_suites = provider.cipher_suites.iter().map(wear).collect();
    provider
}

#[test]
fn worn_keys_are_renewed_by_ourselves() {
    let server = Arc::new(server_with(worn_suites(8), &VERSIONS, Asks::Never));
    let mut pair = Pair::established(&server, &client(&rustls::version::TLS13));
    let records: usize = (0..100).map(|_| records(&pair.send(&[b"message"])).len()).sum();
    assert!((110..120).contains(&records), "{records} records, renewals included");
    assert_eq!(pair.client_plain, b"message".repeat(100));
}

#[test]
fn worn_keys_that_cannot_be_renewed_end_the_stream() {
    let server = Arc::new(server_with(worn_suites(8), &VERSIONS, Asks::Never));
    let mut pair = Pair::established(&server, &client(&rustls::version::TLS12));
    let mut out = Vec::new();
    let failure = (0..9).find_map(|_| pair.stream.send(&[b"message"], &mut out).err());
    assert_eq!(failure, Some(TlsFailure::KeysExhausted));
    pair.give_client(&out).unwrap();
    assert!(pair.client.process_new_packets().unwrap().peer_has_closed(), "it is told with close_notify");
    assert!(pair.client_plain.len() >= 6 * 7);
    let before = out.len();
    assert_eq!(pair.stream.send(&[b"message"], &mut out), Err(TlsFailure::NotOpen));
    pair.stream.close(&mut out);
    assert_eq!(out.len(), before);
}

#[test]
fn the_end_of_the_peer_is_seen_and_what_follows_ignored() {
    for version in VERSIONS {
        for chunk_bytes in [1, usize::MAX] {
            let mut pair = Pair::established(&server(Asks::Never), &client(version));
            pair.chunk_bytes = chunk_bytes;
            let mut wire = pair.client_says(b"last words");
            pair.client.send_close_notify();
            wire.extend(pair.client_wire());
            wire.extend(b"this is not even TLS");
            assert_eq!(pair.give(&wire).1, Ok(()));
            assert_eq!(pair.plain, b"last words");
            assert_eq!(pair.received.last(), Some(&Received::PeerClosed));
            assert_eq!(pair.give(b"nor this"), (Vec::new(), Ok(())));
            assert_eq!(pair.received.last(), Some(&Received::PeerClosed));
            pair.send(&[b"our last words"]);
            assert_eq!(pair.client_plain, b"our last words");
        }
    }
}

#[test]
fn our_end_is_told_once_and_nothing_is_sent_after_it() {
    for version in VERSIONS {
        let mut pair = Pair::established(&server(Asks::Never), &client(version));
        let mut out = Vec::new();
        pair.stream.send(&[b"last words"], &mut out).unwrap();
        pair.stream.close(&mut out);
        let before = out.len();
        pair.stream.close(&mut out);
        assert_eq!(pair.stream.send(&[b"more"], &mut out), Err(TlsFailure::NotOpen));
        assert_eq!(out.len(), before);
        pair.give_client(&out).unwrap();
        assert_eq!(pair.client_plain, b"last words");
        assert!(pair.client.process_new_packets().unwrap().peer_has_closed());
        let wire = pair.client_says(b"what was under way");
        assert_eq!(pair.give(&wire).1, Ok(()));
        assert_eq!(pair.plain, b"what was under way");
    }
}

#[test]
fn a_stream_that_is_not_established_sends_nothing() {
    let mut stream = TlsStream::new(server(Asks::Never)).unwrap();
    let mut out = Vec::new();
    assert_eq!(stream.send(&[b"too early"], &mut out), Err(TlsFailure::NotOpen));
    stream.close(&mut out);
    assert_eq!(out, b"");
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// Makes records that the client itself would never send, with the client's keys.
struct Sealer {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
    is_tls13: bool,
}

impl Sealer {
    /// Takes the keys of an established client, which is of no further use.
    fn new(pair: &mut Pair) -> Sealer {
        let unused = Pair::new(&server(Asks::Never), &client(&rustls::version::TLS13)).client;
        let client = std::mem::replace(&mut pair.client, unused);
        let is_tls13 = client.negotiated_cipher_suite().unwrap().tls13().is_some();
        let (sequence, secrets) = client.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Aes256Gcm { key, iv } = secrets else { panic!("another cipher") };
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_ref()).unwrap());
        Sealer { key, iv: iv.as_ref().try_into().unwrap(), sequence, is_tls13 }
    }

    fn record(&mut self, kind: u8, plain: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, count) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= count;
        }
        let mut payload = plain.to_vec();
        let (outer, explicit): (u8, &[u8]) = if self.is_tls13 { (23, &[]) } else { (kind, &nonce[4..]) };
        if self.is_tls13 {
            payload.push(kind);
        }
        let header = |length: usize| [outer, 3, 3, (length >> 8) as u8, length as u8];
        let length = explicit.len() + payload.len() + 16;
        let aad = match self.is_tls13 {
            true => header(length).to_vec(),
            false => [self.sequence.to_be_bytes().as_slice(), &header(plain.len())].concat(),
        };
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut payload).unwrap();
        self.sequence += 1;
        [header(length).as_slice(), explicit, &payload].concat()
    }
}

/// A ClientHello without its record header.
fn client_hello() -> Vec<u8> {
    let mut pair = Pair::new(&server(Asks::Never), &client(&rustls::version::TLS12));
    pair.client_wire()[5..].to_vec()
}

#[test]
fn renegotiation_is_declined_and_then_punished() {
    let mut pair = Pair::established(&server(Asks::Never), &client(&rustls::version::TLS12));
    assert_eq!(pair.stream.cipher(), CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384.as_str());
    let mut seal = Sealer::new(&mut pair);
    let (out, result) = pair.give(&seal.record(HANDSHAKE, &client_hello()));
    assert_eq!((out[0], records(&out).len(), result), (ALERT, 1, Ok(())), "a warning: no_renegotiation");
    pair.give(&seal.record(23, b"as before")).1.unwrap();
    assert_eq!(pair.plain, b"as before");
    let (_, result) = pair.give(&seal.record(HANDSHAKE, &client_hello()));
    assert!(matches!(result, Err(TlsFailure::Misbehaved(_))), "{result:?}");
}

#[test]
fn handshakes_inside_tls13_are_refused() {
    let mut pair = Pair::established(&server(Asks::Never), &client(&rustls::version::TLS13));
    let wire = Sealer::new(&mut pair).record(HANDSHAKE, &client_hello());
    let (out, result) = pair.give(&wire);
    assert_eq!(result, Err(TlsFailure::Unexpected("client hello".to_owned())));
    assert_eq!(records(&out).len(), 1);
}
