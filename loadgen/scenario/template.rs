//! Text with places for numbers: `fleet/{client}/{n}`.
//!
//! Owns the places and their names. Must never know whether the text is a topic or a name.

use std::fmt::Write;

/// The places that a template may have, and what they stand for.
pub(crate) const PLACES: &str = "{run}, {group}, {client} and {n}";

/// Text with places for numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    /// Tells this run from others.
    Run,
    /// A letter for the group.
    Group,
    /// Number of a client in its group.
    Client,
    /// Number of a message in its flow.
    Number,
}

/// What a template is filled with.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Numbers {
    pub(crate) run: u32,
    pub(crate) group: usize,
    pub(crate) client: u32,
    pub(crate) n: u64,
}

/// Which places of a topic stand open in a filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Open {
    /// The number of a message.
    Number,
    /// That and the client.
    NumberAndClient,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// A place that does not exist.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let unknown = || format!("{text}: a template has the places {PLACES}");
            let (name, after) = behind.split_once('}').ok_or_else(unknown)?;
            if !before.is_empty() {
                parts.push(Part::Text(before.into()));
            }
            parts.push(match name {
                "run" => Part::Run,
                "group" => Part::Group,
                "client" => Part::Client,
                "n" => Part::Number,
                _ => return Err(unknown()),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Template(parts))
    }

    /// Whether the text depends on the number of a message.
    pub(crate) fn has_number(&self) -> bool {
        self.0.contains(&Part::Number)
    }

    /// Whether the text depends on the client.
    pub(crate) fn has_client(&self) -> bool {
        self.0.contains(&Part::Client)
    }

    /// Writes the text, and nothing else, to `out`.
    pub(crate) fn write(&self, numbers: &Numbers, out: &mut String) {
        out.clear();
        for part in &self.0 {
            let written = match part {
                Part::Text(text) => out.write_str(text),
                Part::Run => write!(out, "{:08x}", numbers.run),
                Part::Group => out.write_char(char::from(b'a' + (numbers.group % 26) as u8)),
                Part::Client => write!(out, "{}", numbers.client),
                Part::Number => write!(out, "{}", numbers.n),
            };
            assert!(written.is_ok(), "a string takes all text");
        }
    }

    /// The text.
    pub(crate) fn text(&self, numbers: &Numbers) -> String {
        let mut text = String::new();
        self.write(numbers, &mut text);
        text
    }

    /// A filter for all topics of this template: a level with an open place is a `+`.
    pub(crate) fn filter(&self, numbers: &Numbers, open: Open) -> String {
        // No topic name may hold this character [MQTT-1.5.4-2], so that it marks the levels.
        const MARK: char = '\0';
        let is_open = |part: &Part| match part {
            Part::Number => true,
            Part::Client => open == Open::NumberAndClient,
            Part::Text(_) | Part::Run | Part::Group => false,
        };
        let marked = |part: &Part| if is_open(part) { Part::Text(MARK.into()) } else { part.clone() };
        let text = Template(self.0.iter().map(marked).collect()).text(numbers);
        let levels: Vec<&str> =
            text.split('/').map(|level| if level.contains(MARK) { "+" } else { level }).collect();
        levels.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Numbers = Numbers { run: 0xAB, group: 1, client: 7, n: 9 };

    #[test]
    fn places_are_filled() {
        let text = |template: &str| Template::parse(template).unwrap().text(&NUMBERS);
        assert_eq!(text("fleet/{client}/{n}"), "fleet/7/9");
        assert_eq!(text("rb{run}{group}{client}"), "rb000000abb7");
        assert_eq!(text("plain"), "plain");
        for wrong in ["{", "a/{x}", "a/{client"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_filter_matches_what_the_template_writes() {
        for (template, all, own) in [
            ("a/{client}", "a/+", "a/7"),
            ("a/d-{client}/x/{n}", "a/+/x/+", "a/d-7/x/+"),
            ("{run}/a", "000000ab/a", "000000ab/a"),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!(template.filter(&NUMBERS, Open::NumberAndClient), all);
            assert_eq!(template.filter(&NUMBERS, Open::Number), own);
            assert!(ringmq_protocol::matches(all, &template.text(&NUMBERS)));
        }
    }
}
