//! A scenario that is not run as it was written: single values changed, or all of it scaled.
//!
//! Owns the paths to values and what a scale multiplies. Must never read a file.

use toml::{Table, Value};

use super::{Level, Scenario, Span, Stage};

/// The scenario of a TOML text with single values changed, each as `path=value`.
///
/// # Errors
/// What is wrong with the text, a path or a value.
pub(crate) fn with_changes(text: &str, changes: &[String]) -> Result<Scenario, String> {
    let scenario = Scenario::from_toml(text)?;
    if changes.is_empty() {
        return Ok(scenario);
    }
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    for change in changes {
        let wrong = |why: &str| format!("--set {change}: {why}");
        apply(&mut table, change).map_err(|why| wrong(&why))?;
        // What cannot be read is the fault of this change, and has no line that the user could look up.
        let read: Result<Scenario, _> = table.clone().try_into();
        read.map_err(|error: toml::de::Error| {
            wrong(&format!("{}{}", error.message().trim(), place(&table, change)))
        })?;
    }
    let read: Result<Scenario, _> = table.try_into();
    let changed = read.map_err(|error: toml::de::Error| error.message().to_owned())?;
    changed.resolved().map_err(|why| format!("--set {}: {why}", changes.join(" --set ")))
}

/// Which stage a change is about: they have numbers and no names.
fn place(table: &Table, change: &str) -> String {
    let number =
        change.strip_prefix("stages.").and_then(|rest| rest.split(['.', '=']).next()?.parse::<usize>().ok());
    let stages = table.get("stages").and_then(Value::as_array);
    let names: Vec<&str> =
        stages.into_iter().flatten().filter_map(|stage| stage.get("stage").and_then(Value::as_str)).collect();
    match number.and_then(|number| Some((number, names.get(number)?))) {
        Some((number, name)) => {
            let all: Vec<String> =
                names.iter().enumerate().map(|(at, name)| format!("{at} {name}")).collect();
            format!(" (stages.{number} is the stage {name}; the stages are {})", all.join(", "))
        }
        None => String::new(),
    }
}

fn apply(table: &mut Table, change: &str) -> Result<(), String> {
    let (path, value) = change.split_once('=').ok_or("the form is KEY=VALUE")?;
    let mut steps: Vec<&str> = path.split('.').collect();
    let last = steps.pop().filter(|name| !name.is_empty()).ok_or("a key is missing")?;
    let mut place = table;
    let mut steps = steps.into_iter();
    while let Some(name) = steps.next() {
        place = match place.get_mut(name).ok_or_else(|| format!("there is no {name}"))? {
            Value::Table(table) => table,
            Value::Array(list) => {
                let which = steps.next().ok_or_else(|| format!("{name} is a list: name one of it"))?;
                entry(list, which).ok_or_else(|| format!("{name} has no {which}"))?
            }
            _ => return Err(format!("{name} has no parts")),
        };
    }
    place.insert(last.into(), parse(value));
    Ok(())
}

/// The table of a list with this name, or at this place, from 0.
fn entry<'a>(list: &'a mut [Value], which: &str) -> Option<&'a mut Table> {
    let named = |value: &Value| value.get("name").and_then(Value::as_str) == Some(which);
    let at = list.iter().position(named).or_else(|| which.parse().ok())?;
    list.get_mut(at)?.as_table_mut()
}

/// What is no TOML value is text.
fn parse(value: &str) -> Value {
    let document: Result<Table, _> = format!("value = {value}").parse();
    let parsed = document.ok().and_then(|mut table| table.remove("value"));
    parsed.unwrap_or_else(|| Value::String(value.into()))
}

impl Scenario {
    /// Messages per second of all flows in an open loop together; `None` without any.
    pub(crate) fn open_rate(&self) -> Option<f64> {
        let rates: Vec<f64> = self.flows.iter().filter_map(|flow| flow.pace.rate_per_s()).collect();
        (!rates.is_empty()).then(|| rates.iter().sum())
    }

    /// The scenario at so many times the rates of its open loops. Bursts become larger, not more frequent.
    ///
    /// # Errors
    /// A factor that makes it impossible.
    pub(crate) fn with_rates(mut self, factor: f64) -> Result<Scenario, String> {
        self.flows.iter_mut().for_each(|flow| flow.pace.multiply(factor));
        self.resolved()
    }

    /// The scenario with what is measured or held lasting so long in all. Warm-ups stay.
    ///
    /// # Errors
    /// Nothing in it lasts for a given time, or it becomes impossible.
    pub(crate) fn lasting(mut self, span: Span) -> Result<Scenario, String> {
        let total: f64 = self.stages.iter().filter_map(Stage::lasting).map(Span::seconds).sum();
        if total == 0.0 {
            return Err(format!("--duration: no stage lasts for a given time; {} ends by itself", self.name));
        }
        for stage in &mut self.stages {
            if let Some(old) = stage.lasting_mut() {
                old.0 = (old.seconds() / total * span.0 as f64).round() as u64;
            }
        }
        self.resolved()
    }

    /// The scenario with all clients speaking one version of the protocol.
    ///
    /// # Errors
    /// What that version cannot do.
    pub(crate) fn with_version(mut self, version: Level) -> Result<Scenario, String> {
        self.clients.iter_mut().for_each(|group| group.mqtt = version);
        self.resolved()
    }

    /// The scenario at a fraction of its size: clients, rates and numbers of messages are multiplied; payloads, spans and
    /// windows stay. A group never becomes empty.
    ///
    /// # Errors
    /// A scale that is no number above 0, or makes the scenario impossible.
    pub(crate) fn scaled(mut self, scale: f64) -> Result<Scenario, String> {
        if !(scale > 0.0 && scale <= 1e6) {
            return Err("--scale is a number above 0".into());
        }
        let count = |count: u64| if count == 0 { 0 } else { ((count as f64 * scale).round() as u64).max(1) };
        for group in &mut self.clients {
            group.count = u32::try_from(count(group.count.into())).map_err(|_| "--scale is too large")?;
        }
        for flow in &mut self.flows {
            flow.messages = flow.messages.map(count);
            flow.pace.multiply(scale);
        }
        for stage in &mut self.stages {
            if let Stage::Ramp { rate_per_s: Some(rate), .. } = stage {
                *rate *= scale;
            }
        }
        self.scale *= scale;
        self.resolved()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;
    use crate::scenario::preset::PRESETS;

    fn preset(name: &str) -> &'static str {
        PRESETS.iter().find(|preset| preset.name == name).unwrap().text
    }

    #[test]
    fn every_preset_is_right_and_has_its_name_and_description() {
        for preset in PRESETS {
            let scenario =
                Scenario::from_toml(preset.text).unwrap_or_else(|why| panic!("{}: {why}", preset.name));
            assert_eq!(scenario.name, preset.name);
            assert!(!scenario.description.is_empty(), "{}", preset.name);
            scenario.scaled(0.01).unwrap_or_else(|why| panic!("{}: {why}", preset.name));
        }
    }

    #[test]
    fn single_values_are_changed_by_name_or_place() {
        let changes =
            ["seed=7", "clients.publishers.count=3", "stages.0.rate_per_s=5", "name=x"].map(String::from);
        let scenario = with_changes(preset("fanout-5-1k"), &changes).unwrap();
        assert_eq!((scenario.seed, scenario.clients[0].count, scenario.name.as_str()), (7, 3, "x"));
        assert!(matches!(scenario.stages[0], Stage::Ramp { rate_per_s: Some(rate), .. } if rate == 5.0));
        for (wrong, why) in [
            ("seed", "the form is KEY=VALUE"),
            ("clients.nobody.count=3", "clients has no nobody"),
            ("clients=3", "expected a sequence"),
            ("clients.publishers.size=3", "unknown field `size`"),
            ("name.x=3", "name has no parts"),
            ("stages.3.span=20s", "--set stages.3.span=20s: unknown field `span`"),
            (
                "stages.3.span=20s",
                "stages.3 is the stage drain; the stages are 0 ramp, 1 warm-up, 2 publish, 3 drain",
            ),
            (
                "flows.messages.qos=3",
                "--set flows.messages.qos=3: flow messages: a quality of service is 0, 1 or 2",
            ),
        ] {
            let refused = with_changes(preset("fanout-5-1k"), &[wrong.into()]).unwrap_err();
            assert!(refused.contains(why), "{wrong}: {refused}");
            assert!(!refused.contains("at line"), "there is no line: {refused}");
        }
    }

    #[test]
    fn a_length_is_shared_out_among_what_is_measured_or_held() {
        let spans = |name: &str, seconds: u64| -> Vec<f64> {
            let scenario =
                Scenario::from_toml(preset(name)).unwrap().lasting(Span(seconds * SECOND)).unwrap();
            scenario.stages.iter().filter_map(Stage::lasting).map(Span::seconds).collect()
        };
        assert_eq!(spans("fanout-5-1k", 20), [20.0]);
        assert_eq!(spans("conn-10k", 7), [7.0]);
        assert!((spans("reconnect-storm", 20).iter().sum::<f64>() - 20.0).abs() < 1e-6);
        assert!(spans("reconnect-storm", 20).len() > 1);
        let ramp = "name = 'x'\nclients = [{ name = 'a', count = 1 }]\nstages = [{ stage = 'ramp' }]";
        let refused = Scenario::from_toml(ramp).unwrap().lasting(Span(SECOND)).unwrap_err();
        assert!(refused.contains("no stage lasts"), "{refused}");
    }

    #[test]
    fn a_scale_multiplies_clients_and_rates_and_is_remembered() {
        let whole = Scenario::from_toml(preset("fanout-5-1k")).unwrap();
        let part = whole.clone().scaled(0.1).unwrap();
        assert_eq!((part.clients[0].count, part.clients[1].count), (1, 100));
        assert_eq!(part.flows[0].pace.rate_per_s(), Some(25.0));
        assert_eq!(part.scale, 0.1);
        assert_ne!(part.digest(), whole.digest());
        assert!(whole.clone().scaled(0.0).is_err() && whole.clone().scaled(f64::NAN).is_err());
    }
}
