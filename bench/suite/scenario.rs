//! What is measured: the table of bench/scenarios.toml.
//!
//! Owns its form. Must never know a broker.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// One row of the table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// Its name in commands.
    pub(crate) name: String,
    /// Its name in tables.
    pub(crate) title: String,
    /// Workload and options of ringmq-bench.
    pub(crate) load: String,
    /// Whether the load lasts as long as it is told.
    #[serde(default = "yes")]
    pub(crate) timed: bool,
    /// Whether it goes over TLS.
    #[serde(default)]
    pub(crate) tls: bool,
    /// What a broker must be able to do.
    #[serde(default)]
    pub(crate) needs: Vec<String>,
    /// What is told of it.
    pub(crate) metric: Metric,
    /// The scenario whose runs this one tells something else of; none if it has its own.
    pub(crate) runs_of: Option<String>,
    /// Times less than mosquitto that ringmq is to use.
    pub(crate) goal: Option<f64>,
    /// How many messages the bare echo that is measured beside it has under way; none if there is no such echo.
    pub(crate) echo_window: Option<u32>,
}

impl Scenario {
    /// The name under which its runs are kept.
    pub(crate) fn runs(&self) -> &str {
        self.runs_of.as_deref().unwrap_or(&self.name)
    }
}

fn yes() -> bool {
    true
}

/// A figure of a report; less is better for all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// CPU microseconds of the broker per message delivered.
    CpuPerDelivery,
    /// CPU microseconds of the broker per connection made.
    CpuPerConnection,
    /// Resident bytes of the broker per connection held.
    BytesPerConnection,
    /// 99th percentile of the latency, in microseconds.
    P99,
}

impl Metric {
    /// Where it stands in a report of ringmq-bench; the first place that is there counts.
    pub(crate) fn places(self) -> &'static [&'static str] {
        match self {
            Metric::CpuPerDelivery => &["/broker/cpu_us_per_delivered"],
            Metric::CpuPerConnection => &["/broker/cpu_us_per_connection"],
            Metric::BytesPerConnection => {
                &["/broker/bytes_per_further_connection", "/broker/bytes_per_connection"]
            }
            Metric::P99 => &["/traffic/latency/p99_us"],
        }
    }

    /// Its unit.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::CpuPerDelivery => "us CPU per delivery",
            Metric::CpuPerConnection => "us CPU per connection",
            Metric::BytesPerConnection => "bytes per connection",
            Metric::P99 => "us",
        }
    }
}

#[derive(Deserialize)]
struct Table {
    scenario: Vec<Scenario>,
}

/// All scenarios of a file, in its order.
///
/// # Errors
/// It cannot be read or is not understood.
pub(crate) fn read(path: &Path) -> Result<Vec<Scenario>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let table: Table = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(table.scenario)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::ABILITIES;

    #[test]
    fn the_table_is_understood_and_names_are_unique() {
        let all = read(&crate::root().join("bench/scenarios.toml")).unwrap();
        let mut names: Vec<&str> = all.iter().map(|scenario| scenario.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        for scenario in &all {
            let whose = all.iter().find(|other| other.name == scenario.runs()).unwrap();
            assert_eq!((&whose.load, whose.runs()), (&scenario.load, scenario.runs()), "{}", scenario.name);
            let is_ability = |need: &String| ABILITIES.contains(&need.as_str());
            assert!(scenario.needs.iter().all(is_ability), "{}", scenario.name);
            assert_eq!(scenario.tls, scenario.needs.contains(&"tls".to_owned()), "{}", scenario.name);
        }
    }
}
