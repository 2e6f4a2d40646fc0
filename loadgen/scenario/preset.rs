//! Scenarios that come with the tool: shapes that others have published, and some that brokers meet in the field.
//!
//! Owns their files. Must never change one.

use crate::words::grouped;

use super::{Clients, Scenario, Span, Stage};

/// A scenario that comes with the tool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preset {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        &[$(Preset { name: $name, text: include_str!(concat!("../presets/", $name, ".toml")) }),*]
    };
}

/// All of them.
pub(crate) const PRESETS: &[Preset] = presets![
    "conn-10k",
    "conn-1m",
    "fanout-1-1k",
    "fanout-5-1k",
    "p2p-1k",
    "p2p-50k",
    "shared-1k-5",
    "shared-50k-500",
    "tbmq-fan-in",
    "tbmq-fan-out",
    "tbmq-p2p",
    "one-to-one",
    "many-to-few",
    "reconnect-storm",
    "telemetry-fleet",
    "mixed",
];

/// The preset of this name.
pub(crate) fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// A line for each preset: its name, its connections, how long it takes and what it is.
pub(crate) fn list() -> String {
    let line = |preset: &Preset| {
        let scenario = Scenario::from_toml(preset.text).expect("a test reads every preset");
        let (clients, length) = (grouped(scenario.client_count()), in_words(scenario.length_s()));
        format!("{:<17} {clients:>11} {length:>8}  {}\n", preset.name, scenario.description)
    };
    let head = format!("{:<17} {:>11} {:>8}  what it is\n", "name", "connections", "takes");
    let foot = "\nWhat is left to arrive, and connections that have no rate, take their time beside that. \
                `ringmq-bench run NAME --duration 20s` makes a preset shorter, `--scale 0.1` smaller.\n";
    head + &PRESETS.iter().map(line).collect::<String>() + foot
}

impl Scenario {
    /// Seconds that its stages take at least: what is given, and ramps that have a rate.
    fn length_s(&self) -> f64 {
        let clients = |names: &[String]| -> f64 {
            let is_meant = |group: &&Clients| names.is_empty() || names.contains(&group.name);
            self.clients.iter().filter(is_meant).map(|group| f64::from(group.count)).sum()
        };
        let length = |stage: &Stage| match stage {
            Stage::Ramp { clients: names, rate_per_s: Some(rate) } => clients(names) / rate,
            Stage::WarmUp { span } => span.seconds(),
            stage => stage.lasting().map_or(0.0, Span::seconds),
        };
        self.stages.iter().map(length).sum()
    }
}

/// A length in hours, minutes and seconds.
fn in_words(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_tells_size_and_length_of_every_preset() {
        let list = list();
        let line = |name: &str| list.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line("conn-10k").contains(" 10,000    6m40s  Open MQTT"), "{list}");
        assert!(line("fanout-5-1k").contains(" 1,005    5m10s  "), "{list}");
        assert!(line("conn-1m").contains("1,000,000"), "{list}");
        assert!(list.lines().all(|line| line.chars().count() < 200), "{list}");
        assert_eq!([5.2, 60.0, 3_723.0].map(in_words), ["5s", "1m", "1h02m"]);
    }
}
