//! The broker's processes while agents do a run, where they are on the controller's machine.
//!
//! Owns the thread that samples them, and what they had used at any moment in between. Must never know what agents do.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clock::{Nanos, seconds};
use crate::drive::Outcome;
use crate::process::{self, Sample, Usage};
use crate::series::ProcessUse;

/// Between two samples. What was used in between is taken to have been used evenly.
const EVERY: Duration = Duration::from_millis(100);

/// The processes under watch.
pub(super) struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<Samples>,
}

/// The processes at a moment of the run.
type Taken = (Nanos, Sample);

/// The processes at moments of the run, in their order.
#[derive(Debug)]
pub(super) struct Samples(Vec<Taken>);

impl Watch {
    /// Begins to sample. `zero` is when the run begins.
    ///
    /// # Errors
    /// A process that does not exist here, and no further thread.
    pub(super) fn start(pids: &[u32], zero: Instant) -> Result<Watch, String> {
        process::sample(pids).map_err(|error| format!("--broker-pid: {error}"))?;
        let (stop, stopped) = channel();
        let pids = pids.to_vec();
        let sample = move || {
            let mut samples = Vec::new();
            let mut is_last = false;
            loop {
                let at = Instant::now().saturating_duration_since(zero).as_nanos() as Nanos;
                // A broker that is gone is told by the absence of samples.
                samples.extend(process::sample(&pids).ok().map(|sample| (at, sample)));
                if is_last {
                    return Samples(samples);
                }
                is_last = stopped.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout);
            }
        };
        let thread = thread::Builder::new().name("broker".into()).spawn(sample);
        Ok(Watch { stop, thread: thread.map_err(|error| format!("a thread for --broker-pid: {error}"))? })
    }

    /// Ends with a last sample.
    pub(super) fn finish(self) -> Samples {
        // It may have ended already, in a panic, which the next line passes on.
        let _ = self.stop.send(());
        self.thread.join().expect("sampling does not panic")
    }
}

impl Samples {
    /// Adds the broker to what agents have measured.
    pub(super) fn add_to(&self, outcome: &mut Outcome) {
        for mark in outcome.marks.iter_mut() {
            mark.broker = self.usage_at(mark.at);
        }
        for row in &mut outcome.recording.rows {
            let at = |second: f64| (second.max(0.0) * 1e9) as Nanos;
            row.broker = self.use_between(at(row.at_s - row.span_s), at(row.at_s));
        }
    }

    /// The samples before and after a moment.
    fn around(&self, at: Nanos) -> Option<(&Taken, &Taken)> {
        let after = self.0.partition_point(|(sampled, _)| *sampled < at);
        Some((self.0.get(after.saturating_sub(1))?, self.0.get(after)?))
    }

    fn usage_at(&self, at: Nanos) -> Option<Usage> {
        let ((from, before), (to, after)) = self.around(at)?;
        let share = if to > from { seconds(at.saturating_sub(*from)) / seconds(to - from) } else { 1.0 };
        let between = |of: fn(&Usage) -> f64| {
            let (before, after) = (of(&before.usage), of(&after.usage));
            before + (after - before) * share
        };
        Some(Usage {
            cpu_s: between(|usage| usage.cpu_s),
            user_s: between(|usage| usage.user_s),
            system_s: between(|usage| usage.system_s),
            ..after.usage
        })
    }

    /// What was used from the sample after one moment to the sample after another.
    fn use_between(&self, from: Nanos, to: Nanos) -> Option<ProcessUse> {
        let ((_, (began, before)), (_, (ended, now))) = (self.around(from)?, self.around(to)?);
        Some(ProcessUse::between(now, before, ended.saturating_sub(*began)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(cpu_s: f64, threads: u64) -> Sample {
        Sample { usage: Usage { cpu_s, threads, ..Usage::default() }, ..Sample::default() }
    }

    #[test]
    fn what_was_used_between_two_samples_was_used_evenly() {
        let samples = Samples(vec![(0, sample(1.0, 1)), (100, sample(1.0, 2)), (200, sample(3.0, 3))]);
        let found = |at| samples.usage_at(at).map(|usage| (usage.cpu_s, usage.threads));
        assert_eq!(found(0), Some((1.0, 1)));
        assert_eq!(found(50), Some((1.0, 2)));
        assert_eq!(found(150), Some((2.0, 3)));
        assert_eq!(found(200), Some((3.0, 3)));
        assert_eq!(found(201), None, "the broker was gone by then");
        let used = samples.use_between(100, 200).unwrap();
        assert_eq!(used.cores, 2.0 / seconds(100));
    }

    #[test]
    fn a_process_is_sampled_until_the_end() {
        let watch = Watch::start(&[std::process::id()], Instant::now()).unwrap();
        let Samples(samples) = watch.finish();
        assert!(samples.iter().all(|(_, sample)| sample.usage.threads > 1) && !samples.is_empty());
        assert!(Watch::start(&[u32::MAX], Instant::now()).is_err());
    }
}
