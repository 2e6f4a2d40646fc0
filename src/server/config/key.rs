//! What one configuration key is: its name, what it may hold, its default and its help. The `section!` macro
//! declares a field and its key in one place, so that parser, default, range, help, docs and tests cannot differ.
//! It never knows where a value came from (a file, a flag) and checks one key at a time.

use std::fmt;

use super::Settings;
use super::datum::Datum;

/// Whether a section's keys may be given again for one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Once for the whole broker.
    Broker,
    /// For all listeners, and again inside `[[listener]]` for that one.
    EachListener,
    /// Only inside `[[listener]]`.
    OneListener,
}

/// One table of the file and its keys.
pub(crate) struct Section {
    /// The table's name in the file; empty for the keys at the top.
    pub(crate) path: &'static str,
    /// What the section is for, whole sentences.
    pub(crate) about: &'static str,
    /// Where its keys may stand.
    pub(crate) scope: Scope,
    /// Its keys in the order of the documentation.
    pub(crate) keys: &'static [Key],
}

impl Section {
    /// The full name of one of its keys, such as `limits.connections_max`.
    pub(crate) fn path_of(&self, key: &Key) -> String {
        if self.path.is_empty() { key.name.to_owned() } else { format!("{}.{}", self.path, key.name) }
    }
}

/// One key: everything there is to know about it.
pub(crate) struct Key {
    /// Its name within the section; a unit, if it has one, stands last.
    pub(crate) name: &'static str,
    /// What it does, whole sentences.
    pub(crate) help: &'static str,
    /// What it may hold.
    pub(crate) domain: Domain,
    /// Stores a value; false if the domain refuses it, the settings are then as before.
    pub(crate) read: fn(&mut Settings, &Datum, &Domain) -> bool,
    /// The value it holds, as TOML.
    pub(crate) write: fn(&Settings, &Domain) -> String,
}

/// One word that a key may hold.
pub(crate) struct Choice {
    /// The word as written in the file.
    pub(crate) word: &'static str,
    /// What it means.
    pub(crate) help: &'static str,
}

/// What a key may hold. Its `Display` completes the sentence "allowed is ...".
#[derive(Clone, Copy)]
pub(crate) enum Domain {
    /// A whole number, both ends included.
    Whole {
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
        /// What is counted.
        unit: Unit,
    },
    /// A power of two, both ends included.
    PowerOfTwo {
        /// Smallest allowed.
        least: u64,
        /// Largest allowed.
        most: u64,
    },
    /// `true` or `false`.
    Switch,
    /// One of some words.
    OneOf(&'static [Choice]),
    /// A list of one or more of some words.
    SomeOf(&'static [Choice]),
    /// A text of at most this many bytes, without U+0000; may be empty.
    Text(usize),
    /// A list of texts, each of 1 to this many bytes; may be empty.
    Texts(usize),
    /// A short name made of letters, digits and `. _ -`; may be empty.
    Name,
    /// A path that must be given.
    Path,
    /// A path; empty for none.
    OptionalPath,
    /// Where to listen.
    Url,
}

/// What a whole number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Things.
    Count,
    /// Bytes; may be written as a text with KiB, MiB, GiB or TiB.
    Bytes,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
}

impl Domain {
    /// A number of things.
    pub(super) const fn count(least: u64, most: u64) -> Domain {
        Domain::Whole { least, most, unit: Unit::Count }
    }

    /// A number of bytes.
    pub(super) const fn bytes(least: u64, most: u64) -> Domain {
        Domain::Whole { least, most, unit: Unit::Bytes }
    }

    /// A time in seconds.
    pub(super) const fn seconds(least: u64, most: u64) -> Domain {
        Domain::Whole { least, most, unit: Unit::Seconds }
    }

    /// A time in milliseconds.
    pub(super) const fn milliseconds(least: u64, most: u64) -> Domain {
        Domain::Whole { least, most, unit: Unit::Milliseconds }
    }

    /// A time in microseconds.
    pub(super) const fn microseconds(least: u64, most: u64) -> Domain {
        Domain::Whole { least, most, unit: Unit::Microseconds }
    }

    /// Whether a value of this domain is written as a text, so that a flag need not quote it.
    pub(super) fn is_text(&self) -> bool {
        use Domain::{Name, OneOf, OptionalPath, Path, Text, Url};
        matches!(self, OneOf(_) | Text(_) | Name | Path | OptionalPath | Url)
    }

    /// Whether a value of this domain is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Domain::SomeOf(_) | Domain::Texts(_))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Domain::Whole { least, most, unit: Unit::Bytes } => {
                let (least, most) = (super::units::bytes_to_text(*least), super::units::bytes_to_text(*most));
                write!(
                    f,
                    "a size from {least} to {most}, a whole number of bytes or a text such as \"16 KiB\""
                )
            }
            Domain::Whole { least, most, unit } => write!(f, "a whole number{unit} from {least} to {most}"),
            Domain::PowerOfTwo { least, most } => write!(f, "a power of two from {least} to {most}"),
            Domain::Switch => f.write_str("true or false"),
            Domain::OneOf(choices) => write_words(f, choices, "or"),
            Domain::SomeOf(choices) => {
                f.write_str("a list of one or more of ")?;
                write_words(f, choices, "and")
            }
            Domain::Text(bytes_max) => write!(f, "a text of at most {bytes_max} bytes without U+0000"),
            Domain::Texts(bytes_max) => write!(f, "a list of texts of 1 to {bytes_max} bytes each"),
            Domain::Name => f.write_str("a name of at most 64 letters, digits and . _ -"),
            Domain::Path => f.write_str("a path that is not empty"),
            Domain::OptionalPath => f.write_str("a path, or \"\" for none"),
            Domain::Url => f.write_str(super::listen::ALLOWED),
        }
    }
}

impl fmt::Display for Unit {
    /// ` of UNIT`, or nothing for a plain count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Count => "",
            Unit::Bytes => " of bytes",
            Unit::Seconds => " of seconds",
            Unit::Milliseconds => " of milliseconds",
            Unit::Microseconds => " of microseconds",
        })
    }
}

/// Writes `"a", "b" or "c"`.
fn write_words(f: &mut fmt::Formatter<'_>, choices: &[Choice], last: &str) -> fmt::Result {
    for (at, choice) in choices.iter().enumerate() {
        match at {
            0 => {}
            _ if at + 1 == choices.len() => write!(f, " {last} ")?,
            _ => f.write_str(", ")?,
        }
        write!(f, "\"{}\"", choice.word)?;
    }
    Ok(())
}

/// Declares a section: the struct with its fields, its defaults and its table of keys.
///
/// `Name at "path" in slot, Scope;` then for each key its doc comment, `name: type = default, domain;`.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident at $path:literal in $slot:ident, $scope:ident;
        $( $(#[doc = $help:literal])+ $key:ident: $kind:ty = $default:expr, $domain:expr; )+
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name {
            $( $(#[doc = $help])+ pub(crate) $key: $kind, )+
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $key: $default, )+ }
            }
        }

        impl $name {
            /// The section's table of keys.
            pub(crate) const SECTION: $crate::config::key::Section = $crate::config::key::Section {
                path: $path,
                about: concat!($($about, "\n"),+),
                scope: $crate::config::key::Scope::$scope,
                keys: &[$( $crate::config::key::Key {
                    name: stringify!($key),
                    help: concat!($($help, "\n"),+),
                    domain: $domain,
                    read: |settings, given, domain| {
                        let value = $crate::config::setting::Setting::read(given, domain);
                        value.map(|value| settings.$slot.$key = value).is_some()
                    },
                    write: |settings, domain| {
                        $crate::config::setting::Setting::write(&settings.$slot.$key, domain)
                    },
                }, )+],
            };
        }
    };
}

/// Declares a type that is one of some words: the enum, the words and their help.
macro_rules! choices {
    (
        $(#[doc = $about:literal])+
        $name:ident { $( $(#[doc = $help:literal])+ $variant:ident = $word:literal, )+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name {
            $( $(#[doc = $help])+ $variant, )+
        }

        impl $name {
            /// The words it is written as, in order.
            pub(crate) const CHOICES: &[$crate::config::key::Choice] =
                &[$( $crate::config::key::Choice { word: $word, help: concat!($($help),+) }, )+];
        }

        impl $crate::config::setting::Word for $name {
            fn from_word(word: &str) -> Option<Self> {
                match word {
                    $( $word => Some($name::$variant), )+
                    _ => None,
                }
            }

            fn word(self) -> &'static str {
                match self {
                    $( $name::$variant => $word, )+
                }
            }
        }
    };
}

pub(super) use {choices, section};
