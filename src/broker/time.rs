//! Time as the broker floor sees it: an argument, never a look-up.
//!
//! Owns one number. Must never know a clock: the shell reads it and every verb receives it. All shards of one
//! process count from the same start, so a time may travel in a letter.

/// Milliseconds since the process chose its zero. Monotonic; says nothing about the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Time(u64);

impl Time {
    /// The zero of the process.
    pub const ZERO: Time = Time(0);

    /// `ms` milliseconds after the zero.
    pub const fn from_ms(ms: u64) -> Time {
        Time(ms)
    }

    /// Milliseconds since the zero.
    pub const fn as_ms(self) -> u64 {
        self.0
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
        self.0.saturating_sub(earlier.0)
    }
}
