//! The files of the repository, without those that .gitignore leaves out. Needs no git, so that it works in an archive.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

/// The text of a file, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether a file or folder exists.
pub(crate) fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// All files, by their paths from the root, sorted.
pub(crate) fn files() -> Vec<String> {
    let ignored = Ignored::read();
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the folder can be read") {
            let entry = entry.expect("the entry can be read");
            let name = entry.file_name().into_string().expect("names are UTF-8");
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if ignored.contains(&path, &name) {
                continue;
            }
            if entry.path().is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// The texts of all files that are UTF-8, with their paths.
pub(crate) fn texts() -> impl Iterator<Item = (String, String)> {
    files().into_iter().filter_map(|path| {
        let text = fs::read_to_string(root().join(&path)).ok()?;
        Some((path, text))
    })
}

/// The three forms of .gitignore that are in use: `/path/`, `name/` and `*.ext`.
struct Ignored {
    paths: Vec<String>,
    names: Vec<String>,
    endings: Vec<String>,
}

impl Ignored {
    fn read() -> Ignored {
        let mut ignored = Ignored { paths: Vec::new(), names: vec![".git".to_owned()], endings: Vec::new() };
        for line in read(".gitignore").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let bare = line.trim_end_matches('/');
            match bare.strip_prefix('/') {
                Some(path) => ignored.paths.push(path.to_owned()),
                None if bare.starts_with("*.") => ignored.endings.push(bare[1..].to_owned()),
                None => {
                    assert!(
                        !bare.contains(['*', '?', '!', '/']),
                        "teach tests/house/tree.rs the pattern {line:?}"
                    );
                    ignored.names.push(bare.to_owned());
                }
            }
        }
        ignored
    }

    fn contains(&self, path: &str, name: &str) -> bool {
        let is_path = self.paths.iter().any(|ignored| ignored == path);
        let is_name = self.names.iter().any(|ignored| ignored == name);
        is_path || is_name || self.endings.iter().any(|ending| name.ends_with(ending))
    }
}
