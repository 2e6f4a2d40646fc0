//! A broker to measure, as a file of bench/brokers describes it.
//!
//! Owns the form of that file and the placeholders in it. Must never start anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

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

/// What stands for `{name}` in a broker's file.
pub(crate) type Values = BTreeMap<&'static str, String>;

impl Broker {
    /// Reads the file of broker `name` in `folder`, or the file that `name` itself is the path of.
    ///
    /// # Errors
    /// There is no such file, or it is not understood.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Broker, String> {
        let is_path = name.ends_with(".toml");
        let path = if is_path { PathBuf::from(name) } else { folder.join(format!("{name}.toml")) };
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let broker: Broker = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Broker { name, ..broker })
    }

    /// Reads several brokers.
    ///
    /// # Errors
    /// One cannot be read, or two have the same name: their runs could not be told apart.
    pub(crate) fn read_all(folder: &Path, names: &[String]) -> Result<Vec<Broker>, String> {
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
        let built = [root.join("target/release"), root.join("target/rivals/bin")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
        let folders = built.into_iter().chain(std::env::split_paths(&path)).chain(system);
        folders.map(|folder| folder.join(&self.program)).find(|program| program.is_file())
    }
}

/// Puts values in place of `{name}`. Braces around anything else stay as they are.
pub(crate) fn fill(text: &str, values: &Values) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
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
            Broker::read_all(&folder, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
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
}
