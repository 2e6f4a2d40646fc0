//! The load generator's counts beside the broker's own: the same number of messages must have gone through both.
//!
//! Owns the comparison. The broker tells its counters on `$SYS`; mosquitto_sub of the Debian package reads them.

use std::process::{Command, Stdio};

use crate::broker::Broker;
use crate::launch::{Running, Site, pinned};
use crate::load;

/// Messages of the load.
const MESSAGES: u64 = 20_000;

/// Checks brokers that tell their counters; the others are left out.
///
/// # Errors
/// The counts differ, or could not be had.
pub(crate) fn check(site: &Site, brokers: &[Broker]) -> Result<(), String> {
    for broker in brokers {
        let Some(counters) = &broker.counters else {
            println!("{}: tells no counters", broker.title);
            continue;
        };
        let running = site.start(broker, 1)?;
        let command = load_command(&running);
        let report = load::run(site, &command)?;
        let objections = load::objections(&report);
        if !objections.is_empty() {
            return Err(format!("{}: {}", broker.title, objections.join("; ")));
        }
        // What was sent comes first, since telling it is a message as well.
        for (topic, field) in [(&counters.sent, "delivered"), (&counters.received, "sent")] {
            let own = report.pointer(&format!("/traffic/{field}")).and_then(serde_json::Value::as_u64);
            let theirs = settled(site, &running, topic)?;
            println!("{}: {field} by the generator {}, {topic} {theirs}", broker.title, own.unwrap_or(0));
            if own != Some(theirs) {
                return Err(format!("{}: the counts differ", broker.title));
            }
        }
    }
    Ok(())
}

fn load_command(broker: &Running) -> Vec<String> {
    let program = crate::built().join("ringmq-bench").display().to_string();
    let url = format!("tcp://127.0.0.1:{}", broker.ports[0]);
    let messages = MESSAGES.to_string();
    let words = ["pairs", "--pairs", "10", "--window", "8", "--qos", "1", "--quiet", "--mqtt", "3.1.1"];
    let mut command = vec![program];
    command.extend(words.map(str::to_owned));
    command.extend(["--messages".to_owned(), messages, "--broker".to_owned(), url]);
    command
}

/// The value of a counter once it has reached what the load must have made of it, or after some seconds.
fn settled(site: &Site, broker: &Running, topic: &str) -> Result<u64, String> {
    let mut last = 0;
    for _ in 0..5 {
        last = read(site, broker, topic)?;
        if last >= MESSAGES {
            break;
        }
    }
    Ok(last)
}

/// The value that comes after the retained one: told after the load was over.
fn read(site: &Site, broker: &Running, topic: &str) -> Result<u64, String> {
    let port = broker.ports[0].to_string();
    let words = ["mosquitto_sub", "-h", "127.0.0.1", "-p", &port, "-t", topic, "-W", "3", "-C", "1"];
    let words: Vec<String> = words.map(str::to_owned).into();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let output = Command::output(pinned(&site.cores.load, &words).stdin(Stdio::null()));
    let output = output.map_err(|error| format!("mosquitto_sub: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let value = text.lines().last().and_then(|line| line.trim().parse().ok());
    value.ok_or_else(|| format!("{topic}: no number: {text}"))
}
