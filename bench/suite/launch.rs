//! A running broker: started in a folder of its own on a core of its own, waited for, stopped.
//!
//! Owns the process and the folder. Must never know what is measured. It ends only what it started, by process id.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::broker::{Broker, Values, fill};

/// How long a broker may take until it accepts, and until it has stopped.
const START_MAX: Duration = Duration::from_secs(20);
const STOP_MAX: Duration = Duration::from_secs(10);

/// Where brokers and load run, as taskset takes it.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    pub(crate) broker: String,
    pub(crate) load: String,
}

/// What all brokers of a run share.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The repository.
    pub(crate) root: PathBuf,
    /// For folders of brokers, certificates, reports on their way.
    pub(crate) work: PathBuf,
    pub(crate) cores: Cores,
    /// Of brokers whose files leave their number open.
    pub(crate) shards: u64,
}

/// A broker that accepts connections.
pub(crate) struct Running {
    child: Child,
    folder: PathBuf,
    /// Plain and TLS.
    pub(crate) ports: [u16; 2],
    /// The command that started it, and its program as the broker's file, or the command line, names it.
    pub(crate) command: Vec<String>,
    pub(crate) program: String,
}

impl Site {
    /// Starts a broker, with its own figures on `$SYS` every `sys_interval_s` seconds, 0 for never.
    ///
    /// # Errors
    /// What went wrong, with what the broker had to say.
    pub(crate) fn start(&self, broker: &Broker, sys_interval_s: u32) -> Result<Running, String> {
        let folder = self.work.join(&broker.name);
        let tell = |error: io::Error| format!("{}: {error}", folder.display());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(tell)?;
        let ports = [free_port()?, free_port()?];
        let values = self.values(broker, &folder, ports, sys_interval_s)?;
        for (name, text) in &broker.files {
            fs::write(folder.join(name), fill(text, &values)).map_err(tell)?;
        }
        let command: Vec<String> = broker.start.iter().map(|word| fill(word, &values)).collect();
        let log = File::create(folder.join("log")).map_err(tell)?;
        let child = pinned(&self.cores.broker, &command)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(tell)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("setpriv: {error}; scripts/setup.sh --bench installs what is needed"))?;
        let mut running = Running { child, folder, ports, command, program: broker.program.clone() };
        running.wait_until_ready(&ports[..broker.listeners()])?;
        Ok(running)
    }

    fn values(
        &self,
        broker: &Broker,
        folder: &Path,
        ports: [u16; 2],
        sys_interval_s: u32,
    ) -> Result<Values, String> {
        let program =
            broker.find_program(&self.root).ok_or_else(|| format!("{} is not installed", broker.program))?;
        let (cert, key) = self.certificate()?;
        let path = |path: &Path| path.display().to_string();
        Ok(Values::from([
            ("program", path(&program)),
            ("dir", path(folder)),
            ("port", ports[0].to_string()),
            ("tls_port", ports[1].to_string()),
            ("cert", path(&cert)),
            ("key", path(&key)),
            ("sys_interval_s", sys_interval_s.to_string()),
            ("shards", self.shards.to_string()),
        ]))
    }

    /// One certificate for all brokers: ECDSA on P-256, which is what costs least with all of them.
    fn certificate(&self) -> Result<(PathBuf, PathBuf), String> {
        let (cert, key) = (self.work.join("cert.pem"), self.work.join("key.pem"));
        if cert.exists() && key.exists() {
            return Ok((cert, key));
        }
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
        openssl.args(["-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
        openssl.arg("-keyout").arg(&key).arg("-out").arg(&cert).stderr(Stdio::null());
        let status = openssl.status().map_err(|error| format!("openssl: {error}"))?;
        if status.success() { Ok((cert, key)) } else { Err(format!("openssl: {status}")) }
    }
}

/// A command on these cores that ends with the suite, however that ends: the kernel kills it then (prctl(2),
/// PR_SET_PDEATHSIG). Both programs in front become the next one, so the process is that of the command.
pub(crate) fn pinned(cores: &str, words: &[String]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "--cpu-list", cores]).args(words);
    command
}

/// A load beside others, ended when nobody holds it any more.
pub(crate) struct Load(pub(crate) Child);

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on at this moment.
fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("no port: {error}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| format!("no port: {error}"))
}

impl Running {
    /// The process that was started and all that it started: what is to be watched.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let mut next = 0;
        while let Some(&pid) = pids.get(next) {
            pids.extend(children_of(pid));
            next += 1;
        }
        pids
    }

    fn wait_until_ready(&mut self, ports: &[u16]) -> Result<(), String> {
        let end = Instant::now() + START_MAX;
        while !ports.iter().all(|&port| accepts(port)) {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the broker ended with {status}: {}", self.last_words()));
            }
            if Instant::now() > end {
                return Err(format!("the broker does not accept connections: {}", self.last_words()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }
}

fn accepts(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

fn children_of(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Stops the broker: asks first, and ends it if that takes too long. Its folder goes with it.
impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status();
        let end = Instant::now() + STOP_MAX;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that a shell prints about itself, started as a load is.
    fn said(script: &str) -> String {
        let cores = crate::procfs::text_behind("/proc/self/status", "Cpus_allowed_list");
        let words = ["sh", "-c", script].map(str::to_owned);
        let output = pinned(&cores, &words).output().expect("setpriv can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    #[test]
    fn what_is_started_dies_with_who_started_it() {
        // setpriv tells the signal of the process that it is run in.
        assert!(said("exec setpriv --dump").contains("Parent death signal: KILL"));
    }

    #[test]
    fn a_load_that_nobody_holds_has_ended() {
        let mut command = Command::new("sleep");
        let load = Load(command.arg("600").spawn().expect("sleep can be started"));
        let place = PathBuf::from(format!("/proc/{}", load.0.id()));
        assert!(place.exists());
        drop(load);
        assert!(!place.exists());
    }
}
