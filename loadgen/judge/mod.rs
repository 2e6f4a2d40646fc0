//! Commands that read reports: show one again, and hold them against each other.
//!
//! Owns what each command does with its files. Must never make load itself.

mod compare;
mod files;
mod page;
mod verify;
mod versus;

pub(crate) use versus::ROUNDS_MAX;

use crate::cli::{JudgeArgs, ShowArgs};
use crate::{output, run};

/// Does what was asked for. Returns the exit code.
///
/// # Errors
/// Files that cannot be read or are no reports.
pub(crate) fn judge(args: &JudgeArgs) -> Result<u8, String> {
    match args {
        JudgeArgs::Show(args) => show(args),
        JudgeArgs::Compare(args) => compare::compare(args),
        JudgeArgs::Verify(args) => verify::verify(args),
        JudgeArgs::Versus(args) => versus::versus(args),
        JudgeArgs::Leash(args) => versus::become_program(args),
    }
}

fn show(args: &ShowArgs) -> Result<u8, String> {
    if let Some(told) = files::read_comparison(&args.report)? {
        return show_comparison(args, &told.with_title(args.title.as_ref()));
    }
    let report = files::read_report(&args.report)?.with_title(args.title.as_ref());
    output::print(&report.to_text())?;
    let csv = args.csv.as_ref().map_or(Ok(()), |path| output::write_file(path, &report.to_csv()));
    let html = args.html.as_ref().map_or(Ok(()), |path| output::write_file(path, &report.to_html()));
    let hgrm = match &args.hgrm {
        Some(path) => output::write_file(path, &report.to_hgrm()?),
        None => Ok(()),
    };
    Ok(run::with_places(csv.and(html).and(hgrm), report.exit_code()))
}

/// Shows what `versus --report` has written.
fn show_comparison(args: &ShowArgs, told: &versus::Told) -> Result<u8, String> {
    if args.csv.is_some() {
        return Err(format!("{} is a comparison: it has no time series", args.report.display()));
    }
    output::print(&told.to_text())?;
    if let Some(path) = &args.html {
        output::write_file(path, &page::versus(told))?;
    }
    Ok(0)
}
