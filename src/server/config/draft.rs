//! The configuration while it is being gathered: the values taken so far, where each was given, and what was
//! wrong. It checks one key at a time; `plan` checks them against each other.

use std::collections::{BTreeMap, BTreeSet};

use super::datum::Datum;
use super::fault::{Fault, Place, suggest};
use super::key::{Key, Scope, Section};
use super::listen::ListenUrl;
use super::{Environment, SECTIONS, Settings};

/// All that was said so far.
pub(super) struct Draft {
    /// Defaults, with what was given for the whole broker.
    pub(super) settings: Settings,
    /// What was said of the keys in `settings`.
    pub(super) said: Said,
    /// The listeners in the order they were given.
    pub(super) listeners: Vec<ListenerDraft>,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
    /// Whether the file could not be read as TOML throughout, so that anything may be missing.
    pub(super) is_broken: bool,
}

/// What was said of one listener. Its values are laid over the final settings later, because a flag may still
/// change those.
pub(super) struct ListenerDraft {
    /// Where it begins.
    pub(super) place: Place,
    /// Its own values, each allowed by itself.
    values: Vec<(Known, Datum)>,
    /// What was said of its own keys.
    pub(super) said: Said,
}

/// Which keys were given, under their full names.
#[derive(Default)]
pub(super) struct Said {
    /// Where a key was given a value that holds.
    pub(super) places: BTreeMap<String, Place>,
    /// Keys whose value was refused, of which no more should be said.
    pub(super) refused: BTreeSet<String>,
}

/// A key together with its section.
#[derive(Clone, Copy)]
pub(super) struct Known {
    section: &'static Section,
    key: &'static Key,
}

/// Whom a value is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The whole broker.
    Broker,
    /// The listener of this number.
    Listener(usize),
}

impl Draft {
    /// Nothing but defaults.
    pub(super) fn new(environment: &Environment) -> Draft {
        let mut settings = Settings::default();
        if let Some(path) = &environment.state_directory {
            settings.general.data_dir.clone_from(path);
        }
        Draft { settings, said: Said::default(), listeners: Vec::new(), faults: Vec::new(), is_broken: false }
    }

    /// Begins a listener without any value and returns its number.
    pub(super) fn add_listener(&mut self, place: Place) -> usize {
        self.listeners.push(ListenerDraft { place, values: Vec::new(), said: Said::default() });
        self.listeners.len() - 1
    }

    /// Takes these listeners in place of all others.
    pub(super) fn listen_at(&mut self, place: &Place, urls: &[ListenUrl]) {
        self.listeners.clear();
        let known = find("listener.url", Scope::OneListener).expect("every listener has a url");
        for url in urls {
            let number = self.add_listener(place.clone());
            self.set(Target::Listener(number), known, Datum::Text(url.to_string()), place.clone());
        }
    }

    /// Takes the text of a flag for a key of the whole broker.
    pub(super) fn set_from_flag(&mut self, place: Place, path: &str, text: &str) {
        let known = match resolve(Target::Broker, path) {
            Ok(known) => known,
            Err(what) => return self.faults.push(Fault::new(place, path, what)),
        };
        let domain = &known.key.domain;
        let datum = match () {
            () if domain.is_text() => Datum::text_from_flag(text),
            () if domain.is_list() => Datum::list_from_flag(text),
            () => Datum::from_flag(text),
        };
        self.set(Target::Broker, known, datum, place);
    }

    /// Takes a value, or notes why it is refused.
    pub(super) fn set(&mut self, target: Target, known: Known, datum: Datum, place: Place) {
        let path = known.path();
        let Known { key, .. } = known;
        let allowed = match target {
            Target::Broker => (key.read)(&mut self.settings, &datum, &key.domain),
            Target::Listener(_) => (key.read)(&mut Settings::default(), &datum, &key.domain),
        };
        if !allowed {
            let shown = target.shown(&path);
            self.faults.push(Fault::refused(place.clone(), shown, &datum, &key.domain));
        }
        let said = match target {
            Target::Broker => &mut self.said,
            Target::Listener(number) => {
                let listener = &mut self.listeners[number];
                if allowed {
                    listener.values.push((known, datum));
                }
                &mut listener.said
            }
        };
        said.note(path, place, allowed);
    }
}

impl ListenerDraft {
    /// The settings that hold for the clients of this listener.
    pub(super) fn over(&self, settings: &Settings) -> Settings {
        let mut own = settings.clone();
        for (Known { key, .. }, datum) in &self.values {
            assert!((key.read)(&mut own, datum, &key.domain), "{} was allowed before", key.name);
        }
        own
    }
}

impl Said {
    fn note(&mut self, path: String, place: Place, allowed: bool) {
        if allowed {
            self.refused.remove(&path);
            self.places.insert(path, place);
        } else {
            self.refused.insert(path);
        }
    }
}

impl Known {
    fn path(self) -> String {
        self.section.path_of(self.key)
    }

    /// Whether its values are paths of the file system.
    pub(super) fn is_path(self) -> bool {
        use super::key::Domain::{OptionalPath, Path};
        matches!(self.key.domain, Path | OptionalPath)
    }
}

impl Target {
    /// A key's name as an error shows it.
    pub(super) fn shown(self, path: &str) -> String {
        match self {
            Target::Listener(_) if !path.starts_with("listener.") => format!("listener.{path}"),
            _ => path.to_owned(),
        }
    }

    /// Whether a key of this scope may be given here.
    fn takes(self, scope: Scope) -> bool {
        match self {
            Target::Broker => scope != Scope::OneListener,
            Target::Listener(_) => scope != Scope::Broker,
        }
    }
}

/// Every key with its section.
fn all() -> impl Iterator<Item = Known> {
    SECTIONS.into_iter().flat_map(|section| section.keys.iter().map(move |key| Known { section, key }))
}

fn find(path: &str, scope: Scope) -> Option<Known> {
    all().find(|known| known.section.scope == scope && known.path() == path)
}

/// The key of this full name, if it may be given to this target.
///
/// # Errors
/// What is wrong with the name, and which one may have been meant.
pub(super) fn resolve(target: Target, path: &str) -> Result<Known, String> {
    match all().find(|known| known.path() == path) {
        Some(known) if target.takes(known.section.scope) => Ok(known),
        Some(_) if target == Target::Broker => {
            Err("belongs to one listener: give it in [[listener]] of a file, or use --listen".to_owned())
        }
        Some(_) => Err("holds for the whole broker and cannot be given for one listener".to_owned()),
        None => Err(unknown(target, path)),
    }
}

/// The words for a key that does not exist: the nearest name in its section, or else the same name in another
/// section, or else a name that is nearly the same as a whole.
fn unknown(target: Target, path: &str) -> String {
    let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
    let known: Vec<Known> = all().filter(|known| target.takes(known.section.scope)).collect();
    let same_section = known.iter().filter(|known| known.section.path == section);
    let meant = suggest(name, same_section.map(|known| known.key.name))
        .map(|name| if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") })
        .or_else(|| known.iter().find(|known| known.key.name == name).map(|known| known.path()))
        .or_else(|| suggest(path, known.iter().map(|known| known.path())));
    match meant {
        Some(meant) => format!("unknown key; did you mean {}?", target.shown(&meant)),
        None => "unknown key".to_owned(),
    }
}
