//! What each payload carries: who sent it, as which message, and when it was meant to leave.
//!
//! Owns the first sixteen bytes of a payload. Must never know a topic or a packet.
//!
//! ```text
//!  byte 0   1..4      4..8        8..13                   13..16
//!  run tag  sender    sequence    intended time, 100 ns   how much later it really left, 100 ns
//! ```
//! All numbers are big-endian. The lateness is a floating number, 4 bits of exponent before 20 bits of mantissa, so that it
//! holds from 100 ns up to 57 minutes.

use crate::clock::Nanos;

/// Bytes of a stamp: the smallest payload.
pub(crate) const STAMP_BYTES: usize = 16;

/// Publishers that a stamp can tell apart.
pub(crate) const SENDERS_MAX: usize = 1 << 24;

/// The latest intended time that a stamp holds: about 30 hours.
pub(crate) const TIME_MAX: Nanos = ((1 << 40) - 1) * UNIT_NS;

const UNIT_NS: Nanos = 100;
const MANTISSA_BITS: u32 = 20;
const LATENESS_MAX: u64 = ((1 << MANTISSA_BITS) - 1) << 15;

/// The stamp of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    /// Tells this run from others.
    pub(crate) run_tag: u8,
    /// Number of the publisher, below [`SENDERS_MAX`].
    pub(crate) sender: u32,
    /// Number of the message among those of its publisher, from 0.
    pub(crate) sequence: u32,
    /// When the schedule wanted it sent, up to [`TIME_MAX`].
    pub(crate) intended: Nanos,
    /// How much later it was sent.
    pub(crate) lateness: Nanos,
}

impl Stamp {
    /// Writes the stamp to the front of a payload.
    ///
    /// # Panics
    /// If the payload is shorter than [`STAMP_BYTES`], or a number is beyond its range.
    pub(crate) fn write(&self, payload: &mut [u8]) {
        assert!(
            (self.sender as usize) < SENDERS_MAX && self.intended <= TIME_MAX,
            "a stamp holds what it is given"
        );
        let who = u32::from(self.run_tag) << 24 | self.sender;
        let when = (self.intended / UNIT_NS) << 24 | u64::from(pack_lateness(self.lateness / UNIT_NS));
        payload[..4].copy_from_slice(&who.to_be_bytes());
        payload[4..8].copy_from_slice(&self.sequence.to_be_bytes());
        payload[8..STAMP_BYTES].copy_from_slice(&when.to_be_bytes());
    }

    /// Reads the stamp of a payload; `None` if the payload is too short to have one.
    pub(crate) fn read(payload: &[u8]) -> Option<Stamp> {
        let (who, rest) = payload.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<4>()?;
        let (when, _) = rest.split_first_chunk::<8>()?;
        let (who, when) = (u32::from_be_bytes(*who), u64::from_be_bytes(*when));
        Some(Stamp {
            run_tag: (who >> 24) as u8,
            sender: who & 0xFF_FFFF,
            sequence: u32::from_be_bytes(*sequence),
            intended: (when >> 24) * UNIT_NS,
            lateness: unpack_lateness(when as u32 & 0xFF_FFFF) * UNIT_NS,
        })
    }
}

/// A time as a stamp holds it: no later, and by less than 100 ns earlier.
pub(crate) fn as_stamped(at: Nanos) -> Nanos {
    at / UNIT_NS * UNIT_NS
}

fn pack_lateness(units: u64) -> u32 {
    let units = units.min(LATENESS_MAX);
    let exponent = (u64::BITS - units.leading_zeros()).saturating_sub(MANTISSA_BITS);
    exponent << MANTISSA_BITS | (units >> exponent) as u32
}

fn unpack_lateness(packed: u32) -> u64 {
    let mantissa = packed & ((1 << MANTISSA_BITS) - 1);
    u64::from(mantissa) << (packed >> MANTISSA_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;

    fn round_trip(stamp: Stamp) -> Stamp {
        let mut payload = [0xEE; STAMP_BYTES + 3];
        stamp.write(&mut payload);
        assert_eq!(&payload[STAMP_BYTES..], [0xEE; 3], "only the front is written");
        Stamp::read(&payload).unwrap()
    }

    #[test]
    fn a_stamp_comes_back_as_it_was_written() {
        let small = Stamp { run_tag: 0, sender: 0, sequence: 0, intended: 0, lateness: 0 };
        let usual = Stamp { run_tag: 7, sender: 12, sequence: 34, intended: 5_600, lateness: 7_800 };
        let large = Stamp {
            run_tag: 255,
            sender: SENDERS_MAX as u32 - 1,
            sequence: u32::MAX,
            intended: TIME_MAX,
            lateness: LATENESS_MAX * UNIT_NS,
        };
        for stamp in [small, usual, large] {
            assert_eq!(round_trip(stamp), stamp);
        }
    }

    #[test]
    fn lateness_is_exact_to_two_millionths_and_capped_at_an_hour() {
        for lateness in [100, 104_857_500, 1_234_567_800, 59 * SECOND, 3_000 * SECOND] {
            let stamp = Stamp { run_tag: 0, sender: 0, sequence: 0, intended: 0, lateness };
            let read = round_trip(stamp).lateness;
            assert!(read <= lateness && lateness - read <= 100 + lateness / 500_000, "{lateness} {read}");
        }
        assert_eq!(unpack_lateness(pack_lateness(u64::MAX)), LATENESS_MAX);
    }

    #[test]
    fn a_short_payload_has_no_stamp() {
        assert_eq!(Stamp::read(&[0; STAMP_BYTES - 1]), None);
    }
}
