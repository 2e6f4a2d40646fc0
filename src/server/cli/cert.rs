//! `ringmq cert`: certificates that the broker's own authority signs, for clients.
//!
//! Owns the words that tell what to do with them. Must never know how one is made.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{complain, refuse_plainly, say};
use crate::config::{self, Config, Environment, Flags, Transport};
use crate::net::material::{self, Issued};

#[derive(Debug, Subcommand)]
pub(super) enum Cert {
    /// Make NAME.pem and NAME.key, with which a client shows who it is; say how to use them
    ///
    /// The broker's own authority in DATA_DIR/tls signs it, which is made if there is none. Give --config or --data-dir as
    /// for the broker itself.
    Client(Client),
}

#[derive(Args, Debug)]
pub(super) struct Client {
    /// Whom the certificate is for: 1 to 64 letters, digits and . _ - @, such as sensor-7
    #[arg(value_parser = parse_name)]
    name: String,
    /// Configuration file of the broker (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder of the broker
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Folder for the two files
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Days that it lasts, at most as long as the authority
    #[arg(long, value_name = "N", default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
}

fn parse_name(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    let is_name =
        (1..=64).contains(&text.len()) && text.bytes().all(is_allowed) && !text.starts_with(['.', '-']);
    match is_name {
        true => Ok(text.to_owned()),
        false => {
            Err("allowed are 1 to 64 letters, digits and . _ - @, beginning with none of . and -".to_owned())
        }
    }
}

/// Does what was asked for.
pub(super) fn run(command: &Cert, environment: &Environment) -> ExitCode {
    let Cert::Client(client) = command;
    let data_dir = client.data_dir.iter().map(|folder| ("--data-dir", "data_dir", folder.clone()));
    let flags = Flags { named: data_dir.collect(), ..Flags::default() };
    let config = match config::load(client.config.as_deref(), &flags, environment) {
        Ok(config) => config,
        Err(refusal) => return refuse_plainly(&refusal.faults),
    };
    match material::issue_client(&config, &client.name, &client.out, client.days, SystemTime::now()) {
        Ok(issued) => say(&told(&client.name, &config, &issued)),
        Err(error) => {
            complain(&format!("{error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// What was made and what to do next, as commands to copy.
fn told(name: &str, config: &Config, issued: &Issued) -> String {
    let Issued { cert, key, ca, last_day } = issued;
    let [cert, key, ca] = [cert, key, ca].map(PathBuf::as_path);
    let port = config.listeners.iter().find(|listener| listener.url.transport == Transport::Tls);
    let port = port.map_or(8883, |listener| listener.url.port);
    let asks = config.listeners.iter().any(|listener| listener.tls.client_ca.is_some());
    let broker = match asks {
        true => {
            "The broker's configuration has tls.client_ca already: it must hold this authority.".to_owned()
        }
        false => {
            format!("Have the broker ask for it:\n\n    ringmq{} --tls-client-ca {}", own(config), quoted(ca))
        }
    };
    format!(
        "Made {} and {} for {name}, valid until {last_day}.\n\n{broker}\n\n\
         Give the client both files and the authority's certificate, and try it:\n\n    \
         mosquitto_pub -h localhost -p {port} --cafile {} --cert {} --key {} -t test -m hello\n",
        cert.display(),
        key.display(),
        quoted(ca),
        quoted(cert),
        quoted(key),
    )
}

/// The flags with which the broker finds the same authority.
fn own(config: &Config) -> String {
    match &config.file {
        Some(file) => format!(" --config {}", quoted(file)),
        None if config.general.data_dir == Path::new("ringmq-data") => String::new(),
        None => format!(" --data-dir {}", quoted(&config.general.data_dir)),
    }
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-@+,:".contains(&byte);
    if text.bytes().all(is_plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_also_that_of_a_file() {
        for name in ["sensor-7", "a", "pump@hall_2.example"] {
            assert_eq!(parse_name(name).as_deref(), Ok(name));
        }
        for name in ["", "../x", "a/b", ".hidden", "-flag", "a b", "ü", &"a".repeat(65)] {
            assert!(parse_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn paths_are_quoted_for_a_shell_where_they_must() {
        assert_eq!(quoted(Path::new("/var/lib/a.pem")), "/var/lib/a.pem");
        assert_eq!(quoted(Path::new("it's here")), r"'it'\''s here'");
    }
}
