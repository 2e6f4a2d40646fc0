//! Whatever pieces a stream of bytes comes in, the broker answers the same, and nothing of it stays behind.
//!
//! `streams` holds what a client sends; here it is cut. Short streams are cut in every way there is, the others at
//! every place, into pieces of every size, and at random. Needs no fuzzer: `fuzz/split.rs` goes further.

mod streams;

use std::collections::BTreeMap;

use ringmq_broker::counters::{Counters, Kind};
use ringmq_protocol::PacketType;
use ringmq_tests::simulator::frames::cut;
use ringmq_tests::simulator::random::Random;
use ringmq_tests::simulator::{World, WorldSetup};

/// Random ways of cutting each stream.
const RANDOM_CUTS: u64 = 40;
/// Longer than any session, will or retained message of these streams lasts.
const AFTERLIFE_MS: u64 = 8 * 24 * 3600 * 1000;

/// What a client and an operator can see of a run.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    sent: Vec<u8>,
    is_closed: bool,
    endings: Vec<String>,
    counters: Counters,
}

/// A client sends a stream in pieces to `shard`, with everything at rest in between, and then hangs up.
fn run<'a>(shard_count: u16, shard: u16, pieces: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut world = World::calm(WorldSetup::new(shard_count));
    let wire = world.connect_at(shard);
    for piece in pieces {
        world.send(wire, piece);
        world.settle();
    }
    let (sent, is_closed) = (world.received(wire), world.is_closed(wire));
    world.hang_up(wire);
    world.advance_ms(AFTERLIFE_MS);
    assert_nothing_stays(&world.counters());
    // What is read of a client that is closed already depends on the cuts, rightly. So do letters: other shards are not asked
    // for retained messages of a filter that is unsubscribed in the same piece.
    let counters = Counters { bytes_received: 0, letters_posted: 0, letters_received: 0, ..world.counters() };
    let endings = world.take_notes().iter().map(|note| format!("{note:?}")).collect();
    Seen { sent, is_closed, endings, counters }
}

/// Sessions and their messages are gone; only what was retained stays.
fn assert_nothing_stays(counters: &Counters) {
    counters.for_each(|name, kind, value| {
        let may_stay = matches!(name, "retained" | "retained_bytes" | "message_bytes");
        assert!(kind != Kind::Gauge || may_stay || value == 0, "{name} is {value}");
    });
    assert!(counters.message_bytes <= counters.retained_bytes, "messages that nobody holds");
    assert_eq!(counters.letters_posted, counters.letters_received);
}

/// With several shards an answer that waits for letters may come before or after one that does not, so that only the
/// order within each kind of packet is fixed.
fn by_kind(sent: &[u8]) -> BTreeMap<PacketType, Vec<&[u8]>> {
    let mut kinds: BTreeMap<PacketType, Vec<&[u8]>> = BTreeMap::new();
    for (header, packet) in cut(sent) {
        kinds.entry(header.kind).or_default().push(packet);
    }
    kinds
}

/// The stream in one piece and in these pieces gives the same, with one shard and with two, at home and not.
fn check(name: &str, stream: &[u8], pieces: &[&[u8]]) {
    let said =
        || format!("{name} in pieces of {:?}", pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>());
    assert_eq!(run(1, 0, pieces.iter().copied()), run(1, 0, [stream].into_iter()), "{}", said());
    for shard in 0..2 {
        let (cut, whole) = (run(2, shard, pieces.iter().copied()), run(2, shard, [stream].into_iter()));
        assert_eq!(by_kind(&cut.sent), by_kind(&whole.sent), "{}, two shards", said());
        assert_eq!(Seen { sent: Vec::new(), ..cut }, Seen { sent: Vec::new(), ..whole }, "{}", said());
    }
}

/// Cuts a stream behind every byte whose bit is set.
fn cut_at(stream: &[u8], places: u64) -> Vec<&[u8]> {
    let (mut pieces, mut begin) = (Vec::new(), 0);
    for end in (1..stream.len()).filter(|end| places >> (end - 1) & 1 == 1) {
        pieces.push(&stream[begin..end]);
        begin = end;
    }
    pieces.push(&stream[begin..]);
    pieces
}

fn cut_at_random<'a>(stream: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let (most, mut pieces, mut rest) = (random.between(2, 30), Vec::new(), stream);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(random.between(1, most).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Every one of the 2^(n-1) ways of cutting n bytes.
#[test]
fn short_streams_cut_in_every_way() {
    for (name, stream) in streams::short() {
        for places in 0..1 << (stream.len() - 1) {
            check(name, &stream, &cut_at(&stream, places));
        }
    }
}

#[test]
fn streams_cut_at_every_place() {
    for (name, stream) in streams::long() {
        for place in 1..stream.len() {
            let (begin, end) = stream.split_at(place);
            check(&name, &stream, &[begin, end]);
        }
    }
}

#[test]
fn streams_cut_into_pieces_of_every_size() {
    for (name, stream) in streams::long() {
        for size in (1..20).chain([stream.len() / 2]) {
            check(&name, &stream, &stream.chunks(size).collect::<Vec<_>>());
        }
    }
}

#[test]
fn streams_cut_at_random() {
    for (number, (name, stream)) in streams::long().into_iter().enumerate() {
        let mut random = Random::new(number as u64, 0);
        for _ in 0..RANDOM_CUTS {
            check(&name, &stream, &cut_at_random(&stream, &mut random));
        }
    }
}

/// The streams reach what they are meant to reach; else the tests above would prove little.
#[test]
fn the_streams_are_answered() {
    let kinds: Vec<PacketType> = streams::long()
        .iter()
        .flat_map(|(_, stream)| {
            by_kind(&run(1, 0, [&stream[..]].into_iter()).sent).into_keys().collect::<Vec<_>>()
        })
        .collect();
    for kind in PacketType::ALL {
        let is_sent_by_servers = !matches!(
            kind,
            PacketType::Connect
                | PacketType::Subscribe
                | PacketType::Unsubscribe
                | PacketType::Pingreq
                | PacketType::Auth
        );
        assert_eq!(kinds.contains(&kind), is_sent_by_servers, "{kind:?}");
    }
}
