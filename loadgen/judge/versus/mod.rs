//! Two brokers under the same load, in turn: A B, B A, A B, ...
//!
//! Owns the order of the rounds and what is told of them. Must never know how load is made: each round is a run of this
//! program as a process of its own, which writes a report.

mod host;
mod leash;
mod round;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::cli::VersusArgs;
use crate::output;
use crate::report::Metric;
use crate::statistics::{FALSE_CHANCE, median, ranks};

use super::compare::{Compared, table, verdict};
use round::{Halted, Round, Stage};

pub(super) use leash::become_program;

/// Number of the JSON form.
const SCHEMA: u32 = 1;

/// One of the two brokers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    A,
    B,
}

/// Everything that is told of a comparison.
#[derive(Serialize)]
struct Told<'a> {
    schema: u32,
    tool: &'static str,
    version: &'static str,
    a: &'a str,
    b: &'a str,
    load: &'a [String],
    rounds: &'a [Round],
    compared: &'a [Compared],
    verdict: &'a str,
}

/// Runs all rounds and says what differs. Exit code 0 with a verdict, 1 if a broker failed a check, 3 if there are too few
/// valid rounds for a verdict.
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
/// is played again, as often as there are rounds.
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
                let again = !round.is_valid && spare > 0;
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
    let verdict = match &compared {
        Some(compared) => verdict(compared, args.threshold),
        None => format!("VERDICT: none. {}\n", too_few(rounds)),
    };
    let compared = compared.unwrap_or_default();
    let mut text = format!("A  {}\nB  {}\n", args.a, args.b);
    text += &counted(rounds);
    if !compared.is_empty() {
        text += &table(&compared);
    }
    text += &verdict;
    output::print(&text)?;
    if let Some(path) = &args.report {
        write_report(path, args, load, rounds, &compared, verdict.trim_end())?;
    }
    Ok(match rounds.iter().any(|round| !round.is_passed) {
        true => 1,
        false if compared.is_empty() => 3,
        false => 0,
    })
}

fn counted(rounds: &[Round]) -> String {
    let line = |name: Name| {
        let of: Vec<&Round> = rounds.iter().filter(|round| round.name == name).collect();
        let valid = of.iter().filter(|round| round.is_valid).count();
        let failed = of.iter().filter(|round| !round.is_passed).count();
        format!("{name:?}: {valid} valid rounds of {}, {failed} with a failed check\n", of.len())
    };
    line(Name::A) + &line(Name::B)
}

fn too_few(rounds: &[Round]) -> String {
    match rounds.iter().all(|round| round.is_valid) {
        true => "There are too few rounds to tell anything with confidence: 6 or more are needed".into(),
        false => {
            "Too few rounds were valid: see why above, and give broker and generator CPUs of their own".into()
        }
    }
}

/// Each figure that all valid rounds have, by its ranks. None if there are too few rounds to tell anything.
fn compared(rounds: &[Round], threshold: f64) -> Option<Vec<Compared>> {
    let valid = || rounds.iter().filter(|round| round.is_valid);
    let figures = |name: Name, metric: Metric| -> Vec<f64> {
        valid().filter(|round| round.name == name).filter_map(|round| round.figure(metric)).collect()
    };
    let has = |metric: &Metric| valid().all(|round| round.figure(*metric).is_some());
    let first = valid().next()?;
    let metrics: Vec<Metric> = first.figures.iter().map(|(metric, _)| *metric).filter(has).collect();
    let chance = FALSE_CHANCE / metrics.len() as f64;
    let compared: Option<Vec<Compared>> = metrics
        .into_iter()
        .map(|metric| {
            let (a, b) = (figures(Name::A, metric), figures(Name::B, metric));
            let ratio = ranks::ratio(&a, &b, chance)?;
            let finding = ratio.finding(threshold);
            Some(Compared { metric, a: median(&a), b: median(&b), ratio, finding })
        })
        .collect();
    compared.filter(|rows| !rows.is_empty())
}

fn write_report(
    path: &Path,
    args: &VersusArgs,
    load: &[String],
    rounds: &[Round],
    compared: &[Compared],
    verdict: &str,
) -> Result<(), String> {
    let told = Told {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        a: &args.a,
        b: &args.b,
        load,
        rounds,
        compared,
        verdict,
    };
    let json = serde_json::to_string_pretty(&told).expect("names and numbers have a JSON form");
    output::write_file(path, &(json + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(name: Name, rate: f64, p50: f64) -> Round {
        let figures = vec![(Metric::DeliveredPerS, rate), (Metric::LatencyP50Us, p50)];
        Round { name, number: 0, is_valid: true, is_passed: true, troubles: Vec::new(), figures }
    }

    fn rounds(count: u32, factor: f64) -> Vec<Round> {
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
        let text = verdict(&rows, 0.05);
        assert!(text.starts_with("VERDICT: B is better: delivered per second (all intervals"), "{text}");
        let same = compared(&rounds(6, 1.0), 0.05).unwrap();
        assert!(verdict(&same, 0.05).starts_with("VERDICT: no difference"));
    }

    #[test]
    fn rounds_that_were_not_valid_do_not_count() {
        let mut few = rounds(6, 1.3);
        few.iter_mut().take(6).for_each(|round| round.is_valid = false);
        assert_eq!(compared(&few, 0.05), None);
        assert!(too_few(&few).contains("were valid"));
        assert_eq!(compared(&rounds(3, 2.0), 0.05), None, "three rounds can tell nothing");
        assert_eq!(compared(&[], 0.05), None);
    }
}
