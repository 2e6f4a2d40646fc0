//! A broker process of one test: its ports, its data directory, its start and its end.
//!
//! Must never know which client is tested.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::process::{self, Failure};

/// From the start of the process until both ports answer. Making the TLS keys is part of it.
const START_LIMIT: Duration = Duration::from_secs(10);
/// From SIGTERM until the process has ended.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Between two looks at a port that does not answer yet; there is nothing to wait on that would tell.
const PROBE_PAUSE: Duration = Duration::from_millis(10);

/// A running broker. Ends by [`Broker::finish`]; dropped earlier, it is killed.
pub(crate) struct Broker {
    child: Child,
    scratch: PathBuf,
    tcp: ReservedPort,
    tls: ReservedPort,
}

impl Broker {
    /// Starts a broker with an empty data directory on two free ports and waits until both answer.
    pub(crate) async fn start(name: &str) -> Result<Broker, Failure> {
        let binary = binary()?;
        let scratch =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sockets-{name}-{}", std::process::id()));
        fs::create_dir_all(scratch.join("data")).map_err(|error| unusable(&scratch, &error))?;
        let (tcp, tls) = (ReservedPort::new()?, ReservedPort::new()?);
        let mut command = Command::new(&binary);
        command.arg("--listen").arg(format!("tcp://127.0.0.1:{}", tcp.number));
        command.arg("--listen").arg(format!("tls://127.0.0.1:{}", tls.number));
        command.arg("--data-dir").arg(scratch.join("data"));
        let child = process::spawn(command, &scratch.join("broker.log"))
            .map_err(|error| unusable(&binary, &error))?;
        let mut broker = Broker { child, scratch, tcp, tls };
        let late = || Failure::new(format!("no answer within {} s", START_LIMIT.as_secs()));
        let started = timeout(START_LIMIT, broker.answering()).await.unwrap_or_else(|_| Err(late()));
        match started {
            Ok(()) => Ok(broker),
            Err(failure) => Err(broker.with_log(failure)),
        }
    }

    /// The port of plain MQTT.
    pub(crate) fn tcp_port(&self) -> u16 {
        self.tcp.number
    }

    /// The port of MQTT over TLS.
    pub(crate) fn tls_port(&self) -> u16 {
        self.tls.number
    }

    /// The certificate of the CA that signed the broker's own.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.scratch.join("data/tls/ca.pem")
    }

    /// A path for a log next to the broker's own.
    pub(crate) fn log_path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Stops the broker by SIGTERM and returns `ran`, or what was wrong with the end. The scratch directory stays
    /// behind only after a failure.
    pub(crate) async fn finish(mut self, ran: Result<(), Failure>) -> Result<(), Failure> {
        let stopped = self.stop().await;
        match ran.and(stopped) {
            Ok(()) => fs::remove_dir_all(&self.scratch).map_err(|error| unusable(&self.scratch, &error)),
            Err(failure) => Err(self.with_log(failure)),
        }
    }

    async fn stop(&mut self) -> Result<(), Failure> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(Failure::new(format!("the broker ended by itself: {status}")));
        }
        process::signal_group(&self.child, "TERM").await?;
        let status = process::wait(&mut self.child, STOP_LIMIT)
            .await
            .map_err(|_| Failure::new(format!("no exit within {} s of SIGTERM", STOP_LIMIT.as_secs())))?;
        if status.success() { Ok(()) } else { Err(Failure::new(format!("after SIGTERM: {status}"))) }
    }

    /// Resolves once both ports answer.
    async fn answering(&mut self) -> Result<(), Failure> {
        for port in [self.tcp.number, self.tls.number] {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Err(Failure::new(format!("the broker ended during its start: {status}")));
                }
                sleep(PROBE_PAUSE).await;
            }
        }
        if self.ca_file().exists() { Ok(()) } else { Err(Failure::new("no data-dir/tls/ca.pem")) }
    }

    fn with_log(&self, failure: Failure) -> Failure {
        failure.with_log("broker", &self.log_path("broker.log"))
    }
}

/// A free port that stays free until the broker takes it. The socket is bound but never listens, so it gets no
/// connection; both reuse options let the broker bind next to it, while the kernel gives the port to nobody else.
/// Without it, two suites side by side could share a port, which `SO_REUSEPORT` listeners would not even notice.
struct ReservedPort {
    number: u16,
    _socket: TcpSocket,
}

impl ReservedPort {
    fn new() -> Result<ReservedPort, Failure> {
        let reserve = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.set_reuseport(true)?;
            socket.bind(([127, 0, 0, 1], 0).into())?;
            Ok(ReservedPort { number: socket.local_addr()?.port(), _socket: socket })
        };
        reserve().map_err(|error: io::Error| Failure::new(format!("no free port: {error}")))
    }
}

/// `$RINGMQ_BIN`, or the `ringmq` that cargo built next to this test: target/PROFILE/deps/sockets-HASH.
fn binary() -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os("RINGMQ_BIN") {
        return Ok(path.into());
    }
    let test = env::current_exe().map_err(|error| Failure::new(format!("no path to this test: {error}")))?;
    let profile_dir = test.parent().and_then(Path::parent).unwrap_or(&test);
    let path = profile_dir.join("ringmq");
    if path.exists() {
        return Ok(path);
    }
    Err(Failure::new(format!("{} is missing: build ringmq first, or set RINGMQ_BIN", path.display())))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}
