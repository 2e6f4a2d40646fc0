//! Which cores the process may use: its affinity mask, cut to what the cgroup's CPU quota pays for.

use std::thread;

/// Where the shards run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// The core of each shard; `None` leaves it to the scheduler.
    pub(crate) cpus: Vec<Option<usize>>,
}

/// Places `shards` shards, or one on each core if 0.
pub(crate) fn place(shards: u16) -> Placement {
    let allowed = core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect();
    // Respects the affinity mask and the quotas of cgroup v1 and v2.
    let quota = thread::available_parallelism().map_or(1, usize::from);
    choose(allowed, quota, shards)
}

fn choose(mut allowed: Vec<usize>, quota: usize, shards: u16) -> Placement {
    allowed.sort_unstable();
    let wanted = match shards {
        0 => quota.min(allowed.len()).clamp(1, 128),
        given => usize::from(given),
    };
    // With more shards than cores, or a quota below the number of cores, a fixed core would be a handicap.
    let may_pin = wanted <= allowed.len() && quota >= allowed.len();
    let cpus = (0..wanted).map(|shard| may_pin.then(|| allowed[shard])).collect();
    Placement { cpus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_follow_the_mask_and_the_quota() {
        for (allowed, quota, shards, expected) in [
            (vec![3, 1], 2, 0, vec![Some(1), Some(3)]),
            (vec![0, 1, 2, 3], 4, 2, vec![Some(0), Some(1)]),
            (vec![0, 1, 2, 3], 2, 0, vec![None, None]),
            (vec![0, 1], 2, 4, vec![None; 4]),
            (vec![], 1, 0, vec![None]),
        ] {
            assert_eq!(choose(allowed, quota, shards).cpus, expected);
        }
    }
}
