//! The configuration file: TOML with positions. It turns names and values into calls of the draft and knows no
//! key; everything wrong with the file is noted, not only the first.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SECTIONS;
use super::datum::Datum;
use super::draft::{Draft, Target, resolve};
use super::fault::{Fault, Place, suggest};
use super::key::Scope;

/// Largest file that is read; a longer one is none of ours.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Reads the file into the draft. A relative path in it is taken from the folder of the file.
pub(super) fn read(draft: &mut Draft, path: &Path) {
    match read_text(path) {
        Ok(text) => read_toml(draft, path, &text),
        Err(what) => {
            draft.is_broken = true;
            draft.faults.push(Fault::new(Place::WholeFile(path.to_owned()), "", what));
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let bytes = std::fs::metadata(path).map_err(cannot)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("has {bytes} bytes, allowed are at most {FILE_BYTES_MAX}"));
    }
    String::from_utf8(std::fs::read(path).map_err(cannot)?)
        .map_err(|error| format!("is not UTF-8, from its byte {} on", error.utf8_error().valid_up_to() + 1))
}

/// As `read`, with the text given; `path` is the name in errors and the root of relative paths.
pub(super) fn read_toml(draft: &mut Draft, path: &Path, text: &str) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { draft, path: path.into(), text };
    let faults_before = reader.draft.faults.len();
    reader.top(document.get_ref());
    if errors.is_empty() {
        return;
    }
    reader.draft.is_broken = true;
    // What follows a slip on the same line was read by guess: only the slip itself is worth a line.
    let slips: Vec<Fault> = errors.iter().map(|error| reader.slip(error)).collect();
    let lines: BTreeSet<usize> = slips.iter().filter_map(line_of).collect();
    let mut found = reader.draft.faults.split_off(faults_before);
    found.retain(|fault| line_of(fault).is_none_or(|line| !lines.contains(&line)));
    reader.draft.faults.extend(found);
    reader.draft.faults.extend(slips);
}

fn line_of(fault: &Fault) -> Option<usize> {
    if let Place::File { line, .. } = fault.place { Some(line) } else { None }
}

struct Reader<'a> {
    draft: &'a mut Draft,
    path: Arc<Path>,
    text: &'a str,
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = self.place(name.span().start);
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("listener", DeValue::Array(items)) if items.iter().all(|item| item.get_ref().is_table()) => {
                    items.iter().for_each(|item| self.listener(item));
                }
                ("listener", other) => self.not_a_listener(place, other),
                (path, DeValue::Table(keys)) if is_section(path) => self.keys(Target::Broker, path, keys),
                (path, other) if is_section(path) => self.not_a_section(place, path, other),
                (path, DeValue::Table(_)) => self.unknown_section(place, path),
                (path, other) => self.key(Target::Broker, path, place, other),
            }
        }
    }

    fn listener(&mut self, table: &Spanned<DeValue<'_>>) {
        let number = self.draft.add_listener(self.place(table.span().start));
        let target = Target::Listener(number);
        for (name, value) in table.get_ref().as_table().into_iter().flatten() {
            let (path, place) = (name.get_ref().as_ref(), self.place(name.span().start));
            match value.get_ref() {
                DeValue::Table(keys) if is_section(path) => self.keys(target, path, keys),
                other if is_section(path) => self.not_a_section(place, &target.shown(path), other),
                other => self.key(target, &format!("listener.{path}"), place, other),
            }
        }
    }

    fn keys(&mut self, target: Target, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = self.place(name.span().start);
            self.key(target, &format!("{section}.{}", name.get_ref()), place, value.get_ref());
        }
    }

    fn key(&mut self, target: Target, path: &str, place: Place, value: &DeValue<'_>) {
        match resolve(target, path) {
            Ok(known) => {
                let mut datum = Datum::from_toml(value);
                if known.is_path() {
                    datum = self.seen_from_file(datum);
                }
                self.draft.set(target, known, datum, place);
            }
            Err(what) => self.fault(place, &target.shown(path), what),
        }
    }

    /// A relative path as seen from the file.
    fn seen_from_file(&self, datum: Datum) -> Datum {
        match (datum, self.path.parent()) {
            (Datum::Text(path), Some(folder)) if !path.is_empty() => {
                Datum::Text(folder.join(path).to_string_lossy().into_owned())
            }
            (datum, _) => datum,
        }
    }

    fn not_a_section(&mut self, place: Place, path: &str, value: &DeValue<'_>) {
        let what = format!("found {}, allowed is a table of keys", Datum::from_toml(value));
        self.fault(place, path, what);
    }

    fn not_a_listener(&mut self, place: Place, value: &DeValue<'_>) {
        let found = Datum::from_toml(value);
        let what = format!("found {found}, allowed is one table for each, begun by [[listener]]");
        self.fault(place, "listener", what);
    }

    fn unknown_section(&mut self, place: Place, path: &str) {
        let sections = SECTIONS.iter().map(|section| section.path).filter(|path| !path.is_empty());
        let hint = suggest(path, sections).map(|meant| format!("; did you mean {meant}?"));
        self.fault(place, path, format!("unknown section{}", hint.unwrap_or_default()));
    }

    fn slip(&self, error: &toml::de::Error) -> Fault {
        let place = match error.span() {
            Some(span) => self.place(span.start),
            None => Place::WholeFile(self.path.to_path_buf()),
        };
        Fault::new(place, "", format!("not TOML: {}", error.message()))
    }

    fn fault(&mut self, place: Place, key: &str, what: String) {
        self.draft.faults.push(Fault::new(place, key, what));
    }

    fn place(&self, at: usize) -> Place {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File {
            path: Arc::clone(&self.path),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

/// Whether a table of this name holds keys, for the broker or inside a listener.
fn is_section(path: &str) -> bool {
    SECTIONS
        .iter()
        .any(|section| section.path == path && section.scope != Scope::OneListener && !path.is_empty())
}
