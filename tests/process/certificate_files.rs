//! Files of certificates as operators have them: expired, cut, too weak, unreadable; and those that `ringmq cert` makes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use ringmq_protocol::{Reason, Version};

use crate::broker::{Broker, Engine, Plan, STOP_LIMIT, Scratch, binary};
use crate::certificates::{Authority, Identity, ONLY_TLS_1_2, Terms, write};
use crate::client::{Client, Received};

/// A line that must come does so within this time.
const SOON: Duration = Duration::from_secs(20);

/// Runs a command that must work.
fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn openssl(folder: &Path, arguments: &str) {
    run(Command::new("openssl").args(arguments.split(' ')).current_dir(folder));
}

/// What `check-config` says of a file with these lines in `[tls]`, one line each; none if it is content. Warnings do not fail it.
fn check(folder: &Path, tls: &[(&str, &Path)]) -> Vec<String> {
    let keys: String = tls.iter().map(|(key, file)| format!("{key} = \"{}\"\n", file.display())).collect();
    let auth =
        if tls.iter().any(|(key, _)| *key == "client_ca") { "client_auth = \"required\"\n" } else { "" };
    let text = format!("[[listener]]\nurl = \"tls://127.0.0.1:0\"\n[tls]\n{keys}{auth}");
    let output = Command::new(binary()).arg("check-config").arg(write(folder, "ringmq.toml", &text)).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8(output.stderr).expect("it writes text");
    assert_eq!(output.status.success(), said.lines().all(|line| line.starts_with("warning: ")), "{said}");
    said.lines().map(str::to_owned).collect()
}

fn pair(folder: &Path, identity: &Identity) -> (PathBuf, PathBuf) {
    (write(folder, "server.pem", &identity.certificate), write(folder, "server.key", &identity.key))
}

fn start(cert: &Path, key: &Path) -> Broker {
    let plan = Plan::new(Engine::Epoll).flag("--tls-cert", cert).flag("--tls-key", key);
    plan.spawn(&["tls://127.0.0.1:0"])
}

/// Publishes something as somebody who is not of this house.
fn mosquitto_pub(broker: &Broker, ca: &Path, own: Option<(&Path, &Path)>) -> Output {
    let mut client = Command::new("mosquitto_pub");
    client.args(["-h", "127.0.0.1", "-p", &broker.tls().port().to_string(), "-i", "sensor-7"]);
    client.args(["-t", "test", "-m", "hello", "-q", "1"]).arg("--cafile").arg(ca);
    if let Some((cert, key)) = own {
        client.arg("--cert").arg(cert).arg("--key").arg(key);
    }
    client.output().expect("mosquitto-clients is installed")
}

/// The check fails, so that nobody installs it; a broker that must start does, and warns.
#[test]
fn an_expired_certificate_fails_the_check_and_warns_at_start() {
    let scratch = Scratch::new();
    for (days, told) in
        [(-30..-1, "the certificate has expired on "), (30..60, "the certificate is not valid yet")]
    {
        let (cert, key) = pair(&scratch.0, &Authority::new("servers").server_for(days));
        let said = check(&scratch.0, &[("cert", &cert), ("key", &key)]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(&format!("{}: {told}", cert.display())), "{said:?}");
        let broker = start(&cert, &key);
        let line = broker.wait_for_line(told, SOON).unwrap_or_else(|| panic!("{}", broker.log()));
        assert!(line.contains("WARN"), "{line}");
        assert!(broker.wait_for_line(" ready ", SOON).is_some(), "{}", broker.log());
        broker.finish();
    }
}

#[test]
fn a_certificate_that_expires_soon_is_warned_of_by_the_check_and_at_start() {
    let scratch = Scratch::new();
    let (cert, key) = pair(&scratch.0, &Authority::new("servers").server_for(-1..12));
    let said = check(&scratch.0, &[("cert", &cert), ("key", &key)]);
    let told = format!("warning: {}: the certificate expires on ", cert.display());
    assert!(said.len() == 1 && said[0].starts_with(&told), "{said:?}");
    let broker = start(&cert, &key);
    let line = broker.wait_for_line("the certificate expires on ", SOON);
    assert!(line.is_some_and(|line| line.contains("WARN")), "{}", broker.log());
    broker.finish();
}

#[test]
fn every_fault_of_the_tls_section_is_told_at_once() {
    let scratch = Scratch::new();
    let (cert, _) = pair(&scratch.0, &Authority::new("servers").server());
    let key = write(&scratch.0, "cut.key", "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n");
    let missing = scratch.0.join("missing.pem");
    let said =
        check(&scratch.0, &[("cert", &missing), ("key", &key), ("client_ca", &cert.with_extension("no"))]);
    let expected = [
        format!("{}: cannot be read: No such file", missing.display()),
        format!("{}: is not a valid PEM file: a -----BEGIN line has no -----END line", key.display()),
        format!("{}: cannot be read: No such file", cert.with_extension("no").display()),
    ];
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (said, expected) in said.iter().zip(&expected) {
        assert!(said.starts_with(expected), "{said}");
    }
}

/// A read of it would never end.
#[test]
fn a_pipe_is_no_certificate() {
    let scratch = Scratch::new();
    let pipe = scratch.0.join("pipe.pem");
    run(Command::new("mkfifo").arg(&pipe));
    let said = check(&scratch.0, &[("cert", &pipe), ("key", &pipe)]);
    assert_eq!(said, [format!("{}: is a pipe, but must be a file", pipe.display())]);
    let mut broker = start(&pipe, &pipe);
    assert_eq!(broker.wait(STOP_LIMIT).and_then(|status| status.code()), Some(1), "{}", broker.log());
}

#[test]
fn a_key_that_is_too_short_is_explained() {
    let scratch = Scratch::new();
    openssl(
        &scratch.0,
        "req -x509 -newkey rsa:1024 -nodes -keyout short.key -out short.pem -days 30 -subj /CN=localhost",
    );
    let (cert, key) = (scratch.0.join("short.pem"), scratch.0.join("short.key"));
    let said = check(&scratch.0, &[("cert", &cert), ("key", &key)]);
    let expected = format!(
        "{}: the private key is not usable: the certificate's is RSA with 1024 bits, allowed are ECDSA (P-256, P-384, \
         P-521), Ed25519, and RSA with 2048 to 8192 bits",
        key.display()
    );
    assert_eq!(said, [expected]);
}

/// The recipe of many tutorials, with which openssl makes a certificate of version 1.
#[test]
fn a_certificate_of_version_1_is_explained() {
    let scratch = Scratch::new();
    openssl(
        &scratch.0,
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=authority",
    );
    openssl(&scratch.0, "req -newkey rsa:2048 -nodes -keyout old.key -out old.csr -subj /CN=device-1");
    openssl(
        &scratch.0,
        "x509 -req -in old.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out old.pem -days 30",
    );
    let (cert, key) = (scratch.0.join("old.pem"), scratch.0.join("old.key"));
    let told = "X.509 version 1, and only version 3 is accepted: sign it again with an extension, such as openssl x509 -req";
    let said = check(&scratch.0, &[("cert", &cert), ("key", &key)]);
    assert!(said.len() == 1 && said[0].contains(told), "{said:?}");

    let broker = Plan::new(Engine::Epoll).flag("--tls-client-ca", scratch.0.join("ca.pem")).start();
    // rustls would not show such a certificate.
    let shown = mosquitto_pub(&broker, &broker.ca_file(), Some((&cert, &key)));
    assert!(!shown.status.success(), "it is refused");
    let line = broker.wait_for_line("TLS failed: the client's certificate is", SOON);
    assert!(line.is_some_and(|line| line.contains("WARN") && line.contains(told)), "{}", broker.log());
    broker.finish();
}

/// Nothing is wrong with the authority then: clients trust it, so nobody should be led to remove it.
#[test]
fn a_missing_permission_is_no_reason_to_remove_the_authority() {
    let scratch = Scratch::new();
    let data = scratch.0.join("data");
    let arguments = ["--listen", "tls://127.0.0.1:0", "--data-dir"];
    let mut first = Command::new(binary());
    first.args(arguments).arg(&data);
    let first = Broker::spawn(first, Scratch::new());
    assert!(first.wait_for_line(" ready ", SOON).is_some(), "{}", first.log());
    first.finish();
    for (name, mode) in [("server.key", 0o600), ("server.pem", 0o644), ("", 0o755)] {
        let file = data.join("tls").join(name);
        fs::set_permissions(&file, Permissions::from_mode(0o0)).expect("it is ours");
        // Root may read everything unless it gives that up.
        let mut ordinary = Command::new("setpriv");
        ordinary.args(["--bounding-set", "-dac_override,-dac_read_search"]);
        if rustix::process::geteuid().is_root() {
            ordinary.arg(binary());
        } else {
            ordinary = Command::new(binary());
        }
        ordinary.args(arguments).arg(&data);
        let mut broker = Broker::spawn(ordinary, Scratch::new());
        let status = broker.wait(STOP_LIMIT).and_then(|status| status.code());
        let told = broker.wait_for_line("Permission denied", SOON).unwrap_or_default();
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("it is ours");
        assert_eq!(status, Some(1), "{}", broker.log());
        assert!(told.contains("this process is user ") && told.contains("chown"), "{told}");
        assert!(!told.contains("remove"), "{told}");
    }
}

/// From nothing to mutual TLS with three commands, as the manual has it.
#[test]
fn mutual_tls_works_with_the_brokers_own_authority() {
    let scratch = Scratch::new();
    let data = scratch.0.join("data");
    let cert = |name: &str| {
        let mut command = Command::new(binary());
        command.args(["cert", "client", name, "--data-dir"]).arg(&data).arg("--out").arg(&scratch.0);
        command.output().expect("the binary runs")
    };
    let made = cert("sensor-7");
    let told = String::from_utf8(made.stdout).expect("it writes text");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (file, key) = (scratch.0.join("sensor-7.pem"), scratch.0.join("sensor-7.key"));
    for part in ["--tls-client-ca", "mosquitto_pub", &file.display().to_string(), &key.display().to_string()]
    {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let mode = |file: &Path| fs::metadata(file).expect("it was made").permissions().mode() & 0o777;
    assert_eq!((mode(&key), mode(&file) & 0o022), (0o600, 0));
    let again = cert("sensor-7");
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(!again.status.success() && complaint.contains("is there already"), "{complaint}");

    let ca = data.join("tls/ca.pem");
    let mut command = Command::new(binary());
    command.args([
        "--listen",
        "tls://127.0.0.1:0",
        "--set",
        "tls.names=broker.example",
        "--set",
        "log.level=debug",
    ]);
    command.arg("--tls-client-ca").arg(&ca).arg("--data-dir").arg(&data);
    let mut broker = Broker::spawn(command, Scratch::new());
    assert!(broker.wait_for_line(" ready ", SOON).is_some(), "{}", broker.log());
    broker.find_addresses();
    let published = mosquitto_pub(&broker, &ca, Some((&file, &key)));
    assert!(published.status.success(), "{}", String::from_utf8_lossy(&published.stderr));
    let line = broker.wait_for_line("client connected", SOON).unwrap_or_else(|| panic!("{}", broker.log()));
    assert!(line.contains("subject=\"sensor-7\""), "{line}");
    assert!(!mosquitto_pub(&broker, &ca, None).status.success(), "without a certificate nobody is served");
    let line = broker.wait_for_line("the client showed no certificate", SOON);
    assert!(line.is_some_and(|line| line.contains("WARN")), "{}", broker.log());
    // By a name that only tls.names gives.
    let text = |file: &Path| fs::read_to_string(file).expect("it was made");
    let identity = Some(Identity { certificate: text(&file), key: text(&key) });
    let trusted = Terms::trusted(&ca);
    let config = Terms { trusted, identity, versions: ONLY_TLS_1_2, alpn: None }.config();
    let stream =
        crate::certificates::shake_hands_as(&broker, &config, "broker.example").expect("it has the name");
    let mut client = Client::new(stream, Version::V5);
    assert_eq!(client.try_connect("by-name"), Received::Connack(Reason::Success));
    broker.finish();
}
