//! Every key, by its entry in the table: a key that is added is tested.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::datum::Datum;
use super::super::key::{Domain, Key, Scope, Section, Unit};
use super::super::{Config, Origin, SECTIONS, Settings, docs};
use super::{load, load_set};

fn each_key() -> impl Iterator<Item = (&'static Section, &'static Key)> {
    SECTIONS.into_iter().flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}

/// Stores a value and returns it as written back; None if it is refused.
fn store(key: &Key, datum: &Datum) -> Option<String> {
    let mut settings = Settings::default();
    (key.read)(&mut settings, datum, &key.domain).then(|| (key.write)(&settings, &key.domain))
}

fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

/// Values that the domain must take, and values just beyond.
fn samples(domain: &Domain) -> (Vec<Datum>, Vec<Datum>) {
    let beyond = |least: u64, most: u64| {
        let below = least.checked_sub(1).map_or_else(|| Datum::Other("-1".to_owned()), Datum::Whole);
        vec![below, Datum::Whole(most + 1), Datum::Whole(u64::MAX)]
    };
    match *domain {
        Domain::Whole { least, most, .. } => {
            (vec![Datum::Whole(least), Datum::Whole(most)], beyond(least, most))
        }
        Domain::PowerOfTwo { least, most } => {
            let mut wrong = beyond(least, most);
            wrong.extend([Datum::Whole(least + 1), Datum::Whole(most * 2), Datum::Whole(least / 2)]);
            (vec![Datum::Whole(least), Datum::Whole(most)], wrong)
        }
        Domain::Switch => (vec![Datum::Switch(true), Datum::Switch(false)], vec![text("true"), text("yes")]),
        Domain::OneOf(choices) => {
            (choices.iter().map(|choice| text(choice.word)).collect(), vec![text(""), text("none of these")])
        }
        Domain::SomeOf(choices) => {
            let words: Vec<Datum> = choices.iter().map(|choice| text(choice.word)).collect();
            let wrong =
                vec![Datum::List(Vec::new()), Datum::List(vec![text("none of these")]), words[0].clone()];
            (vec![Datum::List(words.clone()), Datum::List(words[..1].to_vec())], wrong)
        }
        Domain::Text(bytes_max) => (
            vec![text(""), text(&"x".repeat(bytes_max))],
            vec![text(&"x".repeat(bytes_max + 1)), text("a\0b")],
        ),
        Domain::Texts(bytes_max) => (
            vec![Datum::List(Vec::new()), Datum::List(vec![text("a"), text(&"x".repeat(bytes_max))])],
            vec![Datum::List(vec![text("")]), Datum::List(vec![text(&"x".repeat(bytes_max + 1))]), text("a")],
        ),
        Domain::Name => (vec![text(""), text("Fleet-1.eu_west")], vec![text("a b"), text(&"x".repeat(65))]),
        Domain::Path => (vec![text("/var/lib/x"), text("x")], vec![text(""), text("a\0b")]),
        Domain::OptionalPath => (vec![text("/etc/x.pem"), text("")], vec![text("a\0b")]),
        Domain::Url => (vec![text("tls://[::1]:0")], vec![text("http://a:1"), text("")]),
    }
}

/// Values of other types. Only text may be either a text or, for a size, a number.
fn wrong_types(domain: &Domain) -> Vec<Datum> {
    let mut wrong = vec![Datum::Other("1.5".to_owned()), Datum::Other("a table".to_owned())];
    match domain {
        Domain::Whole { .. } | Domain::PowerOfTwo { .. } => {
            wrong.extend([Datum::Switch(true), text("many"), Datum::List(vec![Datum::Whole(1)])]);
        }
        Domain::Switch => wrong.extend([Datum::Whole(1), Datum::List(vec![Datum::Switch(true)])]),
        Domain::SomeOf(_) | Domain::Texts(_) => {
            wrong.extend([Datum::Whole(1), Datum::Switch(true), Datum::List(vec![Datum::Whole(1)])]);
        }
        _ => wrong.extend([Datum::Whole(1), Datum::Switch(true), Datum::List(vec![text("a")])]),
    }
    wrong
}

#[test]
fn every_default_is_allowed_and_reads_back_as_itself() {
    let defaults = Settings::default();
    for (section, key) in each_key() {
        let written = (key.write)(&defaults, &key.domain);
        let read_back = store(key, &Datum::from_flag(&written));
        let path = section.path_of(key);
        assert_eq!(read_back.as_ref(), Some(&written), "{path}");
    }
}

#[test]
fn every_key_takes_its_whole_domain_and_nothing_beyond() {
    for (section, key) in each_key() {
        let (right, wrong) = samples(&key.domain);
        for datum in right {
            let stored = store(key, &datum).map(|written| store(key, &Datum::from_flag(&written)));
            assert!(matches!(stored, Some(Some(_))), "{} should take {datum}", section.path_of(key));
        }
        for datum in wrong {
            assert_eq!(store(key, &datum), None, "{} should refuse {datum}", section.path_of(key));
        }
    }
}

#[test]
fn every_key_refuses_other_types() {
    for (section, key) in each_key() {
        for datum in wrong_types(&key.domain) {
            assert_eq!(store(key, &datum), None, "{} should refuse {datum}", section.path_of(key));
        }
    }
}

#[test]
fn a_refused_value_leaves_the_settings_as_they_were() {
    for (_, key) in each_key() {
        let mut settings = Settings::default();
        for datum in wrong_types(&key.domain) {
            assert!(!(key.read)(&mut settings, &datum, &key.domain));
        }
        assert_eq!(settings, Settings::default());
    }
}

#[test]
fn names_end_with_their_unit_and_are_unlike_each_other() {
    let mut seen = BTreeSet::new();
    for (section, key) in each_key() {
        let path = section.path_of(key);
        let unit = if let Domain::Whole { unit, .. } = key.domain { Some(unit) } else { None };
        assert_eq!(path.ends_with("_s"), unit == Some(Unit::Seconds), "{path}");
        assert_eq!(path.ends_with("_ms"), unit == Some(Unit::Milliseconds), "{path}");
        assert_eq!(path.contains("_bytes"), unit == Some(Unit::Bytes), "{path}");
        assert!(seen.insert(path.clone()), "{path} is declared twice");
    }
}

#[test]
fn help_is_made_of_sentences() {
    for (section, key) in each_key() {
        let help = key.help.trim();
        let first = help.chars().next().unwrap();
        assert!(first.is_uppercase() && help.ends_with('.'), "{}: {help}", section.path_of(key));
    }
    for section in SECTIONS {
        assert!(section.about.trim().ends_with('.'), "{}", section.about);
    }
}

#[test]
fn the_example_means_the_defaults_with_and_without_its_comment_signs() {
    let example = docs::example();
    assert_eq!(load(&example).unwrap(), load("").unwrap());

    let broker_keys = example.split("#[[listener]]").next().unwrap();
    let mut uncommented = String::new();
    for line in broker_keys.lines() {
        let key = line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        uncommented.push_str(key.unwrap_or(line));
        uncommented.push('\n');
    }
    let count = each_key().filter(|(section, _)| section.scope != Scope::OneListener).count();
    assert_eq!(uncommented.matches(" = ").count(), count, "every key but those of one listener");
    assert_eq!(unasked(load(&uncommented).unwrap()), load("").unwrap());
}

/// As if nobody had said what the default says too.
fn unasked(config: Config) -> Config {
    Config { connections_max_origin: Origin::Default, ..config }
}

#[test]
fn the_listener_of_the_example_is_right() {
    let example = docs::example();
    let listener: String =
        example.split_inclusive('\n').skip_while(|line| *line != "#[[listener]]\n").collect();
    let config = load(&listener.replace('#', "")).unwrap();
    assert_eq!(config.listeners.len(), 1);
    assert_eq!((config.listeners[0].name.as_str(), config.listeners[0].mqtt.max_qos), ("fleet", 1));
}

#[test]
fn every_key_can_be_set_by_a_flag_as_it_is_written() {
    let defaults = Settings::default();
    for (section, key) in each_key().filter(|(section, _)| section.path != "listener") {
        let written = (key.write)(&defaults, &key.domain);
        let config = load_set(&[(&section.path_of(key), &written)]);
        assert_eq!(unasked(config.unwrap()), load("").unwrap(), "{}", section.path_of(key));
    }
}

/// `UPDATE=1` writes the file instead.
#[test]
fn the_reference_is_up_to_date() {
    let file = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONFIG.md"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, docs::reference()).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == docs::reference(),
        "docs/CONFIG.md is old: run UPDATE=1 cargo test -p ringmq reference"
    );
}
