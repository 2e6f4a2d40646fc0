//! The thread that makes rows: it samples processes, encodes histograms, and tells whoever watches.
//!
//! Owns what stood on all counters at the end of the last interval. Must never make the busy thread wait.

use std::sync::mpsc::{Receiver, Sender};
use std::time::Instant;

use crate::clock::{Nanos, seconds};
use crate::process::{self, Sample};

use super::machine::Ticks;
use super::row::{Distribution, GeneratorUse, ProcessUse, Row, share};
use super::{Counters, Interval, Recorders, Recording, Watcher};

/// How much nicer than usual the thread is, where it is allowed to be: on one CPU with the busy thread it is not to
/// delay a message.
const NICENESS: i32 = 19;

/// Samples of one moment.
struct Samples {
    at: Instant,
    broker: Option<Sample>,
    own: Sample,
    machine: Ticks,
}

impl Samples {
    fn take(broker_pids: &[u32]) -> Samples {
        let broker = match broker_pids {
            [] => None,
            pids => process::sample(pids).ok(),
        };
        Samples { at: Instant::now(), broker, own: process::sample_self(), machine: Ticks::now() }
    }
}

/// The observer.
pub(super) struct Observer {
    broker_pids: Vec<u32>,
    watchers: Vec<Watcher>,
    last: Samples,
    counters: Counters,
    rows: Vec<Row>,
    totals: Recorders,
}

impl Observer {
    pub(super) fn new(broker_pids: &[u32], watchers: Vec<Watcher>) -> Observer {
        Observer {
            broker_pids: broker_pids.into(),
            watchers,
            last: Samples::take(broker_pids),
            counters: Counters::default(),
            rows: Vec::new(),
            totals: Recorders::new(0),
        }
    }

    /// Makes rows until the busy thread has no more.
    pub(super) fn run(mut self, intervals: &Receiver<Interval>, spares: &Sender<Recorders>) -> Recording {
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
        for mut interval in intervals {
            let row = self.row(&interval);
            self.watchers.iter_mut().for_each(|watcher| watcher(&row));
            self.rows.push(row);
            self.totals.merge(&interval.recorders);
            interval.recorders.clear();
            // The busy thread may be gone already.
            let _ = spares.send(interval.recorders);
        }
        Recording { rows: self.rows, totals: self.totals }
    }

    fn row(&mut self, interval: &Interval) -> Row {
        let samples = Samples::take(&self.broker_pids);
        let last = std::mem::replace(&mut self.last, samples);
        let span = (self.last.at - last.at).as_nanos() as Nanos;
        let broker = self.last.broker.as_ref().zip(last.broker.as_ref());
        let (flows, connecting) = (interval.recorders.all_flows(), &interval.recorders.connecting);
        let row = Row {
            at_s: seconds(interval.to.at),
            span_s: seconds(interval.to.at - interval.from),
            phase: interval.to.phase.into(),
            is_measured: interval.to.is_measured,
            step: interval.to.step,
            counters: interval.to.counters.since(&self.counters),
            latency: Distribution::of_some(&flows.latency),
            service: Distribution::of_some(&flows.service),
            acknowledgement: Distribution::of_some(&flows.acknowledgement),
            connecting: Distribution::of_some(connecting),
            broker: broker.map(|(now, before)| ProcessUse::between(now, before, span)),
            generator: generator_use(&self.last.own, &last.own, span),
            machine: self.last.machine.since(last.machine),
        };
        self.counters = interval.to.counters;
        row
    }
}

fn generator_use(now: &Sample, before: &Sample, span: Nanos) -> GeneratorUse {
    let (main, earlier) = (now.main_thread(), before.main_thread());
    let all = ProcessUse::between(now, before, span);
    GeneratorUse {
        cores: all.cores,
        busy: share(main.run_ns.saturating_sub(earlier.run_ns), span),
        waiting: share(main.wait_ns.saturating_sub(earlier.wait_ns), span),
        rss_bytes: all.rss_bytes,
    }
}
