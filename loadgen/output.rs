//! Where the results of a run go: the terminal and files.
//!
//! Owns the writing and its errors. Must never change a figure. A place that takes nothing does not keep the others from
//! theirs.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::cli::OutputArgs;
use crate::report::Report;

/// Writes everything that was asked for.
///
/// # Errors
/// What could not be written, all of it in one text.
pub(crate) fn write_results(report: &Report, output: &OutputArgs) -> Result<(), String> {
    let json = report.to_json();
    let shown = if output.json { format!("{json}\n") } else { report.to_text() };
    let mut failures = Vec::new();
    failures.extend(print(&shown).err());
    if let Some(path) = &output.report {
        failures.extend(write_file(path, &format!("{json}\n")).err());
    }
    if let Some(path) = &output.csv {
        failures.extend(write_file(path, &report.to_csv()).err());
    }
    if let Some(path) = &output.html {
        failures.extend(write_file(path, &report.to_html()).err());
    }
    if let Some(path) = &output.hgrm {
        failures.extend(report.to_hgrm().and_then(|text| write_file(path, &text)).err());
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// Writes to standard output; a reader that has gone away is no error.
///
/// # Errors
/// It takes nothing.
pub(crate) fn print(text: &str) -> Result<(), String> {
    print_to(io::stdout().lock(), text)
}

fn print_to(mut out: impl Write, text: &str) -> Result<(), String> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

/// Writes a line to standard error; there is nobody to tell if that fails.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a whole file.
///
/// # Errors
/// Why it cannot be written, with its name.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Checks before a run that its files can be written, so that nothing is found out an hour later.
///
/// # Errors
/// Which one cannot.
pub(crate) fn check_places(output: &OutputArgs) -> Result<(), String> {
    let places = [&output.report, &output.csv, &output.html, &output.hgrm];
    places.into_iter().flatten().try_for_each(|path| check_place(path))
}

/// Checks that a file can be written, without changing what is in it.
///
/// # Errors
/// Why it cannot, with its name.
pub(crate) fn check_place(path: &Path) -> Result<(), String> {
    let opened = fs::OpenOptions::new().create(true).append(true).open(path);
    opened.map(drop).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        output: OutputArgs,
    }

    fn output(words: &[&str]) -> OutputArgs {
        Line::try_parse_from(["test"].iter().chain(words)).unwrap().output
    }

    #[test]
    fn a_reader_that_has_gone_away_is_no_error_and_a_full_disk_is_one() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        assert_eq!(print_to(writer, "text"), Ok(()));
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(print_to(full, "text").is_err_and(|error| error.starts_with("standard output: No space")));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_found_before_the_run() {
        assert_eq!(check_places(&output(&[])), Ok(()));
        let refused = check_places(&output(&["--report", "/nowhere/at/all.json"]));
        assert!(refused.is_err_and(|error| error.starts_with("/nowhere/at/all.json: ")));
    }
}
