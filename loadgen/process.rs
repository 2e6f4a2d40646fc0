//! What processes use: CPU time, memory, threads, context switches, as procfs tells.
//!
//! Owns the parsing. Must never know whether the process is a broker or this one.

use std::fs;

use serde::{Deserialize, Serialize};

/// Ticks per second of the CPU times in procfs: USER_HZ, which is 100 on every architecture that Linux runs servers on.
const TICKS_PER_SECOND: f64 = 100.0;

/// What one or several processes have used up to a moment.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Seconds of CPU time, all threads, as the scheduler counts them; to 10 ms of threads that have ended.
    pub(crate) cpu_s: f64,
    /// The part in user mode, to 10 ms.
    pub(crate) user_s: f64,
    /// The part in the kernel, to 10 ms.
    pub(crate) system_s: f64,
    /// Resident bytes at this moment.
    pub(crate) rss_bytes: u64,
    /// Threads at this moment.
    pub(crate) threads: u64,
    /// Times a thread gave the CPU up by itself; of the threads that live.
    pub(crate) voluntary_switches: u64,
    /// Times a thread was made to give the CPU up; of the threads that live.
    pub(crate) involuntary_switches: u64,
}

impl Usage {
    /// What was used since an earlier moment; memory and threads are those of this one.
    pub(crate) fn since(&self, earlier: &Usage) -> Usage {
        Usage {
            cpu_s: (self.cpu_s - earlier.cpu_s).max(0.0),
            user_s: self.user_s - earlier.user_s,
            system_s: self.system_s - earlier.system_s,
            rss_bytes: self.rss_bytes,
            threads: self.threads,
            voluntary_switches: self.voluntary_switches.saturating_sub(earlier.voluntary_switches),
            involuntary_switches: self.involuntary_switches.saturating_sub(earlier.involuntary_switches),
        }
    }

    pub(crate) fn add(&mut self, other: &Usage) {
        self.cpu_s += other.cpu_s;
        self.user_s += other.user_s;
        self.system_s += other.system_s;
        self.rss_bytes += other.rss_bytes;
        self.threads += other.threads;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
    }
}

/// One thread up to a moment, as the scheduler counts.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct ThreadUsage {
    pub(crate) tid: u32,
    /// Nanoseconds on a CPU.
    pub(crate) run_ns: u64,
    /// Nanoseconds in which it could have run, and something else did.
    pub(crate) wait_ns: u64,
}

/// One or several processes at a moment.
#[derive(Clone, Default, PartialEq, Debug)]
pub(crate) struct Sample {
    pub(crate) usage: Usage,
    pub(crate) threads: Vec<ThreadUsage>,
}

impl Sample {
    /// What each thread has used since an earlier sample; a thread that is new has all of its use in between.
    pub(crate) fn threads_since(&self, earlier: &Sample) -> impl Iterator<Item = ThreadUsage> {
        self.threads.iter().map(|thread| {
            let before = earlier.threads.iter().find(|before| before.tid == thread.tid);
            let before = before.copied().unwrap_or_default();
            ThreadUsage {
                tid: thread.tid,
                run_ns: thread.run_ns.saturating_sub(before.run_ns),
                wait_ns: thread.wait_ns.saturating_sub(before.wait_ns),
            }
        })
    }

    /// The first thread of this process, which has the number of the process.
    pub(crate) fn main_thread(&self) -> ThreadUsage {
        let tid = std::process::id();
        self.threads.iter().find(|thread| thread.tid == tid).copied().unwrap_or_default()
    }
}

/// Samples processes and adds them up.
///
/// # Errors
/// Which process does not exist or may not be looked at.
pub(crate) fn sample(pids: &[u32]) -> Result<Sample, String> {
    let mut total = Sample::default();
    for pid in pids {
        let one = sample_one(&pid.to_string()).map_err(|error| format!("process {pid}: {error}"))?;
        total.usage.add(&one.usage);
        total.threads.extend(one.threads);
    }
    Ok(total)
}

/// Samples this process.
pub(crate) fn sample_self() -> Sample {
    sample_one("self").unwrap_or_default()
}

fn sample_one(name: &str) -> Result<Sample, String> {
    let read =
        |file: &str| fs::read_to_string(format!("/proc/{name}/{file}")).map_err(|error| error.to_string());
    let stat = read("stat")?;
    if has_ended(&stat) {
        return Err("it has ended".into());
    }
    let (user_s, system_s) = parse_stat(&stat).ok_or("/proc/PID/stat is not understood")?;
    let status = read("status")?;
    let mut usage = Usage {
        user_s,
        system_s,
        rss_bytes: 1024 * number_of(&status, "VmRSS:"),
        threads: number_of(&status, "Threads:"),
        ..Usage::default()
    };
    let mut threads = Vec::new();
    // A thread may end while they are counted.
    for task in fs::read_dir(format!("/proc/{name}/task")).into_iter().flatten().flatten() {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let status = read("status");
        usage.voluntary_switches += number_of(&status, "voluntary_ctxt_switches:");
        usage.involuntary_switches += number_of(&status, "nonvoluntary_ctxt_switches:");
        let tid = task.file_name().to_str().and_then(|name| name.parse().ok()).unwrap_or(0);
        threads.push(parse_schedstat(tid, &read("schedstat")));
    }
    let run_ns: u64 = threads.iter().map(|thread| thread.run_ns).sum();
    usage.cpu_s = (run_ns as f64 / 1e9).max(user_s + system_s);
    Ok(Sample { usage, threads })
}

/// Time on a CPU and time in the queue for one: the first two numbers of /proc/PID/task/TID/schedstat.
fn parse_schedstat(tid: u32, schedstat: &str) -> ThreadUsage {
    let mut numbers = schedstat.split_whitespace().map(|number| number.parse().unwrap_or(0));
    ThreadUsage { tid, run_ns: numbers.next().unwrap_or(0), wait_ns: numbers.next().unwrap_or(0) }
}

/// Whether a process has ended, and only its entry is left until its parent has heard of it: state Z or X in field 3 of
/// proc_pid_stat(5).
fn has_ended(stat: &str) -> bool {
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    matches!(state, Some("Z" | "X"))
}

/// User and system time in seconds: fields 14 and 15 of proc_pid_stat(5). The name in field 2 may hold anything.
fn parse_stat(stat: &str) -> Option<(f64, f64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11).map(|field| field.parse::<f64>().ok());
    Some((fields.next()?? / TICKS_PER_SECOND, fields.next()?? / TICKS_PER_SECOND))
}

/// The number behind a name at the start of a line; 0 if there is none.
fn number_of(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 3";
        assert_eq!(parse_stat(stat), Some((2.5, 0.5)));
        assert_eq!(parse_stat("12 (x) S 1"), None);
    }

    #[test]
    fn numbers_are_found_by_the_whole_name() {
        let status =
            "VmHWM:\t 99 kB\nVmRSS:\t 12 kB\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t8\n";
        assert_eq!(number_of(status, "VmRSS:"), 12);
        assert_eq!(number_of(status, "voluntary_ctxt_switches:"), 7);
        assert_eq!(number_of(status, "nonvoluntary_ctxt_switches:"), 8);
        assert_eq!(number_of(status, "Absent:"), 0);
    }

    #[test]
    fn the_use_of_a_span_is_that_of_its_threads_old_and_new() {
        let sample = |threads: &[(u32, u64, u64)]| Sample {
            threads: threads
                .iter()
                .map(|&(tid, run_ns, wait_ns)| ThreadUsage { tid, run_ns, wait_ns })
                .collect(),
            ..Sample::default()
        };
        let earlier = sample(&[(1, 10, 1), (2, 5, 5)]);
        let later = sample(&[(1, 30, 4), (3, 7, 0)]);
        let between: Vec<_> = later.threads_since(&earlier).collect();
        assert_eq!(between, sample(&[(1, 20, 3), (3, 7, 0)]).threads);
        assert_eq!(parse_schedstat(9, "12 34 5\n"), ThreadUsage { tid: 9, run_ns: 12, wait_ns: 34 });
        assert_eq!(parse_schedstat(9, ""), ThreadUsage { tid: 9, ..ThreadUsage::default() });
    }

    #[test]
    fn a_process_that_has_ended_cannot_be_sampled_although_its_entry_is_left() {
        assert!(has_ended("12 (a) S) Z 1 2") && has_ended("12 (a) X 1") && !has_ended("12 (Z) S 1"));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let refused = loop {
            match sample(&[child.id()]) {
                Err(error) => break error,
                Ok(_) => assert!(std::time::Instant::now() < deadline, "it does not end"),
            }
        };
        assert_eq!(refused, format!("process {}: it has ended", child.id()));
        child.wait().unwrap();
    }

    #[test]
    fn this_process_can_be_sampled_and_a_missing_one_cannot() {
        let own = sample_self();
        assert!(own.usage.rss_bytes > 0 && own.usage.threads > 0);
        assert_eq!(own.main_thread().tid, std::process::id());
        assert!(sample(&[u32::MAX]).is_err_and(|error| error.starts_with("process 4294967295: ")));
    }
}
