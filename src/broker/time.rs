//! Time as the broker floor sees it: an argument, never a look-up.
//!
//! Owns one number. Must never know a clock: the shell reads it and every verb receives it. All shards of one
//! process count from the same start, so a time may travel in a letter.

use std::num::NonZeroU64;

/// Milliseconds since the process chose its zero. Monotonic; says nothing about the calendar.
///
/// Kept as one more than that, so that a time that may be absent takes no more room than one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(NonZeroU64);

impl Default for Time {
    fn default() -> Time {
        Time::ZERO
    }
}

impl Time {
    /// The zero of the process.
    pub const ZERO: Time = Time::from_ms(0);

    /// `ms` milliseconds after the zero. The last possible millisecond stands for the one before it.
    pub const fn from_ms(ms: u64) -> Time {
        Time(NonZeroU64::MIN.saturating_add(ms))
    }

    /// Milliseconds since the zero.
    pub const fn as_ms(self) -> u64 {
        self.0.get() - 1
    }

    /// This time and `ms` milliseconds; stays at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms))
    }

    /// This time and `s` seconds.
    #[must_use]
    pub const fn plus_s(self, s: u32) -> Time {
        self.plus_ms(s as u64 * 1000)
    }

    /// Milliseconds from `earlier` to this time; 0 when `earlier` is later.
    pub const fn since_ms(self, earlier: Time) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }
}
