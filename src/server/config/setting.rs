//! How each Rust type that a key can have is read from a found value and written as TOML. Whether a value is
//! allowed is decided by the key's domain, which is the only judge.

use std::path::PathBuf;

use super::datum::{Datum, quoted};
use super::key::{Domain, Unit};
use super::listen::ListenUrl;
use super::units;

/// A type that a key can have.
pub(crate) trait Setting: Sized {
    /// The value if the domain allows it.
    fn read(given: &Datum, domain: &Domain) -> Option<Self>;
    /// The value as TOML; `read` takes it back.
    fn write(&self, domain: &Domain) -> String;
}

/// A type that is one of some words; made by `choices!`.
pub(crate) trait Word: Copy + Sized {
    /// The variant of a word.
    fn from_word(word: &str) -> Option<Self>;
    /// The word of a variant.
    fn word(self) -> &'static str;
}

fn read_whole(given: &Datum, domain: &Domain) -> Option<u64> {
    match *domain {
        Domain::Whole { least, most, unit } => {
            let number = match given {
                Datum::Whole(number) => *number,
                Datum::Text(text) if unit == Unit::Bytes => units::bytes_from_text(text)?,
                _ => return None,
            };
            (least..=most).contains(&number).then_some(number)
        }
        Domain::PowerOfTwo { least, most } => match given {
            Datum::Whole(number) if number.is_power_of_two() => {
                (least..=most).contains(number).then_some(*number)
            }
            _ => None,
        },
        _ => unreachable!("a whole number is declared with a domain of another type"),
    }
}

fn write_whole(number: u64, domain: &Domain) -> String {
    match domain {
        Domain::Whole { unit: Unit::Bytes, .. } if number >= 1024 && number.is_multiple_of(1024) => {
            quoted(&units::bytes_to_text(number))
        }
        _ => number.to_string(),
    }
}

macro_rules! whole_settings {
    ($($kind:ty)+) => { $(
        impl Setting for $kind {
            fn read(given: &Datum, domain: &Domain) -> Option<Self> {
                read_whole(given, domain).and_then(|number| number.try_into().ok())
            }

            fn write(&self, domain: &Domain) -> String {
                write_whole(u64::from(*self), domain)
            }
        }
    )+ };
}

whole_settings!(u8 u16 u32 u64);

impl Setting for bool {
    fn read(given: &Datum, _domain: &Domain) -> Option<Self> {
        if let Datum::Switch(on) = given { Some(*on) } else { None }
    }

    fn write(&self, _domain: &Domain) -> String {
        self.to_string()
    }
}

impl<W: Word> Setting for W {
    fn read(given: &Datum, _domain: &Domain) -> Option<Self> {
        if let Datum::Text(word) = given { W::from_word(word) } else { None }
    }

    fn write(&self, _domain: &Domain) -> String {
        quoted(self.word())
    }
}

impl<W: Word + PartialEq> Setting for Vec<W> {
    /// A word that stands twice counts once.
    fn read(given: &Datum, domain: &Domain) -> Option<Self> {
        let Datum::List(items) = given else { return None };
        let mut words: Vec<W> = Vec::with_capacity(items.len());
        for item in items {
            let word = W::read(item, domain)?;
            if !words.contains(&word) {
                words.push(word);
            }
        }
        (!words.is_empty()).then_some(words)
    }

    fn write(&self, _domain: &Domain) -> String {
        let words: Vec<String> = self.iter().map(|word| quoted(word.word())).collect();
        format!("[{}]", words.join(", "))
    }
}

impl Setting for String {
    fn read(given: &Datum, domain: &Domain) -> Option<Self> {
        let Datum::Text(text) = given else { return None };
        let allowed = match domain {
            Domain::Text(bytes_max) => text.len() <= *bytes_max && !text.contains('\0'),
            Domain::Name => text.len() <= 64 && text.bytes().all(is_name_byte),
            _ => unreachable!("a text is declared with a domain of another type"),
        };
        allowed.then(|| text.clone())
    }

    fn write(&self, _domain: &Domain) -> String {
        quoted(self)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// A list of texts, each used as bytes on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Texts(pub(crate) Vec<String>);

impl Setting for Texts {
    fn read(given: &Datum, domain: &Domain) -> Option<Self> {
        let (Datum::List(items), Domain::Texts(bytes_max)) = (given, domain) else { return None };
        let text = |item: &Datum| match item {
            Datum::Text(text) if (1..=*bytes_max).contains(&text.len()) => Some(text.clone()),
            _ => None,
        };
        items.iter().map(text).collect::<Option<Vec<String>>>().map(Texts)
    }

    fn write(&self, _domain: &Domain) -> String {
        let texts: Vec<String> = self.0.iter().map(|text| quoted(text)).collect();
        format!("[{}]", texts.join(", "))
    }
}

impl Setting for PathBuf {
    fn read(given: &Datum, domain: &Domain) -> Option<Self> {
        Option::<PathBuf>::read(given, domain).flatten()
    }

    fn write(&self, _domain: &Domain) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Setting for Option<PathBuf> {
    fn read(given: &Datum, _domain: &Domain) -> Option<Self> {
        match given {
            Datum::Text(path) if path.contains('\0') => None,
            Datum::Text(path) => Some((!path.is_empty()).then(|| PathBuf::from(path))),
            _ => None,
        }
    }

    fn write(&self, domain: &Domain) -> String {
        self.as_ref().map_or_else(|| quoted(""), |path| path.write(domain))
    }
}

impl Setting for ListenUrl {
    fn read(given: &Datum, _domain: &Domain) -> Option<Self> {
        if let Datum::Text(url) = given { url.parse().ok() } else { None }
    }

    fn write(&self, _domain: &Domain) -> String {
        quoted(&self.to_string())
    }
}
