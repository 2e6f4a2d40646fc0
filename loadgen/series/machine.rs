//! How busy the whole machine is, as /proc/stat tells.
//!
//! Owns the parsing. Must never know what makes it busy.

use std::fs;

use super::row::MachineUse;

/// Ticks of all CPUs up to a moment.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Ticks {
    total: u64,
    idle: u64,
    stolen: u64,
}

impl Ticks {
    /// Now; all 0 where that cannot be read.
    pub(super) fn now() -> Ticks {
        fs::read_to_string("/proc/stat").ok().and_then(|stat| Ticks::parse(&stat)).unwrap_or_default()
    }

    /// The first line of proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal; guest time is within user.
    fn parse(stat: &str) -> Option<Ticks> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?;
        let fields: Vec<u64> =
            fields.split_whitespace().map_while(|field| field.parse().ok()).take(8).collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or(0);
        Some(Ticks { total: fields.iter().sum(), idle: field(3) + field(4), stolen: field(7) })
    }

    /// What happened since an earlier moment.
    pub(super) fn since(self, earlier: Ticks) -> MachineUse {
        let grown = |now: u64, before: u64| now.saturating_sub(before);
        let total = grown(self.total, earlier.total);
        let (idle, stolen) = (grown(self.idle, earlier.idle), grown(self.stolen, earlier.stolen));
        let share = |ticks: u64| if total == 0 { 0.0 } else { ticks as f64 / total as f64 };
        MachineUse { busy: share(total.saturating_sub(idle + stolen)), stolen: share(stolen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_ticks() {
        let earlier = Ticks::parse("cpu  10 0 10 80 0 0 0 0 0 0\ncpu0 1 2\n").unwrap();
        let later = Ticks::parse("cpu  30 0 20 130 10 0 0 10 5 0\n").unwrap();
        assert_eq!(later.since(earlier), MachineUse { busy: 0.3, stolen: 0.1 });
        assert_eq!(later.since(later), MachineUse::default());
        assert_eq!(Ticks::parse("intr 5"), None);
    }
}
