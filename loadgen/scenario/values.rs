//! Spans and payloads as they are written down.
//!
//! Owns their text forms. Must never know what they are for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cli::values;
use crate::clock::{self, MICROSECOND, MILLISECOND, Nanos, SECOND};

/// The largest payload: what a packet holds, less room for its head.
pub(crate) const PAYLOAD_BYTES_MAX: u32 = 268_000_000;

/// A span of time, up to a day: `500us`, `250ms`, `10s`, `2m`, `1h`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span(pub(crate) Nanos);

impl Span {
    pub(crate) fn seconds(self) -> f64 {
        clock::seconds(self.0)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let unit = match &text[digits..] {
            "us" | "\u{b5}s" | "\u{3bc}s" => MICROSECOND,
            "ms" => MILLISECOND,
            "s" | "" => SECOND,
            "m" => 60 * SECOND,
            "h" => 3600 * SECOND,
            _ => return Err("a span is a number with us, ms, s, m or h, such as 10s".into()),
        };
        let number = f64::from_str(&text[..digits])
            .map_err(|_| "a span begins with a number, such as 10s".to_owned())?;
        let nanos = number * unit as f64;
        if nanos <= (24 * 3600 * SECOND) as f64 {
            Ok(Span(nanos as Nanos))
        } else {
            Err("a span is at most 24h".into())
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ns if ns % SECOND == 0 => write!(out, "{}s", ns / SECOND),
            ns => write!(out, "{}ms", ns as f64 / MILLISECOND as f64),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How large payloads are, and what they hold behind their stamp: `64`, `64..1024`, `@FILE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Payload {
    /// All of this many bytes.
    Bytes(u32),
    /// Of any size from the first to the second, each as often.
    Range(u32, u32),
    /// The contents of a file, its first bytes replaced by the stamp.
    File(String),
}

impl Default for Payload {
    fn default() -> Payload {
        Payload::Bytes(64)
    }
}

impl Payload {
    /// Bytes of the largest payload.
    ///
    /// # Errors
    /// A file that cannot be read, or is too large.
    pub(crate) fn bytes_max(&self) -> Result<u32, String> {
        match self {
            Payload::Bytes(bytes) | Payload::Range(_, bytes) => Ok(*bytes),
            Payload::File(_) => Ok(self.filling()?.len() as u32),
        }
    }

    /// What the largest payload holds before a stamp is written over its front.
    ///
    /// # Errors
    /// A file that cannot be read, or is too large.
    pub(crate) fn filling(&self) -> Result<Vec<u8>, String> {
        let bytes = match self {
            Payload::Bytes(bytes) | Payload::Range(_, bytes) => {
                return Ok((0..*bytes).map(|at| b'a' + (at % 26) as u8).collect());
            }
            Payload::File(file) => std::fs::read(file).map_err(|error| format!("{file}: {error}"))?,
        };
        if bytes.len() > PAYLOAD_BYTES_MAX as usize {
            return Err(format!("a payload has at most {PAYLOAD_BYTES_MAX} bytes"));
        }
        Ok(bytes)
    }
}

impl FromStr for Payload {
    type Err = String;

    fn from_str(text: &str) -> Result<Payload, String> {
        let bytes = |text: &str| match values::bytes(text)? {
            bytes if bytes <= PAYLOAD_BYTES_MAX.into() => Ok(bytes as u32),
            _ => Err(format!("{text}: a payload has at most {PAYLOAD_BYTES_MAX} bytes")),
        };
        if let Some(file) = text.strip_prefix('@') {
            return Ok(Payload::File(file.into()));
        }
        match text.split_once("..") {
            None => bytes(text).map(Payload::Bytes),
            Some((least, most)) => match (bytes(least)?, bytes(most)?) {
                (least, most) if least <= most => Ok(Payload::Range(least, most)),
                _ => Err(format!("{text}: a range goes upward")),
            },
        }
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Bytes(bytes) => write!(out, "{bytes}"),
            Payload::Range(least, most) => write!(out, "{least}..{most}"),
            Payload::File(file) => write!(out, "@{file}"),
        }
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Payload::Bytes(bytes) => serializer.serialize_u32(*bytes),
            other => serializer.collect_str(other),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Bytes(u32),
            Text(String),
        }
        let text = match Form::deserialize(deserializer)? {
            Form::Bytes(bytes) => bytes.to_string(),
            Form::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units_and_are_written_as_they_are_read() {
        for (text, nanos) in
            [("250ms", 250 * MILLISECOND), ("10s", 10 * SECOND), ("1500ms", 1_500 * MILLISECOND)]
        {
            assert_eq!(text.parse(), Ok(Span(nanos)));
            assert_eq!(Span(nanos).to_string(), text);
        }
        assert_eq!("500us".parse(), Ok(Span(500 * MICROSECOND)));
        assert_eq!("10".parse(), Ok(Span(10 * SECOND)));
        assert_eq!("1.5s".parse(), Ok(Span(1_500 * MILLISECOND)));
        assert_eq!("2m".parse(), Ok(Span(120 * SECOND)));
        for wrong in ["", "s", "-1s", "10d", "25h", "1e9s", "1.2.3s"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn payloads_are_fixed_or_a_range_or_a_file() {
        for (text, payload) in [
            ("64", Payload::Bytes(64)),
            ("16..1024", Payload::Range(16, 1024)),
            ("@a/b", Payload::File("a/b".into())),
        ] {
            assert_eq!(text.parse(), Ok(payload.clone()));
            assert_eq!(payload.to_string(), text);
        }
        assert_eq!("1KiB".parse(), Ok(Payload::Bytes(1024)));
        assert_eq!("0..1KiB".parse(), Ok(Payload::Range(0, 1024)));
        for wrong in ["", "x", "64..16", "1..", "300000000"] {
            assert!(wrong.parse::<Payload>().is_err(), "{wrong}");
        }
    }
}
