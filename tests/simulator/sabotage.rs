//! Faults put into the world on purpose: a simulator that does not find them is worth nothing.
//!
//! Owns what is broken and how often. Must never be on in a run that is meant to pass.

use ringmq_protocol::PacketType;

use super::frames;
use super::random::Random;

/// What is broken on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Nothing.
    None,
    /// A bundle of letters now and then never arrives.
    LoseLetter,
    /// One now and then arrives twice.
    RepeatLetter,
    /// One now and then overtakes the one before it.
    SwapLetters,
    /// A packet now and then never reaches the client, though those behind it do.
    LosePacket,
    /// A PUBLISH now and then reaches the client twice.
    RepeatPublish,
    /// A repeated PUBLISH says that it is none.
    ClearDup,
    /// Bytes of clients are handed in before letters that already wait.
    ReadBeforeLetters,
}

impl Sabotage {
    /// Everything that can be broken.
    pub const ALL: [Sabotage; 7] = [
        Sabotage::LoseLetter,
        Sabotage::RepeatLetter,
        Sabotage::SwapLetters,
        Sabotage::LosePacket,
        Sabotage::RepeatPublish,
        Sabotage::ClearDup,
        Sabotage::ReadBeforeLetters,
    ];
}

const PERCENT: u32 = 4;
/// Most letters do not mind their order.
const SWAP_PERCENT: u32 = 50;
const DUP: u8 = 0b1000;

/// Breaks things.
#[derive(Clone, Debug)]
pub(crate) struct Saboteur {
    kind: Sabotage,
    random: Random,
}

impl Saboteur {
    pub(crate) fn new(kind: Sabotage, seed: u64) -> Saboteur {
        Saboteur { kind, random: Random::new(seed, 0x5AB0) }
    }

    /// How often a bundle of letters arrives.
    pub(crate) fn copies(&mut self) -> usize {
        match self.kind {
            Sabotage::LoseLetter if self.random.chance(PERCENT) => 0,
            Sabotage::RepeatLetter if self.random.chance(PERCENT) => 2,
            _ => 1,
        }
    }

    /// Whether the bundle that was posted last overtakes the one before it.
    pub(crate) fn swaps(&mut self) -> bool {
        self.kind == Sabotage::SwapLetters && self.random.chance(SWAP_PERCENT)
    }

    /// Whether bytes are handed in before the letters that wait.
    pub(crate) fn reads_before_letters(&self) -> bool {
        self.kind == Sabotage::ReadBeforeLetters
    }

    /// Bytes for a client, which are whole packets.
    pub(crate) fn output(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        match self.kind {
            Sabotage::LosePacket | Sabotage::RepeatPublish | Sabotage::ClearDup => self.packets(&bytes),
            _ => bytes,
        }
    }

    fn packets(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for (header, packet) in frames::cut(bytes) {
            let is_publish = header.kind == PacketType::Publish;
            match self.kind {
                Sabotage::LosePacket if self.random.chance(PERCENT) => continue,
                Sabotage::RepeatPublish if is_publish && self.random.chance(PERCENT) => out.extend(packet),
                _ => {}
            }
            let start = out.len();
            out.extend(packet);
            if self.kind == Sabotage::ClearDup && is_publish {
                out[start] &= !DUP;
            }
        }
        out
    }
}
