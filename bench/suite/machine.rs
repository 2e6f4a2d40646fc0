//! Where and with what was measured.
//!
//! Owns what is written down of the machine and the programs. Must never hold a name of the host or a path of it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::broker::{Broker, Values, fill};
use crate::launch::Site;
use crate::load::Extent;
use crate::procfs::{number_behind, text_behind};

/// What a reader needs to repeat a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Of this repository.
    pub(crate) commit: String,
    /// Names what the tree had changed since that revision; none if it was clean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changes: Option<String>,
    pub(crate) warm_up_s: f64,
    pub(crate) duration_s: f64,
    /// Of the broker and of the load; not known of results that are older than these fields.
    #[serde(default)]
    pub(crate) broker_cores: Option<String>,
    #[serde(default)]
    pub(crate) load_cores: Option<String>,
    /// Version of each broker, by its name.
    pub(crate) versions: BTreeMap<String, String>,
    /// Title of each broker, by its name: its file may lie outside the repository.
    #[serde(default)]
    pub(crate) titles: BTreeMap<String, String>,
}

impl Machine {
    /// This machine, now, and what these brokers are measured with.
    pub(crate) fn here(site: &Site, brokers: &[Broker], extent: &Extent) -> Machine {
        let root = &site.root;
        let memory_kib = number_behind("/proc/meminfo", "MemTotal:");
        Machine {
            date: said(Command::new("date").args(["-u", "+%Y-%m-%d"])),
            cpu: text_behind("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (memory_kib as f64 / f64::from(1 << 20)).round() as u64,
            kernel: said(Command::new("uname").arg("-sr")),
            commit: revision(root),
            changes: changes(root),
            warm_up_s: extent.warm_up_s,
            duration_s: extent.duration_s,
            broker_cores: Some(site.cores.broker.clone()),
            load_cores: Some(site.cores.load.clone()),
            versions: brokers.iter().map(|broker| (broker.name.clone(), version(root, broker))).collect(),
            titles: brokers.iter().map(|broker| (broker.name.clone(), broker.title.clone())).collect(),
        }
    }

    /// What differs between these conditions and those of `now`, in words; empty if runs of both may stand side by side.
    /// Brokers that only one of them knows make no difference, and neither does the day.
    pub(crate) fn differences(&self, now: &Machine) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
        let changes = |machine: &Machine| machine.changes.clone().unwrap_or_else(|| "none".to_owned());
        let mut pairs = vec![
            ("revision".to_owned(), self.commit.clone(), now.commit.clone()),
            ("changes since that revision".to_owned(), changes(self), changes(now)),
            ("seconds measured".to_owned(), self.duration_s.to_string(), now.duration_s.to_string()),
            ("seconds of warm-up".to_owned(), self.warm_up_s.to_string(), now.warm_up_s.to_string()),
            ("cores of the broker".to_owned(), text(&self.broker_cores), text(&now.broker_cores)),
            ("cores of the load".to_owned(), text(&self.load_cores), text(&now.load_cores)),
            ("processor".to_owned(), self.cpu.clone(), now.cpu.clone()),
            ("kernel".to_owned(), self.kernel.clone(), now.kernel.clone()),
        ];
        let of_brokers = [("version", &self.versions, &now.versions), ("title", &self.titles, &now.titles)];
        for (what, known, now) in of_brokers {
            for (name, text) in now {
                let known = known.get(name).unwrap_or(text);
                pairs.push((format!("{what} of {name}"), known.clone(), text.clone()));
            }
        }
        pairs.retain(|(_, known, now)| known != now);
        pairs.into_iter().map(|(what, known, now)| format!("{what}: {known} there, {now} now")).collect()
    }

    /// These conditions, with the brokers of `now` beside those that are known already.
    pub(crate) fn joined_by(&self, now: &Machine) -> Machine {
        let mut joined = self.clone();
        let of_brokers = [(&mut joined.versions, &now.versions), (&mut joined.titles, &now.titles)];
        for (known, now) in of_brokers {
            for (name, text) in now {
                known.entry(name.clone()).or_insert_with(|| text.clone());
            }
        }
        joined
    }

    /// A name for a folder: the day, the processor and the number of cores.
    pub(crate) fn folder_name(&self) -> String {
        let mut name = format!("{}-", self.date);
        for letter in self.cpu.to_lowercase().chars() {
            let kept = if letter.is_ascii_alphanumeric() { letter } else { '-' };
            if kept != '-' || !name.ends_with('-') {
                name.push(kept);
            }
        }
        format!("{}-{}-cores", name.trim_end_matches('-'), self.cores)
    }
}

/// What makes no difference to what is measured, as git takes it: results are being written, and the README gets their table.
const WRITTEN: [&str; 4] = ["--", ".", ":(exclude)bench/results", ":(exclude)README.md"];

/// The revision that is measured, with a mark if the tree differs from it.
fn revision(root: &Path) -> String {
    let revision = said(git(root).args(["describe", "--always", "--abbrev=12"]));
    let changed = said(git(root).args(["status", "--porcelain", "--untracked-files=no"]).args(WRITTEN));
    if changed.is_empty() { revision } else { format!("{revision}-dirty") }
}

/// A name that two trees share only if they differ from their revision in the same way: the mark alone would take all
/// changes for one.
fn changes(root: &Path) -> Option<String> {
    let changes = git(root).args(["diff", "HEAD"]).args(WRITTEN).output().ok()?.stdout;
    if changes.is_empty() {
        return None;
    }
    let mut name = git(root);
    name.args(["hash-object", "--stdin"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut name = name.spawn().ok()?;
    name.stdin.take()?.write_all(&changes).ok()?;
    let name = name.wait_with_output().ok()?.stdout;
    Some(String::from_utf8_lossy(&name).trim().to_owned())
}

fn git(root: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(root);
    git
}

/// The first line that a broker says of its version.
fn version(root: &Path, broker: &Broker) -> String {
    let Some(program) = broker.find_program(root) else { return "not installed".to_owned() };
    let values = Values::from([("program", program.display().to_string())]);
    let words: Vec<String> = broker.version.iter().map(|word| fill(word, &values)).collect();
    said(Command::new(&words[0]).args(&words[1..]))
}

/// The first line that a command prints; empty if it cannot be run.
fn said(command: &mut Command) -> String {
    let output = command.output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// A machine on which one broker was measured.
    pub(crate) fn example() -> Machine {
        Machine {
            date: "2026-01-01".into(),
            cpu: "CPU".into(),
            cores: 2,
            memory_gib: 1,
            kernel: "Linux".into(),
            commit: "a".into(),
            changes: None,
            warm_up_s: 0.5,
            duration_s: 2.0,
            broker_cores: Some("0".into()),
            load_cores: Some("1".into()),
            versions: [("ringmq".into(), "1".into())].into(),
            titles: [("ringmq".into(), "our own".into())].into(),
        }
    }

    #[test]
    fn a_revision_is_marked_if_the_tree_differs_but_not_for_results() {
        let tree = std::env::temp_dir().join(format!("ringmq-revision-{}", std::process::id()));
        fs::create_dir_all(tree.join("bench/results")).expect("a temporary folder can be made");
        let put = |name: &str, text: &str| fs::write(tree.join(name), text).expect("a file can be written");
        put("code", "one");
        put("bench/results/runs", "one");
        let name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        for words in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "all"]] {
            let git = Command::new("git").arg("-C").arg(&tree).args(name).args(words).status();
            assert!(git.is_ok_and(|status| status.success()), "git {words:?}");
        }
        let measured = || (revision(&tree), changes(&tree));
        let (clean, unchanged) = measured();
        put("bench/results/runs", "two");
        put("README.md", "two");
        let with_results = measured();
        put("code", "two");
        let (changed, first) = measured();
        put("code", "three");
        let (_, second) = measured();
        fs::remove_dir_all(&tree).expect("it was made above");
        assert!(!clean.is_empty() && !clean.contains("dirty"), "{clean}");
        assert_eq!(unchanged, None);
        assert_eq!(with_results, (clean.clone(), None));
        assert_eq!(changed, format!("{clean}-dirty"));
        assert!(first.is_some() && second.is_some() && first != second, "{first:?} {second:?}");
    }

    #[test]
    fn only_the_same_conditions_are_taken_for_the_same() {
        let machine = example();
        assert_eq!(machine.differences(&machine), Vec::<String>::new());
        let others = [
            Machine { commit: "b".into(), ..machine.clone() },
            Machine { changes: Some("1".into()), ..machine.clone() },
            Machine { duration_s: 4.0, ..machine.clone() },
            Machine { warm_up_s: 0.0, ..machine.clone() },
            Machine { broker_cores: Some("0-1".into()), ..machine.clone() },
            Machine { load_cores: None, ..machine.clone() },
            Machine { versions: [("ringmq".into(), "2".into())].into(), ..machine.clone() },
            Machine { titles: [("ringmq".into(), "another".into())].into(), ..machine.clone() },
        ];
        for other in others {
            assert_eq!(machine.differences(&other).len(), 1, "{other:?}");
        }
    }

    #[test]
    fn other_brokers_join_those_that_are_known() {
        let (machine, versions) = (example(), [("mosquitto".into(), "2".into())].into());
        let now = Machine { versions, date: "2026-01-02".into(), ..machine.clone() };
        assert_eq!(machine.differences(&now), Vec::<String>::new());
        let joined = machine.joined_by(&now);
        assert_eq!(joined.date, machine.date);
        assert_eq!(joined.versions.keys().collect::<Vec<_>>(), ["mosquitto", "ringmq"]);
    }

    #[test]
    fn results_of_the_repository_are_understood() {
        let results = crate::root().join("bench/results");
        for folder in fs::read_dir(results).expect("there are results").flatten() {
            let text =
                fs::read_to_string(folder.path().join("machine.json")).expect("each tells its machine");
            serde_json::from_str::<Machine>(&text).expect("what an older suite wrote is understood");
        }
    }
}
