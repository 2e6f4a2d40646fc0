//! What the log says at each level: who connected, every packet, and who was turned away and why.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use ringmq_protocol::{Connect, Packet, Properties, Qos, Version};

use crate::broker::{Broker, Engine, Plan, STOP_LIMIT, Scratch, binary, on_both_engines};
use crate::certificates::{Authority, Terms, shake_hands};
use crate::client::Client;
use crate::sockets;

/// A line that must come does so within this time.
const SOON: Duration = Duration::from_secs(20);

on_both_engines! {
    debug_tells_both_ends_of_a_connection,
    trace_tells_every_packet_once,
    info_is_quiet_about_clients,
    strangers_are_explained_at_the_default_level,
    ignored_credentials_are_told_once,
}

#[track_caller]
fn line(broker: &Broker, part: &str) -> String {
    broker.wait_for_line(part, SOON).unwrap_or_else(|| panic!("no {part:?} in\n{}", broker.log()))
}

#[track_caller]
fn holds(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "no {part:?} in {line}");
    }
}

fn debug_tells_both_ends_of_a_connection(engine: Engine) {
    let broker = Plan::new(engine).shards(3).set("log.level=debug").start();
    let client = Client::connect(&broker, "thermometer");
    let peer = client.stream.local_addr().expect("it is connected");
    client.disconnect();
    let begin = line(&broker, "client connected");
    let listener = format!("listener=\"tcp://{}\"", "127.0.0.1:0");
    holds(&begin, &["DEBUG", "client_id=\"thermometer\"", "version=\"5.0\"", "keep_alive_s=0", &listener]);
    holds(&begin, &["session_present=false", "clean_start=true", &format!("peer={peer}")]);
    let end = line(&broker, "connection ended");
    holds(&end, &["DEBUG", "client_id=\"thermometer\"", "cause=\"client_disconnect\"", &listener]);
    assert!(!broker.log().contains(" TRACE "), "{}", broker.log());
    broker.finish();
}

fn trace_tells_every_packet_once(engine: Engine) {
    let broker = Plan::new(engine).shards(3).set("log.level=trace").start();
    let mut client = Client::connect(&broker, "hygrometer");
    client.subscribe("attic/#", Qos::AtMostOnce);
    // Large enough to be sent by reference.
    client.send(&crate::client::publish_packet("attic/air", &[b'x'; 20_000], None));
    client.next();
    client.ping();
    client.disconnect();
    line(&broker, "connection ended");
    let log = broker.log();
    let packets: Vec<&str> =
        log.lines().filter(|line| line.contains("client_id=\"hygrometer\" packet=")).collect();
    for (direction, parts) in [
        ("received", "packet=\"CONNECT\""),
        ("sent", "packet=\"CONNACK\" reason=\"Success\""),
        ("received", "packet=\"SUBSCRIBE\" packet_id=1 topic=\"attic/#\""),
        ("sent", "packet=\"SUBACK\" packet_id=1"),
        ("received", "packet=\"PUBLISH\" topic=\"attic/air\" qos=0 dup=false retain=false bytes=20016"),
        ("sent", "packet=\"PUBLISH\" topic=\"attic/air\""),
        ("received", "packet=\"PINGREQ\""),
        ("sent", "packet=\"PINGRESP\""),
        ("received", "packet=\"DISCONNECT\""),
    ] {
        let is_it = |line: &&&str| line.contains(&format!(" {direction} ")) && line.contains(parts);
        assert_eq!(packets.iter().filter(is_it).count(), 1, "{direction} {parts} in {packets:#?}");
    }
    assert_eq!(packets.len(), 9, "{packets:#?}");
    assert!(!log.contains("xxxx") && !log.contains("executor"), "neither payloads nor the lines of packages");
    broker.finish();
}

fn info_is_quiet_about_clients(engine: Engine) {
    let broker = Plan::new(engine).start();
    Client::connect(&broker, "quiet-one").disconnect();
    assert!(!broker.log().contains("quiet-one"), "{}", broker.log());
    broker.finish();
}

/// For each a sentence with the address and the listener.
fn strangers_are_explained_at_the_default_level(engine: Engine) {
    let broker = Plan::new(engine).start();
    let table: [(_, &[u8], &str); 5] = [
        (broker.tcp(), b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 1883\r\n", "a PROXY protocol header"),
        (broker.tcp(), b"GET /mqtt HTTP/1.1\r\n\r\n", "an HTTP request"),
        (broker.tcp(), b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0", "this listener is tcp://"),
        (broker.tls(), &crate::client::connect_bytes(Version::V311, "plain"), "this listener is tls://"),
        (broker.tcp(), b"SSH-2.0-OpenSSH_9.9\r\n", "no known protocol"),
    ];
    for (port, bytes, told) in table {
        let mut stream = sockets::connect(port);
        let peer = stream.local_addr().expect("it is connected");
        stream.write_all(bytes).expect("the broker reads");
        let line = line(&broker, told);
        let scheme = if port == broker.tls() { "tls" } else { "tcp" };
        holds(&line, &["WARN", &format!("peer={peer}"), &format!("listener=\"{scheme}://127.0.0.1:0\"")]);
    }
    let trusted = Authority::new("somebody else").certificate();
    let refused = shake_hands(&broker, &Terms { trusted, ..Terms::of(&broker) }.config());
    assert!(refused.is_err(), "the certificate is not trusted");
    holds(
        &line(&broker, "TLS failed: the client ended it"),
        &["WARN", "listener=\"tls://127.0.0.1:0\"", "alert unknown_ca: it does not trust"],
    );
    let half = b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03";
    sockets::connect(broker.tls()).write_all(half).expect("the broker reads");
    holds(&line(&broker, "in the middle of the handshake"), &["WARN", "listener=\"tls://127.0.0.1:0\""]);
    broker.finish();
    let slow =
        Plan::new(engine).set("tls.handshake_timeout_ms=100").set("mqtt.connect_timeout_ms=100").start();
    let mut stream = sockets::connect(slow.tls());
    stream.write_all(half).expect("the broker reads");
    holds(&line(&slow, "not done in time"), &["WARN", "tls.handshake_timeout_ms"]);
    slow.finish();
}

fn ignored_credentials_are_told_once(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    for n in 0..12 {
        let connect = Connect {
            is_bridge: false,
            version: Version::V5,
            clean_start: true,
            keep_alive_s: 0,
            properties: Properties::EMPTY,
            client_id: &format!("named-{n}"),
            will: None,
            user_name: Some("joe"),
            password: Some(b"secret"),
        };
        let mut client = Client::new(sockets::connect(broker.tcp()), Version::V5);
        client.send(&Packet::Connect(connect));
        client.next();
        client.disconnect();
    }
    let told = line(&broker, "does not check them");
    holds(&told, &["WARN", "a user name or a password"]);
    let log = broker.log();
    assert_eq!(log.matches("does not check them").count(), 1, "{log}");
    assert!(!log.contains("secret"), "{log}");
    broker.finish();
}

/// Whatever stands in the way of a start, each line of the log is one JSON object.
#[test]
fn json_is_one_object_a_line_also_for_errors() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let taken = format!("tcp://{}", held.local_addr().expect("it is bound"));
    let table: [&[&str]; 4] = [
        &["--listen", &taken],
        &["--listen", "tls://127.0.0.1:0", "--tls-cert", "missing.pem", "--tls-key", "missing.key"],
        &["--set", "mqtt.max_qos=7"],
        &["--listen", "tcp://127.0.0.1:0", "--set", "limits.sessions_max=1"],
    ];
    for arguments in table {
        let mut command = Command::new(binary());
        command.args(["--set", "log.format=json"]).args(arguments);
        let mut broker = Broker::spawn(command, Scratch::new());
        let status = broker.wait(STOP_LIMIT).unwrap_or_else(|| panic!("it cannot run\n{}", broker.log()));
        assert!(!status.success());
        // Reads on to the end of the log.
        assert_eq!(broker.wait_for_line("no such line", SOON), None);
        let log = broker.log();
        let objects: Vec<serde_json::Value> = log.lines().map(object).collect();
        let last = objects.last().expect("it says why");
        assert_eq!(last["level"], "ERROR", "{log}");
    }
}

#[test]
fn json_lines_carry_fields() {
    let broker = Plan::new(Engine::Epoll).set("log.format=json").spawn(&["tls://127.0.0.1:0"]);
    line(&broker, "\"ready\"");
    let log = broker.log();
    let fields: Vec<serde_json::Value> = log.lines().map(|line| object(line)["fields"].clone()).collect();
    for (message, field) in [
        ("starting", "pid"),
        ("starting", "data_dir"),
        ("starting", "version"),
        ("listening", "url"),
        ("server certificate", "sha256"),
        ("server certificate", "ca_file"),
        ("ready", "engine"),
    ] {
        let has = |fields: &serde_json::Value| fields["message"] == message && !fields[field].is_null();
        assert!(fields.iter().any(has), "{message} with {field} in {log}");
    }
    assert!(
        fields.iter().any(|fields| fields["engine"] == "epoll"),
        "as log and configuration spell it: {log}"
    );
    broker.finish();
}

#[track_caller]
fn object(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

fn spoken(plan: Plan, listen: &str) -> String {
    let broker = plan.spawn(&[listen]);
    line(&broker, " ready ");
    let log = broker.log();
    broker.finish();
    log
}

#[test]
fn a_listener_that_others_reach_is_warned_of() {
    let own = || Plan::new(Engine::Epoll);
    let open = spoken(own(), "tcp://0.0.0.0:0");
    let warning = open.lines().find(|line| line.contains("may connect as anybody")).unwrap_or_default();
    holds(warning, &["WARN", "listeners=\"tcp://0.0.0.0:"]);
    assert!(!spoken(own(), "tcp://127.0.0.1:0").contains("WARN"));
    let scratch = Scratch::new();
    let asks = own().flag("--tls-client-ca", Authority::new("clients").write(&scratch.0));
    assert!(!spoken(asks, "tls://0.0.0.0:0").contains("WARN"), "who comes in has shown a certificate");
}

/// A million connections are a default, not a wish.
#[test]
fn few_descriptors_worry_only_who_asked_for_more() {
    let few = || Plan::new(Engine::Epoll).files_max(500);
    let quiet = spoken(few(), "tcp://127.0.0.1:0");
    assert!(!quiet.contains("WARN"), "{quiet}");
    holds(
        quiet.lines().find(|line| line.contains(" limits ")).unwrap_or_default(),
        &["INFO", "connections=500"],
    );
    let asked = spoken(few().set("limits.connections_max=5000"), "tcp://127.0.0.1:0");
    let warning = asked.lines().find(|line| line.contains("WARN")).unwrap_or_default();
    holds(warning, &["limits.connections_max is 5000", "500", "LimitNOFILE"]);
}

/// Whoever reads a log of last week must know what ran.
#[test]
fn the_first_lines_say_what_runs_with_which_files() {
    let log = spoken(Plan::new(Engine::Epoll), "tcp://127.0.0.1:0");
    let first = log.lines().next().expect("it says something");
    holds(
        first,
        &[" starting ", concat!("version=\"", env!("CARGO_PKG_VERSION")), "pid=", "config=", "data_dir=/"],
    );
}
