//! A broker process of one test: how it is started, what it says, how it ends.
//!
//! Owns the process, its scratch directory and its log. Must never know MQTT.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use crate::figures::Figures;

/// From the start of the process until it is ready. Making the TLS keys is part of it.
const START_LIMIT: Duration = Duration::from_secs(20);
/// From a signal until the process has ended: the default of `stop_timeout_ms`, and as much again for a slow machine.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks at whether a child has ended; the standard library has no wait with a limit.
const PROBE_PAUSE: Duration = Duration::from_millis(5);

/// Receive buffers are taken into use one after the other: with few of them memory says more.
pub(crate) const FEW_BUFFERS: &str = "network.receive_buffers=32";

/// What drives the sockets of the broker, as `network.engine` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    IoUring,
    Epoll,
    /// The broker's choice.
    Auto,
}

/// Makes a test of each function, once for each engine.
macro_rules! on_both_engines {
    ($($(#[$mark:meta])* $name:ident,)*) => {
        mod io_uring {
            $($(#[$mark])* #[test] fn $name() { super::$name($crate::broker::Engine::IoUring); })*
        }
        mod epoll {
            $($(#[$mark])* #[test] fn $name() { super::$name($crate::broker::Engine::Epoll); })*
        }
    };
}
pub(crate) use on_both_engines;

/// A broker that is not started yet.
pub(crate) struct Plan {
    engine: Engine,
    shards: u16,
    arguments: Vec<String>,
    files_max: Option<u32>,
    /// How much memory the process may lock, in KiB, as this user.
    locked: Option<(u32, User)>,
    close_linger_ms: u32,
}

impl Plan {
    /// One shard, a tcp:// and a tls:// listener on any free port. At its end it hardly waits for clients that do not
    /// close, because those of a test seldom do.
    pub(crate) fn new(engine: Engine) -> Plan {
        Plan { engine, shards: 1, arguments: Vec::new(), files_max: None, locked: None, close_linger_ms: 100 }
    }

    /// How long a closing connection may take.
    pub(crate) fn close_linger_ms(mut self, close_linger_ms: u32) -> Plan {
        self.close_linger_ms = close_linger_ms;
        self
    }

    pub(crate) fn shards(mut self, shards: u16) -> Plan {
        self.shards = shards;
        self
    }

    /// One key of the configuration, as `KEY=VALUE`.
    pub(crate) fn set(mut self, key_value: &str) -> Plan {
        self.arguments.extend(["--set".to_owned(), key_value.to_owned()]);
        self
    }

    /// A flag with its value.
    pub(crate) fn flag(mut self, flag: &str, value: impl AsRef<Path>) -> Plan {
        self.arguments.extend([flag.to_owned(), value.as_ref().display().to_string()]);
        self
    }

    /// The process may open so many descriptors.
    pub(crate) fn files_max(mut self, files_max: u32) -> Plan {
        self.files_max = Some(files_max);
        self
    }

    /// The process may lock so much memory, for which it is run as an ordinary user: root is exempt.
    pub(crate) fn locked_kib_max(mut self, locked_kib_max: u32, user: User) -> Plan {
        self.locked = Some((locked_kib_max, user));
        self
    }

    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(self) -> Broker {
        let mut broker = self.spawn(&["tcp://127.0.0.1:0", "tls://127.0.0.1:0"]);
        let ready = broker.wait_for_line(" ready ", START_LIMIT);
        assert!(ready.is_some(), "not ready within {START_LIMIT:?}:\n{}", broker.log());
        broker.find_addresses();
        broker
    }

    /// Starts it on these addresses, whatever becomes of it.
    pub(crate) fn spawn(self, listen: &[&str]) -> Broker {
        let scratch = if self.locked.is_some() { Scratch::of_anybody() } else { Scratch::new() };
        let mut command = self.command(&scratch);
        for url in listen {
            command.args(["--listen", url]);
        }
        let engine = match self.engine {
            Engine::IoUring => "io_uring",
            Engine::Epoll => "epoll",
            Engine::Auto => "auto",
        };
        command.arg("--data-dir").arg(scratch.0.join("data"));
        command.args(["--shards", &self.shards.to_string(), "--set", &format!("network.engine={engine}")]);
        command.args(["--set", &format!("network.close_linger_ms={}", self.close_linger_ms)]);
        command.args(self.arguments);
        Broker::spawn(command, scratch)
    }

    /// What runs the binary, under the limits of this plan.
    fn command(&self, scratch: &Scratch) -> Command {
        let (limits, binary) = match (self.files_max, self.locked) {
            (None, None) => return Command::new(binary()),
            (Some(files_max), None) => (format!("ulimit -n {files_max}; exec"), binary()),
            (_, Some((kib, user))) => (format!("ulimit -l {kib}; exec {}", user.prefix()), copy(scratch)),
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{limits} \"$0\" \"$@\"")]).arg(binary);
        shell
    }
}

/// A user who has nothing and runs nothing; this one, where only root could become another.
#[derive(Clone, Copy)]
pub(crate) struct User(Option<u32>);

impl User {
    pub(crate) fn new() -> User {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = 1_000_000 + std::process::id() * 64 + COUNT.fetch_add(1, Ordering::Relaxed);
        User(rustix::process::geteuid().is_root().then_some(number))
    }

    fn prefix(self) -> String {
        let become_user = |id| format!("setpriv --reuid {id} --regid {id} --clear-groups --");
        self.0.map(become_user).unwrap_or_default()
    }
}

/// A copy of the binary that every user can read: the target directory may be closed to others.
fn copy(scratch: &Scratch) -> PathBuf {
    let path = scratch.0.join("ringmq");
    fs::copy(binary(), &path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// A running broker; killed when it is dropped before its end.
pub(crate) struct Broker {
    child: Child,
    log: Arc<Log>,
    tcp: Option<SocketAddr>,
    tls: Option<SocketAddr>,
    scratch: Scratch,
}

impl Broker {
    /// Starts a command that runs a broker, in a scratch directory of its own.
    pub(crate) fn spawn(mut command: Command, scratch: Scratch) -> Broker {
        command.current_dir(&scratch.0).env_remove("STATE_DIRECTORY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stderr = child.stderr.take().expect("it is piped");
        Broker { child, log: Log::read(stderr), tcp: None, tls: None, scratch }
    }

    /// Reads from the log of a broker that is ready where it serves.
    pub(crate) fn find_addresses(&mut self) {
        self.tcp = self.address("tcp");
        self.tls = self.address("tls");
    }

    /// Where it serves plain MQTT.
    pub(crate) fn tcp(&self) -> SocketAddr {
        self.tcp.expect("it is ready")
    }

    /// Where it serves MQTT over TLS.
    pub(crate) fn tls(&self) -> SocketAddr {
        self.tls.expect("it is ready")
    }

    /// The certificate of the authority that it made for itself.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.scratch.0.join("data/tls/ca.pem")
    }

    /// What the kernel tells of the process.
    pub(crate) fn figures(&self) -> Figures {
        Figures::of(self.child.id())
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// All that it has said.
    pub(crate) fn log(&self) -> String {
        self.log.lock().join("\n")
    }

    /// The first line with `part` in it, now or within `limit`; `None` as well if the log ends before.
    pub(crate) fn wait_for_line(&self, part: &str, limit: Duration) -> Option<String> {
        self.log.wait_for(part, limit)
    }

    /// Asks it to stop and returns how it ended and how long that took.
    pub(crate) fn stop(mut self, signal: Signal) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        kill_process(self.pid(), signal).expect("the broker runs");
        let status = self.wait(STOP_LIMIT);
        let status = status.unwrap_or_else(|| panic!("no exit within {STOP_LIMIT:?}:\n{}", self.log()));
        (status, asked.elapsed())
    }

    /// Asks it to stop and returns how it ended, in the very moment in which it has.
    pub(crate) fn stop_at_once(&mut self, signal: Signal) -> ExitStatus {
        kill_process(self.pid(), signal).expect("the broker runs");
        let until = Instant::now() + STOP_LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(Instant::now() < until, "no exit within {STOP_LIMIT:?}:\n{}", self.log());
            thread::yield_now();
        }
    }

    /// Stops it; it must end well.
    pub(crate) fn finish(self) {
        let log = self.log.clone();
        let (status, _) = self.stop(Signal::TERM);
        assert!(status.success(), "{status}:\n{}", log.lock().join("\n"));
    }

    /// How it ended, if it does within `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + limit;
        loop {
            match self.child.try_wait().expect("it is our child") {
                None if Instant::now() < until => thread::sleep(PROBE_PAUSE),
                status => return status,
            }
        }
    }

    fn address(&self, scheme: &str) -> Option<SocketAddr> {
        let begin = format!("listening url={scheme}://");
        let line = self.wait_for_line(&begin, Duration::ZERO)?;
        line.split_once(&begin)?.1.split(' ').next()?.parse().ok()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the broker said:\n{}", self.log());
        }
    }
}

/// The lines of the broker's standard error, read as they come.
#[derive(Default)]
struct Log {
    state: Mutex<(Vec<String>, bool)>,
    grown: Condvar,
}

impl Log {
    fn read(stderr: ChildStderr) -> Arc<Log> {
        let log = Arc::new(Log::default());
        let reader = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                reader.state.lock().expect("no holder panics").0.push(line);
                reader.grown.notify_all();
            }
            reader.state.lock().expect("no holder panics").1 = true;
            reader.grown.notify_all();
        });
        log
    }

    fn lock(&self) -> Lines<'_> {
        Lines(self.state.lock().expect("no holder panics"))
    }

    fn wait_for(&self, part: &str, limit: Duration) -> Option<String> {
        let state = self.state.lock().expect("no holder panics");
        let lacking = |(lines, ended): &mut (Vec<String>, bool)| !*ended && find(lines, part).is_none();
        let (state, _) = self.grown.wait_timeout_while(state, limit, lacking).expect("no holder panics");
        find(&state.0, part)
    }
}

fn find(lines: &[String], part: &str) -> Option<String> {
    lines.iter().find(|line| line.contains(part)).cloned()
}

struct Lines<'a>(MutexGuard<'a, (Vec<String>, bool)>);

impl std::ops::Deref for Lines<'_> {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0.0
    }
}

/// A directory of its own, removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("process-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Scratch(path)
    }

    /// One that every user can reach and write to.
    fn of_anybody() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("ringmq-process-{}-{number}", std::process::id()));
        let made = fs::create_dir(&path);
        let opened = made.and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o777)));
        opened.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `$RINGMQ_BIN`, or the `ringmq` that cargo built next to this test: target/PROFILE/deps/process-HASH.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = env::var_os("RINGMQ_BIN") {
        return path.into();
    }
    let test = env::current_exe().expect("a process knows its executable");
    let path = test.ancestors().nth(2).unwrap_or(&test).join("ringmq");
    assert!(path.exists(), "{} is missing: run `cargo build -p ringmq`, or set RINGMQ_BIN", path.display());
    path
}
