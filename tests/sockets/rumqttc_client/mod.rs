//! The cases of rumqttc, the one client that runs inside the test process.
//!
//! Owns the lanes (transport and protocol version) and the report. `cases` and `cases_v5` hold what is proven, `peer`
//! a connection that waits, `driver` the translation of rumqttc's packets. Must never know how the broker was started.

mod cases;
mod cases_v5;
mod driver;
mod peer;

use std::pin::Pin;
use std::sync::Arc;
use std::{fmt, fs};

use rumqttc::tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio::task::JoinSet;

use crate::broker::Broker;
use crate::process::Failure;

/// What a case returns: nothing, or why it failed.
type Outcome = Result<(), String>;

/// One case by its name, with the versions it makes sense for.
struct Entry {
    name: &'static str,
    versions: &'static [Version],
    run: fn(Case) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

/// Makes a table of [`Entry`] out of functions of the same name.
macro_rules! entries {
    ($versions:expr, $($name:ident),+ $(,)?) => {
        &[$($crate::rumqttc_client::Entry {
            name: stringify!($name),
            versions: $versions,
            run: |case| Box::pin($name(case)),
        }),+]
    };
}
use entries;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V311,
    V5,
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Version::V311 => "3.1.1",
            Version::V5 => "5.0",
        })
    }
}

/// How to reach the broker in one lane. Lanes run side by side and share no topic or client id.
struct Lane {
    version: Version,
    port: u16,
    /// The PEM file of the CA on TLS, nothing on plain TCP.
    ca_pem: Option<Vec<u8>>,
}

impl Lane {
    fn transport(&self) -> &'static str {
        if self.ca_pem.is_some() { "tls" } else { "tcp" }
    }
}

/// One case in one lane, as the case itself sees it.
#[derive(Clone)]
struct Case {
    lane: Arc<Lane>,
    name: &'static str,
}

impl Case {
    /// The name in the report, and a topic that no other case uses.
    fn topic(&self) -> String {
        format!("rumqttc/{}/{}/{}", self.lane.transport(), self.lane.version, self.name.replace('_', "-"))
    }

    fn client_id(&self, role: &str) -> String {
        format!("{}/{role}", self.topic())
    }
}

/// Runs every case in every lane and prints one line for each.
pub(crate) async fn run(broker: &Broker) -> Result<(), Failure> {
    // Only the first call of a process can install it; all install the same.
    let _ = aws_lc_rs::default_provider().install_default();
    let ca_pem = fs::read(broker.ca_file()).map_err(|error| Failure::new(format!("no CA file: {error}")))?;
    let mut lanes = JoinSet::new();
    for version in [Version::V311, Version::V5] {
        lanes.spawn(run_lane(Lane { version, port: broker.tcp_port(), ca_pem: None }));
        lanes.spawn(run_lane(Lane { version, port: broker.tls_port(), ca_pem: Some(ca_pem.clone()) }));
    }
    let failed: Vec<String> = lanes.join_all().await.into_iter().flatten().collect();
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n"))) }
}

/// Returns a line for each case that failed.
async fn run_lane(lane: Lane) -> Vec<String> {
    let lane = Arc::new(lane);
    let mut failed = Vec::new();
    for entry in cases::ENTRIES.iter().chain(cases_v5::ENTRIES) {
        if !entry.versions.contains(&lane.version) {
            continue;
        }
        let case = Case { lane: Arc::clone(&lane), name: entry.name };
        match (entry.run)(case.clone()).await {
            Ok(()) => println!("ok {}", case.topic()),
            Err(why) => failed.push(format!("FAIL {} {why}", case.topic())),
        }
    }
    failed
}

/// Fails the case unless both are equal; long values are cut in the report.
fn expect<T: PartialEq + fmt::Debug>(what: &str, actual: T, wanted: T) -> Outcome {
    if actual == wanted {
        return Ok(());
    }
    let cut = |value: T| format!("{value:?}").chars().take(200).collect::<String>();
    Err(format!("{what}: got {}, wanted {}", cut(actual), cut(wanted)))
}
