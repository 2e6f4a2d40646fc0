//! What the kernel refuses, why it probably does, and what to do about it.
//!
//! Owns the requirements of the io_uring engine and the words for an operator. Asks for flags and operations, never for
//! kernel versions. Must never know sockets.

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::OnceLock;

use io_uring::{IoUring, Probe, opcode, types};

use crate::locked::{locked_bytes, locked_bytes_max};
use crate::options::Options;
use crate::wake::eventfd;

/// Why a network could not be opened. `Display` names the call, the likely cause and the remedy, for an operator.
#[derive(Debug)]
pub struct OpenError {
    /// The system call, or the feature, that failed.
    pub call: &'static str,
    /// What the kernel said.
    pub error: io::Error,
    /// The likely cause, as a sentence without a full stop.
    pub cause: String,
    /// What to do about it, likewise.
    pub remedy: &'static str,
    short_of_locked_memory: bool,
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OpenError { call, error, cause, remedy, .. } = self;
        write!(out, "{call} failed: {error}. Likely cause: {cause}. Remedy: {remedy}.")
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

const USE_EPOLL: &str = "choose the epoll engine";
const REMEDY_SYSCTL: &str = "run `sysctl kernel.io_uring_disabled=0`, or choose the epoll engine";
const REMEDY_SECCOMP: &str = "allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile of the \
     container or service, or choose the epoll engine";
const REMEDY_MEMLOCK: &str = "raise the limit of locked memory (LimitMEMLOCK= of the service, --ulimit memlock= of the \
     container, or /etc/security/limits.conf), run fewer shards, or choose the epoll engine";
const REMEDY_KERNEL: &str =
    "run a newer kernel (6.1 is known to have everything), or choose the epoll engine";
const REMEDY_DIRECT: &str = "none is needed, as each connection then takes a descriptor of the process; kernel 6.13 is known \
     to have it";
const REMEDY_FILES: &str = "raise the limit of open files (LimitNOFILE= of the service, `ulimit -n`)";

impl OpenError {
    /// Explains a failed call.
    pub(crate) fn new(call: &'static str, error: io::Error) -> OpenError {
        let surroundings = Surroundings::read();
        let (cause, remedy) = explain(call, error.raw_os_error().unwrap_or(0), &surroundings);
        let short_of_locked_memory = remedy == REMEDY_MEMLOCK;
        OpenError { call, error, cause, remedy, short_of_locked_memory }
    }

    /// Whether the user has no locked memory left. A ring that was closed gives its own back a little later.
    pub fn is_short_of_locked_memory(&self) -> bool {
        self.short_of_locked_memory
    }

    /// The same error with what `count` networks with these options need, if locked memory is what lacks.
    #[must_use]
    pub fn of_networks(mut self, count: u64, options: &Options) -> OpenError {
        if self.short_of_locked_memory {
            let (needed, limit) = (kib(count * locked_bytes(options)), kib(locked_bytes_max()));
            let rings = if count == 1 { "one ring needs" } else { &format!("{count} rings need") };
            self.cause = format!(
                "{rings} {needed} KiB of locked memory, and RLIMIT_MEMLOCK allows all processes of this user {limit} \
                 KiB together"
            );
        }
        self
    }
}

fn kib(bytes: u64) -> u64 {
    bytes / 1024
}

/// What decides between several causes of the same errno.
#[derive(Clone, Copy, Default, Debug)]
struct Surroundings {
    /// `kernel.io_uring_disabled`: 0 allowed, 1 for a privileged group only, 2 for nobody.
    io_uring_disabled: u32,
    seccomp: bool,
    /// How much the user may lock; [`u64::MAX`] without a limit.
    locked_bytes_max: u64,
}

impl Surroundings {
    fn read() -> Surroundings {
        let number = |path| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Surroundings {
            io_uring_disabled: number("/proc/sys/kernel/io_uring_disabled").unwrap_or(0),
            seccomp: status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "2"])),
            locked_bytes_max: locked_bytes_max(),
        }
    }
}

fn explain(call: &str, errno: i32, surroundings: &Surroundings) -> (String, &'static str) {
    let uring = call.starts_with("io_uring");
    match errno {
        libc::EPERM if surroundings.io_uring_disabled > 0 => {
            let value = surroundings.io_uring_disabled;
            (format!("the host forbids io_uring (kernel.io_uring_disabled is {value})"), REMEDY_SYSCTL)
        }
        libc::EPERM | libc::EACCES if uring => {
            ("a seccomp profile or security module forbids io_uring".into(), REMEDY_SECCOMP)
        }
        libc::ENOSYS if surroundings.seccomp => {
            ("a seccomp profile hides io_uring, or the kernel was built without it".into(), REMEDY_SECCOMP)
        }
        libc::ENOSYS => ("the kernel was built without io_uring, or is too old".into(), REMEDY_KERNEL),
        libc::ENOMEM if uring && surroundings.locked_bytes_max != u64::MAX => {
            let kib = kib(surroundings.locked_bytes_max);
            (
                format!("the limit of locked memory (RLIMIT_MEMLOCK, now {kib} KiB) is used up by rings"),
                REMEDY_MEMLOCK,
            )
        }
        libc::ENOMEM => ("the machine or the container is out of memory".into(), "give it more memory"),
        libc::EMFILE | libc::ENFILE => ("no file descriptors are left".into(), REMEDY_FILES),
        libc::EOPNOTSUPP if call == DIRECT => ("the kernel is too old".into(), REMEDY_DIRECT),
        libc::EINVAL | libc::EOPNOTSUPP if uring => ("the kernel is too old".into(), REMEDY_KERNEL),
        _ => ("unknown".into(), USE_EPOLL),
    }
}

/// Checks that a ring has what the engine is built on. Multishot receive needs no check of its own: it came before
/// DEFER_TASKRUN, which the set-up has accepted by now.
pub(crate) fn check_ring(ring: &IoUring) -> Result<(), OpenError> {
    let params = ring.params();
    for (present, call) in [
        (params.is_feature_nodrop(), "io_uring feature NODROP"),
        (params.is_feature_submit_stable(), "io_uring feature SUBMIT_STABLE"),
        (params.is_feature_fast_poll(), "io_uring feature FAST_POLL"),
        (params.is_feature_skip_cqe_on_success(), "io_uring feature CQE_SKIP"),
    ] {
        require(present, call)?;
    }
    let mut probe = Probe::new();
    let probed = ring.submitter().register_probe(&mut probe);
    probed.map_err(|error| OpenError::new("io_uring_register (probe)", error))?;
    for (code, call) in [
        (opcode::AcceptMulti::CODE, "io_uring operation ACCEPT"),
        (opcode::RecvMulti::CODE, "io_uring operation RECV"),
        (opcode::Send::CODE, "io_uring operation SEND"),
        (opcode::SendMsg::CODE, "io_uring operation SENDMSG"),
        (opcode::PollAdd::CODE, "io_uring operation POLL_ADD"),
        (opcode::AsyncCancel::CODE, "io_uring operation ASYNC_CANCEL"),
        (opcode::Timeout::CODE, "io_uring operation TIMEOUT"),
        (opcode::TimeoutUpdate::CODE, "io_uring operation TIMEOUT_REMOVE"),
    ] {
        require(probe.is_supported(code), call)?;
    }
    Ok(())
}

fn require(present: bool, call: &'static str) -> Result<(), OpenError> {
    if present { Ok(()) } else { Err(OpenError::new(call, io::Error::from_raw_os_error(libc::EOPNOTSUPP))) }
}

const DIRECT: &str = "io_uring direct descriptors";

/// How many sockets each network opened with these options can hold in its ring's own table of files.
///
/// # Errors
/// Why there is no such table: each socket then takes a descriptor of the process.
pub fn direct_descriptors(options: &Options) -> Result<u32, OpenError> {
    direct_files().map_err(|errno| OpenError::new(DIRECT, io::Error::from_raw_os_error(errno)))?;
    Ok(direct_max(options))
}

/// Places in a ring's table of files: what is asked for, within the limit of open files, which holds for each table by
/// itself as it does for the process.
pub(crate) fn direct_max(options: &Options) -> u32 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is written to the place given.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let files = u32::try_from(limit.rlim_cur).unwrap_or(u32::MAX);
    options.direct_max.min(options.sockets_max).min(files)
}

/// Whether sockets can live in a ring's own table of files, or the errno that says why not. Tried once in the life of the
/// process.
pub(crate) fn direct_files() -> Result<(), i32> {
    static TRIED: OnceLock<Result<(), i32>> = OnceLock::new();
    let errno = |error: io::Error| error.raw_os_error().unwrap_or(libc::EIO);
    *TRIED.get_or_init(|| match frees_files_at_once() {
        Ok(true) => Ok(()),
        Ok(false) => Err(libc::EOPNOTSUPP),
        Err(error) => Err(errno(error)),
    })
}

/// Whether a file that leaves the table is closed though an operation on another one, which began earlier, goes on. Where
/// the kernel frees places in order, one idle connection would keep all that are closed after it.
fn frees_files_at_once() -> io::Result<bool> {
    let mut ring = IoUring::new(2)?;
    let mut probe = Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    if !probe.is_supported(opcode::FixedFdInstall::CODE) {
        return Ok(false);
    }
    let idle = eventfd(0)?;
    let (reader, writer) = io::pipe()?;
    ring.submitter().register_files_sparse(2)?;
    ring.submitter().register_files_update(0, &[idle.as_raw_fd()])?;
    let wait = opcode::PollAdd::new(types::Fixed(0), libc::POLLIN as u32).build();
    // SAFETY: the entry points to nothing, and the queue is empty.
    unsafe { ring.submission().push(&wait) }.map_err(|_| io::ErrorKind::WouldBlock)?;
    ring.submit()?;
    ring.submitter().register_files_update(1, &[writer.as_raw_fd()])?;
    drop(writer);
    ring.submitter().register_files_update(1, &[-1])?;
    let mut end = libc::pollfd { fd: reader.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: the argument is one pollfd that lives through the call.
    crate::listener::checked(unsafe { libc::poll(&raw mut end, 1, 0) })?;
    Ok(end.revents & libc::POLLHUP != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(call: &str, errno: i32, surroundings: Surroundings) -> &'static str {
        explain(call, errno, &surroundings).1
    }

    #[test]
    fn each_refusal_names_its_own_remedy() {
        let plain = Surroundings::default();
        let disabled = Surroundings { io_uring_disabled: 2, ..plain };
        let confined = Surroundings { seccomp: true, ..plain };
        let unlimited = Surroundings { locked_bytes_max: u64::MAX, ..plain };
        assert_eq!(remedy("io_uring_setup", libc::EPERM, disabled), REMEDY_SYSCTL);
        assert_eq!(remedy("io_uring_setup", libc::EPERM, plain), REMEDY_SECCOMP);
        assert_eq!(remedy("io_uring_setup", libc::ENOSYS, confined), REMEDY_SECCOMP);
        assert_eq!(remedy("io_uring_setup", libc::ENOSYS, plain), REMEDY_KERNEL);
        assert_eq!(remedy("io_uring_setup", libc::EINVAL, plain), REMEDY_KERNEL);
        assert_eq!(remedy("io_uring_setup", libc::ENOMEM, plain), REMEDY_MEMLOCK);
        assert_eq!(remedy("io_uring_setup", libc::ENOMEM, unlimited), "give it more memory");
        assert_eq!(remedy("epoll_create1", libc::EMFILE, plain), REMEDY_FILES);
        assert_eq!(remedy(DIRECT, libc::EOPNOTSUPP, plain), REMEDY_DIRECT);
    }

    fn short_of_locked_memory() -> OpenError {
        let surroundings = Surroundings { locked_bytes_max: 64 << 10, ..Surroundings::default() };
        let (cause, remedy) = explain("io_uring_setup", libc::ENOMEM, &surroundings);
        let error = io::Error::from_raw_os_error(libc::ENOMEM);
        OpenError { call: "io_uring_setup", error, cause, remedy, short_of_locked_memory: true }
    }

    #[test]
    fn the_message_is_for_an_operator() {
        let text = short_of_locked_memory().to_string();
        assert!(text.starts_with("io_uring_setup failed: "), "{text}");
        assert!(text.contains("RLIMIT_MEMLOCK, now 64 KiB") && text.contains("LimitMEMLOCK="), "{text}");
    }

    #[test]
    fn the_message_says_how_much_all_rings_need() {
        let options = Options::default();
        let text = short_of_locked_memory().of_networks(18, &options).to_string();
        let needed = format!("18 rings need {} KiB of locked memory", 18 * locked_bytes(&options) / 1024);
        assert!(text.contains(&needed), "{text}");
    }
}
