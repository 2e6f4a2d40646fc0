//! What procfs tells of this machine and of processes.
//!
//! Owns the reading of its files; what is missing counts as 0. Must never know what is measured.

use std::fs;

/// Ticks per second of CPU times in procfs, on every architecture that Linux runs servers on.
const TICKS_PER_SECOND: f64 = 100.0;

/// The text behind a name at the start of a line.
pub(crate) fn text_behind(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim_start_matches([' ', '\t', ':']).trim().to_owned()
}

/// The number behind a name at the start of a line.
pub(crate) fn number_behind(path: &str, name: &str) -> u64 {
    text_behind(path, name).split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Bytes of memory that can still be had, and bytes that the kernel's own tables take.
pub(crate) fn available_bytes() -> u64 {
    number_behind("/proc/meminfo", "MemAvailable:") * 1024
}

/// Bytes that the kernel's own tables take, sockets among them.
pub(crate) fn slab_bytes() -> u64 {
    number_behind("/proc/meminfo", "Slab:") * 1024
}

/// Resident bytes of processes together.
pub(crate) fn resident_bytes(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| number_behind(&format!("/proc/{pid}/status"), "VmRSS:") * 1024).sum()
}

/// CPU seconds of processes together, to 10 ms for each.
pub(crate) fn cpu_s(pids: &[u32]) -> f64 {
    pids.iter()
        .map(|pid| ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default()))
        .sum::<f64>()
        / TICKS_PER_SECOND
}

/// Fields 14 and 15 of proc_pid_stat(5). The name in field 2 may hold anything.
fn ticks(stat: &str) -> f64 {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum()
}

/// TCP sockets of this machine that are connected or listen.
pub(crate) fn sockets() -> u64 {
    let text = text_behind("/proc/net/sockstat", "TCP:");
    let mut words = text.split_whitespace().skip_while(|word| *word != "inuse").skip(1);
    words.next().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Descriptors that a process may have and cannot raise.
pub(crate) fn descriptors_max() -> u64 {
    let text = text_behind("/proc/self/limits", "Max open files");
    text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_understood() {
        assert!(available_bytes() > 0 && slab_bytes() > 0 && descriptors_max() > 0);
        assert!(resident_bytes(&[std::process::id()]) > 0);
        assert_eq!(ticks("12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 3"), 300.0);
    }
}
