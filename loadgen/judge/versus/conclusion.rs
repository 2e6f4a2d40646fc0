//! What all rounds say together, in words: whose broker failed, what could not be measured, and what differs.
//!
//! Owns the order of importance: a broker that failed comes before any figure. Must never compute one.

use crate::judge::compare::{self, Compared};

use super::Name;
use super::round::Round;

/// The fewest rounds of each broker from which several figures can be told apart.
const ROUNDS_MIN: usize = 6;

/// A line for each broker: how many rounds it played, and what became of those that do not count.
pub(super) fn counted(rounds: &[Round]) -> String {
    let line = |name: Name| {
        let of: Vec<&Round> = rounds.iter().filter(|round| round.name == name).collect();
        let usable = of.iter().filter(|round| round.counts()).count();
        let mut text = format!("{name:?}: {}, {usable} to compare\n", rounds_in_words(of.len()));
        for (label, kinds) in [("FAILED", failures(rounds, name)), ("INVALID", objections(rounds, name))] {
            kinds.iter().for_each(|kind| text += &format!("   {label}: {kind}\n"));
        }
        text
    };
    line(Name::A) + &line(Name::B)
}

/// The verdict. `compared` are the figures, none if too few rounds count.
pub(super) fn verdict(rounds: &[Round], compared: Option<&[Compared]>, threshold: f64) -> String {
    let failed: Vec<String> =
        [Name::A, Name::B].into_iter().filter_map(|name| failed(rounds, name)).collect();
    let told = match compared {
        Some(compared) => compare::verdict(compared, threshold),
        None => too_few(rounds) + "\n",
    };
    match (failed.is_empty(), compared.is_some()) {
        (true, true) => format!("VERDICT: {told}"),
        (true, false) => format!("VERDICT: none. {told}"),
        (false, _) => format!("VERDICT: {} Rounds that failed are not compared. {told}", failed.join(" ")),
    }
}

/// How a broker failed; none if it passed every round.
fn failed(rounds: &[Round], name: Name) -> Option<String> {
    let all = rounds.iter().filter(|round| round.name == name).count();
    let failed = rounds.iter().filter(|round| round.name == name && !round.is_passed).count();
    let how = failures(rounds, name).join("; ");
    match failed {
        0 => None,
        count if count == all => Some(format!("{name:?} FAILED in every round ({how}).")),
        count => Some(format!("{name:?} FAILED in {count} of {all} rounds ({how}).")),
    }
}

fn too_few(rounds: &[Round]) -> String {
    let usable = |name| rounds.iter().filter(|round| round.name == name && round.counts()).count();
    let why = match rounds.iter().all(|round| round.is_valid) {
        true => "",
        false => " See above why rounds were invalid, and give broker and generator CPUs of their own.",
    };
    let (a, b) = (usable(Name::A), usable(Name::B));
    format!("Too few rounds count, {a} of A and {b} of B: {ROUNDS_MIN} of each are needed.{why}")
}

fn failures(rounds: &[Round], name: Name) -> Vec<String> {
    kinds(rounds.iter().filter(|round| round.name == name).map(|round| round.failures.as_slice()))
}

fn objections(rounds: &[Round], name: Name) -> Vec<String> {
    kinds(rounds.iter().filter(|round| round.name == name).map(|round| round.invalid.as_slice()))
}

/// Texts of several rounds, each kind once: what differs in numbers only, and in the plural they ask for, is one kind, told from
/// the lowest first number to the highest.
fn kinds<'a>(rounds: impl Iterator<Item = &'a [String]>) -> Vec<String> {
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    for text in rounds.flatten() {
        let (before, number, behind) = split(text);
        let key = without_numbers(text);
        match kinds.iter_mut().find(|kind| kind.key == key) {
            Some(kind) => kind.add(number),
            None => kinds.push(Kind { key, before, behind, numbers: (number, number), rounds: 1 }),
        }
    }
    kinds.iter().map(Kind::in_words).collect()
}

/// Texts that say the same with different numbers.
struct Kind<'a> {
    key: String,
    /// What stands around the first number of the first of them.
    before: &'a str,
    behind: &'a str,
    numbers: (&'a str, &'a str),
    rounds: usize,
}

impl<'a> Kind<'a> {
    fn add(&mut self, number: &'a str) {
        self.rounds += 1;
        let value = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        let (low, high) = self.numbers;
        if value(number) < value(low) {
            self.numbers.0 = number;
        }
        if value(number) > value(high) {
            self.numbers.1 = number;
        }
    }

    fn in_words(&self) -> String {
        let Kind { before, behind, numbers: (low, high), rounds, .. } = self;
        let number = if low == high { (*low).to_owned() } else { format!("{low} to {high}") };
        format!("{before}{number}{behind}, {}", rounds_in_words(*rounds))
    }
}

fn rounds_in_words(count: usize) -> String {
    format!("{count} {}", if count == 1 { "round" } else { "rounds" })
}

/// A text with what stands before its first number, and behind; the number is empty if there is none.
fn split(text: &str) -> (&str, &str, &str) {
    let Some(start) = text.find(|letter: char| letter.is_ascii_digit()) else { return (text, "", "") };
    let rest = &text[start..];
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
    (&text[..start], &rest[..end], &rest[end..])
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit() && !matches!(letter, '.' | 's')).collect()
}

#[cfg(test)]
mod tests {
    use crate::judge::versus::compared;
    use crate::judge::versus::tests::rounds;

    use super::*;

    /// Six rounds of each, in which A loses more and more.
    fn lossy(first_lost: usize) -> Vec<Round> {
        let mut all = rounds(6, 1.0);
        for (number, round) in
            all.iter_mut().filter(|round| round.name == Name::A).enumerate().skip(first_lost)
        {
            round.is_passed = false;
            round.failures = vec![format!("{} messages lost at QoS 1", 100 * (number + 1))];
        }
        all
    }

    #[test]
    fn a_broker_that_loses_messages_in_every_round_is_told_to_and_not_compared() {
        let all = lossy(0);
        let text = verdict(&all, compared(&all, 0.05).as_deref(), 0.05);
        let expected = "VERDICT: A FAILED in every round (100 to 600 messages lost at QoS 1, 6 rounds). Rounds that failed are \
                        not compared. Too few rounds count, 0 of A and 6 of B: 6 of each are needed.\n";
        assert_eq!(text, expected);
        assert!(!text.contains("B is better"), "{text}");
        let counted = counted(&all);
        assert!(
            counted.contains("A: 6 rounds, 0 to compare\n   FAILED: 100 to 600 messages lost"),
            "{counted}"
        );
        assert!(!counted.contains("INVALID"), "{counted}");
    }

    #[test]
    fn a_broker_that_fails_now_and_then_is_compared_by_its_other_rounds() {
        let mut all = lossy(5);
        all.extend(rounds(1, 1.0));
        let rows = compared(&all, 0.05);
        let text = verdict(&all, rows.as_deref(), 0.05);
        assert!(
            text.starts_with("VERDICT: A FAILED in 1 of 7 rounds (600 messages lost at QoS 1, 1 round)."),
            "{text}"
        );
        assert!(text.contains("not compared. no difference: delivered per second;"), "{text}");
    }

    #[test]
    fn too_few_rounds_are_told_with_their_reason() {
        assert!(too_few(&rounds(3, 2.0)).ends_with("3 of A and 3 of B: 6 of each are needed."));
        let mut few = rounds(6, 1.3);
        few.iter_mut().take(6).for_each(|round| {
            round.is_valid = false;
            round.invalid = vec!["the generator used 97 % of the one CPU".into()];
        });
        assert!(too_few(&few).contains("3 of A and 3 of B: "), "{}", too_few(&few));
        assert!(too_few(&few).contains("why rounds were invalid"));
        assert!(verdict(&few, None, 0.05).starts_with("VERDICT: none. Too few rounds"));
        assert!(counted(&few).contains("INVALID: the generator used 97 % of the one CPU, 3 rounds"));
    }

    #[test]
    fn what_differs_in_numbers_is_one_kind() {
        let texts = [
            vec!["5 lost at 1".to_owned()],
            vec!["12.5 lost at 1".into(), "gone".into()],
            vec!["gone".into()],
        ];
        let told = kinds(texts.iter().map(Vec::as_slice));
        assert_eq!(told, ["5 to 12.5 lost at 1, 2 rounds", "gone, 2 rounds"]);
    }
}
