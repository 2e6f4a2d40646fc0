//! The clients that are programs of their own: what each needs, and how its runner is called.
//!
//! A runner takes the broker's address and the CA file, prints `ok NAME` or `FAIL NAME why` per case, and exits
//! non-zero if any failed. Must never know a case.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use tokio::process::Command;

use crate::broker::Broker;
use crate::process::{self, Failure};

/// For all cases of one client together. Every single wait inside a runner is bounded by 10 s.
const RUN_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
pub(crate) enum Client {
    Paho,
    Aiomqtt,
    NodeMqtt,
    Mosquitto,
    /// The broker of that name, as a bridge.
    MosquittoBridge,
}

impl Client {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Client::Paho => "paho",
            Client::Aiomqtt => "aiomqtt",
            Client::NodeMqtt => "node-mqtt",
            Client::Mosquitto => "mosquitto",
            Client::MosquittoBridge => "mosquitto-bridge",
        }
    }

    /// Fails if the client is not installed on this machine.
    pub(crate) fn require(self) -> Result<(), Failure> {
        let missing = match self {
            Client::Paho | Client::Aiomqtt => (!python().exists()).then(python),
            Client::NodeMqtt if on_path("node").is_none() => Some("node".into()),
            Client::NodeMqtt => {
                let module = root().join(".clients/node/node_modules/mqtt");
                (!module.exists()).then_some(module)
            }
            Client::Mosquitto => ["mosquitto_pub", "mosquitto_sub"]
                .into_iter()
                .find(|name| on_path(name).is_none())
                .map(PathBuf::from),
            Client::MosquittoBridge => {
                // Where Debian has it, and where only root looks.
                let broker = PathBuf::from("/usr/sbin/mosquitto");
                (!broker.exists() && on_path("mosquitto").is_none()).then_some(broker)
            }
        };
        match missing {
            None => Ok(()),
            Some(path) => Err(Failure::new(format!("{} is missing: run scripts/setup.sh", path.display()))),
        }
    }

    /// Runs every case against `broker`.
    pub(crate) async fn run(self, broker: &Broker) -> Result<(), Failure> {
        let log = broker.log_path("client.log");
        let mut command = self.command();
        command.arg("--port").arg(broker.tcp_port().to_string());
        command.arg("--tls-port").arg(broker.tls_port().to_string());
        command.arg("--cafile").arg(broker.ca_file());
        let mut child = process::spawn(command, &log)
            .map_err(|error| Failure::new(format!("{}: {error}: run scripts/setup.sh", self.name())))?;
        let verdict = match process::wait(&mut child, RUN_LIMIT).await {
            Ok(status) if status.success() => all_ok(&log),
            Ok(status) => Err(Failure::new(format!("the {} runner: {status}", self.name()))),
            Err(failure) => Err(failure),
        };
        verdict.map_err(|failure| failure.with_log(self.name(), &log))
    }

    fn command(self) -> Command {
        let suite = root().join("tests/sockets");
        match self {
            Client::Paho | Client::Aiomqtt => {
                let mut command = Command::new(python());
                command.arg("-B").arg(suite.join("python/run.py")).arg(self.name());
                command
            }
            Client::NodeMqtt => {
                let mut command = Command::new("node");
                command.arg(suite.join("node/run.js"));
                command
            }
            Client::Mosquitto => Command::new(suite.join("shell/run.sh")),
            Client::MosquittoBridge => Command::new(suite.join("shell/bridge.sh")),
        }
    }
}

/// A runner that exits with 0 must also have run something, and must not have printed a failure.
fn all_ok(log: &Path) -> Result<(), Failure> {
    let text = fs::read_to_string(log).map_err(|error| Failure::new(format!("no output: {error}")))?;
    let ok_count = text.lines().filter(|line| line.starts_with("ok ")).count();
    if ok_count == 0 || text.lines().any(|line| line.starts_with("FAIL ")) {
        return Err(Failure::new("exit status 0, but not every case is ok"));
    }
    println!("{ok_count} cases ok");
    Ok(())
}

/// The root of the repository, which holds this crate in `tests/`.
fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

fn python() -> PathBuf {
    root().join(".clients/venv/bin/python")
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}
