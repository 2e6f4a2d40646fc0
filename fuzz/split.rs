//! One byte stream, cut into pieces in several ways: the same answers whatever the cuts, and nothing left behind.
//!
//! Owns the comparison and what must be gone at the end. Must never know a packet.

use ringmq_tests::simulator::random::Random;

use crate::janitor;

mod broker;

use broker::{Broker, Door, Traces};

/// What the first bytes of an input choose; the rest is the stream.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Lowest bit: two shards instead of one, the client's home being the other one or not. Next bit: everything
    /// optional is refused and every window is tiny. Next bit: a copy for each overlapping subscription.
    flags: u8,
    /// Seeds the cuts.
    seed: u16,
}

/// Takes `input` for a choice and what a client sends.
///
/// # Panics
/// If the broker's answer depends on the cuts, or anything of the client is left when its time is over.
pub fn check(input: &[u8]) {
    let Some((&[flags, low, high], stream)) = input.split_first_chunk() else { return };
    let choice = Choice { flags, seed: u16::from_le_bytes([low, high]) };
    let whole = run(choice, [stream].into_iter());
    let bytewise = run(choice, stream.chunks(1));
    assert_eq!(whole, bytewise, "byte by byte");
    let pieces = cut(stream, choice.seed);
    assert_eq!(whole, run(choice, pieces.into_iter()), "in pieces");
}

/// The stream in pieces of many sizes, up to a size that is drawn first.
fn cut(stream: &[u8], seed: u16) -> Vec<&[u8]> {
    let mut random = Random::new(u64::from(seed), 0);
    let most = random.between(2, 40);
    let (mut pieces, mut rest) = (Vec::new(), stream);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(random.between(1, most).min(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// What the broker did with the pieces, from the opening to the end of all timers.
fn run<'a>(choice: Choice, pieces: impl Iterator<Item = &'a [u8]>) -> Traces {
    let mut broker = Broker::new(choice);
    let client = broker.open(Door::Chosen);
    for piece in pieces {
        broker.receive(client, piece);
    }
    broker.carry_letters();
    broker.hang_up(client);
    broker.run_out();
    let traces = broker.traces(client);
    erase_retained(&mut broker);
    broker.run_out();
    broker.assert_empty();
    traces
}

/// Reads all retained messages through the front door and erases each.
fn erase_retained(broker: &mut Broker) {
    if broker.counters().retained == 0 {
        return;
    }
    let client = broker.open(Door::Wide);
    broker.receive(client, &janitor::questions());
    broker.carry_letters();
    let erasures = janitor::erasures(&broker.sent(client));
    broker.receive(client, &erasures);
    broker.carry_letters();
    broker.hang_up(client);
}
