//! The configuration as an operator meets it: what each key takes, what each mistake is answered with, and which
//! values end up where.

mod faults;
mod keys;
mod plans;

use std::path::Path;

use super::draft::Draft;
use super::flags::Flags;
use super::{Config, Environment, Faults, file, plan};

/// Loads a file of this text, named `ringmq.toml`, and these flags.
fn load_with(text: &str, flags: &Flags) -> Result<Config, Faults> {
    let mut draft = Draft::new(&Environment::default());
    file::read_toml(&mut draft, Path::new("ringmq.toml"), text);
    flags.apply(&mut draft);
    plan::make(draft)
}

/// Loads a file of this text.
fn load(text: &str) -> Result<Config, Faults> {
    load_with(text, &Flags::default())
}

/// Loads nothing but `--set` flags.
fn load_set(pairs: &[(&str, &str)]) -> Result<Config, Faults> {
    load_with("", &set(pairs))
}

fn set(pairs: &[(&str, &str)]) -> Flags {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Flags { set: pairs.iter().map(own).collect(), ..Flags::default() }
}

/// Asserts that a text is refused with exactly these lines.
#[track_caller]
fn refused(text: &str, lines: &[&str]) {
    let faults = load(text).expect_err("the file should be refused").to_string();
    assert_eq!(faults.lines().collect::<Vec<_>>(), lines, "{text}");
}
