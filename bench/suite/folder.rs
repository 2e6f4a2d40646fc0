//! The folder that runs are kept in: continued where they were made under the same conditions, a fresh one otherwise. So no
//! figure is credited to a revision, a duration or a version that it was not measured with.
//!
//! Owns machine.json and the names of folders. Must never know what a run holds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::machine::Machine;
use crate::record;

/// The conditions of a folder beside those of `now`.
enum State {
    /// Nothing was measured in it yet.
    Vacant,
    /// What is in it was measured as it would be now.
    Same(Box<Machine>),
    /// What differs.
    Other(Vec<String>),
}

/// The folder that was asked for, ready for runs under the conditions of `now`.
///
/// # Errors
/// What is in it was measured under other conditions, or it cannot be written.
pub(crate) fn given(folder: &Path, now: &Machine) -> Result<PathBuf, String> {
    match state(folder, now)? {
        State::Other(differences) => Err(format!(
            "{} holds runs that were measured under other conditions ({}); give another folder with --results",
            folder.display(),
            differences.join("; ")
        )),
        state => prepared(folder, &state, now),
    }
}

/// A folder of the day and the machine in `results`: the first that is vacant or was measured as it would be now.
///
/// # Errors
/// A folder cannot be read or written.
pub(crate) fn of_the_day(results: &Path, now: &Machine) -> Result<PathBuf, String> {
    let mut number = 1;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let folder = results.join(now.folder_name() + &suffix);
        match state(&folder, now)? {
            State::Other(differences) => println!(
                "{} was measured under other conditions ({}) and stays as it is",
                folder.display(),
                differences.join("; ")
            ),
            state => return prepared(&folder, &state, now),
        }
        number += 1;
    }
}

/// The newest folder in `results`: their names begin with the day and end with a number where a day has several.
///
/// # Errors
/// `results` cannot be read.
pub(crate) fn newest(results: &Path) -> Result<Option<PathBuf>, String> {
    let entries = fs::read_dir(results).map_err(|error| format!("{}: {error}", results.display()))?;
    let folders = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    Ok(folders.max_by_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let numbered =
            name.rsplit_once('-').and_then(|(rest, last)| Some((rest.to_owned(), last.parse().ok()?)));
        numbered.unwrap_or((name, 1_u64))
    }))
}

/// What the runs of a folder were measured with; none if it does not tell.
///
/// # Errors
/// It tells, but cannot be understood.
pub(crate) fn machine(folder: &Path) -> Result<Option<Machine>, String> {
    let path = folder.join("machine.json");
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map(Some).map_err(|error| format!("{}: {error}", path.display()))
}

fn state(folder: &Path, now: &Machine) -> Result<State, String> {
    if fs::metadata(record::file(folder)).map_or(0, |runs| runs.len()) == 0 {
        return Ok(State::Vacant);
    }
    let Some(known) = machine(folder)? else {
        return Ok(State::Other(vec!["it has no machine.json".to_owned()]));
    };
    let differences = known.differences(now);
    Ok(if differences.is_empty() { State::Same(Box::new(known)) } else { State::Other(differences) })
}

/// The folder with its conditions written down. Where it is continued they stay, and only brokers that are new to it join.
fn prepared(folder: &Path, state: &State, now: &Machine) -> Result<PathBuf, String> {
    let machine = match state {
        State::Same(known) => known.joined_by(now),
        State::Vacant | State::Other(_) => now.clone(),
    };
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let text = serde_json::to_string_pretty(&machine).map_err(|error| format!("the machine: {error}"))?;
    let path = folder.join("machine.json");
    fs::write(&path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::example;

    /// A folder for one test, gone when it ends.
    struct Results(PathBuf);

    impl Results {
        fn new(name: &str) -> Results {
            let results = std::env::temp_dir().join(format!("ringmq-results-{name}-{}", std::process::id()));
            fs::create_dir_all(&results).expect("a temporary folder can be made");
            Results(results)
        }

        /// As if a run had been made in `folder`.
        fn measure(&self, folder: &Path) {
            fs::write(record::file(folder), "{}\n").expect("a file can be written");
            assert!(folder.starts_with(&self.0));
        }
    }

    impl Drop for Results {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn name_of(folder: &Path) -> String {
        folder.file_name().expect("it has a name").to_string_lossy().into_owned()
    }

    #[test]
    fn a_day_with_other_conditions_gets_a_fresh_folder_and_keeps_the_others() {
        let (results, first) = (Results::new("day"), example());
        let second = Machine { commit: "b".into(), ..first.clone() };
        let folder = of_the_day(&results.0, &first).expect("it is fresh");
        // Nothing was measured in it: it may become anything.
        assert_eq!(of_the_day(&results.0, &second).expect("it is vacant"), folder);
        assert_eq!(of_the_day(&results.0, &first).expect("it is vacant"), folder);
        results.measure(&folder);
        let other = of_the_day(&results.0, &second).expect("another is fresh");
        results.measure(&other);
        assert_eq!(name_of(&other), name_of(&folder) + "-2");
        for (machine, place) in [(&first, &folder), (&second, &other)] {
            assert_eq!(&of_the_day(&results.0, machine).expect("it is continued"), place);
            let kept = self::machine(place).expect("it can be read").expect("it is there");
            assert_eq!(kept.commit, machine.commit);
        }
    }

    #[test]
    fn a_given_folder_is_refused_if_it_was_measured_otherwise() {
        let (results, first) = (Results::new("given"), example());
        let folder = given(&results.0, &first).expect("it is vacant");
        results.measure(&folder);
        let error =
            given(&folder, &Machine { duration_s: 9.0, ..first.clone() }).expect_err("other conditions");
        assert!(error.contains("seconds measured: 2 there, 9 now"), "{error}");
        let joining = Machine { versions: [("b".into(), "2".into())].into(), ..first.clone() };
        given(&folder, &joining).expect("another broker joins");
        let kept = machine(&folder).expect("it can be read").expect("it is there");
        assert_eq!(kept.versions.len(), 2);
        fs::remove_file(folder.join("machine.json")).expect("it is there");
        assert!(given(&folder, &first).expect_err("nobody knows how").contains("no machine.json"));
    }

    #[test]
    fn the_newest_folder_is_the_last_of_its_day() {
        let results = Results::new("newest");
        for name in [
            "2026-01-02-cpu-2-cores",
            "2026-01-02-cpu-2-cores-2",
            "2026-01-02-cpu-2-cores-10",
            "2026-01-01-x",
        ] {
            fs::create_dir(results.0.join(name)).expect("a folder can be made");
        }
        let newest = newest(&results.0).expect("it can be read").expect("there are some");
        assert_eq!(name_of(&newest), "2026-01-02-cpu-2-cores-10");
    }
}
