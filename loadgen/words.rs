//! Numbers in words: one message and two messages, thousands apart, durations in the unit that suits them.
//!
//! Owns the forms that all texts for readers have in common. Must never know what is counted.

use std::fmt;

/// A count with its noun, whose plural takes an s: `1 message`, `20000 messages`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A number with its thousands apart: `3,100,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate, which is not negative, to a whole number per second, or to three digits below ten.
pub(crate) fn rate(per_s: f64) -> String {
    match per_s {
        per_s if per_s > 0.0 && per_s < 10.0 => format!("{per_s:.2}/s"),
        per_s => format!("{}/s", grouped(per_s.round() as u64)),
    }
}

/// A duration in microseconds, shown in a unit that suits it.
#[derive(Clone, Copy)]
pub(crate) struct Micros(pub(crate) f64);

impl fmt::Display for Micros {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            us if us < 1e3 => format!("{us:.1} \u{b5}s"),
            us if us < 1e6 => format!("{:.2} ms", us / 1e3),
            us => format!("{:.2} s", us / 1e6),
        };
        out.pad(&text)
    }
}

/// Bytes in a unit that suits them: `640 B`, `1.5 KiB`, `12 MiB`.
pub(crate) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes, 0);
    while value.abs() >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    match unit {
        0 => format!("{value:.0} B"),
        _ => format!("{value:.1} {}", UNITS[unit]),
    }
}

/// A moment as 2026-01-31 23:59:59 UTC, by the days of the proleptic Gregorian calendar counted from a 1st of March.
pub(crate) fn date_and_time(unix_s: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    const DAYS_FROM_YEAR_0: u64 = 719_468;
    let (days, second) = (unix_s / 86_400 + DAYS_FROM_YEAR_0, unix_s % 86_400);
    let (era, day_of_era) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_told_from_many_and_thousands_stand_apart() {
        assert_eq!([counted(1, "message"), counted(2, "message")], ["1 message", "2 messages"]);
        let all = [0, 999, 1000, 31_000, 3_100_000].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "31,000", "3,100,000"]);
        assert_eq!([rate(0.0), rate(0.5), rate(9_999.7)], ["0/s", "0.50/s", "10,000/s"]);
    }

    #[test]
    fn durations_and_sizes_have_the_unit_that_suits_them() {
        let shown = [0.5, 999.94, 1000.0, 1_234_567.0].map(|us| Micros(us).to_string());
        assert_eq!(shown, ["0.5 \u{b5}s", "999.9 \u{b5}s", "1.00 ms", "1.23 s"]);
        assert_eq!(format!("{:>10}", Micros(1000.0)), "   1.00 ms");
        let sizes = [640.0, 1536.0, 12.0 * 1024.0 * 1024.0].map(bytes);
        assert_eq!(sizes, ["640 B", "1.5 KiB", "12.0 MiB"]);
    }

    #[test]
    fn moments_have_their_dates() {
        for (unix_s, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_000_000_000, "2001-09-09 01:46:40 UTC"),
            (4_107_542_399, "2100-02-28 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(date_and_time(unix_s), text);
        }
    }
}
