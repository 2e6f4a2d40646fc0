//! A long run: steady mixed traffic and clients that come and go, while the broker's memory is watched.
//!
//! Owns the cycle, the samples and the slope. It passes if every check of the load passed and memory does not grow by more
//! than a bound per hour, judged from the second quarter of the run on, when tables and spares have found their size.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::cli::EndureArgs;
use crate::launch::{Load, Running, Site, pinned};
use crate::load;
use crate::procfs;

/// Loads that come and go beside the steady one, one after the other.
const CHURN: [&str; 5] = [
    "connect --connections 2000",
    "pairs --pairs 100 --window 16 --qos 1 --duration 5s --warm-up 0s",
    "retained --topics 5000 --publishers 5 --subscribers 10 --qos 1",
    "fan-out --publishers 2 --subscribers 500 --window 4 --qos 0 --duration 5s --warm-up 0s",
    "shared --publishers 50 --subscribers 10 --window 8 --qos 1 --duration 5s --warm-up 0s",
];

/// Where the steady load reports to.
const STEADY_REPORT: &str = "steady.json";

/// Between two loads of the churn.
const PAUSE: Duration = Duration::from_secs(2);

/// Resident memory at a moment.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Sample {
    hours: f64,
    bytes: f64,
}

/// Runs for as long as it is told.
///
/// # Errors
/// A check failed, the broker ended, or memory grew.
pub(crate) fn run(site: &Site, broker: &Broker, args: &EndureArgs) -> Result<(), String> {
    let span = span(&args.lasts)?;
    let running = site.start(broker, 10)?;
    let pids = running.pids();
    let mut steady = start_steady(site, &running, span)?;
    let (start, mut samples, mut failures) = (Instant::now(), Vec::new(), Vec::new());
    while start.elapsed() + Duration::from_secs(15) < span {
        for churn in CHURN {
            let failed = run_churn(site, &running, churn);
            // At once, so that it can be seen what else happened on the machine.
            failed.iter().for_each(|failure| println!("{:>8.1} min failed: {failure}", minutes(start)));
            failures.extend(failed);
            sleep(PAUSE.min(span.saturating_sub(start.elapsed())));
        }
        let bytes = procfs::resident_bytes(&pids) as f64;
        if bytes == 0.0 {
            return Err("the broker has ended".to_owned());
        }
        samples.push(Sample { hours: start.elapsed().as_secs_f64() / 3600.0, bytes });
        println!("{:>8.1} min {:>9.1} MiB", minutes(start), bytes / f64::from(1 << 20));
    }
    let status = steady.0.wait().map_err(|error| format!("ringmq-bench: {error}"))?;
    match load::read_report(&site.work.join(STEADY_REPORT)) {
        Ok(report) => failures.extend(load::failures(&report)),
        Err(error) => failures.push(format!("the steady load ended with {status}: {error}")),
    }
    judge(&samples, &failures, args.growth_mib_per_hour)
}

fn minutes(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() / 60.0
}

fn judge(samples: &[Sample], failures: &[String], growth_max: f64) -> Result<(), String> {
    let settled = &samples[samples.len() / 4..];
    let growth = slope(settled).map(|bytes| bytes / f64::from(1 << 20));
    match growth {
        Some(growth) => println!("memory: {growth:+.2} MiB per hour, from {} samples", settled.len()),
        None => println!("memory: too few samples for a slope"),
    }
    failures.iter().for_each(|failure| println!("failed: {failure}"));
    match growth {
        _ if !failures.is_empty() => Err(format!("{} checks failed", failures.len())),
        Some(growth) if growth > growth_max => {
            Err(format!("memory grows: {growth:.2} MiB per hour, {growth_max} allowed"))
        }
        _ => Ok(()),
    }
}

/// Starts the load that lasts all the time; it ends a little before the run does.
fn start_steady(site: &Site, broker: &Running, span: Duration) -> Result<Load, String> {
    let seconds = span.as_secs().saturating_sub(10).max(1);
    let words = [
        &crate::built().join("ringmq-bench").display().to_string(),
        "run",
        "bench/loads/endless.toml",
        "--set",
        &format!("stages.1.span={seconds}s"),
        "--broker",
        &format!("tcp://127.0.0.1:{}", broker.ports[0]),
        "--lag-max",
        "10s",
        "--quiet",
        "--report",
        &site.work.join(STEADY_REPORT).display().to_string(),
    ];
    let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
    let mut command = pinned(&site.cores.load, &words);
    command.current_dir(&site.root).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().map(Load).map_err(|error| format!("setpriv: {error}"))
}

/// Runs one load of the churn and tells what the broker did wrong. That the generators disturb each other is no failure of
/// the broker.
fn run_churn(site: &Site, broker: &Running, churn: &str) -> Vec<String> {
    let mut words = vec![crate::built().join("ringmq-bench").display().to_string()];
    words.extend(churn.split_whitespace().map(str::to_owned));
    words.extend(["--quiet", "--broker"].map(str::to_owned));
    words.push(format!("tcp://127.0.0.1:{}", broker.ports[0]));
    match load::run(site, &words) {
        Ok(report) => {
            let faults = load::faults(&report);
            let told = |failure: String| match faults.as_str() {
                "" => format!("{churn}: {failure}"),
                faults => format!("{churn}: {failure} ({faults})"),
            };
            load::failures(&report).into_iter().map(told).collect()
        }
        Err(error) => vec![format!("{churn}: {error}")],
    }
}

/// Growth per hour by least squares.
fn slope(samples: &[Sample]) -> Option<f64> {
    let count = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (hours, bytes) = (mean(|sample| sample.hours), mean(|sample| sample.bytes));
    let varied: f64 = samples.iter().map(|sample| (sample.hours - hours).powi(2)).sum();
    let together: f64 = samples.iter().map(|sample| (sample.hours - hours) * (sample.bytes - bytes)).sum();
    (samples.len() > 2 && varied > 0.0).then(|| together / varied)
}

/// `90s`, `20m` or `2h`.
fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)) {
        Some(seconds) if seconds >= 30 => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("--for {text}: a span of at least 30s, such as 20m or 2h")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(bytes: &[f64]) -> Vec<Sample> {
        bytes.iter().enumerate().map(|(n, &bytes)| Sample { hours: n as f64 / 10.0, bytes }).collect()
    }

    #[test]
    fn the_slope_is_per_hour() {
        let growing = slope(&samples(&[100.0, 110.0, 120.0, 130.0])).unwrap();
        assert!((growing - 100.0).abs() < 1e-6, "{growing}");
        assert_eq!(slope(&samples(&[5.0; 10])), Some(0.0));
        assert_eq!(slope(&samples(&[1.0, 2.0])), None);
    }

    #[test]
    fn growth_and_failures_are_told() {
        let mib = f64::from(1 << 20);
        let growing: Vec<f64> = (0..20).map(|n| f64::from(n) * mib).collect();
        assert!(judge(&samples(&growing), &[], 4.0).unwrap_err().contains("memory grows"));
        assert!(judge(&samples(&[mib; 20]), &[], 4.0).is_ok());
        assert!(judge(&samples(&[mib; 20]), &["lost".into()], 4.0).is_err());
        assert!(judge(&[], &[], 4.0).is_ok());
    }

    #[test]
    fn spans_have_units() {
        assert_eq!(span("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "h", "5s", "10d", "-1h"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
