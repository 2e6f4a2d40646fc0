//! A comparison as it is read from its file.
//!
//! Owns what is needed of it to show it again, also of files that older versions have written. Must never judge.

use serde::Deserialize;
use serde_json::Value;

use crate::judge::compare::{Compared, table};
use crate::report::Metric;

use super::Name;

/// A comparison.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::judge) struct Told {
    pub(in crate::judge) tool: String,
    pub(in crate::judge) version: String,
    /// What the user calls it.
    #[serde(default)]
    pub(in crate::judge) title: Option<String>,
    /// When the last round was over.
    #[serde(default)]
    pub(in crate::judge) ended_unix_s: Option<u64>,
    pub(in crate::judge) a: String,
    pub(in crate::judge) b: String,
    pub(in crate::judge) load: Vec<String>,
    pub(in crate::judge) rounds: Vec<ToldRound>,
    pub(in crate::judge) compared: Vec<Compared>,
    pub(in crate::judge) verdict: String,
}

/// One round of it.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::judge) struct ToldRound {
    pub(in crate::judge) name: Name,
    pub(in crate::judge) number: u32,
    pub(in crate::judge) is_valid: bool,
    pub(in crate::judge) is_passed: bool,
    /// What was wrong, in one list or apart.
    #[serde(default)]
    pub(in crate::judge) troubles: Vec<String>,
    #[serde(default)]
    failures: Vec<String>,
    #[serde(default)]
    invalid: Vec<String>,
    pub(in crate::judge) figures: Vec<(Metric, f64)>,
}

impl Told {
    /// Whether a file is meant as a comparison.
    pub(in crate::judge) fn is_one(value: &Value) -> bool {
        value.get("rounds").is_some() && value.get("compared").is_some()
    }

    /// Reads what `versus --report` has written.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::judge) fn from_json(text: &str) -> Result<Told, String> {
        serde_json::from_str(text).map_err(|error| format!("the comparison cannot be read: {error}"))
    }

    pub(in crate::judge) fn with_title(self, title: Option<&String>) -> Told {
        Told { title: title.cloned().or(self.title), ..self }
    }

    /// The command of a broker.
    pub(in crate::judge) fn command(&self, name: Name) -> &str {
        match name {
            Name::A => &self.a,
            Name::B => &self.b,
        }
    }

    /// The comparison for a reader.
    pub(in crate::judge) fn to_text(&self) -> String {
        let figures = if self.compared.is_empty() { String::new() } else { table(&self.compared) };
        format!("A  {}\nB  {}\n{figures}{}\n", self.a, self.b, self.verdict.trim_end())
    }
}

impl ToldRound {
    pub(in crate::judge) fn figure(&self, metric: Metric) -> Option<f64> {
        self.figures.iter().find(|(other, _)| *other == metric).map(|(_, figure)| *figure)
    }

    /// Everything that was wrong.
    pub(in crate::judge) fn all_troubles(&self) -> impl Iterator<Item = &str> {
        [&self.troubles, &self.failures, &self.invalid].into_iter().flatten().map(String::as_str)
    }
}

impl Name {
    pub(in crate::judge) fn letter(self) -> &'static str {
        match self {
            Name::A => "A",
            Name::B => "B",
        }
    }
}
