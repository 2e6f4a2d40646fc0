//! What a test leaves behind for its length: a directory, and a broker process.
//!
//! Owns both and removes them. Must never know a load.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rustix::process::{Pid, Signal, kill_process};

/// From the start of a broker until it listens. Making its TLS keys is part of it.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Between two looks.
pub(crate) const LOOK: Duration = Duration::from_millis(5);

/// A directory of its own, removed at the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("loadgen-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Scratch(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A program of this repository: what `variable` names, or what cargo built next to this test.
pub(crate) fn program(name: &str, variable: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return path.into();
    }
    let test = env::current_exe().expect("a process knows its executable");
    let path = test.ancestors().nth(2).unwrap_or(&test).join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace --bins`, or set {variable}",
        path.display()
    );
    path
}

/// The command that starts a broker on a port; `{port}` may stand for it.
pub(crate) fn broker_command(port: &str, data: &Path) -> Vec<String> {
    let program = program("ringmq", "RINGMQ_BIN").display().to_string();
    let (listen, data) = (format!("tcp://127.0.0.1:{port}"), data.display().to_string());
    [program, "--shards".into(), "1".into(), "--listen".into(), listen, "--data-dir".into(), data].into()
}

/// A running broker; ends with this value.
pub(crate) struct Broker {
    child: Child,
    pub(crate) address: SocketAddr,
    scratch: Scratch,
}

impl Broker {
    /// Starts one and waits until it listens.
    pub(crate) fn start() -> Broker {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a port is free");
        let scratch = Scratch::new();
        let child = spawn_broker(address, &scratch);
        let broker = Broker { child, address, scratch };
        broker.await_listening();
        broker
    }

    /// Ends it without warning.
    pub(crate) fn kill(&mut self) {
        signal(self.child.id(), Signal::KILL);
        self.child.wait().expect("it is our child");
    }

    /// Starts it again after that, at the same address and with the same data, and waits until it listens.
    pub(crate) fn restart(&mut self) {
        self.child = spawn_broker(self.address, &self.scratch);
        self.await_listening();
    }

    fn await_listening(&self) {
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "the broker does not listen");
            thread::sleep(LOOK);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

fn spawn_broker(address: SocketAddr, scratch: &Scratch) -> Child {
    let words = broker_command(&address.port().to_string(), &scratch.file("data"));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the broker starts")
}

impl Drop for Broker {
    fn drop(&mut self) {
        signal(self.child.id(), Signal::CONT);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that is ours.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process has a number");
    let _ = kill_process(pid, signal);
}
