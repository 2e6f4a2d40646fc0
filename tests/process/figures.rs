//! What the kernel tells of a process: processor time, memory, descriptors. Must never know whose process it is.

use std::fs;
use std::path::PathBuf;

/// The figures of one process, read anew at each call.
pub(crate) struct Figures {
    folder: PathBuf,
}

impl Figures {
    pub(crate) fn of(pid: u32) -> Figures {
        Figures { folder: format!("/proc/{pid}").into() }
    }

    /// Time on a processor, in user and kernel mode of all threads, in ticks of 10 ms.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = self.read("stat");
        // The name of the program comes second, in parentheses, and may hold anything.
        let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
        // utime and stime are fields 14 and 15 of proc_pid_stat(5); the state is field 3.
        fields.split_whitespace().skip(14 - 3).take(2).map(number).sum()
    }

    /// How often a thread of the process went to sleep by itself: no more often than it was woken.
    pub(crate) fn sleeps(&self) -> u64 {
        let tasks = fs::read_dir(self.folder.join("task")).expect("the process runs");
        let statuses = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
        statuses.map(|status| field(&status, "voluntary_ctxt_switches:")).sum()
    }

    /// How often the thread of each shard went to sleep by itself.
    pub(crate) fn sleeps_of_shards(&self, shards: u16) -> Vec<u64> {
        let mut sleeps = vec![0; usize::from(shards)];
        for task in fs::read_dir(self.folder.join("task")).expect("the process runs").flatten() {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            let name = status.lines().next().and_then(|line| line.strip_prefix("Name:\tshard-"));
            if let Some(shard) = name.and_then(|number| number.parse::<usize>().ok()) {
                sleeps[shard] = field(&status, "voluntary_ctxt_switches:");
            }
        }
        sleeps
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        field(&self.read("status"), "VmRSS:")
    }

    /// Open descriptors.
    pub(crate) fn files(&self) -> usize {
        fs::read_dir(self.folder.join("fd")).expect("the process runs").count()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).expect("the process runs")
    }
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel has this field");
    number(line.split_whitespace().next().expect("the field has a value"))
}

fn number(text: &str) -> u64 {
    text.parse().expect("the kernel writes numbers")
}
