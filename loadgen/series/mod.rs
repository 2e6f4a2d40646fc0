//! A run second by second: what was counted and measured in each interval, and what processes used meanwhile.
//!
//! Owns the way from the one busy thread to whoever watches. The busy thread records into histograms of the present interval
//! and, when it is over, exchanges them for empty ones; merging, sampling and showing happen on a thread of their own. Must
//! never know what a run does.
//!
//! | file | subject |
//! | --- | --- |
//! | `counters` | what is counted |
//! | `length` | how long an interval is |
//! | `recorders` | the histograms that a run records into |
//! | `row` | what is told of one interval |
//! | `observer` | the thread that makes rows |
//! | `machine` | how busy the whole machine is |

mod counters;
mod length;
mod machine;
mod observer;
mod recorders;
mod row;
#[cfg(test)]
mod tests;

use std::io;
use std::mem;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::clock::Nanos;

use observer::Observer;

pub(crate) use counters::Counters;
pub(crate) use length::Length;
pub(crate) use recorders::{FlowRecorders, Recorders};
#[cfg(test)]
pub(crate) use row::GeneratorUse;
pub(crate) use row::{Distribution, ProcessUse, Row};

/// The end of an interval.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Nanos,
    /// What the run was doing.
    pub(crate) phase: &'static str,
    /// Whether the interval belongs to the part of the run that rates and costs are taken from.
    pub(crate) is_measured: bool,
    /// The step of a stepped rate, from 0, if there is one.
    pub(crate) step: Option<u32>,
    pub(crate) counters: Counters,
}

/// One interval on its way to the observer.
struct Interval {
    from: Nanos,
    to: Moment,
    recorders: Recorders,
}

/// All rows of a run, and what they add up to.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) rows: Vec<Row>,
    pub(crate) totals: Recorders,
}

/// Someone who is shown each row as soon as it stands. Called on the observer's thread, which may wait for it.
pub(crate) type Watcher = Box<dyn FnMut(&Row) + Send>;

/// The busy thread's end.
#[derive(Debug)]
pub(crate) struct Series {
    length: Length,
    began: Nanos,
    next: Nanos,
    intervals: Sender<Interval>,
    spares: Receiver<Recorders>,
    observer: JoinHandle<Recording>,
}

impl Series {
    /// Starts the observer. The processes are sampled at the end of each interval, which lasts.
    ///
    /// # Errors
    /// The kernel allows no further thread.
    pub(crate) fn start(length: Length, broker_pids: &[u32], watchers: Vec<Watcher>) -> io::Result<Series> {
        let next = length.after(0);
        assert!(next > 0, "an interval lasts");
        let (intervals, incoming) = channel();
        let (returned, spares) = channel();
        let observer = Observer::new(broker_pids, watchers);
        let observer = thread::Builder::new()
            .name("observer".into())
            .spawn(move || observer.run(&incoming, &returned))?;
        Ok(Series { length, began: 0, next, intervals, spares, observer })
    }

    /// When the present interval is over.
    pub(crate) fn next_due(&self) -> Nanos {
        self.next
    }

    /// Ends the present interval, sooner than due if the caller wants, and leaves empty histograms behind.
    pub(crate) fn roll(&mut self, mut to: Moment, recorders: &mut Recorders) {
        // A mark may be put back to when something last happened.
        to.at = to.at.max(self.began);
        let empty = self.spares.try_recv().unwrap_or_else(|_| Recorders::new(recorders.flows.len()));
        let recorders = mem::replace(recorders, empty);
        let from = mem::replace(&mut self.began, to.at);
        self.next = to.at + self.length.after(to.at);
        // An observer that has panicked is noticed when it is joined.
        let _ = self.intervals.send(Interval { from, to, recorders });
    }

    /// Waits for the observer to have seen everything.
    pub(crate) fn finish(self) -> Recording {
        drop(self.intervals);
        self.observer.join().expect("the observer does not panic")
    }
}
