//! Certificates as a start finds them, and handshakes over memory with the configurations made from them.

mod authority;
mod configured;
mod handshakes;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::{self, Config, Environment, Flags};

const DAY: Duration = Duration::from_secs(86_400);

/// A day long after this was written; a test depends on no clock. rustls has its own, which handshakes use.
fn some_day() -> SystemTime {
    UNIX_EPOCH + DAY * 25_000
}

/// A configuration with one tls:// listener and these keys, its data folder below `folder`.
fn config(folder: &Path, keys: &[(&str, &Path)]) -> Config {
    config_listening(folder, &["tls://127.0.0.1:0"], keys)
}

fn config_listening(folder: &Path, urls: &[&str], keys: &[(&str, &Path)]) -> Config {
    let text = |(key, value): &(&str, &Path)| ((*key).to_owned(), value.to_str().unwrap().to_owned());
    let flags = Flags {
        listen: urls.iter().map(|url| url.parse().unwrap()).collect(),
        named: vec![("--data-dir", "data_dir", folder.join("data").to_str().unwrap().to_owned())],
        set: keys.iter().map(text).collect(),
    };
    config::load(None, &flags, &Environment::default()).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
