//! The bare echo that ringmq is measured beside: a server on the same ring that sends back what comes and knows no protocol, run
//! in every round between the brokers.
//!
//! Owns how it is started and how its line is read. Must never know a broker.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::launch::Site;
use crate::record::Run;

/// What it is called in a record of runs.
pub(crate) const NAME: &str = "bare-echo";

/// Where its figure stands in its report.
pub(crate) const PLACE: &str = "/echo/cpu_us_per_message";

/// Connections, as many as the scenarios beside it have pairs or publishers.
const CONNECTIONS: u32 = 100;

/// What its runs with this window are kept as.
pub(crate) fn scenario(window: u32) -> String {
    format!("echo_window_{window}")
}

/// Whether it can be run as the brokers are: it takes CPU 0 for itself and CPU 1 for its load.
pub(crate) fn fits(site: &Site) -> bool {
    site.cores.broker == "0" && site.cores.load == "1"
}

/// Runs it once, with so many messages of each connection under way.
pub(crate) fn run(window: u32, round: u32) -> Run {
    let words = ["io_uring".to_owned(), CONNECTIONS.to_string(), window.to_string(), "0".to_owned()];
    let said = said(&words);
    let figure = said.as_ref().ok().and_then(|text| cost(text));
    let failure = match said {
        Err(why) => Some(why),
        Ok(text) if figure.is_none() => Some(format!("echo_cost: no figure in {text:?}")),
        Ok(_) => None,
    };
    Run {
        scenario: scenario(window),
        broker: NAME.to_owned(),
        round,
        started: format!("echo_cost {}", words.join(" ")),
        load: String::new(),
        report: figure.map_or(Value::Null, |us| json!({"echo": {"cpu_us_per_message": us}})),
        failure,
    }
}

fn said(words: &[String]) -> Result<String, String> {
    let program = crate::built().join("examples/echo_cost");
    let mut command = Command::new(&program);
    let output =
        command.args(words).stdin(Stdio::null()).output().map_err(|error| format!("echo_cost: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("echo_cost: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// The number before its unit.
fn cost(text: &str) -> Option<f64> {
    let (before, _) = text.split_once(" us CPU/message")?;
    before.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_is_the_number_before_its_unit() {
        let line = "io_uring  1000000 messages/s    0.099 us CPU/message   0.031 system calls/message\n";
        assert_eq!(cost(line), Some(0.099));
        assert_eq!(cost("nothing"), None);
    }
}
