//! The command line: what it accepts, and the errands that need no broker (`check-config` and the like). It owns
//! exit codes for usage (2) and configuration (1); it never starts anything.

mod cert;
mod habits;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, Environment, Faults, Flags, ListenUrl, LogFormat, Refusal};
use crate::net::material;
use crate::runtime::log;

/// Version, revision and day, as the build script found them.
pub(crate) const VERSION: &str = env!("RINGMQ_VERSION");

/// What the process is to do.
pub(crate) enum Errand {
    /// Run the broker.
    Run(Box<Config>),
    /// Nothing more: everything was said.
    Done(ExitCode),
}

/// Reads the command line and the environment of the process.
pub(crate) fn read_command_line() -> Errand {
    // systemd gives a list if a unit has several state folders; the first is ours.
    let state = std::env::var_os("STATE_DIRECTORY").filter(|paths| !paths.is_empty());
    let state_directory = state.and_then(|paths| std::env::split_paths(&paths).next());
    read(std::env::args_os(), &Environment { state_directory })
}

fn read(words: impl IntoIterator<Item = OsString>, environment: &Environment) -> Errand {
    let line = match CommandLine::try_parse_from(words) {
        Ok(line) => line,
        Err(told) => {
            // Help and version end here too, with code 0 and on standard output.
            let _ = told.print();
            if let Some(hint) = habits::hint(&told) {
                complain(&format!("\nhint: {hint}\n"));
            }
            return Errand::Done(if told.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS });
        }
    };
    match line.command.unwrap_or(Command::Run(line.run)) {
        Command::Run(run) => match config::load(run.config.as_deref(), &run.flags(), environment) {
            Ok(config) => Errand::Run(Box::new(config)),
            Err(refusal) => Errand::Done(refuse(&refusal)),
        },
        Command::Cert { command } => Errand::Done(cert::run(&command, environment)),
        Command::CheckConfig { file } => Errand::Done(check_config(&file, environment)),
        Command::ConfigDocs => Errand::Done(say(&config::reference())),
        Command::ConfigExample => Errand::Done(say(&config::example())),
    }
}

/// Exit code for a wrong command line.
const USAGE: u8 = 2;

/// A thread-per-core MQTT broker on io_uring.
///
/// Without arguments it serves this host only: tcp on 1883, TLS on 8883. To serve others:
///
///     ringmq --listen tcp://0.0.0.0:1883 --listen tls://0.0.0.0:8883
#[derive(Debug, Parser)]
#[command(name = "ringmq", version = VERSION, max_term_width = 100, args_conflicts_with_subcommands = true)]
#[command(verbatim_doc_comment)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker; the same as no command at all
    Run(Run),
    /// Check a configuration file and the certificates it names; print `ok` or everything that is wrong
    CheckConfig {
        /// The file to check
        file: PathBuf,
    },
    /// Make certificates that the broker's own authority signs
    Cert {
        #[command(subcommand)]
        command: cert::Cert,
    },
    /// Print the reference of all configuration keys (docs/CONFIG.md)
    ConfigDocs,
    /// Print a configuration file with every key and its default, commented out
    ConfigExample,
}

#[derive(Args, Debug)]
struct Run {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen: tcp://HOST:PORT or tls://HOST:PORT (or mqtt:// and mqtts://), an IPv6 address in brackets, port 0
    /// for any; takes the place of all listeners of the file. Repeatable
    #[arg(long, value_name = "URL")]
    listen: Vec<ListenUrl>,
    /// Folder of everything that outlives the process
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Number of shards, each with a thread of its own; 0 for one on each core
    #[arg(long, value_name = "N")]
    shards: Option<String>,
    /// PEM file with the server's certificate chain
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// PEM file with the private key of --tls-cert
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// PEM file with authorities of clients, each of which must then show a certificate
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,
    /// Any key of the configuration by its full name, such as mqtt.max_qos=1. Repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_set)]
    set: Vec<(String, String)>,
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("allowed is KEY=VALUE, such as mqtt.max_qos=1".to_owned()),
    }
}

impl Run {
    fn flags(&self) -> Flags {
        let required = self.tls_client_ca.as_ref().map(|_| "required".to_owned());
        let named = [
            ("--data-dir", "data_dir", &self.data_dir),
            ("--shards", "shards", &self.shards),
            ("--tls-cert", "tls.cert", &self.tls_cert),
            ("--tls-key", "tls.key", &self.tls_key),
            ("--tls-client-ca", "tls.client_ca", &self.tls_client_ca),
            ("--tls-client-ca", "tls.client_auth", &required),
        ];
        let given = named.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value.clone()?)));
        Flags { listen: self.listen.clone(), named: given.collect(), set: self.set.clone() }
    }
}

/// Says why nothing is started, in the form that was chosen for the log.
fn refuse(refusal: &Refusal) -> ExitCode {
    if refusal.log.format == LogFormat::Text {
        return refuse_plainly(&refusal.faults);
    }
    log::start(&refusal.log);
    log::give_up(refusal.log.format, &refusal.faults.to_string());
    code_of(&refusal.faults)
}

/// Says everything that is wrong.
fn refuse_plainly(faults: &Faults) -> ExitCode {
    complain(&faults.to_string());
    code_of(faults)
}

/// What a flag got wrong is an error of usage.
fn code_of(faults: &Faults) -> ExitCode {
    if faults.by_flags_alone() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

fn check_config(file: &std::path::Path, environment: &Environment) -> ExitCode {
    let config = match config::load(Some(file), &Flags::default(), environment) {
        Ok(config) => config,
        Err(refusal) => return refuse_plainly(&refusal.faults),
    };
    match material::check(&config, SystemTime::now()) {
        Ok(warnings) => {
            warnings.iter().for_each(|warning| complain(&format!("warning: {warning}\n")));
            say(&format!("{}: ok\n", file.display()))
        }
        Err(errors) => {
            errors.iter().for_each(|error| complain(&format!("{error}\n")));
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output; a reader that has gone away is no error.
fn say(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Writes to standard error; there is nobody to tell if that fails.
fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(line.split(' '))
    }

    fn errand(line: &str) -> Errand {
        read(line.split(' ').map(OsString::from), &Environment::default())
    }

    fn config(line: &str) -> Config {
        let Errand::Run(config) = errand(line) else { panic!("{line} should run") };
        *config
    }

    fn code(line: &str) -> ExitCode {
        let Errand::Done(code) = errand(line) else { panic!("{line} should be refused") };
        code
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn run_may_be_said_or_left_out() {
        let flags = "--listen tcp://127.0.0.1:0 --shards 3 --data-dir /d --set mqtt.max_qos=1";
        let config = config(&format!("ringmq {flags}"));
        assert_eq!(config, self::config(&format!("ringmq run {flags}")));
        assert_eq!((config.general.shards, config.listeners.len()), (3, 1));
        assert_eq!(config.listeners[0].mqtt.max_qos, 1);
    }

    #[test]
    fn client_authorities_require_client_certificates_unless_set_otherwise() {
        use crate::config::ClientAuth;
        let line = "ringmq --tls-cert a --tls-key b --tls-client-ca c";
        let client_auth = |line: &str| config(line).listeners[2].tls.client_auth;
        assert_eq!(client_auth(line), ClientAuth::Required);
        assert_eq!(client_auth(&format!("{line} --set tls.client_auth=optional")), ClientAuth::Optional);
    }

    #[test]
    fn wrong_usage_is_told_with_what_is_allowed() {
        let told =
            |line: &str| parse(line).unwrap_err().to_string().lines().next().unwrap_or_default().to_owned();
        assert_eq!(
            told("ringmq --listen 1883"),
            "error: invalid value '1883' for '--listen <URL>': found \"1883\", allowed is tcp://HOST:PORT or \
             tls://HOST:PORT (mqtt:// and mqtts:// mean the same), an IPv6 address in brackets, the port from 0 to 65535"
        );
        assert_eq!(
            told("ringmq --set max_qos"),
            "error: invalid value 'max_qos' for '--set <KEY=VALUE>': allowed is KEY=VALUE, such as mqtt.max_qos=1"
        );
        assert!(told("ringmq --lisen x").starts_with("error: unexpected argument '--lisen' found"));
        assert!(told("ringmq frobnicate").starts_with("error: unrecognized subcommand 'frobnicate'"));
    }

    #[test]
    fn habits_from_other_brokers_are_answered_with_the_flag_that_is_meant() {
        for (line, flag) in [
            ("ringmq -p 1883", "--listen tcp://127.0.0.1:PORT"),
            ("ringmq --port 1883", "--listen tcp://127.0.0.1:PORT"),
            ("ringmq --port=1883", "--listen tcp://127.0.0.1:PORT"),
            ("ringmq -c mosquitto.conf", "--config FILE"),
            ("ringmq -v", "--set log.level=debug"),
            ("ringmq -d", "systemd"),
            ("ringmq run -p 1883", "--listen tcp://127.0.0.1:PORT"),
        ] {
            let hint = habits::hint(&parse(line).unwrap_err());
            assert!(hint.is_some_and(|hint| hint.contains(flag)), "{line}: {hint:?}");
        }
        assert_eq!(habits::hint(&parse("ringmq --lisen x").unwrap_err()), None);
    }

    #[test]
    fn exit_codes_tell_usage_from_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringmq.toml");
        let name = file.display();
        std::fs::write(&file, "shards = 1\n").unwrap();
        let table = [
            ("ringmq --nonsense".to_owned(), ExitCode::from(2)),
            ("ringmq --shards 999".to_owned(), ExitCode::from(2)),
            ("ringmq --config /does/not/exist".to_owned(), ExitCode::FAILURE),
            (format!("ringmq check-config {name}"), ExitCode::SUCCESS),
            ("ringmq check-config /does/not/exist".to_owned(), ExitCode::FAILURE),
            ("ringmq --version".to_owned(), ExitCode::SUCCESS),
        ];
        for (line, expected) in table {
            assert_eq!(code(&line), expected, "{line}");
        }
    }
}
