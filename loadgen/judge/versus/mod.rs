//! Two brokers under the same load, in turn: A B, B A, A B, ...
//!
//! Owns the order of the rounds and what is told of them. Must never know how load is made: each round is a run of this
//! program as a process of its own, which writes a report.

mod conclusion;
mod host;
mod leash;
mod round;
mod told;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::VersusArgs;
use crate::report::Metric;
use crate::statistics::{FALSE_CHANCE, Finding, median, ranks};
use crate::{output, run};

use super::compare::{Compared, table};
use super::page;
use round::{Halted, Round, Stage};

pub(super) use leash::become_program;
pub(super) use told::{Told, ToldRound};

/// Rounds of each broker that may be asked for.
pub(crate) const ROUNDS_MAX: u32 = 60;

/// Number of the JSON form.
const SCHEMA: u32 = 1;

/// One of the two brokers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Name {
    A,
    B,
}

/// Everything that is told of a comparison.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    tool: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    ended_unix_s: u64,
    a: &'a str,
    b: &'a str,
    load: &'a [String],
    rounds: &'a [Round],
    compared: &'a [Compared],
    verdict: &'a str,
}

/// Runs all rounds and says what differs. Exit code 0 if that could be told of a figure, 1 if a broker failed a check, 3 if
/// there were too few valid rounds to tell anything, 4 if the report could not be written.
///
/// # Errors
/// Commands that do not start, and places that cannot be written.
pub(super) fn versus(args: &VersusArgs) -> Result<u8, String> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let registered = signal_hook::flag::register(signal, Arc::clone(&interrupted));
        registered.map_err(|error| format!("signals: {error}"))?;
    }
    let load = load(args)?;
    args.report.as_deref().map_or(Ok(()), output::check_place)?;
    let stage = Stage::new(args, &load, interrupted)?;
    let rounds = play(args, &stage)?;
    conclude(args, &load, &rounds)
}

/// What each round asks this program for.
fn load(args: &VersusArgs) -> Result<Vec<String>, String> {
    match (&args.scenario, args.load.as_slice()) {
        (Some(scenario), []) => Ok(vec!["run".into(), scenario.clone()]),
        (Some(_), _) => {
            Err("--scenario and a workload behind -- say the same twice: give one of them".into())
        }
        (None, []) => {
            Err("say what load to make: --scenario FILE, or a workload behind --, such as -- fan-in -p 10"
                .into())
        }
        (None, load) => Ok(load.into()),
    }
}

/// Plays the rounds: A B, B A, and so on, so that what changes evenly with time meets both alike. A round that was not valid
/// is played again, as often as there are rounds, unless its broker has failed: that is a result.
fn play(args: &VersusArgs, stage: &Stage<'_>) -> Result<Vec<Round>, String> {
    let mut rounds = Vec::new();
    let mut spare = args.rounds;
    for number in 0..args.rounds {
        let order = if number % 2 == 0 { [Name::A, Name::B] } else { [Name::B, Name::A] };
        for name in order {
            loop {
                let round = match stage.play(name, number) {
                    Ok(round) => round,
                    Err(Halted::Interrupted) => return Ok(rounds),
                    Err(Halted::Broken(why)) => return Err(why),
                };
                output::complain(&round.line());
                let again = !round.is_valid && round.is_passed && spare > 0;
                rounds.push(round);
                if !again {
                    break;
                }
                spare -= 1;
            }
        }
    }
    Ok(rounds)
}

fn conclude(args: &VersusArgs, load: &[String], rounds: &[Round]) -> Result<u8, String> {
    let compared = compared(rounds, args.threshold);
    let verdict = conclusion::verdict(rounds, compared.as_deref(), args.threshold);
    let compared = compared.unwrap_or_default();
    let mut text = format!("A  {}\nB  {}\n", args.a, args.b);
    text += &conclusion::counted(rounds);
    if !compared.is_empty() {
        text += &table(&compared);
    }
    text += &verdict;
    output::print(&text)?;
    let json = document(args, load, rounds, &compared, verdict.trim_end());
    let written = write_files(args, &json);
    Ok(run::with_places(written, code(rounds, &compared)))
}

fn write_files(args: &VersusArgs, json: &str) -> Result<(), String> {
    if let Some(path) = &args.report {
        output::write_file(path, json)?;
    }
    if let Some(path) = &args.html {
        output::write_file(path, &page::versus(&Told::from_json(json)?))?;
    }
    Ok(())
}

fn code(rounds: &[Round], compared: &[Compared]) -> u8 {
    match rounds.iter().any(|round| !round.is_passed) {
        true => 1,
        false if compared.iter().all(|row| row.finding == Finding::Undecided) => 3,
        false => 0,
    }
}

/// Each figure that all rounds have that count, by its ranks. None if there are too few rounds to tell anything.
fn compared(rounds: &[Round], threshold: f64) -> Option<Vec<Compared>> {
    let counting = || rounds.iter().filter(|round| round.counts());
    let figures = |name: Name, metric: Metric| -> Vec<f64> {
        counting().filter(|round| round.name == name).filter_map(|round| round.figure(metric)).collect()
    };
    let has = |metric: &Metric| counting().all(|round| round.figure(*metric).is_some());
    let first = counting().next()?;
    let metrics: Vec<Metric> = first.figures.iter().map(|(metric, _)| *metric).filter(has).collect();
    let chance = FALSE_CHANCE / metrics.len() as f64;
    let compared: Option<Vec<Compared>> = metrics
        .into_iter()
        .map(|metric| {
            let (a, b) = (figures(Name::A, metric), figures(Name::B, metric));
            let ratio = ranks::ratio(&a, &b, chance)?;
            let finding = ratio.finding(threshold);
            let rounds_to_decide = match finding {
                Finding::Undecided => ranks::rounds_to_decide(&a, &b, chance, threshold, ROUNDS_MAX),
                _ => None,
            };
            Some(Compared { metric, a: median(&a), b: median(&b), ratio, finding, rounds_to_decide })
        })
        .collect();
    compared.filter(|rows| !rows.is_empty())
}

/// The comparison as JSON.
fn document(
    args: &VersusArgs,
    load: &[String],
    rounds: &[Round],
    compared: &[Compared],
    verdict: &str,
) -> String {
    let document = Document {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        title: args.title.as_deref(),
        ended_unix_s: ended_unix_s(),
        a: &args.a,
        b: &args.b,
        load,
        rounds,
        compared,
        verdict,
    };
    serde_json::to_string_pretty(&document).expect("names and numbers have a JSON form") + "\n"
}

/// Now.
fn ended_unix_s() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn round(name: Name, rate: f64, p50: f64) -> Round {
        let figures = vec![(Metric::DeliveredPerS, rate), (Metric::LatencyP50Us, p50)];
        Round {
            name,
            number: 0,
            is_valid: true,
            is_passed: true,
            failures: Vec::new(),
            invalid: Vec::new(),
            troubles: Vec::new(),
            figures,
        }
    }

    /// Rounds A B A B of which B delivers so many times as much.
    pub(super) fn rounds(count: u32, factor: f64) -> Vec<Round> {
        let noise = |number: u32| 1.0 + f64::from(number * 7 % 5) * 0.01;
        let pair = |number| {
            let noise = noise(number);
            [round(Name::A, 1000.0 * noise, 50.0), round(Name::B, 1000.0 * factor * noise, 50.0)]
        };
        (0..count).flat_map(pair).collect()
    }

    #[test]
    fn rounds_are_compared_by_all_figures_that_they_share() {
        let rows = compared(&rounds(6, 1.3), 0.05).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows.iter().map(Compared::is_better).collect::<Vec<_>>(), [Some(true), None]);
        let text = conclusion::verdict(&[], Some(&rows), 0.05);
        assert!(
            text.starts_with(
                "VERDICT: B is better: delivered per second. no difference: latency p50, \u{b5}s ("
            ),
            "{text}"
        );
        let same = compared(&rounds(6, 1.0), 0.05).unwrap();
        assert!(same.iter().all(|row| row.finding == Finding::NoDifference));
        assert_eq!(code(&rounds(6, 1.0), &same), 0);
    }

    #[test]
    fn an_interval_that_excludes_nothing_is_undecided_with_the_rounds_that_would_decide() {
        let mut wild = rounds(6, 1.0);
        for (at, round) in wild.iter_mut().enumerate() {
            round.figures[1].1 = 50.0 * (1.0 + (at * 5 % 12) as f64);
        }
        let rows = compared(&wild, 0.05).unwrap();
        assert_eq!(rows[1].finding, Finding::Undecided, "{rows:?}");
        let text = table(&rows) + &conclusion::verdict(&wild, Some(&rows), 0.05);
        assert!(
            text.contains(" undecided") && text.contains(". undecided: latency p50, \u{b5}s ("),
            "{text}"
        );
        assert!(!text.contains("no difference: latency"), "{text}");
        assert_eq!(code(&wild, &rows), 0, "one figure was decided");
        assert_eq!(code(&wild, &rows[1..]), 3, "nothing was decided");
        wild[0].is_passed = false;
        assert_eq!(code(&wild, &rows), 1, "a broker failed");
    }

    #[test]
    fn rounds_that_were_not_valid_or_failed_do_not_count() {
        for spoil in [|round: &mut Round| round.is_valid = false, |round: &mut Round| round.is_passed = false]
        {
            let mut few = rounds(6, 1.3);
            few.iter_mut().take(6).for_each(spoil);
            assert_eq!(compared(&few, 0.05), None);
        }
        assert_eq!(compared(&rounds(3, 2.0), 0.05), None, "three rounds can tell nothing");
        assert_eq!(compared(&[], 0.05), None);
    }
}
