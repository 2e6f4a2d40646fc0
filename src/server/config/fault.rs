//! What is wrong with a configuration: where, which key, what was found and what is allowed. All faults are
//! gathered, so that one look mends them all. It never decides what is wrong.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::datum::Datum;
use super::key::Domain;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In a file; line and column count from 1, the column in characters.
    File {
        /// The file as named on the command line.
        path: Arc<Path>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In a file as a whole.
    WholeFile(PathBuf),
    /// By a flag, such as `--set`.
    Flag(&'static str),
    /// Nowhere: it is a default.
    Default,
}

/// One thing that is wrong. `Display` is one line: `FILE:LINE:COLUMN: KEY: WHAT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) place: Place,
    /// The full name of the key; empty if no key is concerned.
    pub(crate) key: String,
    /// What is wrong and what would be right.
    pub(crate) what: String,
}

/// Everything that is wrong, in the order of the file, then of the flags. `Display` is one line for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Fault {
    /// A fault of one key.
    pub(crate) fn new(place: Place, key: impl Into<String>, what: impl Into<String>) -> Fault {
        Fault { place, key: key.into(), what: what.into() }
    }

    /// A value that the key's domain refuses.
    pub(super) fn refused(place: Place, key: impl Into<String>, found: &Datum, domain: &Domain) -> Fault {
        let word = match (found, domain) {
            (Datum::Text(word), Domain::OneOf(choices)) => suggest(word, choices.iter().map(|c| c.word)),
            _ => None,
        };
        let hint = word.map(|word| format!("; did you mean \"{word}\"?")).unwrap_or_default();
        Fault::new(place, key, format!("found {found}, allowed is {domain}{hint}"))
    }
}

impl Faults {
    /// Sorts by place; faults at the same place stay in the order they were found.
    pub(super) fn sorted(mut self) -> Faults {
        self.0.sort_by(|a, b| a.place.cmp(&b.place));
        self
    }

    /// Whether nothing but flags is wrong, which makes it an error of usage.
    pub(crate) fn by_flags_alone(&self) -> bool {
        self.0.iter().all(|fault| matches!(fault.place, Place::Flag(_)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Place::WholeFile(path) => write!(f, "{}", path.display()),
            Place::Flag(flag) => f.write_str(flag),
            Place::Default => f.write_str("default"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

/// The nearest of the known words, if it is near enough to be meant: at most three letters and a third of all
/// differ. Among equally near ones the first counts.
pub(super) fn suggest<S: AsRef<str>>(word: &str, known: impl IntoIterator<Item = S>) -> Option<S> {
    let near = |known: S| {
        let steps = distance(word, known.as_ref());
        (steps <= known.as_ref().chars().count().div_ceil(3).min(3)).then_some((steps, known))
    };
    known.into_iter().filter_map(near).min_by_key(|(steps, _)| *steps).map(|(_, known)| known)
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (row, letter) in a.chars().enumerate() {
        let mut here = vec![row + 1];
        for (at, other) in b.iter().enumerate() {
            let change = above[at] + usize::from(letter != *other);
            let mut steps = change.min(above[at + 1] + 1).min(here[at] + 1);
            if at > 0 && last == Some(*other) && letter == b[at - 1] && row > 0 {
                steps = steps.min(before[at - 1] + 1);
            }
            here.push(steps);
        }
        last = Some(letter);
        before = std::mem::replace(&mut above, here);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_slips_of_the_finger() {
        let table = [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("max_qs", "max_qos", 1),
            ("ca", "abc", 3),
        ];
        for (a, b, steps) in table {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }

    #[test]
    fn only_near_words_are_suggested() {
        let known = ["max_qos", "receive_max", "inflight_max"];
        assert_eq!(suggest("max_qs", known), Some("max_qos"));
        assert_eq!(suggest("recieve_max", known), Some("receive_max"));
        assert_eq!(suggest("colour", known), None);
    }

    #[test]
    fn faults_are_sorted_by_line_and_then_flags() {
        let at = |line| Place::File { path: Path::new("f").into(), line, column: 1 };
        let places = [Place::Flag("--set"), at(10), at(9)];
        let faults = Faults(places.map(|place| Fault::new(place, "k", "w")).to_vec()).sorted();
        assert_eq!(faults.to_string(), "f:9:1: k: w\nf:10:1: k: w\n--set: k: w\n");
        assert!(!faults.by_flags_alone());
    }
}
