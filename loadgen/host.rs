//! What a reader must know of the machine to place a figure: CPU, kernel, memory, limits, virtualisation.
//!
//! Owns where Linux tells it. Must never hold what identifies a machine or its owner: no names, no addresses.

use std::fs;

use serde::{Deserialize, Serialize};

/// The machine that the generator runs on. What could not be read is absent, or empty, or 0.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct HostFacts {
    pub(crate) architecture: String,
    pub(crate) kernel: String,
    pub(crate) cpu_model: String,
    /// Logical CPUs that are online.
    pub(crate) cpus: u32,
    /// CPUs that the generator may use, as the kernel lists them: `0-3,8`.
    pub(crate) cpus_allowed: String,
    /// How the frequency is chosen, of the first CPU.
    pub(crate) governor: Option<String>,
    /// The hypervisor or its maker, if there is one.
    pub(crate) virtualisation: Option<String>,
    pub(crate) memory_bytes: u64,
    /// Running and waiting tasks, the average of the minute before the run.
    pub(crate) load_average: f64,
    pub(crate) limits: HostLimits,
}

/// What bounds the number of connections and the speed of making them.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct HostLimits {
    /// Open files that the generator may have, and may raise that to.
    pub(crate) files_soft: u64,
    pub(crate) files_hard: u64,
    /// Ports for outgoing connections, per source address.
    pub(crate) local_ports: String,
    /// Longest queue of a listener.
    pub(crate) accept_queue_max: u64,
}

impl HostFacts {
    /// Reads them now.
    pub(crate) fn read() -> HostFacts {
        let cpu = text("/proc/cpuinfo");
        HostFacts {
            architecture: std::env::consts::ARCH.into(),
            kernel: text("/proc/sys/kernel/osrelease"),
            cpu_model: value_of(&cpu, "model name")
                .or_else(|| value_of(&cpu, "CPU part"))
                .unwrap_or_default(),
            cpus: cpu.lines().filter(|line| line.starts_with("processor")).count() as u32,
            cpus_allowed: cpus_allowed("self").unwrap_or_default(),
            governor: some_text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            virtualisation: virtualisation(&cpu),
            memory_bytes: memory_bytes(&text("/proc/meminfo")),
            load_average: first_number(&text("/proc/loadavg")),
            limits: HostLimits::read(),
        }
    }
}

impl HostLimits {
    fn read() -> HostLimits {
        let (files_soft, files_hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap_or_default();
        HostLimits {
            files_soft,
            files_hard,
            local_ports: text("/proc/sys/net/ipv4/ip_local_port_range").replace('\t', "-"),
            accept_queue_max: first_number(&text("/proc/sys/net/core/somaxconn")) as u64,
        }
    }
}

/// A process of the broker.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct ProcessFacts {
    pub(crate) pid: u32,
    /// Its command line.
    pub(crate) command: String,
    /// CPUs that it may use.
    pub(crate) cpus_allowed: String,
}

impl ProcessFacts {
    /// Reads them now; absent parts are empty.
    pub(crate) fn read(pid: u32) -> ProcessFacts {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned();
        ProcessFacts { pid, command, cpus_allowed: cpus_allowed(&pid.to_string()).unwrap_or_default() }
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn some_text(path: &str) -> Option<String> {
    Some(text(path)).filter(|text| !text.is_empty())
}

/// The value behind the first `name : value` of a text.
fn value_of(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn cpus_allowed(process: &str) -> Option<String> {
    value_of(&text(&format!("/proc/{process}/status")), "Cpus_allowed_list")
}

fn first_number(text: &str) -> f64 {
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

fn memory_bytes(meminfo: &str) -> u64 {
    value_of(meminfo, "MemTotal").map_or(0, |value| 1024 * first_number(&value) as u64)
}

/// The CPU says that there is a hypervisor, the firmware says whose.
fn virtualisation(cpu: &str) -> Option<String> {
    let is_guest =
        value_of(cpu, "flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let maker = some_text("/sys/hypervisor/type").or_else(|| some_text("/sys/class/dmi/id/sys_vendor"));
    is_guest.then(|| maker.unwrap_or_else(|| "a hypervisor".into()))
}

/// Whether two lists of CPUs, such as `0-3,8`, have one in common.
pub(crate) fn share_a_cpu(one: &str, other: &str) -> bool {
    let ranges = |list: &str| -> Vec<(u32, u32)> {
        let bounds = |range: &str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        };
        list.split(',').filter_map(bounds).collect()
    };
    let others = ranges(other);
    ranges(one).iter().any(|a| others.iter().any(|b| a.0 <= b.1 && b.0 <= a.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_kernel_cpus_and_limits() {
        let facts = HostFacts::read();
        assert!(!facts.kernel.is_empty() && facts.cpus > 0 && facts.memory_bytes > 0);
        assert!(facts.limits.files_hard >= facts.limits.files_soft);
        assert!(!facts.cpus_allowed.is_empty());
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<HostFacts>(&json).unwrap(), facts);
    }

    #[test]
    fn a_process_is_told_by_its_command_and_its_cpus() {
        let facts = ProcessFacts::read(std::process::id());
        assert!(facts.command.contains("ringmq"), "{facts:?}");
        assert_eq!(facts.cpus_allowed, HostFacts::read().cpus_allowed);
        assert_eq!(ProcessFacts::read(u32::MAX).command, "");
    }

    #[test]
    fn lists_of_cpus_are_compared_by_their_ranges() {
        assert!(share_a_cpu("0-3,8", "2"));
        assert!(share_a_cpu("5", "0-7"));
        assert!(!share_a_cpu("0", "1"));
        assert!(!share_a_cpu("0-1,4", "2-3"));
        assert!(!share_a_cpu("", "0"));
    }

    #[test]
    fn a_guest_says_so_by_a_flag() {
        assert_eq!(virtualisation("flags\t: fpu sse2\n"), None);
        assert!(virtualisation("flags\t: fpu hypervisor sse2\n").is_some());
        assert_eq!(memory_bytes("MemTotal:       2048 kB\n"), 2 << 20);
    }
}
