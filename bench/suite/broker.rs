//! A broker to measure, as a file of bench/brokers describes it.
//!
//! Owns the form of that file and the placeholders in it. Must never start anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

/// How a broker is started and what it can do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Broker {
    /// Its name in tables.
    pub(crate) title: String,
    /// The program, looked for where brokers are installed.
    pub(crate) program: String,
    /// Prints its version.
    pub(crate) version: Vec<String>,
    /// Starts it in the foreground.
    pub(crate) start: Vec<String>,
    /// What it can do beyond QoS 0 and 1: `qos2`, `shared`, `retained`, `tls`.
    pub(crate) can: Vec<String>,
    /// Files to write into its folder.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Most shards it takes, as `{shards}`, where each holds as many connections as a process may have descriptors. 0 if
    /// its process holds no more than that.
    #[serde(default)]
    pub(crate) shards_max: u64,
    /// Topics on which it tells how many messages it received and sent.
    pub(crate) counters: Option<Counters>,
    /// The name of its file, without the ending.
    #[serde(skip)]
    pub(crate) name: String,
}

/// Topics of a broker's own counters.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counters {
    pub(crate) received: String,
    pub(crate) sent: String,
}

/// What a broker may be able to do beyond QoS 0 and 1.
pub(crate) const ABILITIES: [&str; 4] = ["qos2", "shared", "retained", "tls"];

/// Names that a broker's file may hold in braces; in `version` only the first.
static PLACEHOLDERS: [&str; 8] =
    ["program", "dir", "port", "tls_port", "cert", "key", "sys_interval_s", "shards"];

/// What stands for `{name}` in a broker's file.
pub(crate) type Values = BTreeMap<&'static str, String>;

impl Broker {
    /// Reads the file of broker `name` in `folder`, or the file that `name` itself is the path of.
    ///
    /// # Errors
    /// There is no such file, or it is not understood, or it says something that cannot be done.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Broker, String> {
        let is_path = name.ends_with(".toml");
        let path = if is_path { PathBuf::from(name) } else { folder.join(format!("{name}.toml")) };
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let broker: Broker = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        broker.check().map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Broker { name, ..broker })
    }

    /// What its file says that cannot be done, with the key that says it.
    fn check(&self) -> Result<(), String> {
        for (key, words) in [("version", &self.version), ("start", &self.start)] {
            if words.is_empty() {
                return Err(format!("{key}: a command has at least one word"));
            }
        }
        if let Some(unknown) = self.can.iter().find(|word| !ABILITIES.contains(&word.as_str())) {
            return Err(format!(
                "can: no broker is asked for {unknown:?}, only for {}",
                ABILITIES.join(", ")
            ));
        }
        for name in self.files.keys() {
            let mut parts = Path::new(name).components();
            let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
            if !is_name {
                return Err(format!("files: {name:?} is not the name of a file in the broker's folder"));
            }
        }
        let version = self.version.iter().map(|text| ("version", text, &PLACEHOLDERS[..1]));
        let start = self.start.iter().map(|text| ("start", text, &PLACEHOLDERS[..]));
        let files = self.files.iter().map(|(name, text)| (name.as_str(), text, &PLACEHOLDERS[..]));
        for (key, text, known) in version.chain(start).chain(files) {
            if let Some(unknown) = placeholders(text).find(|name| !known.contains(name)) {
                return Err(format!(
                    "{key}: nothing stands for {{{unknown}}}; known are {}",
                    known.join(", ")
                ));
            }
        }
        Ok(())
    }

    /// Reads several brokers, and those whose programs are given beside them.
    ///
    /// # Errors
    /// One cannot be read, or two have the same name: their runs could not be told apart.
    pub(crate) fn read_all(
        folder: &Path,
        names: &[String],
        programs: &[Program],
    ) -> Result<Vec<Broker>, String> {
        let mut brokers = Broker::read_named(folder, names)?;
        for Program { file, name, path } in programs {
            let mut broker = Broker::read(folder, file)?;
            broker.program = absolute(path)?;
            if let Some(name) = name {
                (broker.name, broker.title) = (name.clone(), name.clone());
            }
            match brokers.iter_mut().find(|other| other.name == broker.name) {
                Some(other) => *other = broker,
                None => brokers.push(broker),
            }
        }
        Ok(brokers)
    }

    fn read_named(folder: &Path, names: &[String]) -> Result<Vec<Broker>, String> {
        let mut brokers: Vec<Broker> = Vec::new();
        for name in names {
            let broker = Broker::read(folder, name)?;
            if brokers.iter().any(|other| other.name == broker.name) {
                return Err(format!(
                    "{name}: a broker named {} was chosen already; the name is that of the file, without .toml",
                    broker.name
                ));
            }
            brokers.push(broker);
        }
        Ok(brokers)
    }

    /// Whether it has all of these abilities.
    pub(crate) fn can_all(&self, needs: &[String]) -> bool {
        needs.iter().all(|need| self.can.contains(need))
    }

    /// Ports that it listens on.
    pub(crate) fn listeners(&self) -> usize {
        if self.can_all(&["tls".to_owned()]) { 2 } else { 1 }
    }

    /// Where its program is: among those built here, those that the set-up script installed, or on the PATH.
    pub(crate) fn find_program(&self, root: &Path) -> Option<PathBuf> {
        let built = [crate::built(), root.join("target/rivals/bin")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let folders = built.into_iter().chain(std::env::split_paths(&path)).chain(system);
        folders.map(|folder| folder.join(&self.program)).find(|program| program.is_file())
    }
}

/// A program that is taken for a broker instead of the one that its file names: `mosquitto=/opt/mosquitto`, or, as a column of
/// its own, `mosquitto:mosquitto-2.1=/opt/mosquitto`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Program {
    /// The broker's file: a name in bench/brokers, or a path.
    pub(crate) file: String,
    /// What it is called then.
    pub(crate) name: Option<String>,
    pub(crate) path: PathBuf,
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Program, String> {
        let wrong = || {
            format!("{text}: NAME=PROGRAM or NAME:TITLE=PROGRAM is wanted, such as mosquitto=/opt/mosquitto")
        };
        let (broker, path) = text.split_once('=').ok_or_else(wrong)?;
        let (file, name) = match broker.split_once(':') {
            Some((file, name)) => (file, Some(name.to_owned())),
            None => (broker, None),
        };
        let is_empty = file.is_empty() || path.is_empty() || name.as_ref().is_some_and(String::is_empty);
        if is_empty { Err(wrong()) } else { Ok(Program { file: file.into(), name, path: path.into() }) }
    }
}

/// The path of a program wherever it is started.
fn absolute(path: &Path) -> Result<String, String> {
    let found = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
    match found.is_file() {
        true => Ok(found.display().to_string()),
        false => Err(format!("{}: it is no program", path.display())),
    }
}

/// Puts values in place of `{name}`. Braces around anything else stay as they are.
pub(crate) fn fill(text: &str, values: &Values) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The names in braces: small letters, digits and `_`, which braces of a configuration language do not enclose alone. Those behind
/// `$` are the broker's own.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    let is_letter = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    text.match_indices('{').filter_map(move |(at, _)| {
        let (name, _) = text[at + 1..].split_once('}')?;
        let is_name = !name.is_empty() && name.chars().all(is_letter) && !text[..at].ends_with('$');
        is_name.then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_placeholders_are_filled() {
        let values = Values::from([("port", "1883".to_owned()), ("dir", "/x".to_owned())]);
        assert_eq!(
            fill("mqtt { listen: {port} } {dir}/{port} {other}", &values),
            "mqtt { listen: 1883 } /x/1883 {other}"
        );
    }

    #[test]
    fn every_broker_of_the_repository_is_understood() {
        let folder = crate::root().join("bench/brokers");
        let mut count = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let broker = Broker::read(&folder, path.to_str().unwrap()).unwrap();
            assert!(broker.start.iter().any(|word| word == "{program}"), "{}", broker.name);
            let told = broker.start.iter().chain(broker.files.values());
            assert!(told.into_iter().any(|text| text.contains("{port}")), "{}", broker.name);
            count += 1;
        }
        assert!(count >= 4);
    }

    #[test]
    fn brokers_of_one_name_are_refused() {
        let folder = crate::root().join("bench/brokers");
        let path = folder.join("ringmq.toml").display().to_string();
        let read = |names: &[&str]| {
            Broker::read_all(&folder, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), &[])
        };
        assert_eq!(read(&["ringmq", "mosquitto"]).map(|brokers| brokers.len()), Ok(2));
        for twice in [["ringmq", "ringmq"], ["ringmq", &path]] {
            assert!(read(&twice).unwrap_err().contains("named ringmq"), "{twice:?}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = toml::from_str::<Broker>("title = 'a'\nprogramme = 'b'\n").unwrap_err();
        assert!(error.to_string().contains("programme"));
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_key() {
        let file = |version: &str, start: &str, can: &str, files: &str| {
            let text = format!(
                "title='a'\nprogram='b'\nversion={version}\nstart={start}\ncan={can}\n[files]\n{files}"
            );
            toml::from_str::<Broker>(&text).expect("it is understood").check()
        };
        let (version, start) = ("['{program}']", "['{program}', '-p', '{port}']");
        let conf = "'a.conf' = 'mqtt { port: {port} } { } ${clientid} {A}'";
        assert_eq!(file(version, start, "['tls']", conf), Ok(()));
        for (told, wrong) in [
            ("version: ", file("[]", start, "[]", "")),
            ("version: nothing stands for {port}", file("['{port}']", start, "[]", "")),
            ("start: ", file(version, "[]", "[]", "")),
            ("start: nothing stands for {prot}", file(version, "['{prot}']", "[]", "")),
            ("can: no broker is asked for \"qos3\"", file(version, start, "['qos3']", "")),
            ("files: \"../a\"", file(version, start, "[]", "'../a' = ''")),
            ("files: \"/a\"", file(version, start, "[]", "'/a' = ''")),
            ("a.conf: nothing stands for {folder}", file(version, start, "[]", "'a.conf' = 'x {folder}'")),
        ] {
            assert!(wrong.as_ref().is_err_and(|error| error.starts_with(told)), "{told} {wrong:?}");
        }
    }

    #[test]
    fn any_program_may_stand_for_a_broker_also_beside_the_usual_one() {
        let folder = crate::root().join("bench/brokers");
        let program = std::env::current_exe().unwrap().display().to_string();
        let programs = |words: &[&str]| -> Vec<Program> {
            words.iter().map(|word| format!("{word}={program}").parse().unwrap()).collect()
        };
        let read = |words: &[&str]| {
            let brokers = Broker::read_all(&folder, &["mosquitto".to_owned()], &programs(words)).unwrap();
            let told = |broker: Broker| (broker.name, broker.title, broker.program.starts_with('/'));
            brokers.into_iter().map(told).collect::<Vec<_>>()
        };
        let usual = |is_given| ("mosquitto".to_owned(), "mosquitto".to_owned(), is_given);
        assert_eq!(read(&["mosquitto"]), [usual(true)]);
        let newer = ("mosquitto-2.1".to_owned(), "mosquitto-2.1".to_owned(), true);
        assert_eq!(read(&["mosquitto:mosquitto-2.1"]), [usual(false), newer]);
        for wrong in ["mosquitto", "=/x", "mosquitto=", "a:=/x"] {
            assert!(wrong.parse::<Program>().is_err(), "{wrong}");
        }
        let missing: Program = "mosquitto=/nowhere/at/all".parse().unwrap();
        assert!(
            Broker::read_all(&folder, &[], &[missing]).is_err_and(|why| why.starts_with("/nowhere/at/all: "))
        );
    }
}
