//! Sizes in bytes as people write them. Only units of 1,024 exist: a `kB` that means either would be a trap.

const UNITS: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads `16 KiB`, `16KiB`, `512 B` or `512`; upper and lower case are the same. None if it is not of this form
/// or beyond 64 bits.
pub(super) fn bytes_from_text(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.replace('_', "").parse().ok()?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Some(number);
    }
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

/// The largest unit that loses nothing: `16 KiB`, `1500 B`.
pub(super) fn bytes_to_text(bytes: u64) -> String {
    let whole = |&&(_, factor): &&(&str, u64)| bytes >= factor && bytes.is_multiple_of(factor);
    let (unit, factor) = UNITS.iter().find(whole).copied().unwrap_or(("B", 1));
    format!("{} {unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_spelling() {
        let table = [("0", 0), ("1_500", 1500), ("512 B", 512), ("16KiB", 16_384), (" 2 mib ", 2 << 20)];
        for (text, bytes) in table {
            assert_eq!(bytes_from_text(text), Some(bytes), "{text}");
        }
        for text in
            ["", "KiB", "-1", "1.5 MiB", "16 KB", "16 K", "1 KiB KiB", "18446744073709551616", "99999999 TiB"]
        {
            assert_eq!(bytes_from_text(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_without_loss() {
        for bytes in [0, 1, 1023, 1024, 1536, 65_535, 65_536, 1 << 20, 3 << 30, 1 << 40, u64::MAX] {
            assert_eq!(bytes_from_text(&bytes_to_text(bytes)), Some(bytes));
        }
        assert_eq!(bytes_to_text(2 << 20), "2 MiB");
    }
}
