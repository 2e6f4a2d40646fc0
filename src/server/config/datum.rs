//! A value as it was found, before anybody asked whether it is allowed. It knows TOML's types and no key.

use std::fmt;

use toml::de::{DeInteger, DeValue};

/// Longest text that an error repeats, in characters.
const SHOWN_MAX: usize = 60;

/// A value of a file or of a flag.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    /// A whole number that fits 64 bits.
    Whole(u64),
    /// `true` or `false`.
    Switch(bool),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Datum>),
    /// Anything that no key can hold, as it was written: a table, a fraction, a date, a negative number.
    Other(String),
}

impl Datum {
    /// The value of a file.
    pub(super) fn from_toml(value: &DeValue<'_>) -> Datum {
        match value {
            DeValue::String(text) => Datum::Text(text.to_string()),
            DeValue::Boolean(on) => Datum::Switch(*on),
            DeValue::Integer(number) => Datum::from_integer(number),
            DeValue::Array(items) => {
                Datum::List(items.iter().map(|v| Datum::from_toml(v.get_ref())).collect())
            }
            DeValue::Float(number) => Datum::Other(number.to_string()),
            DeValue::Datetime(date) => Datum::Other(date.to_string()),
            DeValue::Table(_) => Datum::Other("a table".to_owned()),
        }
    }

    fn from_integer(number: &DeInteger<'_>) -> Datum {
        match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(whole) => Datum::Whole(whole),
            Err(_) => Datum::Other(number.to_string()),
        }
    }

    /// The value of a flag: like in a file, but a text needs no quotes.
    pub(super) fn from_flag(text: &str) -> Datum {
        match DeValue::parse(text) {
            Ok(value) => Datum::from_toml(value.get_ref()),
            Err(_) => Datum::Text(text.to_owned()),
        }
    }

    /// The value of a flag whose key holds a text: only quotes make a difference, so that `2024` is a text.
    pub(super) fn text_from_flag(text: &str) -> Datum {
        if text.starts_with(['"', '\'']) { Datum::from_flag(text) } else { Datum::Text(text.to_owned()) }
    }

    /// The value of a flag whose key holds a list of texts: `["a", "b"]` or `a,b`.
    pub(super) fn list_from_flag(text: &str) -> Datum {
        if text.starts_with('[') {
            return Datum::from_flag(text);
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Datum::List(items.map(Datum::text_from_flag).collect())
    }
}

/// A text as TOML writes it, with everything escaped that could disturb a terminal.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Whole(number) => write!(f, "{number}"),
            Datum::Switch(on) => write!(f, "{on}"),
            Datum::Other(text) => f.write_str(text),
            Datum::Text(text) => match text.char_indices().nth(SHOWN_MAX) {
                Some((end, _)) => write!(f, "{}... ({} bytes)", quoted(&text[..end]), text.len()),
                None => f.write_str(&quoted(text)),
            },
            Datum::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{item}")?;
                }
                f.write_str("]")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_shown_as_toml_writes_it() {
        let table = [
            ("17", "17"),
            ("0x10", "16"),
            ("1_000", "1000"),
            ("-1", "-1"),
            ("1.5", "1.5"),
            ("18446744073709551616", "18446744073709551616"),
            ("2024-01-01", "2024-01-01"),
            ("true", "true"),
            ("[1, \"a\", []]", "[1, \"a\", []]"),
            ("{ a = 1 }", "a table"),
            ("plain words", "\"plain words\""),
            ("\"a\\u0007\\\"b\"", "\"a\\u0007\\\"b\""),
        ];
        for (text, shown) in table {
            assert_eq!(Datum::from_flag(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let shown = Datum::Text("\u{e9}".repeat(100)).to_string();
        assert_eq!(shown, format!("\"{}\"... (200 bytes)", "\u{e9}".repeat(60)));
    }

    #[test]
    fn flags_of_text_keys_need_no_quotes() {
        assert_eq!(Datum::text_from_flag("2024"), Datum::Text("2024".to_owned()));
        assert_eq!(Datum::text_from_flag("'a b'"), Datum::Text("a b".to_owned()));
        let both = Datum::List(vec![Datum::Text("1.2".to_owned()), Datum::Text("1.3".to_owned())]);
        assert_eq!(Datum::list_from_flag("1.2, 1.3"), both);
        assert_eq!(Datum::list_from_flag("[\"1.2\", '1.3']"), both);
        assert_eq!(Datum::list_from_flag(""), Datum::List(Vec::new()));
    }
}
