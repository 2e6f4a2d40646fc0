//! The statements of the standard, as tables in `statements/`.
//!
//! Owns the tables and the identifiers of their rows: `5:MQTT-3.3.1-5` and `311:MQTT-3.3.1-6` for the numbered
//! statements, `error:PUBLISH-3.3.4-2` for the second row of the error table with that packet and section,
//! `rule:...` for rules that have no number. Must never know a test.

/// Numbered statements of 5.0.
pub(crate) const MQTT_5: &str = include_str!("statements/mqtt5.tsv");
/// Numbered statements of 3.1.1.
pub(crate) const MQTT_311: &str = include_str!("statements/mqtt311.tsv");
/// What is wrong in 5.0, and what must follow.
pub(crate) const ERRORS: &str = include_str!("statements/mqtt5-errors.tsv");
/// Rules without a number: what several versions on one port demand, and what the text leaves to inference.
pub(crate) const RULES: &str = include_str!("statements/rules.tsv");
/// The properties of 5.0.
pub(crate) const PROPERTIES: &str = include_str!("statements/properties.tsv");
/// The reason codes of 5.0 and the return codes of 3.1.1.
pub(crate) const REASON_CODES: &str = include_str!("statements/reason-codes.tsv");
/// Why a row is not proved here.
pub(crate) const REASONS: &str = include_str!("statements/reasons.tsv");

/// The cells of each row of a table, its head left out.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).filter(|line| !line.is_empty()).map(|line| line.split('\t').collect())
}

/// One row that must be proved or explained.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Statement {
    pub(crate) id: String,
    pub(crate) text: &'static str,
    /// Whether a test against a server can show it.
    pub(crate) is_testable: bool,
}

/// A group of statements, as a section of the report.
pub(crate) struct Chapter {
    pub(crate) title: &'static str,
    pub(crate) statements: Vec<Statement>,
}

/// Everything there is to prove.
pub(crate) fn chapters() -> Vec<Chapter> {
    vec![
        Chapter { title: "MQTT 5.0, numbered statements", statements: numbered("5", MQTT_5) },
        Chapter { title: "MQTT 3.1.1, numbered statements", statements: numbered("311", MQTT_311) },
        Chapter { title: "MQTT 5.0, errors and reactions", statements: errors() },
        Chapter { title: "Rules without a number", statements: rules() },
    ]
}

fn numbered(version: &str, table: &'static str) -> Vec<Statement> {
    let statement = |row: Vec<&'static str>| Statement {
        id: format!("{version}:{}", row[0]),
        text: row[4],
        is_testable: row[3] == "yes",
    };
    rows(table).map(statement).collect()
}

fn errors() -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    for row in rows(ERRORS) {
        let section = row[1].split(' ').next().unwrap_or(row[1]);
        let key = format!("error:{}-{section}", row[0]);
        let number =
            statements.iter().filter(|earlier| earlier.id.starts_with(&format!("{key}-"))).count() + 1;
        statements.push(Statement { id: format!("{key}-{number}"), text: row[2], is_testable: true });
    }
    statements
}

fn rules() -> Vec<Statement> {
    rows(RULES)
        .map(|row| Statement { id: format!("rule:{}", row[0]), text: row[1], is_testable: true })
        .collect()
}
