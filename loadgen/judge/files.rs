//! Reports as files.
//!
//! Owns reading them. Must never judge one.

use std::fs;
use std::path::Path;

use crate::report::Report;

use super::versus::Told;

/// Reads a report.
///
/// # Errors
/// What is wrong with the file, with its name.
pub(super) fn read_report(path: &Path) -> Result<Report, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(&error))?;
    Report::from_json(&text).map_err(|error| named(&error))
}

/// Reads a comparison; none if the file is something else.
///
/// # Errors
/// A file that cannot be read, and a comparison in another form.
pub(super) fn read_comparison(path: &Path) -> Result<Option<Told>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(&error))?;
    let is_one = serde_json::from_str(&text).is_ok_and(|value| Told::is_one(&value));
    is_one.then(|| Told::from_json(&text)).transpose().map_err(|error| named(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_file() {
        let missing = read_report(Path::new("/nowhere.json"));
        assert!(missing.is_err_and(|error| error.starts_with("/nowhere.json: ")));
    }
}
