//! Scenarios that come with the tool: shapes that others have published, and some that brokers meet in the field.
//!
//! Owns their files. Must never change one.

use super::Scenario;

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

/// A line for each preset: its name and what it is.
pub(crate) fn list() -> String {
    let line = |preset: &Preset| {
        let description =
            Scenario::from_toml(preset.text).map_or(String::new(), |scenario| scenario.description);
        format!("{:<17} {description}\n", preset.name)
    };
    PRESETS.iter().map(line).collect()
}
