//! The configuration: what an operator may say, checked, as plain typed values. A file and flags become
//! [`Settings`] one key at a time, then a [`Config`] in which everything fits together. It reads the one file it
//! is told to read; it never opens a socket, starts anything or knows what the broker does with a value.
//!
//! - `key` what a key is, and the macro that declares keys; `setting` the types keys can have
//! - `host`, `mqtt`, `limits` all keys, one definition each
//! - `datum`, `units`, `listen` values as found; sizes; urls
//! - `file`, `flags` where values come from; `draft` takes them in
//! - `plan` checks across keys; `fault` what is wrong and where
//! - `docs` the reference and the example, written from the keys

mod datum;
mod docs;
mod draft;
mod fault;
mod file;
mod flags;
mod host;
mod key;
mod limits;
mod listen;
mod mqtt;
mod plan;
mod setting;
#[cfg(test)]
mod tests;
mod units;

use std::path::PathBuf;

pub(crate) use docs::{example, reference};
pub(crate) use fault::Faults;
pub(crate) use flags::Flags;
pub(crate) use host::{
    Cipher, CipherOrder, ClientAuth, Engine, General, ListenerKeys, Log, LogFormat, LogLevel, Network, Tls,
    TlsVersion,
};
pub(crate) use limits::{Limits, SlowConsumer};
pub(crate) use listen::{ListenUrl, Transport};
pub(crate) use mqtt::{BacklogFull, Mqtt, Overlapping, SharedStrategy, Topics};
pub(crate) use plan::{Config, Listener, Origin};
pub(crate) use setting::Word;

use key::Section;

/// One value for every key, each allowed by itself. Inside `[[listener]]` a copy of the whole takes the
/// listener's own values.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings {
    /// The keys at the top.
    pub(crate) general: General,
    /// `[log]`.
    pub(crate) log: Log,
    /// `[mqtt]`.
    pub(crate) mqtt: Mqtt,
    /// `[topics]`.
    pub(crate) topics: Topics,
    /// `[limits]`.
    pub(crate) limits: Limits,
    /// `[tls]`.
    pub(crate) tls: Tls,
    /// `[network]`.
    pub(crate) network: Network,
    /// `[[listener]]`.
    pub(crate) listener: ListenerKeys,
}

/// Every section, in the order of the documentation.
pub(crate) const SECTIONS: [&Section; 8] = [
    &General::SECTION,
    &Log::SECTION,
    &ListenerKeys::SECTION,
    &Tls::SECTION,
    &Mqtt::SECTION,
    &Topics::SECTION,
    &Limits::SECTION,
    &Network::SECTION,
];

/// What the process was started with, beside its command line. Given, so that a test needs no process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `STATE_DIRECTORY`: the default of `data_dir`.
    pub(crate) state_directory: Option<PathBuf>,
}

/// Makes the configuration of a file, if there is one, and flags, which win over the file.
///
/// # Errors
/// Everything that is wrong with either, at once.
pub(crate) fn load(
    file: Option<&std::path::Path>,
    flags: &Flags,
    environment: &Environment,
) -> Result<Config, Refusal> {
    let mut draft = draft::Draft::new(environment);
    if let Some(path) = file {
        file::read(&mut draft, path);
    }
    flags.apply(&mut draft);
    let log = draft.settings.log.clone();
    let config = plan::make(draft).map_err(|faults| Refusal { faults, log })?;
    Ok(Config { file: file.map(std::path::Path::to_owned), ..config })
}

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Everything that is wrong.
    pub(crate) faults: Faults,
    /// How to say so, as far as that could be read.
    pub(crate) log: Log,
}
