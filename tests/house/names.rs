//! Names: the words that the house does not use, because each hides what a thing is.

use super::findings::Findings;
use super::rust;

/// Words, each with what to say instead.
const WORDS: &[(&str, &str)] = &[
    ("context", "say what it holds"),
    ("event", "say what happened"),
    ("graveyard", "say what is kept, and until when"),
    ("kick", "takeover, or disconnect"),
    ("link", "connection, or neighbour"),
    ("manager", "say what it owns"),
    ("util", "put it with what it serves"),
    ("worker", "shard, or thread"),
];

#[test]
fn no_name_hides_what_it_names() {
    let mut findings = Findings::of("These words are not used as names of the house (docs/STYLE.md).");
    for file in rust::all() {
        let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if let Some(instead) = hidden_by(stem) {
            findings.about(&file.path, instead);
        }
        for name in &file.survey.definitions {
            if let Some(instead) = hidden_by(&name.what) {
                findings.at(&file.path, name.line, format!("{}: {instead}", name.what));
            }
        }
    }
    findings.conclude();
}

fn hidden_by(name: &str) -> Option<&'static str> {
    let words = words(name);
    let found =
        WORDS.iter().find(|(word, _)| words.iter().any(|w| w.strip_suffix('s').unwrap_or(w) == *word));
    found.map(|&(_, instead)| instead)
}

/// The words of a name in snake or camel case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() && was_lower {
            words.push(String::new());
        }
        if letter != '_' {
            words.last_mut().expect("there is a first word").extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    words
}

#[test]
fn words_are_found_in_both_cases() {
    assert_eq!(words("EventLoop"), ["event", "loop"]);
    assert_eq!(words("list_of_links"), ["list", "of", "links"]);
    assert!(hidden_by("unlink").is_none() && hidden_by("list_of_links").is_some());
}
