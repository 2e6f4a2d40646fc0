//! Reports as files.
//!
//! Owns reading them. Must never judge one.

use std::fs;
use std::path::Path;

use crate::report::Report;

/// Reads a report.
///
/// # Errors
/// What is wrong with the file, with its name.
pub(super) fn read_report(path: &Path) -> Result<Report, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| named(&error))?;
    Report::from_json(&text).map_err(|error| named(&error))
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
