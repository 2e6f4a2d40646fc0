//! What a stream holds: nothing when idle, little when a peer wants it to hold much.

use super::super::{PARTIAL_BYTES_MAX, SPARE_BYTES_MAX};
use super::*;

#[test]
fn an_idle_stream_holds_no_buffer() {
    for version in VERSIONS {
        for chunk_bytes in [1, 100, usize::MAX] {
            let mut pair = Pair::new(&server(Asks::Never), &client(version));
            pair.chunk_bytes = chunk_bytes;
            pair.settle().unwrap();
            assert_eq!(pair.stream.partial.capacity(), 0);
            let wire = pair.client_says(&pattern(40_000));
            pair.give(&wire).1.unwrap();
            assert_eq!(pair.stream.partial.capacity(), 0);
        }
    }
}

#[test]
fn the_rest_of_a_record_holds_what_it_needs() {
    let mut pair = Pair::established(&server(Asks::Never), &client(VERSIONS[1]));
    let wire = pair.client_says(&pattern(16_000));
    pair.give(&wire[..100]).1.unwrap();
    assert_eq!(pair.stream.partial.len(), 100);
    let more = [&wire[100..], &pair.client_says(b"next")[..10]].concat();
    pair.give(&more).1.unwrap();
    assert_eq!(pair.stream.partial.len(), 10);
    assert!(pair.stream.partial.capacity() <= 10 + 2 * SPARE_BYTES_MAX);
}

#[test]
fn a_record_that_never_ends_is_bounded() {
    for (established, kind) in [(false, 22), (true, 23)] {
        let mut pair = Pair::new(&server(Asks::Never), &client(VERSIONS[1]));
        if established {
            pair.settle().unwrap();
        }
        // The largest record that is taken, but for its last byte.
        let length = PARTIAL_BYTES_MAX - 5 - 1;
        let mut wire = vec![kind, 3, 3, (length >> 8) as u8, length as u8];
        wire.resize(5 + length - 1, 0);
        pair.chunk_bytes = 97;
        pair.give(&wire).1.unwrap();
        assert!(pair.stream.partial.capacity() <= 2 * PARTIAL_BYTES_MAX);
        assert!(pair.give(&[0]).1.is_err());
        assert_eq!(pair.stream.partial.capacity(), 0);
    }
}

#[test]
fn a_handshake_message_in_crumbs_is_bounded() {
    let mut pair = Pair::new(&server(Asks::Never), &client(VERSIONS[1]));
    // The header of a ClientHello of 60,000 bytes, then its bytes one to a record.
    let mut failure = pair.give(&[22, 3, 1, 0, 4, 1, 0, 0xea, 0x60]).1;
    let mut given_bytes = 9;
    while failure.is_ok() && given_bytes < 10 * PARTIAL_BYTES_MAX {
        failure = pair.give(&[22, 3, 1, 0, 1, 7]).1;
        given_bytes += 6;
        assert!(pair.stream.partial.len() <= PARTIAL_BYTES_MAX);
    }
    assert_eq!(failure, Err(TlsFailure::HandshakeTooLarge));
    assert!(given_bytes <= PARTIAL_BYTES_MAX + 6);
}

#[test]
fn a_handshake_message_in_pieces_is_put_together() {
    for version in VERSIONS {
        for piece_bytes in [1, 2, 50] {
            let mut pair = Pair::new(&server(Asks::Never), &client(version));
            let hello = pair.client_wire();
            let mut wire = Vec::new();
            for piece in hello[5..].chunks(piece_bytes) {
                wire.extend([22, 3, 1, 0, piece.len() as u8]);
                wire.extend(piece);
            }
            pair.chunk_bytes = 11;
            let (out, result) = pair.give(&wire);
            assert_eq!(result, Ok(()));
            pair.give_client(&out).unwrap();
            pair.settle().unwrap();
            assert!(pair.stream.is_established());
        }
    }
}
