//! What a rule has found, told all at once.

/// The violations of one rule.
pub(crate) struct Findings {
    rule: &'static str,
    lines: Vec<String>,
}

impl Findings {
    /// None yet. `rule` is a sentence that tells what holds and why.
    pub(crate) fn of(rule: &'static str) -> Findings {
        Findings { rule, lines: Vec::new() }
    }

    /// One more, at a line of a file.
    pub(crate) fn at(&mut self, path: &str, line: usize, what: impl std::fmt::Display) {
        self.lines.push(format!("{path}:{line}: {what}"));
    }

    /// One more, about a whole file or none.
    pub(crate) fn about(&mut self, path: &str, what: impl std::fmt::Display) {
        self.lines.push(format!("{path}: {what}"));
    }

    /// Fails if there is any.
    #[track_caller]
    pub(crate) fn conclude(self) {
        assert!(self.lines.is_empty(), "\n{}\n\n  {}\n", self.rule, self.lines.join("\n  "));
    }
}
