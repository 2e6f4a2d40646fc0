//! Locked memory: how much of it a network takes, and how much its user may have.
//!
//! Owns the sums. Must never know what a network is for. Kernels before 6.14 count less than this, or nothing.

use crate::options::{Engine, Options};

/// The kernel's own words at the start of a ring's memory; its `struct io_rings`, rounded up.
const HEADER_BYTES: u64 = 512;
const SUBMISSION_BYTES: u64 = 64;
const COMPLETION_BYTES: u64 = 16;
/// The place of a submission in the order of submissions.
const PLACE_BYTES: u64 = 4;
const BUFFER_ENTRY_BYTES: u64 = 16;

/// Bytes of locked memory that a network with these options takes: its queues and its list of receive buffers. The
/// buffers themselves are not locked. 0 with epoll.
pub fn locked_bytes(options: &Options) -> u64 {
    if options.engine == Engine::Epoll {
        return 0;
    }
    let options = options.in_range();
    let submissions = u64::from(options.sq_entries);
    let completions = u64::from(options.cq_entries.max(options.sq_entries));
    let queues = HEADER_BYTES + completions * COMPLETION_BYTES + submissions * PLACE_BYTES;
    let parts = [submissions * SUBMISSION_BYTES, queues, u64::from(options.buffers) * BUFFER_ENTRY_BYTES];
    parts.map(|bytes| bytes.next_multiple_of(page_bytes())).iter().sum()
}

/// Bytes that all processes of this user may lock together (RLIMIT_MEMLOCK); [`u64::MAX`] without a limit.
pub fn locked_bytes_max() -> u64 {
    if may_lock_all() {
        return u64::MAX;
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is written to the place given.
    unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    limit.rlim_cur
}

/// Whether the process is exempt from the limit, as root is: by CAP_IPC_LOCK.
fn may_lock_all() -> bool {
    const CAP_IPC_LOCK: u32 = 14;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    effective.is_some_and(|bits| bits >> CAP_IPC_LOCK & 1 == 1)
}

fn page_bytes() -> u64 {
    // SAFETY: sysconf takes no pointers.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;

    /// The limit of the child, in bytes.
    const LIMIT: u64 = 1 << 20;
    /// More networks than fit into it. Where all of them are opened, the kernel does not count.
    const TRIES: u64 = 64;

    fn options() -> Options {
        Options { sq_entries: 256, cq_entries: 1024, buffers: 64, buffer_bytes: 64, ..Options::default() }
    }

    /// Takes the limit upon itself, as a user who has locked nothing yet.
    fn become_an_ordinary_user() {
        let limit = libc::rlimit { rlim_cur: LIMIT, rlim_max: LIMIT };
        let user = 600_000 + std::process::id();
        // SAFETY: the limit lives through the call; setuid takes no pointers. The child has one test and ends with it.
        unsafe {
            assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit), 0);
            if libc::geteuid() == 0 {
                assert_eq!(libc::setuid(user), 0);
            }
        }
    }

    #[test]
    fn the_sum_is_what_the_kernel_counts() {
        if std::env::var_os("RINGMQ_ORDINARY_USER").is_none() {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", "locked::tests::the_sum_is_what_the_kernel_counts"]);
            assert!(child.env("RINGMQ_ORDINARY_USER", "1").status().unwrap().success());
            return;
        }
        become_an_ordinary_user();
        assert_eq!(locked_bytes_max(), LIMIT);
        let each = locked_bytes(&options());
        let mut networks = Vec::new();
        let refused = (0..TRIES).find_map(|_| match Network::open(&options()) {
            Ok(network) => {
                networks.push(network);
                None
            }
            Err(error) => Some(error),
        });
        let Some(refused) = refused else { return };
        assert!(refused.is_short_of_locked_memory(), "{refused}");
        assert_eq!(networks.len() as u64, LIMIT / each, "each takes {each} bytes");
    }

    #[test]
    fn epoll_locks_nothing() {
        assert_eq!(locked_bytes(&Options { engine: Engine::Epoll, ..Options::default() }), 0);
    }
}
