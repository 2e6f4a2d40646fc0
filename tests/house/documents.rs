//! The documentation speaks of what is there: files, functions, configuration keys, counters, causes.

use std::collections::HashSet;

use ringmq_broker::cause::Cause;
use ringmq_broker::counters::Counters;

use super::findings::Findings;
use super::rust;
use super::tree;

/// A Markdown file of ours.
struct Document {
    path: String,
    text: String,
}

impl Document {
    /// The texts in backquotes outside blocks of code, with their lines.
    fn quoted(&self) -> Vec<(usize, &str)> {
        let mut quoted = Vec::new();
        for (number, line) in self.prose() {
            quoted.extend(line.split('`').skip(1).step_by(2).map(|text| (number, text)));
        }
        quoted
    }

    /// The lines outside blocks of code, numbered from 1.
    fn prose(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut in_code = false;
        self.text.lines().enumerate().filter_map(move |(index, line)| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            (!in_code && !is_fence).then_some((index + 1, line))
        })
    }

    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

fn documents() -> Vec<Document> {
    let ours = tree::texts().filter(|(path, _)| path.ends_with(".md"));
    ours.map(|(path, text)| Document { path, text }).collect()
}

#[test]
fn references_lead_somewhere() {
    let mut findings =
        Findings::of("Every reference of a document leads to a file of the repository and a heading in it.");
    for document in documents() {
        for (number, line) in document.prose() {
            let targets = line.match_indices("](").filter_map(|(at, _)| line[at + 2..].split_once(')'));
            for (target, _) in
                targets.filter(|(target, _)| !target.contains("://") && !target.starts_with("mailto:"))
            {
                if !leads_somewhere(&document, target) {
                    findings.at(&document.path, number, target);
                }
            }
        }
    }
    findings.conclude();
}

fn leads_somewhere(document: &Document, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { document.path.clone() } else { joined(document.folder(), file) };
    if heading.is_empty() {
        return tree::exists(&path);
    }
    tree::exists(&path)
        && tree::read(&path).lines().any(|line| line.starts_with('#') && anchor(line) == heading)
}

fn joined(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// Folders of the repository: a quoted text that begins with one of them is a path.
const FOLDERS: &[&str] = &["src/", "tests/", "docs/", "scripts/", "loadgen/", "bench/", "fuzz/", ".ci/"];

#[test]
fn quoted_paths_exist() {
    let mut findings =
        Findings::of("A path in a document is one of the repository, from its root or from src/broker.");
    for document in documents() {
        for (number, text) in document.quoted() {
            let path = text.split([' ', ':', '{', '*']).next().unwrap_or(text);
            if FOLDERS.iter().any(|folder| path.starts_with(folder))
                && !tree::exists(path.trim_end_matches('/'))
            {
                findings.at(&document.path, number, text);
            }
        }
    }
    findings.conclude();
}

#[test]
fn quoted_functions_exist() {
    let mut findings = Findings::of(
        "`module::function` and `Type::method` in a document name what is in the code: follow a rename through.",
    );
    let known = known_names();
    for document in documents() {
        for (number, text) in document.quoted() {
            if let Some(pair) = last_pair(text)
                && !known.contains(&pair)
            {
                findings.at(&document.path, number, text);
            }
        }
    }
    findings.conclude();
}

/// The last two segments of `a::b`, if the text is such a path.
fn last_pair(text: &str) -> Option<(String, String)> {
    let path = text.trim_end_matches("()");
    let is_path =
        path.contains("::") && path.chars().all(|letter| letter.is_alphanumeric() || "_:".contains(letter));
    let is_foreign = ["std::", "libc::", "rustls::"].iter().any(|foreign| path.starts_with(foreign));
    let mut segments = path.rsplit("::");
    let (last, before) = (segments.next()?, segments.next()?);
    (is_path && !is_foreign && !before.is_empty()).then(|| (before.to_owned(), last.to_owned()))
}

/// Every name together with the file it is in, and with every type of that file.
fn known_names() -> HashSet<(String, String)> {
    let mut known = HashSet::new();
    for file in rust::all() {
        let names = &file.survey.definitions;
        let module = file.module().last().map(ToString::to_string);
        let is_type = |name: &&String| name.starts_with(char::is_uppercase);
        let types = names.iter().map(|name| &name.what).filter(is_type).cloned();
        for scope in types.chain(module) {
            known.extend(names.iter().map(|name| (scope.clone(), name.what.clone())));
        }
    }
    // Declared by a macro, so not seen by the walk.
    known.extend(Cause::ALL.iter().map(|cause| ("Cause".to_owned(), format!("{cause:?}"))));
    known
}

/// Sections of the configuration: a quoted text `SECTION.NAME` is a key.
const SECTIONS: &[&str] = &["limits", "listener", "log", "mqtt", "network", "tls", "topics"];

#[test]
fn quoted_configuration_keys_exist() {
    let mut findings = Findings::of("A configuration key in a document is one of docs/CONFIG.md.");
    let reference = tree::read("docs/CONFIG.md");
    for document in documents().iter().filter(|document| document.path != "docs/CONFIG.md") {
        for (number, text) in document.quoted() {
            let key = text.split(['=', ' ']).next().unwrap_or(text);
            let is_key = key.split_once('.').is_some_and(|(section, name)| {
                SECTIONS.contains(&section) && !name.ends_with("rs") && !name.contains(['*', '/', '('])
            });
            if is_key && !reference.contains(&format!("| `{key}` |")) {
                findings.at(&document.path, number, text);
            }
        }
    }
    findings.conclude();
}

#[test]
fn operators_are_told_everything() {
    let mut findings = Findings::of(
        "docs/OPERATIONS.md tells the meaning of every limit, every counter and every cause of an end.",
    );
    let (path, reference) = ("docs/OPERATIONS.md", tree::read("docs/CONFIG.md"));
    let told = tree::read(path);
    let keys = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let limits = keys.filter(|key| key.starts_with("limits.")).map(str::to_owned);
    let mut names: Vec<String> = limits.collect();
    Counters::default().for_each(|name, _, _| names.push(name.to_owned()));
    for name in names.iter().filter(|name| !told.contains(&format!("`{name}`"))) {
        findings.about(path, format!("does not tell `{name}`"));
    }
    findings.conclude();
}

/// The sizes that docs/ARCHITECTURE.md promises are those that tests hold.
#[test]
fn promised_sizes_are_watched() {
    let mut findings = Findings::of(
        "A row of the table \"Memory of an idle connection\" has the number that a test in the file it names asserts.",
    );
    let (path, text) = ("docs/ARCHITECTURE.md", tree::read("docs/ARCHITECTURE.md"));
    let section = text.split("## Memory of an idle connection").nth(1).unwrap_or_default();
    let mut seen = 0;
    for row in section.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let (Some(bytes), Some(file)) = (cells.get(2), cells.get(3).and_then(|cell| cell.split('`').nth(1)))
        else {
            continue;
        };
        if bytes.parse::<u32>().is_ok() {
            seen += 1;
            let holds = tree::exists(file) && tree::read(file).contains(&format!(">() <= {bytes},"));
            if !holds {
                findings.about(path, format!("{}: no test in {file} asserts {bytes} bytes", cells[1]));
            }
        }
    }
    assert!(seen >= 4, "the table is read");
    findings.conclude();
}
